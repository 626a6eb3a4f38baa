/* SPDX-License-Identifier: Apache-2.0 */
/* Days and the Gregorian calendar, without the C library's locale and time zones. Day 0 is
 * 1970-01-01; years before 0 are counted as astronomers do. */
#ifndef CIVIL_H
#define CIVIL_H

#include <glib.h>

typedef struct {
    gint64 year;
    guint month; /* from 1 */
    guint day;   /* from 1 */
} CivilDate;

CivilDate civil_date_from_days(gint64 days);
gint64 civil_days_from_date(CivilDate date);

#define CIVIL_TIME_LEN 24
/* RFC 3339 in UTC with milliseconds, "2026-11-24T04:05:06.789Z", and a NUL; (wall_ms) beyond
 * the years 0 to 9999 gives the nearest of them. Returns (out_text). */
const gchar *civil_format_time(gint64 wall_ms, gchar out_text[CIVIL_TIME_LEN + 1]);

#endif
