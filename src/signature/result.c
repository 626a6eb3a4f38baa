/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of signatures: in words, and as findings hold it. */
#include "signature/signature-private.h"

#include "base/text.h"

typedef struct {
    const gchar *result, *text;
} ReasonText;

static const ReasonText reason_texts[] = {
    [BARID_SIGNATURE_PENDING] = {"neutral", "not verified"},
    [BARID_SIGNATURE_PASS] = {"pass", "a good signature"},
    [BARID_SIGNATURE_FAILED] = {"fail", "the signature does not match the header"},
    [BARID_SIGNATURE_BODY_CHANGED] = {"fail", "the body hash does not match"},
    [BARID_SIGNATURE_PARTIAL_BODY] = {"policy", "a part of the body is not signed"},
    [BARID_SIGNATURE_MALFORMED] = {"neutral", "the signature is malformed"},
    [BARID_SIGNATURE_TAG_MISSING] = {"neutral", "the signature lacks a tag"},
    [BARID_SIGNATURE_VERSION] = {"neutral", "unknown version of the signature"},
    [BARID_SIGNATURE_ALGORITHM] = {"neutral", "unknown algorithm"},
    [BARID_SIGNATURE_SHA1] = {"policy", "rsa-sha1 is not accepted"},
    [BARID_SIGNATURE_CANONICAL] = {"neutral", "unknown canonical form"},
    [BARID_SIGNATURE_IDENTITY] = {"neutral", "the identity is not within the domain"},
    [BARID_SIGNATURE_FROM] = {"permerror", "the field From is not signed"},
    [BARID_SIGNATURE_SEAL] = {"fail", "the signature covers an ARC-Seal"},
    [BARID_SIGNATURE_QUERY] = {"neutral", "unknown way to the key"},
    [BARID_SIGNATURE_EXPIRED] = {"neutral", "the signature has expired"},
    [BARID_SIGNATURE_TOO_MANY] = {"policy", "too many signatures"},
    [BARID_SIGNATURE_KEY_LOOKUP] = {"temperror", "the key cannot be looked up now"},
    [BARID_SIGNATURE_KEY_MISSING] = {"permerror", "there is no such key"},
    [BARID_SIGNATURE_KEY_MALFORMED] = {"permerror", "the key is malformed"},
    [BARID_SIGNATURE_KEY_REVOKED] = {"permerror", "the key is revoked"},
    [BARID_SIGNATURE_KEY_OTHER] = {"permerror", "the key is for something else"},
    [BARID_SIGNATURE_KEY_SHORT] = {"policy", "the key is too short"},
    [BARID_SIGNATURE_KEY_HUGE] = {"policy", "the key is too large"},
    [BARID_SIGNATURE_KEY_STRICT] = {"fail", "the key is not for subdomains"},
};

const gchar *
barid_signature_reason_get_result(BaridSignatureReason reason)
{
    g_return_val_if_fail((guint)reason < G_N_ELEMENTS(reason_texts), "neutral");
    return reason_texts[reason].result;
}

const gchar *
barid_signature_reason_describe(BaridSignatureReason reason)
{
    g_return_val_if_fail((guint)reason < G_N_ELEMENTS(reason_texts), "");
    return reason_texts[reason].text;
}

/* --- results as text --- */

static void
append_word(GString *out, const gchar *word)
{
    g_string_append(out, word == NULL || *word == '\0' ? "-" : word);
    g_string_append_c(out, ' ');
}

void
barid_signature_append_result(const BaridSignature *self, GString *out)
{
    append_word(out, barid_signature_reason_get_result(self->reason));
    append_word(out, self->domain);
    append_word(out, self->selector);
    append_word(out, self->algorithm);
    append_word(out, self->identity);
    append_word(out, self->mark);
    g_string_append(out, barid_signature_reason_describe(self->reason));
    g_string_append_c(out, '\n');
}

static BaridSlice
take_up_to(BaridSlice *rest, guint8 end)
{
    const guint8 *found = rest->len == 0 ? NULL : memchr(rest->data, end, rest->len);
    gsize len = found == NULL ? rest->len : (gsize)(found - rest->data);
    BaridSlice taken = barid_slice(rest->data, len);

    *rest = barid_slice(rest->data + len, rest->len - len);
    if (found != NULL)
        *rest = barid_slice(rest->data + 1, rest->len - 1);
    return taken;
}

static BaridSlice
take_word(BaridSlice *rest)
{
    BaridSlice word = take_up_to(rest, ' ');

    return barid_slice_equal_text(word, "-") ? BARID_SLICE_EMPTY : word;
}

gboolean
barid_signature_results_next(BaridSlice *rest, BaridSignatureResult *out)
{
    BaridSlice line;

    if (rest->len == 0)
        return FALSE;
    line = take_up_to(rest, '\n');
    out->result = take_word(&line);
    out->domain = take_word(&line);
    out->selector = take_word(&line);
    out->algorithm = take_word(&line);
    out->identity = take_word(&line);
    out->mark = take_word(&line);
    out->reason = line;
    return TRUE;
}
