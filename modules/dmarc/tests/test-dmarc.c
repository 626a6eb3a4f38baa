/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "../dmarc-author.h"
#include "../dmarc-suffix.h"
#include "../dmarc-walk.h"

/* --- records --- */

/* (shown): "p sp np adkim aspf t psd pct"; NULL: no record at all. */
static const struct {
    const gchar *text, *shown;
} records[] = {
    {"v=DMARC1", "- - - r r n u 100"},
    {"v=DMARC1;", "- - - r r n u 100"},
    {"v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com", "none - - r r n u 100"},
    {"v = DMARC1 ; p = reject ; sp = quarantine ; np = none",
     "reject quarantine none r r n u 100"},
    {"v=DMARC1;p=quarantine;adkim=s;aspf=s;t=y;psd=y", "quarantine - - s s y y 100"},
    {"v=DMARC1; P=Reject; PSD=N; ADKIM=S", "reject - - s r n n 100"},
    {"V=DMARC1; p=reject", "reject - - r r n u 100"},
    {"v=DMARC1; p=rejected; sp=; np=x", "? ? ? r r n u 100"},
    {"v=DMARC1; p=none; p=reject", "none - - r r n u 100"},
    {"v=DMARC1; pct=50; rf=afrf; ri=86400; p=reject", "reject - - r r n u 50"},
    {"v=DMARC1; pct=101; p=reject", "reject - - r r n u 100"},
    {"v=DMARC1; pct=-1; p=reject", "reject - - r r n u 100"},
    {"v=DMARC1; moo=cow; ; junk; =x; p=reject; psd=z", "reject - - r r n u 100"},
    {"v=DMARC1; p==reject", "? - - r r n u 100"},
    {"v=DMARC1; fo=1\xff; p=reject", "reject - - r r n u 100"},
    {"v=DMARC1 p=reject", NULL},
    {"v=dmarc1; p=reject", NULL},
    {"v=DMARC10; p=reject", NULL},
    {"v=DMARC2", NULL},
    {"v=", NULL},
    {"v", NULL},
    {" v=DMARC1", NULL},
    {"p=reject; v=DMARC1", NULL},
    {"v=spf1 -all", NULL},
    {"", NULL},
};

static const gchar *
show_policy(DmarcPolicy policy)
{
    return policy == DMARC_POLICY_ABSENT    ? "-"
           : policy == DMARC_POLICY_INVALID ? "?"
                                            : dmarc_policy_get_name(policy);
}

START_TEST(test_record)
{
    BaridSlice text = barid_slice_from_text(records[_i].text);
    g_autofree gchar *shown = NULL;
    DmarcRecord record;

    ck_assert_msg(dmarc_record_is(text) == (records[_i].shown != NULL), "%s", records[_i].text);
    if (records[_i].shown == NULL)
        return;
    dmarc_record_parse(text, &record);
    shown = g_strdup_printf("%s %s %s %s %s %s %s %u", show_policy(record.p),
                            show_policy(record.sp), show_policy(record.np),
                            record.dkim_is_strict ? "s" : "r", record.spf_is_strict ? "s" : "r",
                            record.is_testing ? "y" : "n",
                            record.psd == DMARC_PSD_YES  ? "y"
                            : record.psd == DMARC_PSD_NO ? "n"
                                                         : "u",
                            record.percent);
    ck_assert_msg(strcmp(shown, records[_i].shown) == 0, "%s: %s", records[_i].text, shown);
}
END_TEST

/* --- the walk --- */

/* (zone): "DOMAIN TEXT|" for each record, "DOMAIN !|" for a failure. (policy): the domain of the
 * record that applies, "-" for none, "!" for a failure; (organization) likewise. */
static const struct {
    const gchar *what, *domain, *zone, *policy, *organization;
} walks[] = {
    {"RFC 9989 section 4.10.2, first example", "a.mail.example.com",
     "mail.example.com v=DMARC1|example.com v=DMARC1|", "example.com", "example.com"},
    {"second", "a.mail.example.com", "mail.example.com v=DMARC1; psd=n|example.com v=DMARC1|",
     "mail.example.com", "mail.example.com"},
    {"third", "a.mail.example.com", "com v=DMARC1; psd=y|", "com", "example.com"},
    {"psd=y above the start", "mail.example.com", "example.com v=DMARC1; psd=y|", "example.com",
     "mail.example.com"},
    {"psd=y at the start", "example.com", "example.com v=DMARC1; psd=y|com v=DMARC1|",
     "example.com", "example.com"},
    {"the policy is the author's, the organization another", "a.example.com",
     "a.example.com v=DMARC1|example.com v=DMARC1|", "a.example.com", "example.com"},
    {"psd=n at the start", "a.example.com",
     "a.example.com v=DMARC1; psd=n|example.com v=DMARC1|", "a.example.com", "a.example.com"},
    {"a record between is not used", "a.mail.example.com",
     "mail.example.com v=DMARC1|com v=DMARC1; psd=y|", "com", "example.com"},
    {"nothing", "a.example.com", "", "-", "a.example.com"},
    {"one label", "com", "com v=DMARC1|", "com", "com"},
    {"several are none", "a.example.com",
     "a.example.com v=DMARC1|a.example.com v=DMARC1; p=none|a.example.com v=DMARC1|", "-",
     "a.example.com"},
    {"others do not count", "a.example.com", "a.example.com v=spf1|a.example.com v=DMARC1|",
     "a.example.com", "a.example.com"},
    {"seven labels from twelve", "a.b.c.d.e.f.g.h.i.j.example.com",
     "e.f.g.h.i.j.example.com v=DMARC1; psd=n|f.g.h.i.j.example.com v=DMARC1|",
     "f.g.h.i.j.example.com", "f.g.h.i.j.example.com"},
    {"RFC 9989 section 5.1.7", "mail.a.b.c.d.e.f.g.example.com",
     "example.com v=DMARC1|b.c.d.e.f.g.example.com v=DMARC1; psd=n|", "example.com",
     "example.com"},
    {"below a suffix past the limit", "a.b.c.d.e.f.g.h.i.example.com",
     "e.f.g.h.i.example.com v=DMARC1; psd=y|", "e.f.g.h.i.example.com",
     "d.e.f.g.h.i.example.com"},
    {"the start fails", "a.example.com", "a.example.com !|", "!", "!"},
    {"a failure below", "a.example.com", "example.com v=DMARC1|com !|", "!", "!"},
    {"a failure that does not matter to the policy", "a.example.com",
     "a.example.com v=DMARC1|com !|", "a.example.com", "!"},
    {"a failure beyond the end", "a.example.com", "example.com v=DMARC1; psd=n|com !|",
     "example.com", "example.com"},
};

static void
walk_fill(DmarcWalk *walk, const gchar *zone)
{
    g_auto(GStrv) lines = g_strsplit(zone, "|", -1);

    for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++) {
        gchar *text = strchr(lines[i], ' ');

        *text++ = '\0';
        for (guint step = 0; step < walk->n_steps; step++) {
            if (strcmp(walk->steps[step].domain, lines[i]) != 0)
                continue;
            if (*text == '!')
                walk->steps[step].state = DMARC_STEP_FAILED;
            else
                dmarc_walk_add_record(walk, step, barid_slice_from_text(text));
        }
    }
}

static const gchar *
show(DmarcWalkResult result, const gchar *domain)
{
    return result == DMARC_WALK_FOUND ? domain : result == DMARC_WALK_NOTHING ? "-" : "!";
}

START_TEST(test_walk)
{
    g_auto(DmarcWalk) walk = {.domain = NULL};
    const DmarcStep *step = NULL;
    const gchar *organization;
    DmarcWalkResult result;

    dmarc_walk_init(&walk, walks[_i].domain);
    walk_fill(&walk, walks[_i].zone);
    result = dmarc_walk_find_policy(&walk, &step);
    ck_assert_msg(strcmp(show(result, step == NULL ? "" : step->domain), walks[_i].policy) == 0,
                  "%s: %d %s", walks[_i].what, (int)result, step == NULL ? "" : step->domain);
    result = dmarc_walk_find_organization(&walk, &organization);
    ck_assert_msg(strcmp(show(result, organization), walks[_i].organization) == 0, "%s: %s",
                  walks[_i].what, organization);
}
END_TEST

static const struct {
    const gchar *domain, *steps;
} names[] = {
    {"com", "com "},
    {"a.mail.example.com", "a.mail.example.com mail.example.com example.com com "},
    {"1.2.3.4.5.6.7", "1.2.3.4.5.6.7 2.3.4.5.6.7 3.4.5.6.7 4.5.6.7 5.6.7 6.7 7 "},
    {"1.2.3.4.5.6.7.8", "1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8 "},
    {"a.b.c.d.e.f.g.h.i.j.mail.example.com",
     "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com "
     "i.j.mail.example.com j.mail.example.com mail.example.com example.com com "},
};

START_TEST(test_names)
{
    g_auto(DmarcWalk) walk = {.domain = NULL};
    g_autoptr(GString) found = g_string_new(NULL);

    dmarc_walk_init(&walk, names[_i].domain);
    ck_assert_uint_le(walk.n_steps, DMARC_STEPS_MAX);
    for (guint i = 0; i < walk.n_steps; i++)
        g_string_append_printf(found, "%s ", walk.steps[i].domain);
    ck_assert_str_eq(found->str, names[_i].steps);
}
END_TEST

/* RFC 7489: two names, whatever "psd=" says. */
START_TEST(test_fixed)
{
    g_auto(DmarcWalk) walk = {.domain = NULL};
    const DmarcStep *step;
    const gchar *organization;

    dmarc_walk_init_fixed(&walk, "a.b.example.co.uk", "example.co.uk");
    ck_assert_uint_eq(walk.n_steps, 2);
    dmarc_walk_add_record(&walk, 1, BARID_SLICE_LITERAL("v=DMARC1; p=reject; psd=y"));
    ck_assert_int_eq(dmarc_walk_find_policy(&walk, &step), DMARC_WALK_FOUND);
    ck_assert_str_eq(step->domain, "example.co.uk");
    ck_assert_int_eq(dmarc_walk_find_organization(&walk, &organization), DMARC_WALK_FOUND);
    ck_assert_str_eq(organization, "example.co.uk");
}
END_TEST

START_TEST(test_below)
{
    ck_assert(dmarc_domain_is_below("a.example", "example"));
    ck_assert(dmarc_domain_is_below("example", "example"));
    ck_assert(!dmarc_domain_is_below("aexample", "example"));
    ck_assert(!dmarc_domain_is_below("example", "a.example"));
}
END_TEST

/* --- public suffixes --- */

static const gchar suffix_list[] = "// a comment\n"
                                   "com\n"
                                   "uk \n"
                                   "co.uk // behind it\r\n"
                                   "\n"
                                   "*.ck\n"
                                   "!www.ck\n"
                                   "\xe5\x85\xac\xe5\x8f\xb8.cn\n"
                                   "..\n";

static const struct {
    const gchar *domain, *organization;
} suffixes[] = {
    {"com", "com"},
    {"example.com", "example.com"},
    {"a.b.example.com", "example.com"},
    {"co.uk", "co.uk"},
    {"example.co.uk", "example.co.uk"},
    {"a.example.co.uk", "example.co.uk"},
    {"example.uk", "example.uk"},
    {"test.ck", "test.ck"},
    {"b.test.ck", "b.test.ck"},
    {"a.b.test.ck", "b.test.ck"},
    {"www.ck", "www.ck"},
    {"www.www.ck", "www.ck"},
    {"unlisted", "unlisted"},
    {"a.b.unlisted", "b.unlisted"},
    {"a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn"},
};

START_TEST(test_suffix)
{
    g_autoptr(DmarcSuffixes) list = dmarc_suffixes_new(suffix_list);

    ck_assert_uint_eq(dmarc_suffixes_get_n_rules(list), 6);
    ck_assert_str_eq(dmarc_suffixes_get_organization(list, suffixes[_i].domain),
                     suffixes[_i].organization);
}
END_TEST

/* --- authors --- */

/* Fields are separated by "|"; (domain) NULL: not clear. */
static const struct {
    const gchar *fields, *domain;
} authors[] = {
    {"a@example.com", "example.com"},
    {"Name <a@Example.COM.>", "example.com"},
    {"\"x@bank.example\" <a@evil.example>", "evil.example"},
    {"x@bank.example <a@evil.example>", "evil.example"},
    {"(x@bank.example) a@evil.example (y@bank.example)", "evil.example"},
    {"a@example.com, b@example.com", "example.com"},
    {"a@example.com|Name <b@EXAMPLE.com>", "example.com"},
    {"Group: a@example.com, b@example.com;", "example.com"},
    {"\"a@b\"@example.com", "example.com"},
    {"<@route.example:a@example.com>", "example.com"},
    {"a@b\xc3\xbc""cher.example", "xn--bcher-kva.example"},
    {"a@example.com, b@example.net", NULL},
    {"a@example.com|b@example.net", NULL},
    {"<a@evil.example> <b@bank.example>", NULL},
    {"a@evil.example b@bank.example", NULL},
    {"a@evil.example@bank.example", NULL},
    {"<a@evil.example> , x", NULL},
    {"", NULL},
    {"undisclosed:;", NULL},
    {"a", NULL},
    {"@example.com", NULL},
    {"a@", NULL},
    {"<>", NULL},
    {"a@[192.0.2.1]", NULL},
    {"a@exa mple.com", NULL},
    {"a@example..com", NULL},
    {"a@\xff.example", NULL},
    {"\"a@example.com", NULL},
};

START_TEST(test_author)
{
    g_auto(GStrv) fields = g_strsplit(authors[_i].fields, "|", -1);
    BaridSlice values[4];
    g_autofree gchar *domain = NULL;
    const gchar *problem = NULL;
    guint n_values;

    for (n_values = 0; fields[n_values] != NULL; n_values++)
        values[n_values] = barid_slice_from_text(fields[n_values]);
    domain = dmarc_author_dup_domain(values, n_values, &problem);
    ck_assert_msg(g_strcmp0(domain, authors[_i].domain) == 0, "%s: %s", authors[_i].fields,
                  domain == NULL ? problem : domain);
    ck_assert((domain == NULL) == (problem != NULL));
}
END_TEST

START_TEST(test_many_authors)
{
    g_autoptr(GString) field = g_string_new(NULL);
    BaridSlice value;
    const gchar *problem = NULL;

    for (guint i = 0; i <= DMARC_AUTHORS_MAX; i++)
        g_string_append(field, "a@example.com,");
    value = barid_slice(field->str, field->len);
    ck_assert_ptr_null(dmarc_author_dup_domain(&value, 1, &problem));
    ck_assert_ptr_nonnull(strstr(problem, "too many"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dmarc");
    TCase *tcase = tcase_create("dmarc");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_record, 0, G_N_ELEMENTS(records));
    tcase_add_loop_test(tcase, test_walk, 0, G_N_ELEMENTS(walks));
    tcase_add_loop_test(tcase, test_names, 0, G_N_ELEMENTS(names));
    tcase_add_test(tcase, test_fixed);
    tcase_add_test(tcase, test_below);
    tcase_add_loop_test(tcase, test_suffix, 0, G_N_ELEMENTS(suffixes));
    tcase_add_loop_test(tcase, test_author, 0, G_N_ELEMENTS(authors));
    tcase_add_test(tcase, test_many_authors);
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
