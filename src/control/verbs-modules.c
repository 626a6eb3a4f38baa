/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verbs.h"

#include "host/command.h"

gboolean
verb_modules_list(Control *self, const ControlRequest *request, JsonWriter *writer,
                  GError **error)
{
    Generation *generation = verb_get_generation(self, error);

    if (generation == NULL || !request_check_n_args(request, 0, 0, error))
        return FALSE;
    host_write_modules(generation->host, writer, "modules");
    return TRUE;
}

gboolean
verb_modules_order(Control *self, const ControlRequest *request, JsonWriter *writer,
                   GError **error)
{
    Generation *generation = verb_get_generation(self, error);

    if (generation == NULL || !request_check_n_args(request, 0, 0, error))
        return FALSE;
    host_write_order(generation->host, writer, "hooks");
    return TRUE;
}

gboolean
verb_commands(Control *self, const ControlRequest *request, JsonWriter *writer, GError **error)
{
    Generation *generation = verb_get_generation(self, error);

    if (generation == NULL || !request_check_n_args(request, 0, 0, error))
        return FALSE;
    host_write_commands(generation->host, writer, "commands");
    return TRUE;
}
