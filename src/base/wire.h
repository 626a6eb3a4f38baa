/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the project's own binary formats: the mirror of the cursor's integers. */
#ifndef WIRE_H
#define WIRE_H

#include "base/buffer.h"

/* Each returns FALSE, with nothing written, past the buffer's limit. */
gboolean wire_put_u8(Buffer *buffer, guint8 value);
gboolean wire_put_u16(Buffer *buffer, guint16 value);
gboolean wire_put_u32(Buffer *buffer, guint32 value);
gboolean wire_put_u64(Buffer *buffer, guint64 value);
gboolean wire_put_counted(Buffer *buffer, BaridSlice slice);

#endif
