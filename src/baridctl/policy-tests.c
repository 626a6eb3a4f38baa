/* SPDX-License-Identifier: Apache-2.0 */
/* "test": the policy tests beside the configuration. */
#include "baridctl/offline.h"

#include <locale.h>
#include <stdio.h>

#include "base/json-writer.h"
#include "base/paths.h"
#include "base/units.h"
#include "control/generation.h"
#include "sim/suite.h"

/* --- what is printed --- */

typedef struct {
    gboolean wants_json;
    JsonWriter writer;
} TestOutput;

static void
test_print(const SuiteResult *result, guint index, gpointer data)
{
    TestOutput *self = data;
    g_autoptr(GString) tap = NULL;

    if (!self->wants_json) {
        tap = g_string_new(NULL);
        suite_append_tap(tap, result, index);
        fputs(tap->str, stdout);
        fflush(stdout);
        return;
    }
    json_writer_begin_object(&self->writer, NULL);
    json_writer_text(&self->writer, "file", result->path);
    json_writer_bool(&self->writer, "ok", result->ok);
    json_writer_integer(&self->writer, "duration_ms", result->duration_ms);
    g_string_append_printf(self->writer.out, ",%s", result->json);
    json_writer_end_object(&self->writer);
}

static CtlStatus
test_run_json(const SuiteOptions *suite, const GPtrArray *paths)
{
    g_autoptr(GString) out = g_string_new(NULL);
    TestOutput output = {.wants_json = TRUE};
    guint n_failed;

    json_writer_init(&output.writer, out);
    json_writer_begin_object(&output.writer, NULL);
    json_writer_begin_array(&output.writer, "tests");
    n_failed = suite_run(suite, paths, test_print, &output);
    json_writer_end_array(&output.writer);
    json_writer_integer(&output.writer, "passed", paths->len - n_failed);
    json_writer_integer(&output.writer, "failed", n_failed);
    json_writer_bool(&output.writer, "ok", n_failed == 0);
    json_writer_end_object(&output.writer);
    puts(out->str);
    return n_failed == 0 ? CTL_DONE : CTL_NO;
}

static CtlStatus
test_run_tap(const SuiteOptions *suite, const GPtrArray *paths)
{
    TestOutput output = {.wants_json = FALSE};

    printf("TAP version 14\n1..%u%s\n", paths->len,
           paths->len == 0 ? " # SKIP there are no policy tests" : "");
    return suite_run(suite, paths, test_print, &output) == 0 ? CTL_DONE : CTL_NO;
}

/* --- the configuration --- */

/* One that is broken is told once, not by each script. FALSE when it was. */
static gboolean
test_check_config(const Options *options, const ConfigFiles *files, const gchar *state)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    GenerationOptions wanted = {.files = files, .state_dir = state, .scratch_dir = state};
    g_autofree gchar *text = NULL;
    g_auto(GStrv) lines = NULL;

    generation_free(generation_new(&wanted, problems));
    if (config_problems_get_count(problems) == 0)
        return TRUE;
    if (options_has(options, "json")) {
        config_report(options, problems);
        return FALSE;
    }
    text = config_problems_to_text(problems);
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    puts("TAP version 14");
    for (guint i = 0; lines[i] != NULL; i++)
        printf("# %s\n", lines[i]);
    puts("Bail out! The configuration is broken.");
    return FALSE;
}

/* --- what is asked --- */

/* FALSE with the reason printed. */
static gboolean
test_read_numbers(const Options *options, SuiteOptions *suite)
{
    const gchar *jobs = options_get(options, "jobs");
    const gchar *limit = options_get(options, "time-limit");
    gint64 number;

    suite->time_limit_ms = SUITE_TIME_LIMIT_MS;
    if (jobs != NULL && (units_parse_integer(barid_slice_from_text(jobs), &number) != UNITS_OK ||
                         number < 1 || number > 64)) {
        ctl_fail(options, CTL_USAGE, "usage", _("--jobs takes a number from 1 to 64"));
        return FALSE;
    }
    suite->jobs = jobs == NULL ? 0 : (guint)number;
    if (limit != NULL && (units_parse_duration(barid_slice_from_text(limit),
                                               &suite->time_limit_ms) != UNITS_OK ||
                          suite->time_limit_ms < 1)) {
        ctl_fail(options, CTL_USAGE, "usage", _("--time-limit takes a duration such as 30s"));
        return FALSE;
    }
    return TRUE;
}

/* Those that are named, or all beside the configuration. NULL with the reason printed. */
static GPtrArray *
test_find_scripts(const Options *options, const gchar *config_path, const gchar *const *named)
{
    g_autoptr(GPtrArray) paths = NULL;
    g_autoptr(GError) error = NULL;

    if (*named == NULL && config_path != NULL)
        paths = suite_find_scripts(config_path, &error);
    else
        paths = g_ptr_array_new_with_free_func(g_free);
    for (; paths != NULL && *named != NULL; named++)
        g_ptr_array_add(paths, g_strdup(*named));
    if (paths == NULL)
        ctl_fail(options, CTL_NO, "invalid", error->message);
    return g_steal_pointer(&paths);
}

CtlStatus
policy_tests_run(const Options *options, const gchar *const *args)
{
    const gchar *named = options_get(options, "config");
    g_autofree gchar *config_path = named != NULL ? g_strdup(named) : paths_dup_config_file();
    g_autofree gchar *state = options_has(options, "state")
                                  ? g_canonicalize_filename(options_get(options, "state"), NULL)
                                  : paths_dup_state_dir();
    g_autoptr(ConfigFiles) files = NULL;
    g_autoptr(GPtrArray) paths = NULL;
    g_autoptr(GError) error = NULL;
    SuiteOptions suite = {.state_dir = state};

    if (!test_read_numbers(options, &suite))
        return CTL_USAGE;
    /* Programs read TAP, and what scripts expect is written in the server's language. Before
     * anything is asked for that GLib would remember in another, such as an errno's text. */
    setlocale(LC_MESSAGES, "C");
    files = config_path == NULL ? config_files_new_default()
                                : config_files_read(config_path, &error);
    if (files == NULL)
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    config_drop_absent(files, NULL);
    if (!test_check_config(options, files, state))
        return CTL_NO;
    paths = test_find_scripts(options, config_path, args);
    if (paths == NULL)
        return CTL_NO;
    suite.files = files;
    return options_has(options, "json") ? test_run_json(&suite, paths)
                                        : test_run_tap(&suite, paths);
}
