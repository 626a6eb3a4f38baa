/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suite: many dialogue scripts, each in a process of its own, several at a time: what
 * crashes or hangs is that script's failure. Results come in the order of the scripts.
 */
#ifndef SUITE_H
#define SUITE_H

#include "sim/dialogue.h"

#define SUITE_TIME_LIMIT_MS 30000

typedef struct {
    const ConfigFiles *files; /* the configuration under test */
    const gchar *state_dir;   /* as in DialogueOptions */
    guint jobs;               /* processes at once; 0: one for each processor */
    gint64 time_limit_ms;     /* of one script, of real time */
    gint64 total_limit_ms;    /* of all of them; 0: none */
    const ReplaySources *replay; /* as in DialogueOptions */
} SuiteOptions;

typedef struct {
    const gchar *path;
    gboolean ok;
    gint64 duration_ms;
    const gchar *details; /* of a failure, a YAML block without its indentation */
    const gchar *json;    /* the members of an object: what "details" says */
} SuiteResult;

/* Called for each script in order. */
typedef void (*SuiteVisitor)(const SuiteResult *result, guint index, gpointer data);

/* The scripts of the folder tests.d beside (config_path), in byte order of their names;
 * none when there is no such folder. NULL when it cannot be read. */
GPtrArray *suite_find_scripts(const gchar *config_path, GError **error);
/* Runs (paths), of gchar *; the number that failed. The process must have one thread, whose
 * children are all the suite's. */
guint suite_run(const SuiteOptions *options, const GPtrArray *paths, SuiteVisitor visit,
                gpointer data);
/* The lines of the Test Anything Protocol for (result); (index) counts from 0. */
void suite_append_tap(GString *out, const SuiteResult *result, guint index);

#endif
