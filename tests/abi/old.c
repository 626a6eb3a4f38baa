/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module as it was written and built for version 1.0 of the interface: it is compiled with the
 * headers of that time, tests/abi/1.0, and has something of every table. It counts the bytes of
 * a body that are its "byte", knows a store driver and a transport of its own, and is never to
 * be changed: what makes that necessary would break modules of others.
 */
#include <barid/barid.h>

typedef struct {
    gboolean strict;
    gint64 most;
    gint64 size, wait_ms;
    BaridRate rate;
    gchar *byte;
    gint mood;
    gchar **names, **networks;
    BaridRule *refuse;
    BaridRule *text;
    BaridStore *store;
} OldSettings;

static const gchar *const old_moods[] = {"calm", "cross", NULL};

static const BaridSetting old_settings[] = {
    BARID_SETTING_BOOL("strict", OldSettings, strict, "no", "Whether to be strict."),
    BARID_SETTING_INTEGER("most", OldSettings, most, "3", "How many at most.", 0, 100),
    BARID_SETTING_SIZE("size", OldSettings, size, "1K", "A size."),
    BARID_SETTING_DURATION("wait", OldSettings, wait_ms, "5s", "A time."),
    BARID_SETTING_RATE("rate", OldSettings, rate, "2/1h", "A rate."),
    BARID_SETTING_TEXT("byte", OldSettings, byte, "x", "What is counted."),
    BARID_SETTING_ENUM("mood", OldSettings, mood, "calm", "A word.", old_moods),
    BARID_SETTING_LIST("names", OldSettings, names, "a, b", "Names."),
    BARID_SETTING_NETWORKS("networks", OldSettings, networks, "192.0.2.0/24", "Networks."),
    BARID_SETTING_CONDITION("refuse", OldSettings, refuse, "no", "A condition.", BARID_KNOWN_RCPT),
    BARID_SETTING_RULE_TEXT("text", OldSettings, text, "no", "A rule.", BARID_KNOWN_RCPT),
    BARID_SETTING_STORE("store", OldSettings, store, "own", "A store."),
    BARID_SETTING_END,
};

/* --- hooks --- */

static BaridVerdict
old_rcpt(BaridTransaction *txn, const BaridRecipient *rcpt G_GNUC_UNUSED, gpointer state)
{
    const OldSettings *self = state;
    BaridSession *session = barid_transaction_get_session(txn);
    g_autofree gchar *text = NULL;
    g_autoptr(GError) error = NULL;
    gint64 seen;

    if (!barid_networks_contain(self->networks, barid_session_get_remote_ip(session)))
        return BARID_CONTINUE;
    if (!barid_store_add(self->store, BARID_SLICE_LITERAL("seen"), 1, 0, &seen, &error))
        return barid_fail(txn, error);
    barid_explain(txn, "seen", "%" G_GINT64_FORMAT, seen);
    if (!barid_rule_get_bool(self->refuse, txn))
        return BARID_CONTINUE;
    text = barid_rule_dup_text(self->text, txn);
    return barid_reject(txn, 550, "5.7.1", "old", text);
}

typedef struct {
    guint8 byte;
    guint count;
} OldStream;

static gpointer
old_begin(BaridTransaction *txn G_GNUC_UNUSED, gpointer state)
{
    const OldSettings *self = state;
    OldStream *stream = g_new0(OldStream, 1);

    stream->byte = (guint8)self->byte[0];
    return stream;
}

static void
old_body(gpointer data, BaridSlice block)
{
    OldStream *stream = data;

    for (gsize i = 0; i < block.len; i++)
        stream->count += block.data[i] == stream->byte;
}

static const BaridStreamHook old_stream = {
    .struct_size = sizeof(BaridStreamHook),
    .begin = old_begin,
    .body = old_body,
    .free = g_free,
};

static BaridVerdict
old_message(BaridTransaction *txn, gpointer state G_GNUC_UNUSED)
{
    const OldStream *stream = barid_transaction_get_stream(txn);
    g_autoptr(GError) error = NULL;
    gchar count[16];

    g_snprintf(count, sizeof count, "%u", stream->count);
    if (!barid_finding_set(txn, "old.count", count) ||
        !barid_transaction_save_integer(txn, "old.count", stream->count, &error) ||
        !barid_transaction_prepend_field(txn, "X-Old", count, &error))
        return barid_fail(txn, error);
    return BARID_CONTINUE;
}

static const BaridHook old_hooks[] = {
    BARID_HOOK_RCPT(old_rcpt, BARID_PHASE_AUTHORISE, .after = "spf"),
    BARID_HOOK_MESSAGE(old_message, BARID_PHASE_INSPECT, .stream = &old_stream),
    BARID_HOOK_END,
};

/* --- providers: a store for one number, and a transport that tells what was saved --- */

static gpointer
old_store_open(const gchar *name G_GNUC_UNUSED, const void *settings G_GNUC_UNUSED,
               GError **error G_GNUC_UNUSED)
{
    return g_new0(gint64, 1);
}

static gboolean
old_store_add(gpointer self, BaridSlice key G_GNUC_UNUSED, gint64 delta,
              gint64 now_ms G_GNUC_UNUSED, gint64 expires_ms G_GNUC_UNUSED, gint64 *out_value,
              GError **error G_GNUC_UNUSED)
{
    gint64 *value = self;

    *value += delta;
    *out_value = *value;
    return TRUE;
}

static const BaridStoreDriver old_store = {
    .struct_size = sizeof(BaridStoreDriver),
    .open = old_store_open,
    .close = g_free,
    .add = old_store_add,
};

static gpointer
old_open(const void *settings, GError **error G_GNUC_UNUSED)
{
    return (gpointer)(guintptr)settings;
}

static void
old_close(gpointer self G_GNUC_UNUSED)
{
}

static void
old_deliver(gpointer self G_GNUC_UNUSED, BaridAttempt *attempt)
{
    gint64 count = -1;
    gchar text[32];

    barid_saved_get_integer(attempt, "old.count", &count);
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT " were counted", count);
    for (guint i = 0; i < barid_attempt_get_n_recipients(attempt); i++)
        barid_attempt_set_result(attempt, i, BARID_FAILED, "5.2.1", text);
}

static const BaridTransportDriver old_transport = {
    .struct_size = sizeof(BaridTransportDriver),
    .open = old_open,
    .close = old_close,
    .deliver = old_deliver,
};

static const BaridProvider old_providers[] = {
    {BARID_PROVIDER_STORE, "old", &old_store},
    {BARID_PROVIDER_TRANSPORT, "old", &old_transport},
    {BARID_PROVIDER_END, NULL, NULL},
};

/* --- the others --- */

static gchar *
old_command(BaridCommandCall *call, gpointer state G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    gint64 times = barid_command_get_integer(call, "times", 1);

    return g_strdup_printf("{\"answer\":%" G_GINT64_FORMAT "}", 21 * times);
}

static const BaridCommandOption old_options[] = {
    {"times", BARID_TYPE_INTEGER, "How many times."},
    {NULL, BARID_TYPE_END, NULL},
};

static const BaridCommand old_commands[] = {
    {"old answer", "old answer [--times N]", "Gives an answer.", old_command, old_options, 0, 0},
    {.name = NULL},
};

static const BaridSavedArea old_saved[] = {
    {"old.count", BARID_SAVED_INTEGER, 0, "What was counted."},
    {NULL, BARID_SAVED_BYTES, 0, NULL},
};

static const gchar *const old_findings[] = {"old.count", NULL};

BARID_MODULE_DEFINE(old) = {
    BARID_MODULE_HEADER,
    .name = "old",
    .summary = "Was built for version 1.0",
    .needs = BARID_READS_ENVELOPE | BARID_READS_BODY | BARID_CHANGES_HEADERS | BARID_MAY_REJECT |
             BARID_USES_STORE,
    .settings = old_settings,
    .settings_size = sizeof(OldSettings),
    .hooks = old_hooks,
    .providers = old_providers,
    .commands = old_commands,
    .findings = old_findings,
    .saved = old_saved,
};
