/* SPDX-License-Identifier: Apache-2.0 */
/* Writing DNS replies, right and wrong ones, for tests. */
#ifndef DNS_TESTS_WIRE_H
#define DNS_TESTS_WIRE_H

#include <glib.h>

typedef struct {
    guint8 bytes[65536];
    gsize len;
} Wire;

typedef enum { WIRE_ANSWER = 6, WIRE_AUTHORITY = 8, WIRE_ADDITIONAL = 10 } WireSection;

void wire_put_byte(Wire *self, guint value);
void wire_put_pair(Wire *self, guint value);
void wire_put_quad(Wire *self, guint32 value);
/* An uncompressed name. */
void wire_put_name(Wire *self, const gchar *name);
void wire_put_bytes(Wire *self, const void *bytes, gsize len);
/* Header (QR, RD, RA) and question. */
void wire_begin(Wire *self, guint16 id, const gchar *name, guint type);
/* A reply to (query): its id and question. */
void wire_begin_reply(Wire *self, const guint8 *query, gsize len);
void wire_set_rcode(Wire *self, guint rcode);
void wire_set_flags(Wire *self, guint flags);
/* Adds a record; (owner) NULL points to the question's name. */
void wire_add(Wire *self, WireSection section, const gchar *owner, guint type, guint32 ttl_s,
              const void *data, gsize len);
void wire_add_name(Wire *self, WireSection section, const gchar *owner, guint type,
                   guint32 ttl_s, const gchar *name);
void wire_add_soa(Wire *self, const gchar *owner, guint32 ttl_s, guint32 minimum_s);
/* Bytes 192.0.2.N. */
void wire_add_a(Wire *self, const gchar *owner, guint32 ttl_s, guint8 last);

#endif
