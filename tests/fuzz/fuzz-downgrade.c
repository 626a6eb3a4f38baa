/* SPDX-License-Identifier: Apache-2.0 */
/* Conversion to 7 bits: whatever the message, a result is fit for any host, and conversion of
 * it again changes nothing. */
#include "mime/downgrade.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_auto(Buffer) once = {0};
    g_auto(Buffer) twice = {0};

    buffer_init(&once, 1 << 20);
    buffer_init(&twice, 1 << 20);
    if (downgrade_message(barid_slice(data, size), &once) != DOWNGRADE_OK)
        return 0;
    g_assert(downgrade_is_needless(buffer_get_slice(&once)));
    g_assert(downgrade_message(buffer_get_slice(&once), &twice) == DOWNGRADE_OK);
    g_assert(barid_slice_equal(buffer_get_slice(&once), buffer_get_slice(&twice)));
    return 0;
}
