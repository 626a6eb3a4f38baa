/* SPDX-License-Identifier: Apache-2.0 */
/* A name server on a loopback port whose replies, right or hostile, a test writes. */
#ifndef DNS_TESTS_NAME_SERVER_H
#define DNS_TESTS_NAME_SERVER_H

#include "dns/tests/wire.h"

/* One question as it came. */
typedef struct {
    const guint8 *bytes;
    gsize len;
    gboolean via_tcp;
    guint number; /* from 0 on, over both ways */
    gchar name[256];
    guint type;
    gboolean has_edns, wants_ad;
} Asked;

/* Writes a reply into (wire); one of length 0 is silence. Called on the server's thread. */
typedef void (*NameServerScript)(const Asked *asked, Wire *wire);

typedef struct NameServerFake NameServerFake;

NameServerFake *name_server_fake_new(NameServerScript script);
void name_server_fake_free(NameServerFake *self);
/* "127.0.0.1:PORT". */
const gchar *name_server_fake_get_address(const NameServerFake *self);
/* Questions that came so far. */
guint name_server_fake_get_n_asked(const NameServerFake *self);
/* Sends one more datagram to who asked, before the reply; from a script. */
void name_server_fake_send_also(const Wire *wire);

#endif
