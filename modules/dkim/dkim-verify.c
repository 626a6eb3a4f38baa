/* SPDX-License-Identifier: Apache-2.0 */
#include "dkim-verify.h"

#include "dkim-third-party.h"

/* A name may have several records, of which one is the key; a name with more has none. */
enum { RECORDS_MAX = 10 };

typedef struct {
    guint signature; /* whose key it is */
    guint question;  /* of the batch */
} KeyQuestion;

/* --- keys --- */

/* Signatures of one key share its question. */
static guint
questions_add(GArray *questions, const BaridVerifier *verifier, guint index, BaridDnsBatch *batch)
{
    const gchar *name =
        barid_signature_get_key_name(barid_verifier_get_signature(verifier, index));

    for (guint i = 0; i < questions->len; i++) {
        const KeyQuestion *other = &g_array_index(questions, KeyQuestion, i);
        const BaridSignature *signature =
            barid_verifier_get_signature(verifier, other->signature);

        if (g_ascii_strcasecmp(barid_signature_get_key_name(signature), name) == 0)
            return other->question;
    }
    return barid_dns_batch_add(batch, name, BARID_DNS_TXT);
}

static GArray *
questions_new(const BaridVerifier *verifier, BaridDnsBatch *batch)
{
    GArray *questions = g_array_new(FALSE, FALSE, sizeof(KeyQuestion));

    for (guint i = 0; i < barid_verifier_get_n_signatures(verifier); i++) {
        const BaridSignature *signature = barid_verifier_get_signature(verifier, i);
        KeyQuestion question = {.signature = i};

        if (barid_signature_get_reason(signature) != BARID_SIGNATURE_PENDING)
            continue;
        question.question = questions_add(questions, verifier, i, batch);
        g_array_append_val(questions, question);
    }
    return questions;
}

/* RFC 6376 section 6.1.2. */
static void
verify_one(BaridTransaction *txn, BaridVerifier *verifier, guint index,
           const BaridDnsAnswer *answer, const GError *error, const BaridHeaderIndex *header)
{
    const gchar *name =
        barid_signature_get_key_name(barid_verifier_get_signature(verifier, index));
    guint n_records = answer == NULL ? 0 : barid_dns_answer_get_n_records(answer);

    if (answer == NULL) {
        barid_explain(txn, "dkim.key", "%s: %s", name, error->message);
        barid_verifier_refuse(verifier, index,
                              barid_error_is_temporary(error) ? BARID_SIGNATURE_KEY_LOOKUP
                                                              : BARID_SIGNATURE_KEY_MISSING);
        return;
    }
    for (guint i = 0; i < n_records && i < RECORDS_MAX; i++) {
        if (barid_verifier_verify(verifier, index, barid_dns_answer_get_text(answer, i), header) ==
            BARID_SIGNATURE_PASS)
            return;
    }
    barid_verifier_refuse(verifier, index, BARID_SIGNATURE_KEY_MISSING);
}

void
dkim_verify(BaridTransaction *txn, BaridVerifier *verifier)
{
    g_autoptr(BaridDnsBatch) batch = barid_dns_batch_new();
    g_autoptr(BaridHeaderIndex) header = NULL;
    g_autoptr(GArray) questions = NULL;
    g_autoptr(DkimThirdParties) third_parties = NULL;

    barid_verifier_examine(verifier, barid_now_ms());
    questions = questions_new(verifier, batch);
    third_parties = dkim_third_parties_new(txn, verifier, batch);
    if (questions->len > 0)
        barid_dns_batch_ask(txn, batch);
    header = barid_header_index_new(barid_transaction_get_header(txn));
    for (guint i = 0; i < questions->len; i++) {
        const KeyQuestion *question = &g_array_index(questions, KeyQuestion, i);
        g_autoptr(GError) error = NULL;
        const BaridDnsAnswer *answer = barid_dns_batch_get(batch, question->question, &error);

        verify_one(txn, verifier, question->signature, answer, error, header);
    }
    dkim_third_parties_tell(third_parties, txn, verifier, batch);
}

/* --- findings --- */

/* What all signatures come to: one good one is enough; else the first of these. */
static const gchar *const results[] = {"pass",   "temperror", "fail", "policy",
                                       "permerror", "neutral"};

static const gchar *
verifier_get_result(const BaridVerifier *verifier)
{
    guint n_signatures = barid_verifier_get_n_signatures(verifier);
    guint best = G_N_ELEMENTS(results) - 1;

    if (n_signatures == 0)
        return "none";
    for (guint i = 0; i < n_signatures; i++) {
        const gchar *result = barid_signature_reason_get_result(
            barid_signature_get_reason(barid_verifier_get_signature(verifier, i)));

        for (guint n = 0; n < best; n++) {
            if (strcmp(results[n], result) == 0)
                best = n;
        }
    }
    return results[best];
}

static void
tell_one(BaridTransaction *txn, const BaridSignature *signature, GString *domains, GString *lines)
{
    BaridSignatureReason reason = barid_signature_get_reason(signature);
    const gchar *domain = barid_signature_get_domain(signature);
    const gchar *selector = barid_signature_get_selector(signature);

    barid_signature_append_result(signature, lines);
    barid_explain(txn, "dkim.signature", "%s %s: %s: %s%s", domain == NULL ? "?" : domain,
                  selector == NULL ? "?" : selector, barid_signature_reason_get_result(reason),
                  barid_signature_reason_describe(reason),
                  barid_signature_is_testing(signature) ? " (the domain is testing)" : "");
    if (reason != BARID_SIGNATURE_PASS)
        return;
    if (domains->len > 0)
        g_string_append_c(domains, ' ');
    g_string_append(domains, domain);
}

void
dkim_tell(BaridTransaction *txn, const BaridVerifier *verifier)
{
    g_autoptr(GString) domains = g_string_new(NULL);
    g_autoptr(GString) lines = g_string_new(NULL);

    for (guint i = 0; i < barid_verifier_get_n_signatures(verifier); i++)
        tell_one(txn, barid_verifier_get_signature(verifier, i), domains, lines);
    barid_finding_set(txn, "dkim.domains", domains->str);
    barid_finding_set(txn, "dkim.signatures", lines->str);
    barid_finding_set(txn, "dkim", verifier_get_result(verifier));
}
