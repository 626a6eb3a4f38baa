/* SPDX-License-Identifier: Apache-2.0 */
/* What numbers a setting takes, in a plain value and in each branch of a rule. */
#include "base/i18n.h"
#include "base/units.h"
#include "conf/rule-language.h"

static gchar *
bounds_format(BaridSettingType type, gint64 number)
{
    switch (type) {
    case BARID_TYPE_SIZE:
    case BARID_TYPE_RULE_SIZE:
        return units_format_size(number);
    case BARID_TYPE_DURATION:
    case BARID_TYPE_DURATIONS:
    case BARID_TYPE_RULE_DURATION:
        return units_format_duration(number);
    default:
        return g_strdup_printf("%" G_GINT64_FORMAT, number);
    }
}

gchar *
rule_bounds_check(const RuleBounds *bounds, BaridSettingType type, gint64 number)
{
    g_autofree gchar *minimum = NULL;
    g_autofree gchar *maximum = NULL;

    if (bounds->minimum == 0 && bounds->maximum == 0)
        return number >= 0 ? NULL : g_strdup(_("the number must not be negative"));
    if (number >= bounds->minimum && number <= bounds->maximum)
        return NULL;
    minimum = bounds_format(type, bounds->minimum);
    if (bounds->maximum == G_MAXINT64)
        return g_strdup_printf(_("the value must be at least %s"), minimum);
    maximum = bounds_format(type, bounds->maximum);
    return g_strdup_printf(_("the value must be from %s to %s"), minimum, maximum);
}
