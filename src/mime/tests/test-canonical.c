/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "mime/canonical.h"

#define LINE(text) {(const guint8 *)(text), sizeof(text) - 1}

static void
collect(BaridSlice piece, gpointer data)
{
    g_string_append_len(data, (const gchar *)piece.data, (gssize)piece.len);
}

/* --- fields --- */

static const struct {
    const gchar *what;
    const gchar *field;
    const gchar *simple, *relaxed;
} fields[] = {
    /* RFC 6376 section 3.4.5. */
    {"example, first field", "A: X\r\n", "A: X\r\n", "a:X\r\n"},
    {"example, second field", "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
    {"no blank behind the colon", "Subject:x\r\n", "Subject:x\r\n", "subject:x\r\n"},
    {"empty value", "X:\r\n", "X:\r\n", "x:\r\n"},
    {"blanks only", "X: \t \r\n", "X: \t \r\n", "x:\r\n"},
    {"folded at once", "X:\r\n a\r\n", "X:\r\n a\r\n", "x:a\r\n"},
    {"fold without content", "X: a\r\n \r\n b\r\n", "X: a\r\n \r\n b\r\n", "x:a b\r\n"},
    {"colon in the value", "X: a : b\r\n", "X: a : b\r\n", "x:a : b\r\n"},
    {"bytes that are no ASCII", "X: \xc3\xa4 \xff\r\n",
     "X: \xc3\xa4 \xff\r\n", "x:\xc3\xa4 \xff\r\n"},
    {"no line end", "X: a", "X: a\r\n", "x:a\r\n"},
    {"CR alone", "X: a\rb\r\n", "X: a\rb\r\n", "x:a\rb\r\n"},
};

static HeaderField
read_field(BaridSlice text)
{
    HeaderField field;
    HeaderIter iter;

    header_iter_init(&iter, text);
    ck_assert_int_eq(header_iter_next(&iter, &field), HEADER_FIELD);
    return field;
}

START_TEST(test_field)
{
    g_autoptr(GString) simple = g_string_new(NULL);
    g_autoptr(GString) relaxed = g_string_new(NULL);
    HeaderField field = read_field(barid_slice_from_text(fields[_i].field));

    canonical_field(BARID_CANONICAL_SIMPLE, &field, collect, simple);
    canonical_field(BARID_CANONICAL_RELAXED, &field, collect, relaxed);
    ck_assert_msg(strcmp(simple->str, fields[_i].simple) == 0, "%s", fields[_i].what);
    ck_assert_msg(strcmp(relaxed->str, fields[_i].relaxed) == 0, "%s", fields[_i].what);
}
END_TEST

START_TEST(test_long_field)
{
    g_autofree gchar *words = g_strnfill(5000, 'x');
    g_autofree gchar *text = g_strdup_printf("Long:  %s\t%s \r\n", words, words);
    g_autofree gchar *wanted = g_strdup_printf("long:%s %s\r\n", words, words);
    g_autoptr(GString) relaxed = g_string_new(NULL);
    HeaderField field = read_field(barid_slice_from_text(text));

    canonical_field(BARID_CANONICAL_RELAXED, &field, collect, relaxed);
    ck_assert_str_eq(relaxed->str, wanted);
}
END_TEST

/* The signature's own field has no line end and a hole where the signature stands. */
START_TEST(test_signature_field)
{
    static const gchar text[] = "DKIM-Signature: v=1; b= ab\r\n cd ; bh=x\r\n";
    HeaderField field = read_field(barid_slice_from_text(text));
    BaridSlice hole = barid_slice(strstr(text, " ab"), strlen(" ab\r\n cd "));
    g_autoptr(GString) simple = g_string_new(NULL);
    g_autoptr(GString) relaxed = g_string_new(NULL);

    canonical_signature_field(BARID_CANONICAL_SIMPLE, &field, hole, collect, simple);
    canonical_signature_field(BARID_CANONICAL_RELAXED, &field, hole, collect, relaxed);
    ck_assert_str_eq(simple->str, "DKIM-Signature: v=1; b=; bh=x");
    ck_assert_str_eq(relaxed->str, "dkim-signature:v=1; b=; bh=x");
}
END_TEST

/* --- bodies --- */

static const struct {
    const gchar *what;
    BaridSlice body;
    const gchar *simple, *relaxed;
} bodies[] = {
    /* RFC 6376 section 3.4.5. */
    {"example", LINE(" C \r\nD \t E\r\n\r\n\r\n"), " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
    {"nothing", LINE(""), "\r\n", ""},
    {"a line end", LINE("\r\n"), "\r\n", ""},
    {"line ends", LINE("\r\n\r\n\r\n"), "\r\n", ""},
    {"blank lines", LINE(" \r\n\t\r\n"), " \r\n\t\r\n", ""},
    {"no line end", LINE("a"), "a\r\n", "a\r\n"},
    {"blanks without a line end", LINE("a \t"), "a \t\r\n", "a\r\n"},
    {"blank lines inside", LINE("a\r\n\r\n \r\nb\r\n"),
     "a\r\n\r\n \r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
    {"blank lines in front", LINE("\r\n\r\na\r\n"), "\r\n\r\na\r\n", "\r\n\r\na\r\n"},
    {"blanks in front", LINE("  \t a\r\n"), "  \t a\r\n", " a\r\n"},
    {"CR alone", LINE("a\rb\r\n"), "a\rb\r\n", "a\rb\r\n"},
    {"CR in front of a line end", LINE("a\r\r\n"), "a\r\r\n", "a\r\r\n"},
    {"CR at the end", LINE("a\r\n\r"), "a\r\n\r\r\n", "a\r\n\r\r\n"},
    {"LF alone", LINE("a\nb\n"), "a\nb\n\r\n", "a\nb\n\r\n"},
    {"blank in front of a CR", LINE("a \rb\r\n"), "a \rb\r\n", "a \rb\r\n"},
    {"NUL and 8-bit", LINE("\xff\xfe  x\r\n"), "\xff\xfe  x\r\n", "\xff\xfe x\r\n"},
};

static void
check_body(BaridCanonicalForm form, BaridSlice body, gsize step, const gchar *wanted,
           const gchar *what)
{
    g_autoptr(GString) out = g_string_new(NULL);
    CanonicalBody canonical;

    canonical_body_init(&canonical, form, G_MAXUINT64, collect, out);
    for (gsize pos = 0; pos < body.len; pos += step)
        canonical_body_feed(&canonical,
                            barid_slice(body.data + pos, MIN(step, body.len - pos)));
    canonical_body_feed(&canonical, BARID_SLICE_EMPTY);
    canonical_body_end(&canonical);
    ck_assert_msg(out->len == strlen(wanted) && memcmp(out->str, wanted, out->len) == 0,
                  "%s in pieces of %u: \"%s\"", what, (guint)step, out->str);
    ck_assert_uint_eq(canonical.n_bytes, out->len);
}

START_TEST(test_body)
{
    for (gsize step = 1; step <= MAX(bodies[_i].body.len, 1); step++) {
        check_body(BARID_CANONICAL_SIMPLE, bodies[_i].body, step, bodies[_i].simple,
                   bodies[_i].what);
        check_body(BARID_CANONICAL_RELAXED, bodies[_i].body, step, bodies[_i].relaxed,
                   bodies[_i].what);
    }
}
END_TEST

/* Bodies longer than what is gathered, in pieces of all kinds, come out as in one piece. */
START_TEST(test_long_body)
{
    static const gsize steps[] = {1, 7, 1023, 1024, 1025, 4096, 1000000};
    g_autoptr(GString) body = g_string_new(NULL);
    g_autoptr(GString) relaxed = g_string_new(NULL);

    for (guint i = 0; i < 3000; i++) {
        g_string_append_printf(body, "%u  line\t\t%0*u \r\n", i, (gint)(i % 90 + 1), i);
        g_string_append_printf(relaxed, "%u line %0*u\r\n", i, (gint)(i % 90 + 1), i);
    }
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        BaridSlice slice = barid_slice(body->str, body->len);

        check_body(BARID_CANONICAL_SIMPLE, slice, steps[i], body->str, "long");
        check_body(BARID_CANONICAL_RELAXED, slice, steps[i], relaxed->str, "long");
    }
}
END_TEST

START_TEST(test_limit)
{
    for (guint64 limit = 0; limit < 8; limit++) {
        g_autoptr(GString) out = g_string_new(NULL);
        CanonicalBody canonical;

        canonical_body_init(&canonical, BARID_CANONICAL_SIMPLE, limit, collect, out);
        canonical_body_feed(&canonical, BARID_SLICE_LITERAL("ab"));
        canonical_body_feed(&canonical, BARID_SLICE_LITERAL("cd\r\n\r\n"));
        canonical_body_end(&canonical);
        ck_assert_uint_eq(canonical.n_bytes, 6);
        ck_assert_uint_eq(out->len, MIN(limit, 6));
        ck_assert(memcmp(out->str, "abcd\r\n", out->len) == 0);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("canonical");
    TCase *cases = tcase_create("canonical");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_field, 0, G_N_ELEMENTS(fields));
    tcase_add_test(cases, test_long_field);
    tcase_add_test(cases, test_signature_field);
    tcase_add_loop_test(cases, test_body, 0, G_N_ELEMENTS(bodies));
    tcase_add_test(cases, test_long_body);
    tcase_add_test(cases, test_limit);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
