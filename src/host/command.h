/* SPDX-License-Identifier: Apache-2.0 */
/* Calling a module's command (<barid/command.h>): the control floor fills in what was asked
 * for, this one checks it against what is declared. */
#ifndef HOST_COMMAND_H
#define HOST_COMMAND_H

#include "host/host.h"

/* One option as it came; (text) NULL for one without value. */
typedef struct {
    const gchar *name;
    const gchar *text;
} HostCommandOption;

typedef struct {
    const gchar *const *args; /* NULL-ended */
    const HostCommandOption *options;
    guint n_options;
    gboolean wants_json;
    BaridStore *(*find_store)(const gchar *name, gpointer data);
    gpointer find_store_data;
} HostCommandRequest;

/* Runs (command) of (module). NULL with the error; (*out_usage_error) tells whether the call
 * was wrong, not the work. (*out_text) is what people see, or NULL; caller owns both. */
BARID_SUSPENDS gchar *host_run_command(const HostModule *module, const BaridCommand *command,
                                       const HostCommandRequest *request, gchar **out_text,
                                       gboolean *out_usage_error, GError **error);
/* Writes "commands": name, usage, summary, module, options of all modules. */
void host_write_commands(const Host *self, JsonWriter *writer, const gchar *key);

#endif
