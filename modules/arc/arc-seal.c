/* SPDX-License-Identifier: Apache-2.0 */
#include "arc-seal.h"

#include "arc-results.h"

/* --- results --- */

/* An item in one line; FALSE when it holds what no field may. */
static gboolean
append_item(GString *payload, BaridSlice item)
{
    gsize start = payload->len;

    g_string_append(payload, "; ");
    for (gsize i = 0; i < item.len; i++) {
        guint8 byte = item.data[i];

        if (byte == '\r' || byte == '\n' || byte == '\t')
            byte = ' ';
        if (byte < ' ' || byte == 0x7f) {
            g_string_truncate(payload, start);
            return FALSE;
        }
        if (byte != ' ' || payload->str[payload->len - 1] != ' ')
            g_string_append_c(payload, (gchar)byte);
    }
    if (g_utf8_validate(payload->str + start, -1, NULL))
        return TRUE;
    g_string_truncate(payload, start);
    return FALSE;
}

gboolean
arc_seal_append_results(GString *payload, BaridSlice field, const gchar *id)
{
    BaridSlice item;

    if (!arc_results_next(&field, &item) || !arc_results_is_id(item, id))
        return FALSE;
    while (arc_results_next(&field, &item)) {
        if (item.len > 0 && !barid_slice_equal_nocase(item, BARID_SLICE_LITERAL("none")))
            append_item(payload, item);
    }
    return TRUE;
}

const gchar *
arc_seal_get_claim(const gchar *payload)
{
    static const gchar *const claims[] = {"pass", "fail", "none"};
    BaridSlice rest = barid_slice_from_text(payload), item;
    const gchar *claim = NULL;

    while (arc_results_next(&rest, &item)) {
        BaridSlice result = arc_result_get(item, "arc");
        gboolean is_first = claim == NULL;

        if (result.len == 0)
            continue;
        claim = "fail";
        for (guint i = 0; is_first && i < G_N_ELEMENTS(claims); i++) {
            if (barid_slice_equal_nocase(result, barid_slice_from_text(claims[i])))
                claim = claims[i];
        }
    }
    return claim;
}

/* --- the set --- */

static const gchar *
seal_get_algorithm(const ArcSeal *self)
{
    return barid_private_key_get_kind(self->key) == BARID_KEY_RSA ? "rsa-sha256"
                                                                  : "ed25519-sha256";
}

static gchar *
seal_sign(const ArcSeal *self, BaridTransaction *txn, const gchar *value, const guint8 *digest,
          GError **error)
{
    guint8 bytes[BARID_SIGNED_BYTES_MAX];
    gsize n_bytes;

    if (!barid_private_key_sign(txn, self->key, digest, bytes, &n_bytes, error))
        return NULL;
    return barid_signature_complete(value, barid_slice(bytes, n_bytes));
}

static gchar *
seal_make_message_signature(const ArcSeal *self, BaridTransaction *txn,
                            const ArcMessage *message, GError **error)
{
    g_autoptr(BaridHeaderIndex) header =
        barid_header_index_new(barid_transaction_get_sealed_header(txn));
    const BaridSignatureDraft draft = {
        .kind = BARID_SIGNATURE_ARC_MESSAGE,
        .instance = message->chain->n_sets + 1,
        .domain = self->domain,
        .selector = self->selector,
        .algorithm = seal_get_algorithm(self),
        .header_form = BARID_CANONICAL_RELAXED,
        .body_form = BARID_CANONICAL_RELAXED,
        .fields = self->headers,
        .made_s = barid_now_ms() / 1000,
    };
    guint64 n_bytes;
    const guint8 *body =
        barid_verifier_get_body(message->verifier, BARID_CANONICAL_RELAXED, &n_bytes);
    guint8 digest[BARID_DIGEST_BYTES];
    g_autofree gchar *value = barid_signature_draft_write(&draft, header, body, n_bytes, digest);

    return seal_sign(self, txn, value, digest, error);
}

static void
hash_own(BaridFieldHash *hash, ArcField field, const gchar *value)
{
    g_autofree gchar *whole = g_strdup_printf("%s: %s\r\n", arc_field_get_name(field), value);

    barid_field_hash_add(hash, barid_slice_from_text(whole));
}

/* Section 5.1.2: of a chain that is broken nothing can be told, so only the own set is sealed. */
static gchar *
seal_make_seal(const ArcSeal *self, BaridTransaction *txn, const ArcChain *chain,
               const gchar *results, const gchar *signature, GError **error)
{
    static const gchar *const words[] = {"none", "pass", "fail"};
    g_autoptr(BaridFieldHash) hash = barid_field_hash_new(BARID_CANONICAL_RELAXED);
    g_autofree gchar *value = g_strdup_printf(
        "i=%u; a=%s; t=%" G_GINT64_FORMAT "; cv=%s; d=%s; s=%s; b=", chain->n_sets + 1,
        seal_get_algorithm(self), barid_now_ms() / 1000, words[self->validation], self->domain,
        self->selector);
    g_autofree gchar *whole = g_strdup_printf("%s: %s\r\n", arc_field_get_name(ARC_SEAL), value);
    guint8 digest[BARID_DIGEST_BYTES];

    for (guint i = 0; self->validation == ARC_CV_PASS && i < chain->n_sets; i++) {
        for (guint field = 0; field < ARC_N_FIELDS; field++)
            barid_field_hash_add(hash, chain->sets[i].whole[field]);
    }
    hash_own(hash, ARC_RESULTS, results);
    hash_own(hash, ARC_MESSAGE, signature);
    barid_field_hash_end(hash, barid_slice_from_text(whole), BARID_SLICE_EMPTY, digest);
    return seal_sign(self, txn, value, digest, error);
}

gboolean
arc_seal_add(const ArcSeal *self, BaridTransaction *txn, const ArcMessage *message,
             GError **error)
{
    g_autofree gchar *results =
        g_strdup_printf("i=%u; %s", message->chain->n_sets + 1, self->results);
    g_autofree gchar *signature = seal_make_message_signature(self, txn, message, error);
    g_autofree gchar *seal = NULL;

    if (signature == NULL)
        return FALSE;
    seal = seal_make_seal(self, txn, message->chain, results, signature, error);
    /* The last one prepended stands on top. */
    return seal != NULL &&
           barid_transaction_prepend_field(txn, arc_field_get_name(ARC_RESULTS), results,
                                           error) &&
           barid_transaction_prepend_field(txn, arc_field_get_name(ARC_MESSAGE), signature,
                                           error) &&
           barid_transaction_prepend_field(txn, arc_field_get_name(ARC_SEAL), seal, error);
}
