/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <crypt.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/directory-private.h"

#define ALI_HASH "$5$rounds=1000$saltsalt$gxttTHYBf3I5XlbzkVKJ9qmY2eN9c22NkRKYIPeQGU1"

static const gchar config_text[] =
    "[domain example.org]\n"
    "[domain Example.NET]\n"
    "catch-all = ali\n"
    "postmaster = bob\n"
    "delimiter = -=\n"
    "[domain staff.example]\n"
    "directory = staff\n"
    "catch-all = inbox@elsewhere.test\n"
    "delimiter = \"\"\n"
    "[domain off.example]\n"
    "enabled = no\n"
    "[directory staff]\n"
    "[user ali]\n"
    "[user bob]\n"
    "addresses = bob@example.org, \"\\\"b o b\\\"@example.org\", Robert@Example.Org\n"
    "[user carol]\n"
    "directory = staff\n"
    "addresses = carol@staff.example\n"
    "[alias info@example.org]\n"
    "to = ali@example.org, Bob@Example.ORG, ALI@example.org, out@elsewhere.test\n"
    "[alias sales@example.org]\n"
    "to = info@example.org, carol@staff.example\n"
    "[alias loop-a@example.org]\n"
    "to = loop-b@example.org\n"
    "[alias loop-b@example.org]\n"
    "to = loop-a@example.org\n"
    "[alias half@example.org]\n"
    "to = loop-half@example.org, ali+x@example.org\n"
    "[alias loop-half@example.org]\n"
    "to = half@example.org\n"
    "[alias dangling@example.org]\n"
    "to = nobody@example.org\n"
    "[alias far@example.org]\n"
    "to = x@elsewhere.test\n"
    "[map lists]\n"
    "match = (.+)_list_.+@example\\.org\n"
    "to = ${1}@example.org, log@elsewhere.test\n"
    "[map shops]\n"
    "match = shop([0-9]+)@(.+)\n"
    "to = ali@example.org\n"
    "[map broken]\n"
    "match = bad(.*)@example\\.org\n"
    "to = ${1}..x@example.org\n"
    "[map round]\n"
    "match = round@example\\.org\n"
    "to = round@example.org\n"
    "[domain b\xc3\xbc" "cher.example]\n"
    "[domain xn--mller-kva.example]\n"
    "[user M\xc3\xbcller@m\xc3\xbcller.example]\n"
    "[user dora]\n"
    "addresses = dora@b\xc3\xbc" "cher.example, dora@xn--mller-kva.example\n";

typedef struct {
    ConfigFiles *files;
    ConfigProblems *problems;
    ConfigTree *tree;
    SettingsContext context;
    Directories *directories;
    Arena *arena;
    gchar *text;
} Fixture;

static void
fixture_init(Fixture *self, const gchar *text)
{
    memset(self, 0, sizeof *self);
    self->files = config_files_new_text("f", text);
    self->problems = config_problems_new();
    self->tree = config_tree_parse(self->files, self->problems);
    settings_context_init(&self->context, self->tree, self->problems, NULL);
    self->directories = directories_new(&self->context, NULL);
    config_tree_report_unknown(self->tree, self->problems);
    self->text = config_problems_to_text(self->problems);
    self->arena = arena_new(1024);
}

static void
fixture_clear(Fixture *self)
{
    directories_free(self->directories);
    settings_context_clear(&self->context);
    config_tree_free(self->tree);
    config_problems_free(self->problems);
    config_files_free(self->files);
    arena_free(self->arena);
    g_free(self->text);
}

/* "mailbox USER DETAIL", "alias A B", "unknown" or "not-local". */
static gchar *
describe(const DirectoryResult *result)
{
    GString *text = g_string_new(NULL);

    switch (result->answer) {
    case DIRECTORY_NOT_LOCAL:
        return g_string_free(g_string_append(text, "not-local"), FALSE);
    case DIRECTORY_UNKNOWN:
        return g_string_free(g_string_append(text, "unknown"), FALSE);
    case DIRECTORY_MAILBOX:
        g_string_printf(text, "mailbox %s", result->user);
        if (result->detail != NULL)
            g_string_append_printf(text, " +%s", result->detail);
        return g_string_free(text, FALSE);
    case DIRECTORY_ALIAS:
        g_string_append(text, "alias");
        for (guint i = 0; i < result->n_targets; i++)
            g_string_append_printf(text, " %.*s", (int)result->targets[i].len,
                                   (const gchar *)result->targets[i].data);
        return g_string_free(text, FALSE);
    }
    return g_string_free(text, FALSE);
}

static gchar *
resolve(Fixture *fixture, const gchar *path)
{
    g_autoptr(GError) error = NULL;
    DirectoryResult result;
    MailAddress address;
    gsize used;

    ck_assert_int_eq(mail_path_parse(barid_slice_from_text(path), MAIL_PATH_POSTMASTER, &address,
                                     &used),
                     MAIL_ADDRESS_OK);
    if (!directories_resolve(fixture->directories, &address, fixture->arena, &result, &error))
        return g_strdup_printf("error %s", error->message);
    return describe(&result);
}

typedef struct {
    const gchar *what;
    const gchar *path;
    const gchar *expected;
} ResolveRow;

static const ResolveRow resolve_rows[] = {
    {"a user has every domain", "<ali@example.org>", "mailbox ali"},
    {"the domain has no case", "<ali@EXAMPLE.org>", "mailbox ali"},
    {"the local part has no case", "<ALI@example.org>", "mailbox ali"},
    {"quoting does not matter", "<\"ali\"@example.org>", "mailbox ali"},
    {"quoted pairs do not matter", "<\"a\\li\"@example.org>", "mailbox ali"},
    {"a second domain", "<ali@example.net>", "mailbox ali"},
    {"a user with addresses has those", "<robert@example.org>", "mailbox bob"},
    {"a quoted address", "<\"B o B\"@example.org>", "mailbox bob"},
    {"and not those of other domains", "<carol@example.org>", "unknown"},
    {"unknown user", "<nobody@example.org>", "unknown"},
    {"foreign domain", "<ali@elsewhere.test>", "not-local"},
    {"foreign subdomain", "<ali@sub.example.org>", "not-local"},
    {"disabled domain", "<ali@off.example>", "not-local"},
    {"address literal", "<ali@[192.0.2.1]>", "not-local"},
    {"sub-address", "<ali+lists@example.org>", "mailbox ali +lists"},
    {"sub-address keeps its case", "<Ali+Lists@example.org>", "mailbox ali +Lists"},
    {"sub-address splits at the first", "<ali+a+b@example.org>", "mailbox ali +a+b"},
    {"empty sub-address", "<ali+@example.org>", "mailbox ali +"},
    {"sub-address of nobody", "<nobody+x@example.org>", "unknown"},
    {"delimiter first is no sub-address", "<+ali@example.org>", "unknown"},
    {"other delimiters: first", "<ali-x@example.net>", "mailbox ali +x"},
    {"other delimiters: second", "<ali=x@example.net>", "mailbox ali +x"},
    {"other delimiters: plus is none", "<bobby+x@example.net>", "mailbox ali"},
    {"catch-all user", "<whoever@example.net>", "mailbox ali"},
    {"catch-all outside", "<whoever@staff.example>", "alias inbox@elsewhere.test"},
    {"no delimiter at all", "<carol+x@staff.example>", "alias inbox@elsewhere.test"},
    {"own directory", "<carol@staff.example>", "mailbox carol"},
    {"users of other directories are none", "<ali@staff.example>", "alias inbox@elsewhere.test"},
    {"postmaster without domain", "<postmaster>", "mailbox ali"},
    {"postmaster without domain has no case", "<PostMaster>", "mailbox ali"},
    {"postmaster of the first user", "<postmaster@example.org>", "mailbox ali"},
    {"postmaster configured", "<postmaster@example.net>", "mailbox bob"},
    {"postmaster before catch-all", "<POSTMASTER@staff.example>", "mailbox carol"},
    {"postmaster with sub-address", "<postmaster+x@example.org>", "mailbox ali +x"},
    {"alias to several, once each", "<info@example.org>",
     "alias ali@example.org Bob@example.org out@elsewhere.test"},
    {"alias has no case", "<INFO@example.org>",
     "alias ali@example.org Bob@example.org out@elsewhere.test"},
    {"alias with sub-address", "<info+x@example.org>",
     "alias ali@example.org Bob@example.org out@elsewhere.test"},
    {"alias of an alias", "<sales@example.org>",
     "alias ali@example.org Bob@example.org out@elsewhere.test carol@staff.example"},
    {"alias to outside", "<far@example.org>", "alias x@elsewhere.test"},
    {"loop leads nowhere", "<loop-a@example.org>", "unknown"},
    {"loop is cut where others remain", "<half@example.org>", "alias ali+x@example.org"},
    {"dangling alias", "<dangling@example.org>", "unknown"},
    {"map with a group", "<ali_list_x@example.org>",
     "alias ali@example.org log@elsewhere.test"},
    {"map has no case", "<ALI_LIST_x@EXAMPLE.org>", "alias ali@example.org log@elsewhere.test"},
    {"map to an unknown address", "<nobody_list_x@example.org>", "alias log@elsewhere.test"},
    {"map matches the whole address", "<ali_list_x@example.net>", "mailbox ali"},
    {"map before catch-all", "<shop7@example.net>", "alias ali@example.org"},
    {"an entry before a map", "<shop1@example.org>", "alias ali@example.org"},
    {"map matches from the start", "<xshop7@example.org>", "unknown"},
    {"map of another directory", "<shop7@staff.example>", "alias inbox@elsewhere.test"},
    {"map that makes no address", "<badx@example.org>", "unknown"},
    {"map to itself", "<round@example.org>", "unknown"},
    {"U-label", "<dora@b\xc3\xbc" "cher.example>", "mailbox dora"},
    {"A-label of a domain with U-label", "<dora@xn--bcher-kva.example>", "mailbox dora"},
    {"capitals in both", "<dora@B\xc3\x9c" "CHER.example>", "mailbox dora"},
    {"capitals in the A-label", "<DORA@XN--BCHER-KVA.Example>", "mailbox dora"},
    {"U-label of a domain with A-label", "<dora@m\xc3\xbcller.example>", "mailbox dora"},
    {"decomposed", "<dora@bu\xcc\x88" "cher.example>", "mailbox dora"},
    {"a user's name is an address", "<m\xc3\xbcller@xn--mller-kva.example>",
     "mailbox M\xc3\xbcller@m\xc3\xbcller.example"},
    {"another U-label", "<dora@b\xc3\xb6" "cher.example>", "not-local"},
};

START_TEST(test_resolve)
{
    const ResolveRow *row = &resolve_rows[_i];
    Fixture fixture;
    g_autofree gchar *got = NULL;

    fixture_init(&fixture, config_text);
    ck_assert_str_eq(fixture.text, "");
    got = resolve(&fixture, row->path);
    ck_assert_msg(strcmp(got, row->expected) == 0, "%s: %s gave \"%s\", not \"%s\"", row->what,
                  row->path, got, row->expected);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_mailbox_has_transport_and_address)
{
    Fixture fixture;
    DirectoryResult result;
    MailAddress address;

    fixture_init(&fixture, "[domain example.org]\ntransport = pigeon\n[user ali]\n");
    mail_address_parse(BARID_SLICE_LITERAL("Ali@EXAMPLE.org"), &address);
    ck_assert(directories_resolve(fixture.directories, &address, fixture.arena, &result, NULL));
    ck_assert_str_eq(result.transport, "pigeon");
    ck_assert_uint_eq(result.n_targets, 1);
    ck_assert(barid_slice_equal_text(result.targets[0], "Ali@example.org"));
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_chain_is_limited)
{
    g_autoptr(GString) text = g_string_new("[domain d.test]\n[user ali]\n");
    Fixture fixture;
    g_autofree gchar *got = NULL;
    g_autofree gchar *near = NULL;

    for (guint i = 0; i < 15; i++)
        g_string_append_printf(text, "[alias a%u@d.test]\nto = a%u@d.test\n", i, i + 1);
    g_string_append(text, "[alias a15@d.test]\nto = ali@d.test\n");
    fixture_init(&fixture, text->str);
    got = resolve(&fixture, "<a0@d.test>");
    ck_assert_str_eq(got, "error the alias goes through more than 10 others");
    near = resolve(&fixture, "<a6@d.test>");
    ck_assert_str_eq(near, "alias ali@d.test");
    fixture_clear(&fixture);
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *domain;
    gboolean local;
} LocalRow;

static const LocalRow local_rows[] = {
    {"plain", "example.org", TRUE},         {"case", "EXAMPLE.Org", TRUE},
    {"written in capitals", "example.net", TRUE}, {"disabled", "off.example", FALSE},
    {"foreign", "elsewhere.test", FALSE},   {"empty", "", FALSE},
    {"subdomain", "a.example.org", FALSE},
    {"U-label", "b\xc3\xbc" "cher.example", TRUE}, {"A-label", "xn--bcher-kva.example", TRUE},
    {"no valid label", "b\xe2\x80\x8b" "cher.example", FALSE},
};

START_TEST(test_is_local)
{
    Fixture fixture;

    fixture_init(&fixture, config_text);
    ck_assert_msg(directories_is_local(fixture.directories,
                                       barid_slice_from_text(local_rows[_i].domain)) ==
                      local_rows[_i].local,
                  "%s", local_rows[_i].what);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_nothing_is_local_without_domains)
{
    Fixture fixture;
    g_autofree gchar *postmaster = NULL;
    g_autofree gchar *user = NULL;

    fixture_init(&fixture, "[user ali]\n");
    postmaster = resolve(&fixture, "<postmaster>");
    user = resolve(&fixture, "<ali@example.org>");
    ck_assert_str_eq(postmaster, "not-local");
    ck_assert_str_eq(user, "not-local");
    fixture_clear(&fixture);
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *text;
    const gchar *problem; /* part of the report */
} ProblemRow;

static const ProblemRow problem_rows[] = {
    {"no domain name", "[domain]\n", "write [domain NAME]"},
    {"bad domain name", "[domain a..b]\n", "write [domain NAME]"},
    {"unknown directory", "[domain d.test]\ndirectory = nowhere\n", "no working [directory]"},
    {"file without path", "[directory f]\ndriver = file\n", "needs a path"},
    {"missing file", "[directory f]\ndriver = file\npath = /nonexistent/users\n",
     "/nonexistent/users"},
    {"plain-text password", "[user ali]\npassword = secret\n", "no crypt(3) hash"},
    {"unknown hash", "[user ali]\npassword = $zz$secret\n", "no crypt(3) hash"},
    {"name with slash", "[user a/b]\n", "must not hold"},
    {"hidden name", "[user ..]\n", "begin with a dot"},
    {"bad address", "[user ali]\naddresses = ali\n", "malformed"},
    {"address twice", "[user ali]\naddresses = a@d.test\n[user bob]\naddresses = A@d.test\n",
     "given twice"},
    {"alias outside", "[alias a@d.test]\nto = b@d.test\n", "directory is inline"},
    {"alias without target", "[domain d.test]\n[alias a@d.test]\nto =\n", "needs a target"},
    {"alias to itself", "[domain d.test]\n[alias a@d.test]\nto = A@d.test\n", "itself"},
    {"alias to no address", "[domain d.test]\n[alias a@d.test]\nto = b\n", "malformed"},
};

START_TEST(test_problems)
{
    Fixture fixture;

    fixture_init(&fixture, problem_rows[_i].text);
    ck_assert_msg(strstr(fixture.text, problem_rows[_i].problem) != NULL, "%s: \"%s\"",
                  problem_rows[_i].what, fixture.text);
    fixture_clear(&fixture);
}
END_TEST

/* --- log-in --- */

static gchar *
hash_password(const gchar *password, const gchar *setting)
{
    struct crypt_data *data = g_new0(struct crypt_data, 1);
    gchar *hash = g_strdup(crypt_rn(password, setting, data, sizeof *data));

    g_free(data);
    return hash;
}

typedef struct {
    const gchar *what;
    const gchar *name;
    const gchar *password;
    const gchar *user; /* NULL when refused */
} LoginRow;

static const LoginRow login_rows[] = {
    {"plain name", "ali", "secret", "ali"},
    {"name without case", "ALI", "secret", "ali"},
    {"name with domain", "ali@example.org", "secret", "ali"},
    {"name with domain without case", "Ali@EXAMPLE.org", "secret", "ali"},
    {"own address", "bobby@example.org", "word", "bob"},
    {"name of a user with addresses", "bob", "word", "bob"},
    {"wrong password", "ali", "Secret", NULL},
    {"longer password", "ali", "secret2", NULL},
    {"empty password", "ali", "", NULL},
    {"other's password", "bob", "secret", NULL},
    {"not this user's domain", "ali@elsewhere.test", "secret", NULL},
    {"sub-address", "ali+x@example.org", "secret", NULL},
    {"alias", "info@example.org", "secret", NULL},
    {"unknown user", "nobody", "secret", NULL},
    {"the name that means the first user", "", "secret", NULL},
    {"user without password", "carol", "", NULL},
    {"locked user", "dora", "!", NULL},
    {"the hash itself", "ali", ALI_HASH, NULL},
};

START_TEST(test_login)
{
    const LoginRow *row = &login_rows[_i];
    g_autofree gchar *ali = hash_password("secret", "$5$rounds=1000$saltsalt$");
    g_autofree gchar *bob = hash_password("word", "$6$rounds=1000$pepper$");
    g_autofree gchar *text = g_strdup_printf(
        "[domain example.org]\n[user ali]\npassword = %s\n[user bob]\npassword = %s\n"
        "addresses = bobby@example.org\n[user carol]\n[user dora]\npassword = !\n"
        "[alias info@example.org]\nto = ali@example.org\n",
        ali, bob);
    Fixture fixture;
    gboolean valid = TRUE;
    const gchar *user = NULL;

    fixture_init(&fixture, text);
    ck_assert_str_eq(fixture.text, "");
    ck_assert(directories_authenticate(fixture.directories, "", barid_slice_from_text(row->name),
                                       barid_slice_from_text(row->password), fixture.arena, &valid,
                                       &user, NULL));
    ck_assert_msg(valid == (row->user != NULL), "%s", row->what);
    ck_assert_msg(g_strcmp0(user, row->user) == 0, "%s: %s", row->what, user);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_login_with_odd_bytes)
{
    g_autofree gchar *ali = hash_password("secret", "$5$rounds=1000$saltsalt$");
    g_autofree gchar *text =
        g_strdup_printf("[domain example.org]\n[user ali]\npassword = %s\n", ali);
    g_autofree gchar *overlong = g_strnfill(5000, 's');
    Fixture fixture;
    gboolean valid = TRUE;
    const gchar *user = NULL;

    fixture_init(&fixture, text);
    ck_assert(directories_authenticate(fixture.directories, "", BARID_SLICE_LITERAL("ali"),
                                       BARID_SLICE_LITERAL("secret\0x"), fixture.arena, &valid,
                                       &user, NULL));
    ck_assert(!valid);
    ck_assert(directories_authenticate(fixture.directories, "", BARID_SLICE_LITERAL("a\0li"),
                                       BARID_SLICE_LITERAL("secret"), fixture.arena, &valid, &user,
                                       NULL));
    ck_assert(!valid);
    ck_assert(directories_authenticate(fixture.directories, "", BARID_SLICE_LITERAL("ali"),
                                       barid_slice_from_text(overlong), fixture.arena, &valid,
                                       &user, NULL));
    ck_assert(!valid);
    ck_assert(directories_authenticate(fixture.directories, "", barid_slice_from_text(overlong),
                                       BARID_SLICE_LITERAL("secret"), fixture.arena, &valid, &user,
                                       NULL));
    ck_assert(!valid);
    fixture_clear(&fixture);
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *user;
    const gchar *address;
    gboolean owns;
} OwnsRow;

static const OwnsRow owns_rows[] = {
    {"own address", "ali", "ali@example.org", TRUE},
    {"own address in another domain", "ali", "ali@example.net", TRUE},
    {"own sub-address", "ali", "ali+x@example.org", TRUE},
    {"somebody else's", "ali", "bob@example.org", FALSE},
    {"alias that delivers to the user", "bob", "sales@example.org", TRUE},
    {"alias that does not", "bob", "far@example.org", FALSE},
    {"caught address", "ali", "whatever@example.net", TRUE},
    {"foreign address", "ali", "ali@elsewhere.test", FALSE},
};

START_TEST(test_owns)
{
    const OwnsRow *row = &owns_rows[_i];
    Fixture fixture;
    MailAddress address;
    gboolean owns = !row->owns;

    fixture_init(&fixture, config_text);
    mail_address_parse(barid_slice_from_text(row->address), &address);
    ck_assert(directories_owns(fixture.directories, row->user, &address, &owns, NULL));
    ck_assert_msg(owns == row->owns, "%s", row->what);
    fixture_clear(&fixture);
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *text;
    DirectoryAnswer answer;
    const gchar *targets;
} VerifyRow;

static const VerifyRow verify_rows[] = {
    {"address", "ali@example.org", DIRECTORY_MAILBOX, "ali@example.org "},
    {"path", "<ali@example.org>", DIRECTORY_MAILBOX, "ali@example.org "},
    {"name in two domains", "bob", DIRECTORY_ALIAS, NULL},
    {"alias", "far@example.org", DIRECTORY_ALIAS, "x@elsewhere.test "},
    {"bare postmaster", "<postmaster>", DIRECTORY_MAILBOX, "postmaster@example.org "},
    {"unknown", "nobody@example.org", DIRECTORY_UNKNOWN, ""},
    {"nothing", "", DIRECTORY_UNKNOWN, ""},
    {"rubbish", "a@b@c", DIRECTORY_UNKNOWN, ""},
    {"foreign", "a@elsewhere.test", DIRECTORY_NOT_LOCAL, ""},
};

START_TEST(test_verify)
{
    const VerifyRow *row = &verify_rows[_i];
    g_autoptr(GString) targets = g_string_new(NULL);
    Fixture fixture;
    DirectoryResult result;

    fixture_init(&fixture, config_text);
    ck_assert(directories_verify(fixture.directories, barid_slice_from_text(row->text),
                                 fixture.arena, &result, NULL));
    for (guint i = 0; i < result.n_targets; i++)
        g_string_append_printf(targets, "%.*s ", (int)result.targets[i].len,
                               (const gchar *)result.targets[i].data);
    if (row->targets != NULL)
        ck_assert_msg(strcmp(targets->str, row->targets) == 0, "%s: %s", row->what, targets->str);
    if (row->targets != NULL)
        ck_assert_msg(result.answer == row->answer, "%s", row->what);
    else
        ck_assert_msg(result.n_targets >= 2, "%s: %s", row->what, targets->str);
    fixture_clear(&fixture);
}
END_TEST

/* --- the file --- */

typedef struct {
    const gchar *what;
    const gchar *text;
    const gchar *problem; /* NULL when it is good */
} FileRow;

static const FileRow file_rows[] = {
    {"empty", "", NULL},
    {"comments and blanks", "# users\n\n  \t\n   # more\n", NULL},
    {"user", "user ali - ali@d.test\n", NULL},
    {"user with hash", "user ali $5$salt$hash ali@d.test,a@d.test\n", NULL},
    {"user without addresses", "user ali -\n", NULL},
    {"no line end", "user ali -", NULL},
    {"CRLF", "user ali -\r\nalias a@d.test b@d.test\r\n", NULL},
    {"tabs", "\tuser\tali\t-\tali@d.test \t\n", NULL},
    {"quoted address", "user ali - \"a, b\\\" c\"@d.test,ali@d.test\n", NULL},
    {"alias to many", "alias a@d.test b@d.test,c@elsewhere.test\n", NULL},
    {"unknown kind", "# one\n\nusre ali -\n", "f:3: a line begins"},
    {"user without hash", "user ali\n", "f:1: write: user"},
    {"plain password", "user ali secret\n", "f:1: \"ali\": the password"},
    {"alias without target", "alias a@d.test\n", "f:1: \"a@d.test\": an alias needs"},
    {"bad address", "alias a b@d.test\n", "f:1: \"a\": the address"},
    {"bad target", "alias a@d.test b\n", "f:1: \"b\": the address"},
    {"empty item", "user ali - a@d.test,,b@d.test\n", "f:1: there is an empty"},
    {"trailing comma", "user ali - a@d.test,\n", "f:1: there is an empty"},
    {"blank after comma", "user ali - a@d.test, b@d.test\n", "f:1: there is an empty"},
    {"two lists", "user ali - a@d.test b@d.test\n", "f:1: addresses are separated"},
    {"user twice", "user ali -\nuser ALI -\n", "f:2: \"ALI\": the user is given twice"},
    {"address twice", "user ali - a@d.test\nalias A@D.test b@d.test\n",
     "f:2: \"A@D.test\": the address is given twice"},
    {"not UTF-8", "user \xff -\n", "f: it is not UTF-8"},
};

START_TEST(test_file_parse)
{
    const FileRow *row = &file_rows[_i];
    g_autoptr(GError) error = NULL;
    g_autoptr(DirectoryTable) table =
        directory_file_parse(barid_slice_from_text(row->text), "f", &error);

    if (row->problem == NULL) {
        ck_assert_msg(table != NULL, "%s: %s", row->what, error == NULL ? "" : error->message);
        return;
    }
    ck_assert_msg(table == NULL, "%s", row->what);
    ck_assert_msg(g_str_has_prefix(error->message, row->problem), "%s: %s", row->what,
                  error->message);
}
END_TEST

static gint64 fake_now_ms = 1000;

static gint64
fake_clock(gpointer data G_GNUC_UNUSED)
{
    return fake_now_ms * 1000;
}

static void
write_file(const gchar *path, const gchar *text)
{
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

START_TEST(test_file_reload)
{
    static const ClockSource source = {fake_clock, fake_clock, NULL};
    g_autofree gchar *folder = g_dir_make_tmp("barid-test-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "users", NULL);
    g_autofree gchar *text = g_strdup_printf(
        "[domain d.test]\ndirectory = f\n[directory f]\ndriver = file\npath = %s\n", path);
    Fixture fixture;
    gchar *got;

    clock_set_source(&source);
    write_file(path, "user ali -\n");
    fixture_init(&fixture, text);
    ck_assert_str_eq(fixture.text, "");
    got = resolve(&fixture, "<ali@d.test>");
    ck_assert_str_eq(got, "mailbox ali");
    g_free(got);

    write_file(path, "user barbara -\n");
    got = resolve(&fixture, "<barbara@d.test>");
    ck_assert_str_eq(got, "unknown"); /* not looked at yet within this second */
    g_free(got);
    fake_now_ms += 1001;
    got = resolve(&fixture, "<barbara@d.test>");
    ck_assert_str_eq(got, "mailbox barbara");
    g_free(got);
    got = resolve(&fixture, "<ali@d.test>");
    ck_assert_str_eq(got, "unknown");
    g_free(got);

    write_file(path, "user broken\n");
    fake_now_ms += 1001;
    got = resolve(&fixture, "<barbara@d.test>");
    ck_assert_str_eq(got, "mailbox barbara"); /* the old content stays */
    g_free(got);
    unlink(path);
    fake_now_ms += 1001;
    got = resolve(&fixture, "<barbara@d.test>");
    ck_assert_str_eq(got, "mailbox barbara");
    g_free(got);

    write_file(path, "user cem -\nalias info@d.test cem@d.test,x@elsewhere.test\n");
    fake_now_ms += 1001;
    got = resolve(&fixture, "<info@d.test>");
    ck_assert_str_eq(got, "alias cem@d.test x@elsewhere.test");
    g_free(got);
    fixture_clear(&fixture);
    clock_set_source(NULL);
    unlink(path);
    rmdir(folder);
}
END_TEST

typedef struct {
    Directories *directories;
    guint n_wrong;
} AskJob;

static gpointer
ask_often(gpointer data)
{
    AskJob *job = data;

    for (guint i = 0; i < 2000; i++) {
        g_autoptr(Arena) arena = arena_new(512);
        DirectoryResult result;
        MailAddress address;

        mail_address_parse(BARID_SLICE_LITERAL("ali@d.test"), &address);
        if (!directories_resolve(job->directories, &address, arena, &result, NULL) ||
            result.answer != DIRECTORY_MAILBOX || strcmp(result.user, "ali") != 0)
            job->n_wrong++;
    }
    return NULL;
}

START_TEST(test_file_many_threads)
{
    static const ClockSource source = {fake_clock, fake_clock, NULL};
    g_autofree gchar *folder = g_dir_make_tmp("barid-test-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "users", NULL);
    g_autofree gchar *text = g_strdup_printf(
        "[domain d.test]\ndirectory = f\n[directory f]\ndriver = file\npath = %s\n", path);
    GThread *threads[4];
    AskJob jobs[4] = {{NULL, 0}};
    Fixture fixture;

    clock_set_source(&source);
    write_file(path, "user ali -\n");
    fixture_init(&fixture, text);
    /* One change is waiting when they begin: exactly one thread takes it. */
    write_file(path, "user ali -\nuser bob -\n");
    fake_now_ms += 2000;
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        jobs[i].directories = fixture.directories;
        threads[i] = g_thread_new("ask", ask_often, &jobs[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_thread_join(threads[i]);
        ck_assert_uint_eq(jobs[i].n_wrong, 0);
    }
    fixture_clear(&fixture);
    clock_set_source(NULL);
    unlink(path);
    rmdir(folder);
}
END_TEST

static Suite *
directory_suite(void)
{
    Suite *suite = suite_create("directory");
    TCase *tcase = tcase_create("directory");

    tcase_add_loop_test(tcase, test_resolve, 0, G_N_ELEMENTS(resolve_rows));
    tcase_add_test(tcase, test_mailbox_has_transport_and_address);
    tcase_add_test(tcase, test_chain_is_limited);
    tcase_add_loop_test(tcase, test_is_local, 0, G_N_ELEMENTS(local_rows));
    tcase_add_test(tcase, test_nothing_is_local_without_domains);
    tcase_add_loop_test(tcase, test_problems, 0, G_N_ELEMENTS(problem_rows));
    tcase_add_loop_test(tcase, test_login, 0, G_N_ELEMENTS(login_rows));
    tcase_add_test(tcase, test_login_with_odd_bytes);
    tcase_add_loop_test(tcase, test_owns, 0, G_N_ELEMENTS(owns_rows));
    tcase_add_loop_test(tcase, test_verify, 0, G_N_ELEMENTS(verify_rows));
    tcase_add_loop_test(tcase, test_file_parse, 0, G_N_ELEMENTS(file_rows));
    tcase_add_test(tcase, test_file_reload);
    tcase_add_test(tcase, test_file_many_threads);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(directory_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
