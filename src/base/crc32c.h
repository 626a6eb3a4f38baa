/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as used by the spool's records. RFC 3720 appendix B.4 has the
 * test vectors. Uses the processor's instruction where there is one. */
#ifndef CRC32C_H
#define CRC32C_H

#include <barid/slice.h>

/* Continues (crc), which is 0 for the first piece. */
guint32 crc32c_update(guint32 crc, const void *data, gsize len);

#endif
