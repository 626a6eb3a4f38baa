/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/zone-resolver.h"

#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fiber/fiber.h"
#include "sim/virtual-clock.h"

static const gchar zone_text[] = "$TTL 300\n"
                                 "example.org  IN MX 10 mx1.example.org\n"
                                 "             60 IN MX 20 MX2.Example.Org.\n"
                                 "mx1.example.org A 192.0.2.1\n"
                                 "mx1.example.org AAAA 2001:db8::1\n"
                                 "null.example.org MX 0 .\n"
                                 "txt.example.org TXT \"one \" \"two\"\n"
                                 "alias.example.org CNAME alias2.example.org\n"
                                 "alias2.example.org CNAME mx1.example.org\n"
                                 "dangling.example.org CNAME gone.example.org\n"
                                 "loop.example.org CNAME loop2.example.org\n"
                                 "loop2.example.org CNAME loop.example.org\n"
                                 "*.wild.example.org A 192.0.2.9\n"
                                 "a.empty.example.org A 192.0.2.9\n"
                                 "odd.example.org PTR a\\.b.example.org\n"
                                 "xn--bcher-kva.example A 192.0.2.7\n"
                                 "_25._tcp.mx1.example.org TLSA 3 1 1 00ff\n"
                                 "_s._tcp.example.org SRV 1 2 3 mx1.example.org\n"
                                 "1.2.0.192.in-addr.arpa PTR mx1.example.org\n"
                                 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
                                 ".ip6.arpa PTR six.example.org\n"
                                 "$SECURE mx1.example.org\n"
                                 "$SERVFAIL broken.example.org\n"
                                 "$TIMEOUT silent.example.org\n"
                                 "$BOGUS forged.example.org\n";

/* An answer as text: "found secure canonical ttl | record | record", or the error's code. */
static gchar *
describe_record(const DnsRecord *record, DnsType type)
{
    gchar address[ADDRESS_TEXT_MAX];

    switch (type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        return g_strdup(address_format_ip(&record->as.address, address));
    case DNS_TYPE_MX:
        return g_strdup_printf("%u %s", record->as.mx.preference, record->as.mx.exchange);
    case DNS_TYPE_TXT:
        return g_strndup((const gchar *)record->as.text.data, record->as.text.len);
    case DNS_TYPE_SRV:
        return g_strdup_printf("%u %u %u %s", record->as.srv.priority, record->as.srv.weight,
                               record->as.srv.port, record->as.srv.target);
    case DNS_TYPE_TLSA:
        return g_strdup_printf("%u %u %u %02x%02x", record->as.tlsa.usage,
                               record->as.tlsa.selector, record->as.tlsa.matching,
                               record->as.tlsa.data.data[0], record->as.tlsa.data.data[1]);
    default:
        return g_strdup(record->as.name);
    }
}

static gchar *
describe(const DnsAnswer *answer, const GError *error, DnsType type)
{
    static const gchar *const words[] = {"found", "nodata", "noname"};
    GString *out;

    if (answer == NULL)
        return g_strdup_printf("error %d", error->code);
    out = g_string_new(words[answer->status]);
    g_string_append_printf(out, "%s %s %u", answer->security == DNS_SECURE ? " secure" : "",
                           answer->canonical, answer->ttl_s);
    for (guint i = 0; i < answer->n_records; i++) {
        g_autofree gchar *record = describe_record(&answer->records[i], type);

        g_string_append_printf(out, " | %s", record);
    }
    return g_string_free(out, FALSE);
}

static const struct {
    const gchar *what, *name;
    DnsType type;
    const gchar *result;
} rows[] = {
    {"MX", "Example.ORG.", DNS_TYPE_MX,
     "found example.org 60 | 10 mx1.example.org | 20 mx2.example.org"},
    {"null MX", "null.example.org", DNS_TYPE_MX, "found null.example.org 300 | 0 "},
    {"A, secure", "mx1.example.org", DNS_TYPE_A, "found secure mx1.example.org 300 | 192.0.2.1"},
    {"AAAA", "mx1.example.org", DNS_TYPE_AAAA,
     "found secure mx1.example.org 300 | 2001:db8::1"},
    {"no data", "mx1.example.org", DNS_TYPE_TXT, "nodata secure mx1.example.org 3600"},
    {"no name", "nope.example.org", DNS_TYPE_A, "noname nope.example.org 3600"},
    {"empty non-terminal", "empty.example.org", DNS_TYPE_A, "nodata empty.example.org 3600"},
    {"strings joined", "txt.example.org", DNS_TYPE_TXT, "found txt.example.org 300 | one two"},
    {"chain", "alias.example.org", DNS_TYPE_A, "found mx1.example.org 300 | 192.0.2.1"},
    {"chain end without data", "alias.example.org", DNS_TYPE_MX, "nodata mx1.example.org 300"},
    {"the alias itself", "alias.example.org", DNS_TYPE_CNAME,
     "found alias.example.org 300 | alias2.example.org"},
    {"dangling", "dangling.example.org", DNS_TYPE_A, "noname gone.example.org 300"},
    {"loop", "loop.example.org", DNS_TYPE_A, "error 100"},
    {"wildcard", "x.y.wild.example.org", DNS_TYPE_A, "found x.y.wild.example.org 300 | 192.0.2.9"},
    {"wildcard without type", "x.wild.example.org", DNS_TYPE_MX,
     "nodata x.wild.example.org 3600"},
    {"a dot inside a label", "odd.example.org", DNS_TYPE_PTR,
     "found odd.example.org 300 | a\\046b.example.org"},
    {"U-label", "Bücher.example", DNS_TYPE_A, "found xn--bcher-kva.example 300 | 192.0.2.7"},
    {"TLSA", "_25._tcp.mx1.example.org", DNS_TYPE_TLSA,
     "found secure _25._tcp.mx1.example.org 300 | 3 1 1 00ff"},
    {"SRV", "_s._tcp.example.org", DNS_TYPE_SRV,
     "found _s._tcp.example.org 300 | 1 2 3 mx1.example.org"},
    {"servfail", "broken.example.org", DNS_TYPE_A, "error 100"},
    {"bogus", "forged.example.org", DNS_TYPE_A, "error 100"},
    {"silence", "silent.example.org", DNS_TYPE_A, "error 102"},
    {"invalid", "a.invalid", DNS_TYPE_A, "noname a.invalid 3600"},
    {"onion", "a.onion", DNS_TYPE_MX, "noname a.onion 3600"},
    {"localhost", "localhost", DNS_TYPE_A, "found localhost 3600 | 127.0.0.1"},
    {"below localhost", "x.LocalHost", DNS_TYPE_AAAA, "found x.localhost 3600 | ::1"},
    {"localhost has no MX", "localhost", DNS_TYPE_MX, "nodata localhost 3600"},
    {"localhost as an end only", "notlocalhost", DNS_TYPE_A, "noname notlocalhost 3600"},
    {"empty label", "a..b", DNS_TYPE_A, "error 1"},
    {"leading dot", ".a", DNS_TYPE_A, "error 1"},
    {"empty", "", DNS_TYPE_A, "error 1"},
    {"blank", "a b", DNS_TYPE_A, "error 1"},
    {"escape", "a\\.b", DNS_TYPE_A, "error 1"},
    {"label of 64",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org",
     DNS_TYPE_A, "error 1"},
    {"label of 63", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", DNS_TYPE_A,
     "noname aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 3600"},
    {"bad UTF-8", "b\xfc" "cher.example", DNS_TYPE_A, "error 1"},
};

typedef struct {
    void (*run)(DnsResolver *resolver, gint row);
    DnsResolver *resolver;
    gint row;
} Run;

static void
run_main(gpointer data)
{
    Run *run = data;

    run->run(run->resolver, run->row);
}

static void
run_in_fiber(void (*run)(DnsResolver *resolver, gint row), gint row)
{
    g_autoptr(DnsResolver) resolver = zone_resolver_new(zone_text, NULL);
    Scheduler *scheduler = scheduler_new(NULL);
    Run data = {run, resolver, row};
    FiberGroup group;

    ck_assert_ptr_nonnull(resolver);
    virtual_clock_install(1767225600000);
    virtual_clock_drive(scheduler);
    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, run_main, &data, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    virtual_clock_remove();
}

static void
check_row(DnsResolver *resolver, gint row)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DnsAnswer) answer = dns_lookup(resolver, rows[row].name, rows[row].type, &error);
    g_autofree gchar *text = describe(answer, error, rows[row].type);

    ck_assert_msg(strcmp(text, rows[row].result) == 0, "%s: %s", rows[row].what, text);
    ck_assert((answer == NULL) == (error != NULL));
}

START_TEST(test_row)
{
    run_in_fiber(check_row, _i);
}
END_TEST

static void
check_names(DnsResolver *resolver, gint row G_GNUC_UNUSED)
{
    Address v4 = {.bytes = {192, 0, 2, 1}};
    Address v6 = {.is_v6 = TRUE, .bytes = {0x20, 1, 0x0d, 0xb8, [15] = 1}};
    g_autoptr(DnsAnswer) four = dns_lookup_names(resolver, &v4, NULL);
    g_autoptr(DnsAnswer) six = dns_lookup_names(resolver, &v6, NULL);

    ck_assert_str_eq(four->records[0].as.name, "mx1.example.org");
    ck_assert_str_eq(six->records[0].as.name, "six.example.org");
}

START_TEST(test_names)
{
    run_in_fiber(check_names, 0);
}
END_TEST

static void
check_deadline(DnsResolver *resolver, gint row G_GNUC_UNUSED)
{
    gint64 start = clock_monotonic_ms();
    gint64 deadline = fiber_deadline_push(2000);
    g_autoptr(GError) error = NULL;
    DnsAnswer *answer = dns_lookup(resolver, "silent.example.org", DNS_TYPE_A, &error);

    fiber_deadline_restore(deadline);
    ck_assert_ptr_null(answer);
    ck_assert_int_eq(error->code, BARID_ERROR_TIMEOUT);
    ck_assert(barid_error_is_temporary(error));
    ck_assert_int_eq(clock_monotonic_ms() - start, 2000);
}

START_TEST(test_deadline)
{
    run_in_fiber(check_deadline, 0);
}
END_TEST

START_TEST(test_broken_text)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(zone_resolver_new("a.example A 192.0.2.1\nb.example A x\n", &error));
    ck_assert_int_eq(error->code, BARID_ERROR_INVALID);
    ck_assert_msg(strstr(error->message, "line 2") != NULL, "%s", error->message);
}
END_TEST

START_TEST(test_empty_text)
{
    DnsResolver *resolver = zone_resolver_new("", NULL);

    ck_assert_ptr_nonnull(resolver);
    dns_resolver_free(resolver);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("zone-resolver");
    TCase *cases = tcase_create("zone-resolver");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(cases, test_row, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_names);
    tcase_add_test(cases, test_deadline);
    tcase_add_test(cases, test_broken_text);
    tcase_add_test(cases, test_empty_text);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
