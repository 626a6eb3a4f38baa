/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys of domains: read once at the start, or looked up by name when a message needs
 * them and kept for a while. A name is that of the key's record, "SELECTOR._domainkey.DOMAIN".
 */
#ifndef DKIM_KEYS_H
#define DKIM_KEYS_H

#include <barid/barid.h>

/* How long a key that was looked up is used before it is looked up again. */
#define DKIM_KEYS_LIFETIME_MS (5 * 60 * 1000)
/* How many are kept. */
#define DKIM_KEYS_MAX 1000

/* Where keys are; one of these. Borrowed. */
typedef struct {
    const gchar *text;   /* the key itself */
    const gchar *file;   /* that holds it */
    const gchar *folder; /* of files NAME.pem */
    BaridStore *store;   /* of keys by NAME */
} DkimKeyPlace;

/* A private key that may be in use while it is replaced. */
typedef struct DkimKey DkimKey;

/* Reads (text) or (file). NULL with the error. May block; suspends not. */
DkimKey *dkim_key_read(const DkimKeyPlace *place, GError **error);
DkimKey *dkim_key_ref(DkimKey *self);
void dkim_key_unref(DkimKey *self);
BaridPrivateKey *dkim_key_get(const DkimKey *self);

/* The keys that were looked up, for all threads. */
typedef struct DkimKeys DkimKeys;

DkimKeys *dkim_keys_new(void);
void dkim_keys_free(DkimKeys *self);
/* The key (name) of a folder or store; the caller owns a reference. NULL with the error:
 * BARID_ERROR_NOT_FOUND when there is none. */
BARID_SUSPENDS DkimKey *dkim_keys_lookup(DkimKeys *self, const DkimKeyPlace *place,
                                         const gchar *name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DkimKey, dkim_key_unref)

#endif
