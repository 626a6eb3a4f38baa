/* SPDX-License-Identifier: Apache-2.0 */
/* A name server's reply of any bytes: it is refused, or what was read of it keeps to the
 * rules. The first byte chooses the type that was asked for; the id is the reply's own. */
#include "dns/dns-name.h"
#include "dns/packet.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static const DnsType types[] = {DNS_TYPE_A,  DNS_TYPE_NS,   DNS_TYPE_CNAME, DNS_TYPE_SOA,
                                DNS_TYPE_PTR, DNS_TYPE_MX,  DNS_TYPE_TXT,   DNS_TYPE_AAAA,
                                DNS_TYPE_SRV, DNS_TYPE_TLSA};

static void
check_text(const gchar *name)
{
    g_assert(name != NULL && strlen(name) < DNS_NAME_TEXT_MAX);
    for (; *name != '\0'; name++)
        g_assert(*name > ' ' && *name < 0x7f && !g_ascii_isupper(*name));
}

static void
check_record(const DnsRecord *record, DnsType type)
{
    switch (type) {
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
        check_text(record->as.name);
        break;
    case DNS_TYPE_MX:
        check_text(record->as.mx.exchange);
        break;
    case DNS_TYPE_SRV:
        check_text(record->as.srv.target);
        break;
    case DNS_TYPE_SOA:
        check_text(record->as.soa.primary);
        break;
    case DNS_TYPE_TXT:
        g_assert(record->as.text.len <= DNS_REPLY_MAX);
        break;
    case DNS_TYPE_TLSA:
        g_assert(record->as.tlsa.data.len <= DNS_REPLY_MAX);
        break;
    default:
        g_assert(record->as.address.is_v6 == (type == DNS_TYPE_AAAA));
        break;
    }
}

static void
check_reading(const Packet *packet, const DnsQuestion *question)
{
    g_autoptr(DnsBody) body = NULL;
    PacketRead result = packet_read(packet, question, &body);

    check_text(body->canonical);
    g_assert(body->n_records <= packet->n_answers);
    g_assert((body->status == DNS_FOUND) == (body->n_records > 0));
    g_assert(result == PACKET_READ_ANSWER || body->n_records == 0);
    g_assert(body->ttl_s <= G_MAXINT32);
    for (guint i = 0; i < body->n_records; i++)
        check_record(&body->records[i], question->type);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    DnsQuestion question = {.name = "www.example.org"};
    gchar text[DNS_NAME_TEXT_MAX];
    Packet packet;

    if (size < 3 || size > DNS_REPLY_MAX)
        return 0;
    question.type = types[data[0] % G_N_ELEMENTS(types)];
    question.id = (guint16)(data[1] << 8 | data[2]);
    if (dns_name_from_wire(barid_slice(data, size), text))
        check_text(text);
    if (packet_check(barid_slice(data + 1, size - 1), &question, &packet) == PACKET_OK &&
        !packet.truncated && packet.answers > 0 &&
        (packet.rcode == DNS_RCODE_OK || packet.rcode == DNS_RCODE_NXDOMAIN))
        check_reading(&packet, &question);
    return 0;
}
