/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/judge.h"

typedef struct {
    BaridRule *ehlo_list, *ehlo_identity, *ehlo_script;
    BaridRule *rcpt, *message, *save;
} JudgeSettings;

static const BaridSetting judge_settings[] = {
    BARID_SETTING_RULE_TEXT("ehlo-list", JudgeSettings, ehlo_list, "",
                            "What a list says of the EHLO name.", BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_TEXT("ehlo-identity", JudgeSettings, ehlo_identity, "",
                            "What SPF says of the EHLO name.", BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_TEXT("ehlo-script", JudgeSettings, ehlo_script, "",
                            "What a script says at EHLO.", BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_TEXT("rcpt", JudgeSettings, rcpt, "", "What is said at RCPT.",
                            BARID_KNOWN_RCPT),
    BARID_SETTING_RULE_TEXT("message", JudgeSettings, message, "",
                            "What is said of the message.", BARID_KNOWN_MESSAGE),
    BARID_SETTING_RULE_TEXT("save", JudgeSettings, save, "",
                            "What is kept with the message until it is delivered.",
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

/* --- what arrives is hashed, and must be what is there in the end --- */

typedef struct {
    GChecksum *body, *fields;
    gsize body_bytes;
    guint n_fields;
    gboolean ended;
} JudgeStream;

static gpointer
judge_stream_begin(BaridTransaction *txn G_GNUC_UNUSED, gpointer state G_GNUC_UNUSED)
{
    JudgeStream *self = g_new0(JudgeStream, 1);

    self->body = g_checksum_new(G_CHECKSUM_SHA256);
    self->fields = g_checksum_new(G_CHECKSUM_SHA256);
    return self;
}

static void
judge_stream_field(gpointer stream, BaridSlice name G_GNUC_UNUSED,
                   BaridSlice value G_GNUC_UNUSED, BaridSlice whole)
{
    JudgeStream *self = stream;

    g_checksum_update(self->fields, whole.data, (gssize)whole.len);
    self->n_fields++;
}

static void
judge_stream_body(gpointer stream, BaridSlice block)
{
    JudgeStream *self = stream;

    g_checksum_update(self->body, block.data, (gssize)block.len);
    self->body_bytes += block.len;
}

static void
judge_stream_end(gpointer stream)
{
    ((JudgeStream *)stream)->ended = TRUE;
}

static void
judge_stream_free(gpointer stream)
{
    JudgeStream *self = stream;

    g_checksum_free(self->body);
    g_checksum_free(self->fields);
    g_free(self);
}

static const BaridStreamHook judge_stream = {
    .struct_size = sizeof(BaridStreamHook),
    .begin = judge_stream_begin,
    .field = judge_stream_field,
    .body = judge_stream_body,
    .end = judge_stream_end,
    .free = judge_stream_free,
};

static gboolean
judge_is_sum(GChecksum *sum, BaridSlice bytes)
{
    g_autofree gchar *whole =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes.data, bytes.len);

    return strcmp(g_checksum_get_string(sum), whole) == 0;
}

/* The header without the line that ends it. */
static BaridSlice
judge_get_fields(BaridSlice header)
{
    if (header.len >= 2 && memcmp(header.data + header.len - 2, "\r\n", 2) == 0 &&
        (header.len == 2 || header.data[header.len - 3] == '\n'))
        header.len -= 2;
    return header;
}

static BaridVerdict
judge_check_stream(BaridTransaction *txn)
{
    const JudgeStream *self = barid_transaction_get_stream(txn);
    BaridSlice message = barid_transaction_get_message(txn);
    BaridSlice header = barid_transaction_get_header(txn);
    BaridSlice body = barid_slice(message.data + header.len, message.len - header.len);

    if (self == NULL || !self->ended || !judge_is_sum(self->body, body) ||
        !judge_is_sum(self->fields, judge_get_fields(header)))
        return barid_reject(txn, 554, "5.6.0", "stream", "the stream was not the message");
    barid_explain(txn, "streamed", "%u fields, %" G_GSIZE_FORMAT " bytes", self->n_fields,
                  self->body_bytes);
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
    {BARID_PROVIDER_TRANSPORT, "mailbox", &judge_transport},
    {BARID_PROVIDER_END, NULL, NULL},
};

static const BaridSavedArea judge_saved[] = {
    {"judge.note", BARID_SAVED_TEXT, 200, "What the script wanted to be kept."},
    {"judge.rcpts", BARID_SAVED_INTEGER, 0, "How many recipients there were."},
    {NULL, BARID_SAVED_BYTES, 0, NULL},
};

static BaridVerdict
judge_message(BaridTransaction *txn, gpointer state)
{
    BaridVerdict verdict = judge_check_stream(txn);

    if (verdict == BARID_CONTINUE)
        verdict = judge_save(txn, state);
    if (verdict != BARID_CONTINUE)
        return verdict;
    return judge_decide(BARID_SCOPE(txn), ((const JudgeSettings *)state)->message);
}

static const BaridHook judge_hooks[] = {
    BARID_HOOK_EHLO(judge_ehlo_list, BARID_PHASE_IDENTIFY),
    BARID_HOOK_EHLO(judge_ehlo_identity, BARID_PHASE_AUTHORISE),
    BARID_HOOK_EHLO(judge_ehlo_script, BARID_PHASE_INSPECT),
    BARID_HOOK_RCPT(judge_rcpt, BARID_PHASE_AUTHORISE),
    BARID_HOOK_MESSAGE(judge_message, BARID_PHASE_INSPECT, .stream = &judge_stream),
    BARID_HOOK_END,
};

BARID_MODULE_DEFINE(judge) = {
    BARID_MODULE_HEADER,
    .name = "judge",
    .summary = "Answers what a dialogue script tells it to",
    .needs = BARID_READS_ENVELOPE | BARID_READS_HEADERS | BARID_READS_BODY | BARID_MAY_DEFER |
             BARID_MAY_REJECT,
    .settings = judge_settings,
    .settings_size = sizeof(JudgeSettings),
    .hooks = judge_hooks,
    .providers = judge_providers,
    .saved = judge_saved,
};
