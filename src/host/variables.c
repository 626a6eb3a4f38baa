/* SPDX-License-Identifier: Apache-2.0 */
/* What rules can read of a scope: one row a variable. */
#include <time.h>

#include <barid/address-list.h>

#include "base/clock.h"
#include "conf/rule-language.h"
#include "base/text.h"
#include "conf/rule-literal.h"
#include "host/rule-lookups.h"
#include "host/scope.h"
#include "mime/header.h"
#include "mime/mail-domain.h"

static const gchar *const weekday_words[] = {"sun", "mon", "tue", "wed",
                                             "thu", "fri", "sat", NULL};
static const gchar *const protocol_words[] = {"smtp", "lmtp", NULL};
const gchar *const scope_source_words[] = {"smtp", "lmtp", "dsn", "system", NULL};

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
VARIABLE_OF_SESSION(protocol, RULE_TEXT, text,
                    session->lmtp ? BARID_SLICE_LITERAL("lmtp") : BARID_SLICE_LITERAL("smtp"))
VARIABLE_OF_SESSION(is_tls, RULE_BOOL, boolean, session->tls_version != NULL)
VARIABLE_OF_SESSION(tls_version, RULE_TEXT, text, barid_slice_from_text(session->tls_version))
VARIABLE_OF_SESSION(tls_cipher, RULE_TEXT, text, barid_slice_from_text(session->tls_cipher))
VARIABLE_OF_TRANSACTION(rcpt, RULE_TEXT, text,
                        txn->current == NULL ? BARID_SLICE_EMPTY : txn->current->canonical)

/* What the envelope keeps of the session is known at an attempt too. */
#define VARIABLE_OF_BOTH(name, type_, member, of_session, of_attempt)                         \
    VARIABLE(name)                                                                            \
    {                                                                                         \
        BaridSession *session = scope_get_session(scope);                                     \
        BaridAttempt *attempt = scope_get_attempt(scope);                                     \
                                                                                              \
        memset(out, 0, sizeof *out);                                                          \
        out->type = type_;                                                                    \
        if (session != NULL)                                                                  \
            out->as.member = (of_session);                                                    \
        else if (attempt != NULL)                                                             \
            out->as.member = (of_attempt);                                                    \
    }

VARIABLE_OF_BOTH(listener, RULE_TEXT, text, barid_slice_from_text(session->listener),
                 attempt->listener)
VARIABLE_OF_BOTH(helo_domain, RULE_TEXT, text, session->helo_domain, attempt->helo_domain)
VARIABLE_OF_BOTH(source, RULE_TEXT, text, barid_slice_from_text(barid_session_get_source(session)),
                 barid_slice_from_text(attempt->source))
VARIABLE_OF_BOTH(user, RULE_TEXT, text, barid_slice_from_text(session->user), attempt->user)

/* The same for the message. */
#define VARIABLE_OF_MESSAGE(name, type_, member, of_transaction, of_attempt)                  \
    VARIABLE(name)                                                                            \
    {                                                                                         \
        BaridTransaction *txn = scope_get_transaction(scope);                                 \
        BaridAttempt *attempt = scope_get_attempt(scope);                                     \
                                                                                              \
        memset(out, 0, sizeof *out);                                                          \
        out->type = type_;                                                                    \
        if (txn != NULL)                                                                      \
            out->as.member = (of_transaction);                                                \
        else if (attempt != NULL)                                                             \
            out->as.member = (of_attempt);                                                    \
    }

VARIABLE_OF_MESSAGE(sender, RULE_TEXT, text, txn->sender_canonical,
                    attempt->sender_canonical)
VARIABLE_OF_MESSAGE(sender_domain, RULE_TEXT, text, txn->sender_domain, attempt->sender_domain)
VARIABLE_OF_MESSAGE(rcpt_domain, RULE_TEXT, text,
                    txn->current == NULL ? BARID_SLICE_EMPTY : txn->current->domain,
                    attempt->domain)
VARIABLE_OF_MESSAGE(priority, RULE_INTEGER, integer, txn->priority, attempt->priority)
VARIABLE_OF_MESSAGE(recipients, RULE_INTEGER, integer, txn->recipients->len,
                    attempt->n_recipients)
VARIABLE_OF_MESSAGE(size, RULE_INTEGER, integer, (gint64)txn->message.len, attempt->size)
VARIABLE_OF_MESSAGE(queue_id, RULE_TEXT, text, barid_slice_from_text(txn->queue_id),
                    barid_slice_from_text(attempt->queue_id))

/* All that were accepted so far, with blanks between. */
static BaridSlice
transaction_list_recipients(const BaridTransaction *txn)
{
    gsize len = 0;
    guint8 *text;

    for (guint i = 0; i < txn->recipients->len; i++)
        len += ((const BaridRecipient *)g_ptr_array_index(txn->recipients, i))->canonical.len + 1;
    if (len == 0)
        return BARID_SLICE_EMPTY;
    text = arena_alloc(txn->scope.arena, len);
    len = 0;
    for (guint i = 0; i < txn->recipients->len; i++) {
        const BaridRecipient *rcpt = g_ptr_array_index(txn->recipients, i);

        memcpy(text + len, rcpt->canonical.data, rcpt->canonical.len);
        len += rcpt->canonical.len;
        text[len++] = ' ';
    }
    return barid_slice(text, len - 1);
}

VARIABLE_OF_TRANSACTION(recipient_addresses, RULE_TEXT, text, transaction_list_recipients(txn))

/* The author: the first address of the field From. */
static BaridSlice
transaction_get_author(const BaridTransaction *txn)
{
    BaridSlice address = BARID_SLICE_EMPTY;
    HeaderField field;

    if (!header_find(txn->message, "From", 0, &field))
        return BARID_SLICE_EMPTY;
    return barid_address_list_next(&field.value, &address) ? address : BARID_SLICE_EMPTY;
}

static BaridSlice
transaction_get_author_domain(const BaridTransaction *txn)
{
    BaridSlice author = transaction_get_author(txn);
    gssize at = text_find_last(author, '@');

    return at < 0 ? BARID_SLICE_EMPTY
                  : mail_domain_dup_ascii(barid_slice(author.data + at + 1,
                                                      author.len - (gsize)at - 1),
                                          txn->scope.arena);
}

VARIABLE_OF_TRANSACTION(from, RULE_TEXT, text,
                        arena_dup_lower(txn->scope.arena, transaction_get_author(txn)))
VARIABLE_OF_TRANSACTION(from_domain, RULE_TEXT, text, transaction_get_author_domain(txn))

#define VARIABLE_OF_ATTEMPT(name, type_, member, expression)                                  \
    VARIABLE(name)                                                                            \
    {                                                                                         \
        BaridAttempt *attempt = scope_get_attempt(scope);                                     \
                                                                                              \
        memset(out, 0, sizeof *out);                                                          \
        out->type = type_;                                                                    \
        if (attempt != NULL)                                                                  \
            out->as.member = (expression);                                                    \
    }

VARIABLE_OF_ATTEMPT(retry_count, RULE_INTEGER, integer, attempt->n_retries)
VARIABLE_OF_ATTEMPT(notify_count, RULE_INTEGER, integer, attempt->n_notices)
VARIABLE_OF_ATTEMPT(mx, RULE_TEXT, text, barid_slice_from_text(attempt->mx))
VARIABLE_OF_ATTEMPT(last_status, RULE_TEXT, text, barid_slice_from_text(attempt->last_status))
VARIABLE_OF_ATTEMPT(last_error, RULE_TEXT, text, barid_slice_from_text(attempt->last_error))
VARIABLE_OF_ATTEMPT(queue_age, RULE_DURATION, integer,
                    attempt->created_ms == 0 ? 0 : MAX(clock_wall_ms() - attempt->created_ms, 0))
VARIABLE_OF_ATTEMPT(expires_in, RULE_DURATION, integer,
                    attempt->expires_ms == 0 ? 0 : MAX(attempt->expires_ms - clock_wall_ms(), 0))

VARIABLE(received_from)
{
    BaridAttempt *attempt = scope_get_attempt(scope);

    memset(out, 0, sizeof *out);
    out->type = RULE_ADDRESS;
    if (attempt != NULL)
        address_parse_ip(attempt->received_from, &out->as.address);
}

/* --- the time --- */

static gint64
variable_get_time_of_day(const struct tm *tm)
{
    return ((tm->tm_hour * 60 + tm->tm_min) * G_GINT64_CONSTANT(60) + tm->tm_sec) * 1000;
}

static BaridSlice
variable_get_weekday(const struct tm *tm)
{
    return barid_slice_from_text(weekday_words[CLAMP(tm->tm_wday, 0, 6)]);
}

static gint64
variable_get_date(const struct tm *tm)
{
    GDate date;

    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)tm->tm_mday, (GDateMonth)(tm->tm_mon + 1),
                   (GDateYear)(tm->tm_year + 1900));
    return (gint64)g_date_get_julian(&date) - RULE_DATE_EPOCH_JULIAN;
}

#define VARIABLE_OF_TIME(name, type_, member, break_down, function)                           \
    VARIABLE(name)                                                                            \
    {                                                                                         \
        time_t now = (time_t)(clock_wall_ms() / 1000);                                        \
        struct tm tm = {.tm_mday = 1};                                                        \
                                                                                              \
        (void)scope;                                                                          \
        break_down(&now, &tm);                                                                \
        out->type = type_;                                                                    \
        out->as.member = function(&tm);                                                       \
    }

VARIABLE_OF_TIME(time_of_day, RULE_DURATION, integer, localtime_r, variable_get_time_of_day)
VARIABLE_OF_TIME(weekday, RULE_TEXT, text, localtime_r, variable_get_weekday)
VARIABLE_OF_TIME(date, RULE_DATE, integer, localtime_r, variable_get_date)
VARIABLE_OF_TIME(utc_time_of_day, RULE_DURATION, integer, gmtime_r, variable_get_time_of_day)
VARIABLE_OF_TIME(utc_weekday, RULE_TEXT, text, gmtime_r, variable_get_weekday)
VARIABLE_OF_TIME(utc_date, RULE_DATE, integer, gmtime_r, variable_get_date)

static void
variable_finding(BaridScope *scope, BaridSlice argument, Arena *scratch, RuleValue *out)
{
    g_autofree gchar *name = barid_slice_dup_text(argument, NULL);

    (void)scratch;
    variable_text(out, name == NULL ? NULL : barid_scope_finding_get(scope, name));
}

/* (last) is the latest stage at which a variable has a value; others end with the session. */
static const struct {
    const gchar *name;
    RuleType type;
    BaridKnown known;
    RuleGetter getter;
    BaridKnown last;
} variables[] = {
    {"time-of-day", RULE_DURATION, BARID_KNOWN_ALWAYS, variable_time_of_day, BARID_KNOWN_ATTEMPT},
    {"weekday", RULE_TEXT, BARID_KNOWN_ALWAYS, variable_weekday, BARID_KNOWN_ATTEMPT},
    {"date", RULE_DATE, BARID_KNOWN_ALWAYS, variable_date, BARID_KNOWN_ATTEMPT},
    {"utc-time-of-day", RULE_DURATION, BARID_KNOWN_ALWAYS, variable_utc_time_of_day,
     BARID_KNOWN_ATTEMPT},
    {"utc-weekday", RULE_TEXT, BARID_KNOWN_ALWAYS, variable_utc_weekday, BARID_KNOWN_ATTEMPT},
    {"utc-date", RULE_DATE, BARID_KNOWN_ALWAYS, variable_utc_date, BARID_KNOWN_ATTEMPT},
    {"remote-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, variable_remote_ip, BARID_KNOWN_ATTEMPT},
    {"remote-port", RULE_INTEGER, BARID_KNOWN_CONNECT, variable_remote_port,
     BARID_KNOWN_MESSAGE},
    {"local-ip", RULE_ADDRESS, BARID_KNOWN_CONNECT, variable_local_ip, BARID_KNOWN_ATTEMPT},
    {"local-port", RULE_INTEGER, BARID_KNOWN_CONNECT, variable_local_port, BARID_KNOWN_MESSAGE},
    {"listener", RULE_TEXT, BARID_KNOWN_CONNECT, variable_listener, BARID_KNOWN_ATTEMPT},
    {"protocol", RULE_TEXT, BARID_KNOWN_CONNECT, variable_protocol, BARID_KNOWN_MESSAGE},
    {"source", RULE_TEXT, BARID_KNOWN_CONNECT, variable_source, BARID_KNOWN_ATTEMPT},
    /* False, or empty, until the client has done it: usable from the start. */
    {"is-tls", RULE_BOOL, BARID_KNOWN_CONNECT, variable_is_tls, BARID_KNOWN_MESSAGE},
    {"tls-version", RULE_TEXT, BARID_KNOWN_CONNECT, variable_tls_version, BARID_KNOWN_MESSAGE},
    {"tls-cipher", RULE_TEXT, BARID_KNOWN_CONNECT, variable_tls_cipher, BARID_KNOWN_MESSAGE},
    {"authenticated-as", RULE_TEXT, BARID_KNOWN_CONNECT, variable_user, BARID_KNOWN_ATTEMPT},
    {"helo-domain", RULE_TEXT, BARID_KNOWN_EHLO, variable_helo_domain, BARID_KNOWN_ATTEMPT},
    {"sender", RULE_TEXT, BARID_KNOWN_MAIL, variable_sender, BARID_KNOWN_ATTEMPT},
    {"sender-domain", RULE_TEXT, BARID_KNOWN_MAIL, variable_sender_domain, BARID_KNOWN_ATTEMPT},
    {"rcpt", RULE_TEXT, BARID_KNOWN_RCPT, variable_rcpt, BARID_KNOWN_MESSAGE},
    {"rcpt-domain", RULE_TEXT, BARID_KNOWN_RCPT, variable_rcpt_domain, BARID_KNOWN_ATTEMPT},
    {"recipient-addresses", RULE_TEXT, BARID_KNOWN_MAIL, variable_recipient_addresses,
     BARID_KNOWN_MESSAGE},
    {"recipients", RULE_INTEGER, BARID_KNOWN_MAIL, variable_recipients, BARID_KNOWN_ATTEMPT},
    {"priority", RULE_INTEGER, BARID_KNOWN_MAIL, variable_priority, BARID_KNOWN_ATTEMPT},
    {"from", RULE_TEXT, BARID_KNOWN_MESSAGE, variable_from, BARID_KNOWN_MESSAGE},
    {"from-domain", RULE_TEXT, BARID_KNOWN_MESSAGE, variable_from_domain, BARID_KNOWN_MESSAGE},
    {"queue-id", RULE_TEXT, BARID_KNOWN_MESSAGE, variable_queue_id, BARID_KNOWN_ATTEMPT},
    {"size", RULE_INTEGER, BARID_KNOWN_MESSAGE, variable_size, BARID_KNOWN_ATTEMPT},
    {"retry-count", RULE_INTEGER, BARID_KNOWN_ATTEMPT, variable_retry_count, BARID_KNOWN_ATTEMPT},
    {"notify-count", RULE_INTEGER, BARID_KNOWN_ATTEMPT, variable_notify_count,
     BARID_KNOWN_ATTEMPT},
    {"queue-age", RULE_DURATION, BARID_KNOWN_ATTEMPT, variable_queue_age, BARID_KNOWN_ATTEMPT},
    {"expires-in", RULE_DURATION, BARID_KNOWN_ATTEMPT, variable_expires_in, BARID_KNOWN_ATTEMPT},
    {"last-status", RULE_TEXT, BARID_KNOWN_ATTEMPT, variable_last_status, BARID_KNOWN_ATTEMPT},
    {"last-error", RULE_TEXT, BARID_KNOWN_ATTEMPT, variable_last_error, BARID_KNOWN_ATTEMPT},
    {"received-from", RULE_ADDRESS, BARID_KNOWN_ATTEMPT, variable_received_from,
     BARID_KNOWN_ATTEMPT},
    {"mx", RULE_TEXT, BARID_KNOWN_ATTEMPT, variable_mx, BARID_KNOWN_ATTEMPT},
    {"finding.", RULE_TEXT, BARID_KNOWN_CONNECT, variable_finding, BARID_KNOWN_MESSAGE},
};

void
scope_register_variables(void)
{
    static gsize registered;

    if (!g_once_init_enter(&registered))
        return;
    tzset();
    for (guint i = 0; i < G_N_ELEMENTS(variables); i++) {
        rule_variable_register(variables[i].name, variables[i].type, variables[i].known,
                               variables[i].getter);
        rule_variable_set_last(variables[i].name, variables[i].last);
    }
    rule_variable_set_words("weekday", weekday_words);
    rule_variable_set_words("utc-weekday", weekday_words);
    rule_variable_set_words("protocol", protocol_words);
    rule_variable_set_words("source", scope_source_words);
    rule_variable_set_section("listener", "listener");
    rule_lookups_register();
    g_once_init_leave(&registered, 1);
}
