/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "mime/mail-address.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A63 A60 "aaa"
#define A64 A60 "aaaa"
/* 187 bytes: three labels and their dots. */
#define D187 A63 "." A60 "." A60 "a."
#define BOTH (MAIL_PATH_NULL | MAIL_PATH_POSTMASTER)
#define LINE(text) {(const guint8 *)(text), sizeof(text) - 1}

static const struct {
    const gchar *what;
    BaridSlice text;
    MailAddressResult result;
} address_rows[] = {
    {"plain", LINE("bob@example.org"), MAIL_ADDRESS_OK},
    {"all atext", LINE("!#$%&'*+-/=?^_`{|}~09azAZ@example.org"), MAIL_ADDRESS_OK},
    {"dots", LINE("a.b.c@d.e.f"), MAIL_ADDRESS_OK},
    {"one label", LINE("bob@localhost"), MAIL_ADDRESS_OK},
    {"digits in the domain", LINE("bob@3com.example"), MAIL_ADDRESS_OK},
    {"hyphens in the domain", LINE("bob@a--b.c-d"), MAIL_ADDRESS_OK},
    {"quoted", LINE("\"a b\"@example.org"), MAIL_ADDRESS_OK},
    {"quoted specials", LINE("\"a@b<>,;:()[]\"@example.org"), MAIL_ADDRESS_OK},
    {"quoted pair", LINE("\"a\\\"\\\\b\"@example.org"), MAIL_ADDRESS_OK},
    {"empty quotes", LINE("\"\"@example.org"), MAIL_ADDRESS_OK},
    {"UTF-8 local part", LINE("j\xc3\xb6rg@example.org"), MAIL_ADDRESS_OK},
    {"UTF-8 quoted", LINE("\"j\xc3\xb6rg x\"@example.org"), MAIL_ADDRESS_OK},
    {"UTF-8 domain", LINE("a@b\xc3\xbc" "cher.example"), MAIL_ADDRESS_OK},
    {"joiner in the domain", LINE("a@\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7.example"),
     MAIL_ADDRESS_OK},
    {"IPv4 literal", LINE("a@[192.0.2.1]"), MAIL_ADDRESS_OK},
    {"IPv6 literal", LINE("a@[IPv6:2001:db8::1]"), MAIL_ADDRESS_OK},
    {"IPv6 tag in lower case", LINE("a@[ipv6:::1]"), MAIL_ADDRESS_OK},
    {"local part of 64", LINE(A64 "@example.org"), MAIL_ADDRESS_OK},
    {"label of 63", LINE("a@" A63 ".org"), MAIL_ADDRESS_OK},

    {"nothing", LINE(""), MAIL_ADDRESS_SYNTAX},
    {"no domain", LINE("bob"), MAIL_ADDRESS_SYNTAX},
    {"no local part", LINE("@example.org"), MAIL_ADDRESS_SYNTAX},
    {"empty domain", LINE("bob@"), MAIL_ADDRESS_BAD_DOMAIN},
    {"leading dot", LINE(".bob@example.org"), MAIL_ADDRESS_SYNTAX},
    {"trailing dot", LINE("bob.@example.org"), MAIL_ADDRESS_SYNTAX},
    {"double dot", LINE("a..b@example.org"), MAIL_ADDRESS_SYNTAX},
    {"two at signs", LINE("a@b@c"), MAIL_ADDRESS_SYNTAX},
    {"blank in the local part", LINE("a b@example.org"), MAIL_ADDRESS_SYNTAX},
    {"blank behind", LINE("a@example.org "), MAIL_ADDRESS_SYNTAX},
    {"bracket behind", LINE("a@example.org>"), MAIL_ADDRESS_SYNTAX},
    {"comment", LINE("a(b)@example.org"), MAIL_ADDRESS_SYNTAX},
    {"NUL in the local part", LINE("a\0b@example.org"), MAIL_ADDRESS_SYNTAX},
    {"CR in the local part", LINE("a\rb@example.org"), MAIL_ADDRESS_SYNTAX},
    {"DEL in the local part", LINE("a\x7f@example.org"), MAIL_ADDRESS_SYNTAX},
    {"unfinished quotes", LINE("\"ab@example.org"), MAIL_ADDRESS_SYNTAX},
    {"backslash at the end", LINE("\"ab\\"), MAIL_ADDRESS_SYNTAX},
    {"CR in quotes", LINE("\"a\rb\"@example.org"), MAIL_ADDRESS_SYNTAX},
    {"quoted CR", LINE("\"a\\\rb\"@example.org"), MAIL_ADDRESS_SYNTAX},
    {"tab in quotes", LINE("\"a\tb\"@example.org"), MAIL_ADDRESS_SYNTAX},
    {"quoted 8-bit pair", LINE("\"a\\\xc3\xb6\"@example.org"), MAIL_ADDRESS_SYNTAX},
    {"words in quotes and out", LINE("\"a\"b@example.org"), MAIL_ADDRESS_SYNTAX},
    {"quotes within", LINE("a\"b\"@example.org"), MAIL_ADDRESS_SYNTAX},
    {"local part of 65", LINE(A64 "a@example.org"), MAIL_ADDRESS_LOCAL_TOO_LONG},
    {"label of 64", LINE("a@" A64 ".org"), MAIL_ADDRESS_BAD_DOMAIN},
    {"domain too long", LINE("a@" D187 A60 ".aaaaaaaaa"), MAIL_ADDRESS_DOMAIN_TOO_LONG},
    {"path too long", LINE(A64 "@" D187 "aaa"), MAIL_ADDRESS_PATH_TOO_LONG},
    {"longest path", LINE(A64 "@" D187 "aa"), MAIL_ADDRESS_OK},
    {"domain begins with a hyphen", LINE("a@-b.c"), MAIL_ADDRESS_BAD_DOMAIN},
    {"domain ends with a hyphen", LINE("a@b-.c"), MAIL_ADDRESS_BAD_DOMAIN},
    {"domain ends with a dot", LINE("a@b.c."), MAIL_ADDRESS_BAD_DOMAIN},
    {"domain begins with a dot", LINE("a@.b.c"), MAIL_ADDRESS_BAD_DOMAIN},
    {"double dot in the domain", LINE("a@b..c"), MAIL_ADDRESS_BAD_DOMAIN},
    {"underscore in the domain", LINE("a@b_c.d"), MAIL_ADDRESS_SYNTAX},
    {"NUL in the domain", LINE("a@b\0c"), MAIL_ADDRESS_SYNTAX},
    {"no-break space in the domain", LINE("a@b\xc2\xa0" "c"), MAIL_ADDRESS_BAD_DOMAIN},
    {"direction mark in the domain", LINE("a@b\xe2\x80\xae" "c"), MAIL_ADDRESS_BAD_DOMAIN},
    {"bad UTF-8 in the local part", LINE("a\xc3@example.org"), MAIL_ADDRESS_NOT_UTF8},
    {"overlong UTF-8", LINE("a\xc0\xaf@example.org"), MAIL_ADDRESS_NOT_UTF8},
    {"bad UTF-8 in the domain", LINE("a@b\xff.org"), MAIL_ADDRESS_NOT_UTF8},
    {"empty literal", LINE("a@[]"), MAIL_ADDRESS_BAD_LITERAL},
    {"unfinished literal", LINE("a@[192.0.2.1"), MAIL_ADDRESS_BAD_LITERAL},
    {"three octets", LINE("a@[192.0.2]"), MAIL_ADDRESS_BAD_LITERAL},
    {"octet too large", LINE("a@[192.0.2.256]"), MAIL_ADDRESS_BAD_LITERAL},
    {"IPv6 without tag", LINE("a@[2001:db8::1]"), MAIL_ADDRESS_BAD_LITERAL},
    {"IPv4 with the tag", LINE("a@[IPv6:192.0.2.1]"), MAIL_ADDRESS_BAD_LITERAL},
    {"other tag", LINE("a@[x:y]"), MAIL_ADDRESS_BAD_LITERAL},
    {"text behind a literal", LINE("a@[192.0.2.1]x"), MAIL_ADDRESS_SYNTAX},
};

START_TEST(test_address)
{
    MailAddress address = {.is_quoted = 77};
    MailAddressResult result = mail_address_parse(address_rows[_i].text, &address);

    ck_assert_msg(result == address_rows[_i].result, "%s: %s", address_rows[_i].what,
                  mail_address_result_describe(result));
    if (result == MAIL_ADDRESS_OK)
        ck_assert(barid_slice_equal(address.full, address_rows[_i].text));
    else
        ck_assert_msg(address.is_quoted == 77, "%s: output touched", address_rows[_i].what);
}
END_TEST

static const struct {
    const gchar *what, *text;
    guint allow;
    MailAddressResult result;
    gsize used; /* or where the problem is */
    const gchar *full, *domain;
} path_rows[] = {
    {"plain", "<a@b>", BOTH, MAIL_ADDRESS_OK, 5, "a@b", "b"},
    {"with a rest", "<a@b> SIZE=1", BOTH, MAIL_ADDRESS_OK, 5, "a@b", "b"},
    {"null", "<>", BOTH, MAIL_ADDRESS_OK, 2, "", ""},
    {"null not allowed", "<>", MAIL_PATH_POSTMASTER, MAIL_ADDRESS_SYNTAX, 1, NULL, NULL},
    {"postmaster", "<PostMaster> x", BOTH, MAIL_ADDRESS_OK, 12, "PostMaster", ""},
    {"postmaster not allowed", "<postmaster>", MAIL_PATH_NULL, MAIL_ADDRESS_SYNTAX, 11, NULL,
     NULL},
    {"postmaster and more", "<postmasters>", BOTH, MAIL_ADDRESS_SYNTAX, 12, NULL, NULL},
    {"postmaster somewhere", "<postmaster@b>", BOTH, MAIL_ADDRESS_OK, 14, "postmaster@b", "b"},
    {"source route", "<@a,@b.c:d@e>", BOTH, MAIL_ADDRESS_OK, 13, "d@e", "e"},
    {"route through a literal", "<@[192.0.2.1]:d@e>", BOTH, MAIL_ADDRESS_OK, 18, "d@e", "e"},
    {"route without colon", "<@a,@b>", BOTH, MAIL_ADDRESS_SYNTAX, 6, NULL, NULL},
    {"route without at sign", "<@a,b:d@e>", BOTH, MAIL_ADDRESS_SYNTAX, 4, NULL, NULL},
    {"route to nobody", "<@a:>", BOTH, MAIL_ADDRESS_SYNTAX, 4, NULL, NULL},
    {"no bracket", "a@b", BOTH, MAIL_ADDRESS_SYNTAX, 0, NULL, NULL},
    {"nothing", "", BOTH, MAIL_ADDRESS_SYNTAX, 0, NULL, NULL},
    {"unfinished", "<a@b", BOTH, MAIL_ADDRESS_SYNTAX, 4, NULL, NULL},
    {"unfinished null", "<", BOTH, MAIL_ADDRESS_SYNTAX, 1, NULL, NULL},
    {"two brackets", "<<a@b>>", BOTH, MAIL_ADDRESS_SYNTAX, 1, NULL, NULL},
    {"blank inside", "< a@b>", BOTH, MAIL_ADDRESS_SYNTAX, 1, NULL, NULL},
    {"blank at the end", "<a@b >", BOTH, MAIL_ADDRESS_SYNTAX, 4, NULL, NULL},
    {"bracket in quotes", "<\">\"@b>", BOTH, MAIL_ADDRESS_OK, 7, "\">\"@b", "b"},
    {"bad domain", "<a@b..c>", BOTH, MAIL_ADDRESS_BAD_DOMAIN, 3, NULL, NULL},
    {"literal", "<a@[192.0.2.1]>", BOTH, MAIL_ADDRESS_OK, 15, "a@[192.0.2.1]", "[192.0.2.1]"},
    {"path of 256", "<" A64 "@" D187 "aa>", BOTH, MAIL_ADDRESS_OK, 256, A64 "@" D187 "aa",
     D187 "aa"},
    {"path of 257", "<" A64 "@" D187 "aaa>", BOTH, MAIL_ADDRESS_PATH_TOO_LONG, 257, NULL, NULL},
};

START_TEST(test_path)
{
    BaridSlice text = barid_slice_from_text(path_rows[_i].text);
    MailAddress address = {0};
    gsize used = 999;
    MailAddressResult result =
        mail_path_parse(text, (MailPathForms)path_rows[_i].allow, &address, &used);

    ck_assert_msg(result == path_rows[_i].result, "%s: %s", path_rows[_i].what,
                  mail_address_result_describe(result));
    ck_assert_msg(used == path_rows[_i].used, "%s: %zu", path_rows[_i].what, (size_t)used);
    if (result == MAIL_ADDRESS_OK) {
        ck_assert(barid_slice_equal_text(address.full, path_rows[_i].full));
        ck_assert(barid_slice_equal_text(address.domain, path_rows[_i].domain));
    }
}
END_TEST

START_TEST(test_fields)
{
    MailAddress address;

    ck_assert(mail_address_parse(BARID_SLICE_LITERAL("\"x y\"@[IPv6:2001:db8::1]"), &address) ==
              MAIL_ADDRESS_OK);
    ck_assert(address.is_quoted && address.is_literal && address.is_ascii);
    ck_assert(address.literal.is_v6 && address.literal.bytes[15] == 1);
    ck_assert(barid_slice_equal_text(address.local, "\"x y\""));
    ck_assert(mail_address_parse(BARID_SLICE_LITERAL("\xc3\xb6@b"), &address) == MAIL_ADDRESS_OK);
    ck_assert(!address.is_quoted && !address.is_literal && !address.is_ascii);
    ck_assert(mail_address_parse(BARID_SLICE_LITERAL("o@\xc3\xb6"), &address) == MAIL_ADDRESS_OK);
    ck_assert(!address.is_ascii);
}
END_TEST

static const struct {
    const gchar *text, *local, *canonical;
} canonical_rows[] = {
    {"Bob@EXAMPLE.org", "Bob", "Bob@example.org"},
    {"\"Bob\"@example.org", "Bob", "Bob@example.org"},
    {"\"a.b\"@c", "a.b", "a.b@c"},
    {"\"a\\.b\"@c", "a.b", "a.b@c"},
    {"\"a b\"@c", "a b", "\"a b\"@c"},
    {"\"a\\ b\"@c", "a b", "\"a b\"@c"},
    {"\"\"@c", "", "\"\"@c"},
    {"\".a\"@c", ".a", "\".a\"@c"},
    {"\"a..b\"@c", "a..b", "\"a..b\"@c"},
    {"\"\\\"\\\\\"@c", "\"\\", "\"\\\"\\\\\"@c"},
    {"\"a@b\"@c", "a@b", "\"a@b\"@c"},
    {"a@[192.0.2.1]", "a", "a@[192.0.2.1]"},
    {"a@[IPv6:2001:DB8:0::1]", "a", "a@[ipv6:2001:db8::1]"},
    {"a@[IPv6:::ffff:192.0.2.1]", "a", "a@[192.0.2.1]"},
    {"\xc3\x96@B", "\xc3\x96", "\xc3\x96@b"},
};

START_TEST(test_canonical)
{
    g_autoptr(Arena) arena = arena_new(64);
    BaridSlice text = barid_slice_from_text(canonical_rows[_i].text);
    BaridSlice canonical;
    MailAddress address;
    MailAddress again;

    ck_assert(mail_address_parse(text, &address) == MAIL_ADDRESS_OK);
    ck_assert(barid_slice_equal_text(mail_address_dup_local(&address, arena),
                                     canonical_rows[_i].local));
    canonical = mail_address_dup_canonical(&address, arena);
    ck_assert_msg(barid_slice_equal_text(canonical, canonical_rows[_i].canonical), "%.*s",
                  (int)canonical.len, (const char *)canonical.data);
    /* The canonical form is an address, and its own canonical form. */
    ck_assert(mail_address_parse(canonical, &again) == MAIL_ADDRESS_OK);
    ck_assert(barid_slice_equal(mail_address_dup_canonical(&again, arena), canonical));
}
END_TEST

START_TEST(test_canonical_special)
{
    g_autoptr(Arena) arena = arena_new(64);
    MailAddress address;
    gsize used;

    ck_assert(mail_path_parse(BARID_SLICE_LITERAL("<>"), MAIL_PATH_NULL, &address, &used) ==
              MAIL_ADDRESS_OK);
    ck_assert_uint_eq(mail_address_dup_canonical(&address, arena).len, 0);
    ck_assert(mail_path_parse(BARID_SLICE_LITERAL("<POSTmaster>"), MAIL_PATH_POSTMASTER, &address,
                              &used) == MAIL_ADDRESS_OK);
    ck_assert(barid_slice_equal_text(mail_address_dup_canonical(&address, arena), "postmaster"));
}
END_TEST

static const struct {
    const gchar *name;
    gboolean is_valid, is_fqdn;
} domain_rows[] = {
    {"example.org", TRUE, TRUE},       {"localhost", TRUE, FALSE},
    {"a.b", TRUE, TRUE},               {"a.b.", FALSE, FALSE},
    {".a.b", FALSE, FALSE},            {"", FALSE, FALSE},
    {"192.0.2.1", TRUE, FALSE},        {"[192.0.2.1]", FALSE, TRUE},
    {"[IPv6:2001:db8::1]", FALSE, TRUE}, {"[2001:db8::1]", FALSE, FALSE},
    {"[]", FALSE, FALSE},              {"[", FALSE, FALSE},
    {"a.123", TRUE, FALSE},            {"a.1b", TRUE, TRUE},
    {"xn--bcher-kva.example", TRUE, TRUE}, {"my_host.example", FALSE, FALSE},
    {"a b.example", FALSE, FALSE},     {"b\xc3\xbc.example", TRUE, TRUE},
    {A63 ".org", TRUE, TRUE},          {A64 ".org", FALSE, FALSE},
};

START_TEST(test_domain)
{
    BaridSlice name = barid_slice_from_text(domain_rows[_i].name);

    ck_assert_msg(mail_domain_is_valid(name) == domain_rows[_i].is_valid, "%s",
                  domain_rows[_i].name);
    ck_assert_msg(mail_domain_is_fqdn(name) == domain_rows[_i].is_fqdn, "%s",
                  domain_rows[_i].name);
}
END_TEST

START_TEST(test_descriptions)
{
    for (gint result = 0; result <= MAIL_ADDRESS_NOT_UTF8; result++)
        ck_assert_uint_gt(strlen(mail_address_result_describe((MailAddressResult)result)), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("mail-address");
    TCase *cases = tcase_create("mail-address");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_address, 0, G_N_ELEMENTS(address_rows));
    tcase_add_loop_test(cases, test_path, 0, G_N_ELEMENTS(path_rows));
    tcase_add_test(cases, test_fields);
    tcase_add_loop_test(cases, test_canonical, 0, G_N_ELEMENTS(canonical_rows));
    tcase_add_test(cases, test_canonical_special);
    tcase_add_loop_test(cases, test_domain, 0, G_N_ELEMENTS(domain_rows));
    tcase_add_test(cases, test_descriptions);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
