/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "mime/mail-date.h"

enum { BAD = -1 };

static const struct {
    const gchar *text;
    gint64 seconds; /* BAD: no date */
} parse_rows[] = {
    {"Thu, 01 Jan 1970 00:00:00 +0000", 0},
    {"Thu, 1 Jan 1970 00:00:00 +0000", 0},
    {"1 Jan 1970 00:00 +0000", 0},
    {"1 Jan 1970 00:00:00 GMT", 0},
    {"1 Jan 1970 00:00:00 UT", 0},
    {"1 Jan 1970 00:00:00 Z", 0},
    {"1 Jan 1970 00:00:00 A", 0},
    {"1 Jan 1970 00:00:00 XYZ", 0},
    {"1 Jan 1970 01:00:00 +0100", 0},
    {"31 Dec 1969 19:00:00 EST", 0},
    {"31 Dec 1969 19:00:00 -0500", 0},
    {"31 Dec 1969 16:00:00 pst", 0},
    {"31 Dec 1969 17:00:00 PDT", 0},
    {"Mon, 23 Nov 2026 18:06:38 +0000", 1795457198},
    {"mon, 23 nov 2026 18:06:38 +0000", 1795457198},
    {"Fri, 21 Nov 1997 09:55:06 -0600", 880127706},
    {"21 Nov 97 09:55:06 GMT", 880106106},
    {"21 Nov 097 09:55:06 GMT", 880106106},
    {"1 Jan 49 00:00:00 GMT", 2493072000},
    {"1 Jan 50 00:00:00 GMT", -631152000},
    {"29 Feb 2000 12:00:00 +0000", 951825600},
    {"29 Feb 2024 12:00:00 +0000", 1709208000},
    {"31 Dec 2016 23:59:60 +0000", 1483228800},
    {"Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)", -27723480},
    {"Thu(day) , 13 (x(y)\\)z) Feb\r\n 1969 23 : 32 : 00 -0330", -27723480},
    {"Fri, 21 Nov 1997 09:55:06 -0600 ", 880127706},
    {"1 Jan 9999 00:00:00 +0000", 253370764800},
    {"", BAD},
    {"today", BAD},
    {"Mon, 23 Nov 2026", BAD},
    {"Mon, 23 Nov 2026 18:06:38", BAD},
    {"Mon 23 Nov 2026 18:06:38 +0000", BAD},
    {"Foo, 23 Nov 2026 18:06:38 +0000", BAD},
    {"0 Nov 2026 18:06:38 +0000", BAD},
    {"31 Nov 2026 18:06:38 +0000", BAD},
    {"29 Feb 2026 18:06:38 +0000", BAD},
    {"29 Feb 1900 18:06:38 +0000", BAD},
    {"23 Now 2026 18:06:38 +0000", BAD},
    {"23 Nov 1899 18:06:38 +0000", BAD},
    {"23 Nov 20266 18:06:38 +0000", BAD},
    {"23 Nov 2026 24:00:00 +0000", BAD},
    {"23 Nov 2026 18:60:38 +0000", BAD},
    {"23 Nov 2026 18:06:61 +0000", BAD},
    {"23 Nov 2026 18:6:38 +0000", BAD},
    {"23 Nov 2026 18:06:38 +000", BAD},
    {"23 Nov 2026 18:06:38 +00000", BAD},
    {"23 Nov 2026 18:06:38 +0060", BAD},
    {"23 Nov 2026 18:06:38 +0000 x", BAD},
    {"23 Nov 2026 18:06:38 +0000 (x", BAD},
    {"23 Nov 2026 18:06:38 +0000 (((((((((((((((((x)))))))))))))))))", BAD},
    {"-3 Nov 2026 18:06:38 +0000", BAD},
};

START_TEST(test_parse)
{
    BaridSlice text = barid_slice_from_text(parse_rows[_i].text);
    gint64 wall_ms = 17;
    gboolean ok = mail_date_parse(text, &wall_ms);

    ck_assert_msg(ok == (parse_rows[_i].seconds != BAD), "%s", parse_rows[_i].text);
    if (ok)
        ck_assert_msg(wall_ms == parse_rows[_i].seconds * 1000, "%s: %" G_GINT64_FORMAT,
                      parse_rows[_i].text, wall_ms / 1000);
    else
        ck_assert_int_eq(wall_ms, 17);
}
END_TEST

START_TEST(test_format)
{
    gchar text[MAIL_DATE_TEXT_MAX];

    ck_assert_str_eq(mail_date_format(0, text), "Thu, 1 Jan 1970 00:00:00 +0000");
    ck_assert_str_eq(mail_date_format(1795457198999, text), "Mon, 23 Nov 2026 18:06:38 +0000");
    ck_assert_str_eq(mail_date_format(951782400000, text), "Tue, 29 Feb 2000 00:00:00 +0000");
    ck_assert_str_eq(mail_date_format(-1, text), "Wed, 31 Dec 1969 23:59:59 +0000");
    ck_assert_str_eq(mail_date_format(G_MAXINT64, text), "Fri, 31 Dec 9999 23:59:59 +0000");
    ck_assert_str_eq(mail_date_format(G_MININT64, text), "Mon, 1 Jan 1900 00:00:00 +0000");
}
END_TEST

/* What is written is read back, and agrees with GLib, over two centuries. */
START_TEST(test_round_trip)
{
    for (gint64 seconds = -2208988800; seconds < 4102444800; seconds += 86399 * 7 + 1) {
        g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(seconds);
        gchar text[MAIL_DATE_TEXT_MAX];
        gint64 wall_ms;
        gint day;
        gint year;

        mail_date_format(seconds * 1000, text);
        ck_assert(mail_date_parse(barid_slice_from_text(text), &wall_ms));
        ck_assert_int_eq(wall_ms, seconds * 1000);
        ck_assert_int_eq(sscanf(text, "%*3s, %d %*3s %d", &day, &year), 2);
        ck_assert_int_eq(day, g_date_time_get_day_of_month(date));
        ck_assert_int_eq(year, g_date_time_get_year(date));
        ck_assert_int_eq("MTWTFSS"[g_date_time_get_day_of_week(date) - 1], text[0]);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("mail-date");
    TCase *cases = tcase_create("mail-date");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_parse, 0, G_N_ELEMENTS(parse_rows));
    tcase_add_test(cases, test_format);
    tcase_add_test(cases, test_round_trip);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
