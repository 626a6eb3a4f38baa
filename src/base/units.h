/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration's units: sizes "10M", durations "5min", rates "25/1h", booleans
 * "yes". Parsing is exact: no sign, no blanks inside, nothing after the unit; overflow
 * is an error.
 */
#ifndef UNITS_H
#define UNITS_H

#include <barid/setting.h>
#include <barid/slice.h>

typedef enum {
    UNITS_OK,
    UNITS_EMPTY,
    UNITS_BAD_NUMBER,
    UNITS_BAD_UNIT,
    UNITS_OVERFLOW,
} UnitsResult;

/* Text for people that says what was expected; never NULL. */
const gchar *units_result_describe(UnitsResult result);

/* A decimal integer, optionally with a leading "-". */
UnitsResult units_parse_integer(BaridSlice text, gint64 *out_value);
/* Bytes; units K M G are powers of 1024; none means bytes. */
UnitsResult units_parse_size(BaridSlice text, gint64 *out_bytes);
/* Units ms s min h d w; a unit is required except after 0. */
UnitsResult units_parse_duration(BaridSlice text, gint64 *out_ms);
/* N/DURATION, where a bare unit such as "10/h" means one; "none" gives count 0. */
UnitsResult units_parse_rate(BaridSlice text, BaridRate *out_rate);
/* yes or no. */
UnitsResult units_parse_bool(BaridSlice text, gboolean *out_value);

/* The shortest text that parses back to the same value; caller owns it. */
gchar *units_format_size(gint64 bytes);
gchar *units_format_duration(gint64 ms);
gchar *units_format_rate(BaridRate rate);

#endif
