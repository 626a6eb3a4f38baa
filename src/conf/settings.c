/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/settings.h"

#include "base/address.h"
#include "base/i18n.h"
#include "base/units.h"
#include "conf/config-value.h"
#include "conf/rule-shadow.h"

enum { SETTINGS_N_TYPES = 128 };

/* One value on its way into its member. */
typedef struct {
    SettingsContext *context;
    const BaridSetting *setting;
    ConfigValue *value;
    gpointer member;
    ConfigValue *shadow; /* or NULL */
} SettingsBinding;

typedef struct {
    const gchar *description;
    gboolean (*bind)(SettingsBinding *binding);
    void (*clear)(gpointer member);
} SettingsType;

/* Filled once while the floors above start, before any configuration is bound. */
static struct {
    SettingsResolve resolve;
    gpointer data;
} settings_resolvers[SETTINGS_N_TYPES];

void
settings_set_resolver(BaridSettingType type, SettingsResolve resolve, gpointer data)
{
    g_assert((guint)type < SETTINGS_N_TYPES);
    settings_resolvers[type].resolve = resolve;
    settings_resolvers[type].data = data;
}

static void
effective_setting_free(gpointer data)
{
    EffectiveSetting *effective = data;

    g_free(effective->section);
    g_free(effective->key);
    g_free(effective->value);
    g_free(effective->shadow);
    g_free(effective);
}

void
settings_context_init(SettingsContext *self, ConfigTree *tree, ConfigProblems *problems,
                      const gchar *state_dir)
{
    *self = (SettingsContext){
        .tree = tree,
        .problems = problems,
        .effective = g_ptr_array_new_with_free_func(effective_setting_free),
        .state_dir = state_dir,
        .lists = rule_lists_new(tree, problems, state_dir),
    };
}

void
settings_context_clear(SettingsContext *self)
{
    g_clear_pointer(&self->effective, g_ptr_array_unref);
    g_clear_pointer(&self->lists, rule_lists_free);
}

GBytes *
settings_open_file(const SettingsContext *self, const gchar *section, const gchar *key,
                   const gchar *path, GError **error)
{
    gchar *text = NULL;
    gsize len;

    if (self->open_file != NULL)
        return self->open_file(section, key, path, self->open_file_data, error);
    if (!g_file_get_contents(path, &text, &len, error))
        return NULL;
    return g_bytes_new_take(text, len);
}

static gboolean
settings_refuse(SettingsBinding *binding, const gchar *reason)
{
    BaridSlice raw = config_value_get_raw(binding->value);

    config_value_report(binding->value, binding->context->problems, 0, raw.len, "%s", reason);
    return FALSE;
}

static gboolean G_GNUC_PRINTF(2, 3)
settings_refuse_printf(SettingsBinding *binding, const gchar *format, ...)
{
    g_autofree gchar *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);
    return settings_refuse(binding, reason);
}

static const gchar *
settings_text(SettingsBinding *binding)
{
    return config_value_get_text(binding->value, binding->context->problems);
}

/* NULL when (number) is within the setting's bounds, else the reason; caller owns it. */
static gchar *
settings_check_bounds(const BaridSetting *setting, gint64 number)
{
    RuleBounds bounds = {.minimum = setting->minimum, .maximum = setting->maximum};

    return rule_bounds_check(&bounds, setting->type, number);
}

/* What an empty text means where "" is the default: nothing is set. */
static gboolean
settings_is_unset(const SettingsBinding *binding, const gchar *text)
{
    const gchar *fallback = binding->setting->fallback;

    return text[0] == '\0' && fallback != NULL && fallback[0] == '\0';
}

static gboolean
settings_bind_bool(SettingsBinding *binding)
{
    const gchar *text = settings_text(binding);
    gboolean value = FALSE;

    if (text == NULL)
        return FALSE;
    if (!settings_is_unset(binding, text) &&
        units_parse_bool(barid_slice_from_text(text), &value) != UNITS_OK)
        return settings_refuse(binding, _("write yes or no"));
    *(gboolean *)binding->member = value;
    return TRUE;
}

static gboolean
settings_bind_number(SettingsBinding *binding,
                     UnitsResult (*parse)(BaridSlice text, gint64 *out_value),
                     const gchar *example)
{
    const gchar *text = settings_text(binding);
    g_autofree gchar *reason = NULL;
    UnitsResult result;
    gint64 value;

    if (text == NULL)
        return FALSE;
    if (settings_is_unset(binding, text))
        return TRUE;
    result = parse(barid_slice_from_text(text), &value);
    if (result != UNITS_OK)
        return settings_refuse_printf(binding, _("%s: write %s"), units_result_describe(result),
                                      example);
    reason = settings_check_bounds(binding->setting, value);
    if (reason != NULL)
        return settings_refuse(binding, reason);
    *(gint64 *)binding->member = value;
    return TRUE;
}

static gboolean
settings_bind_integer(SettingsBinding *binding)
{
    return settings_bind_number(binding, units_parse_integer, _("a whole number such as 25"));
}

#define SETTINGS_SIZE_EXAMPLE _("a size such as 512K, 25M or 1G")
#define SETTINGS_DURATION_EXAMPLE _("a duration such as 30s, 5min, 2h or 7d")

static gboolean
settings_bind_size(SettingsBinding *binding)
{
    return settings_bind_number(binding, units_parse_size, SETTINGS_SIZE_EXAMPLE);
}

static gboolean
settings_bind_duration(SettingsBinding *binding)
{
    return settings_bind_number(binding, units_parse_duration, SETTINGS_DURATION_EXAMPLE);
}

static gboolean
settings_bind_rate(SettingsBinding *binding)
{
    const gchar *text = settings_text(binding);
    BaridRate rate = {0, 0};
    UnitsResult result;

    if (text == NULL)
        return FALSE;
    if (!settings_is_unset(binding, text)) {
        result = units_parse_rate(barid_slice_from_text(text), &rate);
        if (result != UNITS_OK)
            return settings_refuse_printf(
                binding, _("%s: write a rate such as 25/1h or 10/s, or none for no limit"),
                units_result_describe(result));
    }
    *(BaridRate *)binding->member = rate;
    return TRUE;
}

static gboolean
settings_bind_text(SettingsBinding *binding)
{
    const gchar *text = settings_text(binding);

    if (text == NULL)
        return FALSE;
    *(gchar **)binding->member = text[0] == '\0' ? NULL : g_strdup(text);
    return TRUE;
}

/* ".." leads nowhere above the folder. */
static gchar *
settings_dup_scratch_path(const gchar *scratch_dir, const gchar *text)
{
    g_autofree gchar *inside = g_canonicalize_filename(text, "/");

    return g_build_filename(scratch_dir, inside, NULL);
}

static gboolean
settings_bind_path(SettingsBinding *binding)
{
    const gchar *state_dir = binding->context->state_dir;
    const gchar *scratch_dir = binding->context->scratch_dir;
    const gchar *text = settings_text(binding);
    gchar *path = NULL;

    if (text == NULL)
        return FALSE;
    if (text[0] != '\0' && scratch_dir != NULL &&
        (binding->setting->flags & BARID_SETTING_PATH_WRITE) != 0)
        path = settings_dup_scratch_path(scratch_dir, text);
    else if (text[0] != '\0' && (g_path_is_absolute(text) || state_dir == NULL))
        path = g_strdup(text);
    else if (text[0] != '\0')
        path = g_canonicalize_filename(text, state_dir);
    *(gchar **)binding->member = path;
    return TRUE;
}

static gboolean
settings_bind_enum(SettingsBinding *binding)
{
    const gchar *const *words = binding->setting->words;
    const gchar *text = settings_text(binding);
    g_autofree gchar *all = NULL;

    if (text == NULL)
        return FALSE;
    if (settings_is_unset(binding, text))
        return TRUE;
    for (gint i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *(gint *)binding->member = i;
            return TRUE;
        }
    }
    all = g_strjoinv(", ", (gchar **)words);
    return settings_refuse_printf(binding, _("write one of: %s"), all);
}

static gboolean
settings_bind_list(SettingsBinding *binding)
{
    const gchar *const *list =
        config_value_get_list(binding->value, binding->context->problems);

    if (list == NULL)
        return FALSE;
    *(gchar ***)binding->member = g_strdupv((gchar **)list);
    return TRUE;
}

static gboolean
settings_bind_networks(SettingsBinding *binding)
{
    ConfigProblems *problems = binding->context->problems;
    const gchar *const *list = config_value_get_list(binding->value, problems);
    gboolean is_valid = list != NULL;
    Network network;

    for (guint i = 0; list != NULL && list[i] != NULL; i++) {
        if (network_parse(barid_slice_from_text(list[i]), &network))
            continue;
        config_value_report_item(binding->value, problems, i,
                                 _("write an address or a network such as 192.0.2.0/24 or "
                                   "2001:db8::/32, without bits past the prefix"));
        is_valid = FALSE;
    }
    if (is_valid)
        *(gchar ***)binding->member = g_strdupv((gchar **)list);
    return is_valid;
}

static gboolean
settings_bind_one_duration(SettingsBinding *binding, guint index, const gchar *text,
                           GArray *durations)
{
    ConfigProblems *problems = binding->context->problems;
    g_autofree gchar *reason = NULL;
    gint64 ms;
    UnitsResult result = units_parse_duration(barid_slice_from_text(text), &ms);

    if (result == UNITS_OK)
        reason = settings_check_bounds(binding->setting, ms);
    else
        reason = g_strdup_printf(_("%s: write %s"), units_result_describe(result),
                                 SETTINGS_DURATION_EXAMPLE);
    if (reason != NULL) {
        config_value_report_item(binding->value, problems, index, "%s", reason);
        return FALSE;
    }
    g_array_append_val(durations, ms);
    return TRUE;
}

static gboolean
settings_bind_durations(SettingsBinding *binding)
{
    const gchar *const *list =
        config_value_get_list(binding->value, binding->context->problems);
    g_autoptr(GArray) durations = g_array_new(FALSE, FALSE, sizeof(gint64));
    gboolean is_valid = list != NULL;

    for (guint i = 0; list != NULL && list[i] != NULL; i++) {
        if (!settings_bind_one_duration(binding, i, list[i], durations))
            is_valid = FALSE;
    }
    if (is_valid)
        *(GArray **)binding->member = g_steal_pointer(&durations);
    return is_valid;
}

static gboolean
settings_bind_resolved(SettingsBinding *binding)
{
    BaridSettingType type = binding->setting->type;
    SettingsResolve resolve = settings_resolvers[type].resolve;
    const gchar *text = settings_text(binding);
    g_autoptr(GError) error = NULL;
    gpointer resolved;

    if (text == NULL)
        return FALSE;
    if (text[0] == '\0')
        return TRUE;
    if (resolve == NULL)
        return settings_refuse(binding, _("stores are not available in this version"));
    resolved = resolve(text, settings_resolvers[type].data, &error);
    if (resolved == NULL)
        return settings_refuse(binding, error != NULL ? error->message : _("unknown name"));
    *(gpointer *)binding->member = resolved;
    return TRUE;
}

static gboolean
settings_type_is_rule_of_list(BaridSettingType type)
{
    return type == BARID_TYPE_RULE_DURATIONS || type == BARID_TYPE_RULE_LIST;
}

static gchar *
settings_check_text(const gchar *text, gpointer data)
{
    const SettingsBinding *binding = data;

    return binding->context->check_text(binding->setting->name, text,
                                        binding->context->check_text_data);
}

/* NULL after reporting what is wrong in (value), which is the setting's or its shadow's. */
static BaridRule *
settings_compile_rule(SettingsBinding *binding, ConfigValue *value)
{
    const BaridSetting *setting = binding->setting;
    SettingsContext *context = binding->context;
    RuleBounds bounds = {
        .minimum = setting->minimum,
        .maximum = setting->maximum,
        .on_failure = setting->on_failure,
        .words = setting->words,
        .check_text = context->check_text == NULL ? NULL : settings_check_text,
        .check_data = binding,
        .needs_entry = (setting->flags & BARID_SETTING_NEEDS_ENTRY) != 0,
    };
    const gchar *nothing = setting->type == BARID_TYPE_RULE_TEXT       ? "\"\""
                           : setting->type == BARID_TYPE_RULE_BOOL     ? "no"
                           : settings_type_is_rule_of_list(setting->type) ? "none"
                                                                       : "0";

    /* An empty list is a value of its own, as it is where no rule is taken. */
    if (config_value_get_raw(value).len == 0 && setting->type != BARID_TYPE_CONDITION &&
        (settings_is_unset(binding, "") ||
         (settings_type_is_rule_of_list(setting->type) && !bounds.needs_entry)))
        return rule_compile_text(nothing, setting->type, setting->known, context->lists,
                                 context->problems);
    return rule_compile_bounded(value, setting->type, setting->known, &bounds, context->lists,
                                context->problems);
}

static gboolean
settings_bind_rule(SettingsBinding *binding)
{
    BaridRule *rule;

    if (config_value_get_raw(binding->value).len == 0 &&
        binding->setting->type == BARID_TYPE_CONDITION && settings_is_unset(binding, ""))
        return TRUE;
    rule = settings_compile_rule(binding, binding->value);
    *(BaridRule **)binding->member = rule;
    return rule != NULL;
}

/* At the shadow's key. */
static gboolean
settings_refuse_shadow(SettingsBinding *binding, const gchar *reason)
{
    const ConfigValue *shadow = binding->shadow;

    config_problems_add(binding->context->problems, shadow->key_position, shadow->section,
                        shadow->key, shadow->key_line, (guint)strlen(shadow->key), "%s", reason);
    return FALSE;
}

/* Of the same type, stage and bounds as the setting, which is bound already. */
static gboolean
settings_bind_shadow(SettingsBinding *binding, const gchar *label, gboolean is_bound)
{
    const BaridSetting *setting = binding->setting;
    RuleShadowOwner owner = {label, setting->name, setting->type, setting->known};
    g_autoptr(BaridRule) shadow = NULL;
    BaridRule *rule;

    if (!settings_type_is_rule(setting->type)) {
        g_autofree gchar *reason = g_strdup_printf(
            _("%s takes no rule, so that nothing can be evaluated beside it"), setting->name);

        return settings_refuse_shadow(binding, reason);
    }
    shadow = settings_compile_rule(binding, binding->shadow);
    rule = *(BaridRule **)binding->member;
    if (shadow == NULL || !is_bound)
        return FALSE;
    if (rule == NULL)
        return settings_refuse_shadow(binding, _("there is nothing to compare this with: set the "
                                                 "setting itself, too"));
    rule_set_shadow(rule, g_steal_pointer(&shadow), &owner);
    return TRUE;
}

static void
settings_clear_text(gpointer member)
{
    g_clear_pointer((gchar **)member, g_free);
}

static void
settings_clear_secret(gpointer member)
{
    gchar *secret = *(gchar **)member;

    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    settings_clear_text(member);
}

static void
settings_clear_list(gpointer member)
{
    g_clear_pointer((gchar ***)member, g_strfreev);
}

static void
settings_clear_array(gpointer member)
{
    g_clear_pointer((GArray **)member, g_array_unref);
}

static void
settings_clear_rule(gpointer member)
{
    g_clear_pointer((BaridRule **)member, rule_free);
}

static void
settings_clear_pointer(gpointer member)
{
    *(gpointer *)member = NULL;
}

static void
settings_clear_number(gpointer member)
{
    *(gint64 *)member = 0;
}

static void
settings_clear_rate(gpointer member)
{
    *(BaridRate *)member = (BaridRate){0, 0};
}

static void
settings_clear_int(gpointer member)
{
    *(gint *)member = 0;
}

static const SettingsType settings_types[SETTINGS_N_TYPES] = {
    [BARID_TYPE_BOOL] = {N_("yes or no"), settings_bind_bool, settings_clear_int},
    [BARID_TYPE_INTEGER] = {N_("number"), settings_bind_integer, settings_clear_number},
    [BARID_TYPE_SIZE] = {N_("size"), settings_bind_size, settings_clear_number},
    [BARID_TYPE_DURATION] = {N_("duration"), settings_bind_duration, settings_clear_number},
    [BARID_TYPE_RATE] = {N_("rate"), settings_bind_rate, settings_clear_rate},
    [BARID_TYPE_TEXT] = {N_("text"), settings_bind_text, settings_clear_text},
    [BARID_TYPE_ENUM] = {N_("one of several words"), settings_bind_enum, settings_clear_int},
    [BARID_TYPE_LIST] = {N_("list of texts"), settings_bind_list, settings_clear_list},
    [BARID_TYPE_DURATIONS] = {N_("list of durations"), settings_bind_durations,
                              settings_clear_array},
    [BARID_TYPE_PATH] = {N_("path"), settings_bind_path, settings_clear_text},
    [BARID_TYPE_SECRET] = {N_("secret"), settings_bind_text, settings_clear_secret},
    [BARID_TYPE_STORE] = {N_("name of a store"), settings_bind_resolved, settings_clear_pointer},
    [BARID_TYPE_NETWORKS] = {N_("list of networks"), settings_bind_networks, settings_clear_list},
    [BARID_TYPE_CONDITION] = {N_("condition"), settings_bind_rule, settings_clear_rule},
    [BARID_TYPE_RULE_BOOL] = {N_("rule of yes or no"), settings_bind_rule, settings_clear_rule},
    [BARID_TYPE_RULE_INTEGER] = {N_("rule of number"), settings_bind_rule, settings_clear_rule},
    [BARID_TYPE_RULE_SIZE] = {N_("rule of size"), settings_bind_rule, settings_clear_rule},
    [BARID_TYPE_RULE_DURATION] = {N_("rule of duration"), settings_bind_rule, settings_clear_rule},
    [BARID_TYPE_RULE_TEXT] = {N_("rule of text"), settings_bind_rule, settings_clear_rule},
    [BARID_TYPE_RULE_DURATIONS] = {N_("rule of durations"), settings_bind_rule,
                                   settings_clear_rule},
    [BARID_TYPE_RULE_LIST] = {N_("rule of list"), settings_bind_rule, settings_clear_rule},
};

static const SettingsType *
settings_get_type(BaridSettingType type)
{
    g_assert((guint)type < SETTINGS_N_TYPES && settings_types[type].bind != NULL);
    return &settings_types[type];
}

const gchar *
settings_type_describe(const BaridSetting *setting)
{
    return settings_get_type(setting->type)->description;
}

gboolean
settings_type_is_rule(BaridSettingType type)
{
    return type == BARID_TYPE_CONDITION || type >= BARID_TYPE_RULE_BOOL;
}

/* The table's row (index), complete with zeroes when the caller was built with fewer
 * members. FALSE at the table's end; NULL is an empty one. */
static gboolean
settings_read_row(const BaridSetting *table, gsize setting_size, gsize index,
                  BaridSetting *out_setting, const BaridSetting **out_row)
{
    const guint8 *row = (const guint8 *)table + index * setting_size;
    BaridSetting setting = {.type = BARID_TYPE_END};

    if (table != NULL)
        memcpy(&setting, row, MIN(setting_size, sizeof setting));
    if (setting.type == BARID_TYPE_END)
        return FALSE;
    *out_setting = setting;
    *out_row = (const BaridSetting *)(gconstpointer)row;
    return TRUE;
}

static void
settings_record(SettingsContext *context, const gchar *label, const BaridSetting *row,
                const SettingsBinding *binding, gboolean is_default)
{
    EffectiveSetting *effective = g_new0(EffectiveSetting, 1);
    BaridSlice raw = config_value_get_raw(binding->value);

    effective->section = g_strdup(label);
    effective->key = g_strdup(row->name);
    effective->setting = row;
    if (row->type == BARID_TYPE_SECRET && raw.len > 0)
        effective->value = g_strdup("(secret)");
    else
        effective->value = g_strndup(raw.len > 0 ? (const gchar *)raw.data : "", raw.len);
    if (!is_default)
        effective->position = config_value_locate(binding->value, 0);
    if (settings_type_is_rule(row->type))
        effective->rule = *(BaridRule **)binding->member;
    if (binding->shadow != NULL) {
        raw = config_value_get_raw(binding->shadow);
        effective->shadow = g_strndup(raw.len > 0 ? (const gchar *)raw.data : "", raw.len);
        effective->shadow_position = config_value_locate(binding->shadow, 0);
    }
    g_ptr_array_add(context->effective, effective);
}

/* The value of KEY.shadow, or NULL. */
static ConfigValue *
settings_use_shadow(ConfigSection *section, const gchar *key)
{
    g_autofree gchar *name = g_strconcat(key, RULE_SHADOW_SUFFIX, NULL);

    return config_section_use(section, name);
}

/* Makes the kind of (label) known, and the keys as the label's own. */
static void
settings_declare(SettingsContext *context, const gchar *label, const gchar *key)
{
    g_auto(GStrv) words = g_strsplit(label, " ", 2);

    if (words[0] != NULL)
        config_tree_declare(context->tree, words[0], NULL);
    config_tree_declare(context->tree, label, key);
}

static void
settings_report_missing(SettingsContext *context, ConfigSection *section, const gchar *label,
                        const BaridSetting *setting)
{
    g_autofree gchar *message =
        g_strdup_printf(_("this setting is needed and has no default (%s: %s)"),
                        _(settings_type_describe(setting)), _(setting->summary));

    if (section != NULL)
        config_section_report(section, context->problems, setting->name, "%s", message);
    else
        config_problems_add(context->problems, (ConfigPosition){NULL, 0, 0}, label, setting->name,
                            NULL, 0, "%s", message);
}

gboolean
settings_bind(SettingsContext *context, ConfigSection *section, const gchar *label,
              const BaridSetting *table, gsize setting_size, gpointer target)
{
    Arena *arena = config_tree_get_arena(context->tree);
    gboolean is_valid = TRUE;
    BaridSetting setting;
    const BaridSetting *row;

    if (section != NULL) {
        config_section_claim(section);
        label = config_section_get_label(section);
    }
    for (gsize i = 0; settings_read_row(table, setting_size, i, &setting, &row); i++) {
        SettingsBinding binding = {context, &setting, NULL, (guint8 *)target + setting.offset,
                                   NULL};
        gboolean is_default;
        gboolean is_bound;

        settings_declare(context, label, setting.name);
        if (section != NULL) {
            binding.value = config_section_use(section, setting.name);
            binding.shadow = settings_use_shadow(section, setting.name);
        }
        is_default = binding.value == NULL;
        if (is_default && setting.fallback == NULL) {
            settings_report_missing(context, section, label, &setting);
            is_valid = FALSE;
            continue;
        }
        if (is_default)
            binding.value = config_value_new_text(arena, label, setting.name, setting.fallback);
        is_bound = settings_get_type(setting.type)->bind(&binding);
        if (binding.shadow != NULL && !settings_bind_shadow(&binding, label, is_bound))
            is_valid = FALSE;
        if (!is_bound)
            is_valid = FALSE;
        settings_record(context, label, row, &binding, is_default);
    }
    return is_valid;
}

void
settings_clear(const BaridSetting *table, gsize setting_size, gpointer target)
{
    BaridSetting setting;
    const BaridSetting *row;

    for (gsize i = 0; settings_read_row(table, setting_size, i, &setting, &row); i++)
        settings_get_type(setting.type)->clear((guint8 *)target + setting.offset);
}

void
settings_effective_to_json(const SettingsContext *context, JsonWriter *writer)
{
    json_writer_begin_array(writer, "settings");
    for (guint i = 0; i < context->effective->len; i++) {
        const EffectiveSetting *effective = g_ptr_array_index(context->effective, i);

        json_writer_begin_object(writer, NULL);
        json_writer_text(writer, "section", effective->section);
        json_writer_text(writer, "key", effective->key);
        json_writer_text(writer, "value", effective->value);
        json_writer_text(writer, "file", effective->position.file);
        if (effective->position.file != NULL)
            json_writer_integer(writer, "line", effective->position.line);
        else
            json_writer_raw(writer, "line", "null");
        json_writer_text(writer, "type", settings_type_describe(effective->setting));
        json_writer_text(writer, "summary", effective->setting->summary);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
}
