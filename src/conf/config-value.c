/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config-value.h"

#include <stdarg.h>

#include "base/i18n.h"
#include "base/text.h"

ConfigValue *
config_value_new_text(Arena *arena, const gchar *section, const gchar *key, const gchar *text)
{
    ConfigValue *self = arena_new0(arena, ConfigValue);
    ConfigSegment *segment = arena_new0(arena, ConfigSegment);
    gchar *copy = arena_dup_text(arena, text);

    segment->len = strlen(copy);
    segment->position = (ConfigPosition){g_intern_static_string("default"), 1, 1};
    segment->source_line = copy;
    self->arena = arena;
    self->section = section == NULL ? NULL : arena_dup_text(arena, section);
    self->key = key == NULL ? NULL : arena_dup_text(arena, key);
    self->raw = barid_slice(copy, segment->len);
    self->segments = segment;
    self->n_segments = 1;
    return self;
}

static const ConfigSegment *
config_value_find_segment(const ConfigValue *self, gsize offset)
{
    guint low = 0;
    guint high = self->n_segments;

    while (high - low > 1) {
        guint middle = low + (high - low) / 2;

        if (self->segments[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return &self->segments[low];
}

BaridSlice
config_value_get_raw(const ConfigValue *self)
{
    return self->raw;
}

const gchar *
config_value_get_key(const ConfigValue *self)
{
    return self->key;
}

ConfigPosition
config_value_locate(const ConfigValue *self, gsize offset)
{
    const ConfigSegment *segment = config_value_find_segment(self, offset);
    ConfigPosition position = segment->position;

    /* The blank that joins two lines stands for the end of the first. */
    position.column += (guint)MIN(offset - segment->offset, segment->len);
    return position;
}

const gchar *
config_value_get_source_line(const ConfigValue *self, gsize offset)
{
    return config_value_find_segment(self, offset)->source_line;
}

void
config_value_report(const ConfigValue *self, ConfigProblems *problems, gsize offset, gsize width,
                    const gchar *format, ...)
{
    g_autofree gchar *message = NULL;
    va_list args;

    if (self->is_broken)
        return;
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    config_problems_add(problems, config_value_locate(self, offset), self->section, self->key,
                        config_value_get_source_line(self, offset), (guint)MAX(width, 1), "%s",
                        message);
}

const gchar *
config_quote_describe(ConfigQuoteResult result)
{
    switch (result) {
    case CONFIG_QUOTE_OK:
        return "valid";
    case CONFIG_QUOTE_OPEN:
        return _("the closing \" is missing on this line");
    case CONFIG_QUOTE_BAD_ESCAPE:
        return _("after \\ inside quotes only \" \\ n and t may follow");
    }
    g_assert_not_reached();
}

static gint
config_quote_unescape(guint8 byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return byte;
    case 'n':
        return '\n';
    case 't':
        return '\t';
    default:
        return -1;
    }
}

/* The closing quote of the text that begins at (start), or the end. */
static gsize
config_quote_find_end(BaridSlice raw, gsize start)
{
    gsize at;

    for (at = start + 1; at < raw.len && raw.data[at] != '"'; at++) {
        if (raw.data[at] == '\\')
            at++;
    }
    return MIN(at, raw.len);
}

ConfigQuoteResult
config_quote_parse(BaridSlice raw, gsize *offset, Arena *arena, BaridSlice *out_text)
{
    gsize end = config_quote_find_end(raw, *offset);
    guint8 *text;
    gsize len = 0;

    if (end == raw.len)
        return CONFIG_QUOTE_OPEN;
    text = arena_alloc(arena, end - *offset);
    for (gsize at = *offset + 1; at < end; at++) {
        gint byte = raw.data[at];

        if (byte == '\\' && (byte = config_quote_unescape(raw.data[at + 1])) < 0) {
            *offset = at;
            return CONFIG_QUOTE_BAD_ESCAPE;
        }
        if (raw.data[at] == '\\')
            at++;
        text[len++] = (guint8)byte;
    }
    *out_text = barid_slice(text, len);
    *offset = end + 1;
    return CONFIG_QUOTE_OK;
}

/* Resolves raw[start, end), which is trimmed. NULL after a problem. */
static const gchar *
config_value_resolve(const ConfigValue *self, ConfigProblems *problems, gsize start, gsize end)
{
    BaridSlice part = barid_slice(self->raw.data + start, end - start);
    BaridSlice text;
    gsize offset = 0;
    ConfigQuoteResult result;
    gssize quote;

    if (part.len == 0 || part.data[0] != '"') {
        quote = text_find(part, '"');
        if (quote >= 0) {
            config_value_report(self, problems, start + (gsize)quote, 1,
                                _("a quote inside a text: put the whole text in quotes and "
                                  "write \\\" for each one in it"));
            return NULL;
        }
        text = arena_dup_slice(self->arena, part);
        return text.len == 0 ? "" : arena_dup_slice_text(self->arena, text);
    }
    result = config_quote_parse(part, &offset, self->arena, &text);
    if (result != CONFIG_QUOTE_OK) {
        config_value_report(self, problems, start + offset, 1, "%s",
                            config_quote_describe(result));
        return NULL;
    }
    while (offset < part.len && (part.data[offset] == ' ' || part.data[offset] == '\t'))
        offset++;
    if (offset != part.len) {
        config_value_report(self, problems, start + offset, part.len - offset,
                            _("text after the closing quote"));
        return NULL;
    }
    return (const gchar *)text.data;
}

const gchar *
config_value_get_text(ConfigValue *self, ConfigProblems *problems)
{
    if (self->is_broken)
        return NULL;
    if (self->text == NULL)
        self->text = config_value_resolve(self, problems, 0, self->raw.len);
    return self->text;
}

/* Where the entry that begins at (start) ends: at a comma outside quotes or at the end. */
static gsize
config_value_find_comma(BaridSlice raw, gsize start)
{
    gboolean is_quoted = FALSE;
    gsize at;

    for (at = start; at < raw.len; at++) {
        guint8 byte = raw.data[at];

        if (byte == '\\' && is_quoted)
            at++;
        else if (byte == '"')
            is_quoted = !is_quoted;
        else if (byte == ',' && !is_quoted)
            break;
    }
    return MIN(at, raw.len);
}

static gboolean
config_value_add_item(const ConfigValue *self, ConfigProblems *problems, gsize start, gsize end,
                      GArray *items)
{
    BaridSlice part = text_trim(barid_slice(self->raw.data + start, end - start));
    ConfigItem item;

    item.offset = part.len == 0 ? start : (gsize)(part.data - self->raw.data);
    item.width = part.len;
    if (part.len == 0) {
        config_value_report(self, problems, MIN(start, self->raw.len), 1,
                            _("an entry of the list is empty: entries are separated by one comma"));
        return FALSE;
    }
    item.text = config_value_resolve(self, problems, item.offset, item.offset + item.width);
    if (item.text == NULL)
        return FALSE;
    g_array_append_val(items, item);
    return TRUE;
}

static gboolean
config_value_split(const ConfigValue *self, ConfigProblems *problems, GArray *items)
{
    gboolean is_valid = TRUE;
    gsize start = 0;

    if (self->raw.len == 0)
        return TRUE;
    for (;;) {
        gsize end = config_value_find_comma(self->raw, start);

        if (!config_value_add_item(self, problems, start, end, items))
            is_valid = FALSE;
        if (end >= self->raw.len)
            return is_valid;
        start = end + 1;
    }
}

const gchar *const *
config_value_get_list(ConfigValue *self, ConfigProblems *problems)
{
    g_autoptr(GArray) items = NULL;
    ConfigItem *kept;

    if (self->is_broken)
        return NULL;
    if (self->list != NULL)
        return self->list;
    items = g_array_new(FALSE, FALSE, sizeof(ConfigItem));
    if (!config_value_split(self, problems, items))
        return NULL;
    kept = arena_alloc(self->arena, (items->len + 1) * sizeof(ConfigItem));
    self->list = arena_alloc(self->arena, (items->len + 1) * sizeof(gchar *));
    for (guint i = 0; i < items->len; i++) {
        kept[i] = g_array_index(items, ConfigItem, i);
        self->list[i] = kept[i].text;
    }
    self->items = kept;
    self->n_items = items->len;
    return self->list;
}

void
config_value_report_item(const ConfigValue *self, ConfigProblems *problems, guint index,
                         const gchar *format, ...)
{
    g_autofree gchar *message = NULL;
    va_list args;

    g_assert(index < self->n_items);
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    config_value_report(self, problems, self->items[index].offset, self->items[index].width, "%s",
                        message);
}
