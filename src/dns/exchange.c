/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/exchange.h"

#include "base/chance.h"
#include "net/connector.h"
#include "net/datagram.h"

enum {
    EXCHANGE_UDP_ROOM = 4096,
    /* Replies to somebody else's question: so many come from a forger, not by chance. */
    EXCHANGE_FOREIGN_MAX = 100,
};

static gboolean
exchange_refuse(GError **error, const gchar *what)
{
    g_set_error_literal(error, DNS_ERROR, BARID_ERROR_INVALID, what);
    return FALSE;
}

static gboolean
exchange_receive_udp(Datagram *socket, const DnsQuestion *question, Buffer *reply,
                     Packet *out_packet, GError **error)
{
    guint8 *bytes = buffer_reserve(reply, EXCHANGE_UDP_ROOM);

    for (guint n_foreign = 0; bytes != NULL && n_foreign < EXCHANGE_FOREIGN_MAX; n_foreign++) {
        gsize len;

        if (!datagram_receive(socket, bytes, EXCHANGE_UDP_ROOM, &len, error))
            return FALSE;
        switch (packet_check(barid_slice(bytes, len), question, out_packet)) {
        case PACKET_OK:
            return TRUE;
        case PACKET_BROKEN:
            return exchange_refuse(error, "a broken reply");
        case PACKET_FOREIGN:
            break;
        }
    }
    return exchange_refuse(error, "a flood of forged replies");
}

static gboolean
exchange_run_udp(const Address *server, DnsQuestion *question, Buffer *reply, Packet *out_packet,
                 GError **error)
{
    guint8 query[DNS_QUERY_MAX];
    gsize len = packet_write_query(question, query);
    Datagram socket;
    gboolean ok;

    if (!datagram_open(&socket, server, error))
        return FALSE;
    ok = datagram_send(&socket, barid_slice(query, len), error) &&
         exchange_receive_udp(&socket, question, reply, out_packet, error);
    datagram_close(&socket);
    return ok;
}

/* Reads exactly (count) bytes into (out). */
static gboolean
exchange_read(Stream *stream, gsize count, Buffer *out, GError **error)
{
    while (count > 0) {
        BaridSlice input = stream_get_input(stream);
        gsize part = MIN(input.len, count);

        if (part == 0) {
            if (!stream_fill(stream, error))
                return FALSE;
            continue;
        }
        if (!buffer_append(out, input.data, part))
            return exchange_refuse(error, "a reply that is too long");
        stream_consume(stream, part);
        count -= part;
    }
    return TRUE;
}

/* RFC 7766 section 8: each message stands behind its length. */
gboolean
exchange_talk(Stream *stream, DnsQuestion *question, Buffer *reply, Packet *out_packet,
              GError **error)
{
    guint8 query[2 + DNS_QUERY_MAX];
    gsize len = packet_write_query(question, query + 2);

    query[0] = (guint8)(len >> 8);
    query[1] = (guint8)len;
    if (!stream_put(stream, barid_slice(query, len + 2), error) || !stream_flush(stream, error) ||
        !exchange_read(stream, 2, reply, error))
        return FALSE;
    len = (gsize)reply->data[0] << 8 | reply->data[1];
    buffer_consume(reply, 2);
    if (!exchange_read(stream, len, reply, error))
        return FALSE;
    /* Nobody else can speak on this connection, so a foreign reply is a broken one. */
    return (packet_check(buffer_get_slice(reply), question, out_packet) == PACKET_OK &&
            !out_packet->truncated) ||
           exchange_refuse(error, "a broken reply over TCP");
}

static gboolean
exchange_run_tcp(const Address *server, DnsQuestion *question, Buffer *reply, Packet *out_packet,
                 GError **error)
{
    Endpoint endpoint = {.address = *server};
    Address local;
    g_autoptr(Stream) stream = connector_open(&endpoint, NULL, &local, error);

    return stream != NULL && exchange_talk(stream, question, reply, out_packet, error);
}

gboolean
exchange_run(const Address *server, ExchangeVia via, gint64 timeout_ms, DnsQuestion *question,
             Buffer *reply, Packet *out_packet, GError **error)
{
    gint64 deadline = fiber_deadline_push(timeout_ms);
    gboolean ok;

    buffer_clear(reply);
    question->id = (guint16)chance_below(65536);
    ok = via == EXCHANGE_UDP ? exchange_run_udp(server, question, reply, out_packet, error)
                             : exchange_run_tcp(server, question, reply, out_packet, error);
    fiber_deadline_restore(deadline);
    return ok;
}
