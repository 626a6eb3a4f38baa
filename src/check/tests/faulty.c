/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that does all that it should not, for tests of barid-check. What it does at RCPT is
 * the recipient's local part: "honest" asks a name server and a store and gives everything
 * back; "busy" asks several at once and lets a helper work; "leaky" forgets something when a
 * question fails; "endless" asks until it is answered. Its transport takes its time.
 */
#include <barid/barid.h>

typedef struct {
    BaridStore *store;
    gchar *zone;
} FaultySettings;

static const BaridSetting faulty_settings[] = {
    BARID_SETTING_STORE("store", FaultySettings, store, "memory", N_("Where visits are counted.")),
    BARID_SETTING_TEXT("zone", FaultySettings, zone, "faulty.example", N_("What is asked for.")),
    BARID_SETTING_END,
};

static BaridVerdict
faulty_ask_honestly(BaridTransaction *txn, const FaultySettings *self)
{
    g_autofree gchar *name = g_strconcat("honest.", self->zone, NULL);
    g_autoptr(BaridDnsAnswer) answer = NULL;
    g_autoptr(GBytes) note = NULL;
    g_autoptr(GError) error = NULL;
    gint64 visits;

    if (!barid_dns_lookup(txn, name, BARID_DNS_A, &answer, &error) ||
        !barid_store_get(self->store, BARID_SLICE_LITERAL("note"), &note, &error) ||
        !barid_store_add(self->store, BARID_SLICE_LITERAL("visits"), 1, 0, &visits, &error))
        return barid_fail(txn, error);
    if (note != NULL)
        barid_explain(txn, "note", "%.*s", (int)g_bytes_get_size(note),
                      (const gchar *)g_bytes_get_data(note, NULL));
    barid_explain(txn, "visits", "%" G_GINT64_FORMAT, visits);
    barid_finding_set(txn, "faulty.listed",
                      barid_dns_answer_get_status(answer) == BARID_DNS_FOUND ? "yes" : "no");
    if (barid_dns_answer_get_status(answer) == BARID_DNS_FOUND)
        return barid_reject(txn, 550, "5.7.1", "listed", "you are listed");
    return BARID_CONTINUE;
}

static BaridVerdict
faulty_ask_and_leak(BaridTransaction *txn, const FaultySettings *self)
{
    gchar *name = g_strconcat("leaky.", self->zone, NULL);
    g_autoptr(BaridDnsAnswer) answer = NULL;
    g_autoptr(GError) error = NULL;

    if (!barid_dns_lookup(txn, name, BARID_DNS_A, &answer, &error))
        return barid_fail(txn, error);
    g_free(name);
    return BARID_CONTINUE;
}

static BaridVerdict
faulty_ask_without_end(BaridTransaction *txn, const FaultySettings *self)
{
    g_autoptr(BaridDnsAnswer) answer = NULL;

    while (!barid_dns_lookup(txn, self->zone, BARID_DNS_A, &answer, NULL))
        ;
    return BARID_CONTINUE;
}

static void
faulty_work(gpointer data)
{
    *(guint *)data += 1;
}

static BaridVerdict
faulty_keep_busy(BaridTransaction *txn, const FaultySettings *self)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    g_autoptr(GError) error = NULL;
    guint worked = 0;

    barid_dns_batch_add(batch, self->zone, BARID_DNS_A);
    barid_dns_batch_add(batch, self->zone, BARID_DNS_MX);
    barid_dns_batch_ask(txn, batch);
    if (barid_dns_batch_get(batch, 0, &error) == NULL ||
        !barid_offload(faulty_work, &worked, &error) || !barid_sleep(20, &error))
        return barid_fail(txn, error);
    return worked == 1 ? BARID_CONTINUE : BARID_FAIL;
}

static BaridVerdict
faulty_rcpt(BaridTransaction *txn, const BaridRecipient *rcpt, gpointer state)
{
    BaridSlice address = barid_recipient_get_address(rcpt);

    if (barid_slice_equal_text(address, "leaky@example.org"))
        return faulty_ask_and_leak(txn, state);
    if (barid_slice_equal_text(address, "endless@example.org"))
        return faulty_ask_without_end(txn, state);
    if (barid_slice_equal_text(address, "carol@faulty.example"))
        return BARID_CONTINUE;
    if (barid_slice_equal_text(address, "bob@example.org"))
        return faulty_keep_busy(txn, state);
    return faulty_ask_honestly(txn, state);
}

/* --- an observer, which is waited for where its finding is read --- */

static BaridVerdict
faulty_mail(BaridTransaction *txn, gpointer state G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    if (!barid_sleep(50, &error))
        return barid_fail(txn, error);
    barid_finding_set(txn, "faulty.seen", "yes");
    return BARID_CONTINUE;
}

static BaridVerdict
faulty_message(BaridTransaction *txn, gpointer state G_GNUC_UNUSED)
{
    const gchar *seen = barid_finding_get(txn, "faulty.seen");
    g_autoptr(GError) error = NULL;

    if (!barid_transaction_prepend_field(txn, "X-Faulty", seen == NULL ? "blind" : "seen",
                                         &error))
        return barid_fail(txn, error);
    return BARID_CONTINUE;
}

static void
faulty_deliver(gpointer self G_GNUC_UNUSED, BaridAttempt *attempt)
{
    if (!barid_sleep(100, NULL))
        return; /* deferred */
    for (guint i = 0; i < barid_attempt_get_n_recipients(attempt); i++)
        barid_attempt_set_result(attempt, i, BARID_FAILED, "5.2.1", "nobody lives here");
}

static gpointer
faulty_open(const void *settings, GError **error G_GNUC_UNUSED)
{
    return (gpointer)(guintptr)settings;
}

static const BaridTransportDriver faulty_transport = {
    .struct_size = sizeof(BaridTransportDriver),
    .open = faulty_open,
    .deliver = faulty_deliver,
};

static const BaridProvider faulty_providers[] = {
    {BARID_PROVIDER_TRANSPORT, "faulty", &faulty_transport},
    {BARID_PROVIDER_END, NULL, NULL},
};

static const BaridHook faulty_hooks[] = {
    BARID_HOOK_MAIL(faulty_mail, BARID_PHASE_INSPECT, .observes = TRUE),
    BARID_HOOK_RCPT(faulty_rcpt, BARID_PHASE_AUTHORISE),
    BARID_HOOK_MESSAGE(faulty_message, BARID_PHASE_MODIFY),
    BARID_HOOK_END,
};

static const gchar *const faulty_findings[] = {"faulty.listed", "faulty.seen", NULL};

BARID_MODULE_DEFINE(faulty) = {
    BARID_MODULE_HEADER,
    .name = "faulty",
    .summary = N_("Does what modules should not do"),
    .needs = BARID_READS_ENVELOPE | BARID_MAY_REJECT | BARID_USES_STORE | BARID_USES_NETWORK |
             BARID_CHANGES_HEADERS,
    .settings = faulty_settings,
    .settings_size = sizeof(FaultySettings),
    .hooks = faulty_hooks,
    .providers = faulty_providers,
    .findings = faulty_findings,
};
