/* SPDX-License-Identifier: Apache-2.0 */
/* "check spf": what the module spf finds about a made-up session and sender. */
#include "baridctl/check.h"

#include <stdlib.h>

#include "base/json-writer.h"
#include "base/text.h"
#include "host/scope.h"

typedef struct {
    Host *host;
    BaridSession session;
    BaridTransaction txn;
} CheckSpf;

static void
spf_run(gpointer data)
{
    CheckSpf *self = data;
    HostOutcome outcome;

    host_run(self->host, BARID_STAGE_MAIL, &self->txn.scope, NULL, &outcome);
}

/* FALSE with the reason. */
static gboolean
spf_fill(CheckSpf *self, const Options *options, Arena *arena, GError **error)
{
    BaridSlice helo = barid_slice_from_text(options_get(options, "helo"));
    BaridSlice sender = barid_slice_from_text(options_get(options, "mail-from"));
    gssize at = text_find_last(sender, '@');

    if (!address_parse_ip(barid_slice_from_text(options_get(options, "ip")),
                          &self->session.remote)) {
        g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                            _("--ip takes an IPv4 or IPv6 address"));
        return FALSE;
    }
    if (sender.len > 0 && at < 0) {
        g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                            _("--mail-from takes an address with a domain, or nothing"));
        return FALSE;
    }
    scope_init(&self->session.scope, SCOPE_SESSION, arena, NULL, NULL);
    scope_init(&self->txn.scope, SCOPE_TRANSACTION, arena, &self->session.scope, NULL);
    self->session.listener = "check";
    self->session.helo = helo;
    self->session.helo_domain = arena_dup_lower(arena, helo);
    self->txn.session = &self->session;
    self->txn.recipients = g_ptr_array_new();
    self->txn.sender = sender;
    self->txn.sender_canonical = sender;
    if (at >= 0)
        self->txn.sender_domain = arena_dup_lower(
            arena, barid_slice(sender.data + at + 1, sender.len - (gsize)at - 1));
    return TRUE;
}

/* NULL where there is nothing to tell. */
static const gchar *
spf_get(CheckSpf *self, const gchar *name)
{
    const gchar *value = scope_peek_finding(&self->txn.scope, name);

    return value == NULL || *value == '\0' ? NULL : value;
}

static CtlStatus
spf_answer(CheckSpf *self, const Options *options)
{
    const gchar *result = spf_get(self, "spf");
    const gchar *lookups = spf_get(self, "spf.lookups");
    const gchar *explanation = spf_get(self, "spf.explanation");
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    result = result == NULL ? "temperror" : result; /* its time was over */
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "result", result);
    json_writer_text(&writer, "explanation",
                     explanation != NULL ? explanation : spf_get(self, "spf.problem"));
    json_writer_text(&writer, "mechanism", spf_get(self, "spf.mechanism"));
    json_writer_integer(&writer, "lookups", lookups == NULL ? 0 : strtol(lookups, NULL, 10));
    json_writer_text(&writer, "domain", spf_get(self, "spf.domain"));
    json_writer_end_object(&writer);
    ctl_answer(options, "check spf", out->str);
    return strcmp(result, "pass") == 0 || strcmp(result, "none") == 0 ||
                   strcmp(result, "neutral") == 0
               ? CTL_DONE
               : CTL_NO;
}

static CtlStatus
spf_check(CheckSpf *self, const Options *options, Arena *arena)
{
    g_auto(CheckRuntime) runtime = {.files = NULL};
    g_autoptr(GError) error = NULL;

    if (!spf_fill(self, options, arena, &error) ||
        !check_runtime_init(&runtime, options, "spf", &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    self->host = runtime.host;
    if (!check_runtime_run(&runtime, spf_run, self, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    return spf_answer(self, options);
}

CtlStatus
check_spf(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_autoptr(Arena) arena = arena_new(1024);
    CheckSpf check = {.host = NULL};
    CtlStatus status;

    if (options_get(options, "ip") == NULL || options_get(options, "helo") == NULL ||
        options_get(options, "mail-from") == NULL) {
        ctl_complain(_("baridctl check spf --ip IP --helo NAME --mail-from ADDRESS "
                       "[--dns HOST:PORT]: all three are needed"));
        return CTL_USAGE;
    }
    status = spf_check(&check, options, arena);
    if (check.txn.recipients != NULL)
        g_ptr_array_free(check.txn.recipients, TRUE);
    return status;
}
