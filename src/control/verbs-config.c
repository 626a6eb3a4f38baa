/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verbs.h"

#include "base/i18n.h"

static const gchar *const settings_stages[] = {
    [BARID_KNOWN_ALWAYS] = "always",   [BARID_KNOWN_CONNECT] = "connect",
    [BARID_KNOWN_EHLO] = "ehlo",       [BARID_KNOWN_MAIL] = "mail",
    [BARID_KNOWN_RCPT] = "rcpt",       [BARID_KNOWN_MESSAGE] = "message",
    [BARID_KNOWN_ATTEMPT] = "attempt",
};

static void
settings_write_variables(BaridKnown known, JsonWriter *writer)
{
    g_autofree const gchar **names = rule_variable_names();

    json_writer_begin_array(writer, "variables");
    for (guint i = 0; names[i] != NULL; i++) {
        RuleType type;
        BaridKnown needed;

        if (rule_variable_get_info(names[i], &type, &needed) && needed <= known)
            json_writer_text(writer, NULL, names[i]);
    }
    json_writer_end_array(writer);
}

static void
settings_write_rule(const EffectiveSetting *effective, const SettingsSelection *selection,
                    JsonWriter *writer)
{
    gboolean is_dynamic = settings_type_is_rule(effective->setting->type);

    json_writer_bool(writer, "dynamic", is_dynamic);
    if (is_dynamic) {
        json_writer_text(writer, "stage", settings_stages[effective->setting->known]);
        if (selection->key != NULL)
            settings_write_variables(effective->setting->known, writer);
    }
    if (effective->shadow == NULL)
        return;
    json_writer_text(writer, "shadow", effective->shadow);
    json_writer_text(writer, "shadow_file", effective->shadow_position.file);
    json_writer_integer(writer, "shadow_line", effective->shadow_position.line);
}

static gboolean
settings_is_default(const EffectiveSetting *effective)
{
    return effective->position.file == NULL ||
           g_strcmp0(effective->value, effective->setting->fallback) == 0;
}

static void
settings_write_one(const EffectiveSetting *effective, const SettingsSelection *selection,
                   JsonWriter *writer)
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
    json_writer_bool(writer, "is_default", settings_is_default(effective));
    settings_write_rule(effective, selection, writer);
    json_writer_end_object(writer);
}

/* A section's whole label, or its kind for all of that kind. */
static gboolean
settings_is_of_section(const EffectiveSetting *effective, const gchar *section)
{
    gsize len = strlen(section);

    return strncmp(effective->section, section, len) == 0 &&
           (effective->section[len] == '\0' || effective->section[len] == ' ');
}

static gboolean
settings_is_selected(const EffectiveSetting *effective, const SettingsSelection *selection)
{
    gboolean is_default = settings_is_default(effective);

    if (selection->section != NULL && !settings_is_of_section(effective, selection->section))
        return FALSE;
    if (selection->key != NULL && strcmp(effective->key, selection->key) != 0)
        return FALSE;
    return selection->choice == SETTINGS_ALL ||
           (selection->choice == SETTINGS_DEFAULTS) == (is_default != FALSE);
}

gboolean
verb_write_settings(const SettingsContext *context, const SettingsSelection *selection,
                    JsonWriter *writer, GError **error)
{
    guint count = 0;

    json_writer_begin_array(writer, "settings");
    for (guint i = 0; i < context->effective->len; i++) {
        const EffectiveSetting *effective = g_ptr_array_index(context->effective, i);

        if (!settings_is_selected(effective, selection))
            continue;
        settings_write_one(effective, selection, writer);
        count++;
    }
    json_writer_end_array(writer);
    if (count > 0 || selection->section == NULL || selection->choice != SETTINGS_ALL)
        return TRUE;
    g_set_error(error, CONTROL_ERROR, BARID_ERROR_NOT_FOUND, _("there is no setting [%s]%s%s"),
                selection->section, selection->key == NULL ? "" : " ",
                selection->key == NULL ? "" : selection->key);
    return FALSE;
}

gboolean
verb_config_show(Control *self, const ControlRequest *request, JsonWriter *writer,
                 GError **error)
{
    Generation *generation = verb_get_generation(self, error);

    SettingsSelection selection = {.choice = SETTINGS_ALL};

    if (generation == NULL || !request_check_n_args(request, 0, 2, error))
        return FALSE;
    selection.section = request->args[0];
    selection.key = request->args[0] == NULL ? NULL : request->args[1];
    if (request_has(request, "changed"))
        selection.choice = SETTINGS_CHANGED;
    else if (request_has(request, "defaults"))
        selection.choice = SETTINGS_DEFAULTS;
    return verb_write_settings(&generation->context, &selection, writer, error);
}
