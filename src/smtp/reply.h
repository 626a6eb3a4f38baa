/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies: the only place that makes wire text of answers. Lines are ASCII, at most 512
 * octets with CRLF (RFC 5321 section 4.5.3.1.5); longer texts become several lines, bytes
 * that may not stand in a reply are replaced by "?".
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/buffer.h"

/* RFC 5321 4.5.3.1.5 */
#define SMTP_REPLY_LINE_MAX 512

/* Appends "CODE ENHANCED TEXT CRLF". (enhanced) NULL leaves it out (greeting, EHLO, 354,
 * 334). Text with newlines gives a multi-line reply. FALSE past the buffer's limit. */
gboolean smtp_reply_append(Buffer *out, guint code, const gchar *enhanced, const gchar *text);
/* Builds the EHLO answer: first the greeting line, then keywords, the last with a blank. */
gboolean smtp_reply_append_lines(Buffer *out, guint code, const gchar *const *lines,
                                 guint n_lines);

/* A peer's reply, parsed (for clients): one or more lines. */
typedef struct {
    guint code;
    guint8 enhanced_class; /* 2, 4, 5; 0 when there is none */
    guint16 enhanced_subject, enhanced_detail;
    BaridSlice text; /* of the last line */
} SmtpReply;
typedef enum { SMTP_REPLY_MORE, SMTP_REPLY_DONE, SMTP_REPLY_BAD } SmtpReplyStep;
/* Parses one line without line end. MORE for "250-...". */
SmtpReplyStep smtp_reply_parse_line(BaridSlice line, SmtpReply *out_reply);

#endif
