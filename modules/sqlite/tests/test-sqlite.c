/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/tests/store-suite.h"

extern const BaridModule sqlite_LTX_barid_module;

/* The driver's settings begin like this; the table says the same to the core. */
typedef struct {
    gchar *path;
    gint64 busy_timeout_ms, cleanup_ms, max_size_bytes;
} Settings;

static gchar *test_folder;
static Settings test_settings;

static const BaridStoreDriver *
get_driver(void)
{
    return sqlite_LTX_barid_module.providers[0].driver;
}

static void
set_up(void)
{
    test_folder = g_dir_make_tmp("barid-test-XXXXXX", NULL);
    test_settings = (Settings){
        .path = g_build_filename(test_folder, "below", "test.sqlite", NULL),
        .busy_timeout_ms = 10,
        .cleanup_ms = 60000,
        .max_size_bytes = 64 * 1024 * 1024,
    };
    ck_assert_uint_eq(get_driver()->settings_size, sizeof test_settings);
}

static BaridStore *
make_again(void)
{
    GError *error = NULL;
    BaridStore *store = store_new("test", get_driver(), &test_settings, &error);

    ck_assert_msg(store != NULL, "%s", error == NULL ? "" : error->message);
    return store;
}

static BaridStore *
make_sqlite(void)
{
    set_up();
    return make_again();
}

static void
clean_up(void)
{
    const gchar *argv[] = {"rm", "-rf", test_folder, NULL};

    g_spawn_sync(NULL, (gchar **)(guintptr)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                 NULL, NULL);
    g_clear_pointer(&test_folder, g_free);
    g_clear_pointer(&test_settings.path, g_free);
}

static void
drop_sqlite(BaridStore *store)
{
    store_free(store);
    clean_up();
}

static gint64
count_rows(void)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    gint64 count;

    ck_assert_int_eq(sqlite3_open(test_settings.path, &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(database, "SELECT count(*) FROM entries", -1, &statement,
                                        NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return count;
}

START_TEST(test_survives_restart)
{
    BaridStore *store = make_sqlite();
    gint64 value = 0;

    ck_assert(barid_store_add(store, BARID_SLICE_LITERAL("n"), 41, 0, &value, NULL));
    store_free(store);
    store = make_again();
    ck_assert(barid_store_add(store, BARID_SLICE_LITERAL("n"), 1, 0, &value, NULL));
    ck_assert_int_eq(value, 42);
    drop_sqlite(store);
}
END_TEST

static gint64 fake_now_ms = 1000;

static gint64
fake_clock(gpointer data G_GNUC_UNUSED)
{
    return fake_now_ms * 1000;
}

START_TEST(test_expired_rows_are_removed)
{
    static const ClockSource source = {fake_clock, fake_clock, NULL};
    BaridStore *store;
    gint64 age_ms;

    clock_set_source(&source);
    store = make_sqlite();
    for (guint i = 0; i < 1500; i++) {
        g_autofree gchar *key = g_strdup_printf("key-%u", i);

        ck_assert(barid_store_touch(store, barid_slice_from_text(key), 1000, &age_ms, NULL));
    }
    ck_assert_int_eq(count_rows(), 1500);
    fake_now_ms += 60001;
    /* A thousand at a time: the second call takes the rest. */
    for (guint i = 0; i < 2; i++)
        ck_assert(barid_store_touch(store, BARID_SLICE_LITERAL("new"), 1000, &age_ms, NULL));
    ck_assert_int_eq(count_rows(), 1);
    drop_sqlite(store);
    clock_set_source(NULL);
}
END_TEST

static void
exec(const gchar *text, sqlite3 **out_database)
{
    ck_assert_int_eq(sqlite3_open(test_settings.path, out_database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(*out_database, text, NULL, NULL, NULL), SQLITE_OK);
}

START_TEST(test_busy)
{
    BaridStore *store = make_sqlite();
    sqlite3 *other = NULL;
    g_autoptr(GError) error = NULL;

    exec("BEGIN IMMEDIATE", &other);
    ck_assert(!barid_store_set(store, BARID_SLICE_LITERAL("k"), BARID_SLICE_EMPTY, 0, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_BUSY);
    ck_assert(barid_error_is_temporary(error));
    sqlite3_close(other);
    ck_assert(barid_store_set(store, BARID_SLICE_LITERAL("k"), BARID_SLICE_EMPTY, 0, NULL));
    drop_sqlite(store);
}
END_TEST

START_TEST(test_full)
{
    BaridStore *store;
    g_autofree gchar *value = g_strnfill(100000, 'v');
    g_autoptr(GError) error = NULL;
    guint n_stored = 0;

    set_up();
    test_settings.max_size_bytes = 1024 * 1024;
    store = make_again();
    for (guint i = 0; i < 100 && error == NULL; i++) {
        g_autofree gchar *key = g_strdup_printf("key-%u", i);

        n_stored += (guint)barid_store_set(store, barid_slice_from_text(key),
                                           barid_slice_from_text(value), 0, &error);
    }
    ck_assert_uint_lt(n_stored, 11);
    ck_assert_uint_gt(n_stored, 5);
    ck_assert_int_eq(error->code, BARID_ERROR_NO_SPACE);
    ck_assert(barid_error_is_temporary(error));
    drop_sqlite(store);
}
END_TEST

START_TEST(test_newer_layout_is_refused)
{
    g_autoptr(GError) error = NULL;
    sqlite3 *database = NULL;

    store_free(make_sqlite());
    exec("PRAGMA user_version = 99", &database);
    sqlite3_close(database);
    ck_assert_ptr_null(store_new("test", get_driver(), &test_settings, &error));
    ck_assert_msg(strstr(error->message, "layout 99") != NULL, "%s", error->message);
    clean_up();
}
END_TEST

static void
set_up_no_database(void)
{
    g_autofree gchar *folder = NULL;

    set_up();
    folder = g_path_get_dirname(test_settings.path);
    g_mkdir_with_parents(folder, 0700);
    ck_assert(g_file_set_contents(test_settings.path, "This is no database, it is a text file.",
                                  -1, NULL));
}

START_TEST(test_no_database_is_refused)
{
    g_autoptr(GError) error = NULL;

    set_up_no_database();
    ck_assert_ptr_null(store_new("test", get_driver(), &test_settings, &error));
    ck_assert_msg(strstr(error->message, test_settings.path) != NULL, "%s", error->message);
    clean_up();
}
END_TEST

/* --- copies for simulations --- */

static BaridStore *
copy_again(GError **error)
{
    /* What the driver makes for a copy is a store like any other. */
    BaridStoreDriver driver = *get_driver();
    g_autofree gchar *folder = g_build_filename(test_folder, "copies", NULL);
    gpointer impl;

    g_mkdir_with_parents(folder, 0700);
    impl = driver.open_copy("test", &test_settings, folder, error);
    return impl == NULL ? NULL : store_new_opened("test", get_driver(), impl);
}

static gchar *
list_files(void)
{
    g_autofree gchar *folder = g_path_get_dirname(test_settings.path);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    const gchar *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree gchar *path = g_build_filename(folder, name, NULL);
        g_autofree gchar *bytes = NULL;
        gsize len;
        g_autofree gchar *sum = NULL;

        ck_assert(g_file_get_contents(path, &bytes, &len, NULL));
        sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, len);
        g_string_append_printf(out, "%s %s\n", name, sum);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
check_value(BaridStore *store, const gchar *key, const gchar *expected)
{
    g_autoptr(GBytes) value = NULL;
    g_autofree gchar *text = NULL;

    ck_assert(barid_store_get(store, barid_slice_from_text(key), &value, NULL));
    text = value == NULL ? NULL
                         : g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
    ck_assert_msg(g_strcmp0(text, expected) == 0, "%s: %s", key, text);
}

static void
set_value(BaridStore *store, const gchar *key, const gchar *value)
{
    ck_assert(barid_store_set(store, barid_slice_from_text(key), barid_slice_from_text(value), 0,
                              NULL));
}

/* Of a file that is in use, with changes that are in its log alone. */
START_TEST(test_copy)
{
    BaridStore *store = make_sqlite();
    g_autoptr(GError) error = NULL;
    g_autofree gchar *before = NULL;
    g_autofree gchar *after = NULL;
    BaridStore *copy;

    set_value(store, "k", "kept");
    before = list_files();
    ck_assert_msg(strstr(before, "-wal") != NULL, "%s", before);
    copy = copy_again(&error);
    ck_assert_msg(copy != NULL, "%s", error == NULL ? "" : error->message);
    check_value(copy, "k", "kept");
    set_value(copy, "k", "changed");
    set_value(copy, "new", "here");
    check_value(copy, "k", "changed");
    after = list_files();
    ck_assert_str_eq(before, after);
    check_value(store, "k", "kept");
    check_value(store, "new", NULL);
    set_value(store, "later", "x");
    check_value(copy, "later", NULL);
    store_free(copy);
    drop_sqlite(store);
}
END_TEST

/* Of a file that nobody uses, whose folder cannot be written; and of one that is not there. */
START_TEST(test_copy_at_rest)
{
    BaridStore *store = make_sqlite();
    g_autofree gchar *folder = g_path_get_dirname(test_settings.path);
    g_autofree gchar *before = NULL;
    g_autofree gchar *after = NULL;
    BaridStore *copy;

    set_value(store, "k", "kept");
    store_free(store);
    ck_assert_int_eq(g_chmod(test_settings.path, 0400), 0);
    ck_assert_int_eq(g_chmod(folder, 0500), 0);
    before = list_files();
    copy = copy_again(NULL);
    ck_assert_ptr_nonnull(copy);
    check_value(copy, "k", "kept");
    store_free(copy);
    after = list_files();
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(g_chmod(folder, 0700), 0);
    ck_assert_int_eq(g_remove(test_settings.path), 0);
    copy = copy_again(NULL);
    ck_assert_ptr_nonnull(copy);
    check_value(copy, "k", NULL);
    set_value(copy, "k", "new");
    check_value(copy, "k", "new");
    drop_sqlite(copy);
}
END_TEST

START_TEST(test_copy_of_no_database)
{
    g_autoptr(GError) error = NULL;

    set_up_no_database();
    ck_assert_ptr_null(copy_again(&error));
    ck_assert_msg(strstr(error->message, test_settings.path) != NULL, "%s", error->message);
    clean_up();
}
END_TEST

static Suite *
sqlite_suite(void)
{
    Suite *suite = suite_create("sqlite");
    TCase *contract = tcase_create("contract");
    TCase *tcase = tcase_create("sqlite");

    store_suite_add(contract, make_sqlite, drop_sqlite);
    tcase_set_timeout(contract, 30);
    suite_add_tcase(suite, contract);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_survives_restart);
    tcase_add_test(tcase, test_expired_rows_are_removed);
    tcase_add_test(tcase, test_busy);
    tcase_add_test(tcase, test_full);
    tcase_add_test(tcase, test_newer_layout_is_refused);
    tcase_add_test(tcase, test_no_database_is_refused);
    tcase_add_test(tcase, test_copy);
    tcase_add_test(tcase, test_copy_at_rest);
    tcase_add_test(tcase, test_copy_of_no_database);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(sqlite_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
