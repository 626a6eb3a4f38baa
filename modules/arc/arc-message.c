/* SPDX-License-Identifier: Apache-2.0 */
#include "arc-message.h"

/* A key's name may have several records; one with more has none. */
enum { RECORDS_MAX = 10, SIGNATURE_BYTES = 1024 };

ArcMessage *
arc_message_new(void)
{
    ArcMessage *self = g_new0(ArcMessage, 1);

    self->chain = arc_chain_new();
    self->verifier = barid_verifier_new(BARID_SIGNATURE_ARC_MESSAGE);
    return self;
}

void
arc_message_want_body(ArcMessage *self)
{
    barid_verifier_want_body(self->verifier, BARID_CANONICAL_RELAXED);
}

void
arc_message_free(gpointer data)
{
    ArcMessage *self = data;

    arc_chain_free(self->chain);
    barid_verifier_free(self->verifier);
    g_free(self);
}

void
arc_message_field(gpointer data, BaridSlice name, BaridSlice value G_GNUC_UNUSED,
                  BaridSlice whole)
{
    ArcMessage *self = data;

    arc_chain_add(self->chain, name, whole);
}

/* The newest message signature must be good. The others tell since when the message is as it
 * is; as many as one message may have are looked at. */
static void
message_end_header(ArcMessage *self)
{
    const ArcChain *chain = self->chain;

    if (self->has_header)
        return;
    self->has_header = TRUE;
    arc_chain_end(self->chain);
    if (chain->problem != NULL)
        return;
    for (guint i = 0; i < chain->n_sets && i < BARID_SIGNATURES_MAX; i++)
        barid_verifier_field(self->verifier,
                             barid_slice_from_text(arc_field_get_name(ARC_MESSAGE)),
                             chain->sets[chain->n_sets - 1 - i].whole[ARC_MESSAGE]);
}

void
arc_message_body(gpointer data, BaridSlice block)
{
    ArcMessage *self = data;

    message_end_header(self);
    barid_verifier_body(self->verifier, block);
}

void
arc_message_end(gpointer data)
{
    ArcMessage *self = data;

    message_end_header(self);
    barid_verifier_end(self->verifier);
}

ArcMessage *
arc_message_read(BaridTransaction *txn)
{
    ArcMessage *self = arc_message_new();
    BaridSlice message = barid_transaction_get_message(txn);
    gsize header = barid_transaction_get_header(txn).len;

    arc_message_want_body(self);
    for (guint field = 0; field < ARC_N_FIELDS; field++) {
        const gchar *name = arc_field_get_name((ArcField)field);
        BaridSlice value;

        for (guint n = 0; (value = barid_transaction_get_field(txn, name, n)).data != NULL; n++) {
            g_autofree gchar *start = g_strconcat(name, ":", NULL);
            g_autoptr(GString) whole = g_string_new(start);

            g_string_append_len(whole, (const gchar *)value.data, (gssize)value.len);
            g_string_append(whole, "\r\n");
            arc_chain_add(self->chain, barid_slice_from_text(name),
                          barid_slice(whole->str, whole->len));
        }
    }
    arc_message_body(self, barid_slice(message.data + header, message.len - header));
    arc_message_end(self);
    return self;
}

/* --- validating --- */

void
arc_outcome_clear(ArcOutcome *self)
{
    g_clear_pointer(&self->problem, g_free);
}

static void
outcome_set(ArcOutcome *self, const gchar *result, const gchar *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
outcome_set(ArcOutcome *self, const gchar *result, const gchar *format, ...)
{
    va_list args;

    va_start(args, format);
    self->result = result;
    self->problem = g_strdup_vprintf(format, args);
    va_end(args);
}

/* The questions for keys, each name once. */
typedef struct {
    BaridDnsBatch *batch;
    GHashTable *indices; /* name -> index of the question */
} Keys;

static void
keys_add(Keys *self, gchar *name)
{
    if (name == NULL || g_hash_table_contains(self->indices, name)) {
        g_free(name);
        return;
    }
    g_hash_table_insert(self->indices, name,
                        GUINT_TO_POINTER(barid_dns_batch_add(self->batch, name, BARID_DNS_TXT)));
}

/* Its answer; NULL when it could not be had, and (*out_is_temporary) whether only now. */
static const BaridDnsAnswer *
keys_get(const Keys *self, const gchar *name, gboolean *out_is_temporary)
{
    g_autoptr(GError) error = NULL;
    const BaridDnsAnswer *answer;
    gpointer index;

    *out_is_temporary = FALSE;
    if (name == NULL || !g_hash_table_lookup_extended(self->indices, name, NULL, &index))
        return NULL;
    answer = barid_dns_batch_get(self->batch, GPOINTER_TO_UINT(index), &error);
    *out_is_temporary = answer == NULL && barid_error_is_temporary(error);
    return answer;
}

static gchar *
set_dup_key_name(const ArcSet *set)
{
    g_autofree gchar *domain = barid_slice_dup_text(set->domain, NULL);
    g_autofree gchar *selector = barid_slice_dup_text(set->selector, NULL);

    return domain == NULL || selector == NULL
               ? NULL
               : g_strconcat(selector, "._domainkey.", domain, NULL);
}

static void
keys_ask(Keys *self, const ArcMessage *message, BaridTransaction *txn)
{
    for (guint i = 0; i < message->chain->n_sets; i++)
        keys_add(self, set_dup_key_name(&message->chain->sets[i]));
    for (guint i = 0; i < barid_verifier_get_n_signatures(message->verifier); i++) {
        const BaridSignature *signature = barid_verifier_get_signature(message->verifier, i);

        if (barid_signature_get_reason(signature) == BARID_SIGNATURE_PENDING)
            keys_add(self, g_strdup(barid_signature_get_key_name(signature)));
    }
    barid_dns_batch_ask(txn, self->batch);
}

/* --- message signatures --- */

static BaridSignatureReason
verify_message(ArcMessage *self, guint index, const Keys *keys, const BaridHeaderIndex *header)
{
    const BaridSignature *signature = barid_verifier_get_signature(self->verifier, index);
    const BaridDnsAnswer *answer;
    gboolean is_temporary;

    if (barid_signature_get_reason(signature) != BARID_SIGNATURE_PENDING)
        return barid_signature_get_reason(signature);
    answer = keys_get(keys, barid_signature_get_key_name(signature), &is_temporary);
    for (guint i = 0; answer != NULL && i < barid_dns_answer_get_n_records(answer) &&
                      i < RECORDS_MAX; i++) {
        if (barid_verifier_verify(self->verifier, index, barid_dns_answer_get_text(answer, i),
                                  header) == BARID_SIGNATURE_PASS)
            break;
    }
    barid_verifier_refuse(self->verifier, index, is_temporary ? BARID_SIGNATURE_KEY_LOOKUP
                                                              : BARID_SIGNATURE_KEY_MISSING);
    return barid_signature_get_reason(signature);
}

static guint
find_oldest_pass(ArcMessage *self, const Keys *keys, const BaridHeaderIndex *header)
{
    guint n_sets = self->chain->n_sets;

    for (guint i = 1; i < n_sets; i++) {
        if (i >= BARID_SIGNATURES_MAX ||
            verify_message(self, i, keys, header) != BARID_SIGNATURE_PASS)
            return n_sets - i + 1;
    }
    return 0;
}

/* --- seals --- */

/* The sets up to (index), each in the order of section 5.1.1; the seal itself last, without its
 * signature. */
static void
hash_sets(const ArcChain *chain, guint index, guint8 *out_digest)
{
    g_autoptr(BaridFieldHash) hash = barid_field_hash_new(BARID_CANONICAL_RELAXED);
    const ArcSet *last = &chain->sets[index];

    for (guint i = 0; i <= index; i++) {
        for (guint field = 0; field < ARC_N_FIELDS; field++) {
            if (i < index || field != ARC_SEAL)
                barid_field_hash_add(hash, chain->sets[i].whole[field]);
        }
    }
    barid_field_hash_end(hash, last->whole[ARC_SEAL], last->hole, out_digest);
}

static BaridSignatureReason
verify_seal(const ArcChain *chain, guint index, const Keys *keys)
{
    const ArcSet *set = &chain->sets[index];
    g_autofree gchar *name = set_dup_key_name(set);
    guint8 digest[BARID_DIGEST_BYTES], bytes[SIGNATURE_BYTES];
    BaridSignatureReason reason = BARID_SIGNATURE_KEY_MISSING;
    const BaridDnsAnswer *answer;
    gboolean is_temporary;
    gsize n_bytes;

    if (!barid_tag_value_decode_base64(set->bytes, bytes, sizeof bytes, &n_bytes))
        return BARID_SIGNATURE_MALFORMED;
    answer = keys_get(keys, name, &is_temporary);
    if (answer == NULL)
        return is_temporary ? BARID_SIGNATURE_KEY_LOOKUP : BARID_SIGNATURE_KEY_MISSING;
    hash_sets(chain, index, digest);
    for (guint i = 0; i < barid_dns_answer_get_n_records(answer) && i < RECORDS_MAX &&
                      reason != BARID_SIGNATURE_PASS; i++)
        reason = barid_key_record_verify(barid_dns_answer_get_text(answer, i), set->algorithm,
                                         digest, barid_slice(bytes, n_bytes));
    return reason;
}

static gboolean
outcome_take(ArcOutcome *self, BaridTransaction *txn, ArcField field, guint instance,
             BaridSignatureReason reason)
{
    g_autofree gchar *key = g_strdup_printf("%s %u", arc_field_get_name(field), instance);

    barid_explain(txn, key, "%s", barid_signature_reason_describe(reason));
    if (reason == BARID_SIGNATURE_PASS)
        return TRUE;
    outcome_set(self, reason == BARID_SIGNATURE_KEY_LOOKUP ? "temperror" : "fail", "%s: %s", key,
                barid_signature_reason_describe(reason));
    return FALSE;
}

void
arc_message_validate(ArcMessage *self, BaridTransaction *txn, ArcOutcome *out)
{
    const ArcChain *chain = self->chain;
    guint n_sets = chain->n_sets;
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    g_autoptr(GHashTable) indices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(BaridHeaderIndex) header = NULL;
    Keys keys = {batch, indices};

    *out = (ArcOutcome){.result = "none"};
    if (chain->problem != NULL)
        outcome_set(out, "fail", "%s", chain->problem);
    if (n_sets == 0 || chain->problem != NULL)
        return;
    barid_verifier_examine(self->verifier, barid_now_ms());
    keys_ask(&keys, self, txn);
    header = barid_header_index_new(barid_transaction_get_header(txn));
    if (!outcome_take(out, txn, ARC_MESSAGE, n_sets, verify_message(self, 0, &keys, header)))
        return;
    for (guint i = n_sets; i > 0; i--) {
        if (!outcome_take(out, txn, ARC_SEAL, i, verify_seal(chain, i - 1, &keys)))
            return;
    }
    out->result = "pass";
    out->oldest_pass = find_oldest_pass(self, &keys, header);
}
