/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files without a fuzzer: the corpus as a plain test. Without
 * arguments the corpus is the one named like the program, below $srcdir. One TAP line a
 * file; a target that finds something aborts, so each file runs in a child process.
 */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_in_child(const gchar *path)
{
    g_autofree gchar *data = NULL;
    gsize len;
    int status;
    pid_t child = fork();

    if (child < 0)
        return 1;
    if (child > 0)
        return waitpid(child, &status, 0) == child ? status : 1;
    if (!g_file_get_contents(path, &data, &len, NULL))
        exit(EXIT_FAILURE);
    /* An exact copy: the NUL behind GLib's would hide a read past the end. */
    g_autofree uint8_t *input = g_memdup2(data, len);

    LLVMFuzzerTestOneInput(input, len);
    g_clear_pointer(&data, g_free);
    g_clear_pointer(&input, g_free);
    exit(EXIT_SUCCESS);
}

static GPtrArray *
replay_list_corpus(const gchar *program)
{
    g_autofree gchar *base = g_path_get_basename(program);
    const gchar *name = g_str_has_prefix(base, "lt-") ? base + 3 : base;
    const gchar *source = g_getenv("srcdir");
    g_autofree gchar *folder = g_build_filename(source == NULL ? "." : source, "tests", "fuzz",
                                                "corpus", name + strlen("fuzz-"), NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    for (const gchar *file; dir != NULL && (file = g_dir_read_name(dir)) != NULL;)
        g_ptr_array_add(paths, g_build_filename(folder, file, NULL));
    return paths;
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) paths = replay_list_corpus(argv[0]);
    guint failed = 0;

    if (argc > 1)
        g_ptr_array_set_size(paths, 0);
    for (int i = 1; i < argc; i++)
        g_ptr_array_add(paths, g_strdup(argv[i]));
    for (guint i = 0; i < paths->len; i++) {
        const gchar *path = g_ptr_array_index(paths, i);
        int status = replay_in_child(path);

        failed += status != 0;
        printf("%s %u - %s\n", status == 0 ? "ok" : "not ok", i + 1, path);
        fflush(stdout);
    }
    printf("1..%u\n", paths->len);
    return failed == 0 && paths->len > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
