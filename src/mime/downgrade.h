/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Downgrade: makes a message with 8-bit or binary content fit for a host without 8BITMIME
 * or BINARYMIME (RFC 6152 section 3): the parts that need it become quoted-printable or
 * base64, all others stay as they are. What is below multipart/signed or
 * multipart/encrypted is never touched (RFC 1847 section 2.1).
 */
#ifndef DOWNGRADE_H
#define DOWNGRADE_H

#include "base/buffer.h"

typedef enum {
    DOWNGRADE_OK,
    DOWNGRADE_SEALED,      /* a part that may not be changed would have to be */
    DOWNGRADE_HEADER_8BIT, /* a header has 8-bit bytes (RFC 6532): no encoding helps */
    DOWNGRADE_BROKEN,      /* MIME structure that cannot be followed */
    DOWNGRADE_TOO_LARGE,   /* past the buffer's limit */
} DowngradeResult;

/* Parts are followed this deep. */
#define DOWNGRADE_DEPTH_MAX 32

/* Whether (content) may go as it is to a host that knows nothing but RFC 5321: 7-bit, no
 * NUL, line ends CRLF only, no line longer than 998 bytes. */
gboolean downgrade_is_needless(BaridSlice content);
/* Appends the converted message to (out); on failure (out) holds rubbish. */
DowngradeResult downgrade_message(BaridSlice message, Buffer *out);

#endif
