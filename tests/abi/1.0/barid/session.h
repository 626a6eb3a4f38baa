/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions, transactions and recipients as hooks see them. All getters borrow: the
 * result lives as long as the object. Slices are untrusted bytes.
 */
#ifndef BARID_SESSION_H
#define BARID_SESSION_H

#include <barid/slice.h>
#include <barid/verdict.h>

typedef struct BaridRecipient BaridRecipient;

/* The client's address as text ("192.0.2.1", "2001:db8::1"), without port. */
const gchar *barid_session_get_remote_ip(BaridSession *session);
guint16 barid_session_get_remote_port(BaridSession *session);
const gchar *barid_session_get_local_ip(BaridSession *session);
/* The listener's name in the configuration. */
const gchar *barid_session_get_listener(BaridSession *session);
/* The name that this server gives itself to the client; NULL in a session that is made up. */
const gchar *barid_session_get_hostname(BaridSession *session);
/* Where its messages come from: "smtp" or "lmtp", or, in a session that is made up for what this
 * server has written itself, "dsn" or "system". */
const gchar *barid_session_get_source(BaridSession *session);
/* The name given with EHLO, HELO or LHLO; empty before it. */
BaridSlice barid_session_get_helo(BaridSession *session);
/* The authenticated user, or NULL. */
const gchar *barid_session_get_user(BaridSession *session);
gboolean barid_session_is_tls(BaridSession *session);
/* A short id that names the session in the log and in explanations. */
const gchar *barid_session_get_id(BaridSession *session);

/* Keeps (data) until the session ends, then calls (free_func). */
void barid_session_take(BaridSession *session, gpointer data, GDestroyNotify free_func);

BaridSession *barid_transaction_get_session(BaridTransaction *txn);
/* The queue id that the message will have ("" before DATA). */
const gchar *barid_transaction_get_queue_id(BaridTransaction *txn);
/* The reverse-path without brackets, as given; empty for the null sender. */
BaridSlice barid_transaction_get_sender(BaridTransaction *txn);
guint barid_transaction_get_n_recipients(BaridTransaction *txn);
const BaridRecipient *barid_transaction_get_recipient(BaridTransaction *txn, guint index);

/* The forward-path without brackets, as given and kept for delivery. */
BaridSlice barid_recipient_get_address(const BaridRecipient *rcpt);
/* Lower-cased domain in A-label or UTF-8 form as given; empty for "postmaster". */
BaridSlice barid_recipient_get_domain(const BaridRecipient *rcpt);

/* The message as received, dot-stuffing removed, one contiguous slice, from MESSAGE
 * on. Needs BARID_READS_HEADERS (the header) or BARID_READS_BODY (all of it);
 * without the need the slice is empty and the call is recorded as refused. */
BaridSlice barid_transaction_get_header(BaridTransaction *txn);
BaridSlice barid_transaction_get_message(BaridTransaction *txn);
/* Value of the (n)-th field called (name), counted from 0 at the top, with its
 * folding; empty when there is none. */
BaridSlice barid_transaction_get_field(BaridTransaction *txn, const gchar *name, guint n);
/* For all of them: the next field called (name) of (*rest), which begins as the header and then is
 * what stands behind that field. FALSE when there is none. */
gboolean barid_header_next_field(BaridSlice *rest, const gchar *name, BaridSlice *out_value);

/* At SEAL: the header as it would leave now, with the server's own fields and what hooks before
 * this one have changed. Needs BARID_READS_HEADERS. */
BaridSlice barid_transaction_get_sealed_header(BaridTransaction *txn);

/* Edits, applied only after the hook returned successfully. (name) and (value) must
 * be valid for a header field: on a bad one FALSE with BARID_ERROR_INVALID. Need
 * BARID_CHANGES_HEADERS. (value) holds no CRLF; long values are folded. */
gboolean barid_transaction_prepend_field(BaridTransaction *txn, const gchar *name,
                                         const gchar *value, GError **error);
gboolean barid_transaction_remove_field(BaridTransaction *txn, const gchar *name, guint n,
                                        GError **error);

#endif
