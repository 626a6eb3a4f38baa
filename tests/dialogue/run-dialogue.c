/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs dialogue scripts: run-dialogue FILE..., without arguments all of
 * $srcdir/tests/dialogue, as "baridctl test" does it, on a configuration of the tests' own.
 * barid-dialogue(5) describes the language.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/suite.h"

/* The passwords: alice "wonderland", bob "builder". */
static const gchar base_config[] =
    "[server]\n"
    "hostname = mx.example.org\n"
    "[listener smtp]\n"
    "address = 127.0.0.1:2525\n"
    "[listener plain]\n"
    "address = 127.0.0.1:2526\n"
    "tls = none\n"
    "[listener submissions]\n"
    "address = 127.0.0.1:2465\n"
    "tls = implicit\n"
    "[listener lmtp]\n"
    "address = 127.0.0.1:2424\n"
    "protocol = lmtp\n"
    "[module maildir]\n"
    "enabled = yes\n"
    "path = maildir\n"
    "[domain example.org]\n"
    "[domain all.example]\n"
    "catch-all = bob@example.org\n"
    "[user postmaster]\n"
    "addresses = postmaster@example.org\n"
    "[user alice]\n"
    "addresses = alice@example.org, alice.a@example.org, \"\\\"wonder land\\\"@example.org\"\n"
    "password = $6$wonderland$Dx2V06I.vXb8nCQRkF1c.RaGaF3s6ESS1zWop7dsC5hLLZ"
    "3sw1p3tu0kaRTwH47vHN92T/9clPpAfnIj4WVQA.\n"
    "[user bob]\n"
    "addresses = bob@example.org\n"
    "password = $6$builder$fQmO7L6Mm8mBtGCKjZkl2Zih7Y2IareacIIW98TwSY8CXDZRl"
    "JgttyDw/WzwSKAuAEfccfQqq6QAu8SI0WuLX0\n"
    "[alias team@example.org]\n"
    "to = alice@example.org, bob@example.org\n"
    "[alias away@example.org]\n"
    "to = someone@elsewhere.example\n";

static void
print_result(const SuiteResult *result, guint index, gpointer data G_GNUC_UNUSED)
{
    g_autoptr(GString) out = g_string_new(NULL);

    suite_append_tap(out, result, index);
    fputs(out->str, stdout);
    fflush(stdout);
}

static gint
compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const gchar *const *)a, *(const gchar *const *)b);
}

static GPtrArray *
list_scripts(void)
{
    const gchar *source = g_getenv("srcdir");
    g_autofree gchar *folder =
        g_build_filename(source == NULL ? "." : source, "tests", "dialogue", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    for (const gchar *file; dir != NULL && (file = g_dir_read_name(dir)) != NULL;) {
        if (g_str_has_suffix(file, ".dialogue"))
            g_ptr_array_add(paths, g_build_filename(folder, file, NULL));
    }
    g_ptr_array_sort(paths, compare_paths);
    return paths;
}

int
main(int argc, char **argv)
{
    g_autoptr(ConfigFiles) files = config_files_new_text("base", base_config);
    const SuiteOptions options = {.files = files, .time_limit_ms = 120000};
    g_autoptr(GPtrArray) paths = NULL;
    guint n_failed;

    if (argc < 2)
        paths = list_scripts();
    else
        paths = g_ptr_array_new_with_free_func(g_free);
    for (int i = 1; i < argc; i++)
        g_ptr_array_add(paths, g_strdup(argv[i]));
    n_failed = suite_run(&options, paths, print_result, NULL);
    printf("1..%u\n", paths->len);
    return n_failed == 0 && paths->len > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
