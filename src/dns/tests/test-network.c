/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/dns-settings.h"
#include "dns/packet.h"
#include "dns/tests/name-server.h"
#include "fiber/fiber.h"

/* --- running --- */

typedef void (*Body)(DnsResolver *resolver);

typedef struct {
    Body body;
    DnsResolver *resolver;
} Run;

static void
run_main(gpointer data)
{
    Run *run = data;

    run->body(run->resolver);
}

static gpointer
run_thread(gpointer data)
{
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, run_main, data, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    return NULL;
}

static NameServerFake *fake, *second_fake;

static gchar *
borrow_address(const NameServerFake *server)
{
    return (gchar *)(guintptr)name_server_fake_get_address(server);
}

/* Runs (body) in a fiber with a resolver that asks (script), and (second) unless NULL. The
 * servers are there until stop(). */
static void
run_with(Body body, NameServerScript script, NameServerScript second, DnsOptions options)
{
    gchar *servers[3] = {NULL};
    Run data = {.body = body};

    fake = name_server_fake_new(script);
    second_fake = second == NULL ? NULL : name_server_fake_new(second);
    servers[0] = borrow_address(fake);
    servers[1] = second == NULL ? NULL : borrow_address(second_fake);
    options.servers = servers;
    data.resolver = dns_resolver_new(&options, NULL);
    ck_assert_ptr_nonnull(data.resolver);
    run_thread(&data);
    dns_resolver_free(data.resolver);
}

static void
stop(void)
{
    name_server_fake_free(fake);
    name_server_fake_free(second_fake);
}

static void
run(Body body, NameServerScript script, NameServerScript second, DnsOptions options)
{
    run_with(body, script, second, options);
    stop();
}

static const DnsOptions usual = {
    .timeout_ms = 400,
    .attempts = 2,
    .edns = TRUE,
    .tcp_on_error = TRUE,
    .cache_entries = 100,
    .cache_bytes = 1 << 26,
    .max_ttl_ms = 86400000,
    .max_negative_ttl_ms = 3600000,
    .failure_ttl_ms = 5000,
};

static DnsOptions
patient_options(void)
{
    DnsOptions options = usual;

    options.timeout_ms = 10000;
    return options;
}

/* The result in words: "192.0.2.7 ttl", "nodata ttl", "noname ttl", "error CODE". */
static gchar *
ask(DnsResolver *resolver, const gchar *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DnsAnswer) answer = dns_lookup(resolver, name, DNS_TYPE_A, &error);
    gchar address[ADDRESS_TEXT_MAX];

    if (answer == NULL)
        return g_strdup_printf("error %d", error->code);
    if (answer->status != DNS_FOUND)
        return g_strdup_printf("%s %u%s", answer->status == DNS_NO_DATA ? "nodata" : "noname",
                               answer->ttl_s, answer->cached ? " cached" : "");
    return g_strdup_printf("%s %u%s%s", address_format_ip(&answer->records[0].as.address, address),
                           answer->ttl_s, answer->security == DNS_SECURE ? " secure" : "",
                           answer->cached ? " cached" : "");
}

static void
expect(DnsResolver *resolver, const gchar *name, const gchar *wanted)
{
    g_autofree gchar *result = ask(resolver, name);

    ck_assert_msg(g_pattern_match_simple(wanted, result), "%s: %s, not %s", name, result, wanted);
}

/* --- one question, all kinds of servers --- */

static void
answer_well(const Asked *asked, Wire *wire)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_add_a(wire, NULL, 300, 7);
}

static void
answer_nothing(const Asked *asked G_GNUC_UNUSED, Wire *wire G_GNUC_UNUSED)
{
}

static void
answer_rcode(const Asked *asked, Wire *wire, guint rcode)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_set_rcode(wire, rcode);
}

static void
answer_servfail(const Asked *asked, Wire *wire)
{
    answer_rcode(asked, wire, DNS_RCODE_SERVFAIL);
}

static void
answer_refused(const Asked *asked, Wire *wire)
{
    answer_rcode(asked, wire, DNS_RCODE_REFUSED);
}

static void
answer_noname(const Asked *asked, Wire *wire)
{
    answer_rcode(asked, wire, DNS_RCODE_NXDOMAIN);
    wire_add_soa(wire, "example", 900, 60);
}

static void
answer_nodata(const Asked *asked, Wire *wire)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_add_soa(wire, "example", 900, 60);
}

static void
answer_truncated(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    if (!asked->via_tcp)
        wire->bytes[2] |= 2;
}

static void
answer_truncated_always(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    wire->bytes[2] |= 2;
}

static void
answer_garbage_over_udp(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    if (!asked->via_tcp)
        wire->len -= 3;
}

static void
answer_only_tcp(const Asked *asked, Wire *wire)
{
    if (asked->via_tcp)
        answer_well(asked, wire);
}

/* An honest reply behind forged ones. */
static void
answer_after_forgeries(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    wire->bytes[wire->len - 1] = 66;
    for (guint i = 0; i < 20; i++) {
        wire->bytes[1]++;
        name_server_fake_send_also(wire);
    }
    wire_begin(wire, 0, "other.example", 1);
    wire->bytes[0] = asked->bytes[0];
    wire->bytes[1] = asked->bytes[1];
    wire_add_a(wire, NULL, 300, 66);
    name_server_fake_send_also(wire);
    answer_well(asked, wire);
}

static void
answer_tsigs(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    for (guint i = 0; i < 3; i++)
        wire_add(wire, WIRE_ADDITIONAL, "k", 250, 0, "x", 1);
}

static void
answer_64k(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    if (!asked->via_tcp) {
        wire->bytes[2] |= 2;
        return;
    }
    while (wire->len + 14 < 65535)
        wire_add(wire, WIRE_ADDITIONAL, NULL, 999, 1, "1234", 2);
    ck_assert_uint_gt(wire->len, 65500);
}

static void
answer_many_addresses(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    if (!asked->via_tcp)
        wire->bytes[2] |= 2;
    for (guint i = 0; asked->via_tcp && i < 3000; i++)
        wire_add_a(wire, NULL, 300, (guint8)i);
}

static void
answer_formerr_to_edns(const Asked *asked, Wire *wire)
{
    if (asked->has_edns)
        answer_rcode(asked, wire, DNS_RCODE_FORMERR);
    else
        answer_well(asked, wire);
}

static void
answer_notimp_bare(const Asked *asked, Wire *wire)
{
    if (!asked->has_edns) {
        answer_well(asked, wire);
        return;
    }
    answer_rcode(asked, wire, DNS_RCODE_NOTIMP);
    wire->len = 12;
    memset(wire->bytes + 4, 0, 8);
}

static void
answer_badvers(const Asked *asked, Wire *wire)
{
    if (!asked->has_edns) {
        answer_well(asked, wire);
        return;
    }
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_add(wire, WIRE_ADDITIONAL, "", 41, 0x01000000, NULL, 0);
}

static void
answer_without_edns(const Asked *asked, Wire *wire)
{
    if (!asked->has_edns)
        answer_well(asked, wire);
}

static void
answer_formerr(const Asked *asked, Wire *wire)
{
    answer_rcode(asked, wire, DNS_RCODE_FORMERR);
}

static void
answer_ad(const Asked *asked, Wire *wire)
{
    answer_well(asked, wire);
    if (asked->wants_ad)
        wire->bytes[3] |= 0x20;
}

static void
answer_referral(const Asked *asked, Wire *wire)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_set_flags(wire, 0x8100);
    wire_add_name(wire, WIRE_AUTHORITY, "example", 2, 300, "ns.example");
}

static void
answer_ttl_0(const Asked *asked, Wire *wire)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_add_a(wire, NULL, 0, 7);
}

static void
answer_ttl_week(const Asked *asked, Wire *wire)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_add_a(wire, NULL, 604800, 7);
}

static void
answer_chain(const Asked *asked, Wire *wire)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    if (strcmp(asked->name, "a.example") == 0)
        wire_add_name(wire, WIRE_ANSWER, NULL, 5, 100, "b.example");
    else
        wire_add_a(wire, NULL, 50, 7);
}

static void
answer_chain_loop(const Asked *asked, Wire *wire)
{
    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_add_name(wire, WIRE_ANSWER, NULL, 5, 100,
                  strcmp(asked->name, "a.example") == 0 ? "b.example" : "a.example");
}

static void
answer_chain_endless(const Asked *asked, Wire *wire)
{
    gchar *next = g_strdup_printf("n%u.example", asked->number);

    wire_begin_reply(wire, asked->bytes, asked->len);
    wire_add_name(wire, WIRE_ANSWER, NULL, 5, 100, next);
    g_free(next);
}

/* The second question of each row tells what was remembered. */
static const struct {
    const gchar *what;
    NameServerScript script, second;
    const gchar *first_result, *second_result;
    guint n_asked, n_second; /* of both questions */
} rows[] = {
    {"an answer", answer_well, NULL, "192.0.2.7 300", "192.0.2.7 ??? cached", 1, 0},
    {"no name", answer_noname, NULL, "noname 60", "noname * cached", 1, 0},
    {"no data", answer_nodata, NULL, "nodata 60", "nodata * cached", 1, 0},
    {"a life of 0", answer_ttl_0, NULL, "192.0.2.7 0", "192.0.2.7 0", 2, 0},
    {"a life of a week", answer_ttl_week, NULL, "192.0.2.7 86400", "192.0.2.7 86??? cached", 1, 0},
    {"truncated", answer_truncated, NULL, "192.0.2.7 300", "* cached", 2, 0},
    {"truncated over TCP", answer_truncated_always, NULL, "error 100", "error 100", 2, 0},
    {"garbage over UDP", answer_garbage_over_udp, NULL, "192.0.2.7 300", "* cached", 2, 0},
    {"silence over UDP", answer_only_tcp, NULL, "192.0.2.7 300", "* cached", 3, 0},
    {"silence", answer_nothing, NULL, "error 102", "error 102", 3, 0},
    {"forgeries first", answer_after_forgeries, NULL, "192.0.2.7 300", "* cached", 1, 0},
    {"TSIG", answer_tsigs, NULL, "error 100", "error 100", 2, 0},
    {"64 KiB of nonsense", answer_64k, NULL, "error 100", "error 100", 2, 0},
    {"3,001 addresses", answer_many_addresses, NULL, "192.0.2.7 300", "192.0.2.7 *", 2, 0},
    {"FORMERR to EDNS", answer_formerr_to_edns, NULL, "192.0.2.7 300", "* cached", 2, 0},
    {"NOTIMP to EDNS, bare", answer_notimp_bare, NULL, "192.0.2.7 300", "* cached", 2, 0},
    {"BADVERS", answer_badvers, NULL, "192.0.2.7 300", "* cached", 2, 0},
    {"silence to EDNS", answer_without_edns, NULL, "192.0.2.7 300", "* cached", 2, 0},
    {"FORMERR always", answer_formerr, NULL, "error 100", "error 100", 2, 0},
    {"SERVFAIL", answer_servfail, NULL, "error 100", "error 100", 1, 0},
    {"SERVFAIL, then an answer", answer_servfail, answer_well, "192.0.2.7 300", "* cached", 1, 1},
    {"REFUSED, then an answer", answer_refused, answer_well, "192.0.2.7 300", "* cached", 1, 1},
    {"a referral, then an answer", answer_referral, answer_well, "192.0.2.7 300", "* cached", 1,
     1},
    {"silence, then an answer", answer_nothing, answer_well, "192.0.2.7 300", "* cached", 1, 1},
    {"silence and SERVFAIL", answer_nothing, answer_servfail, "error 100", "error 100", 3, 1},
    {"NXDOMAIN is an answer", answer_noname, answer_well, "noname 60", "noname * cached", 1, 0},
    {"a chain that leaves", answer_chain, NULL, "192.0.2.7 50", "192.0.2.7 * cached", 2, 0},
    {"a loop", answer_chain_loop, NULL, "error 100", "error 100", 2, 0},
    {"an endless chain", answer_chain_endless, NULL, "error 100", "error 100", 9, 0},
    {"AD of a server not trusted", answer_ad, NULL, "192.0.2.7 300", "192.0.2.7 ??? cached", 1,
     0},
};

static gint current_row;

static void
check_row(DnsResolver *resolver)
{
    expect(resolver, "a.example", rows[current_row].first_result);
    expect(resolver, "A.Example.", rows[current_row].second_result);
}

START_TEST(test_row)
{
    DnsOptions options = usual;
    guint n_asked, n_second;

    current_row = _i;
    options.trust_ad = DNS_TRUST_NEVER;
    /* Where nobody is silent, a slow machine must not look like silence. */
    if (strstr(rows[_i].what, "silence") == NULL)
        options.timeout_ms = 20000;
    run_with(check_row, rows[_i].script, rows[_i].second, options);
    n_asked = name_server_fake_get_n_asked(fake);
    n_second = second_fake == NULL ? 0 : name_server_fake_get_n_asked(second_fake);
    stop();
    ck_assert_msg(n_asked == rows[_i].n_asked, "%s: asked %u times", rows[_i].what, n_asked);
    ck_assert_msg(n_second == rows[_i].n_second, "%s: second server asked %u times",
                  rows[_i].what, n_second);
}
END_TEST

/* --- more than one question --- */

static void
check_rests(DnsResolver *resolver)
{
    expect(resolver, "a.example", "192.0.2.7 *");
    /* The silent server is asked last now: not at all. */
    expect(resolver, "b.example", "192.0.2.7 *");
    ck_assert_uint_eq(name_server_fake_get_n_asked(fake), 1);
    ck_assert_uint_eq(name_server_fake_get_n_asked(second_fake), 2);
}

START_TEST(test_server_rests)
{
    run(check_rests, answer_nothing, answer_well, usual);
}
END_TEST

/* One server is silent and may be so for long; the other is asked beside it. */
START_TEST(test_parallel)
{
    DnsOptions options = usual;

    options.parallel = 2;
    options.timeout_ms = 60000;
    run(check_rests, answer_nothing, answer_well, options);
}
END_TEST

/* Nobody waits for a server that has failed already. */
static void
check_failed_at_once(DnsResolver *resolver)
{
    gint64 start_ms = clock_monotonic_ms();

    for (guint i = 0; i < 10; i++) {
        g_autofree gchar *name = g_strdup_printf("n%u.example", i);

        expect(resolver, name, "error 100");
    }
    ck_assert_int_lt(clock_monotonic_ms() - start_ms, 10 * 300);
    ck_assert_uint_eq(name_server_fake_get_n_asked(second_fake), 10);
}

START_TEST(test_parallel_failure)
{
    DnsOptions options = patient_options();

    options.parallel = 2;
    run(check_failed_at_once, answer_servfail, answer_servfail, options);
}
END_TEST

/* The deadline of who asks counts for both. */
static void
check_cancelled_in_time(DnsResolver *resolver)
{
    g_autoptr(GError) error = NULL;
    gint64 deadline = fiber_deadline_push(350);
    DnsAnswer *answer = dns_lookup(resolver, "a.example", DNS_TYPE_A, &error);

    fiber_deadline_restore(deadline);
    ck_assert_ptr_null(answer);
    ck_assert_int_eq(error->code, BARID_ERROR_TIMEOUT);
}

START_TEST(test_parallel_haste)
{
    DnsOptions options = usual;

    options.parallel = 2;
    options.timeout_ms = 60000;
    run(check_cancelled_in_time, answer_nothing, answer_nothing, options);
}
END_TEST

static void
check_remembers_edns(DnsResolver *resolver)
{
    expect(resolver, "a.example", "192.0.2.7 *");
    expect(resolver, "b.example", "192.0.2.7 *");
    ck_assert_uint_eq(name_server_fake_get_n_asked(fake), 3);
}

START_TEST(test_remembers_edns)
{
    run(check_remembers_edns, answer_formerr_to_edns, NULL, patient_options());
}
END_TEST

static void
check_secure(DnsResolver *resolver)
{
    expect(resolver, "a.example", "192.0.2.7 300 secure");
    expect(resolver, "a.example", "192.0.2.7 * secure cached");
}

START_TEST(test_secure_from_loopback)
{
    run(check_secure, answer_ad, NULL, patient_options());
}
END_TEST

static void
check_local_names(DnsResolver *resolver)
{
    expect(resolver, "a.invalid", "noname *");
    expect(resolver, "localhost", "127.0.0.1 *");
    ck_assert_uint_eq(name_server_fake_get_n_asked(fake), 0);
    expect(resolver, "a.example", "192.0.2.7 *");
}

START_TEST(test_local_names)
{
    gchar *names[] = {(gchar[]){"invalid"}, (gchar[]){"localhost"}, NULL};
    DnsOptions options = patient_options();

    options.local_names = names;
    run(check_local_names, answer_well, NULL, options);
}
END_TEST

/* Ids do not follow from one another: of 200 neighbours few are near. */
static guint16 seen_ids[200];
static _Atomic guint n_seen;

static void
answer_noting_id(const Asked *asked, Wire *wire)
{
    guint at = atomic_fetch_add(&n_seen, 1);

    if (at < G_N_ELEMENTS(seen_ids))
        seen_ids[at] = (guint16)(asked->bytes[0] << 8 | asked->bytes[1]);
    answer_well(asked, wire);
}

static void
check_ids(DnsResolver *resolver)
{
    guint n_near = 0;

    for (guint i = 0; i < G_N_ELEMENTS(seen_ids); i++) {
        g_autofree gchar *name = g_strdup_printf("n%u.example", i);

        expect(resolver, name, "192.0.2.7 *");
    }
    for (guint i = 1; i < G_N_ELEMENTS(seen_ids); i++)
        n_near += (guint16)(seen_ids[i] - seen_ids[i - 1]) < 256;
    ck_assert_uint_lt(n_near, 20);
}

START_TEST(test_ids)
{
    run(check_ids, answer_noting_id, NULL, patient_options());
}
END_TEST

/* --- many at once --- */

/* Answers once the test says so, so that questions meet. */
static GMutex gate_mutex;
static GCond gate_cond;
static gboolean gate_open;

static void
answer_at_gate(const Asked *asked, Wire *wire)
{
    g_mutex_lock(&gate_mutex);
    while (!gate_open)
        g_cond_wait(&gate_cond, &gate_mutex);
    g_mutex_unlock(&gate_mutex);
    answer_well(asked, wire);
}

static void
open_gate(void)
{
    g_mutex_lock(&gate_mutex);
    gate_open = TRUE;
    g_cond_broadcast(&gate_cond);
    g_mutex_unlock(&gate_mutex);
}

static _Atomic guint n_well, n_cut, n_started;

static void
ask_in_child(gpointer data)
{
    g_autofree gchar *result = NULL;

    atomic_fetch_add(&n_started, 1);
    result = ask(data, "a.example");
    atomic_fetch_add(g_str_has_prefix(result, "192.0.2.7") ? &n_well : &n_cut, 1);
}

enum { CHILDREN = 50 };

static void
check_shares(DnsResolver *resolver)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    for (guint i = 0; i < CHILDREN; i++)
        ck_assert(fiber_group_spawn(&group, ask_in_child, resolver, NULL));
    while (atomic_load(&n_started) < CHILDREN)
        fiber_yield();
    open_gate();
    fiber_group_join(&group);
}

START_TEST(test_shares)
{
    run(check_shares, answer_at_gate, NULL, patient_options());
    ck_assert_uint_eq(atomic_load(&n_well), CHILDREN);
}
END_TEST

static void
check_asked_once(DnsResolver *resolver)
{
    check_shares(resolver);
    ck_assert_uint_eq(name_server_fake_get_n_asked(fake), 1);
}

START_TEST(test_asked_once)
{
    run(check_asked_once, answer_at_gate, NULL, patient_options());
}
END_TEST

/* The first asker is cancelled while the others wait: one of them asks anew. */
static void
check_first_is_cancelled(DnsResolver *resolver)
{
    FiberGroup first, others;

    fiber_group_init(&first, scheduler_get_current());
    fiber_group_init(&others, scheduler_get_current());
    ck_assert(fiber_group_spawn(&first, ask_in_child, resolver, NULL));
    while (name_server_fake_get_n_asked(fake) == 0)
        fiber_yield();
    for (guint i = 0; i < CHILDREN; i++)
        ck_assert(fiber_group_spawn(&others, ask_in_child, resolver, NULL));
    while (atomic_load(&n_started) < CHILDREN + 1)
        fiber_yield();
    fiber_group_cancel(&first);
    fiber_group_join(&first);
    ck_assert_uint_eq(atomic_load(&n_cut), 1);
    open_gate();
    fiber_group_join(&others);
    ck_assert_uint_eq(atomic_load(&n_well), CHILDREN);
    ck_assert_uint_eq(name_server_fake_get_n_asked(fake), 2);
}

START_TEST(test_first_is_cancelled)
{
    run(check_first_is_cancelled, answer_at_gate, NULL, patient_options());
}
END_TEST

/* All who wait are cancelled, then the first one gets its answer all the same. */
static void
check_others_are_cancelled(DnsResolver *resolver)
{
    FiberGroup first, others;

    fiber_group_init(&first, scheduler_get_current());
    fiber_group_init(&others, scheduler_get_current());
    ck_assert(fiber_group_spawn(&first, ask_in_child, resolver, NULL));
    while (name_server_fake_get_n_asked(fake) == 0)
        fiber_yield();
    for (guint i = 0; i < CHILDREN; i++)
        ck_assert(fiber_group_spawn(&others, ask_in_child, resolver, NULL));
    while (atomic_load(&n_started) < CHILDREN + 1)
        fiber_yield();
    fiber_group_cancel(&others);
    fiber_group_join(&others);
    ck_assert_uint_eq(atomic_load(&n_cut), CHILDREN);
    open_gate();
    fiber_group_join(&first);
    ck_assert_uint_eq(atomic_load(&n_well), 1);
}

START_TEST(test_others_are_cancelled)
{
    run(check_others_are_cancelled, answer_at_gate, NULL, patient_options());
}
END_TEST

/* A fiber with little time does not spoil the answer for one with more. */
static void
ask_in_haste(gpointer data)
{
    fiber_deadline_push(30);
    ask_in_child(data);
}

static void
check_haste(DnsResolver *resolver)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    ck_assert(fiber_group_spawn(&group, ask_in_haste, resolver, NULL));
    ck_assert(fiber_group_spawn(&group, ask_in_child, resolver, NULL));
    while (atomic_load(&n_cut) == 0)
        fiber_yield();
    open_gate();
    fiber_group_join(&group);
    ck_assert_uint_eq(atomic_load(&n_well), 1);
}

START_TEST(test_haste)
{
    run(check_haste, answer_at_gate, NULL, patient_options());
}
END_TEST

/* Four threads with fibers that come and go, over few names. */
enum { STORM_THREADS = 4, STORM_FIBERS = 40, STORM_QUESTIONS = 25 };

static void
storm_fiber(gpointer data)
{
    for (guint i = 0; i < STORM_QUESTIONS; i++) {
        g_autofree gchar *name = g_strdup_printf("n%u.example", i % 5);
        g_autofree gchar *result = ask(data, name);

        ck_assert_msg(g_str_has_prefix(result, "192.0.2.7") || strcmp(result, "error 103") == 0,
                      "%s", result);
        atomic_fetch_add(&n_well, 1);
    }
}

static void
storm(DnsResolver *resolver)
{
    FiberGroup stay, go;

    fiber_group_init(&stay, scheduler_get_current());
    fiber_group_init(&go, scheduler_get_current());
    for (guint i = 0; i < STORM_FIBERS; i++)
        ck_assert(fiber_group_spawn(i % 2 == 0 ? &stay : &go, storm_fiber, resolver, NULL));
    barid_sleep(5, NULL);
    fiber_group_cancel(&go);
    fiber_group_join(&go);
    fiber_group_join(&stay);
}

START_TEST(test_storm)
{
    NameServerFake *server = name_server_fake_new(answer_ttl_0);
    gchar *servers[] = {borrow_address(server), NULL};
    DnsOptions options = patient_options();
    GThread *threads[STORM_THREADS];
    Run data = {.body = storm};

    options.servers = servers;
    data.resolver = dns_resolver_new(&options, NULL);
    for (guint i = 0; i < STORM_THREADS; i++)
        threads[i] = g_thread_new("storm", run_thread, &data);
    for (guint i = 0; i < STORM_THREADS; i++)
        g_thread_join(threads[i]);
    ck_assert_uint_eq(atomic_load(&n_well), STORM_THREADS * STORM_FIBERS * STORM_QUESTIONS);
    ck_assert_uint_lt(name_server_fake_get_n_asked(server),
                      STORM_THREADS * STORM_FIBERS * STORM_QUESTIONS);
    dns_resolver_free(data.resolver);
    name_server_fake_free(server);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("network");
    TCase *cases = tcase_create("network");
    SRunner *runner;
    int failed;

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, test_row, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_server_rests);
    tcase_add_test(cases, test_parallel);
    tcase_add_test(cases, test_parallel_failure);
    tcase_add_test(cases, test_parallel_haste);
    tcase_add_test(cases, test_remembers_edns);
    tcase_add_test(cases, test_secure_from_loopback);
    tcase_add_test(cases, test_local_names);
    tcase_add_test(cases, test_ids);
    tcase_add_test(cases, test_shares);
    tcase_add_test(cases, test_asked_once);
    tcase_add_test(cases, test_first_is_cancelled);
    tcase_add_test(cases, test_others_are_cancelled);
    tcase_add_test(cases, test_haste);
    tcase_add_test(cases, test_storm);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
