/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "smtp/reply.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A500 A50 A50 A50 A50 A50 A50 A50 A50 A50 A50

static const struct {
    const gchar *what;
    guint code;
    const gchar *enhanced, *text, *wire;
} append_rows[] = {
    {"plain", 250, "2.0.0", "OK", "250 2.0.0 OK\r\n"},
    {"no enhanced code", 354, NULL, "Go ahead", "354 Go ahead\r\n"},
    {"no text", 250, "2.0.0", "", "250 2.0.0\r\n"},
    {"NULL text", 250, "2.0.0", NULL, "250 2.0.0\r\n"},
    {"no text at all", 334, NULL, "", "334 \r\n"},
    {"two lines", 550, "5.1.1", "a\nb", "550-5.1.1 a\r\n550 5.1.1 b\r\n"},
    {"newline at the end", 550, "5.1.1", "a\n", "550 5.1.1 a\r\n"},
    {"empty line within", 550, "5.1.1", "a\n\nb",
     "550-5.1.1 a\r\n550-5.1.1 \r\n550 5.1.1 b\r\n"},
    {"CRLF within", 550, NULL, "a\r\nb", "550-a\r\n550 b\r\n"},
    {"CR alone", 550, NULL, "a\rb", "550 a?b\r\n"},
    {"8-bit", 550, NULL, "\xc3\xa4", "550 ??\r\n"},
    {"controls", 550, NULL, "a\001\177\tb", "550 a??\tb\r\n"},
    {"full line", 550, NULL, A500 "aaaaaa", "550 " A500 "aaaaaa\r\n"},
    {"a byte too many", 550, NULL, A500 "aaaaaab", "550-" A500 "aaaaaa\r\n550 b\r\n"},
    {"wrapped at a blank", 550, "5.7.1", A500 " bbb", "550-5.7.1 " A500 "\r\n550 5.7.1  bbb\r\n"},
    {"wrapped before a word", 550, NULL, A50 " " A500, "550-" A50 " \r\n550 " A500 "\r\n"},
};

START_TEST(test_append)
{
    g_auto(Buffer) out = {0};

    buffer_init(&out, 4096);
    ck_assert(smtp_reply_append(&out, append_rows[_i].code, append_rows[_i].enhanced,
                                append_rows[_i].text));
    ck_assert_msg(barid_slice_equal_text(buffer_get_slice(&out), append_rows[_i].wire),
                  "%s: %.*s", append_rows[_i].what, (int)out.len, (const char *)out.data);
}
END_TEST

/* Whatever the length, lines keep the limit, parse again and hold the whole text. */
START_TEST(test_wrap_every_length)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint len = 0; len < 2000; len++) {
        g_autoptr(GString) joined = g_string_new(NULL);
        g_auto(Buffer) out = {0};
        SmtpReplyStep step = SMTP_REPLY_MORE;
        gsize start = 0;

        g_string_append_c(text, len % 97 == 96 ? ' ' : 'x');
        buffer_init(&out, 8192);
        ck_assert(smtp_reply_append(&out, 451, "4.3.0", text->str));
        for (gsize i = 1; i < out.len; i++) {
            SmtpReply reply;

            if (out.data[i] != '\n')
                continue;
            ck_assert_int_eq(step, SMTP_REPLY_MORE);
            ck_assert_uint_le(i + 1 - start, SMTP_REPLY_LINE_MAX);
            step = smtp_reply_parse_line(barid_slice(out.data + start, i - 1 - start), &reply);
            ck_assert(step != SMTP_REPLY_BAD && reply.code == 451);
            ck_assert(reply.enhanced_class == 4 && reply.enhanced_subject == 3);
            g_string_append_len(joined, (const gchar *)reply.text.data, (gssize)reply.text.len);
            start = i + 1;
        }
        ck_assert_int_eq(step, SMTP_REPLY_DONE);
        ck_assert_uint_eq(start, out.len);
        ck_assert_str_eq(joined->str, text->str);
    }
}
END_TEST

START_TEST(test_append_lines)
{
    static const gchar *const lines[] = {"mx.example greets", "SIZE 10", "8BITMIME"};
    g_auto(Buffer) out = {0};

    buffer_init(&out, 4096);
    ck_assert(smtp_reply_append_lines(&out, 250, lines, 3));
    ck_assert(barid_slice_equal_text(buffer_get_slice(&out),
                                     "250-mx.example greets\r\n250-SIZE 10\r\n250 8BITMIME\r\n"));
    out.len = 0;
    ck_assert(smtp_reply_append_lines(&out, 250, lines, 1));
    ck_assert(barid_slice_equal_text(buffer_get_slice(&out), "250 mx.example greets\r\n"));
    out.len = 0;
    ck_assert(smtp_reply_append_lines(&out, 250, (const gchar *const[]){A500 A50}, 1));
    ck_assert_uint_eq(out.len, SMTP_REPLY_LINE_MAX);
}
END_TEST

START_TEST(test_no_room)
{
    static const gchar *const lines[] = {"abc", "def"};

    for (gsize limit = 0; limit < 18; limit++) {
        g_auto(Buffer) out = {0};

        buffer_init(&out, limit);
        ck_assert_int_eq(smtp_reply_append(&out, 550, NULL, "abc\ndef"), limit >= 18);
        ck_assert_uint_eq(out.len, 0);
        ck_assert(!smtp_reply_append_lines(&out, 250, lines, 2));
        ck_assert_uint_eq(out.len, 0);
    }
}
END_TEST

static const struct {
    const gchar *line;
    SmtpReplyStep step;
    guint code;
    guint class, subject, detail;
    const gchar *text;
} parse_rows[] = {
    {"250 OK", SMTP_REPLY_DONE, 250, 0, 0, 0, "OK"},
    {"250", SMTP_REPLY_DONE, 250, 0, 0, 0, ""},
    {"250 ", SMTP_REPLY_DONE, 250, 0, 0, 0, ""},
    {"250-SIZE", SMTP_REPLY_MORE, 250, 0, 0, 0, "SIZE"},
    {"250-", SMTP_REPLY_MORE, 250, 0, 0, 0, ""},
    {"250 2.1.5 OK there", SMTP_REPLY_DONE, 250, 2, 1, 5, "OK there"},
    {"250-2.1.5 OK", SMTP_REPLY_MORE, 250, 2, 1, 5, "OK"},
    {"550 5.7.1", SMTP_REPLY_DONE, 550, 5, 7, 1, ""},
    {"451 4.7.500 x", SMTP_REPLY_DONE, 451, 4, 7, 500, "x"},
    {"550 5.999.999 x", SMTP_REPLY_DONE, 550, 5, 999, 999, "x"},
    {"550 5.1.0001 x", SMTP_REPLY_DONE, 550, 0, 0, 0, "5.1.0001 x"},
    {"550 5.01.1 x", SMTP_REPLY_DONE, 550, 0, 0, 0, "5.01.1 x"},
    {"550 5.1.1: x", SMTP_REPLY_DONE, 550, 0, 0, 0, "5.1.1: x"},
    {"550 5.1 x", SMTP_REPLY_DONE, 550, 0, 0, 0, "5.1 x"},
    {"550 4.1.1 x", SMTP_REPLY_DONE, 550, 0, 0, 0, "4.1.1 x"},
    {"354 3.0.0 x", SMTP_REPLY_DONE, 354, 0, 0, 0, "3.0.0 x"},
    {"421 bye", SMTP_REPLY_DONE, 421, 0, 0, 0, "bye"},
    {"599 x", SMTP_REPLY_DONE, 599, 0, 0, 0, "x"},
    {"", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"25", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"2500", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"250OK", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"250\tOK", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"199 x", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"600 x", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"abc", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"2 0 x", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {" 250 x", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
    {"+250 x", SMTP_REPLY_BAD, 0, 0, 0, 0, NULL},
};

START_TEST(test_parse)
{
    SmtpReply reply = {.code = 7};
    SmtpReplyStep step =
        smtp_reply_parse_line(barid_slice_from_text(parse_rows[_i].line), &reply);

    ck_assert_msg(step == parse_rows[_i].step, "%s", parse_rows[_i].line);
    if (step == SMTP_REPLY_BAD) {
        ck_assert_uint_eq(reply.code, 7);
        return;
    }
    ck_assert_uint_eq(reply.code, parse_rows[_i].code);
    ck_assert_msg(reply.enhanced_class == parse_rows[_i].class &&
                      reply.enhanced_subject == parse_rows[_i].subject &&
                      reply.enhanced_detail == parse_rows[_i].detail,
                  "%s", parse_rows[_i].line);
    ck_assert_msg(barid_slice_equal_text(reply.text, parse_rows[_i].text), "%s",
                  parse_rows[_i].line);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("reply");
    TCase *cases = tcase_create("reply");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_append, 0, G_N_ELEMENTS(append_rows));
    tcase_add_test(cases, test_wrap_every_length);
    tcase_add_test(cases, test_append_lines);
    tcase_add_test(cases, test_no_room);
    tcase_add_loop_test(cases, test_parse, 0, G_N_ELEMENTS(parse_rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
