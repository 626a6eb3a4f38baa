/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include "base/cursor.h"
#include "base/i18n.h"

typedef struct {
    const gchar *name;
    gint64 factor;
} Unit;

/* Largest first, so that formatting finds the shortest text. */
static const Unit units_sizes[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
static const Unit units_durations[] = {
    {"w", 7 * 86400000LL}, {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1},
};

const gchar *
units_result_describe(UnitsResult result)
{
    switch (result) {
    case UNITS_OK:
        return "valid";
    case UNITS_EMPTY:
        return _("a value is expected");
    case UNITS_BAD_NUMBER:
        return _("a number is expected");
    case UNITS_BAD_UNIT:
        return _("the unit is not known here");
    case UNITS_OVERFLOW:
        return _("the number is too large");
    }
    g_assert_not_reached();
}

static UnitsResult
units_take_number(Cursor *cursor, gint64 *out_value)
{
    gint64 value = 0;
    gsize start = cursor_get_offset(cursor);

    while (g_ascii_isdigit(cursor_peek(cursor))) {
        gint digit = cursor_next(cursor) - '0';

        if (value > (G_MAXINT64 - digit) / 10)
            return UNITS_OVERFLOW;
        value = value * 10 + digit;
    }
    if (cursor_get_offset(cursor) == start)
        return UNITS_BAD_NUMBER;
    *out_value = value;
    return UNITS_OK;
}

UnitsResult
units_parse_integer(BaridSlice text, gint64 *out_value)
{
    Cursor cursor = cursor_new(text);
    gboolean negative = cursor_accept(&cursor, '-');
    gint64 value;
    UnitsResult result;

    if (text.len == 0)
        return UNITS_EMPTY;
    result = units_take_number(&cursor, &value);
    if (result != UNITS_OK)
        return result;
    if (!cursor_is_end(&cursor))
        return UNITS_BAD_NUMBER;
    *out_value = negative ? -value : value;
    return UNITS_OK;
}

static UnitsResult
units_scale(gint64 number, BaridSlice name, const Unit *units, gsize n_units, gint64 *out_value)
{
    for (gsize i = 0; i < n_units; i++) {
        if (!barid_slice_equal_text(name, units[i].name))
            continue;
        if (number > G_MAXINT64 / units[i].factor)
            return UNITS_OVERFLOW;
        *out_value = number * units[i].factor;
        return UNITS_OK;
    }
    return UNITS_BAD_UNIT;
}

static UnitsResult
units_parse_scaled(BaridSlice text, const Unit *units, gsize n_units, gint64 *out_value)
{
    Cursor cursor = cursor_new(text);
    gint64 number;
    UnitsResult result;

    if (text.len == 0)
        return UNITS_EMPTY;
    result = units_take_number(&cursor, &number);
    if (result != UNITS_OK)
        return result;
    if (cursor_is_end(&cursor) && number == 0) {
        *out_value = 0;
        return UNITS_OK;
    }
    return units_scale(number, cursor_get_rest(&cursor), units, n_units, out_value);
}

UnitsResult
units_parse_size(BaridSlice text, gint64 *out_bytes)
{
    return units_parse_scaled(text, units_sizes, G_N_ELEMENTS(units_sizes), out_bytes);
}

UnitsResult
units_parse_duration(BaridSlice text, gint64 *out_ms)
{
    return units_parse_scaled(text, units_durations, G_N_ELEMENTS(units_durations), out_ms);
}

UnitsResult
units_parse_rate(BaridSlice text, BaridRate *out_rate)
{
    Cursor cursor = cursor_new(text);
    BaridRate rate = {0, 0};
    BaridSlice period;
    UnitsResult result;

    if (text.len == 0)
        return UNITS_EMPTY;
    if (barid_slice_equal_text(text, "none")) {
        *out_rate = rate;
        return UNITS_OK;
    }
    result = units_take_number(&cursor, &rate.count);
    if (result != UNITS_OK)
        return result;
    if (!cursor_accept(&cursor, '/'))
        return UNITS_BAD_UNIT;
    period = cursor_get_rest(&cursor);
    if (period.len > 0 && g_ascii_isdigit(period.data[0]))
        result = units_parse_duration(period, &rate.period_ms);
    else
        result = units_scale(1, period, units_durations, G_N_ELEMENTS(units_durations),
                             &rate.period_ms);
    if (result != UNITS_OK)
        return result;
    if (rate.count == 0 || rate.period_ms == 0)
        return UNITS_BAD_NUMBER;
    *out_rate = rate;
    return UNITS_OK;
}

UnitsResult
units_parse_bool(BaridSlice text, gboolean *out_value)
{
    if (text.len == 0)
        return UNITS_EMPTY;
    if (barid_slice_equal_text(text, "yes"))
        *out_value = TRUE;
    else if (barid_slice_equal_text(text, "no"))
        *out_value = FALSE;
    else
        return UNITS_BAD_UNIT;
    return UNITS_OK;
}

static gchar *
units_format(gint64 value, const Unit *units, gsize n_units)
{
    for (gsize i = 0; i < n_units && value != 0; i++) {
        if (value % units[i].factor == 0)
            return g_strdup_printf("%" G_GINT64_FORMAT "%s", value / units[i].factor,
                                   units[i].name);
    }
    return g_strdup("0");
}

gchar *
units_format_size(gint64 bytes)
{
    return units_format(bytes, units_sizes, G_N_ELEMENTS(units_sizes));
}

gchar *
units_format_duration(gint64 ms)
{
    return units_format(ms, units_durations, G_N_ELEMENTS(units_durations));
}

gchar *
units_format_rate(BaridRate rate)
{
    g_autofree gchar *period = NULL;

    if (rate.count == 0)
        return g_strdup("none");
    period = units_format_duration(rate.period_ms);
    return g_strdup_printf("%" G_GINT64_FORMAT "/%s", rate.count, period);
}
