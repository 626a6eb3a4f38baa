/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs dialogue scripts: run-dialogue FILE..., without arguments all of
 * $srcdir/tests/dialogue. One TAP line a file; each in a child process, so that a crash
 * costs one test and no state is carried on. See src/sim/dialogue.h for the language.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/dialogue.h"

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

static int
run_in_child(const gchar *path)
{
    g_autoptr(GError) error = NULL;
    int status;
    pid_t child = fork();

    if (child < 0)
        return 1;
    if (child > 0)
        return waitpid(child, &status, 0) == child ? status : 1;
    /* A script that hangs ends here and not the whole run. */
    alarm(120);
    if (dialogue_run_file(path, base_config, &error))
        exit(EXIT_SUCCESS);
    printf("# %s\n", error == NULL ? "failed without a reason" : error->message);
    exit(EXIT_FAILURE);
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
    g_autoptr(GPtrArray) paths = NULL;
    guint failed = 0;

    if (argc < 2)
        paths = list_scripts();
    else
        paths = g_ptr_array_new_with_free_func(g_free);
    for (int i = 1; i < argc; i++)
        g_ptr_array_add(paths, g_strdup(argv[i]));
    for (guint i = 0; i < paths->len; i++) {
        const gchar *path = g_ptr_array_index(paths, i);
        g_autofree gchar *name = g_path_get_basename(path);
        int status;

        fflush(stdout);
        status = run_in_child(path);
        failed += status != 0;
        if (WIFSIGNALED(status))
            printf("# ended by signal %d\n", WTERMSIG(status));
        printf("%s %u - %s\n", status == 0 ? "ok" : "not ok", i + 1, name);
    }
    printf("1..%u\n", paths->len);
    return failed == 0 && paths->len > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
