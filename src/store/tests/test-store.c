/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "store/store-memory.h"
#include "store/tests/store-suite.h"

static BaridStore *
make_memory(void)
{
    return store_new_memory("test");
}

/* Entries that were used longest ago make room for new ones. */
START_TEST(test_bounded)
{
    static const StoreMemorySettings settings = {.max_size_bytes = 256 * 1024};
    BaridStore *store = store_new("small", &store_memory_driver, &settings, NULL);
    guint n_kept = 0;
    gint64 value;

    for (guint i = 0; i < 10000; i++) {
        g_autofree gchar *key = g_strdup_printf("key-%u", i);

        ck_assert(barid_store_add(store, barid_slice_from_text(key), 1, 0, &value, NULL));
        ck_assert(barid_store_add(store, BARID_SLICE_LITERAL("hot"), 1, 0, &value, NULL));
        ck_assert_int_eq(value, (gint64)i + 1);
    }
    for (guint i = 0; i < 10000; i++) {
        g_autofree gchar *key = g_strdup_printf("key-%u", i);
        g_autoptr(GBytes) got = NULL;

        ck_assert(barid_store_get(store, barid_slice_from_text(key), &got, NULL));
        n_kept += got != NULL;
    }
    ck_assert_uint_gt(n_kept, 800);
    ck_assert_uint_lt(n_kept, 256 * 1024 / 160);
    store_free(store);
}
END_TEST

START_TEST(test_large_values_are_counted)
{
    static const StoreMemorySettings settings = {.max_size_bytes = 16 * 64 * 1024};
    BaridStore *store = store_new("small", &store_memory_driver, &settings, NULL);
    g_autofree gchar *value = g_strnfill(20000, 'v');
    gsize kept = 0;

    for (guint i = 0; i < 500; i++) {
        g_autofree gchar *key = g_strdup_printf("key-%u", i);

        ck_assert(barid_store_set(store, barid_slice_from_text(key), barid_slice_from_text(value),
                                  0, NULL));
    }
    for (guint i = 0; i < 500; i++) {
        g_autofree gchar *key = g_strdup_printf("key-%u", i);
        g_autoptr(GBytes) got = NULL;

        ck_assert(barid_store_get(store, barid_slice_from_text(key), &got, NULL));
        kept += got == NULL ? 0 : g_bytes_get_size(got);
    }
    ck_assert_uint_le(kept, 16 * 64 * 1024);
    ck_assert_uint_gt(kept, 0);
    store_free(store);
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *text;
    const gchar *problem; /* "" when it is good */
} SectionRow;

static const SectionRow section_rows[] = {
    {"memory", "[store a]\n", ""},
    {"memory with its key", "[store a]\ndriver = memory\nmax-size = 1M\n", ""},
    {"no name", "[store]\n", "write [store NAME]"},
    {"unknown driver", "[store a]\ndriver = abacus\n", "no enabled module offers that driver"},
    {"unknown key", "[store a]\nmax-sice = 1M\n", "max-size"},
    {"too small", "[store a]\nmax-size = 1K\n", "at least 64K"},
};

typedef struct {
    BaridStore *store;
} UserSettings;

static const BaridSetting user_table[] = {
    BARID_SETTING_STORE("store", UserSettings, store, "memory", "A store."),
    BARID_SETTING_END,
};

START_TEST(test_sections)
{
    const SectionRow *row = &section_rows[_i];
    ConfigFiles *files = config_files_new_text("f", row->text);
    ConfigProblems *problems = config_problems_new();
    ConfigTree *tree = config_tree_parse(files, problems);
    SettingsContext context;
    UserSettings user = {NULL};
    StoreSet *set;
    g_autofree gchar *text = NULL;

    settings_context_init(&context, tree, problems, NULL);
    set = store_set_new(&context, NULL);
    ck_assert(settings_bind(&context, NULL, "user", user_table, sizeof(BaridSetting), &user));
    ck_assert_ptr_eq(user.store, store_set_find(set, "memory"));
    ck_assert_str_eq(store_get_name(user.store), "memory");
    ck_assert_ptr_null(store_set_find(set, "nowhere"));
    ck_assert((store_set_find(set, "a") != NULL) == (row->problem[0] == '\0') ||
              strstr(row->text, "sice") != NULL);
    config_tree_report_unknown(tree, problems);
    text = config_problems_to_text(problems);
    ck_assert_msg(row->problem[0] == '\0' ? text[0] == '\0' : strstr(text, row->problem) != NULL,
                  "%s: %s", row->what, text);
    store_set_free(set);
    settings_context_clear(&context);
    config_tree_free(tree);
    config_problems_free(problems);
    config_files_free(files);
}
END_TEST

/* "in store" of the rule language. */
START_TEST(test_rules)
{
    ConfigFiles *files = config_files_new_text("f", "[store seen]\n");
    ConfigProblems *problems = config_problems_new();
    ConfigTree *tree = config_tree_parse(files, problems);
    SettingsContext context;
    StoreSet *set;
    BaridRule *here;
    BaridRule *missing;
    BaridScope *none = NULL;

    settings_context_init(&context, tree, problems, NULL);
    set = store_set_new(&context, NULL);
    ck_assert(store_set_open(set, NULL));
    here = rule_compile_text("\"a\" in store \"seen\"", BARID_TYPE_CONDITION,
                             BARID_KNOWN_CONNECT, context.lists, problems);
    ck_assert_ptr_nonnull(here);
    ck_assert(!barid_rule_eval_bool(here, none));
    ck_assert(barid_store_set(store_set_find(set, "seen"), BARID_SLICE_LITERAL("a"),
                              BARID_SLICE_LITERAL("1"), 0, NULL));
    ck_assert(barid_rule_eval_bool(here, none));
    missing = rule_compile_text("\"a\" in store \"nowhere\"", BARID_TYPE_CONDITION,
                                BARID_KNOWN_CONNECT, context.lists, problems);
    ck_assert_ptr_null(missing);
    rule_free(here);
    store_set_free(set);
    settings_context_clear(&context);
    config_tree_free(tree);
    config_problems_free(problems);
    config_files_free(files);
}
END_TEST

static Suite *
store_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *contract = tcase_create("contract");
    TCase *memory = tcase_create("memory");

    store_suite_add(contract, make_memory, store_free);
    suite_add_tcase(suite, contract);
    tcase_add_test(memory, test_bounded);
    tcase_add_test(memory, test_large_values_are_counted);
    tcase_add_loop_test(memory, test_sections, 0, G_N_ELEMENTS(section_rows));
    tcase_add_test(memory, test_rules);
    suite_add_tcase(suite, memory);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(store_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
