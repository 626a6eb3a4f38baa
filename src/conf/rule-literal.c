/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-literal.h"

#include "base/i18n.h"
#include "base/text.h"
#include "base/units.h"

const gchar *
rule_type_describe(RuleType type)
{
    switch (type) {
    case RULE_BOOL:
        return _("yes or no");
    case RULE_INTEGER:
        return _("a number");
    case RULE_DURATION:
        return _("a duration");
    case RULE_DATE:
        return _("a date");
    case RULE_TEXT:
        return _("a text");
    case RULE_ADDRESS:
        return _("an address");
    case RULE_STORE:
        return _("the name of a store in quotes");
    case RULE_DNS_TYPE:
        return _("a type of DNS records in quotes");
    }
    g_assert_not_reached();
}

gboolean
rule_literal_parse_time(BaridSlice text, gint64 *out_ms)
{
    gssize colon = text_find(text, ':');
    const guint8 *at;
    gint hours = 0;
    gint minutes;

    if (colon < 1 || colon > 2 || text.len != (gsize)colon + 3)
        return FALSE;
    at = text.data + colon;
    if (!g_ascii_isdigit(at[-1]) || !g_ascii_isdigit(text.data[0]) || !g_ascii_isdigit(at[1]) ||
        !g_ascii_isdigit(at[2]))
        return FALSE;
    for (gssize i = 0; i < colon; i++)
        hours = hours * 10 + text.data[i] - '0';
    minutes = (at[1] - '0') * 10 + at[2] - '0';
    if (hours > 24 || minutes > 59 || hours * 60 + minutes > 24 * 60)
        return FALSE;
    *out_ms = (hours * 60 + minutes) * G_GINT64_CONSTANT(60000);
    return TRUE;
}

/* YYYY-MM-DD. */
static gboolean
rule_literal_parse_date(BaridSlice text, gint64 *out_days)
{
    gchar copy[11] = "";
    guint year, month, day;
    GDate date;

    if (text.len != 10)
        return FALSE;
    memcpy(copy, text.data, text.len);
    for (guint i = 0; i < text.len; i++) {
        if (i == 4 || i == 7 ? copy[i] != '-' : !g_ascii_isdigit(copy[i]))
            return FALSE;
    }
    year = (guint)strtoul(copy, NULL, 10);
    month = (guint)strtoul(copy + 5, NULL, 10);
    day = (guint)strtoul(copy + 8, NULL, 10);
    if (!g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year))
        return FALSE;
    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)day, (GDateMonth)month, (GDateYear)year);
    *out_days = (gint64)g_date_get_julian(&date) - RULE_DATE_EPOCH_JULIAN;
    return TRUE;
}

gboolean
rule_literal_parse(BaridSlice text, RuleValue *out_value)
{
    RuleValue value = {.type = RULE_INTEGER};

    if (units_parse_integer(text, &value.as.integer) == UNITS_OK ||
        units_parse_size(text, &value.as.integer) == UNITS_OK) {
        *out_value = value;
        return TRUE;
    }
    value.type = RULE_DURATION;
    if (units_parse_duration(text, &value.as.integer) == UNITS_OK ||
        rule_literal_parse_time(text, &value.as.integer)) {
        *out_value = value;
        return TRUE;
    }
    value.type = RULE_DATE;
    if (rule_literal_parse_date(text, &value.as.integer)) {
        *out_value = value;
        return TRUE;
    }
    value.type = RULE_ADDRESS;
    if (!address_parse_ip(text, &value.as.address))
        return FALSE;
    *out_value = value;
    return TRUE;
}
