/* SPDX-License-Identifier: Apache-2.0 */
/* A list of public suffixes, as publicsuffix.org describes its format; for RFC 7489 section 3.2
 * alone. */
#ifndef DMARC_SUFFIX_H
#define DMARC_SUFFIX_H

#include <barid/barid.h>

typedef struct DmarcSuffixes DmarcSuffixes;

/* Reads the list's text. What is no rule is passed over. */
DmarcSuffixes *dmarc_suffixes_new(const gchar *text);
void dmarc_suffixes_free(DmarcSuffixes *self);
guint dmarc_suffixes_get_n_rules(const DmarcSuffixes *self);
/* The domain one label below the suffix of (domain), which is normalised; a suffix is its own.
 * Borrowed from (domain). */
const gchar *dmarc_suffixes_get_organization(const DmarcSuffixes *self, const gchar *domain);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DmarcSuffixes, dmarc_suffixes_free)

#endif
