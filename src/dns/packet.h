/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages on the wire. A query is written here; a reply is checked here, record by
 * record, before ldns sees any of it: names, lengths and counts are bounded, so that a
 * hostile reply costs no more than an honest one of its size. Only the records that answer
 * the question are parsed at all. Pure.
 */
#ifndef PACKET_H
#define PACKET_H

#include "dns/dns-answer.h"

enum {
    DNS_QUERY_MAX = 384, /* 12 + 255 + 4 + 11 + 4, and padding */
    DNS_REPLY_MAX = 65535,
    DNS_UDP_BYTES = 1232,    /* what fits into one IPv6 packet everywhere */
    DNS_RECORDS_MAX = 4096,  /* in one reply */
    DNS_HOPS_MAX = 126,      /* compression pointers in one name: labels that 255 bytes hold */
    DNS_ALL_HOPS_MAX = 32768,/* in one reply */
    DNS_KEYS_MAX = 64,       /* DNSKEY and KEY records in one reply */
    DNS_SIGNATURES_MAX = 512,
    DNS_CHAIN_MAX = 8,       /* aliases followed */
};

enum {
    DNS_RCODE_OK = 0,
    DNS_RCODE_FORMERR = 1,
    DNS_RCODE_SERVFAIL = 2,
    DNS_RCODE_NXDOMAIN = 3,
    DNS_RCODE_NOTIMP = 4,
    DNS_RCODE_REFUSED = 5,
    DNS_RCODE_BADVERS = 16,
};

typedef struct {
    guint16 id;
    const gchar *name; /* normalised */
    DnsType type;
    gboolean edns;
    gboolean is_padded; /* where there is EDNS: its length shall tell nothing */
    gboolean wants_ad; /* the server's word on authenticity counts (RFC 6840 section 5.7) */
} DnsQuestion;

/* Writes at most DNS_QUERY_MAX bytes; returns how many. */
gsize packet_write_query(const DnsQuestion *question, guint8 *out_bytes);

typedef enum {
    PACKET_OK,
    PACKET_FOREIGN, /* no reply to this question (RFC 5452 section 9.1): wait on */
    PACKET_BROKEN,  /* a reply that cannot be used */
} PacketResult;

/* A reply that was checked. */
typedef struct {
    BaridSlice all;
    guint rcode;
    gboolean truncated;
    gboolean authentic;  /* AD */
    gboolean recursive;  /* RA */
    guint n_answers, n_authority, n_additional;
    gsize answers; /* offset of the first record */
} Packet;

/* Checks everything that packet_read() relies on; of a truncated reply, and of an error
 * that repeats no question, the header only. */
PacketResult packet_check(BaridSlice bytes, const DnsQuestion *question, Packet *out_packet);

typedef enum {
    PACKET_READ_ANSWER, /* (*out_body) tells all */
    PACKET_READ_FOLLOW, /* an alias whose target the reply does not tell: (canonical) */
    PACKET_READ_LAME,   /* neither an answer nor a denial */
} PacketRead;

/* Reads a checked reply of DNS_RCODE_OK or DNS_RCODE_NXDOMAIN. The life of a denial comes
 * from its SOA record (RFC 2308 section 5), 0 without one. */
PacketRead packet_read(const Packet *packet, const DnsQuestion *question, DnsBody **out_body);

#endif
