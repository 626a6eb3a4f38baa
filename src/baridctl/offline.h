/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that read the configuration themselves share. */
#ifndef OFFLINE_H
#define OFFLINE_H

#include "baridctl/ctl.h"
#include "conf/config-file.h"

/* Compares the running server's settings with those of (settings_json), an answer to
 * "config show". Exit status 1 when they differ, as with diff(1). */
CtlStatus config_diff(const Options *options, const gchar *settings_json);

/* Prints the problems, as "config check" does. */
CtlStatus config_report(const Options *options, ConfigProblems *problems);

/* The files that are named, installed, or compiled in. What cannot be read is a problem, and
 * gives NULL. */
ConfigFiles *config_read(const Options *options, ConfigProblems *problems);
/* As config_files_drop_absent(), and says so. */
void config_drop_absent(ConfigFiles *files, const gchar *kept);
/* Adds what a server would find wrong with (files). */
void config_check_files(const Options *options, const ConfigFiles *files,
                        ConfigProblems *problems);

/* "modules enable" and "modules disable". */
CtlStatus module_enable(const Options *options, const gchar *const *args);
CtlStatus module_disable(const Options *options, const gchar *const *args);

/* "test". */
CtlStatus policy_tests_run(const Options *options, const gchar *const *args);

/* "replay": exit status 1 when something would be treated differently. */
CtlStatus traffic_replay(const Options *options, const gchar *const *args);

#endif
