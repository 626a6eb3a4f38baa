/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS with GnuTLS on fibers: server credentials and what is known of a session. The
 * stream (net/stream.h) does the handshake and the records.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <gnutls/abstract.h>

#include <barid/slice.h>

#include "net/net-error.h"

/* Certificates and parameters of one or more listeners; immutable, reference-counted. */
typedef struct TlsServer TlsServer;

typedef struct {
    const gchar *priorities; /* a GnuTLS priority string, or NULL for the default */
} TlsOptions;

TlsServer *tls_server_new(const TlsOptions *options, GError **error);
/* Adds a chain and its key, both PEM (PKCS#8, PKCS#1 or SEC1). Certificates are chosen by
 * the names in them (SNI); the first is the default. (what) names it in errors. */
gboolean tls_server_add_certificate(TlsServer *self, BaridSlice chain_pem, BaridSlice key_pem,
                                    const gchar *what, GError **error);
/* The same with a key that somebody else computes with; takes (key) over, whatever comes of
 * it. It must sign when it is added: the chain is checked against it. */
gboolean tls_server_add_key(TlsServer *self, BaridSlice chain_pem, gnutls_privkey_t key,
                            const gchar *what, GError **error);
TlsServer *tls_server_ref(TlsServer *self);
void tls_server_unref(TlsServer *self);
/* For the stream. A new session, not bound to a descriptor yet. */
gnutls_session_t tls_server_open_session(TlsServer *self, GError **error);
/* After a handshake of TLS 1.3: one ticket, where GnuTLS would send two. A client of ours comes
 * back with one connection at a time, and each ticket costs a twentieth of the handshake. Older
 * versions have sent theirs. A GnuTLS code. */
int tls_server_send_ticket(gnutls_session_t session);

/* Certification authorities that a client trusts; immutable, reference-counted. */
typedef struct TlsTrust TlsTrust;

/* Those of the system; of a PEM text, which (what) names in errors. */
TlsTrust *tls_trust_new_system(GError **error);
TlsTrust *tls_trust_new_pem(BaridSlice pem, const gchar *what, GError **error);
TlsTrust *tls_trust_ref(TlsTrust *self);
void tls_trust_unref(TlsTrust *self);

/* How a client begins TLS; lives as long as the handshake. */
typedef struct {
    const gchar *server_name; /* to ask for (SNI), or NULL */
    const TlsTrust *trust;    /* NULL checks no certificate: opportunistic encryption */
    const gchar *certificate_name; /* host name or IP that it must be for */
} TlsClientOptions;

/* For the stream. */
gnutls_session_t tls_client_open_session(const TlsClientOptions *options, GError **error);

/* Makes a P-256 key and a certificate for (hostname) that signs itself, valid ten years
 * from (now_ms). Caller owns both texts. */
gboolean tls_make_self_signed(const gchar *hostname, gint64 now_ms, gchar **out_chain_pem,
                              gchar **out_key_pem, GError **error);

/* What a handshake agreed on. Texts are static or owned by the session. */
typedef struct {
    const gchar *version; /* "TLSv1.3" */
    gchar cipher[64];     /* "TLS_AES_256_GCM_SHA384" */
    guint bits;
    gchar server_name[256]; /* SNI, or "" */
} TlsInfo;

void tls_info_read(gnutls_session_t session, TlsInfo *out_info);
/* Sets (error) from a GnuTLS code. */
void tls_set_error(GError **error, int code, const gchar *what);
/* The same for a handshake that failed: with what is wrong with the peer's certificate. */
void tls_set_handshake_error(GError **error, gnutls_session_t session, int code);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsServer, tls_server_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsTrust, tls_trust_unref)

#endif
