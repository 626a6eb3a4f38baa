/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelope and delivery state of a queued message, and their stored form.
 *
 * The envelope never changes after the message was accepted. The delivery state says, for
 * each domain, when it is tried again and when it expires and, for each recipient, what
 * became of it; it is replaced as a whole after each attempt. Parsing is bounded and
 * trusts nothing, since a disk may lie.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "queue/queue-id.h"

#define ENVELOPE_RECIPIENTS_MAX 100000
/* Attempts' records kept with a message; older ones are dropped. */
#define ENVELOPE_ATTEMPTS_BYTES_MAX (32 * 1024)

typedef enum { ENVELOPE_SMTP, ENVELOPE_LMTP, ENVELOPE_DSN, ENVELOPE_SYSTEM } EnvelopeSource;
typedef enum {
    ENVELOPE_8BIT = 1 << 0,
    ENVELOPE_BINARY = 1 << 1,
    ENVELOPE_UTF8 = 1 << 2,
    ENVELOPE_RET_FULL = 1 << 3,
    ENVELOPE_RET_HDRS = 1 << 4,
} EnvelopeFlags;

typedef struct {
    BaridSlice address;       /* where it goes, as given or as an alias resolved */
    BaridSlice orcpt_type;    /* "rfc822", "utf-8"; empty without */
    BaridSlice orcpt_address; /* decoded */
    guint8 notify;            /* SmtpNotify bits; 0 means FAILURE and DELAY */
    gboolean is_expanded;     /* an alias whose members are recipients of their own: nothing is
                               * delivered to it, but that is told */
    guint16 domain;           /* index in (domains) */
} EnvelopeRecipient;

typedef struct {
    QueueId id;
    gint64 created_ms;
    EnvelopeSource source;
    guint flags; /* EnvelopeFlags */
    gint priority;
    guint64 size_bytes;
    BaridSlice sender;     /* empty for the null reverse-path */
    BaridSlice envid;      /* decoded; empty without */
    BaridSlice user;       /* authenticated, or empty */
    BaridSlice remote_ip, helo, session_id, listener;
    BaridSlice message_id; /* value of the field, as it will be sent */
    BaridSlice decisions;  /* JSON array */
    BaridSlice saved;      /* modules' areas in their stored form (host/saved.h) */
    guint n_domains;
    BaridSlice *domains;   /* lower-cased, in order of first appearance */
    guint n_recipients;
    EnvelopeRecipient *recipients;
} Envelope;

typedef enum { RECIPIENT_PENDING, RECIPIENT_DELIVERED, RECIPIENT_FAILED } RecipientStatus;

/* What a delivery was (RFC 3461 section 5.2). */
typedef enum {
    RECIPIENT_MANNER_FINAL,     /* to a mailbox */
    RECIPIENT_MANNER_RELAYED,   /* to a host that does not know DSN: nobody tells further */
    RECIPIENT_MANNER_HANDED_ON, /* to a host that tells of success itself */
    RECIPIENT_MANNER_EXPANDED,  /* to the members of an alias */
} RecipientManner;

typedef struct {
    guint8 status;      /* RecipientStatus */
    guint8 manner;      /* RecipientManner */
    gboolean in_doubt;  /* the last attempt ended after the content, before its answer */
    gboolean dsn_sent;  /* of the final state */
    gint64 last_ms;     /* of the last attempt; 0 without one */
    BaridSlice code;    /* "4.4.1"; empty before the first attempt */
    BaridSlice text;    /* peer's reply or local reason */
    BaridSlice remote;  /* host that said so; empty for local reasons */
} RecipientState;

typedef struct {
    gint64 next_ms;     /* next attempt */
    gint64 expires_ms;
    gint64 notify_ms;   /* next delay notice; 0 for none */
    guint16 n_attempts;
    guint16 n_notices;
    BaridSlice route;   /* set by "queue reroute"; empty: by the configuration */
    BaridSlice peer;    /* endpoint that was left in doubt; empty without */
} DomainState;

typedef struct {
    gboolean held;
    DomainState *domains;
    RecipientState *recipients;
    BaridSlice attempts; /* JSON objects, separated by commas, oldest first */
} DeliveryState;

gboolean envelope_write(const Envelope *self, Buffer *out);
/* Slices borrow from (bytes), arrays are in (arena). FALSE when the bytes are no envelope. */
gboolean envelope_parse(BaridSlice bytes, Arena *arena, Envelope *out_envelope);
gboolean delivery_state_write(const DeliveryState *self, const Envelope *envelope, Buffer *out);
gboolean delivery_state_parse(BaridSlice bytes, const Envelope *envelope, Arena *arena,
                              DeliveryState *out_state);
/* Fills (domains) and each recipient's (domain) from the addresses. */
void envelope_group_domains(Envelope *self, Arena *arena);

#endif
