/* SPDX-License-Identifier: Apache-2.0 */
/* Signature fields: what is taken for one names a key and has sane numbers; of any message
 * each signature comes to a result, and to one line of text that reads back. */
#include <string.h>

#include "signature/signature-private.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static const gchar record[] =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static void
check_pending(const BaridSignature *signature)
{
    const BaridSlice whole = signature->field.whole;

    g_assert(signature->domain != NULL && strlen(signature->domain) <= 253);
    g_assert(signature->selector != NULL && signature->key_name != NULL);
    g_assert(strchr(signature->identity, '@') != NULL);
    g_assert(strpbrk(signature->identity, " \r\n\t") == NULL);
    g_assert(signature->n_bytes > 0 && signature->n_bytes <= SIGNATURE_BYTES_MAX);
    g_assert(signature->hole.data >= whole.data &&
             signature->hole.data + signature->hole.len <= whole.data + whole.len);
    g_assert(signature->expires_s >= 0);
}

static void
check_text(const BaridSignature *signature)
{
    g_autoptr(GString) line = g_string_new(NULL);
    BaridSignatureResult result;
    BaridSlice rest;

    barid_signature_append_result(signature, line);
    g_assert(g_utf8_validate(line->str, (gssize)line->len, NULL));
    rest = barid_slice(line->str, line->len);
    g_assert(barid_signature_results_next(&rest, &result));
    g_assert(result.result.len > 0 && result.reason.len > 0);
    g_assert(barid_slice_equal_text(
        result.domain, signature->domain == NULL ? "" : signature->domain));
    g_assert(!barid_signature_results_next(&rest, &result));
}

static void
check_message(BaridSignatureKind kind, BaridSlice message)
{
    g_autoptr(BaridVerifier) verifier = barid_verifier_new(kind);
    g_autoptr(BaridHeaderIndex) header = barid_header_index_new(message);
    gsize body = header_get_length(message);
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        barid_verifier_field(verifier, field.name, field.whole);
    barid_verifier_body(verifier, barid_slice(message.data + body, message.len - body));
    barid_verifier_end(verifier);
    for (guint i = 0; i < barid_verifier_get_n_signatures(verifier); i++) {
        const BaridSignature *signature = barid_verifier_get_signature(verifier, i);

        if (signature->reason == BARID_SIGNATURE_PENDING)
            check_pending(signature);
        check_text(signature);
    }
    barid_verifier_examine(verifier, 0);
    for (guint i = 0; i < barid_verifier_get_n_signatures(verifier); i++) {
        barid_verifier_verify(verifier, i, barid_slice_from_text(record), header);
        barid_verifier_refuse(verifier, i, BARID_SIGNATURE_KEY_MISSING);
        g_assert(barid_signature_get_reason(barid_verifier_get_signature(verifier, i)) !=
                 BARID_SIGNATURE_PENDING);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    check_message(BARID_SIGNATURE_DKIM, barid_slice(data, size));
    check_message(BARID_SIGNATURE_ARC_MESSAGE, barid_slice(data, size));
    return 0;
}
