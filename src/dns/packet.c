/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/packet.h"

#include "dns/dns-name.h"
#include "dns/dns-record.h"

enum {
    PACKET_HEADER = 12,
    PACKET_CLASS_IN = 1,
    PACKET_NAME_MAX = 255,
    PACKET_TYPE_SIG = 24,
    PACKET_TYPE_KEY = 25,
    PACKET_TYPE_OPT = 41,
    PACKET_OPTION_PADDING = 12,
    PACKET_PADDED_TO = 128,
    PACKET_TYPE_RRSIG = 46,
    PACKET_TYPE_DNSKEY = 48,
    PACKET_TYPE_TSIG = 250,
};

/* A name as uncompressed lower-case wire bytes. */
typedef struct {
    guint8 bytes[PACKET_NAME_MAX];
    gsize len;
} PacketName;

typedef struct {
    PacketName owner;
    gsize at; /* of the owner */
    guint16 type, rr_class;
    guint32 ttl_s;
    gsize data;
    gsize data_len;
} PacketRecord;

/* --- writing --- */

static gsize
packet_put_u16(guint8 *out, gsize at, guint value)
{
    out[at] = (guint8)(value >> 8);
    out[at + 1] = (guint8)value;
    return at + 2;
}

static gsize
packet_put_name(guint8 *out, gsize at, const gchar *name)
{
    while (*name != '\0') {
        gsize label = strcspn(name, ".");

        out[at++] = (guint8)label;
        memcpy(out + at, name, label);
        at += label;
        name += label + (name[label] == '.');
    }
    out[at] = 0;
    return at + 1;
}

/* The data of OPT: an option of zeros that fills up to the next block (RFC 7830; RFC 8467
 * section 4.1 for its size). */
static gsize
packet_put_padding(guint8 *bytes, gsize at)
{
    gsize before = at + 2 + 4;
    gsize len = (PACKET_PADDED_TO - before % PACKET_PADDED_TO) % PACKET_PADDED_TO;

    at = packet_put_u16(bytes, at, (guint16)(4 + len));
    at = packet_put_u16(bytes, at, PACKET_OPTION_PADDING);
    at = packet_put_u16(bytes, at, (guint16)len);
    memset(bytes + at, 0, len);
    return at + len;
}

gsize
packet_write_query(const DnsQuestion *question, guint8 *out_bytes)
{
    gsize at = packet_put_u16(out_bytes, 0, question->id);

    /* RD; and AD, which asks for AD without the weight of signatures. */
    at = packet_put_u16(out_bytes, at, question->wants_ad ? 0x0120 : 0x0100);
    at = packet_put_u16(out_bytes, at, 1);
    at = packet_put_u16(out_bytes, at, 0);
    at = packet_put_u16(out_bytes, at, 0);
    at = packet_put_u16(out_bytes, at, question->edns ? 1 : 0);
    at = packet_put_name(out_bytes, at, question->name);
    at = packet_put_u16(out_bytes, at, question->type);
    at = packet_put_u16(out_bytes, at, PACKET_CLASS_IN);
    if (!question->edns)
        return at;
    out_bytes[at++] = 0;
    at = packet_put_u16(out_bytes, at, PACKET_TYPE_OPT);
    at = packet_put_u16(out_bytes, at, DNS_UDP_BYTES);
    memset(out_bytes + at, 0, 4);
    at += 4;
    return question->is_padded ? packet_put_padding(out_bytes, at)
                               : packet_put_u16(out_bytes, at, 0);
}

/* --- checking --- */

/* Bounds are the caller's affair here, and checked with the other one. */
static guint32
packet_peek_u32(BaridSlice all, gsize at)
{
    return (guint32)all.data[at] << 24 | (guint32)all.data[at + 1] << 16 |
           (guint32)all.data[at + 2] << 8 | all.data[at + 3];
}

static gboolean
packet_get_u16(BaridSlice all, gsize at, guint16 *out_value)
{
    if (all.len < 2 || at > all.len - 2)
        return FALSE;
    *out_value = (guint16)(all.data[at] << 8 | all.data[at + 1]);
    return TRUE;
}

/* Reads the name at (*at) and moves behind it. Each pointer must lead to before the part
 * that it ends, so no name can loop; (hops_left) bounds the work over the whole reply. */
static gboolean
packet_take_name(BaridSlice all, gsize *at, guint *hops_left, PacketName *out_name)
{
    gsize pos = *at, part = *at, behind = 0;
    guint hops = 0;

    out_name->len = 0;
    while (pos < all.len) {
        guint8 length = all.data[pos];

        if (length >= 0xc0) {
            guint16 target;

            if (!packet_get_u16(all, pos, &target) || ++hops > DNS_HOPS_MAX || *hops_left == 0)
                return FALSE;
            (*hops_left)--;
            behind = behind == 0 ? pos + 2 : behind;
            pos = target & 0x3fff;
            if (pos >= part)
                return FALSE;
            part = pos;
            continue;
        }
        if (length > DNS_LABEL_MAX || length + 1u > PACKET_NAME_MAX - out_name->len ||
            length + 1u > all.len - pos)
            return FALSE;
        out_name->bytes[out_name->len++] = length;
        for (gsize i = 1; i <= length; i++)
            out_name->bytes[out_name->len++] = (guint8)g_ascii_tolower((gchar)all.data[pos + i]);
        pos += length + 1u;
        if (length == 0) {
            *at = behind == 0 ? pos : behind;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
packet_name_equals(const PacketName *a, const PacketName *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Whether (name) is (zone) or below it. */
static gboolean
packet_name_is_below(const PacketName *name, const PacketName *zone)
{
    for (gsize at = 0; at + zone->len <= name->len; at += name->bytes[at] + 1u) {
        if (at + zone->len == name->len && memcmp(name->bytes + at, zone->bytes, zone->len) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The record at (*at), without a look into its data. */
static gboolean
packet_take_record(BaridSlice all, gsize *at, guint *hops_left, PacketRecord *out_record)
{
    gsize pos = *at;
    guint16 len;

    out_record->at = pos;
    if (!packet_take_name(all, &pos, hops_left, &out_record->owner) || all.len - pos < 10 ||
        !packet_get_u16(all, pos, &out_record->type) ||
        !packet_get_u16(all, pos + 2, &out_record->rr_class) ||
        !packet_get_u16(all, pos + 8, &len) || len > all.len - pos - 10)
        return FALSE;
    out_record->ttl_s = packet_peek_u32(all, pos + 4);
    out_record->data = pos + 10;
    out_record->data_len = len;
    *at = pos + 10 + len;
    return TRUE;
}

/* Names inside data end with it, or (tail) bytes before its end. */
static gboolean
packet_check_names(BaridSlice all, const PacketRecord *record, gsize before, guint n_names,
                   gsize tail, guint *hops_left)
{
    gsize at = record->data + before, end = record->data + record->data_len;
    PacketName ignored;

    for (guint i = 0; i < n_names; i++) {
        if (at >= end || !packet_take_name(all, &at, hops_left, &ignored))
            return FALSE;
    }
    return at + tail == end;
}

static gboolean
packet_check_strings(BaridSlice all, const PacketRecord *record)
{
    gsize at = record->data, end = record->data + record->data_len;

    while (at < end)
        at += all.data[at] + 1u;
    return at == end && record->data_len > 0;
}

/* Data of the types that ldns is going to see. */
static gboolean
packet_check_data(BaridSlice all, const PacketRecord *record, guint *hops_left)
{
    switch ((DnsType)record->type) {
    case DNS_TYPE_A:
        return record->data_len == 4;
    case DNS_TYPE_AAAA:
        return record->data_len == 16;
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
        return packet_check_names(all, record, 0, 1, 0, hops_left);
    case DNS_TYPE_MX:
        return packet_check_names(all, record, 2, 1, 0, hops_left);
    case DNS_TYPE_SRV:
        return packet_check_names(all, record, 6, 1, 0, hops_left);
    case DNS_TYPE_SOA:
        return packet_check_names(all, record, 0, 2, 20, hops_left);
    case DNS_TYPE_TXT:
        return packet_check_strings(all, record);
    case DNS_TYPE_TLSA:
        return record->data_len > 3;
    }
    return TRUE;
}

typedef struct {
    guint hops_left, n_keys, n_signatures, n_options;
} PacketBudget;

static gboolean
packet_admit(const PacketRecord *record, gboolean is_additional, PacketBudget *budget)
{
    switch (record->type) {
    case PACKET_TYPE_TSIG:
    case PACKET_TYPE_SIG:
        /* We signed nothing, so nobody has reason to sign for us. */
        return FALSE;
    case PACKET_TYPE_OPT:
        return is_additional && ++budget->n_options == 1 && record->owner.len == 1;
    case PACKET_TYPE_KEY:
    case PACKET_TYPE_DNSKEY:
        return ++budget->n_keys <= DNS_KEYS_MAX;
    case PACKET_TYPE_RRSIG:
        return ++budget->n_signatures <= DNS_SIGNATURES_MAX;
    default:
        return TRUE;
    }
}

static gboolean
packet_check_records(Packet *packet, gsize at)
{
    PacketBudget budget = {.hops_left = DNS_ALL_HOPS_MAX};
    guint before_additional = packet->n_answers + packet->n_authority;
    guint n_records = before_additional + packet->n_additional;

    if (n_records > DNS_RECORDS_MAX)
        return FALSE;
    for (guint i = 0; i < n_records; i++) {
        PacketRecord record;

        if (!packet_take_record(packet->all, &at, &budget.hops_left, &record) ||
            !packet_admit(&record, i >= before_additional, &budget) ||
            !packet_check_data(packet->all, &record, &budget.hops_left))
            return FALSE;
        /* RFC 6891 section 6.1.3: the upper bits of the code. */
        if (record.type == PACKET_TYPE_OPT)
            packet->rcode |= record.ttl_s >> 24 << 4;
    }
    return at == packet->all.len;
}

static gboolean
packet_has_question(BaridSlice bytes, const DnsQuestion *question, gsize *out_behind)
{
    guint8 asked[DNS_QUERY_MAX];
    PacketName name, wanted = {.len = 0};
    guint16 type, rr_class;
    gsize at = PACKET_HEADER;
    guint no_hops = 0;

    wanted.len = packet_put_name(asked, 0, question->name);
    memcpy(wanted.bytes, asked, wanted.len);
    if (!packet_take_name(bytes, &at, &no_hops, &name) || !packet_name_equals(&name, &wanted) ||
        !packet_get_u16(bytes, at, &type) || !packet_get_u16(bytes, at + 2, &rr_class))
        return FALSE;
    *out_behind = at + 4;
    return type == question->type && rr_class == PACKET_CLASS_IN;
}

static gboolean
packet_is_bare_error(const Packet *packet)
{
    return packet->rcode == DNS_RCODE_FORMERR || packet->rcode == DNS_RCODE_SERVFAIL ||
           packet->rcode == DNS_RCODE_NOTIMP || packet->rcode == DNS_RCODE_REFUSED;
}

PacketResult
packet_check(BaridSlice bytes, const DnsQuestion *question, Packet *out_packet)
{
    guint16 id, flags, counts[4];
    gsize at;

    if (!packet_get_u16(bytes, 0, &id) || !packet_get_u16(bytes, 2, &flags) ||
        id != question->id || (flags & 0x8000) == 0)
        return PACKET_FOREIGN;
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
        if (!packet_get_u16(bytes, 4 + 2 * i, &counts[i]))
            return PACKET_FOREIGN;
    }
    *out_packet = (Packet){
        .all = bytes,
        .rcode = flags & 15,
        .truncated = (flags & 0x0200) != 0,
        .authentic = (flags & 0x0020) != 0,
        .recursive = (flags & 0x0080) != 0,
        .n_answers = counts[1],
        .n_authority = counts[2],
        .n_additional = counts[3],
    };
    /* Some servers do not repeat a question that they did not understand. */
    if (counts[0] == 0 && bytes.len == PACKET_HEADER && packet_is_bare_error(out_packet))
        return PACKET_OK;
    if (counts[0] != 1 || !packet_has_question(bytes, question, &at))
        return PACKET_FOREIGN;
    if ((flags & 0x7800) != 0)
        return PACKET_BROKEN;
    out_packet->answers = at;
    if (out_packet->truncated)
        return PACKET_OK;
    return packet_check_records(out_packet, at) ? PACKET_OK : PACKET_BROKEN;
}

/* --- reading --- */

typedef struct {
    const Packet *packet;
    const DnsQuestion *question;
    PacketName target; /* the name at the end of the chain */
    guint n_links;
    DnsBody *body;
} PacketReader;

/* RFC 2181 section 8: a life with the highest bit set is 0. */
static void
packet_limit_ttl(DnsBody *body, guint32 ttl_s)
{
    body->ttl_s = MIN(body->ttl_s, ttl_s > G_MAXINT32 ? 0 : ttl_s);
}

static gboolean
packet_add_record(PacketReader *self, const PacketRecord *record)
{
    BaridSlice all = self->packet->all;
    gsize at = record->at;
    ldns_rr *rr = NULL;
    gboolean ok;

    if (ldns_wire2rr(&rr, all.data, all.len, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
        return FALSE;
    ok = dns_record_add(self->body, rr);
    ldns_rr_free(rr);
    if (ok)
        packet_limit_ttl(self->body, record->ttl_s);
    return ok;
}

/* Takes the records of the wanted type, and notes the alias of the target. */
static gboolean
packet_scan_answers(PacketReader *self, PacketRecord *out_alias)
{
    gsize at = self->packet->answers;
    guint hops_left = DNS_ALL_HOPS_MAX;
    gboolean has_alias = FALSE;

    for (guint i = 0; i < self->packet->n_answers; i++) {
        PacketRecord record;

        if (!packet_take_record(self->packet->all, &at, &hops_left, &record))
            break;
        if (record.rr_class != PACKET_CLASS_IN ||
            !packet_name_equals(&record.owner, &self->target))
            continue;
        if (record.type == self->question->type) {
            packet_add_record(self, &record);
        } else if (record.type == DNS_TYPE_CNAME && !has_alias) {
            *out_alias = record;
            has_alias = TRUE;
        }
    }
    return has_alias;
}

static void
packet_follow(PacketReader *self)
{
    while (self->n_links <= DNS_CHAIN_MAX) {
        PacketRecord alias;
        guint hops_left = DNS_HOPS_MAX;
        gsize at;

        if (!packet_scan_answers(self, &alias) || self->body->n_records > 0)
            return;
        at = alias.data;
        if (!packet_take_name(self->packet->all, &at, &hops_left, &self->target))
            return;
        packet_limit_ttl(self->body, alias.ttl_s);
        self->n_links++;
    }
}

typedef enum { PACKET_SAYS_NOTHING, PACKET_DENIES, PACKET_REFERS } PacketAuthority;

/* What the authority section says of the target: the SOA record of a denial, or only name
 * servers (RFC 2308 section 2). */
static PacketAuthority
packet_read_authority(PacketReader *self)
{
    gsize at = self->packet->answers;
    guint hops_left = DNS_ALL_HOPS_MAX;
    PacketAuthority found = PACKET_SAYS_NOTHING;

    for (guint i = 0; i < self->packet->n_answers + self->packet->n_authority; i++) {
        PacketRecord record;
        BaridSlice all = self->packet->all;

        if (!packet_take_record(all, &at, &hops_left, &record))
            break;
        if (i < self->packet->n_answers || record.rr_class != PACKET_CLASS_IN)
            continue;
        if (record.type == DNS_TYPE_NS)
            found = PACKET_REFERS;
        if (record.type != DNS_TYPE_SOA || !packet_name_is_below(&self->target, &record.owner))
            continue;
        packet_limit_ttl(self->body, record.ttl_s);
        /* The last field; the data was checked to be long enough. */
        packet_limit_ttl(self->body, packet_peek_u32(all, record.data + record.data_len - 4));
        return PACKET_DENIES;
    }
    return found;
}

static PacketRead
packet_finish(PacketReader *self)
{
    DnsBody *body = self->body;
    PacketAuthority authority;

    if (body->n_records > 0) {
        body->status = DNS_FOUND;
        return PACKET_READ_ANSWER;
    }
    body->status = self->packet->rcode == DNS_RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_NO_DATA;
    authority = packet_read_authority(self);
    if (body->status == DNS_NO_DATA && authority != PACKET_DENIES && self->n_links > 0)
        return PACKET_READ_FOLLOW;
    /* A server that does not recurse sends us elsewhere: that is no answer. */
    if (body->status == DNS_NO_DATA && authority == PACKET_REFERS && !self->packet->recursive)
        return PACKET_READ_LAME;
    if (authority != PACKET_DENIES)
        body->ttl_s = 0;
    return PACKET_READ_ANSWER;
}

PacketRead
packet_read(const Packet *packet, const DnsQuestion *question, DnsBody **out_body)
{
    PacketReader self = {.packet = packet, .question = question};
    gchar canonical[DNS_NAME_TEXT_MAX];
    guint8 asked[DNS_QUERY_MAX];
    PacketRead result;

    self.target.len = packet_put_name(asked, 0, question->name);
    memcpy(self.target.bytes, asked, self.target.len);
    self.body = dns_body_new(packet->n_answers);
    self.body->ttl_s = G_MAXINT32;
    packet_follow(&self);
    result = packet_finish(&self);
    dns_name_from_wire(barid_slice(self.target.bytes, self.target.len), canonical);
    self.body->canonical = arena_dup_text(self.body->arena, canonical);
    self.body->security =
        packet->authentic && question->wants_ad ? DNS_SECURE : DNS_INSECURE;
    *out_body = self.body;
    return result;
}
