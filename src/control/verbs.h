/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of all verbs, for the one table in verbs.c. */
#ifndef VERBS_H
#define VERBS_H

#include "control/request.h"

#define VERB_HANDLER(name)                                                             \
    gboolean name(Control *self, const ControlRequest *request, JsonWriter *writer,    \
                  GError **error)

VERB_HANDLER(verb_status);
VERB_HANDLER(verb_stop);
VERB_HANDLER(verb_reload);
VERB_HANDLER(verb_metrics);
VERB_HANDLER(verb_spool);
VERB_HANDLER(verb_modules_list);
VERB_HANDLER(verb_modules_order);
VERB_HANDLER(verb_commands);
VERB_HANDLER(verb_queue_list);
VERB_HANDLER(verb_queue_show);
VERB_HANDLER(verb_queue_cat);
VERB_HANDLER(verb_queue_retry);
VERB_HANDLER(verb_queue_hold);
VERB_HANDLER(verb_queue_release);
VERB_HANDLER(verb_queue_cancel);
VERB_HANDLER(verb_queue_count);
VERB_HANDLER(verb_queue_reroute);
VERB_HANDLER(verb_queue_destinations);
VERB_HANDLER(verb_suspend);
VERB_HANDLER(verb_resume);
VERB_HANDLER(verb_explain);
VERB_HANDLER(verb_trace);
VERB_HANDLER(verb_config_show);
VERB_HANDLER(verb_shadow_report);

/* The generation, or an error while there is none. */
Generation *verb_get_generation(const Control *self, GError **error);
Queue *verb_get_queue(const Control *self, GError **error);

/* Which effective settings are shown. */
typedef enum { SETTINGS_ALL, SETTINGS_DEFAULTS, SETTINGS_CHANGED } SettingsChoice;
typedef struct {
    SettingsChoice choice;
    const gchar *section; /* label or kind; NULL any */
    const gchar *key;     /* NULL any */
} SettingsSelection;
/* Writes "settings": [{section, key, value, default, file, line, type, summary, is_default,
 * dynamic, stage, variables, shadow, shadow_file, shadow_line}]; the variables where a key is
 * named. FALSE when a section is named and nothing found. */
gboolean verb_write_settings(const SettingsContext *context, const SettingsSelection *selection,
                             JsonWriter *writer, GError **error);

#endif
