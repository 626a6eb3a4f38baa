/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/packet.h"

#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dns/dns-name.h"
#include "dns/name-servers.h"
#include "dns/tests/wire.h"

enum { ID = 0x1234 };

static DnsQuestion question = {.id = ID, .name = "www.example.org", .type = DNS_TYPE_A};

static Wire wire;

/* --- what is accepted --- */

static void
make_good(void)
{
    wire_begin(&wire, ID, "www.Example.org", DNS_TYPE_A);
    wire_add_a(&wire, NULL, 300, 1);
}

static void
make_wrong_id(void)
{
    make_good();
    wire.bytes[0] ^= 1;
}

static void
make_query_bit(void)
{
    make_good();
    wire.bytes[2] &= 0x7f;
}

static void
make_other_name(void)
{
    wire_begin(&wire, ID, "www.example.com", DNS_TYPE_A);
    wire_add_a(&wire, NULL, 300, 1);
}

static void
make_other_type(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_AAAA);
}

static void
make_other_class(void)
{
    make_good();
    wire.bytes[12 + 17 + 3] = 3;
}

static void
make_two_questions(void)
{
    make_good();
    wire.bytes[5] = 2;
}

static void
make_no_question(void)
{
    make_good();
    wire.bytes[5] = 0;
}

static void
make_bare_servfail(void)
{
    make_good();
    wire.len = 12;
    memset(wire.bytes + 4, 0, 8);
    wire_set_rcode(&wire, DNS_RCODE_SERVFAIL);
}

static void
make_bare_nxdomain(void)
{
    make_bare_servfail();
    wire_set_rcode(&wire, DNS_RCODE_NXDOMAIN);
}

static void
make_opcode(void)
{
    make_good();
    wire.bytes[2] |= 0x28;
}

static void
make_short(void)
{
    make_good();
    wire.len--;
}

static void
make_trailing(void)
{
    make_good();
    wire_put_byte(&wire, 0);
}

static void
make_count_too_high(void)
{
    make_good();
    wire.bytes[7] = 2;
}

static void
make_tsig(void)
{
    make_good();
    wire_add(&wire, WIRE_ADDITIONAL, "k", 250, 0, "x", 1);
}

static void
make_two_opts(void)
{
    make_good();
    wire_add(&wire, WIRE_ADDITIONAL, "", 41, 0, NULL, 0);
    wire_add(&wire, WIRE_ADDITIONAL, "", 41, 0, NULL, 0);
}

static void
make_opt(void)
{
    make_good();
    wire_add(&wire, WIRE_ADDITIONAL, "", 41, 0, NULL, 0);
}

static void
make_opt_among_answers(void)
{
    make_good();
    wire_add(&wire, WIRE_ANSWER, "", 41, 0, NULL, 0);
}

static void
make_pointer_to_itself(void)
{
    make_good();
    wire.bytes[wire.len - 16] = 0xc0;
    wire.bytes[wire.len - 15] = (guint8)(wire.len - 16);
}

static void
make_pointer_forward(void)
{
    make_good();
    wire.bytes[wire.len - 15] = (guint8)(wire.len - 4);
}

/* The name that it leads to is a good one. */
static void
make_pointer_to_later_name(void)
{
    gsize at;

    make_good();
    at = wire.len - 16;
    wire.bytes[at + 1] = (guint8)wire.len;
    wire_add_a(&wire, "later.example", 1, 1);
}

static void
make_pointer_cut(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    wire.bytes[7] = 1;
    wire_put_byte(&wire, 0xc0);
}

/* Pointers that each lead to the one before: (n) of them for the last name. */
static void
make_chain(guint n)
{
    guint8 chain[2 * 200];

    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    for (guint i = 0; i < n; i++) {
        guint target = i == 0 ? 12 : (guint)(wire.len + 12 + 2 * (i - 1));

        chain[2 * i] = (guint8)(0xc0 | target >> 8);
        chain[2 * i + 1] = (guint8)target;
    }
    wire_add(&wire, WIRE_ANSWER, NULL, 999, 1, chain, 2 * n);
    wire_add(&wire, WIRE_ANSWER, NULL, 1, 1, "\300\0\2\1", 4);
    wire.bytes[wire.len - 16] = (guint8)(0xc0 | (wire.len - 18) >> 8);
    wire.bytes[wire.len - 15] = (guint8)(wire.len - 18);
}

static void
make_long_chain(void)
{
    make_chain(DNS_HOPS_MAX - 1);
}

static void
make_too_long_chain(void)
{
    make_chain(DNS_HOPS_MAX);
}

static void
make_label_type(void)
{
    make_good();
    wire.bytes[wire.len - 16] = 0x41;
}

static void
make_long_name(void)
{
    static const gchar label[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    gchar *name = g_strdup_printf("%s.%s.%s.%s", label, label, label, label);

    make_good();
    wire_add_a(&wire, name, 1, 1);
    g_free(name);
}

static void
make_a_of_five(void)
{
    make_good();
    wire_add(&wire, WIRE_ANSWER, NULL, 1, 1, "12345", 5);
}

static void
make_mx_without_name(void)
{
    make_good();
    wire_add(&wire, WIRE_ADDITIONAL, NULL, 15, 1, "\0\1", 2);
}

static void
make_name_past_data(void)
{
    make_good();
    wire_add(&wire, WIRE_AUTHORITY, NULL, 2, 1, "\3abc", 4);
    wire_add_a(&wire, "x", 1, 1);
}

static void
make_short_soa(void)
{
    make_good();
    wire_add(&wire, WIRE_AUTHORITY, NULL, 6, 1, "\0\0abcd", 6);
}

static void
make_text_past_data(void)
{
    make_good();
    wire_add(&wire, WIRE_ADDITIONAL, NULL, 16, 1, "\5abc", 4);
}

static void
make_empty_text(void)
{
    make_good();
    wire_add(&wire, WIRE_ADDITIONAL, NULL, 16, 1, NULL, 0);
}

static void
make_many(guint type, guint n)
{
    make_good();
    for (guint i = 0; i < n; i++)
        wire_add(&wire, WIRE_ADDITIONAL, NULL, type, 1, "x", 1);
}

static void
make_keys(void)
{
    make_many(48, DNS_KEYS_MAX);
}

static void
make_too_many_keys(void)
{
    make_many(48, DNS_KEYS_MAX + 1);
}

static void
make_too_many_signatures(void)
{
    make_many(46, DNS_SIGNATURES_MAX + 1);
}

static void
make_too_many_records(void)
{
    make_many(999, DNS_RECORDS_MAX);
}

static void
make_records(void)
{
    make_many(999, DNS_RECORDS_MAX - 1);
}

/* Names that each cost the most hops: 4,000 of them would be half a million. */
static void
make_chains(void)
{
    gsize last;

    make_long_chain();
    last = wire.len - 18;
    for (guint i = 0; i < 300; i++) {
        wire_add(&wire, WIRE_ADDITIONAL, NULL, 999, 1, NULL, 0);
        wire.bytes[wire.len - 12] = (guint8)(0xc0 | last >> 8);
        wire.bytes[wire.len - 11] = (guint8)last;
    }
}

static void
make_truncated(void)
{
    make_short();
    wire.bytes[2] |= 2;
}

static void
make_empty(void)
{
    wire.len = 0;
}

static void
make_garbage(void)
{
    make_good();
    for (gsize i = 12; i < wire.len; i++)
        wire.bytes[i] = 0xff;
}

static const struct {
    const gchar *what;
    void (*make)(void);
    PacketResult result;
} check_rows[] = {
    {"a good reply", make_good, PACKET_OK},
    {"wrong id", make_wrong_id, PACKET_FOREIGN},
    {"a query", make_query_bit, PACKET_FOREIGN},
    {"another name", make_other_name, PACKET_FOREIGN},
    {"another type", make_other_type, PACKET_FOREIGN},
    {"another class", make_other_class, PACKET_FOREIGN},
    {"two questions", make_two_questions, PACKET_FOREIGN},
    {"no question", make_no_question, PACKET_FOREIGN},
    {"an error without question", make_bare_servfail, PACKET_OK},
    {"a denial without question", make_bare_nxdomain, PACKET_FOREIGN},
    {"another opcode", make_opcode, PACKET_BROKEN},
    {"cut short", make_short, PACKET_BROKEN},
    {"trailing bytes", make_trailing, PACKET_BROKEN},
    {"a record less than counted", make_count_too_high, PACKET_BROKEN},
    {"TSIG", make_tsig, PACKET_BROKEN},
    {"OPT", make_opt, PACKET_OK},
    {"two OPT", make_two_opts, PACKET_BROKEN},
    {"OPT among answers", make_opt_among_answers, PACKET_BROKEN},
    {"pointer to itself", make_pointer_to_itself, PACKET_BROKEN},
    {"pointer forward", make_pointer_forward, PACKET_BROKEN},
    {"pointer to a later name", make_pointer_to_later_name, PACKET_BROKEN},
    {"half a pointer", make_pointer_cut, PACKET_BROKEN},
    {"126 pointers", make_long_chain, PACKET_OK},
    {"127 pointers", make_too_long_chain, PACKET_BROKEN},
    {"many chains", make_chains, PACKET_BROKEN},
    {"label type 01", make_label_type, PACKET_BROKEN},
    {"name of 257 bytes", make_long_name, PACKET_BROKEN},
    {"A of five bytes", make_a_of_five, PACKET_BROKEN},
    {"MX without name", make_mx_without_name, PACKET_BROKEN},
    {"name past its data", make_name_past_data, PACKET_BROKEN},
    {"short SOA", make_short_soa, PACKET_BROKEN},
    {"string past its data", make_text_past_data, PACKET_BROKEN},
    {"TXT without string", make_empty_text, PACKET_BROKEN},
    {"many keys", make_keys, PACKET_OK},
    {"too many keys", make_too_many_keys, PACKET_BROKEN},
    {"too many signatures", make_too_many_signatures, PACKET_BROKEN},
    {"many records", make_records, PACKET_OK},
    {"too many records", make_too_many_records, PACKET_BROKEN},
    {"truncated", make_truncated, PACKET_OK},
    {"nothing", make_empty, PACKET_FOREIGN},
    {"garbage", make_garbage, PACKET_FOREIGN},
};

START_TEST(test_check)
{
    Packet packet;
    PacketResult result;
    g_autofree guint8 *copy = NULL;

    check_rows[_i].make();
    /* Of its exact length, for the sanitizer. */
    copy = g_memdup2(wire.bytes, wire.len);
    result = packet_check(barid_slice(copy, wire.len), &question, &packet);
    ck_assert_msg(result == check_rows[_i].result, "%s: %d", check_rows[_i].what, result);
}
END_TEST

/* Every prefix of a good reply is refused and none is read past its end. */
START_TEST(test_prefixes)
{
    Packet packet;

    make_good();
    wire_add_soa(&wire, "example.org", 1, 1);
    for (gsize len = 0; len < wire.len; len++) {
        g_autofree guint8 *copy = g_memdup2(wire.bytes, len);

        ck_assert_int_ne(packet_check(barid_slice(copy, len), &question, &packet), PACKET_OK);
    }
}
END_TEST

/* --- what is read --- */

static void
read_chain(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    wire_add_name(&wire, WIRE_ANSWER, "b.example", 5, 50, "C.example");
    wire_add_a(&wire, "c.example", 200, 7);
    wire_add_name(&wire, WIRE_ANSWER, NULL, 5, 100, "b.example");
    wire_add_a(&wire, "other.example", 1, 9);
}

static void
read_open_chain(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    wire_add_name(&wire, WIRE_ANSWER, NULL, 5, 100, "b.example");
}

static void
read_closed_chain(void)
{
    read_open_chain();
    wire_add_soa(&wire, "example", 60, 900);
}

/* The record of authority is not of the alias's target. */
static void
read_chain_with_foreign_soa(void)
{
    read_open_chain();
    wire_add_soa(&wire, "example.org", 60, 900);
}

static void
read_dangling(void)
{
    read_closed_chain();
    wire_set_rcode(&wire, DNS_RCODE_NXDOMAIN);
}

static void
read_loop(void)
{
    read_open_chain();
    wire_add_name(&wire, WIRE_ANSWER, "b.example", 5, 100, "www.example.org");
}

static void
read_no_data(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    wire_add_soa(&wire, "example.org", 900, 60);
}

static void
read_no_data_without_soa(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
}

static void
read_no_name(void)
{
    read_no_data();
    wire_set_rcode(&wire, DNS_RCODE_NXDOMAIN);
}

static void
read_referral(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    wire_set_flags(&wire, 0x8100);
    wire_add_name(&wire, WIRE_AUTHORITY, "org", 2, 900, "ns.example");
}

static void
read_high_ttl(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    wire_add_a(&wire, NULL, 0x80000000u, 7);
}

static void
read_authentic(void)
{
    wire_begin(&wire, ID, "www.example.org", DNS_TYPE_A);
    wire_add_a(&wire, NULL, 5, 7);
    wire_set_flags(&wire, 0x81a0);
}

static const struct {
    const gchar *what;
    void (*make)(void);
    PacketRead result;
    DnsStatus status;
    guint n_records;
    guint32 ttl_s;
    const gchar *canonical;
    gboolean secure;
} read_rows[] = {
    {"an address", make_good, PACKET_READ_ANSWER, DNS_FOUND, 1, 300, "www.example.org", FALSE},
    {"a chain in any order", read_chain, PACKET_READ_ANSWER, DNS_FOUND, 1, 50, "c.example", FALSE},
    {"a chain that leaves", read_open_chain, PACKET_READ_FOLLOW, DNS_NO_DATA, 0, 100,
     "b.example", FALSE},
    {"a chain to no data", read_closed_chain, PACKET_READ_ANSWER, DNS_NO_DATA, 0, 60, "b.example",
     FALSE},
    {"a SOA of elsewhere", read_chain_with_foreign_soa, PACKET_READ_FOLLOW, DNS_NO_DATA, 0, 100,
     "b.example", FALSE},
    {"a chain to no name", read_dangling, PACKET_READ_ANSWER, DNS_NO_NAME, 0, 60, "b.example",
     FALSE},
    {"a loop", read_loop, PACKET_READ_FOLLOW, DNS_NO_DATA, 0, 100, "b.example", FALSE},
    {"no data: the minimum", read_no_data, PACKET_READ_ANSWER, DNS_NO_DATA, 0, 60,
     "www.example.org", FALSE},
    {"no data, no SOA", read_no_data_without_soa, PACKET_READ_ANSWER, DNS_NO_DATA, 0, 0,
     "www.example.org", FALSE},
    {"no name", read_no_name, PACKET_READ_ANSWER, DNS_NO_NAME, 0, 60, "www.example.org", FALSE},
    {"a referral", read_referral, PACKET_READ_LAME, DNS_NO_DATA, 0, G_MAXINT32,
     "www.example.org", FALSE},
    {"a life past 2^31", read_high_ttl, PACKET_READ_ANSWER, DNS_FOUND, 1, 0, "www.example.org",
     FALSE},
    {"AD", read_authentic, PACKET_READ_ANSWER, DNS_FOUND, 1, 5, "www.example.org", TRUE},
};

START_TEST(test_read)
{
    g_autoptr(DnsBody) body = NULL;
    DnsQuestion asked = question;
    Packet packet;
    PacketRead result;

    asked.wants_ad = read_rows[_i].secure;
    read_rows[_i].make();
    ck_assert_int_eq(packet_check(barid_slice(wire.bytes, wire.len), &asked, &packet), PACKET_OK);
    result = packet_read(&packet, &asked, &body);
    ck_assert_msg(result == read_rows[_i].result, "%s: %d", read_rows[_i].what, result);
    ck_assert_msg(body->status == read_rows[_i].status, "%s: %d", read_rows[_i].what,
                  body->status);
    ck_assert_uint_eq(body->n_records, read_rows[_i].n_records);
    ck_assert_msg(body->ttl_s == read_rows[_i].ttl_s, "%s: %u", read_rows[_i].what, body->ttl_s);
    ck_assert_str_eq(body->canonical, read_rows[_i].canonical);
    ck_assert_int_eq(body->security, read_rows[_i].secure ? DNS_SECURE : DNS_INSECURE);
}
END_TEST

/* AD of a server whose word does not count. */
START_TEST(test_read_untrusted)
{
    g_autoptr(DnsBody) body = NULL;
    Packet packet;

    read_authentic();
    ck_assert_int_eq(packet_check(barid_slice(wire.bytes, wire.len), &question, &packet),
                     PACKET_OK);
    packet_read(&packet, &question, &body);
    ck_assert_int_eq(body->security, DNS_INSECURE);
}
END_TEST

START_TEST(test_rcode)
{
    Packet packet;

    make_good();
    /* Extended RCODE 1: BADVERS is 16. */
    wire_add(&wire, WIRE_ADDITIONAL, "", 41, 0x01000000, NULL, 0);
    ck_assert_int_eq(packet_check(barid_slice(wire.bytes, wire.len), &question, &packet),
                     PACKET_OK);
    ck_assert_uint_eq(packet.rcode, DNS_RCODE_BADVERS);
}
END_TEST

START_TEST(test_query)
{
    static const guint8 plain[] = {0x12, 0x34, 1, 0,   0,   1,   0,   0,   0,   0,   0,
                                   0,    3,    'w', 'w', 'w', 7,   'e', 'x', 'a', 'm', 'p',
                                   'l',  'e',  3,  'o', 'r', 'g', 0,   0,   1,   0,   1};
    static const guint8 opt[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
    guint8 query[DNS_QUERY_MAX];
    DnsQuestion asked = question;

    ck_assert_uint_eq(packet_write_query(&asked, query), sizeof plain);
    ck_assert_mem_eq(query, plain, sizeof plain);
    asked.edns = TRUE;
    asked.wants_ad = TRUE;
    ck_assert_uint_eq(packet_write_query(&asked, query), sizeof plain + sizeof opt);
    ck_assert_uint_eq(query[3], 0x20);
    ck_assert_uint_eq(query[11], 1);
    ck_assert_mem_eq(query + sizeof plain, opt, sizeof opt);
}
END_TEST

static guint
get_number(const guint8 *bytes)
{
    return (guint)bytes[0] << 8 | bytes[1];
}

/* RFC 7830: an option of zeros, so that all lengths are multiples of 128. */
START_TEST(test_padded_query)
{
    gchar name[DNS_NAME_MAX + 1];
    guint8 query[DNS_QUERY_MAX];

    for (gsize len = 1; len <= DNS_NAME_MAX; len++) {
        DnsQuestion asked = {.id = ID, .name = name, .type = DNS_TYPE_A, .edns = TRUE,
                             .is_padded = TRUE};
        gsize end = 12 + len + 2 + 4 + 11;
        gsize got;

        for (gsize i = 0; i < len; i++)
            name[i] = i % 2 == 0 ? 'a' : '.';
        name[len] = '\0';
        if (len % 2 == 0)
            name[len - 1] = 'a', name[len - 2] = 'a';
        if (len == 2)
            name[0] = 'a';
        got = packet_write_query(&asked, query);
        ck_assert_uint_eq(got % 128, 0);
        ck_assert_uint_le(got, DNS_QUERY_MAX);
        ck_assert_uint_lt(got - end - 4, 128);
        /* The length of the data, the option, its length; and zeros. */
        ck_assert_uint_eq(get_number(query + end - 2), got - end);
        ck_assert_uint_eq(get_number(query + end), 12);
        ck_assert_uint_eq(get_number(query + end + 2), got - end - 4);
        for (gsize i = end + 4; i < got; i++)
            ck_assert_uint_eq(query[i], 0);
    }
}
END_TEST

/* --- name servers --- */

static const struct {
    const gchar *what, *text, *servers;
    gint64 timeout_ms;
    guint attempts;
    gboolean trusts_ad;
} conf_rows[] = {
    {"nothing", "", "127.0.0.1:53", 0, 0, FALSE},
    {"two", "# c\nnameserver 192.0.2.1\nsearch a\nnameserver\t2001:db8::1\n",
     "192.0.2.1:53 [2001:db8::1]:53", 0, 0, FALSE},
    {"options", "options ndots:1 timeout:3 attempts:4 trust-ad\nnameserver 192.0.2.1",
     "192.0.2.1:53", 3000, 4, TRUE},
    {"caps", "options timeout:99 attempts:99", "127.0.0.1:53", 30000, 5, FALSE},
    {"nonsense", "options timeout:x attempts:0 timeout\nnameserver fe80::1%eth0\n",
     "127.0.0.1:53", 0, 0, FALSE},
    {"more than eight",
     "nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.1\n"
     "nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.1\n"
     "nameserver 192.0.2.9\n",
     "192.0.2.1:53 192.0.2.1:53 192.0.2.1:53 192.0.2.1:53 192.0.2.1:53 192.0.2.1:53 "
     "192.0.2.1:53 192.0.2.1:53",
     0, 0, FALSE},
};

START_TEST(test_resolv_conf)
{
    NameServers servers = {.n_servers = 0};
    g_autoptr(GString) text = g_string_new(NULL);

    name_servers_read(&servers, conf_rows[_i].text);
    for (guint i = 0; i < servers.n_servers; i++) {
        gchar address[ADDRESS_TEXT_MAX];

        g_string_append_printf(text, "%s%s", i == 0 ? "" : " ",
                               address_format(&servers.servers[i].address, address));
    }
    ck_assert_msg(strcmp(text->str, conf_rows[_i].servers) == 0, "%s: %s", conf_rows[_i].what,
                  text->str);
    ck_assert_int_eq(servers.timeout_ms, conf_rows[_i].timeout_ms);
    ck_assert_uint_eq(servers.attempts, conf_rows[_i].attempts);
    ck_assert_int_eq(servers.trusts_ad, conf_rows[_i].trusts_ad);
}
END_TEST

static const struct {
    const gchar *text;
    const gchar *address; /* NULL: refused */
    gboolean over_tls;
    const gchar *name;
} server_rows[] = {
    {"127.0.0.1", "127.0.0.1:53", FALSE, NULL},
    {"127.0.0.1:5353", "127.0.0.1:5353", FALSE, NULL},
    {"::1", "[::1]:53", FALSE, NULL},
    {"[::1]", "[::1]:53", FALSE, NULL},
    {"[::1]:5353", "[::1]:5353", FALSE, NULL},
    {"127.0.0.1:0", NULL, FALSE, NULL},
    {"127.0.0.1:", NULL, FALSE, NULL},
    {"127.0.0.1#dns.example", NULL, FALSE, NULL},
    {"ns", NULL, FALSE, NULL},
    {"", NULL, FALSE, NULL},
    {"tls://192.0.2.1", "192.0.2.1:853", TRUE, NULL},
    {"tls://[2001:db8::1]", "[2001:db8::1]:853", TRUE, NULL},
    {"tls://2001:db8::1#DNS.example.", "[2001:db8::1]:853", TRUE, "dns.example"},
    {"tls://192.0.2.1:8853#dns.example", "192.0.2.1:8853", TRUE, "dns.example"},
    {"tls://192.0.2.1#", NULL, FALSE, NULL},
    {"tls://192.0.2.1#a..b", NULL, FALSE, NULL},
    {"tls://dns.example", NULL, FALSE, NULL},
    {"tls://", NULL, FALSE, NULL},
    {"tls:192.0.2.1", NULL, FALSE, NULL},
};

START_TEST(test_server)
{
    NameServers servers = {.n_servers = 0};
    gchar address[ADDRESS_TEXT_MAX];

    if (server_rows[_i].address == NULL) {
        ck_assert_msg(!name_servers_add(&servers, server_rows[_i].text), "%s",
                      server_rows[_i].text);
        ck_assert_uint_eq(servers.n_servers, 0);
        return;
    }
    ck_assert_msg(name_servers_add(&servers, server_rows[_i].text), "%s", server_rows[_i].text);
    ck_assert_str_eq(address_format(&servers.servers[0].address, address),
                     server_rows[_i].address);
    ck_assert_int_eq(servers.servers[0].over_tls, server_rows[_i].over_tls);
    ck_assert_pstr_eq(servers.servers[0].name, server_rows[_i].name);
    ck_assert_int_eq(name_servers_need_trust(&servers), server_rows[_i].over_tls);
    name_servers_clear(&servers);
}
END_TEST

START_TEST(test_order)
{
    NameServers servers = {.n_servers = 0};
    NameServer *order[NAME_SERVERS_MAX];

    name_servers_read(&servers, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"
                                "nameserver 192.0.2.3\n");
    name_server_failed(&servers.servers[0]);
    name_servers_order(&servers, order);
    ck_assert_ptr_eq(order[0], &servers.servers[1]);
    ck_assert_ptr_eq(order[1], &servers.servers[2]);
    ck_assert_ptr_eq(order[2], &servers.servers[0]);
    name_server_answered(&servers.servers[0]);
    name_servers_order(&servers, order);
    ck_assert_ptr_eq(order[0], &servers.servers[0]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("packet");
    TCase *cases = tcase_create("packet");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(cases, test_check, 0, G_N_ELEMENTS(check_rows));
    tcase_add_test(cases, test_prefixes);
    tcase_add_loop_test(cases, test_read, 0, G_N_ELEMENTS(read_rows));
    tcase_add_test(cases, test_read_untrusted);
    tcase_add_test(cases, test_rcode);
    tcase_add_test(cases, test_query);
    tcase_add_test(cases, test_padded_query);
    tcase_add_loop_test(cases, test_resolv_conf, 0, G_N_ELEMENTS(conf_rows));
    tcase_add_loop_test(cases, test_server, 0, G_N_ELEMENTS(server_rows));
    tcase_add_test(cases, test_order);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
