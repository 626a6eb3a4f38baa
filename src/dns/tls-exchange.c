/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/tls-exchange.h"

#include "base/chance.h"
#include "base/clock.h"
#include "net/connector.h"

enum {
    /* Servers close what is idle after some ten seconds or more (RFC 7766 section 6.2.3). */
    KEPT_MS = 8000,
    KEPT_MAX = 16,
};

typedef struct {
    Stream *stream;
    gint64 since_ms;
} Kept;

struct TlsExchange {
    Address server;
    gchar *name; /* that the certificate is for: a host name or an address */
    gboolean is_host;
    TlsTrust *trust;
    GMutex mutex;
    Kept kept[KEPT_MAX]; /* the one used last at the end */
    guint n_kept;
};

TlsExchange *
tls_exchange_new(const Address *server, const gchar *name, TlsTrust *trust)
{
    TlsExchange *self = g_new0(TlsExchange, 1);
    gchar text[ADDRESS_TEXT_MAX];

    self->server = *server;
    self->is_host = name != NULL;
    self->name = g_strdup(name != NULL ? name : address_format_ip(server, text));
    self->trust = tls_trust_ref(trust);
    g_mutex_init(&self->mutex);
    return self;
}

void
tls_exchange_free(TlsExchange *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->n_kept; i++)
        stream_free(self->kept[i].stream);
    g_mutex_clear(&self->mutex);
    tls_trust_unref(self->trust);
    g_free(self->name);
    g_free(self);
}

/* --- kept connections --- */

/* The one used last, which is the one most likely to be alive; NULL when there is none. */
static Stream *
tls_exchange_take_kept(TlsExchange *self)
{
    gint64 oldest_ms = clock_monotonic_ms() - KEPT_MS;
    Stream *stream = NULL;
    guint n_old = 0;
    Stream *old[KEPT_MAX];

    g_mutex_lock(&self->mutex);
    while (n_old < self->n_kept && self->kept[n_old].since_ms < oldest_ms) {
        old[n_old] = self->kept[n_old].stream;
        n_old++;
    }
    self->n_kept -= n_old;
    memmove(self->kept, self->kept + n_old, self->n_kept * sizeof *self->kept);
    if (self->n_kept > 0)
        stream = self->kept[--self->n_kept].stream;
    g_mutex_unlock(&self->mutex);
    for (guint i = 0; i < n_old; i++)
        stream_free(old[i]);
    if (stream != NULL && (!stream_attach(stream, scheduler_get_current(), NULL) ||
                           !stream_is_quiet(stream)))
        g_clear_pointer(&stream, stream_free);
    return stream;
}

static void
tls_exchange_keep(TlsExchange *self, Stream *stream)
{
    Stream *too_many = NULL;

    /* A server that says more than it was asked is not listened to. */
    if (stream_get_input(stream).len > 0) {
        stream_free(stream);
        return;
    }
    stream_detach(stream);
    g_mutex_lock(&self->mutex);
    if (self->n_kept == KEPT_MAX) {
        too_many = self->kept[0].stream;
        self->n_kept--;
        memmove(self->kept, self->kept + 1, self->n_kept * sizeof *self->kept);
    }
    self->kept[self->n_kept++] = (Kept){stream, clock_monotonic_ms()};
    g_mutex_unlock(&self->mutex);
    stream_free(too_many);
}

/* --- asking --- */

static Stream *
tls_exchange_open(TlsExchange *self, GError **error)
{
    Endpoint endpoint = {.address = self->server};
    TlsClientOptions options = {.server_name = self->is_host ? self->name : NULL,
                                .trust = self->trust,
                                .certificate_name = self->name};
    Address local;
    g_autoptr(Stream) stream = connector_open(&endpoint, NULL, &local, error);

    if (stream == NULL || !stream_start_tls_client(stream, &options, error))
        return NULL;
    return g_steal_pointer(&stream);
}

/* Takes (stream), which may be NULL. */
static gboolean
tls_exchange_talk(TlsExchange *self, Stream *stream, DnsQuestion *question, Buffer *reply,
                  Packet *out_packet, GError **error)
{
    if (stream == NULL)
        return FALSE;
    buffer_clear(reply);
    if (exchange_talk(stream, question, reply, out_packet, error)) {
        tls_exchange_keep(self, stream);
        return TRUE;
    }
    stream_free(stream);
    return FALSE;
}

gboolean
tls_exchange_run(TlsExchange *self, gint64 timeout_ms, DnsQuestion *question, Buffer *reply,
                 Packet *out_packet, guint *out_n_handshakes, GError **error)
{
    gint64 deadline = fiber_deadline_push(timeout_ms);
    g_autoptr(GError) local = NULL;
    Stream *kept = tls_exchange_take_kept(self);
    gboolean was_kept = kept != NULL;
    gboolean ok;

    question->id = (guint16)chance_below(65536);
    question->is_padded = TRUE;
    *out_n_handshakes = !was_kept;
    ok = tls_exchange_talk(self, was_kept ? kept : tls_exchange_open(self, &local), question,
                           reply, out_packet, &local);
    /* A server may close what was kept whenever it likes (RFC 7766 section 6.2.4). */
    if (!ok && was_kept && (local->code == BARID_ERROR_CLOSED || local->code == BARID_ERROR_IO)) {
        g_clear_error(&local);
        *out_n_handshakes = 1;
        ok = tls_exchange_talk(self, tls_exchange_open(self, &local), question, reply, out_packet,
                               &local);
    }
    fiber_deadline_restore(deadline);
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&local));
    return ok;
}
