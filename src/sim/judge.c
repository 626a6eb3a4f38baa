/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/judge.h"

typedef struct {
    BaridRule *ehlo_list, *ehlo_identity, *ehlo_script;
    BaridRule *rcpt, *message, *save;
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
    BARID_SETTING_RULE_TEXT("save", JudgeSettings, save, "",
                            N_("What is kept with the message until it is delivered."),
                            BARID_KNOWN_MESSAGE),
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
judge_save(BaridTransaction *txn, const JudgeSettings *self)
{
    g_autofree gchar *note = barid_rule_dup_text(self->save, txn);
    g_autoptr(GError) error = NULL;

    if (note[0] == '\0')
        return BARID_CONTINUE;
    if (!barid_transaction_save(txn, "judge.note", barid_slice_from_text(note), &error) ||
        !barid_transaction_save_integer(txn, "judge.rcpts",
                                        barid_transaction_get_n_recipients(txn), &error))
        return barid_fail(txn, error);
    return BARID_CONTINUE;
}

/* The transport of the same name: it tells what was saved. */
static gpointer
judge_open(const void *settings G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return g_new0(gint, 1);
}

static void
judge_deliver(gpointer self G_GNUC_UNUSED, BaridAttempt *attempt)
{
    BaridSlice note = BARID_SLICE_EMPTY;
    gint64 rcpts = -1;
    g_autofree gchar *text = NULL;

    barid_saved_get(attempt, "judge.note", &note);
    barid_saved_get_integer(attempt, "judge.rcpts", &rcpts);
    text = g_strdup_printf("saved %" G_GINT64_FORMAT " <%.*s>", rcpts, (int)note.len,
                           (const gchar *)note.data);
    for (guint i = 0; i < barid_attempt_get_n_recipients(attempt); i++)
        barid_attempt_set_result(attempt, i, BARID_DELIVERED, "2.0.0", text);
}

static const BaridTransportDriver judge_transport = {
    .struct_size = sizeof(BaridTransportDriver),
    .open = judge_open,
    .close = g_free,
    .deliver = judge_deliver,
};

static const BaridProvider judge_providers[] = {
    {BARID_PROVIDER_TRANSPORT, "judge", &judge_transport},
    {BARID_PROVIDER_END, NULL, NULL},
};

static const BaridSavedArea judge_saved[] = {
    {"judge.note", BARID_SAVED_TEXT, 200, N_("What the script wanted to be kept.")},
    {"judge.rcpts", BARID_SAVED_INTEGER, 0, N_("How many recipients there were.")},
    {NULL, BARID_SAVED_BYTES, 0, NULL},
};

static BaridVerdict
judge_message(BaridTransaction *txn, gpointer state)
{
    BaridVerdict verdict = judge_save(txn, state);

    if (verdict != BARID_CONTINUE)
        return verdict;
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
    .providers = judge_providers,
    .saved = judge_saved,
};
