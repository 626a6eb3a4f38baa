/* SPDX-License-Identifier: Apache-2.0 */
#include "dkim-third-party.h"

enum { RECORDS_MAX = 10 };

typedef struct {
    guint signature;
    guint question; /* of the batch */
} ThirdParty;

struct DkimThirdParties {
    gchar *author;   /* the domain in From, or NULL */
    GArray *parties; /* of ThirdParty */
};

/* From the worst to the best: one that is authorised is enough. */
static const gchar *const results[] = {"none", "permerror", "fail", "temperror", "pass"};
enum { NONE, PERMERROR, FAIL, TEMPERROR, PASS };

/* The domain of the one address in the one field From; NULL where there is no such. */
static gchar *
dup_author_domain(BaridTransaction *txn)
{
    BaridSlice rest = barid_transaction_get_field(txn, "From", 0);
    BaridSlice address, other;
    g_autofree gchar *text = NULL;
    const gchar *at;

    if (barid_transaction_get_field(txn, "From", 1).len > 0 ||
        !barid_address_list_next(&rest, &address) || barid_address_list_next(&rest, &other))
        return NULL;
    text = barid_slice_dup_text(address, NULL);
    at = text == NULL ? NULL : strrchr(text, '@');
    return at == NULL ? NULL : barid_dns_dup_name(at + 1, NULL);
}

/* RFC 6541 section 4.2: the author's domain, and none that signs itself. */
static gboolean
names_author(const BaridSignature *signature, const gchar *author)
{
    const gchar *third_party = barid_signature_get_third_party(signature);
    g_autofree gchar *named =
        third_party == NULL ? NULL : barid_dns_dup_name(third_party, NULL);
    g_autofree gchar *signer = NULL;

    if (named == NULL || strcmp(named, author) != 0)
        return FALSE;
    signer = barid_dns_dup_name(barid_signature_get_domain(signature), NULL);
    return signer != NULL && strcmp(signer, author) != 0;
}

DkimThirdParties *
dkim_third_parties_new(BaridTransaction *txn, const BaridVerifier *verifier,
                       BaridDnsBatch *batch)
{
    DkimThirdParties *self = g_new0(DkimThirdParties, 1);

    self->author = dup_author_domain(txn);
    self->parties = g_array_new(FALSE, FALSE, sizeof(ThirdParty));
    for (guint i = 0; i < barid_verifier_get_n_signatures(verifier); i++) {
        const BaridSignature *signature = barid_verifier_get_signature(verifier, i);
        const gchar *name = barid_signature_get_third_party_name(signature);
        ThirdParty party = {.signature = i};

        if (self->author == NULL || name == NULL ||
            barid_signature_get_reason(signature) != BARID_SIGNATURE_PENDING ||
            !names_author(signature, self->author))
            continue;
        party.question = barid_dns_batch_add(batch, name, BARID_DNS_TXT);
        g_array_append_val(self->parties, party);
    }
    return self;
}

void
dkim_third_parties_free(DkimThirdParties *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->parties);
    g_free(self->author);
    g_free(self);
}

/* Section 4.4. */
static guint
get_result(BaridTransaction *txn, const BaridSignature *signature, const BaridDnsBatch *batch,
           guint question)
{
    g_autoptr(GError) error = NULL;
    const BaridDnsAnswer *answer = barid_dns_batch_get(batch, question, &error);
    const gchar *domain = barid_signature_get_domain(signature);
    const gchar *name = barid_signature_get_third_party_name(signature);

    if (answer == NULL) {
        barid_explain(txn, "dkim.atps", "%s: %s", name, error->message);
        return barid_error_is_temporary(error) ? TEMPERROR : PERMERROR;
    }
    for (guint i = 0; i < barid_dns_answer_get_n_records(answer) && i < RECORDS_MAX; i++) {
        if (barid_third_party_record_permits(barid_dns_answer_get_text(answer, i), domain)) {
            barid_explain(txn, "dkim.atps", "%s: authorises %s", name, domain);
            return PASS;
        }
    }
    barid_explain(txn, "dkim.atps", "%s: does not authorise %s", name, domain);
    return FAIL;
}

void
dkim_third_parties_tell(const DkimThirdParties *self, BaridTransaction *txn,
                        const BaridVerifier *verifier, const BaridDnsBatch *batch)
{
    guint best = NONE;

    for (guint i = 0; i < self->parties->len; i++) {
        const ThirdParty *party = &g_array_index(self->parties, ThirdParty, i);
        const BaridSignature *signature =
            barid_verifier_get_signature(verifier, party->signature);

        if (barid_signature_get_reason(signature) == BARID_SIGNATURE_PASS)
            best = MAX(best, get_result(txn, signature, batch, party->question));
    }
    barid_finding_set(txn, "dkim.atps", results[best]);
    barid_finding_set(txn, "dkim.atps.domain", best == NONE ? "" : self->author);
}
