/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dns-record.h"

#include "dns/dns-name.h"

static BaridSlice
dns_rdf_get_slice(const ldns_rdf *field)
{
    return barid_slice(ldns_rdf_data(field), ldns_rdf_size(field));
}

static guint32
dns_rdf_get_number(const ldns_rdf *field)
{
    BaridSlice bytes = dns_rdf_get_slice(field);
    guint32 number = 0;

    for (gsize i = 0; i < bytes.len; i++)
        number = number << 8 | bytes.data[i];
    return number;
}

gboolean
dns_record_get_name(const ldns_rdf *name, gchar *out_text)
{
    return ldns_rdf_get_type(name) == LDNS_RDF_TYPE_DNAME &&
           dns_name_from_wire(dns_rdf_get_slice(name), out_text);
}

static const gchar *
dns_record_dup_name(DnsBody *body, const ldns_rdf *field)
{
    gchar text[DNS_NAME_TEXT_MAX];

    return dns_record_get_name(field, text) ? arena_dup_text(body->arena, text) : NULL;
}

static gboolean
dns_record_fill_address(DnsRecord *record, const ldns_rdf *field, gboolean is_v6)
{
    BaridSlice bytes = dns_rdf_get_slice(field);

    if (bytes.len != (is_v6 ? 16 : 4))
        return FALSE;
    record->as.address.is_v6 = is_v6;
    memcpy(record->as.address.bytes, bytes.data, bytes.len);
    return TRUE;
}

/* The strings of one record are joined without anything between them, as SPF, DKIM and
 * all others do (RFC 7208 section 3.3). */
static gboolean
dns_record_fill_text(DnsRecord *record, DnsBody *body, const ldns_rr *rr)
{
    gsize len = 0;
    guint8 *joined;

    for (gsize i = 0; i < ldns_rr_rd_count(rr); i++)
        len += ldns_rdf_size(ldns_rr_rdf(rr, i));
    joined = arena_alloc(body->arena, len + 1);
    len = 0;
    for (gsize i = 0; i < ldns_rr_rd_count(rr); i++) {
        BaridSlice part = dns_rdf_get_slice(ldns_rr_rdf(rr, i));

        /* The first byte is the length. */
        memcpy(joined + len, part.data + 1, part.len - 1);
        len += part.len - 1;
    }
    record->as.text = barid_slice(joined, len);
    return TRUE;
}

static gboolean
dns_record_fill_tlsa(DnsRecord *record, DnsBody *body, const ldns_rr *rr)
{
    record->as.tlsa.usage = (guint8)dns_rdf_get_number(ldns_rr_rdf(rr, 0));
    record->as.tlsa.selector = (guint8)dns_rdf_get_number(ldns_rr_rdf(rr, 1));
    record->as.tlsa.matching = (guint8)dns_rdf_get_number(ldns_rr_rdf(rr, 2));
    record->as.tlsa.data = arena_dup_slice(body->arena, dns_rdf_get_slice(ldns_rr_rdf(rr, 3)));
    return TRUE;
}

static gboolean
dns_record_fill(DnsRecord *record, DnsBody *body, const ldns_rr *rr)
{
    const ldns_rdf *first = ldns_rr_rdf(rr, 0);

    switch ((DnsType)ldns_rr_get_type(rr)) {
    case DNS_TYPE_A:
        return dns_record_fill_address(record, first, FALSE);
    case DNS_TYPE_AAAA:
        return dns_record_fill_address(record, first, TRUE);
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
        record->as.name = dns_record_dup_name(body, first);
        return record->as.name != NULL;
    case DNS_TYPE_MX:
        record->as.mx.preference = (guint16)dns_rdf_get_number(first);
        record->as.mx.exchange = dns_record_dup_name(body, ldns_rr_rdf(rr, 1));
        return record->as.mx.exchange != NULL;
    case DNS_TYPE_SRV:
        record->as.srv.priority = (guint16)dns_rdf_get_number(first);
        record->as.srv.weight = (guint16)dns_rdf_get_number(ldns_rr_rdf(rr, 1));
        record->as.srv.port = (guint16)dns_rdf_get_number(ldns_rr_rdf(rr, 2));
        record->as.srv.target = dns_record_dup_name(body, ldns_rr_rdf(rr, 3));
        return record->as.srv.target != NULL;
    case DNS_TYPE_SOA:
        record->as.soa.primary = dns_record_dup_name(body, first);
        record->as.soa.serial = dns_rdf_get_number(ldns_rr_rdf(rr, 2));
        record->as.soa.minimum_s = dns_rdf_get_number(ldns_rr_rdf(rr, 6));
        return record->as.soa.primary != NULL;
    case DNS_TYPE_TXT:
        return dns_record_fill_text(record, body, rr);
    case DNS_TYPE_TLSA:
        return dns_record_fill_tlsa(record, body, rr);
    }
    return FALSE;
}

gboolean
dns_record_add(DnsBody *body, const ldns_rr *rr)
{
    const ldns_rr_descriptor *descriptor = ldns_rr_descript((uint16_t)ldns_rr_get_type(rr));
    DnsRecord *record;

    if (ldns_rr_rd_count(rr) < ldns_rr_descriptor_minimum(descriptor) ||
        (record = dns_body_add(body)) == NULL)
        return FALSE;
    if (dns_record_fill(record, body, rr))
        return TRUE;
    body->n_records--;
    return FALSE;
}
