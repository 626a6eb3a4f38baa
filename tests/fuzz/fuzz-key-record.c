/* SPDX-License-Identifier: Apache-2.0 */
/* Key records: any text comes to a reason, and no record makes junk a good signature. */
#include "signature/signature-private.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static const guint8 digest[BARID_DIGEST_BYTES] = {1}, bytes[256] = {0};
    BaridSlice record = barid_slice(data, size);
    SignatureKey key;
    BaridSignatureReason reason = signature_key_parse(record, &key);

    if (reason == BARID_SIGNATURE_PENDING)
        g_assert(key.key.len > 0 && key.key.data >= data &&
                 key.key.data + key.key.len <= data + size);
    g_assert(barid_key_record_verify(record, BARID_SLICE_LITERAL("rsa-sha256"), digest,
                                     barid_slice(bytes, sizeof bytes)) != BARID_SIGNATURE_PASS);
    g_assert(barid_key_record_verify(record, BARID_SLICE_LITERAL("ed25519-sha256"), digest,
                                     barid_slice(bytes, 64)) != BARID_SIGNATURE_PASS);
    g_assert(barid_key_record_verify(record, record, digest, record) != BARID_SIGNATURE_PASS);
    return 0;
}
