/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery status notifications (RFC 3461 section 6, RFC 3464, RFC 6522, and RFC 6533 for
 * internationalised mail) as a pure function: what happened goes in, the message comes out
 * with CRLF line ends. Slices may hold whatever a peer said; it is made harmless here.
 * The envelope sender of the message is the null sender.
 */
#ifndef DSN_H
#define DSN_H

#include "base/buffer.h"

typedef enum {
    DSN_FAILED,
    DSN_DELAYED,
    DSN_DELIVERED,
    DSN_RELAYED,  /* to a host that does not know DSN (RFC 3461 section 5.2.2) */
    DSN_EXPANDED, /* to a list (section 5.2.7) */
    DSN_N_ACTIONS,
} DsnAction;

/* "failed", ... of RFC 3464 section 2.3.3. */
const gchar *dsn_action_name(DsnAction action);
gboolean dsn_action_parse(BaridSlice word, DsnAction *out_action);

typedef struct {
    BaridSlice original_type;    /* of ORCPT: "rfc822", "utf-8"; empty when not given */
    BaridSlice original_address; /* decoded */
    BaridSlice final_address;    /* "local@domain" */
    DsnAction action;
    guint8 status_class; /* RFC 3463, e.g. 5, 1, 1 */
    guint16 status_subject, status_detail;
    const gchar *diagnostic_type; /* "smtp" for a peer's reply, "x-..." for others, or NULL */
    BaridSlice diagnostic_text;   /* "550 5.1.1 no such user" */
    BaridSlice remote_mta;        /* host name, or empty */
    gint64 last_attempt_ms;       /* 0: none */
    gint64 will_retry_until_ms;   /* for DSN_DELAYED; 0: not said */
    BaridSlice explanation;       /* for people; empty: made from host and diagnostic */
    BaridSlice transcript;        /* lines of what was said, for people; empty without */
} DsnRecipient;

typedef enum { DSN_RETURN_HEADERS, DSN_RETURN_FULL } DsnReturn;

typedef struct {
    const gchar *reporting_mta;
    const gchar *language;     /* one of dsn_language_words, of the part for people; NULL: "en" */
    const gchar *from_name;    /* NULL: "Mail Delivery System", translated */
    const gchar *from_address;
    BaridSlice to;             /* the return path */
    const gchar *message_id;   /* without brackets */
    const gchar *boundary;     /* unguessable; letters and digits, at most 70 */
    BaridSlice envelope_id;    /* decoded; empty when there was none */
    gint64 arrival_ms, date_ms;
    const DsnRecipient *recipients;
    guint n_recipients;
    BaridSlice content;        /* the message; empty: nothing is returned */
    DsnReturn returned;        /* FULL holds only where a delivery failed (section 4.3) */
    gboolean smtputf8;         /* the message came with SMTPUTF8: its sender can read UTF-8 */
} Dsn;

/* Whether the notification uses the forms of RFC 6533 and must be sent with SMTPUTF8. */
gboolean dsn_is_global(const Dsn *self);
/* Appends the message. FALSE, with nothing appended, past the buffer's limit. */
gboolean dsn_build(const Dsn *self, Buffer *out);

#endif
