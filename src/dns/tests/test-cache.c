/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dns/cache.h"

static DnsBody *
make_body(gsize text_len)
{
    DnsBody *body = dns_body_new(1);

    body->canonical = arena_alloc(body->arena, text_len);
    body->ttl_s = 100;
    return body;
}

static void
put(DnsCache *cache, const gchar *name, gsize text_len)
{
    g_autoptr(DnsBody) body = make_body(text_len);
    DnsBody *found;
    guint32 ttl_s;

    ck_assert_int_eq(dns_cache_begin(cache, name, DNS_TYPE_A, &found, &ttl_s, NULL),
                     DNS_CACHE_LEAD);
    dns_cache_finish(cache, name, DNS_TYPE_A, body, 100);
}

static gboolean
has(DnsCache *cache, const gchar *name)
{
    DnsBody *found = NULL;
    guint32 ttl_s;

    if (dns_cache_begin(cache, name, DNS_TYPE_A, &found, &ttl_s, NULL) == DNS_CACHE_HIT) {
        dns_body_unref(found);
        return TRUE;
    }
    dns_cache_abandon(cache, name, DNS_TYPE_A);
    return FALSE;
}

START_TEST(test_entries)
{
    DnsCache *cache = dns_cache_new(160, 1 << 24);

    put(cache, "kept.example", 10);
    for (guint i = 0; i < 2000; i++) {
        g_autofree gchar *name = g_strdup_printf("n%u.example", i);

        put(cache, name, 10);
        /* What is used stays. */
        ck_assert(has(cache, "kept.example"));
    }
    ck_assert_uint_le(dns_cache_get_n_entries(cache), 160);
    ck_assert_uint_ge(dns_cache_get_n_entries(cache), 150);
    ck_assert(has(cache, "n1999.example"));
    ck_assert(!has(cache, "n0.example"));
    dns_cache_free(cache);
}
END_TEST

START_TEST(test_bytes)
{
    DnsCache *cache = dns_cache_new(100000, 1 << 20);

    for (guint i = 0; i < 2000; i++) {
        g_autofree gchar *name = g_strdup_printf("n%u.example", i);

        put(cache, name, 2000);
        ck_assert_uint_le(dns_cache_get_size(cache), 1 << 20);
    }
    ck_assert_uint_ge(dns_cache_get_n_entries(cache), 100);
    /* One that is too large takes nobody's place. */
    put(cache, "huge.example", 100000);
    ck_assert(!has(cache, "huge.example"));
    dns_cache_free(cache);
}
END_TEST

static gint64 fake_now_us = 1000000;

static gint64
fake_clock(gpointer data G_GNUC_UNUSED)
{
    return fake_now_us;
}

START_TEST(test_expiry)
{
    static const ClockSource source = {fake_clock, fake_clock, NULL};
    DnsCache *cache = dns_cache_new(100, 1 << 20);

    clock_set_source(&source);
    put(cache, "a.example", 10);
    fake_now_us += 99 * G_USEC_PER_SEC;
    ck_assert(has(cache, "a.example"));
    fake_now_us += 2 * G_USEC_PER_SEC;
    ck_assert(!has(cache, "a.example"));
    ck_assert_uint_eq(dns_cache_get_n_entries(cache), 0);
    ck_assert_uint_eq(dns_cache_get_size(cache), 0);
    dns_cache_free(cache);
    clock_set_source(NULL);
}
END_TEST

START_TEST(test_off)
{
    DnsCache *cache = dns_cache_new(0, 0);

    put(cache, "a.example", 10);
    ck_assert(!has(cache, "a.example"));
    dns_cache_free(cache);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("cache");
    TCase *cases = tcase_create("cache");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, test_entries);
    tcase_add_test(cases, test_bytes);
    tcase_add_test(cases, test_expiry);
    tcase_add_test(cases, test_off);
    suite_add_tcase(suite, cases);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
