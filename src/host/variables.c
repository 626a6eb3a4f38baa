/* SPDX-License-Identifier: Apache-2.0 */
/* What rules can read of a scope: one row a variable. */
#include "conf/rule-language.h"
#include "host/rule-lookups.h"
#include "host/scope.h"

static void
variable_text(RuleValue *out, const gchar *text)
{
    out->type = RULE_TEXT;
    out->as.text = barid_slice_from_text(text);
}

#define VARIABLE(name)                                                                        \
    static void variable_##name(BaridScope *scope, BaridSlice argument G_GNUC_UNUSED,         \
                                Arena *scratch G_GNUC_UNUSED, RuleValue *out)

#define VARIABLE_OF_SESSION(name, type_, member, expression)                                  \
    VARIABLE(name)                                                                            \
    {                                                                                         \
        BaridSession *session = scope_get_session(scope);                                     \
                                                                                              \
        memset(out, 0, sizeof *out);                                                          \
        out->type = type_;                                                                    \
        if (session != NULL)                                                                  \
            out->as.member = (expression);                                                    \
    }

#define VARIABLE_OF_TRANSACTION(name, type_, member, expression)                              \
    VARIABLE(name)                                                                            \
    {                                                                                         \
        BaridTransaction *txn = scope_get_transaction(scope);                                 \
                                                                                              \
        memset(out, 0, sizeof *out);                                                          \
        out->type = type_;                                                                    \
        if (txn != NULL)                                                                      \
            out->as.member = (expression);                                                    \
    }

/* Of the client, or of the peer that an attempt connects to. */
VARIABLE(remote_ip)
{
    BaridSession *session = scope_get_session(scope);
    BaridAttempt *attempt = scope_get_attempt(scope);

    memset(out, 0, sizeof *out);
    out->type = RULE_ADDRESS;
    if (session != NULL)
        out->as.address = session->remote;
    else if (attempt != NULL)
        out->as.address = attempt->remote;
}

VARIABLE(local_ip)
{
    BaridSession *session = scope_get_session(scope);
    BaridAttempt *attempt = scope_get_attempt(scope);

    memset(out, 0, sizeof *out);
    out->type = RULE_ADDRESS;
    if (session != NULL)
        out->as.address = session->local;
    else if (attempt != NULL)
        out->as.address = attempt->local;
}

VARIABLE_OF_SESSION(remote_port, RULE_INTEGER, integer, session->remote.port)
VARIABLE_OF_SESSION(local_port, RULE_INTEGER, integer, session->local.port)
VARIABLE_OF_SESSION(listener, RULE_TEXT, text, barid_slice_from_text(session->listener))
VARIABLE_OF_SESSION(protocol, RULE_TEXT, text,
                    session->lmtp ? BARID_SLICE_LITERAL("lmtp") : BARID_SLICE_LITERAL("smtp"))
VARIABLE_OF_SESSION(is_tls, RULE_BOOL, boolean, session->tls_version != NULL)
VARIABLE_OF_SESSION(tls_version, RULE_TEXT, text, barid_slice_from_text(session->tls_version))
VARIABLE_OF_SESSION(tls_cipher, RULE_TEXT, text, barid_slice_from_text(session->tls_cipher))
VARIABLE_OF_SESSION(helo_domain, RULE_TEXT, text, session->helo_domain)
VARIABLE_OF_SESSION(user, RULE_TEXT, text, barid_slice_from_text(session->user))
VARIABLE_OF_TRANSACTION(rcpt, RULE_TEXT, text,
                        txn->current == NULL ? BARID_SLICE_EMPTY : txn->current->canonical)
VARIABLE_OF_TRANSACTION(recipients, RULE_INTEGER, integer, txn->recipients->len)
VARIABLE_OF_TRANSACTION(size, RULE_INTEGER, integer, (gint64)txn->message.len)
VARIABLE_OF_TRANSACTION(queue_id, RULE_TEXT, text, barid_slice_from_text(txn->queue_id))

VARIABLE(sender)
{
    BaridTransaction *txn = scope_get_transaction(scope);
    BaridAttempt *attempt = scope_get_attempt(scope);

    variable_text(out, NULL);
    if (txn != NULL)
        out->as.text = txn->sender_canonical;
    else if (attempt != NULL)
        out->as.text = attempt->sender;
}

VARIABLE(sender_domain)
{
    BaridTransaction *txn = scope_get_transaction(scope);
    BaridAttempt *attempt = scope_get_attempt(scope);

    variable_text(out, NULL);
    if (txn != NULL)
        out->as.text = txn->sender_domain;
    else if (attempt != NULL)
        out->as.text = attempt->sender_domain;
}

VARIABLE(rcpt_domain)
{
    BaridTransaction *txn = scope_get_transaction(scope);
    BaridAttempt *attempt = scope_get_attempt(scope);

    variable_text(out, NULL);
    if (txn != NULL && txn->current != NULL)
        out->as.text = txn->current->domain;
    else if (attempt != NULL)
        out->as.text = attempt->domain;
}

VARIABLE(priority)
{
    BaridTransaction *txn = scope_get_transaction(scope);
    BaridAttempt *attempt = scope_get_attempt(scope);

    out->type = RULE_INTEGER;
    out->as.integer = txn != NULL ? txn->priority : attempt != NULL ? attempt->priority : 0;
}

VARIABLE(retry_count)
{
    BaridAttempt *attempt = scope_get_attempt(scope);

    out->type = RULE_INTEGER;
    out->as.integer = attempt == NULL ? 0 : attempt->n_retries;
}

VARIABLE(mx)
{
    BaridAttempt *attempt = scope_get_attempt(scope);

    variable_text(out, attempt == NULL ? NULL : attempt->mx);
}

static void
variable_finding(BaridScope *scope, BaridSlice argument, Arena *scratch, RuleValue *out)
{
    g_autofree gchar *name = barid_slice_dup_text(argument, NULL);

    (void)scratch;
    variable_text(out, name == NULL ? NULL : barid_scope_finding_get(scope, name));
}

static const struct {
    const gchar *name;
    RuleType type;
    BaridKnown known;
    RuleGetter getter;
} variables[] = {
    {"remote-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, variable_remote_ip},
    {"remote-port", RULE_INTEGER, BARID_KNOWN_CONNECT, variable_remote_port},
    {"local-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, variable_local_ip},
    {"local-port", RULE_INTEGER, BARID_KNOWN_CONNECT, variable_local_port},
    {"listener", RULE_TEXT, BARID_KNOWN_CONNECT, variable_listener},
    {"protocol", RULE_TEXT, BARID_KNOWN_CONNECT, variable_protocol},
    /* False, or empty, until the client has done it: usable from the start. */
    {"is-tls", RULE_BOOL, BARID_KNOWN_CONNECT, variable_is_tls},
    {"tls-version", RULE_TEXT, BARID_KNOWN_CONNECT, variable_tls_version},
    {"tls-cipher", RULE_TEXT, BARID_KNOWN_CONNECT, variable_tls_cipher},
    {"authenticated-as", RULE_TEXT, BARID_KNOWN_CONNECT, variable_user},
    {"helo-domain", RULE_TEXT, BARID_KNOWN_EHLO, variable_helo_domain},
    {"sender", RULE_TEXT, BARID_KNOWN_MAIL, variable_sender},
    {"sender-domain", RULE_TEXT, BARID_KNOWN_MAIL, variable_sender_domain},
    {"rcpt", RULE_TEXT, BARID_KNOWN_RCPT, variable_rcpt},
    {"rcpt-domain", RULE_TEXT, BARID_KNOWN_RCPT, variable_rcpt_domain},
    {"recipients", RULE_INTEGER, BARID_KNOWN_MAIL, variable_recipients},
    {"priority", RULE_INTEGER, BARID_KNOWN_MAIL, variable_priority},
    {"queue-id", RULE_TEXT, BARID_KNOWN_MESSAGE, variable_queue_id},
    {"size", RULE_INTEGER, BARID_KNOWN_MESSAGE, variable_size},
    {"retry-count", RULE_INTEGER, BARID_KNOWN_ATTEMPT, variable_retry_count},
    {"mx", RULE_TEXT, BARID_KNOWN_ATTEMPT, variable_mx},
    {"finding.", RULE_TEXT, BARID_KNOWN_CONNECT, variable_finding},
};

void
scope_register_variables(void)
{
    static gsize registered;

    if (!g_once_init_enter(&registered))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(variables); i++)
        rule_variable_register(variables[i].name, variables[i].type, variables[i].known,
                               variables[i].getter);
    rule_lookups_register();
    g_once_init_leave(&registered, 1);
}
