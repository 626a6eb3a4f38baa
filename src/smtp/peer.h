/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SmtpPeer: what a server offers in its answer to EHLO or LHLO (RFC 5321 section 4.1.1.1).
 * Allocates nothing; unknown keywords are ignored, a repeated one counts once.
 */
#ifndef SMTP_PEER_H
#define SMTP_PEER_H

#include <barid/slice.h>

typedef enum {
    SMTP_PEER_PIPELINING = 1 << 0,    /* RFC 2920 */
    SMTP_PEER_CHUNKING = 1 << 1,      /* RFC 3030 */
    SMTP_PEER_BINARYMIME = 1 << 2,    /* RFC 3030 */
    SMTP_PEER_8BITMIME = 1 << 3,      /* RFC 6152 */
    SMTP_PEER_SMTPUTF8 = 1 << 4,      /* RFC 6531 */
    SMTP_PEER_DSN = 1 << 5,           /* RFC 3461 */
    SMTP_PEER_SIZE = 1 << 6,          /* RFC 1870 */
    SMTP_PEER_STARTTLS = 1 << 7,      /* RFC 3207 */
    SMTP_PEER_AUTH = 1 << 8,          /* RFC 4954 */
    SMTP_PEER_REQUIRETLS = 1 << 9,    /* RFC 8689 */
    SMTP_PEER_MT_PRIORITY = 1 << 10,  /* RFC 6710 */
    SMTP_PEER_DELIVERBY = 1 << 11,    /* RFC 2852 */
    SMTP_PEER_FUTURERELEASE = 1 << 12, /* RFC 4865 */
    SMTP_PEER_LIMITS = 1 << 13,       /* RFC 9422 */
} SmtpPeerExtension;

typedef enum { SMTP_PEER_AUTH_PLAIN = 1 << 0, SMTP_PEER_AUTH_LOGIN = 1 << 1 } SmtpPeerAuth;

typedef struct {
    guint extensions;     /* SmtpPeerExtension */
    guint auth;           /* SmtpPeerAuth */
    guint64 size_limit;   /* 0: none told */
    guint rcpt_limit;     /* recipients of one transaction (RFC 9422 RCPTMAX); 0: none told */
} SmtpPeer;

/* Takes one line of the answer, without code and separator; the first line, which greets,
 * is not given here. */
void smtp_peer_take_line(SmtpPeer *self, BaridSlice line);
static inline gboolean
smtp_peer_offers(const SmtpPeer *self, SmtpPeerExtension extension)
{
    return (self->extensions & extension) != 0;
}

#endif
