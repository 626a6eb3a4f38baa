/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include <barid/session.h>

#include "mime/header-splitter.h"

#define LINE(text) {(const guint8 *)(text), sizeof(text) - 1}

/* (fields) lists "name=value;" of each field found. */
static const struct {
    const gchar *what;
    BaridSlice message;
    const gchar *fields;
    HeaderStep last;
    gsize body;
} rows[] = {
    {"nothing", LINE(""), "", HEADER_END, 0},
    {"empty line only", LINE("\r\n"), "", HEADER_END, 2},
    {"body only", LINE("\r\nbody: x\r\n"), "", HEADER_END, 2},
    {"one field", LINE("A: b\r\n\r\nbody"), "A= b;", HEADER_END, 8},
    {"two fields", LINE("A: b\r\nC:d\r\n\r\n"), "A= b;C=d;", HEADER_END, 13},
    {"folded", LINE("A: b\r\n c\r\n\td\r\nE: f\r\n\r\n"), "A= b\r\n c\r\n\td;E= f;", HEADER_END,
     22},
    {"folded with a blank line", LINE("A: b\r\n \r\nC: d\r\n\r\n"), "A= b\r\n ;C= d;", HEADER_END,
     17},
    {"empty value", LINE("A:\r\nB: \r\n\r\n"), "A=;B= ;", HEADER_END, 11},
    {"no body", LINE("A: b\r\n"), "A= b;", HEADER_END, 6},
    {"no line end", LINE("A: b"), "A= b;", HEADER_END, 4},
    {"no line end in a fold", LINE("A: b\r\n c"), "A= b\r\n c;", HEADER_END, 8},
    {"ends in CR", LINE("A: b\r"), "A= b\r;", HEADER_END, 5},
    {"blank before the colon", LINE("A : b\r\n\r\n"), "A= b;", HEADER_END, 9},
    {"colon in the value", LINE("A: b:c\r\n\r\n"), "A= b:c;", HEADER_END, 10},
    {"LF line ends", LINE("A: b\n c\nD: e\n\nbody"), "A= b\n c;D= e;", HEADER_END, 14},
    {"no colon", LINE("A: b\r\nno field\r\n\r\n"), "A= b;", HEADER_BAD, 6},
    {"mbox line first", LINE("From a@b Mon\r\nA: b\r\n"), "", HEADER_BAD, 0},
    {"fold first", LINE(" a: b\r\n"), "", HEADER_BAD, 0},
    {"no name", LINE(": b\r\n"), "", HEADER_BAD, 0},
    {"8-bit name", LINE("\xc3\xa4: b\r\n"), "", HEADER_BAD, 0},
    {"NUL in the name", LINE("A\0: b\r\n"), "", HEADER_BAD, 0},
    {"CR alone", LINE("A: b\r\n\rC: d\r\n"), "A= b;", HEADER_BAD, 6},
    {"name broken by a line end", LINE("A\r\n: b\r\n"), "", HEADER_BAD, 0},
    {"8-bit value", LINE("A: \xc3\xa4\xff\r\n\r\n"), "A= \xc3\xa4\xff;", HEADER_END, 10},
};

/* --- pieces --- */

static void
put_field(const HeaderField *field, gpointer data)
{
    g_string_append_len(data, (const gchar *)field->name.data, (gssize)field->name.len);
    g_string_append_c(data, '=');
    g_string_append_len(data, (const gchar *)field->value.data, (gssize)field->value.len);
    g_string_append_c(data, '<');
    g_string_append_len(data, (const gchar *)field->whole.data, (gssize)field->whole.len);
    g_string_append_c(data, '>');
}

/* Blocks of the body may be of any size: what counts is what they are together. */
static void
put_body(BaridSlice block, gpointer data)
{
    GString *found = data;

    ck_assert_uint_gt(block.len, 0);
    if (strstr(found->str, "|body ") == NULL)
        g_string_append(found, "|body ");
    g_string_append_len(found, (const gchar *)block.data, (gssize)block.len);
}

static GString *
describe_whole(BaridSlice message)
{
    GString *found = g_string_new(NULL);
    HeaderIter iter;
    HeaderField field;
    gsize pos;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        put_field(&field, found);
    pos = header_iter_get_body_offset(&iter);
    if (pos < message.len)
        put_body(barid_slice(message.data + pos, message.len - pos), found);
    return found;
}

/* In pieces of (size), the first of them of (first). */
static GString *
describe_pieces(BaridSlice message, gsize first, gsize size)
{
    GString *found = g_string_new(NULL);
    HeaderSplitterSink sink = {put_field, put_body, found};
    g_auto(HeaderSplitter) splitter = {0};
    gsize pos = 0;

    header_splitter_init(&splitter, &sink);
    for (gsize len = MIN(first, message.len); pos < message.len;
         len = MIN(size, message.len - pos)) {
        /* A copy of its own: a read past the end is found. */
        g_autofree guint8 *copy = g_memdup2(message.data + pos, len);

        header_splitter_feed(&splitter, barid_slice(copy, len));
        pos += len;
    }
    header_splitter_finish(&splitter);
    return found;
}

static void
check_pieces(BaridSlice message, gsize first, gsize size)
{
    g_autoptr(GString) whole = describe_whole(message);
    g_autoptr(GString) pieces = describe_pieces(message, first, size);

    ck_assert_msg(g_string_equal(whole, pieces), "cut at %zu, by %zu:\n%.300s\nnot\n%.300s",
                  first, size, pieces->str, whole->str);
}

START_TEST(test_pieces)
{
    BaridSlice message = rows[_i].message;

    for (gsize first = 1; first <= message.len; first++) {
        for (gsize size = 1; size < 4; size++)
            check_pieces(message, first, size);
        check_pieces(message, first, message.len);
    }
}
END_TEST

/* A header that ends about where the limit is, byte by byte and in large pieces. */
START_TEST(test_pieces_at_the_limit)
{
    for (gint more = -3; more <= 3; more++) {
        g_autoptr(GString) text = g_string_new("A: b\r\nC: ");
        BaridSlice message;

        while (text->len + 4 < (gsize)(HEADER_BYTES_MAX + more) - 80)
            g_string_append(text, "a fold\r\n ");
        while (text->len + 4 < (gsize)(HEADER_BYTES_MAX + more))
            g_string_append_c(text, 'x');
        g_string_append(text, "\r\n\r\nbody");
        message = barid_slice(text->str, text->len);
        check_pieces(message, 5, 1);
        check_pieces(message, 5, 4096);
        check_pieces(message, HEADER_BYTES_MAX, 1);
        check_pieces(message, message.len, 1);
    }
}
END_TEST

START_TEST(test_iter)
{
    g_autoptr(GString) found = g_string_new(NULL);
    BaridSlice message = rows[_i].message;
    HeaderIter iter;
    HeaderField field;
    HeaderStep step;
    gsize pos = 0;

    header_iter_init(&iter, message);
    while ((step = header_iter_next(&iter, &field)) == HEADER_FIELD) {
        g_string_append_len(found, (const gchar *)field.name.data, (gssize)field.name.len);
        g_string_append_c(found, '=');
        g_string_append_len(found, (const gchar *)field.value.data, (gssize)field.value.len);
        g_string_append_c(found, ';');
        /* Fields leave no gap. */
        ck_assert(field.whole.data == message.data + pos);
        pos += field.whole.len;
    }
    ck_assert_msg(step == rows[_i].last, "%s: step %u", rows[_i].what, step);
    ck_assert_msg(strcmp(found->str, rows[_i].fields) == 0, "%s: %s", rows[_i].what, found->str);
    ck_assert_msg(header_iter_get_body_offset(&iter) == rows[_i].body, "%s: body at %zu",
                  rows[_i].what, (size_t)header_iter_get_body_offset(&iter));
    ck_assert_uint_eq(header_get_length(message), rows[_i].body);
    /* Asking again gives the same answer. */
    ck_assert(header_iter_next(&iter, &field) == rows[_i].last);
    ck_assert_uint_eq(header_iter_get_body_offset(&iter), rows[_i].body);
}
END_TEST

START_TEST(test_find)
{
    BaridSlice message = BARID_SLICE_LITERAL("Received: 1\r\nSubject: x\r\nRECEIVED: 2\r\n"
                                             "Receive: 3\r\nreceived: 4\r\n\r\nReceived: 5\r\n");
    HeaderField field;

    ck_assert_uint_eq(header_count(message, "received"), 3);
    ck_assert_uint_eq(header_count(message, "Receive"), 1);
    ck_assert_uint_eq(header_count(message, "To"), 0);
    ck_assert(header_find(message, "Received", 0, &field));
    ck_assert(barid_slice_equal_text(field.value, " 1"));
    ck_assert(header_find(message, "Received", 2, &field));
    ck_assert(barid_slice_equal_text(field.value, " 4"));
    ck_assert(barid_slice_equal_text(field.whole, "received: 4\r\n"));
    ck_assert(!header_find(message, "Received", 3, &field));
}
END_TEST

START_TEST(test_next_field)
{
    static const gchar text[] = "A: 1\r\nB: 2\r\n a: no\r\na:3\r\n 4\r\nAB: 5\r\nA:\r\n\r\n"
                                "A: body\r\n";
    static const gchar *const expected[] = {" 1", "3\r\n 4", ""};
    BaridSlice rest = barid_slice_from_text(text);
    BaridSlice value;

    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        ck_assert(barid_header_next_field(&rest, "A", &value));
        ck_assert(barid_slice_equal_text(value, expected[i]));
    }
    ck_assert(!barid_header_next_field(&rest, "A", &value));
    ck_assert(!barid_header_next_field(&rest, "A", &value));
    ck_assert_uint_eq(rest.len, 0);
}
END_TEST

START_TEST(test_limits)
{
    g_autoptr(GString) text = g_string_new(NULL);
    BaridSlice message;

    for (guint i = 0; i < HEADER_FIELDS_MAX + 5; i++)
        g_string_append(text, "A:\r\n");
    message = barid_slice(text->str, text->len);
    ck_assert_uint_eq(header_count(message, "A"), HEADER_FIELDS_MAX);
    ck_assert_uint_eq(header_get_length(message), 4 * HEADER_FIELDS_MAX);

    g_string_set_size(text, HEADER_NAME_MAX);
    memset(text->str, 'n', text->len);
    g_string_append(text, ": x\r\n");
    ck_assert_uint_eq(header_get_length(barid_slice(text->str, text->len)), text->len);
    g_string_prepend_c(text, 'n');
    ck_assert_uint_eq(header_get_length(barid_slice(text->str, text->len)), 0);
}
END_TEST

static const struct {
    const gchar *value, *unfolded;
} unfold_rows[] = {
    {" a", "a"},
    {" a\r\n b", "a b"},
    {" a\r\n\tb ", "a\tb"},
    {" a\r\n   b\r\n c", "a   b c"},
    {"", ""},
    {" \r\n ", ""},
    {"a\n b", "a b"},
    {"a\rb", "ab"},
};

START_TEST(test_unfold)
{
    g_autoptr(Arena) arena = arena_new(64);
    BaridSlice result =
        header_dup_unfolded(barid_slice_from_text(unfold_rows[_i].value), arena);

    ck_assert_msg(barid_slice_equal_text(result, unfold_rows[_i].unfolded), "'%.*s'",
                  (int)result.len, (const char *)result.data);
}
END_TEST

#define W10 "wwwwwwwww "
#define W70 W10 W10 W10 W10 W10 W10 W10

static const struct {
    const gchar *what, *name, *value, *field; /* field NULL: refused */
} append_rows[] = {
    {"plain", "A", "b", "A: b\r\n"},
    {"trimmed", "A", "  b\t", "A: b\r\n"},
    {"empty", "A", "", "A:\r\n"},
    {"blank", "A", "  ", "A:\r\n"},
    {"UTF-8", "A", "\xc3\xa4", "A: \xc3\xa4\r\n"},
    {"78 columns", "A", W70 "xxxxx", "A: " W70 "xxxxx\r\n"},
    {"79 columns", "A", W70 "xxxxxx", "A: wwwwwwwww wwwwwwwww wwwwwwwww wwwwwwwww wwwwwwwww "
     "wwwwwwwww wwwwwwwww\r\n xxxxxx\r\n"},
    {"two blanks kept at the fold", "A", W70 " xxxxxx", "A: wwwwwwwww wwwwwwwww wwwwwwwww "
     "wwwwwwwww wwwwwwwww wwwwwwwww wwwwwwwww\r\n  xxxxxx\r\n"},
    {"CR", "A", "b\rc", NULL},
    {"LF", "A", "b\nc: d", NULL},
    {"CRLF and blank", "A", "b\r\n c", NULL},
    {"bad UTF-8", "A", "\xff", NULL},
    {"bad name", "A b", "c", NULL},
    {"name with colon", "A:", "c", NULL},
    {"no name", "", "c", NULL},
    {"8-bit name", "\xc3\xa4", "c", NULL},
};

START_TEST(test_append)
{
    g_auto(Buffer) out = {0};
    gboolean ok;

    buffer_init(&out, 4096);
    buffer_append_text(&out, "X: y\r\n");
    ok = header_append(&out, append_rows[_i].name, barid_slice_from_text(append_rows[_i].value));
    ck_assert_msg(ok == (append_rows[_i].field != NULL), "%s", append_rows[_i].what);
    if (!ok)
        ck_assert_uint_eq(out.len, 6);
    else
        ck_assert_msg(barid_slice_equal_text(barid_slice(out.data + 6, out.len - 6),
                                             append_rows[_i].field),
                      "%s: '%.*s'", append_rows[_i].what, (int)out.len - 6, out.data + 6);
}
END_TEST

/* Words of (len) bytes, six of them. */
static gchar *
make_words(gsize len)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < 6; i++) {
        for (gsize j = 0; j < len; j++)
            g_string_append_c(text, (gchar)('a' + i));
        g_string_append_c(text, ' ');
    }
    return g_string_free(text, FALSE);
}

START_TEST(test_append_long_words)
{
    g_autoptr(Arena) arena = arena_new(64);

    for (gsize len = 1; len <= 1000; len++) {
        g_autofree gchar *words = make_words(len);
        g_auto(Buffer) out = {0};
        HeaderField field;

        buffer_init(&out, 16384);
        ck_assert_int_eq(header_append(&out, "Name", barid_slice_from_text(words)), len <= 997);
        if (len > 997)
            continue;
        ck_assert(header_find(buffer_get_slice(&out), "name", 0, &field));
        ck_assert_uint_eq(field.whole.len, out.len);
        g_strchomp(words);
        ck_assert(barid_slice_equal_text(header_dup_unfolded(field.value, arena), words));
        for (gsize i = 0, start = 0; i < out.len; i++) {
            if (out.data[i] != '\n')
                continue;
            ck_assert_uint_le(i - 1 - start, MAX(998, (gsize)78));
            start = i + 1;
        }
    }
}
END_TEST

START_TEST(test_append_no_room)
{
    for (gsize limit = 0; limit < 11; limit++) {
        g_auto(Buffer) out = {0};

        buffer_init(&out, limit);
        ck_assert(!header_append(&out, "Name", BARID_SLICE_LITERAL("value")));
        ck_assert_uint_eq(out.len, 0);
    }
}
END_TEST

START_TEST(test_valid)
{
    ck_assert(header_name_is_valid(BARID_SLICE_LITERAL("X-!~")));
    ck_assert(!header_name_is_valid(BARID_SLICE_LITERAL("X Y")));
    ck_assert(!header_name_is_valid(BARID_SLICE_LITERAL("X\x7f")));
    ck_assert(header_value_is_valid(BARID_SLICE_LITERAL("")));
    ck_assert(header_value_is_valid(BARID_SLICE_LITERAL("a\tb")));
    ck_assert(!header_value_is_valid(BARID_SLICE_LITERAL("a\0b")));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("header");
    TCase *cases = tcase_create("header");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_iter, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(cases, test_pieces, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_pieces_at_the_limit);
    tcase_add_test(cases, test_find);
    tcase_add_test(cases, test_next_field);
    tcase_add_test(cases, test_limits);
    tcase_add_loop_test(cases, test_unfold, 0, G_N_ELEMENTS(unfold_rows));
    tcase_add_loop_test(cases, test_append, 0, G_N_ELEMENTS(append_rows));
    tcase_add_test(cases, test_append_long_words);
    tcase_add_test(cases, test_append_no_room);
    tcase_add_test(cases, test_valid);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
