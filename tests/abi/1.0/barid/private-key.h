/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys, for signatures over messages and in TLS.
 *
 * A key is read once, kept in memory that is wiped when it goes, and may sign on any worker
 * thread at once. GnuTLS computes, unless an enabled module offers a driver that takes the
 * key's kind (see BaridKeysDriver): RSA and ECDSA are several times faster with the module
 * openssl. What comes out is the same.
 */
#ifndef BARID_PRIVATE_KEY_H
#define BARID_PRIVATE_KEY_H

#include <barid/error.h>
#include <barid/slice.h>
#include <barid/verdict.h>

#define BARID_DIGEST_BYTES 32       /* of SHA-256 */
#define BARID_SIGNED_BYTES_MAX 1024 /* of RSA with 8192 bits */

typedef struct BaridPrivateKey BaridPrivateKey;

typedef enum {
    BARID_KEY_RSA,
    BARID_KEY_ED25519,
    BARID_KEY_ECDSA, /* on P-256, P-384 or P-521: of certificates of TLS alone */
} BaridKeyKind;

/* Reads PEM (PKCS #1 or PKCS #8, RSA or Ed25519; what stands around the block is ignored), or
 * the base64 of the 32 bytes of an Ed25519 seed. What is encrypted, of another kind, or RSA
 * below 1024 or above 8192 bits is BARID_ERROR_INVALID; the message says what is wrong and
 * holds nothing of the key. (text) stays the caller's to wipe. */
BaridPrivateKey *barid_private_key_new(BaridSlice text, GError **error);
/* Wipes it. A module frees its keys before its "stop" returns. */
void barid_private_key_free(BaridPrivateKey *self);
BaridKeyKind barid_private_key_get_kind(const BaridPrivateKey *self);
/* Of the modulus; 256 for Ed25519. */
guint barid_private_key_get_bits(const BaridPrivateKey *self);
/* The public key as "p=" of a DKIM key record has it, in base64: the SubjectPublicKeyInfo of
 * an RSA key (RFC 6376 section 3.6.1), the 32 bytes of an Ed25519 key (RFC 8463 section 4).
 * Caller owns it. */
gchar *barid_private_key_dup_public(const BaridPrivateKey *self);

/* Signs a SHA-256 digest of BARID_DIGEST_BYTES: RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), or
 * Ed25519 with the digest as the message (RFC 8463 section 3). (out) has room for
 * BARID_SIGNED_BYTES_MAX. In a hook it needs BARID_USES_SECRETS. Suspends only with RSA keys
 * above 4096 bits, which keep a processor busy for long. */
#define barid_private_key_sign(object, key, digest, out, out_len, error) \
    barid_scope_private_key_sign(BARID_SCOPE(object), key, digest, out, out_len, error)
BARID_SUSPENDS gboolean barid_scope_private_key_sign(BaridScope *scope, BaridPrivateKey *key,
                                                     const guint8 *digest, guint8 *out,
                                                     gsize *out_len, GError **error);

/* What a driver is asked to compute. */
typedef enum {
    /* Of a digest with SHA-256, SHA-384 or SHA-512, told apart by its length. */
    BARID_SIGN_RSA_PKCS1, /* RSASSA-PKCS1-v1_5 */
    BARID_SIGN_RSA_PSS,   /* RSASSA-PSS as TLS has it: MGF1 with the digest's hash, the salt as
                           * long as the digest (RFC 8446 section 4.2.3) */
    /* Of any bytes: the message itself (RFC 8032, pure). */
    BARID_SIGN_ED25519,
    /* Of a digest as with RSA; what comes out is DER (RFC 3279 section 2.2.3). */
    BARID_SIGN_ECDSA,
} BaridSignOperation;

/* A driver for private keys (provider kind BARID_PROVIDER_KEYS): the first of an enabled
 * module that takes a key's kind serves signatures over messages and certificates of TLS.
 * All but (open) is called from any worker thread, several at once with the same key; nothing
 * of it may suspend. Where it fails, which is logged, GnuTLS computes instead. */
typedef struct {
    gsize struct_size;
    guint kinds; /* 1u << BARID_KEY_... of the kinds that it takes */
    /* Opens a key once for all its signatures, at the first of them. (der) is PKCS #8, not
     * encrypted, and wiped by the caller. */
    gpointer (*open)(BaridKeyKind kind, BaridSlice der, GError **error);
    /* Wipes it. */
    void (*close)(gpointer key);
    /* (out) has room for BARID_SIGNED_BYTES_MAX. An operation that it does not know is
     * BARID_ERROR_UNSUPPORTED. */
    gboolean (*sign)(gpointer key, BaridSignOperation operation, BaridSlice data, guint8 *out,
                     gsize *out_len, GError **error);
} BaridKeysDriver;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridPrivateKey, barid_private_key_free)

#endif
