/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/chance.h"
#include "outbound/mx.h"
#include "outbound/transcript.h"

static Address
address_of(const gchar *text)
{
    Address address;

    ck_assert_msg(address_parse_ip(barid_slice_from_text(text), &address), "%s", text);
    return address;
}

START_TEST(test_sort)
{
    guint first_was_a = 0;

    for (guint64 seed = 0; seed < 200; seed++) {
        MxHost hosts[] = {{20, "c"}, {10, "a"}, {10, "b"}, {65535, "e"}, {30, "d"}, {0, "z"}};

        chance_set_seed(seed);
        mx_sort(hosts, G_N_ELEMENTS(hosts));
        ck_assert_str_eq(hosts[0].name, "z");
        ck_assert_str_eq(hosts[3].name, "c");
        ck_assert_str_eq(hosts[4].name, "d");
        ck_assert_str_eq(hosts[5].name, "e");
        first_was_a += strcmp(hosts[1].name, "a") == 0 ? 1 : 0;
        ck_assert_uint_eq(mx_get_group_len(hosts + 1, 5), 2);
        ck_assert_uint_eq(mx_get_group_len(hosts + 5, 1), 1);
        ck_assert_uint_eq(mx_get_group_len(hosts + 6, 0), 0);
    }
    chance_unset_seed();
    ck_assert_msg(first_was_a > 60 && first_was_a < 140, "a came first %u times", first_was_a);
}
END_TEST

static const struct {
    const gchar *what;
    guint n_ipv4, n_ipv6;
    MxFamily family;
    guint limit;
    const gchar *order; /* 4 and 6 */
} order_rows[] = {
    {"both", 1, 1, MX_IPV4_THEN_IPV6, 4, "46"},
    {"the other way", 1, 1, MX_IPV6_THEN_IPV4, 4, "64"},
    {"one family alone", 2, 2, MX_IPV4_ONLY, 4, "44"},
    {"the other alone", 2, 2, MX_IPV6_ONLY, 4, "66"},
    {"a place is kept for the second", 9, 2, MX_IPV4_THEN_IPV6, 3, "446"},
    {"no second to keep it for", 9, 0, MX_IPV4_THEN_IPV6, 3, "444"},
    {"only the second", 0, 2, MX_IPV4_THEN_IPV6, 3, "66"},
    {"one place", 3, 3, MX_IPV6_THEN_IPV4, 1, "6"},
    {"none", 0, 0, MX_IPV6_THEN_IPV4, 3, ""},
};

START_TEST(test_order)
{
    Address ipv4[9], ipv6[9], out[9];
    g_autoptr(GString) order = g_string_new(NULL);
    guint n;

    for (guint i = 0; i < 9; i++) {
        ipv4[i] = address_of("192.0.2.1");
        ipv6[i] = address_of("2001:db8::1");
    }
    n = mx_order_addresses(ipv4, order_rows[_i].n_ipv4, ipv6, order_rows[_i].n_ipv6,
                           order_rows[_i].family, order_rows[_i].limit, out);
    for (guint i = 0; i < n; i++)
        g_string_append_c(order, out[i].is_v6 ? '6' : '4');
    ck_assert_msg(strcmp(order->str, order_rows[_i].order) == 0, "%s: %s", order_rows[_i].what,
                  order->str);
}
END_TEST

static const struct {
    const gchar *text;
    gboolean refused;
} refused_rows[] = {
    {"127.0.0.1", TRUE},  {"127.255.0.9", TRUE}, {"0.0.0.0", TRUE},      {"0.1.2.3", TRUE},
    {"224.0.0.1", TRUE},  {"255.255.255.255", TRUE}, {"::", TRUE},       {"::1", TRUE},
    {"ff02::1", TRUE},    {"192.0.2.1", FALSE},  {"10.0.0.1", FALSE},    {"2001:db8::1", FALSE},
    {"::2", FALSE},       {"128.0.0.1", FALSE},  {"::ffff:127.0.0.1", TRUE},
};

START_TEST(test_refused)
{
    Address address = address_of(refused_rows[_i].text);

    ck_assert_msg(mx_address_is_refused(&address) == refused_rows[_i].refused, "%s",
                  refused_rows[_i].text);
}
END_TEST

/* As it comes in an AAAA record: text is read as the IPv4 address that is meant. */
START_TEST(test_mapped_refused)
{
    const Address address = {.is_v6 = TRUE,
                             .bytes = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};

    ck_assert(mx_address_is_refused(&address));
}
END_TEST

START_TEST(test_transcript)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Transcript transcript = {.text = text, .started_us = 0};
    gchar line[500];

    transcript_quote(&transcript, "S: ", BARID_SLICE_LITERAL("250 a\nb\xc3"));
    ck_assert_msg(g_str_has_suffix(text->str, "S: 250 a?b?"), "%s", text->str);
    transcript_note(NULL, "nowhere");
    memset(line, 'x', sizeof line);
    for (guint i = 0; i < 1000; i++)
        transcript_quote(&transcript, "C: ", barid_slice(line, sizeof line));
    ck_assert_uint_le(text->len, TRANSCRIPT_BYTES_MAX);
    ck_assert(g_str_has_suffix(text->str, "\n(the rest is not kept)"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("mx");
    TCase *cases = tcase_create("mx");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, test_sort);
    tcase_add_loop_test(cases, test_order, 0, G_N_ELEMENTS(order_rows));
    tcase_add_loop_test(cases, test_refused, 0, G_N_ELEMENTS(refused_rows));
    tcase_add_test(cases, test_mapped_refused);
    tcase_add_test(cases, test_transcript);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
