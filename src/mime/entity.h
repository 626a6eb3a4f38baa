/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIME entities (RFC 2045, RFC 2046): what kind a content is, and the parts of a multipart.
 * Everything is a slice of the content; nothing is allocated. Pure: no I/O.
 */
#ifndef ENTITY_H
#define ENTITY_H

#include "base/buffer.h"

#define ENTITY_BOUNDARY_MAX 200 /* RFC 2046 section 5.1.1 allows 70 */

typedef struct {
    BaridSlice whole;
    BaridSlice type;     /* value of Content-Type, trimmed; empty without one */
    BaridSlice encoding; /* of Content-Transfer-Encoding, trimmed; empty without one */
    BaridSlice header;   /* with the empty line, when there is one */
    BaridSlice body;
    gboolean has_mime_version;
} Entity;

void entity_read(BaridSlice content, Entity *out);
/* Whether the type is (name), such as "message/rfc822", whatever its parameters; or begins
 * with it, when it ends with "/". */
gboolean entity_is(const Entity *self, const gchar *name);
/* Whether the transfer encoding is (name), such as "base64". */
gboolean entity_is_encoded(const Entity *self, const gchar *name);
/* Appends the body without its transfer encoding. FALSE for an encoding that is not known or
 * is broken, and past the buffer's limit; what was appended before stays. */
gboolean entity_decode(const Entity *self, Buffer *out);

/* --- the parts of a multipart --- */

typedef struct {
    BaridSlice body;
    guint8 boundary[ENTITY_BOUNDARY_MAX];
    gsize boundary_len;
    gsize pos;        /* behind the last delimiter */
    gboolean is_last; /* that delimiter closed the multipart */
} EntityParts;

/* Behind the first delimiter; (pos) tells where. FALSE when there is none, or no boundary. */
gboolean entity_parts_init(EntityParts *self, const Entity *entity);
/* The next part, and the delimiter behind it with the line end that belongs to it. FALSE at
 * the end; (is_last) is FALSE then when the closing delimiter is missing. */
gboolean entity_parts_next(EntityParts *self, BaridSlice *out_part, BaridSlice *out_delimiter);

#endif
