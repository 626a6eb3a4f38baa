/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of SMTP and LMTP commands (RFC 5321 section 4.1, RFC 2033, 3030, 3461, 4954,
 * 6152, 1870, 6531). One line becomes one command value; nothing is allocated, slices
 * borrow from the line. No policy: whether a parameter is allowed is the session's affair.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "mime/mail-address.h"

typedef enum {
    SMTP_EHLO, SMTP_HELO, SMTP_LHLO, SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_BDAT,
    SMTP_RSET, SMTP_NOOP, SMTP_VRFY, SMTP_EXPN, SMTP_HELP, SMTP_QUIT, SMTP_STARTTLS,
    SMTP_AUTH, SMTP_ETRN, SMTP_ATRN, SMTP_BURL,
    SMTP_UNKNOWN,
    SMTP_N_VERBS = SMTP_UNKNOWN,
} SmtpVerb;

typedef enum {
    SMTP_PARSED,
    SMTP_BAD_SYNTAX,        /* 501 5.5.2 */
    SMTP_BAD_ADDRESS,       /* 501 5.1.7 (sender) or 5.1.3 (recipient); see (address_result) */
    SMTP_BAD_PARAMETER,     /* 501 5.5.4: (parameter) has a bad or repeated value */
    SMTP_UNKNOWN_PARAMETER, /* 555 5.5.4: (parameter) is not known */
} SmtpParseResult;

typedef enum { SMTP_BODY_NONE, SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME } SmtpBody;
typedef enum { SMTP_RET_NONE, SMTP_RET_FULL, SMTP_RET_HDRS } SmtpRet;
typedef enum {
    SMTP_NOTIFY_NEVER = 1 << 0,
    SMTP_NOTIFY_SUCCESS = 1 << 1,
    SMTP_NOTIFY_FAILURE = 1 << 2,
    SMTP_NOTIFY_DELAY = 1 << 3,
} SmtpNotify; /* 0: not given */

/* MAIL FROM. Slices are still encoded as on the wire (xtext), checked, and printable when
 * decoded. (has_*) tell presence. (requiretls) stays FALSE: the parameter is unknown until
 * the extension is offered. (size_bytes) saturates. */
typedef struct {
    MailAddress address; /* address.full empty for <> */
    gboolean has_size, has_envid, has_auth, smtputf8, requiretls;
    guint64 size_bytes;
    SmtpBody body;
    SmtpRet ret;
    BaridSlice envid; /* RFC 3461 section 4.4: xtext, at most 100 characters */
    BaridSlice auth;  /* RFC 4954 section 5: xtext or "<>" */
} SmtpMail;

/* RCPT TO. (orcpt_type) "rfc822" or "utf-8" in any case (RFC 6533); (orcpt_address) is
 * xtext or utf-8-addr-xtext as on the wire, at most 500 octets. */
typedef struct {
    MailAddress address; /* domain empty for <postmaster> */
    guint notify;        /* SmtpNotify */
    gboolean has_orcpt;
    BaridSlice orcpt_type, orcpt_address;
} SmtpRcpt;

typedef struct {
    SmtpVerb verb;
    SmtpParseResult result;
    MailAddressResult address_result;
    BaridSlice parameter; /* for SMTP_BAD_PARAMETER and SMTP_UNKNOWN_PARAMETER */
    gsize offset;         /* of the problem in the line */
    union {
        BaridSlice argument; /* EHLO HELO LHLO name; text of others */
        SmtpMail mail;
        SmtpRcpt rcpt;
        struct { guint64 size_bytes; gboolean last; } bdat;
        /* (initial) is base64 as given; empty for "=". */
        struct { BaridSlice mechanism, initial; gboolean has_initial; } auth;
    } as;
} SmtpCommand;

/* Parses a line without its line end. Lenient in what RFC 5321 section 4.1.1 lets clients
 * get away with: case of verbs, trailing blanks, blanks after "FROM:" and "TO:". */
void smtp_command_parse(BaridSlice line, SmtpCommand *out_command);
const gchar *smtp_verb_name(SmtpVerb verb);
/* What the command looks like when well-formed, for 501 replies. */
const gchar *smtp_verb_usage(SmtpVerb verb);

/* RFC 3461 section 4 xtext. FALSE when malformed. The result lives in (arena). */
gboolean smtp_xtext_decode(BaridSlice text, Arena *arena, BaridSlice *out_decoded);
BaridSlice smtp_xtext_encode(BaridSlice text, Arena *arena);
/* The longest value of ORCPT, its type counted (RFC 3461 section 4.2). */
enum { SMTP_ORCPT_LEN_MAX = 500 };

typedef enum {
    SMTP_ORCPT_ASCII,   /* fits every command */
    SMTP_ORCPT_UNICODE, /* type utf-8 keeps its characters: in a transaction with SMTPUTF8 */
} SmtpOrcptForm;

/* ORCPT's address as it goes into a command, by its type. */
BaridSlice smtp_orcpt_encode(BaridSlice type, BaridSlice address, SmtpOrcptForm form,
                             Arena *arena);
/* ORCPT's address decoded by its type (rfc822: xtext; utf-8: RFC 6533 section 3). */
gboolean smtp_orcpt_decode(BaridSlice type, BaridSlice text, Arena *arena, BaridSlice *out);

#endif
