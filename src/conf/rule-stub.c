/* SPDX-License-Identifier: Apache-2.0 */
/* Holds the place of the rule language until it is there. */
#include "conf/rule-language.h"

struct RuleLists {
    gint unused;
};

struct BaridRule {
    gint unused;
};

RuleLists *
rule_lists_new(ConfigTree *tree G_GNUC_UNUSED, ConfigProblems *problems G_GNUC_UNUSED,
               const gchar *state_dir G_GNUC_UNUSED)
{
    return g_new0(RuleLists, 1);
}

void
rule_lists_free(RuleLists *self)
{
    g_free(self);
}

BaridRule *
rule_compile(ConfigValue *value G_GNUC_UNUSED, BaridSettingType type G_GNUC_UNUSED,
             BaridKnown known G_GNUC_UNUSED, const RuleLists *lists G_GNUC_UNUSED,
             ConfigProblems *problems G_GNUC_UNUSED)
{
    return g_new0(BaridRule, 1);
}

BaridRule *
rule_compile_text(const gchar *text G_GNUC_UNUSED, BaridSettingType type G_GNUC_UNUSED,
                  BaridKnown known G_GNUC_UNUSED, const RuleLists *lists G_GNUC_UNUSED,
                  ConfigProblems *problems G_GNUC_UNUSED)
{
    return g_new0(BaridRule, 1);
}

void
rule_free(BaridRule *self)
{
    g_free(self);
}
