/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SMTP client share. */
#ifndef SMTP_CLIENT_PRIVATE_H
#define SMTP_CLIENT_PRIVATE_H

#include "outbound/smtp-client.h"

struct SmtpClient {
    SmtpClientOptions options; /* its texts are own copies, but for user and password */
    Address source;
    Stream *stream;
    Transcript *transcript;
    SmtpPeer peer;
    Address local;
    guint n_transactions;
    gboolean needs_reset; /* the last transaction did not end by itself */
    gboolean is_closing;  /* the peer said 421, or a failure ended the connection */
};

/* A whole reply. (text) is printable: code, enhanced code and the text of all lines. */
typedef struct {
    guint code;
    guint8 enhanced_class; /* 0 when there is none */
    guint16 enhanced_subject, enhanced_detail;
    gchar text[SMTP_CLIENT_TEXT_MAX];
} SmtpClientReply;

/* Sees the text of each line behind code and separator, and the line's number. */
typedef void (*SmtpClientLineFunc)(guint number, BaridSlice text, gpointer data);

/* Buffers one command; (format) without line end. FALSE when sending failed. */
gboolean smtp_client_put(SmtpClient *self, SmtpClientFailure *out_failure, const gchar *format,
                         ...) G_GNUC_PRINTF(3, 4);
/* The same of a text as it is. */
gboolean smtp_client_put_line(SmtpClient *self, SmtpClientFailure *out_failure, BaridSlice line);
/* The same for a text that must not be seen; (shown) stands in the transcript. */
gboolean smtp_client_put_secret(SmtpClient *self, const gchar *shown, const gchar *text,
                                SmtpClientFailure *out_failure);
BARID_SUSPENDS gboolean smtp_client_flush(SmtpClient *self, OutboundTimeout timeout,
                                          SmtpClientFailure *out_failure);
/* Reads one reply; (what) names what it answers. FALSE with the failure when there is none
 * that can be understood: the connection is of no use then. */
BARID_SUSPENDS gboolean smtp_client_read(SmtpClient *self, OutboundTimeout timeout,
                                         const gchar *what, SmtpClientReply *out_reply,
                                         SmtpClientFailure *out_failure);
BARID_SUSPENDS gboolean smtp_client_read_lines(SmtpClient *self, OutboundTimeout timeout,
                                               const gchar *what, SmtpClientLineFunc on_line,
                                               gpointer data, SmtpClientReply *out_reply,
                                               SmtpClientFailure *out_failure);

/* "5.1.1" of a reply; without an enhanced code its class and ".0.0". */
void smtp_client_reply_format_status(const SmtpClientReply *reply, gchar *out_status,
                                     gsize status_size);
void smtp_client_failure_set(SmtpClientFailure *out_failure, gboolean permanent,
                             const gchar *status, const gchar *format, ...) G_GNUC_PRINTF(4, 5);
void smtp_client_failure_set_reply(SmtpClientFailure *out_failure, const SmtpClientReply *reply);
void smtp_client_failure_set_error(SmtpClientFailure *out_failure, const gchar *what,
                                   const GError *error);

#endif
