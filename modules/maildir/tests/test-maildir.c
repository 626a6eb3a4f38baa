/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the transport through its description, with an attempt made up here. */
#include <barid/barid.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../maildir.h"

extern const BaridModule maildir_LTX_barid_module;

/* --- the attempt --- */

/* More than are open at the same time. */
enum { RECIPIENTS_MAX = 70 };

struct BaridAttempt {
    const gchar *sender;
    const gchar *address[RECIPIENTS_MAX], *mailbox[RECIPIENTS_MAX], *detail[RECIPIENTS_MAX];
    guint n_recipients;
    BaridSlice pieces[2];
    BaridOutcome outcome[RECIPIENTS_MAX];
    gchar *status[RECIPIENTS_MAX];
    GString *notes;
};

guint
barid_attempt_get_n_recipients(BaridAttempt *attempt)
{
    return attempt->n_recipients;
}

BaridSlice
barid_attempt_get_address(BaridAttempt *attempt, guint index)
{
    return barid_slice_from_text(attempt->address[index]);
}

const gchar *
barid_attempt_get_mailbox(BaridAttempt *attempt, guint index)
{
    return attempt->mailbox[index];
}

const gchar *
barid_attempt_get_detail(BaridAttempt *attempt, guint index)
{
    return attempt->detail[index];
}

BaridSlice
barid_attempt_get_sender(BaridAttempt *attempt)
{
    return barid_slice_from_text(attempt->sender);
}

const gchar *
barid_attempt_get_queue_id(BaridAttempt *attempt G_GNUC_UNUSED)
{
    return "1";
}

guint
barid_attempt_get_content(BaridAttempt *attempt, BaridSlice out_pieces[2])
{
    out_pieces[0] = attempt->pieces[0];
    out_pieces[1] = attempt->pieces[1];
    return 2;
}

void
barid_attempt_set_result(BaridAttempt *attempt, guint index, BaridOutcome outcome,
                         const gchar *status, const gchar *text G_GNUC_UNUSED)
{
    attempt->outcome[index] = outcome;
    g_free(attempt->status[index]);
    attempt->status[index] = g_strdup(status);
}

void
barid_attempt_note(BaridAttempt *attempt, const gchar *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(attempt->notes, format, args);
    va_end(args);
    g_string_append_c(attempt->notes, '\n');
}

/* --- the fixture --- */

typedef struct {
    gchar *root;
    gchar mailbox[64], folder[64];
    MaildirSettings settings;
    const BaridTransportDriver *driver;
    gpointer self;
    BaridAttempt attempt;
} Fixture;

static void
fixture_init(Fixture *self)
{
    GError *error = NULL;

    memset(self, 0, sizeof *self);
    self->root = g_dir_make_tmp("barid-test-XXXXXX", NULL);
    g_strlcpy(self->mailbox, "%{user}", sizeof self->mailbox);
    self->settings = (MaildirSettings){
        .path = self->root,
        .mailbox = self->mailbox,
        .folder = self->folder,
        .line_ends = MAILDIR_LF,
    };
    self->driver = maildir_LTX_barid_module.providers[0].driver;
    self->self = self->driver->open(&self->settings, &error);
    ck_assert_msg(self->self != NULL, "%s", error == NULL ? "" : error->message);
    self->attempt.sender = "sender@elsewhere.test";
    self->attempt.pieces[0] = BARID_SLICE_LITERAL("Received: here\r\n");
    self->attempt.pieces[1] = BARID_SLICE_LITERAL("Subject: x\r\n\r\nbody\r\n");
    self->attempt.notes = g_string_new(NULL);
}

static void
fixture_add(Fixture *self, const gchar *address, const gchar *mailbox, const gchar *detail)
{
    guint n = self->attempt.n_recipients++;

    self->attempt.address[n] = address;
    self->attempt.mailbox[n] = mailbox;
    self->attempt.detail[n] = detail;
}

static void
fixture_deliver(Fixture *self)
{
    self->driver->deliver(self->self, &self->attempt);
}

static void
fixture_clear(Fixture *self)
{
    const gchar *argv[] = {"rm", "-rf", self->root, NULL};

    self->driver->close(self->self);
    g_spawn_sync(NULL, (gchar **)(guintptr)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                 NULL, NULL);
    for (guint i = 0; i < RECIPIENTS_MAX; i++)
        g_free(self->attempt.status[i]);
    g_string_free(self->attempt.notes, TRUE);
    g_free(self->root);
}

static guint
count_files(const Fixture *self, const gchar *folder)
{
    g_autofree gchar *path = g_build_filename(self->root, folder, NULL);
    GDir *dir = g_dir_open(path, 0, NULL);
    guint count = 0;

    if (dir == NULL)
        return 0;
    while (g_dir_read_name(dir) != NULL)
        count++;
    g_dir_close(dir);
    return count;
}

/* The only file of a folder. */
static gchar *
read_only_file(const Fixture *self, const gchar *folder, gchar **out_name)
{
    g_autofree gchar *path = g_build_filename(self->root, folder, NULL);
    GDir *dir = g_dir_open(path, 0, NULL);
    g_autofree gchar *file = NULL;
    gchar *text = NULL;

    ck_assert_msg(dir != NULL, "%s is missing", folder);
    *out_name = g_strdup(g_dir_read_name(dir));
    ck_assert_ptr_nonnull(*out_name);
    ck_assert_ptr_null(g_dir_read_name(dir));
    g_dir_close(dir);
    file = g_build_filename(path, *out_name, NULL);
    ck_assert(g_file_get_contents(file, &text, NULL, NULL));
    return text;
}

/* --- content --- */

typedef struct {
    const gchar *what;
    MaildirLineEnds line_ends;
    const gchar *sender;
    const gchar *first, *second;
    const gchar *expected;
} ContentRow;

#define TOP "Return-Path: <s@d.test>\nDelivered-To: ali@d.test\n"

static const ContentRow content_rows[] = {
    {"LF", MAILDIR_LF, "s@d.test", "A: 1\r\n", "B: 2\r\n\r\nx\r\n", TOP "A: 1\nB: 2\n\nx\n"},
    {"CRLF kept", MAILDIR_CRLF, "s@d.test", "A: 1\r\n", "\r\nx\r\n",
     "Return-Path: <s@d.test>\r\nDelivered-To: ali@d.test\r\nA: 1\r\n\r\nx\r\n"},
    {"null sender", MAILDIR_LF, "", "", "\r\n",
     "Return-Path: <>\nDelivered-To: ali@d.test\n\n"},
    {"CRLF over two pieces", MAILDIR_LF, "s@d.test", "A: 1\r", "\nB: 2\r\n\r\n",
     TOP "A: 1\nB: 2\n\n"},
    {"a CR alone stays", MAILDIR_LF, "s@d.test", "A: 1\r\n", "\r\na\rb\r\r\n",
     TOP "A: 1\n\na\rb\r\n"},
    {"a CR alone over two pieces stays", MAILDIR_LF, "s@d.test", "A\r", "B\r\n", TOP "A\rB\n"},
    {"a CR at the end stays", MAILDIR_LF, "s@d.test", "", "x\r", TOP "x\r"},
    {"an LF alone stays", MAILDIR_LF, "s@d.test", "", "x\ny\n", TOP "x\ny\n"},
    {"no line break comes in with the sender", MAILDIR_LF, "s@d\r\nX: y.test", "", "",
     "Return-Path: <s@dX: y.test>\nDelivered-To: ali@d.test\n"},
};

START_TEST(test_content)
{
    const ContentRow *row = &content_rows[_i];
    Fixture fixture;
    g_autofree gchar *name = NULL;
    g_autofree gchar *text = NULL;
    g_autofree gchar *size = NULL;

    fixture_init(&fixture);
    fixture.settings.line_ends = (gint)row->line_ends;
    fixture.attempt.sender = row->sender;
    fixture.attempt.pieces[0] = barid_slice_from_text(row->first);
    fixture.attempt.pieces[1] = barid_slice_from_text(row->second);
    fixture_add(&fixture, "ali@d.test", "ali", NULL);
    fixture_deliver(&fixture);
    ck_assert_int_eq(fixture.attempt.outcome[0], BARID_DELIVERED);
    ck_assert_str_eq(fixture.attempt.status[0], "2.0.0");
    text = read_only_file(&fixture, "ali/new", &name);
    ck_assert_msg(strcmp(text, row->expected) == 0, "%s: \"%s\"", row->what, text);
    size = g_strdup_printf(",S=%zu", strlen(text));
    ck_assert_msg(g_str_has_suffix(name, size), "%s: %s", row->what, name);
    ck_assert_uint_eq(count_files(&fixture, "ali/tmp"), 0);
    ck_assert_uint_eq(count_files(&fixture, "ali"), 3);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_large_content)
{
    g_autoptr(GString) body = g_string_new("\r\n");
    g_autoptr(GString) expected = g_string_new(TOP "\n");
    Fixture fixture;
    g_autofree gchar *name = NULL;
    g_autofree gchar *text = NULL;

    for (guint i = 0; i < 40000; i++) {
        g_string_append_printf(body, "line %u\r\n", i);
        g_string_append_printf(expected, "line %u\n", i);
    }
    fixture_init(&fixture);
    fixture.attempt.sender = "s@d.test";
    fixture.attempt.pieces[0] = BARID_SLICE_EMPTY;
    fixture.attempt.pieces[1] = barid_slice(body->str, body->len);
    fixture_add(&fixture, "ali@d.test", "ali", NULL);
    fixture_deliver(&fixture);
    text = read_only_file(&fixture, "ali/new", &name);
    ck_assert(strcmp(text, expected->str) == 0);
    fixture_clear(&fixture);
}
END_TEST

/* --- where it goes --- */

typedef struct {
    const gchar *what;
    const gchar *mailbox_template, *folder_template;
    gboolean create;
    const gchar *address, *mailbox, *detail;
    BaridOutcome outcome;
    const gchar *status;
    const gchar *folder; /* NULL when nothing is written */
} PlaceRow;

static const PlaceRow place_rows[] = {
    {"user", "%{user}", "", FALSE, "ali@d.test", "ali", NULL, BARID_DELIVERED, "2.0.0", "ali/new"},
    {"domain and local part", "%{domain}/%{local}", "", FALSE, "ali@d.test", "x", NULL,
     BARID_DELIVERED, "2.0.0", "d.test/ali/new"},
    {"text around", "mail-%{user}/Maildir", "", FALSE, "ali@d.test", "ali", NULL, BARID_DELIVERED,
     "2.0.0", "mail-ali/Maildir/new"},
    {"detail without folder", "%{user}", "", TRUE, "ali+x@d.test", "ali", "x", BARID_DELIVERED,
     "2.0.0", "ali/new"},
    {"detail with folder", "%{user}", ".%{detail}", TRUE, "ali+x@d.test", "ali", "x",
     BARID_DELIVERED, "2.0.0", "ali/.x/new"},
    {"detail with folder that is not made", "%{user}", ".%{detail}", FALSE, "ali+x@d.test", "ali",
     "x", BARID_DELIVERED, "2.0.0", "ali/new"},
    {"empty detail", "%{user}", ".%{detail}", TRUE, "ali+@d.test", "ali", "", BARID_DELIVERED,
     "2.0.0", "ali/new"},
    {"detail that climbs", "%{user}", ".%{detail}", TRUE, "ali+x@d.test", "ali", "../../x",
     BARID_DELIVERED, "2.0.0", "ali/new"},
    {"detail of dots", "%{user}", ".%{detail}", TRUE, "ali+.@d.test", "ali", ".", BARID_DELIVERED,
     "2.0.0", "ali/new"},
    {"detail with a slash", "%{user}", ".%{detail}", TRUE, "ali+a/b@d.test", "ali", "a/b",
     BARID_DELIVERED, "2.0.0", "ali/new"},
    {"user that climbs", "%{user}", "", FALSE, "ali@d.test", "..", NULL, BARID_FAILED, "5.1.1",
     NULL},
    {"user with a slash", "%{user}", "", FALSE, "ali@d.test", "a/b", NULL, BARID_FAILED, "5.1.1",
     NULL},
    {"local part that climbs", "%{local}", "", FALSE, "../x@d.test", "x", NULL, BARID_FAILED,
     "5.1.1", NULL},
    {"hidden local part", "%{local}", "", FALSE, ".x@d.test", "x", NULL, BARID_FAILED, "5.1.1",
     NULL},
    {"no domain", "%{domain}/%{local}", "", FALSE, "postmaster", "x", NULL, BARID_FAILED, "5.1.1",
     NULL},
    {"line break", "%{local}", "", FALSE, "a\nb@d.test", "x", NULL, BARID_FAILED, "5.1.1", NULL},
};

START_TEST(test_place)
{
    const PlaceRow *row = &place_rows[_i];
    Fixture fixture;

    fixture_init(&fixture);
    g_strlcpy(fixture.mailbox, row->mailbox_template, sizeof fixture.mailbox);
    g_strlcpy(fixture.folder, row->folder_template, sizeof fixture.folder);
    fixture.settings.create_folders = row->create;
    fixture_add(&fixture, row->address, row->mailbox, row->detail);
    fixture_deliver(&fixture);
    ck_assert_msg(fixture.attempt.outcome[0] == row->outcome, "%s: %s", row->what,
                  fixture.attempt.notes->str);
    ck_assert_msg(strcmp(fixture.attempt.status[0], row->status) == 0, "%s: %s", row->what,
                  fixture.attempt.status[0]);
    if (row->folder == NULL)
        ck_assert_msg(count_files(&fixture, "") == 0, "%s", row->what);
    else
        ck_assert_msg(count_files(&fixture, row->folder) == 1, "%s", row->what);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_long_name)
{
    g_autofree gchar *user = g_strnfill(256, 'u');
    Fixture fixture;

    fixture_init(&fixture);
    fixture_add(&fixture, "ali@d.test", user, NULL);
    fixture_deliver(&fixture);
    ck_assert_int_eq(fixture.attempt.outcome[0], BARID_FAILED);
    ck_assert_str_eq(fixture.attempt.status[0], "5.1.1");
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_symbolic_link_is_not_followed)
{
    g_autofree gchar *outside = g_dir_make_tmp("barid-test-XXXXXX", NULL);
    g_autofree gchar *link = NULL;
    Fixture fixture;

    fixture_init(&fixture);
    link = g_build_filename(fixture.root, "ali", NULL);
    ck_assert_int_eq(symlink(outside, link), 0);
    fixture_add(&fixture, "ali@d.test", "ali", NULL);
    fixture_deliver(&fixture);
    ck_assert_int_eq(fixture.attempt.outcome[0], BARID_DEFERRED);
    ck_assert_str_eq(fixture.attempt.status[0], "4.3.0");
    ck_assert_int_eq(rmdir(outside), 0); /* still empty */
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_modes)
{
    Fixture fixture;
    g_autofree gchar *path = NULL;
    struct stat info;

    fixture_init(&fixture);
    fixture_add(&fixture, "ali@d.test", "ali", NULL);
    fixture_deliver(&fixture);
    path = g_build_filename(fixture.root, "ali", "new", NULL);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0700);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_many_recipients)
{
    Fixture fixture;
    g_autoptr(GPtrArray) users = g_ptr_array_new_with_free_func(g_free);

    fixture_init(&fixture);
    for (guint i = 0; i < RECIPIENTS_MAX; i++) {
        g_ptr_array_add(users, g_strdup_printf("u%u", i % 35));
        fixture_add(&fixture, "ali@d.test", g_ptr_array_index(users, i), NULL);
    }
    fixture.attempt.mailbox[66] = "..";
    fixture_deliver(&fixture);
    for (guint i = 0; i < RECIPIENTS_MAX; i++)
        ck_assert_int_eq(fixture.attempt.outcome[i], i == 66 ? BARID_FAILED : BARID_DELIVERED);
    for (guint i = 0; i < 35; i++) {
        g_autofree gchar *folder = g_strdup_printf("u%u/new", i);

        ck_assert_uint_eq(count_files(&fixture, folder), i == 66 - 35 ? 1 : 2);
    }
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_root_goes_away)
{
    Fixture fixture;

    fixture_init(&fixture);
    ck_assert_int_eq(rmdir(fixture.root), 0);
    fixture_add(&fixture, "ali@d.test", "ali", NULL);
    fixture_deliver(&fixture);
    ck_assert_int_eq(fixture.attempt.outcome[0], BARID_DEFERRED);
    ck_assert_str_eq(fixture.attempt.status[0], "4.3.0");
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_existing_file_is_never_written)
{
    MaildirMessage message = {.fields = BARID_SLICE_LITERAL("A: 1\r\n")};
    gint64 size_bytes;
    int fd = open("/dev", O_RDONLY | O_CLOEXEC | O_DIRECTORY);

    ck_assert(!maildir_write(fd, "null", &message, &size_bytes));
    ck_assert_int_eq(errno, EEXIST);
    close(fd);
}
END_TEST

/* --- settings --- */

typedef struct {
    const gchar *what;
    const gchar *mailbox, *folder;
    gboolean good;
} TemplateRow;

static const TemplateRow template_rows[] = {
    {"user", "%{user}", "", TRUE},
    {"several", "%{domain}/%{local}/Maildir", ".%{detail}", TRUE},
    {"unknown variable", "%{home}", "", FALSE},
    {"unclosed", "%{user", "", FALSE},
    {"empty", "", "", FALSE},
    {"absolute", "/var/mail/%{user}", "", FALSE},
    {"climbing", "../%{user}", "", FALSE},
    {"double slash", "a//%{user}", "", FALSE},
    {"too deep", "a/b/c/d/e/f/g/h/%{user}", "", FALSE},
    {"unknown variable in folder", "%{user}", ".%{x}", FALSE},
    {"folder with slash", "%{user}", "a/%{detail}", FALSE},
    {"folder that climbs", "%{user}", "..", FALSE},
};

START_TEST(test_templates)
{
    const TemplateRow *row = &template_rows[_i];
    Fixture fixture;
    g_autoptr(GError) error = NULL;
    gpointer opened;

    fixture_init(&fixture);
    g_strlcpy(fixture.mailbox, row->mailbox, sizeof fixture.mailbox);
    g_strlcpy(fixture.folder, row->folder, sizeof fixture.folder);
    opened = fixture.driver->open(&fixture.settings, &error);
    ck_assert_msg((opened != NULL) == row->good, "%s", row->what);
    ck_assert_msg((error == NULL) == row->good, "%s", row->what);
    if (opened != NULL)
        fixture.driver->close(opened);
    fixture_clear(&fixture);
}
END_TEST

static Suite *
maildir_suite(void)
{
    Suite *suite = suite_create("maildir");
    TCase *tcase = tcase_create("maildir");

    tcase_add_loop_test(tcase, test_content, 0, G_N_ELEMENTS(content_rows));
    tcase_add_test(tcase, test_large_content);
    tcase_add_loop_test(tcase, test_place, 0, G_N_ELEMENTS(place_rows));
    tcase_add_test(tcase, test_long_name);
    tcase_add_test(tcase, test_symbolic_link_is_not_followed);
    tcase_add_test(tcase, test_modes);
    tcase_add_test(tcase, test_many_recipients);
    tcase_add_test(tcase, test_root_goes_away);
    tcase_add_test(tcase, test_existing_file_is_never_written);
    tcase_add_loop_test(tcase, test_templates, 0, G_N_ELEMENTS(template_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(maildir_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
