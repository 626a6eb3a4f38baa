/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config-tree.h"

#include "base/i18n.h"
#include "base/text.h"
#include "conf/config-value.h"

struct ConfigSection {
    ConfigTree *tree;
    const gchar *kind;
    const gchar *name; /* or NULL */
    const gchar *label;
    ConfigPosition position;
    const gchar *source_line;
    GPtrArray *values; /* of ConfigValue *, in order of appearance */
    GHashTable *by_key;
    gboolean is_claimed;
};

struct ConfigTree {
    Arena *arena;
    GPtrArray *sections; /* of ConfigSection *, in order of appearance */
    GHashTable *by_label;
    GHashTable *declared; /* kind or label: GPtrArray of keys */
};

/* What the parser holds between two lines. */
typedef struct {
    ConfigTree *tree;
    ConfigProblems *problems;
    const ConfigFile *file;
    guint file_index;
    guint line_number;
    BaridSlice line;
    ConfigSection *section; /* NULL before the first one and after a bad header */
    gboolean is_skipping;   /* after a bad header: its keys are no problems of their own */
    ConfigValue *value;     /* the one that may be continued */
    GString *raw;           /* of (value) */
    GArray *segments;       /* of (value) */
} ConfigParser;

static void
config_section_clear(ConfigSection *self)
{
    g_ptr_array_unref(self->values);
    g_hash_table_unref(self->by_key);
}

void
config_tree_free(ConfigTree *self)
{
    if (self == NULL)
        return;
    for (guint i = 0; i < self->sections->len; i++)
        config_section_clear(g_ptr_array_index(self->sections, i));
    g_ptr_array_unref(self->sections);
    g_hash_table_unref(self->by_label);
    g_hash_table_unref(self->declared);
    arena_free(self->arena);
    g_free(self);
}

static ConfigTree *
config_tree_new(void)
{
    ConfigTree *self = g_new0(ConfigTree, 1);

    self->arena = arena_new(1024);
    self->sections = g_ptr_array_new();
    self->by_label = g_hash_table_new(g_str_hash, g_str_equal);
    self->declared = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                           (GDestroyNotify)g_ptr_array_unref);
    return self;
}

static gchar *
config_tree_dup(ConfigTree *self, BaridSlice slice)
{
    gchar *text = arena_alloc(self->arena, slice.len + 1);

    if (slice.len > 0)
        memcpy(text, slice.data, slice.len);
    return text;
}

/* Reports about (part) of the current line. */
static void G_GNUC_PRINTF(3, 4)
config_parser_report(ConfigParser *self, BaridSlice part, const gchar *format, ...)
{
    g_autofree gchar *message = NULL;
    g_autofree gchar *line = g_strndup((const gchar *)self->line.data, self->line.len);
    ConfigPosition position = {self->file->name, self->line_number, 1};
    va_list args;

    if (part.data != NULL)
        position.column = (guint)(part.data - self->line.data) + 1;
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    config_problems_add(self->problems, position, self->section ? self->section->label : NULL,
                        NULL, line, (guint)MAX(part.len, 1), "%s", message);
}

static BaridSlice
config_slice_from(BaridSlice slice, gsize start)
{
    /* An empty slice may have no address to add to. */
    return start == 0 ? slice : barid_slice(slice.data + start, slice.len - start);
}

static gboolean
config_is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t';
}

/* A comment begins at the start or after white space; quotes are not looked at here. */
static gboolean
config_is_comment(BaridSlice slice, gsize at)
{
    return (slice.data[at] == '#' || slice.data[at] == ';') &&
           (at == 0 || config_is_blank(slice.data[at - 1]));
}

/* The part of (text) before its comment, trimmed. Sets (*out_quote) to a quote that is
 * never closed, else to an empty slice. Outside quotes, \" is no quote, so that it can
 * stand in a regular expression. */
static BaridSlice
config_strip_comment(BaridSlice text, BaridSlice *out_quote)
{
    gboolean is_quoted = FALSE;
    gsize quote = 0;
    gsize at;

    for (at = 0; at < text.len; at++) {
        guint8 byte = text.data[at];

        if (!is_quoted && config_is_comment(text, at))
            break;
        if (byte == '\\' && at + 1 < text.len && (is_quoted || text.data[at + 1] == '"')) {
            at++;
        } else if (byte == '"') {
            is_quoted = !is_quoted;
            quote = at;
        }
    }
    *out_quote = is_quoted ? config_slice_from(text, quote) : BARID_SLICE_EMPTY;
    return text_trim(barid_slice(text.data, MIN(at, text.len)));
}

/* Adds the current line's (part) to the open value. */
static void
config_parser_add_segment(ConfigParser *self, BaridSlice part)
{
    ConfigSegment segment = {.len = part.len};
    gboolean is_first = self->segments->len == 0;

    if (part.len == 0 && !is_first)
        return;
    /* A first line without text only holds the position until there is some. */
    if (self->raw->len == 0)
        g_array_set_size(self->segments, 0);
    else
        g_string_append_c(self->raw, ' ');
    segment.offset = self->raw->len;
    segment.position = (ConfigPosition){self->file->name, self->line_number,
                                        (guint)(part.data - self->line.data) + 1};
    segment.source_line = config_tree_dup(self->tree, self->line);
    if (part.len > 0)
        g_string_append_len(self->raw, (const gchar *)part.data, (gssize)part.len);
    g_array_append_val(self->segments, segment);
}

static void
config_parser_close_value(ConfigParser *self)
{
    ConfigValue *value = self->value;
    gsize size = self->segments->len * sizeof(ConfigSegment);

    if (value == NULL)
        return;
    value->raw = barid_slice(config_tree_dup(self->tree, barid_slice(self->raw->str,
                                                                     self->raw->len)),
                             self->raw->len);
    value->segments = memcpy(arena_alloc(self->tree->arena, size), self->segments->data, size);
    value->n_segments = self->segments->len;
    self->value = NULL;
    g_string_truncate(self->raw, 0);
    g_array_set_size(self->segments, 0);
}

/* Takes the rest of the line into the open value. */
static void
config_parser_take_value(ConfigParser *self, BaridSlice rest)
{
    BaridSlice quote;
    BaridSlice part = config_strip_comment(rest, &quote);

    if (quote.len > 0 && !self->value->is_broken) {
        config_parser_report(self, barid_slice(quote.data, 1), "%s",
                             config_quote_describe(CONFIG_QUOTE_OPEN));
        self->value->is_broken = TRUE;
    }
    config_parser_add_segment(self, part);
}

static gboolean
config_is_kind(BaridSlice kind)
{
    for (gsize i = 0; i < kind.len; i++) {
        guint8 byte = kind.data[i];

        if (!g_ascii_islower(byte) && !g_ascii_isdigit(byte) && byte != '-')
            return FALSE;
    }
    return kind.len > 0 && g_ascii_islower(kind.data[0]);
}

/* Names and keys are single words, so that they can stand in messages and commands. */
static gboolean
config_is_word(BaridSlice word)
{
    for (gsize i = 0; i < word.len; i++) {
        guint8 byte = word.data[i];

        if (byte <= ' ' || byte == 0x7f || byte == '"' || byte == '[' || byte == ']')
            return FALSE;
    }
    return word.len > 0;
}

static ConfigSection *
config_parser_open_section(ConfigParser *self, BaridSlice kind, BaridSlice name)
{
    ConfigTree *tree = self->tree;
    const gchar *kind_text = config_tree_dup(tree, kind);
    const gchar *name_text = name.len == 0 ? NULL : config_tree_dup(tree, name);
    const gchar *label =
        name_text == NULL ? kind_text : arena_printf(tree->arena, "%s %s", kind_text, name_text);
    ConfigSection *section = g_hash_table_lookup(tree->by_label, label);

    if (section != NULL)
        return section;
    section = arena_new0(tree->arena, ConfigSection);
    section->tree = tree;
    section->kind = kind_text;
    section->name = name_text;
    section->label = label;
    section->position = (ConfigPosition){self->file->name, self->line_number, 1};
    section->source_line = config_tree_dup(tree, self->line);
    section->values = g_ptr_array_new();
    section->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    g_ptr_array_add(tree->sections, section);
    g_hash_table_insert(tree->by_label, (gpointer)label, section);
    return section;
}

static gboolean
config_parser_check_header(ConfigParser *self, gssize end, BaridSlice kind, BaridSlice name)
{
    BaridSlice rest;
    BaridSlice quote;

    if (end < 0) {
        config_parser_report(self, self->line, _("the closing ] is missing"));
        return FALSE;
    }
    rest = config_strip_comment(config_slice_from(self->line, (gsize)end + 1), &quote);
    if (rest.len > 0) {
        config_parser_report(self, rest,
                             _("text after the section's name; settings stand on "
                               "lines of their own"));
        return FALSE;
    }
    if (!config_is_kind(kind)) {
        config_parser_report(self, kind,
                             _("a section is [kind] or [kind name]; the kind is made "
                               "of lower-case letters, digits and hyphens"));
        return FALSE;
    }
    if (name.len > 0 && !config_is_word(name)) {
        config_parser_report(self, name, _("a section's name is one word without quotes"));
        return FALSE;
    }
    return TRUE;
}

static void
config_parser_take_header(ConfigParser *self)
{
    gssize end = text_find(self->line, ']');
    BaridSlice inside = BARID_SLICE_EMPTY;
    BaridSlice kind;
    BaridSlice name;
    gsize split = 0;

    if (end > 0)
        inside = text_trim(barid_slice(self->line.data + 1, (gsize)end - 1));
    while (split < inside.len && !config_is_blank(inside.data[split]))
        split++;
    kind = barid_slice(inside.data, split);
    name = text_trim(config_slice_from(inside, split));
    self->section = NULL;
    self->is_skipping = !config_parser_check_header(self, end, kind, name);
    if (!self->is_skipping)
        self->section = config_parser_open_section(self, kind, name);
}

static void
config_parser_open_value(ConfigParser *self, BaridSlice key)
{
    ConfigSection *section = self->section;
    const gchar *key_text = config_tree_dup(self->tree, key);
    ConfigValue *value = g_hash_table_lookup(section->by_key, key_text);

    if (value == NULL) {
        value = arena_new0(self->tree->arena, ConfigValue);
        g_ptr_array_add(section->values, value);
        g_hash_table_insert(section->by_key, (gpointer)key_text, value);
    } else if (value->file_index == self->file_index) {
        config_parser_report(self, key,
                             _("%s is set twice in this section; the first is in line %u"),
                             key_text, value->key_position.line);
        /* Its text is still read, for further problems, into a value nobody sees. */
        value = arena_new0(self->tree->arena, ConfigValue);
    }
    memset(value, 0, sizeof *value);
    value->arena = self->tree->arena;
    value->section = section->label;
    value->key = key_text;
    value->key_position = (ConfigPosition){self->file->name, self->line_number, 1};
    value->key_line = config_tree_dup(self->tree, self->line);
    value->file_index = self->file_index;
    self->value = value;
}

static void
config_parser_take_key(ConfigParser *self)
{
    gssize equals = text_find(self->line, '=');
    BaridSlice key;

    if (self->is_skipping)
        return;
    if (equals < 0) {
        config_parser_report(self, text_trim(self->line),
                             _("a line is \"key = value\", \"[section]\" or a comment"));
        return;
    }
    key = text_trim(barid_slice(self->line.data, (gsize)equals));
    if (!config_is_word(key)) {
        config_parser_report(self, key, _("a key is one word without quotes"));
        return;
    }
    if (self->section == NULL) {
        config_parser_report(self, key, _("a setting must stand below a [section]"));
        self->is_skipping = TRUE;
        return;
    }
    config_parser_open_value(self, key);
    config_parser_take_value(self, config_slice_from(self->line, (gsize)equals + 1));
}

static void
config_parser_take_continuation(ConfigParser *self, BaridSlice trimmed)
{
    if (self->value != NULL)
        config_parser_take_value(self, trimmed);
    else if (!self->is_skipping)
        config_parser_report(self, trimmed,
                             _("a line that begins with white space continues a "
                               "value, and there is none here"));
}

/* Empty lines and comments do not end a value that is continued after them. */
static void
config_parser_take_line(ConfigParser *self)
{
    BaridSlice trimmed = text_trim(self->line);

    if (trimmed.len == 0 || trimmed.data[0] == '#' || trimmed.data[0] == ';')
        return;
    if (config_is_blank(self->line.data[0])) {
        config_parser_take_continuation(self, trimmed);
        return;
    }
    config_parser_close_value(self);
    if (self->line.data[0] == '[')
        config_parser_take_header(self);
    else
        config_parser_take_key(self);
}

/* Tells the first byte of each line of (text) that is none of UTF-8. (repaired) has the same lines,
 * with a character in the place of each. */
static void
config_parser_report_bytes(ConfigParser *self, BaridSlice text, BaridSlice repaired)
{
    while (text.len > 0) {
        gssize end = text_find(text, '\n');
        gsize len = end < 0 ? text.len : (gsize)end;
        const gchar *bad;

        self->line_number++;
        end = text_find(repaired, '\n');
        self->line = barid_slice(repaired.data, end < 0 ? repaired.len : (gsize)end);
        if (!g_utf8_validate_len((const gchar *)text.data, len, &bad)) {
            gsize at = (gsize)((const guint8 *)bad - text.data);

            config_parser_report(self, barid_slice(self->line.data + at, 1), "%s",
                                 *bad == '\0' ? _("this is a NUL byte") : _("this is not UTF-8"));
        }
        text = config_slice_from(text, MIN(len + 1, text.len));
        repaired = config_slice_from(repaired, MIN(self->line.len + 1, repaired.len));
    }
}

static void
config_parser_take_file(ConfigParser *self)
{
    BaridSlice rest = barid_slice(self->file->text, self->file->len);
    g_autofree gchar *repaired = NULL;

    self->section = NULL;
    self->is_skipping = FALSE;
    self->line_number = 0;
    if (rest.len > 0 && !g_utf8_validate_len(self->file->text, self->file->len, NULL)) {
        /* All else that is wrong in it is told, too. */
        repaired = g_utf8_make_valid(self->file->text, (gssize)self->file->len);
        config_parser_report_bytes(self, rest, barid_slice_from_text(repaired));
        rest = barid_slice_from_text(repaired);
        self->line_number = 0;
    }
    while (rest.len > 0) {
        gssize end = text_find(rest, '\n');
        gsize len = end < 0 ? rest.len : (gsize)end;

        self->line = barid_slice(rest.data, len);
        self->line_number++;
        if (len > 0 && rest.data[len - 1] == '\r')
            self->line.len--;
        config_parser_take_line(self);
        rest = config_slice_from(rest, end < 0 ? rest.len : len + 1);
    }
    config_parser_close_value(self);
}

ConfigTree *
config_tree_parse(const ConfigFiles *files, ConfigProblems *problems)
{
    ConfigParser parser = {
        .tree = config_tree_new(),
        .problems = problems,
        .raw = g_string_new(NULL),
        .segments = g_array_new(FALSE, FALSE, sizeof(ConfigSegment)),
    };

    for (guint i = 0; i < files->files->len; i++) {
        parser.file = &g_array_index(files->files, ConfigFile, i);
        parser.file_index = i;
        config_parser_take_file(&parser);
    }
    g_string_free(parser.raw, TRUE);
    g_array_unref(parser.segments);
    return parser.tree;
}

Arena *
config_tree_get_arena(ConfigTree *self)
{
    return self->arena;
}

ConfigSection *
config_tree_find(ConfigTree *self, const gchar *kind, const gchar *name)
{
    g_autofree gchar *label = NULL;

    if (name == NULL)
        return g_hash_table_lookup(self->by_label, kind);
    label = g_strconcat(kind, " ", name, NULL);
    return g_hash_table_lookup(self->by_label, label);
}

ConfigSection *
config_tree_get_nth(ConfigTree *self, const gchar *kind, guint index)
{
    /* Somebody knows such sections, though there may be none: it is what a slip is near to. */
    config_tree_declare(self, kind, NULL);
    for (guint i = 0; i < self->sections->len; i++) {
        ConfigSection *section = g_ptr_array_index(self->sections, i);

        if (strcmp(section->kind, kind) == 0 && index-- == 0)
            return section;
    }
    return NULL;
}

const gchar *
config_section_get_kind(const ConfigSection *self)
{
    return self->kind;
}

const gchar *
config_section_get_name(const ConfigSection *self)
{
    return self->name;
}

ConfigPosition
config_section_get_position(const ConfigSection *self)
{
    return self->position;
}

const gchar *
config_section_get_source_line(const ConfigSection *self)
{
    return self->source_line;
}

const gchar *
config_section_get_label(const ConfigSection *self)
{
    return self->label;
}

void
config_section_claim(ConfigSection *self)
{
    self->is_claimed = TRUE;
}

ConfigValue *
config_section_use(ConfigSection *self, const gchar *key)
{
    ConfigValue *value = g_hash_table_lookup(self->by_key, key);

    self->is_claimed = TRUE;
    if (value != NULL)
        value->is_used = TRUE;
    return value;
}

void
config_section_report(ConfigSection *self, ConfigProblems *problems, const gchar *key,
                      const gchar *format, ...)
{
    ConfigValue *value = key == NULL ? NULL : config_section_use(self, key);
    g_autofree gchar *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    if (value != NULL)
        config_value_report(value, problems, 0, value->raw.len, "%s", message);
    else
        config_problems_add(problems, self->position, config_section_get_label(self), key,
                            self->source_line, (guint)strlen(config_section_get_label(self)) + 2,
                            "%s", message);
}

guint
config_section_get_n_keys(const ConfigSection *self)
{
    return self->values->len;
}

const gchar *
config_section_get_key(const ConfigSection *self, guint index)
{
    const ConfigValue *value = g_ptr_array_index(self->values, index);

    return value->key;
}

void
config_tree_declare(ConfigTree *self, const gchar *kind, const gchar *key)
{
    GPtrArray *keys = g_hash_table_lookup(self->declared, kind);

    if (keys == NULL) {
        keys = g_ptr_array_new();
        g_hash_table_insert(self->declared, arena_dup_text(self->arena, kind), keys);
    }
    if (key != NULL)
        g_ptr_array_add(keys, arena_dup_text(self->arena, key));
}

/* The nearest of the texts in (candidates), or NULL. */
static const gchar *
config_tree_nearest(GPtrArray *candidates, const gchar *text)
{
    const gchar *nearest;

    g_ptr_array_add(candidates, NULL);
    nearest = text_nearest(text, (const gchar *const *)candidates->pdata);
    g_ptr_array_set_size(candidates, (gint)candidates->len - 1);
    return nearest;
}

static const gchar *
config_tree_nearest_key(ConfigTree *self, const ConfigSection *section, const gchar *key)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    const gchar *owners[] = {section->label, section->kind};

    for (gsize i = 0; i < G_N_ELEMENTS(owners); i++) {
        GPtrArray *keys = g_hash_table_lookup(self->declared, owners[i]);

        if (keys != NULL)
            g_ptr_array_extend(all, keys, NULL, NULL);
    }
    return config_tree_nearest(all, key);
}

/* Where sections of the same kind are known by their whole label, the nearest of those;
 * else the nearest kind. */
static const gchar *
config_tree_nearest_section(ConfigTree *self, const ConfigSection *section)
{
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();
    g_autoptr(GPtrArray) siblings = g_ptr_array_new();
    g_autofree gchar *prefix = g_strconcat(section->kind, " ", NULL);
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, self->declared);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (g_str_has_prefix(name, prefix))
            g_ptr_array_add(siblings, name);
        else if (strchr(name, ' ') == NULL)
            g_ptr_array_add(kinds, name);
    }
    if (siblings->len > 0)
        return config_tree_nearest(siblings, section->label);
    return config_tree_nearest(kinds, section->kind);
}

static void
config_tree_report_section(ConfigTree *self, const ConfigSection *section,
                           ConfigProblems *problems)
{
    const gchar *nearest = config_tree_nearest_section(self, section);
    guint width = (guint)strlen(section->label) + 2;
    g_autofree gchar *hint = NULL;

    if (nearest != NULL && strcmp(nearest, section->kind) == 0)
        nearest = NULL;
    hint = config_problem_dup_hint("[", nearest, "]");
    config_problems_add(problems, section->position, NULL, NULL, section->source_line, width,
                        _("nothing knows the section [%s]%s"), section->label, hint);
}

static void
config_tree_report_key(ConfigTree *self, const ConfigSection *section, const ConfigValue *value,
                       ConfigProblems *problems)
{
    const gchar *nearest = config_tree_nearest_key(self, section, value->key);
    g_autofree gchar *hint = NULL;

    if (nearest != NULL && strcmp(nearest, value->key) == 0)
        nearest = NULL;
    hint = config_problem_dup_hint("", nearest, "");
    config_problems_add(problems, value->key_position, section->label, NULL, value->key_line,
                        (guint)strlen(value->key), _("there is no setting %s%s"), value->key, hint);
}

void
config_tree_report_unknown(ConfigTree *self, ConfigProblems *problems)
{
    for (guint i = 0; i < self->sections->len; i++) {
        const ConfigSection *section = g_ptr_array_index(self->sections, i);

        if (!section->is_claimed) {
            config_tree_report_section(self, section, problems);
            continue;
        }
        for (guint k = 0; k < section->values->len; k++) {
            const ConfigValue *value = g_ptr_array_index(section->values, k);

            if (!value->is_used)
                config_tree_report_key(self, section, value, problems);
        }
    }
}
