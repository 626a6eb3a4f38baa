/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/judge.h"

typedef struct {
    BaridRule *ehlo_list, *ehlo_identity, *ehlo_script;
    BaridRule *rcpt, *message;
} JudgeSettings;

static const BaridSetting judge_settings[] = {
    BARID_SETTING_RULE_TEXT("ehlo-list", JudgeSettings, ehlo_list, "",
                            N_("What a list says of the EHLO name."), BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_TEXT("ehlo-identity", JudgeSettings, ehlo_identity, "",
                            N_("What SPF says of the EHLO name."), BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_TEXT("ehlo-script", JudgeSettings, ehlo_script, "",
                            N_("What a script says at EHLO."), BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_TEXT("rcpt", JudgeSettings, rcpt, "", N_("What is said at RCPT."),
                            BARID_KNOWN_RCPT),
    BARID_SETTING_RULE_TEXT("message", JudgeSettings, message, "",
                            N_("What is said of the message."), BARID_KNOWN_MESSAGE),
    BARID_SETTING_END,
};

static BaridVerdict
judge_decide(BaridScope *scope, const BaridRule *rule)
{
    g_autofree gchar *text = barid_rule_dup_text(rule, scope);
    g_auto(GStrv) words = g_strsplit(text, " ", 3);
    guint64 code;

    if (g_strv_length(words) < 3)
        return BARID_CONTINUE;
    code = g_ascii_strtoull(words[0], NULL, 10);
    if (code >= 500)
        return barid_reject(scope, (guint)code, words[1], "judged", words[2]);
    return barid_defer(scope, (guint)code, words[1], "judged", words[2]);
}

static BaridVerdict
judge_ehlo_list(BaridSession *session, gpointer state)
{
    return judge_decide(BARID_SCOPE(session), ((const JudgeSettings *)state)->ehlo_list);
}

static BaridVerdict
judge_ehlo_identity(BaridSession *session, gpointer state)
{
    return judge_decide(BARID_SCOPE(session), ((const JudgeSettings *)state)->ehlo_identity);
}

static BaridVerdict
judge_ehlo_script(BaridSession *session, gpointer state)
{
    return judge_decide(BARID_SCOPE(session), ((const JudgeSettings *)state)->ehlo_script);
}

static BaridVerdict
judge_rcpt(BaridTransaction *txn, const BaridRecipient *rcpt G_GNUC_UNUSED, gpointer state)
{
    return judge_decide(BARID_SCOPE(txn), ((const JudgeSettings *)state)->rcpt);
}

static BaridVerdict
judge_message(BaridTransaction *txn, gpointer state)
{
    return judge_decide(BARID_SCOPE(txn), ((const JudgeSettings *)state)->message);
}

static const BaridHook judge_hooks[] = {
    BARID_HOOK_EHLO(judge_ehlo_list, BARID_PHASE_IDENTIFY),
    BARID_HOOK_EHLO(judge_ehlo_identity, BARID_PHASE_AUTHORISE),
    BARID_HOOK_EHLO(judge_ehlo_script, BARID_PHASE_INSPECT),
    BARID_HOOK_RCPT(judge_rcpt, BARID_PHASE_AUTHORISE),
    BARID_HOOK_MESSAGE(judge_message, BARID_PHASE_INSPECT),
    BARID_HOOK_END,
};

BARID_MODULE_DEFINE(judge) = {
    BARID_MODULE_HEADER,
    .name = "judge",
    .summary = N_("Answers what a dialogue script tells it to"),
    .needs = BARID_READS_ENVELOPE | BARID_MAY_DEFER | BARID_MAY_REJECT,
    .settings = judge_settings,
    .settings_size = sizeof(JudgeSettings),
    .hooks = judge_hooks,
};
