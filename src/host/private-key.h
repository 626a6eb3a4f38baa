/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys inside the core: what <barid/private-key.h> does not show to modules.
 *
 * A key's driver is looked for at its first signature after the host has started, and stays
 * with the key; before that, and without a host, GnuTLS computes.
 */
#ifndef PRIVATE_KEY_H
#define PRIVATE_KEY_H

#include <gnutls/abstract.h>

#include "host/host.h"

enum { PRIVATE_KEY_RSA_BITS_MIN = 1024, PRIVATE_KEY_RSA_BITS_MAX = 8192 };

/* Signs with the driver that a module of (host) offers; NULL means GnuTLS. (data) is a digest
 * but for Ed25519. Suspends as barid_private_key_sign() does. */
BARID_SUSPENDS gboolean private_key_sign(BaridPrivateKey *self, const Host *host,
                                         BaridSignOperation operation, BaridSlice data,
                                         guint8 *out, gsize *out_len, GError **error);
/* The same in the calling thread, however long it takes. */
gboolean private_key_sign_here(BaridPrivateKey *self, const Host *host,
                               BaridSignOperation operation, BaridSlice data, guint8 *out,
                               gsize *out_len, GError **error);
/* GnuTLS's own form of it; borrowed. */
gnutls_privkey_t private_key_get_plain(const BaridPrivateKey *self);
/* Makes a key as PEM (PKCS #8). (bits) is for RSA. Caller owns the text and wipes it. Takes
 * seconds for large RSA keys. */
gchar *private_key_generate(BaridKeyKind kind, guint bits, GError **error);

/* Whether a module of (host), or NULL, offers to compute with keys of (kind). */
gboolean private_key_has_driver(const Host *host, BaridKeyKind kind);
/* As barid_private_key_new(), and ECDSA keys, too, in PKCS #8 or SEC 1. */
BaridPrivateKey *private_key_new_of_certificate(BaridSlice text, GError **error);
/* For net/tls.h: a key that signs with the driver of (host), which it outlives not. NULL when
 * GnuTLS does it best itself: without a driver, and for what has none. Caller owns it. */
gnutls_privkey_t private_key_open_tls(const Host *host, BaridSlice pem);

/* private-key-reader.c: GnuTLS's own form of a key's text; caller owns it. What it refuses says
 * why; keys on elliptic curves only with (takes_ecdsa). */
gnutls_x509_privkey_t private_key_read(BaridSlice text, gboolean takes_ecdsa, GError **error);

#endif
