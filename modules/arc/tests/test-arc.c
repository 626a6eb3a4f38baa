/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "../arc-chain.h"
#include "../arc-results.h"

/* --- chains --- */

#define AAR(i) "ARC-Authentication-Results: i=" i "; mx.example; spf=pass\r\n"
#define AMS(i) "ARC-Message-Signature: i=" i "; a=rsa-sha256; d=x.example\r\n"
#define AS(i, cv) "ARC-Seal: i=" i "; a=rsa-sha256; b=AAAA; cv=" cv "; d=x.example; s=s\r\n"
#define SET(i, cv) AS(i, cv) AMS(i) AAR(i)

static const struct {
    const gchar *what, *header;
    guint n_sets;
    const gchar *problem; /* a part of it; NULL: none */
} chains[] = {
    {"none", "From: a@example.com\r\n", 0, NULL},
    {"one", SET("1", "none"), 1, NULL},
    {"two", SET("2", "pass") SET("1", "none"), 2, NULL},
    {"any order", AAR("1") AMS("2") AS("2", "pass") AMS("1") AAR("2") AS("1", "none"), 2, NULL},
    {"cases", "ARC-SEAL: i=1; a=rsa-sha256; b=AAAA; cv=None; d=x.example; s=s\r\n"
              "arc-message-signature: i=1; d=x\r\n" AAR("1"), 1, NULL},
    {"folded", "ARC-Seal:\r\n i = 1 ;\r\n\ta=rsa-sha256; b=AA\r\n AA; cv=none; d=x.example; s=s\r\n"
               AMS("1") "ARC-Authentication-Results:\r\n\ti = 1 ;\r\n x\r\n", 1, NULL},
    {"a gap", SET("3", "pass") SET("1", "none"), 3, "not complete"},
    {"no seal", AMS("1") AAR("1"), 1, "not complete"},
    {"no signature", AS("1", "none") AAR("1"), 1, "not complete"},
    {"no results", AS("1", "none") AMS("1"), 1, "not complete"},
    {"two seals", AS("1", "none") SET("1", "none"), 1, "two fields"},
    {"two results", SET("1", "none") AAR("1"), 1, "two fields"},
    {"the first passes", SET("1", "pass"), 1, "wrong for its place"},
    {"the second has none", SET("2", "none") SET("1", "none"), 2, "wrong for its place"},
    {"failed before", SET("2", "fail") SET("1", "none"), 2, "had failed"},
    {"failed below", SET("2", "pass") SET("1", "fail"), 2, "wrong for its place"},
    {"no such word", SET("1", "good"), 1, "ARC-Seal is malformed"},
    {"zero", SET("0", "none"), 0, "malformed"},
    {"fifty-one", SET("51", "pass"), 0, "malformed"},
    {"no number", SET("x", "none"), 0, "malformed"},
    {"huge number", SET("99999999999999999999", "none"), 0, "malformed"},
    {"no instance", "ARC-Authentication-Results: mx.example; spf=pass\r\n", 0, "malformed"},
    {"no results at all", "ARC-Authentication-Results: i=1\r\n", 0, "malformed"},
    {"h in a seal", "ARC-Seal: i=1; a=rsa-sha256; b=AA; cv=none; d=x; s=s; h=from\r\n" AMS("1")
                    AAR("1"), 1, "ARC-Seal is malformed"},
    {"no domain", "ARC-Seal: i=1; a=rsa-sha256; b=AA; cv=none; s=s\r\n" AMS("1") AAR("1"), 1,
     "ARC-Seal is malformed"},
    {"a tag twice", "ARC-Seal: i=1; i=1; a=rsa-sha256; b=AA; cv=none; d=x; s=s\r\n" AMS("1")
                    AAR("1"), 1, "ARC-Seal is malformed"},
    {"no tags", "ARC-Message-Signature: hello\r\n", 0, "malformed"},
};

/* Splits as a message's header would be. */
static ArcChain *
read_header(const gchar *text)
{
    ArcChain *chain = arc_chain_new();

    while (*text != '\0') {
        const gchar *end = text;
        gsize name = strcspn(text, ":");

        do
            end = strstr(end, "\r\n") + 2;
        while (*end == ' ' || *end == '\t');
        arc_chain_add(chain, barid_slice(text, name), barid_slice(text, (gsize)(end - text)));
        text = end;
    }
    arc_chain_end(chain);
    return chain;
}

START_TEST(test_chain)
{
    g_autoptr(ArcChain) chain = read_header(chains[_i].header);

    ck_assert_msg(chain->n_sets == chains[_i].n_sets, "%s: %u", chains[_i].what, chain->n_sets);
    ck_assert_msg((chain->problem == NULL) == (chains[_i].problem == NULL) &&
                      (chain->problem == NULL ||
                       strstr(chain->problem, chains[_i].problem) != NULL),
                  "%s: %s", chains[_i].what, chain->problem);
}
END_TEST

START_TEST(test_failed)
{
    g_autoptr(ArcChain) failed = read_header(SET("2", "fail") SET("1", "none"));
    g_autoptr(ArcChain) alone = read_header(AS("2", "fail"));
    g_autoptr(ArcChain) other = read_header(SET("2", "pass") SET("1", "fail"));

    ck_assert(failed->has_failed && alone->has_failed && !other->has_failed);
}
END_TEST

START_TEST(test_set)
{
    g_autoptr(ArcChain) chain = read_header("ARC-Seal: i=1; cv=none; a=ed25519-sha256; b= AA\r\n"
                                            " BB ; d=x.example; s=sel\r\n" AMS("1") AAR("1"));
    const ArcSet *set = &chain->sets[0];

    ck_assert(barid_slice_equal_text(set->algorithm, "ed25519-sha256"));
    ck_assert(barid_slice_equal_text(set->domain, "x.example"));
    ck_assert(barid_slice_equal_text(set->selector, "sel"));
    ck_assert(barid_slice_equal_text(set->hole, " AA\r\n BB "));
    ck_assert(set->hole.data > set->whole[ARC_SEAL].data);
    ck_assert(barid_slice_equal_text(set->whole[ARC_MESSAGE], AMS("1")));
    ck_assert(barid_slice_equal_text(set->payload, " mx.example; spf=pass\r\n"));
}
END_TEST

START_TEST(test_large)
{
    g_autofree gchar *filler = g_strnfill(ARC_BYTES_MAX, 'x');
    g_autofree gchar *header = g_strdup_printf("ARC-Authentication-Results: i=1; %s\r\n", filler);
    g_autoptr(ArcChain) chain = read_header(header);

    ck_assert_ptr_nonnull(strstr(chain->problem, "too large"));
}
END_TEST

/* --- results --- */

static const struct {
    const gchar *payload, *items;
} payloads[] = {
    {"mx.example; spf=pass;dkim=fail ; ", "mx.example|spf=pass|dkim=fail||"},
    {"mx.example", "mx.example|"},
    {"a; b=\"x;y\" (c;(d;)e); f", "a|b=\"x;y\" (c;(d;)e)|f|"},
    {"a; b=\"x;y\\\";z", "a|b=\"x;y\\\";z|"},
    {"a; (b;c", "a|(b;c|"},
    {";;", "||"},
    {"", ""},
};

START_TEST(test_items)
{
    BaridSlice rest = barid_slice_from_text(payloads[_i].payload), item;
    g_autoptr(GString) found = g_string_new(NULL);

    while (arc_results_next(&rest, &item))
        g_string_append_printf(found, "%.*s|", (int)item.len, (const gchar *)item.data);
    ck_assert_str_eq(found->str, payloads[_i].items);
}
END_TEST

static const struct {
    const gchar *item, *dmarc, *from;
} results[] = {
    {"dmarc=pass header.from=example.com", "pass", "example.com"},
    {"DMARC=Pass (p=none) Header.From=\"example.com\"", "Pass", "example.com"},
    {"(c) dmarc=fail (header.from=evil.example) header.from=example.com", "fail", "example.com"},
    {"dmarc=fail reason=\"header.from=evil.example\" header.from=example.com", "fail",
     "example.com"},
    {"dkim=pass header.from=example.com", "", "example.com"},
    {"dkim=pass dmarc=pass", "", ""},
    {"dmarc", "", ""},
    {"dmarc=", "", ""},
    {"", "", ""},
};

START_TEST(test_result)
{
    BaridSlice item = barid_slice_from_text(results[_i].item);
    BaridSlice from = arc_result_get_property(item, "header.from");

    ck_assert_msg(barid_slice_equal_text(arc_result_get(item, "dmarc"), results[_i].dmarc), "%s",
                  results[_i].item);
    ck_assert_msg(barid_slice_equal_text(from, results[_i].from), "%s: %.*s", results[_i].item,
                  (int)from.len, (const gchar *)from.data);
}
END_TEST

START_TEST(test_id)
{
    ck_assert(arc_results_is_id(BARID_SLICE_LITERAL("mx.example"), "MX.example"));
    ck_assert(arc_results_is_id(BARID_SLICE_LITERAL(" (c) \"mx.example\" 1"), "mx.example"));
    ck_assert(!arc_results_is_id(BARID_SLICE_LITERAL("mx.example.net"), "mx.example"));
    ck_assert(!arc_results_is_id(BARID_SLICE_LITERAL("(mx.example)"), "mx.example"));
    ck_assert(!arc_results_is_id(BARID_SLICE_LITERAL(""), "mx.example"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("arc");
    TCase *tcase = tcase_create("arc");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_chain, 0, G_N_ELEMENTS(chains));
    tcase_add_test(tcase, test_failed);
    tcase_add_test(tcase, test_set);
    tcase_add_test(tcase, test_large);
    tcase_add_loop_test(tcase, test_items, 0, G_N_ELEMENTS(payloads));
    tcase_add_loop_test(tcase, test_result, 0, G_N_ELEMENTS(results));
    tcase_add_test(tcase, test_id);
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
