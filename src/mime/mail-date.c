/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/mail-date.h"

#include "base/civil.h"
#include "base/cursor.h"

enum { COMMENT_DEPTH_MAX = 16, YEAR_MIN = 1900, YEAR_MAX = 9999 };

static const gchar day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const gchar month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* RFC 5322 section 4.3 obs-zone; all other letters mean an unknown zone, taken as UTC. */
static const struct {
    const gchar *name;
    gint hours;
} zones[] = {
    {"UT", 0},   {"GMT", 0},  {"EST", -5}, {"EDT", -4}, {"CST", -6},
    {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7},
};

static guint
get_month_len(gint64 year, guint month)
{
    CivilDate next = {month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1};

    return (guint)(civil_days_from_date(next) -
                   civil_days_from_date((CivilDate){year, month, 1}));
}

const gchar *
mail_date_format(gint64 wall_ms, gchar out_text[MAIL_DATE_TEXT_MAX])
{
    const gint64 first = civil_days_from_date((CivilDate){YEAR_MIN, 1, 1}) * 86400;
    const gint64 last = civil_days_from_date((CivilDate){YEAR_MAX + 1, 1, 1}) * 86400 - 1;
    gint64 seconds = wall_ms / 1000 - (wall_ms % 1000 < 0 ? 1 : 0);
    gint64 days;
    gint64 rest;
    CivilDate date;

    /* A clock that is out of all range still gives a well-formed date. */
    seconds = CLAMP(seconds, first, last);
    days = seconds / 86400 - (seconds % 86400 < 0 ? 1 : 0);
    rest = seconds - days * 86400;
    date = civil_date_from_days(days);
    g_snprintf(out_text, MAIL_DATE_TEXT_MAX, "%s, %u %s %04d %02d:%02d:%02d +0000",
               day_names[((days + 4) % 7 + 7) % 7], date.day, month_names[date.month - 1],
               (gint)date.year,
               (gint)(rest / 3600), (gint)(rest / 60 % 60), (gint)(rest % 60));
    return out_text;
}

/* Skips one comment whose opening bracket was taken. */
static gboolean
skip_comment(Cursor *cursor)
{
    guint depth = 1;

    while (depth > 0) {
        gint byte = cursor_next(cursor);

        if (byte < 0)
            return FALSE;
        if (byte == '\\')
            cursor_next(cursor);
        else if (byte == '(' && ++depth > COMMENT_DEPTH_MAX)
            return FALSE;
        else if (byte == ')')
            depth--;
    }
    return TRUE;
}

/* RFC 5322 section 3.2.2 CFWS; FALSE in an unfinished comment. */
static gboolean
skip_cfws(Cursor *cursor)
{
    for (;;) {
        gint byte = cursor_peek(cursor);

        if (byte == '(') {
            cursor_next(cursor);
            if (!skip_comment(cursor))
                return FALSE;
        } else if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n') {
            cursor_next(cursor);
        } else {
            return TRUE;
        }
    }
}

static gboolean
is_letter(guint8 byte)
{
    return g_ascii_isalpha(byte);
}

static gboolean
is_digit(guint8 byte)
{
    return g_ascii_isdigit(byte);
}

/* A number of (min) to (max) digits. */
static gboolean
take_number(Cursor *cursor, gsize min, gsize max, guint *out_number, gsize *out_digits)
{
    BaridSlice digits = cursor_take_while(cursor, is_digit);
    guint number = 0;

    if (digits.len < min || digits.len > max)
        return FALSE;
    for (gsize i = 0; i < digits.len; i++)
        number = number * 10 + (digits.data[i] - (guint)'0');
    *out_number = number;
    *out_digits = digits.len;
    return skip_cfws(cursor);
}

/* Index of a three-letter name in (names), or -1. */
static gint
find_name(BaridSlice word, const gchar (*names)[4], gint n_names)
{
    for (gint i = 0; i < n_names; i++) {
        if (barid_slice_equal_nocase(word, barid_slice_from_text(names[i])))
            return i;
    }
    return -1;
}

static gboolean
take_day_name(Cursor *cursor)
{
    BaridSlice word = cursor_take_while(cursor, is_letter);

    if (word.len == 0)
        return TRUE;
    return find_name(word, day_names, 7) >= 0 && skip_cfws(cursor) &&
           cursor_accept(cursor, ',') && skip_cfws(cursor);
}

static gboolean
take_date(Cursor *cursor, gint64 *out_days)
{
    guint day;
    guint year;
    gint month;
    gsize n_digits;

    if (!take_number(cursor, 1, 2, &day, &n_digits))
        return FALSE;
    month = find_name(cursor_take_while(cursor, is_letter), month_names, 12) + 1;
    if (month == 0 || !skip_cfws(cursor) || !take_number(cursor, 2, 4, &year, &n_digits))
        return FALSE;
    /* RFC 5322 section 4.3 obs-year. */
    if (n_digits == 2)
        year += year < 50 ? 2000 : 1900;
    else if (n_digits == 3)
        year += 1900;
    if (year < YEAR_MIN || day == 0 || day > get_month_len(year, (guint)month))
        return FALSE;
    *out_days = civil_days_from_date((CivilDate){year, (guint)month, day});
    return TRUE;
}

static gboolean
take_time(Cursor *cursor, gint64 *out_seconds)
{
    guint hour;
    guint minute;
    guint second = 0;
    gsize n_digits;

    if (!take_number(cursor, 1, 2, &hour, &n_digits) || !cursor_accept(cursor, ':') ||
        !skip_cfws(cursor) || !take_number(cursor, 2, 2, &minute, &n_digits))
        return FALSE;
    if (cursor_accept(cursor, ':') &&
        (!skip_cfws(cursor) || !take_number(cursor, 2, 2, &second, &n_digits)))
        return FALSE;
    *out_seconds = hour * 3600 + minute * 60 + second;
    /* 60 is a leap second. */
    return hour < 24 && minute < 60 && second <= 60;
}

static gboolean
take_numeric_zone(Cursor *cursor, gint64 *out_seconds)
{
    gint sign = cursor_next(cursor) == '-' ? -1 : 1;
    guint zone;
    gsize n_digits;

    if (!take_number(cursor, 4, 4, &zone, &n_digits) || zone % 100 > 59)
        return FALSE;
    *out_seconds = sign * (gint64)(zone / 100 * 3600 + zone % 100 * 60);
    return TRUE;
}

static gboolean
take_zone(Cursor *cursor, gint64 *out_seconds)
{
    BaridSlice word;

    if (cursor_peek(cursor) == '+' || cursor_peek(cursor) == '-')
        return take_numeric_zone(cursor, out_seconds);
    word = cursor_take_while(cursor, is_letter);
    *out_seconds = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(zones); i++) {
        if (barid_slice_equal_nocase(word, barid_slice_from_text(zones[i].name)))
            *out_seconds = zones[i].hours * 3600;
    }
    return word.len > 0 && skip_cfws(cursor);
}

/* RFC 5322 sections 3.3 and 4.3. The day of the week is not compared with the date: a
 * wrong one is common and harmless. */
gboolean
mail_date_parse(BaridSlice text, gint64 *out_wall_ms)
{
    Cursor cursor = cursor_new(text);
    gint64 days;
    gint64 seconds;
    gint64 zone;

    if (!skip_cfws(&cursor) || !take_day_name(&cursor) || !take_date(&cursor, &days) ||
        !take_time(&cursor, &seconds) || !take_zone(&cursor, &zone) || !cursor_is_end(&cursor))
        return FALSE;
    *out_wall_ms = (days * 86400 + seconds - zone) * 1000;
    return TRUE;
}
