/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SmtpClient: one connection to a peer, SMTP (RFC 5321) or LMTP (RFC 2033): greeting,
 * EHLO with HELO as fall-back, STARTTLS, AUTH, transactions. Belongs to one fiber at a time.
 * A peer's replies are bounded in lines and bytes; what breaks a bound, or the grammar,
 * ends the connection with a failure that says so.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "net/connector.h"
#include "outbound/outbound-settings.h"
#include "outbound/transcript.h"
#include "smtp/peer.h"

/* Of one reply. */
#define SMTP_CLIENT_LINE_MAX 2048
#define SMTP_CLIENT_LINES_MAX 200
#define SMTP_CLIENT_TEXT_MAX 500

typedef struct SmtpClient SmtpClient;

typedef enum {
    SMTP_CLIENT_TLS_NONE,
    SMTP_CLIENT_TLS_OPPORTUNISTIC,
    SMTP_CLIENT_TLS_REQUIRED,
    SMTP_CLIENT_TLS_IMPLICIT,
} SmtpClientTls;

/* What is needed to open and use a connection. */
typedef struct {
    Endpoint endpoint;
    const Address *source;      /* or NULL */
    const gchar *host_name;     /* of the peer; "" when it has none */
    const gchar *helo_name;
    HostProtocol protocol;
    SmtpClientTls tls;
    const TlsTrust *trust; /* NULL checks no certificate; must outlive the connection */
    const gchar *user, *password; /* NULL without; must outlive the connection */
    gboolean pipelining, chunking; /* used where offered */
    gint64 timeouts_ms[OUTBOUND_N_TIMEOUTS];
} SmtpClientOptions;

/* Why a connection, or a transaction as a whole, failed. */
typedef struct {
    gboolean permanent;
    gboolean is_reply;     /* (text) is the peer's */
    gboolean is_cancelled; /* by ourselves: there is no use in going on */
    gboolean tls_failed;   /* or broke off at it: another connection without TLS may do */
    gchar status[16];      /* "4.4.1" */
    gchar text[SMTP_CLIENT_TEXT_MAX];
} SmtpClientFailure;

/* Opens the connection up to the point where MAIL may follow. NULL with (out_failure). */
BARID_SUSPENDS SmtpClient *smtp_client_open(const SmtpClientOptions *options,
                                            Transcript *transcript,
                                            SmtpClientFailure *out_failure);
/* Closes at once, without QUIT. */
void smtp_client_free(SmtpClient *self);
/* Says QUIT, waits a little for the answer, and frees. */
BARID_SUSPENDS void smtp_client_quit(SmtpClient *self);

/* The transcript of the attempt that uses the connection from now on; NULL for none. */
void smtp_client_set_transcript(SmtpClient *self, Transcript *transcript);
const SmtpPeer *smtp_client_get_peer(const SmtpClient *self);
const gchar *smtp_client_get_host_name(const SmtpClient *self);
/* Whether the peer has closed, or says something unasked: a kept connection is of no use
 * then. Does not wait. */
gboolean smtp_client_is_dead(const SmtpClient *self);
const Address *smtp_client_get_local(const SmtpClient *self);
/* NULL while plain. */
const TlsInfo *smtp_client_get_tls(const SmtpClient *self);
/* Transactions begun on it. */
guint smtp_client_get_n_transactions(const SmtpClient *self);

/* --- transactions --- */

typedef struct {
    BaridSlice sender;    /* empty for the null reverse-path */
    BaridSlice envid;     /* decoded; empty without */
    BaridSlice pieces[2]; /* content, CRLF line ends */
    gboolean is_8bit;     /* BODY=8BITMIME where offered */
    gboolean is_binary;   /* needs BDAT with BODY=BINARYMIME: the caller checks the offer */
    gboolean is_utf8;     /* SMTPUTF8; the same */
    gboolean ret_full, ret_hdrs;
    void (*before_end)(gpointer data); /* called before the end of the content may leave */
    gpointer before_end_data;
    gboolean is_careful;  /* in doubt before: the content waits for the answers to RCPT */
} SmtpClientMessage;

typedef enum {
    SMTP_CLIENT_UNTRIED,   /* not offered to the peer, or put off by 452 to a further one */
    SMTP_CLIENT_DELIVERED,
    SMTP_CLIENT_DEFERRED,
    SMTP_CLIENT_FAILED,
    SMTP_CLIENT_IN_DOUBT,  /* the content was sent and no reply came */
} SmtpClientOutcome;

typedef struct {
    BaridSlice address;
    BaridSlice orcpt_type, orcpt_address; /* decoded; empty without */
    guint notify;         /* SmtpNotify bits; 0 not given */
    gpointer owner;       /* the caller's */
    /* Results: */
    SmtpClientOutcome outcome;
    gboolean is_reply;
    gchar status[16];
    gchar *text;          /* in the arena given */
} SmtpClientRecipient;

typedef enum {
    SMTP_CLIENT_USABLE, /* another transaction may follow */
    SMTP_CLIENT_CLOSED, /* broken, or the peer is closing: only to be freed */
    SMTP_CLIENT_STALE,  /* a kept connection was dead: nothing was tried */
} SmtpClientState;

/* One transaction with (recipients), whose results are filled in: all have an outcome other
 * than UNTRIED but for those that the peer wants in a further transaction, and for all when
 * STALE. (arena) keeps the texts. */
BARID_SUSPENDS SmtpClientState smtp_client_send(SmtpClient *self,
                                                const SmtpClientMessage *message,
                                                SmtpClientRecipient **recipients,
                                                guint n_recipients, Arena *arena);

#endif
