/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "conf/rule-language.h"
#include "host/hook-call.h"

guint
barid_rule_eval_word(const BaridRule *rule, BaridScope *scope, const gchar *const *words)
{
    g_autofree gchar *text = barid_rule_eval_text(rule, scope);
    guint i = 0;

    while (words[i + 1] != NULL && strcmp(words[i], text) != 0)
        i++;
    if (strcmp(words[i], text) != 0)
        barid_scope_explain(scope, rule_get_setting(rule),
                            "\"%s\" is none of its words: %s is taken", text, words[i]);
    return i;
}
