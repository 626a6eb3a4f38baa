/* SPDX-License-Identifier: Apache-2.0 */
/* The policy tests that a reload runs first. The worker that would serve runs them, in
 * processes of its own, before it confines itself: while they run, the one before serves, and
 * the configuration that is tested is the very one that would be served. */
#include "worker/worker-private.h"

#include <unistd.h>

#include "base/log.h"
#include "sim/suite.h"

enum {
    TESTS_TOTAL_MS = 90000, /* the supervisor waits longer for a worker that starts */
    TESTS_TEXT_MAX = 32 * 1024,
};

typedef struct {
    GString *text;
    guint n;
} TestsOutput;

static void
tests_take_result(const SuiteResult *result, guint index, gpointer data)
{
    TestsOutput *self = data;

    self->n++;
    if (!result->ok && self->text->len < TESTS_TEXT_MAX)
        suite_append_tap(self->text, result, index);
}

gboolean
worker_run_policy_tests(const Worker *self, GString *problems)
{
    const gchar *config_path = g_array_index(self->files->files, ConfigFile, 0).name;
    const SuiteOptions options = {
        .files = self->files,
        .state_dir = self->state_dir,
        .time_limit_ms = SUITE_TIME_LIMIT_MS,
        .total_limit_ms = TESTS_TOTAL_MS,
    };
    TestsOutput output = {.text = problems};
    g_autoptr(GPtrArray) paths = NULL;
    g_autoptr(GError) error = NULL;
    guint n_failed;

    if (g_str_has_prefix(config_path, "default:"))
        return TRUE;
    paths = suite_find_scripts(config_path, &error);
    if (paths == NULL) {
        g_string_append_printf(problems, "policy tests: %s\n", error->message);
        return FALSE;
    }
    /* A suite wants one thread; the log's is another. */
    log_stop();
    n_failed = suite_run(&options, paths, tests_take_result, &output);
    log_start(NULL, NULL, STDERR_FILENO);
    if (n_failed > 0)
        g_string_append_printf(problems, "%u of %u policy tests failed\n", n_failed, output.n);
    return n_failed == 0;
}
