/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "mime/downgrade.h"

#define MULTIPART(body) \
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n" body

static const struct {
    const gchar *what, *message;
    DowngradeResult result;
    const gchar *converted; /* NULL: as it was */
} rows[] = {
    {"7 bits", "Subject: a\r\n\r\nbody\r\n", DOWNGRADE_OK, NULL},
    {"8-bit text without MIME", "Subject: a\r\n\r\nk\xc3\xa4se is=1 \r\n", DOWNGRADE_OK,
     "Subject: a\r\nMIME-Version: 1.0\r\n"
     "Content-Type: text/plain; charset=unknown-8bit\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\nk=C3=A4se is=3D1=20\r\n"},
    {"8-bit text with MIME",
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
     "Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa4\r\n",
     DOWNGRADE_OK,
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n"},
    {"other types in base64",
     "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n\r\n\xff\xfe\xfd\r\n",
     DOWNGRADE_OK,
     "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
     "Content-Transfer-Encoding: base64\r\n\r\n//79DQo=\r\n"},
    {"a bare LF is kept in base64", "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\na\nb",
     DOWNGRADE_OK,
     "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
     "Content-Transfer-Encoding: base64\r\n\r\nYQpi\r\n"},
    {"only the part that needs it",
     MULTIPART("--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/plain\r\n\r\n\xc3\xa4\r\n--b--\r\n"),
     DOWNGRADE_OK,
     MULTIPART("--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/plain\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--b--\r\n")},
    {"no closing delimiter", MULTIPART("--b\r\n\r\n\xc3\xa4\r\n"), DOWNGRADE_BROKEN, NULL},
    {"no delimiter", MULTIPART("\xc3\xa4\r\n"), DOWNGRADE_BROKEN, NULL},
    {"a delimiter that ends in a bare CR", MULTIPART("--b\r\r\n\r\n\xc3\r\n--b--\r\n"),
     DOWNGRADE_BROKEN, NULL},
    {"8-bit preamble", MULTIPART("\xc3\xa4\r\n--b\r\n\r\na\r\n--b--\r\n"), DOWNGRADE_BROKEN,
     NULL},
    {"a longer boundary is another", MULTIPART("--b\r\n\r\n--bc\r\n\xc3\xa4\r\n--b--\r\n"),
     DOWNGRADE_OK,
     MULTIPART("--b\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n--bc\r\n=C3=A4\r\n--b--\r\n")},
    {"signed", "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xa4\r\n--b--\r\n",
     DOWNGRADE_SEALED, NULL},
    {"signed, in 7 bits",
     "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b--\r\n", DOWNGRADE_OK,
     NULL},
    {"encrypted", "Content-Type: Multipart/Encrypted; boundary=b\r\n\r\n\xc3\xa4\r\n",
     DOWNGRADE_SEALED, NULL},
    {"enclosed message",
     "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
     "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n\xc3\xa4\r\n",
     DOWNGRADE_OK,
     "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
     "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n"},
    {"external body", "Content-Type: message/external-body\r\n\r\n\xc3\xa4\r\n", DOWNGRADE_SEALED,
     NULL},
    {"8-bit header", "Subject: \xc3\xa4\r\n\r\na\r\n", DOWNGRADE_HEADER_8BIT, NULL},
    {"a false label", "Content-Transfer-Encoding: base64\r\n\r\n\xc3\xa4\r\n", DOWNGRADE_BROKEN,
     NULL},
    {"a comment in the type",
     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; x=\"a;b\\\"c\"; Boundary=b (c)\r\n\r\n"
     "--b\r\n\r\na\r\n--b--\r\n\xc3",
     DOWNGRADE_BROKEN, NULL},
};

START_TEST(test_rows)
{
    BaridSlice message = barid_slice_from_text(rows[_i].message);
    const gchar *expected = rows[_i].converted != NULL ? rows[_i].converted : rows[_i].message;
    g_auto(Buffer) out = {0};
    DowngradeResult result;

    buffer_init(&out, 1 << 20);
    result = downgrade_message(message, &out);
    ck_assert_msg(result == rows[_i].result, "%s: result %d", rows[_i].what, (int)result);
    if (result == DOWNGRADE_OK)
        ck_assert_msg(barid_slice_equal_text(buffer_get_slice(&out), expected), "%s: %.*s",
                      rows[_i].what, (int)out.len, (const char *)out.data);
}
END_TEST

/* Lines of every length stay within 76 columns, and decode to what they were. */
START_TEST(test_quoted_printable_lines)
{
    for (guint len = 1; len < 200; len++) {
        g_autoptr(GString) message = g_string_new("\r\n");
        g_auto(Buffer) out = {0};
        gsize column = 0;

        for (guint i = 0; i < len; i++)
            g_string_append(message, i % 3 == 0 ? "\xc3" : "x");
        g_string_append(message, "\r\n");
        buffer_init(&out, 1 << 16);
        ck_assert_int_eq(downgrade_message(barid_slice(message->str, message->len), &out),
                         DOWNGRADE_OK);
        for (gsize i = 0; i < out.len; i++) {
            column = out.data[i] == '\n' ? 0 : column + 1;
            ck_assert_msg(column <= 77, "length %u: column %u", len, (guint)column);
        }
        ck_assert(downgrade_is_needless(buffer_get_slice(&out)));
    }
}
END_TEST

START_TEST(test_limits)
{
    g_autoptr(GString) deep = g_string_new(NULL);
    g_auto(Buffer) out = {0};
    g_auto(Buffer) small = {0};

    for (guint i = 0; i < DOWNGRADE_DEPTH_MAX + 1; i++)
        g_string_append(deep, "Content-Type: message/rfc822\r\n\r\n");
    g_string_append(deep, "\r\n\xc3\r\n");
    buffer_init(&out, 1 << 20);
    ck_assert_int_eq(downgrade_message(barid_slice(deep->str, deep->len), &out), DOWNGRADE_BROKEN);
    buffer_init(&small, 20);
    ck_assert_int_eq(downgrade_message(barid_slice_from_text("\r\n\xc3\xc3\xc3\xc3\r\n"), &small),
                     DOWNGRADE_TOO_LARGE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("downgrade");
    TCase *cases = tcase_create("downgrade");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_rows, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_quoted_printable_lines);
    tcase_add_test(cases, test_limits);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
