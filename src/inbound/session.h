/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session: the dialogue with one client, in one fiber. The commands are one file each
 * (cmd-*.c) with one row each in the table of session.c.
 */
#ifndef INBOUND_SESSION_H
#define INBOUND_SESSION_H

#include <stdatomic.h>

#include "base/counter.h"
#include "inbound/inbound.h"
#include "inbound/inbound-settings.h"
#include "inbound/session-decide.h"
#include "net/line-reader.h"
#include "smtp/command.h"
#include "smtp/data-decoder.h"
#include "smtp/reply.h"

/* RFC 5321 section 4.5.3.1.4 with room for every extension's parameters. */
#define SESSION_LINE_MAX 4096
/* RFC 4954 section 4: a client's answer to a challenge. */
#define SESSION_AUTH_LINE_MAX 12288

struct InboundListener {
    gchar *name;
    ListenerSettings settings;
    const gchar *hostname; /* where there is no session that knows better */
    gchar *fixed_hostname; /* the same, when the setting has one name for all */
    TlsServer *tls; /* NULL without TLS */
    gboolean is_local; /* on unix sockets: the kernel says who comes */
    /* Of gchar *, NULL-terminated; empty when it does not listen. Those of (passed) are among
     * the others. */
    GPtrArray *addresses, *passed;
    _Atomic guint n_sessions;
};

struct Inbound {
    InboundServices services;
    SessionSettings session;
    EhloSettings ehlo;
    ExtensionSettings extensions;
    AuthSettings auth;
    RcptSettings rcpt;
    DataSettings data;
    GPtrArray *listeners; /* of InboundListener * */
    GArray *certificates; /* of InboundCertificate */
    GPtrArray *threads;   /* of InboundThread *, complete before the first session */
    _Atomic guint n_sessions;
    CounterId n_accepted, n_messages, n_refused;
    InboundWitness witness; /* or NULL */
    gpointer witness_data;
};

struct InboundThread {
    Inbound *inbound;
    Scheduler *scheduler;
    FiberGroup acceptors;
    FiberGroup sessions;
    Session *first; /* linked by (next) */
    _Atomic guint n_sessions; /* for the balance between threads */
    gboolean draining;
};

/* What was offered with the last EHLO. */
typedef struct {
    gboolean pipelining, chunking, dsn, smtputf8, vrfy, expn, auth, starttls;
} SessionOffer;

struct Session {
    BaridSession facts; /* first: hooks see this part */
    Session *next, *previous;
    InboundThread *thread;
    Inbound *inbound;
    InboundListener *listener;
    Stream *stream;
    LineReader reader;
    Arena *arena;
    FiberGroup observers;
    const gchar *hostname; /* that the server is known by here */
    SessionOffer offer;
    const gchar *const *mechanisms; /* as of the last EHLO; never NULL */
    gboolean greeted;   /* EHLO, HELO or LHLO was accepted */
    gboolean extended;  /* not by HELO */
    gboolean waiting;   /* for a command, outside a transaction: may be interrupted */
    guint n_errors, n_auth_errors, n_rcpt_errors, n_messages, n_refusals;
    gint64 timeout_ms, ends_ms, transfer_limit;
    /* What set the limits that end a session. */
    struct {
        const RuleReasons *timeout, *duration, *transfer_limit, *max_errors;
    } why;
    const gchar *end_reason;
    gint64 started_ms;
    gboolean is_cut_off;        /* by one of its limits */
    gboolean keeps_differences; /* of shadows, from transactions that came to no message */
    /* The transaction at hand; (arena) lives as long as it. */
    struct {
        BaridTransaction facts;
        Arena *arena;
        gboolean open;
        GHashTable *known; /* the keys of more than a few recipients, or NULL */
        SmtpMail mail;
        gint64 max_size, max_recipients;
        const RuleReasons *why_max_size, *why_max_recipients;
        FiberGroup observers;
        gboolean in_bdat;     /* BDAT began: DATA is out of order */
        gboolean bdat_failed; /* RFC 3030 section 2: chunks fail until RSET */
        DataDecoder decoder;  /* findings over all chunks */
        Arrival arrival;
        gboolean has_arrival;
        BaridSlice message_id; /* as it will be sent; empty without */
        const RuleReasons *why_relay; /* what spoke about relaying last */
        gboolean queued;       /* its record is kept with the message */
    } txn;
};

/* --- replies --- */

/* Buffers one reply; counts errors. */
BARID_SUSPENDS SessionStep session_reply(Session *self, guint code, const gchar *enhanced,
                                         const gchar *format, ...) G_GNUC_PRINTF(4, 5);
/* Whether the limit of errors is reached. */
BARID_SUSPENDS gboolean session_has_too_many_errors(Session *self);
/* What a stage's outcome says; for verdicts DEFER and above. */
BARID_SUSPENDS SessionStep session_reply_outcome(Session *self, const HostOutcome *outcome);
/* 421 and the end. */
BARID_SUSPENDS SessionStep session_close(Session *self, const gchar *enhanced,
                                         const gchar *reason, const gchar *text);
/* Tells the witness, if there is one. */
void session_tell(const Session *self, InboundEvent event, BaridScope *scope);
/* Sends what is buffered, then waits (duration_ms): against harvesters. */
BARID_SUSPENDS gboolean session_delay(Session *self, gint64 duration_ms);

/* --- transactions --- */

/* Begins, ends. Ending forgets everything and is allowed without one. */
void transaction_begin(Session *self, const SmtpMail *mail);
void transaction_end(Session *self);
/* The whole content is here: judges, seals, queues, answers. (decoder findings) */
BARID_SUSPENDS SessionStep transaction_finish(Session *self, const gchar *content_problem);

/* Forgets what the client said about itself (RFC 3207 section 4.2). */
void session_forget(Session *self);

/* Runs a whole session. */
BARID_SUSPENDS void session_run(InboundThread *thread, InboundListener *listener,
                                Stream *stream_taken, const Address *remote,
                                const Address *local);

#endif
