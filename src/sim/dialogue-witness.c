/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/dialogue-witness.h"

static void
witness_decision_free(gpointer data)
{
    WitnessDecision *self = data;

    g_free(self->source);
    g_free(self->file);
    g_free(self->reason);
    g_free(self);
}

void
witness_init(Witness *self)
{
    *self = (Witness){.session = NULL};
    self->decisions = g_ptr_array_new_with_free_func(witness_decision_free);
    self->findings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void
witness_clear(Witness *self)
{
    g_ptr_array_free(self->decisions, TRUE);
    g_hash_table_destroy(self->findings);
    g_free(self->session_record);
    g_free(self->txn_record);
}

static gchar *
witness_dup_decisions(const BaridScope *scope, const gchar *key)
{
    GString *out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    decision_record_write(&scope->decisions, &writer, key);
    json_writer_end_object(&writer);
    return g_string_free(out, FALSE);
}

static void
witness_keep_record(const Witness *self, const BaridScope *scope, const gchar *key, gchar **kept)
{
    if (!self->keeps_records)
        return;
    g_free(*kept);
    *kept = witness_dup_decisions(scope, key);
}

gchar *
witness_dup_record(const Witness *self)
{
    g_autofree gchar *session =
        self->session == NULL ? g_strdup(self->session_record)
                              : witness_dup_decisions(&self->session->scope, "session");
    g_autofree gchar *txn = self->txn == NULL
                                ? g_strdup(self->txn_record)
                                : witness_dup_decisions(&self->txn->scope, "transaction");

    return g_strdup_printf("[%s%s%s]", session == NULL ? "" : session,
                           session == NULL || txn == NULL ? "" : ", ", txn == NULL ? "" : txn);
}

/* Takes the decisions of (scope) behind the first (mark) ones. */
static void
witness_gather(Witness *self, const BaridScope *scope, guint mark)
{
    guint index = 0;

    for (const Decision *at = scope->decisions.first; at != NULL; at = at->next, index++) {
        WitnessDecision *copy;

        if (index < mark || at->shadow || at->overruled)
            continue;
        copy = g_new0(WitnessDecision, 1);
        copy->verdict = at->verdict;
        copy->code = at->code;
        copy->source = g_strdup(at->source);
        copy->file = g_strdup(at->rule.file);
        copy->line = at->rule.line;
        copy->reason = g_strdup(at->reason);
        g_ptr_array_add(self->decisions, copy);
    }
}

static void
witness_remember_findings(const Witness *self, const BaridScope *scope)
{
    for (const Finding *at = scope->findings; at != NULL; at = at->next)
        g_hash_table_replace(self->findings, g_strdup(at->name), g_strdup(at->value));
}

void
witness_see(InboundEvent event, BaridScope *scope, gpointer witness)
{
    Witness *self = witness;

    switch (event) {
    case INBOUND_SESSION_BEGINS:
        self->session = scope_get_session(scope);
        self->session_mark = 0;
        self->txn = NULL;
        g_clear_pointer(&self->txn_record, g_free);
        g_hash_table_remove_all(self->findings);
        break;
    case INBOUND_TRANSACTION_BEGINS:
        self->txn = scope_get_transaction(scope);
        self->txn_mark = 0;
        /* What was found out about an earlier message is not about this one. */
        g_hash_table_remove_all(self->findings);
        break;
    case INBOUND_TRANSACTION_ENDS:
        if (self->txn == NULL || scope != &self->txn->scope)
            break; /* of a connection that has been closed meanwhile */
        witness_gather(self, scope, self->txn_mark);
        witness_remember_findings(self, scope);
        witness_keep_record(self, scope, "transaction", &self->txn_record);
        /* Its refusals go over to the session: they are not told twice. */
        self->txn = NULL;
        break;
    case INBOUND_SESSION_ENDS:
        if (self->session == NULL || scope != &self->session->scope)
            break;
        witness_gather(self, scope, self->session_mark);
        witness_remember_findings(self, scope);
        witness_keep_record(self, scope, "session", &self->session_record);
        self->session = NULL;
        break;
    }
}

void
witness_begin_command(Witness *self)
{
    g_ptr_array_set_size(self->decisions, 0);
    self->session_mark = self->session == NULL ? 0 : self->session->scope.decisions.count;
    self->txn_mark = self->txn == NULL ? 0 : self->txn->scope.decisions.count;
}

const WitnessDecision *
witness_get_decision(Witness *self)
{
    const WitnessDecision *found = NULL;

    if (self->session != NULL) {
        witness_gather(self, &self->session->scope, self->session_mark);
        self->session_mark = self->session->scope.decisions.count;
    }
    if (self->txn != NULL) {
        witness_gather(self, &self->txn->scope, self->txn_mark);
        self->txn_mark = self->txn->scope.decisions.count;
    }
    for (guint i = 0; i < self->decisions->len; i++) {
        const WitnessDecision *decision = g_ptr_array_index(self->decisions, i);

        if (found == NULL || decision->verdict >= found->verdict)
            found = decision;
    }
    return found;
}

const gchar *
witness_get_finding(const Witness *self, const gchar *name)
{
    const gchar *value = NULL;

    if (self->txn != NULL)
        value = scope_peek_finding(&self->txn->scope, name);
    if (value == NULL)
        value = g_hash_table_lookup(self->findings, name);
    if (value == NULL && self->session != NULL)
        value = scope_peek_finding(&self->session->scope, name);
    return value;
}

gchar *
witness_dup_findings(const Witness *self)
{
    GString *out = g_string_new(NULL);
    GHashTableIter iter;
    gpointer name, value;
    const BaridScope *scopes[] = {self->txn == NULL ? NULL : &self->txn->scope,
                                  self->session == NULL ? NULL : &self->session->scope};

    for (guint i = 0; i < G_N_ELEMENTS(scopes); i++) {
        for (const Finding *at = scopes[i] == NULL ? NULL : scopes[i]->findings; at != NULL;
             at = at->next)
            g_string_append_printf(out, "%s%s = %s", out->len > 0 ? ", " : "", at->name,
                                   at->value);
    }
    g_hash_table_iter_init(&iter, self->findings);
    while (g_hash_table_iter_next(&iter, &name, &value))
        g_string_append_printf(out, "%s%s = %s", out->len > 0 ? ", " : "", (const gchar *)name,
                               (const gchar *)value);
    return g_string_free(out, FALSE);
}
