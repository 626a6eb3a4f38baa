/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/tests/wire.h"

#include <check.h>
#include <string.h>

void
wire_put_bytes(Wire *self, const void *bytes, gsize len)
{
    ck_assert_uint_le(self->len + len, sizeof self->bytes);
    if (len > 0)
        memcpy(self->bytes + self->len, bytes, len);
    self->len += len;
}

void
wire_put_byte(Wire *self, guint value)
{
    guint8 byte = (guint8)value;

    wire_put_bytes(self, &byte, 1);
}

void
wire_put_pair(Wire *self, guint value)
{
    wire_put_byte(self, value >> 8);
    wire_put_byte(self, value & 255);
}

void
wire_put_quad(Wire *self, guint32 value)
{
    wire_put_pair(self, value >> 16);
    wire_put_pair(self, value & 65535);
}

void
wire_put_name(Wire *self, const gchar *name)
{
    g_auto(GStrv) labels = g_strsplit(name, ".", -1);

    for (guint i = 0; labels[i] != NULL; i++) {
        wire_put_byte(self, (guint)strlen(labels[i]));
        wire_put_bytes(self, labels[i], strlen(labels[i]));
    }
    if (*name == '\0')
        wire_put_byte(self, 0);
    else if (name[strlen(name) - 1] != '.')
        wire_put_byte(self, 0);
}

void
wire_begin(Wire *self, guint16 id, const gchar *name, guint type)
{
    self->len = 0;
    wire_put_pair(self, id);
    wire_put_pair(self, 0x8180);
    wire_put_pair(self, 1);
    wire_put_pair(self, 0);
    wire_put_quad(self, 0);
    wire_put_name(self, name);
    wire_put_pair(self, type);
    wire_put_pair(self, 1);
}

void
wire_begin_reply(Wire *self, const guint8 *query, gsize len)
{
    gsize end = 12;

    ck_assert_uint_ge(len, 17);
    while (query[end] != 0)
        end += query[end] + 1u;
    end += 5;
    ck_assert_uint_le(end, len);
    self->len = 0;
    wire_put_bytes(self, query, end);
    self->bytes[2] = 0x81;
    self->bytes[3] = 0x80;
    memset(self->bytes + 6, 0, 6);
}

void
wire_set_rcode(Wire *self, guint rcode)
{
    self->bytes[3] = (guint8)((self->bytes[3] & 0xf0) | rcode);
}

void
wire_set_flags(Wire *self, guint flags)
{
    self->bytes[2] = (guint8)(flags >> 8);
    self->bytes[3] = (guint8)flags;
}

void
wire_add(Wire *self, WireSection section, const gchar *owner, guint type, guint32 ttl_s,
         const void *data, gsize len)
{
    if (owner == NULL)
        wire_put_pair(self, 0xc00c);
    else
        wire_put_name(self, owner);
    wire_put_pair(self, type);
    wire_put_pair(self, 1);
    wire_put_quad(self, ttl_s);
    wire_put_pair(self, (guint)len);
    wire_put_bytes(self, data, len);
    if (++self->bytes[section + 1] == 0)
        self->bytes[section]++;
}

void
wire_add_name(Wire *self, WireSection section, const gchar *owner, guint type, guint32 ttl_s,
              const gchar *name)
{
    Wire *data = g_new0(Wire, 1);

    wire_put_name(data, name);
    wire_add(self, section, owner, type, ttl_s, data->bytes, data->len);
    g_free(data);
}

void
wire_add_soa(Wire *self, const gchar *owner, guint32 ttl_s, guint32 minimum_s)
{
    Wire *data = g_new0(Wire, 1);

    wire_put_name(data, "ns.example");
    wire_put_name(data, "hostmaster.example");
    for (guint i = 0; i < 4; i++)
        wire_put_quad(data, 1);
    wire_put_quad(data, minimum_s);
    wire_add(self, WIRE_AUTHORITY, owner, 6, ttl_s, data->bytes, data->len);
    g_free(data);
}

void
wire_add_a(Wire *self, const gchar *owner, guint32 ttl_s, guint8 last)
{
    const guint8 data[] = {192, 0, 2, last};

    wire_add(self, WIRE_ANSWER, owner, 1, ttl_s, data, sizeof data);
}
