/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verbs.h"

static void
settings_write_one(const EffectiveSetting *effective, JsonWriter *writer)
{
    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "section", effective->section);
    json_writer_text(writer, "key", effective->key);
    json_writer_text(writer, "value", effective->value);
    json_writer_text(writer, "default", effective->setting->fallback);
    json_writer_text(writer, "file", effective->position.file);
    if (effective->position.file != NULL)
        json_writer_integer(writer, "line", effective->position.line);
    else
        json_writer_text(writer, "line", NULL);
    json_writer_text(writer, "type", settings_type_describe(effective->setting));
    json_writer_text(writer, "summary", effective->setting->summary);
    json_writer_end_object(writer);
}

static gboolean
settings_is_default(const EffectiveSetting *effective)
{
    return effective->position.file == NULL ||
           g_strcmp0(effective->value, effective->setting->fallback) == 0;
}

void
verb_write_settings(const SettingsContext *context, SettingsChoice choice, JsonWriter *writer)
{
    json_writer_begin_array(writer, "settings");
    for (guint i = 0; i < context->effective->len; i++) {
        const EffectiveSetting *effective = g_ptr_array_index(context->effective, i);

        if (choice == SETTINGS_ALL ||
            (choice == SETTINGS_DEFAULTS) == (settings_is_default(effective) != FALSE))
            settings_write_one(effective, writer);
    }
    json_writer_end_array(writer);
}

gboolean
verb_config_show(Control *self, const ControlRequest *request, JsonWriter *writer,
                 GError **error)
{
    Generation *generation = verb_get_generation(self, error);

    if (generation == NULL || !request_check_n_args(request, 0, 0, error))
        return FALSE;
    verb_write_settings(&generation->context,
                        request_has(request, "changed")    ? SETTINGS_CHANGED
                        : request_has(request, "defaults") ? SETTINGS_DEFAULTS
                                                           : SETTINGS_ALL,
                        writer);
    return TRUE;
}
