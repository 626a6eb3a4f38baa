/* SPDX-License-Identifier: Apache-2.0 */
#include "host/command.h"

#include "base/units.h"
#include "host/host-private.h"

/* What one option's text means. */
typedef struct {
    const BaridCommandOption *option;
    const gchar *text;
    gint64 number;
} CommandValue;

struct BaridCommandCall {
    const HostModule *module;
    const BaridCommand *command;
    const HostCommandRequest *request;
    GArray *values; /* of CommandValue */
    gchar *text;
};

/* --- declarations --- */

static const BaridCommandOption *
command_get_option(const BaridModule *module, const BaridCommand *command, guint index)
{
    const BaridCommandOption *option = command->options;

    if (option == NULL)
        return NULL;
    option = (const BaridCommandOption *)(const void *)((const guint8 *)option +
                                                        (gsize)index * module->option_size);
    return option->name != NULL ? option : NULL;
}

static const BaridCommandOption *
command_find_option(const BaridModule *module, const BaridCommand *command, const gchar *name)
{
    const BaridCommandOption *option;

    for (guint i = 0; (option = command_get_option(module, command, i)) != NULL; i++) {
        if (strcmp(option->name, name) == 0)
            return option;
    }
    return NULL;
}

/* What the option takes, for people; NULL for nothing. */
static const gchar *
command_name_value(BaridSettingType type)
{
    switch (type) {
    case BARID_TYPE_BOOL:
        return NULL;
    case BARID_TYPE_INTEGER:
        return "NUMBER";
    case BARID_TYPE_SIZE:
        return "SIZE";
    case BARID_TYPE_DURATION:
        return "DURATION";
    default:
        return "TEXT";
    }
}

/* --- reading --- */

static gboolean
command_parse_number(const BaridCommandOption *option, const gchar *text, gint64 *out_number)
{
    BaridSlice slice = barid_slice_from_text(text);

    switch (option->type) {
    case BARID_TYPE_INTEGER:
        return units_parse_integer(slice, out_number) == UNITS_OK;
    case BARID_TYPE_SIZE:
        return units_parse_size(slice, out_number) == UNITS_OK;
    case BARID_TYPE_DURATION:
        return units_parse_duration(slice, out_number) == UNITS_OK;
    default:
        return TRUE;
    }
}

static gboolean
command_take_option(BaridCommandCall *self, const HostCommandOption *given, GError **error)
{
    const BaridModule *module = self->module->module;
    CommandValue value = {.option = command_find_option(module, self->command, given->name),
                          .text = given->text};

    if (value.option == NULL) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID,
                    "\"%s\" has no option --%s; usage: %s", self->command->name, given->name,
                    self->command->usage);
        return FALSE;
    }
    if ((value.option->type == BARID_TYPE_BOOL) != (given->text == NULL)) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID,
                    given->text == NULL ? "--%s needs a value" : "--%s takes no value",
                    given->name);
        return FALSE;
    }
    if (given->text != NULL && !command_parse_number(value.option, given->text, &value.number)) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID, "--%s needs a %s such as %s",
                    given->name, command_name_value(value.option->type),
                    value.option->type == BARID_TYPE_SIZE       ? "25M"
                    : value.option->type == BARID_TYPE_DURATION ? "5min"
                                                                : "25");
        return FALSE;
    }
    g_array_append_val(self->values, value);
    return TRUE;
}

static gboolean
command_check(BaridCommandCall *self, GError **error)
{
    guint n_args = g_strv_length((gchar **)(guintptr)self->request->args);

    if (n_args < self->command->min_args || n_args > self->command->max_args) {
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID, "usage: %s", self->command->usage);
        return FALSE;
    }
    for (guint i = 0; i < self->request->n_options; i++) {
        if (!command_take_option(self, &self->request->options[i], error))
            return FALSE;
    }
    return TRUE;
}

gchar *
host_run_command(const HostModule *module, const BaridCommand *command,
                 const HostCommandRequest *request, gchar **out_text, gboolean *out_usage_error,
                 GError **error)
{
    g_autoptr(GArray) values = g_array_new(FALSE, TRUE, sizeof(CommandValue));
    BaridCommandCall call = {.module = module, .command = command, .request = request,
                             .values = values};
    GError *reason = NULL;
    gchar *answer = NULL;

    if (command_check(&call, &reason)) {
        guint32 outer = host_module_enter(module);

        answer = command->run(&call, module->state, &reason);
        host_module_leave(outer);
    }
    *out_text = NULL;
    if (reason == NULL) {
        *out_text = call.text;
        return answer;
    }
    *out_usage_error = reason->code == BARID_ERROR_INVALID;
    g_free(answer);
    g_free(call.text);
    g_propagate_error(error, reason);
    return NULL;
}

/* --- what commands call --- */

guint
barid_command_get_n_args(BaridCommandCall *call)
{
    return g_strv_length((gchar **)(guintptr)call->request->args);
}

const gchar *
barid_command_get_arg(BaridCommandCall *call, guint index)
{
    g_return_val_if_fail(index < barid_command_get_n_args(call), NULL);
    return call->request->args[index];
}

static const CommandValue *
command_find_value(const BaridCommandCall *call, const gchar *name)
{
    for (guint i = 0; i < call->values->len; i++) {
        const CommandValue *value = &g_array_index(call->values, CommandValue, i);

        if (strcmp(value->option->name, name) == 0)
            return value;
    }
    return NULL;
}

gboolean
barid_command_has(BaridCommandCall *call, const gchar *option)
{
    return command_find_value(call, option) != NULL;
}

const gchar *
barid_command_get_text(BaridCommandCall *call, const gchar *option)
{
    const CommandValue *value = command_find_value(call, option);

    return value == NULL ? NULL : value->text;
}

gint64
barid_command_get_integer(BaridCommandCall *call, const gchar *option, gint64 fallback)
{
    const CommandValue *value = command_find_value(call, option);

    return value == NULL ? fallback : value->number;
}

gboolean
barid_command_wants_json(BaridCommandCall *call)
{
    return call->request->wants_json;
}

void
barid_command_set_text(BaridCommandCall *call, const gchar *text)
{
    g_free(call->text);
    call->text = g_strdup(text);
}

BaridStore *
barid_command_get_store(BaridCommandCall *call, const gchar *name, GError **error)
{
    BaridStore *store = NULL;

    if ((call->module->module->needs & BARID_USES_STORE) == 0) {
        g_set_error_literal(error, HOST_ERROR, BARID_ERROR_DENIED,
                            "the module did not declare that it uses stores");
        return NULL;
    }
    if (call->request->find_store != NULL)
        store = call->request->find_store(name, call->request->find_store_data);
    if (store == NULL)
        g_set_error(error, HOST_ERROR, BARID_ERROR_NOT_FOUND, "there is no [store %s]", name);
    return store;
}

/* --- looking in --- */

static void
command_write(const BaridModule *module, const BaridCommand *command, JsonWriter *writer)
{
    const BaridCommandOption *option;

    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "name", command->name);
    json_writer_text(writer, "module", module->name);
    json_writer_text(writer, "usage", command->usage);
    json_writer_text(writer, "summary", command->summary);
    json_writer_begin_array(writer, "options");
    for (guint i = 0; (option = command_get_option(module, command, i)) != NULL; i++) {
        json_writer_begin_object(writer, NULL);
        json_writer_text(writer, "name", option->name);
        if (command_name_value(option->type) != NULL)
            json_writer_text(writer, "value", command_name_value(option->type));
        json_writer_text(writer, "summary", option->summary);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
    json_writer_end_object(writer);
}

void
host_write_commands(const Host *self, JsonWriter *writer, const gchar *key)
{
    json_writer_begin_array(writer, key);
    for (guint i = 0; i < self->modules->len; i++) {
        const HostModule *module = g_ptr_array_index(self->modules, i);
        const BaridCommand *command;

        for (guint n = 0; (command = host_module_get_command(module->module, n)) != NULL; n++)
            command_write(module->module, command, writer);
    }
    json_writer_end_array(writer);
}
