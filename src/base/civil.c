/* SPDX-License-Identifier: Apache-2.0 */
#include "base/civil.h"

#define MS_A_DAY G_GINT64_CONSTANT(86400000)
#define CIVIL_MS_MIN (-719528 * MS_A_DAY)
#define CIVIL_MS_MAX (2932897 * MS_A_DAY - 1)

/* Years begin in March here, so that the leap day is the last of a year; eras are 400
 * years of 146097 days. */
CivilDate
civil_date_from_days(gint64 days)
{
    gint64 z = days + 719468;
    gint64 era = (z >= 0 ? z : z - 146096) / 146097;
    gint64 day_of_era = z - era * 146097;
    gint64 year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    gint64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    gint64 month = (5 * day_of_year + 2) / 153;
    CivilDate date = {.day = (guint)(day_of_year - (153 * month + 2) / 5 + 1),
                      .month = (guint)(month < 10 ? month + 3 : month - 9)};

    date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
    return date;
}

gint64
civil_days_from_date(CivilDate date)
{
    gint64 month = date.month;
    gint64 y = month <= 2 ? date.year - 1 : date.year;
    gint64 era = (y >= 0 ? y : y - 399) / 400;
    gint64 year_of_era = y - era * 400;
    gint64 day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    gint64 day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

/* Writes (count) digits at (at) and returns the place behind them. */
static gchar *
put_digits(gchar *at, guint value, guint count)
{
    for (guint i = count; i > 0; i--, value /= 10)
        at[i - 1] = (gchar)('0' + value % 10);
    return at + count;
}

/* By hand: each line of the log has one. */
const gchar *
civil_format_time(gint64 wall_ms, gchar out_text[CIVIL_TIME_LEN + 1])
{
    gint64 ms = CLAMP(wall_ms, CIVIL_MS_MIN, CIVIL_MS_MAX);
    gint64 days = ms / MS_A_DAY - (ms % MS_A_DAY < 0 ? 1 : 0);
    guint rest = (guint)(ms - days * MS_A_DAY);
    CivilDate date = civil_date_from_days(days);
    gchar *at = out_text;

    at = put_digits(at, (guint)date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, rest / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, rest / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, rest / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, rest % 1000, 3);
    *at++ = 'Z';
    *at = '\0';
    return out_text;
}
