/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures by those whom the author's domain has authorised (RFC 6541). */
#include "signature/signature-private.h"

#include <barid/tag-list.h>

enum { BASE32_BITS = 5, DIGEST_BYTES_MAX = 32 };

/* RFC 4648 section 6, without padding, as it stands in names. */
static void
append_base32(GString *out, const guint8 *bytes, gsize len)
{
    static const gchar letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    guint bits = 0, n_bits = 0;

    for (gsize i = 0; i < len; i++) {
        bits = (bits << 8 | bytes[i]) & 0xfff;
        for (n_bits += 8; n_bits >= BASE32_BITS; n_bits -= BASE32_BITS)
            g_string_append_c(out, letters[bits >> (n_bits - BASE32_BITS) & 31]);
    }
    if (n_bits > 0)
        g_string_append_c(out, letters[bits << (BASE32_BITS - n_bits) & 31]);
}

/* The signer's domain as "atpsh=" says; FALSE for a word that says nothing known. */
static gboolean
append_signer(GString *out, const gchar *domain, BaridSlice hash)
{
    g_autofree gchar *lower = g_ascii_strdown(domain, -1);
    guint8 digest[DIGEST_BYTES_MAX];
    gnutls_digest_algorithm_t algorithm;

    if (barid_slice_equal_text(hash, "none")) {
        g_string_append(out, lower);
        return TRUE;
    }
    if (barid_slice_equal_text(hash, "sha256"))
        algorithm = GNUTLS_DIG_SHA256;
    else if (barid_slice_equal_text(hash, "sha1"))
        algorithm = GNUTLS_DIG_SHA1; /* of a name, not of anything signed */
    else
        return FALSE;
    if (gnutls_hash_fast(algorithm, lower, strlen(lower), digest) < 0)
        return FALSE;
    append_base32(out, digest, gnutls_hash_get_len(algorithm));
    return TRUE;
}

/* Section 4.3. */
gchar *
signature_third_party_dup_name(const gchar *signer, const gchar *author, BaridSlice hash)
{
    g_autoptr(GString) name = g_string_new(NULL);

    if (!append_signer(name, signer, hash))
        return NULL;
    g_string_append_printf(name, "._atps.%s", author);
    return g_string_free(g_steal_pointer(&name), FALSE);
}

/* Section 4.4. */
gboolean
barid_third_party_record_permits(BaridSlice record, const gchar *domain)
{
    BaridTagList tags;
    const BaridTag *named;

    if (barid_tag_list_parse(record, &tags) != BARID_TAG_LIST_OK ||
        !barid_slice_equal_text(barid_tag_list_get(&tags, "v"), "ATPS1"))
        return FALSE;
    named = barid_tag_list_find(&tags, "d");
    return named == NULL || barid_slice_equal_nocase(named->value, barid_slice_from_text(domain));
}
