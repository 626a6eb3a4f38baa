/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Greylisting: the first mail from a network, sender and recipient not seen before is
 * deferred for a while. A mail server tries again; much of what sends spam does not.
 */
#include <libintl.h>

#include <barid/barid.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

typedef struct {
    BaridStore *store;
    BaridRule *delay; /* duration */
    gint64 lifetime_ms;
    gchar **networks;
    gint64 ipv4_prefix, ipv6_prefix;
} GreylistSettings;

static const BaridSetting settings[] = {
    BARID_SETTING_STORE("store", GreylistSettings, store, "local",
                        N_("Where the triplets are remembered.")),
    BARID_SETTING_RULE_DURATION("delay", GreylistSettings, delay, "5min",
                                N_("How long a new triplet waits."), BARID_KNOWN_RCPT),
    BARID_SETTING_DURATION("lifetime", GreylistSettings, lifetime_ms, "35d",
                           N_("How long a triplet is remembered after its last mail.")),
    BARID_SETTING_NETWORKS("networks", GreylistSettings, networks, "127.0.0.0/8, ::1",
                           N_("Clients that never wait.")),
    BARID_SETTING_INTEGER("ipv4-prefix", GreylistSettings, ipv4_prefix, "24",
                          N_("Bits of an IPv4 client's address that count."), 0, 32),
    BARID_SETTING_INTEGER("ipv6-prefix", GreylistSettings, ipv6_prefix, "64",
                          N_("Bits of an IPv6 client's address that count."), 0, 128),
    BARID_SETTING_END,
};

/* Case is no part of the key: what tries again may spell an address anew. */
static void
key_append_lower(GString *key, BaridSlice address)
{
    g_string_append_c(key, '\n');
    for (gsize i = 0; i < address.len; i++)
        g_string_append_c(key, g_ascii_tolower((gchar)address.data[i]));
}

/* The large senders try again from another machine of the same network. */
static GString *
greylist_make_key(const gchar *network, BaridSlice sender, BaridSlice recipient)
{
    GString *key = g_string_new("greylist\n");

    g_string_append(key, network);
    key_append_lower(key, sender);
    key_append_lower(key, recipient);
    return key;
}

/* What is forgotten before its time is up would wait for ever. */
static BARID_SUSPENDS gint64
greylist_get_delay_ms(const GreylistSettings *self, BaridTransaction *txn)
{
    gint64 delay_ms = barid_rule_get_duration(self->delay, txn);

    return self->lifetime_ms == 0 ? delay_ms : MIN(delay_ms, self->lifetime_ms / 2);
}

static BARID_SUSPENDS BaridVerdict
greylist_check(const GreylistSettings *self, BaridTransaction *txn, const BaridRecipient *rcpt,
               const gchar *network)
{
    g_autoptr(GString) key = greylist_make_key(network, barid_transaction_get_sender(txn),
                                               barid_recipient_get_address(rcpt));
    g_autoptr(GError) error = NULL;
    gint64 delay_ms = greylist_get_delay_ms(self, txn);
    gchar age[32];
    gint64 age_ms;

    if (!barid_store_touch(self->store, barid_slice(key->str, key->len), self->lifetime_ms,
                           &age_ms, &error))
        return barid_fail(txn, error);
    g_snprintf(age, sizeof age, "%" G_GINT64_FORMAT, age_ms / 1000);
    barid_finding_set(txn, "greylist.age", age);
    barid_explain(txn, "network", "%s", network);
    barid_explain(txn, "age", "%ss", age);
    barid_explain(txn, "delay", "%" G_GINT64_FORMAT "s", delay_ms / 1000);
    if (age_ms >= delay_ms)
        return BARID_CONTINUE;
    return barid_defer(txn, 451, "4.7.1", "greylisted", "Greylisted, please try again later");
}

static BaridVerdict
greylist_rcpt(BaridTransaction *txn, const BaridRecipient *rcpt, gpointer state)
{
    const GreylistSettings *self = state;
    BaridSession *session = barid_transaction_get_session(txn);
    const gchar *ip = barid_session_get_remote_ip(session);
    g_autofree gchar *network = NULL;

    if (barid_session_get_user(session) != NULL)
        return BARID_CONTINUE;
    if (barid_networks_contain(self->networks, ip)) {
        barid_explain(txn, "network", "%s is let through", ip);
        return BARID_CONTINUE;
    }
    network = barid_network_of(ip, (guint)self->ipv4_prefix, (guint)self->ipv6_prefix);
    return network == NULL ? BARID_CONTINUE : greylist_check(self, txn, rcpt, network);
}

/* --- the command --- */

static gchar *
greylist_forget(BaridCommandCall *call, gpointer state, GError **error)
{
    const GreylistSettings *self = state;
    const gchar *ip = barid_command_get_text(call, "ip");
    const gchar *sender = barid_command_get_text(call, "sender");
    const gchar *recipient = barid_command_get_text(call, "recipient");
    const gchar *named = barid_command_get_text(call, "store");
    BaridStore *store = named == NULL ? self->store : barid_command_get_store(call, named, error);
    g_autofree gchar *network = NULL;
    g_autoptr(GString) key = NULL;
    GBytes *value = NULL;
    gboolean was_known;
    BaridSlice slice;

    if (store == NULL)
        return NULL;
    if (ip != NULL)
        network = barid_network_of(ip, (guint)self->ipv4_prefix, (guint)self->ipv6_prefix);
    if (network == NULL || sender == NULL || recipient == NULL) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID,
                            "--ip, --sender and --recipient are needed");
        return NULL;
    }
    key = greylist_make_key(network, barid_slice_from_text(sender),
                            barid_slice_from_text(recipient));
    slice = barid_slice(key->str, key->len);
    if (!barid_store_get(store, slice, &value, error) || !barid_store_remove(store, slice, error))
        return NULL;
    was_known = value != NULL;
    g_clear_pointer(&value, g_bytes_unref);
    barid_command_set_text(call, was_known ? "It is forgotten: the next mail waits again."
                                           : "It was not known.");
    return g_strdup_printf("{\"network\":\"%s\",\"known\":%s}", network,
                           was_known ? "true" : "false");
}

static const BaridCommandOption forget_options[] = {
    {"ip", BARID_TYPE_TEXT, N_("the client's address")},
    {"sender", BARID_TYPE_TEXT, N_("the sender's address; empty is the null sender")},
    {"recipient", BARID_TYPE_TEXT, N_("the recipient's address")},
    {"store", BARID_TYPE_TEXT, N_("another store than the module's own")},
    {NULL, BARID_TYPE_END, NULL},
};

static const BaridCommand commands[] = {
    {
        .name = "greylist forget",
        .usage = "greylist forget --ip IP --sender A --recipient A [--store NAME]",
        .summary = N_("Lets the next mail of a triplet wait again."),
        .run = greylist_forget,
        .options = forget_options,
    },
    {.name = NULL},
};

static gboolean
greylist_start(BaridStart *start G_GNUC_UNUSED, const void *config, gpointer *out_state,
               GError **error)
{
    const GreylistSettings *read = config;

    if (read->store == NULL ||
        (read->lifetime_ms != 0 && barid_rule_is_constant(read->delay) &&
         read->lifetime_ms <= barid_rule_eval_duration(read->delay, NULL))) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID,
                            read->store == NULL ? _("it needs a store")
                                                : _("lifetime must be longer than delay"));
        return FALSE;
    }
    *out_state = (gpointer)(guintptr)read;
    return TRUE;
}

static const BaridHook hooks[] = {
    BARID_HOOK_RCPT(greylist_rcpt, BARID_PHASE_AUTHORISE, .after = "dnsbl spf"),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {"greylist.age", NULL};

BARID_MODULE_DEFINE(greylist) = {
    BARID_MODULE_HEADER,
    .name = "greylist",
    .version = PACKAGE_VERSION,
    .summary = N_("Defers mail from unknown senders for a while"),
    .needs = BARID_READS_ENVELOPE | BARID_MAY_DEFER | BARID_USES_STORE,
    .settings = settings,
    .settings_size = sizeof(GreylistSettings),
    .hooks = hooks,
    .findings = findings,
    .commands = commands,
    .start = greylist_start,
};
