/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes: what hooks and rules look at. A session, a transaction and an attempt begin
 * with a Scope; inbound, queue and simulation fill in the facts, this floor gives them
 * to modules (session-api.c) and rules (variables.c).
 *
 * All memory of a scope is in its arena. A scope belongs to one fiber and the observer
 * fibers of its group, all on one thread.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include <barid/barid.h>

#include "base/address.h"
#include "base/arena.h"
#include "fiber/fiber.h"
#include "host/decision.h"
#include "host/saved.h"

typedef enum { SCOPE_SESSION, SCOPE_TRANSACTION, SCOPE_ATTEMPT } ScopeKind;

typedef struct Finding {
    struct Finding *next;
    const gchar *name;
    const gchar *value;
} Finding;

/* What a module keeps on a scope. */
typedef struct ScopeSlot {
    struct ScopeSlot *next;
    gconstpointer module;
    gpointer data;
} ScopeSlot;

/* An observer at work; waiters are woken when it ends. */
typedef struct ScopeObserver {
    struct ScopeObserver *next;
    const gchar *module;
    GPtrArray *waiters; /* of Fiber *, or NULL */
} ScopeObserver;

struct BaridScope {
    ScopeKind kind;
    Arena *arena;
    BaridScope *parent; /* the session of a transaction; else NULL */
    DecisionRecord decisions;
    Finding *findings;
    ScopeSlot *slots;
    ScopeObserver *observers;
    FiberGroup *group; /* where observers run; NULL runs them in line */
    gboolean without_shadows; /* rules are asked here once more, or where nothing may wait */
};

struct BaridSession {
    BaridScope scope;
    gchar id[24];
    Address remote, local;
    const gchar *listener;
    const gchar *hostname;  /* that the server gives itself to the client */
    const gchar *source;    /* one of scope_source_words; NULL for what a client says */
    BaridSlice helo;        /* in the session's arena */
    BaridSlice helo_domain; /* lower-cased */
    const gchar *user;      /* NULL while not authenticated */
    const gchar *tls_version; /* NULL while plain */
    const gchar *tls_cipher;
    gboolean lmtp;
};

struct BaridRecipient {
    BaridSlice address;   /* as given */
    BaridSlice canonical; /* lower-cased, one spelling; for rules */
    BaridSlice domain;
    BaridSlice key;       /* equal for the same recipient (directories_dup_key) */
    BaridSlice orcpt_type, orcpt_address; /* decoded; empty when not given */
    guint notify;         /* SmtpNotify bits; 0 when not given */
    /* What the directory made of it: the addresses it is delivered to. */
    BaridSlice *targets;
    guint n_targets;
    gboolean dropped;     /* refused at RECIPIENT stage */
};

/* An edit of the header, applied when the message is sealed. */
typedef struct HeaderEdit {
    struct HeaderEdit *next;
    gboolean removes;
    const gchar *name;
    const gchar *value; /* to prepend */
    guint n;            /* to remove */
} HeaderEdit;

struct BaridTransaction {
    BaridScope scope;
    BaridSession *session;
    gchar queue_id[16];
    BaridSlice sender;        /* as given */
    BaridSlice sender_canonical;
    BaridSlice sender_domain; /* lower-cased */
    GPtrArray *recipients;    /* of BaridRecipient *, in the arena */
    const BaridRecipient *current; /* the one that a RCPT rule is about */
    gint64 priority;
    BaridSlice message;       /* from MESSAGE on */
    BaridSlice own_fields;    /* that the server puts on top; known at SEAL */
    HeaderEdit *edits, **edits_tail;
    SavedValue *saved;
    struct MessageStream *stream; /* of the content that arrives, or NULL */
};

/* Where a message came from, in the order of EnvelopeSource; NULL-terminated. */
extern const gchar *const scope_source_words[];

struct BaridAttempt {
    BaridScope scope;
    const gchar *queue_id;
    BaridSlice sender;
    BaridSlice sender_canonical; /* lower-cased; for rules */
    BaridSlice sender_domain;
    BaridSlice domain; /* of the recipients, lower-cased */
    gint64 priority;
    guint n_retries;
    guint n_notices;       /* of delay, sent so far */
    gint64 created_ms;     /* when the message was accepted; 0 leaves its age unknown */
    gint64 expires_ms;     /* when it is given up; 0 while that is not known */
    gint64 size;
    guint n_recipients;    /* of this attempt */
    const gchar *source;   /* one of scope_source_words */
    const gchar *last_status, *last_error; /* of the attempt before; NULL without one */
    /* Of the session that the message came in. */
    BaridSlice user, listener, helo_domain, received_from;
    BaridSlice saved; /* areas in their stored form */
    const gchar *mx;       /* the host that is tried; NULL before */
    Address remote, local; /* zero before they are known */
    gpointer impl; /* the delivery at work (outbound) */
};

void scope_init(BaridScope *self, ScopeKind kind, Arena *arena, BaridScope *parent,
                FiberGroup *group);
/* Scopes of a session and a transaction in it that no client has begun: (session) and (txn) are
 * zeroed. The caller frees the transaction's list of recipients. */
void scope_init_made_up(BaridSession *session, BaridTransaction *txn, Arena *arena);
/* Waits for observers that are still at work. */
BARID_SUSPENDS void scope_join_observers(BaridScope *self);
/* The nearest session or transaction in the chain, or NULL. */
BaridSession *scope_get_session(BaridScope *self);
BaridTransaction *scope_get_transaction(BaridScope *self);
BaridAttempt *scope_get_attempt(BaridScope *self);
/* A finding without waiting, or NULL. */
const gchar *scope_peek_finding(BaridScope *self, const gchar *name);

/* Keeps what shadows of rules would have done in the scopes' records; once. */
void scope_register_shadows(void);
/* Registers all rule variables of FEATURES 3.2 and the finding family; once. */
void scope_register_variables(void);

#endif
