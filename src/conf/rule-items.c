/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-items.h"

#include "base/i18n.h"
#include "base/text.h"
#include "base/units.h"
#include "conf/config-value.h"

typedef struct {
    RuleParser *parser;
    BaridSettingType type;
    const RuleBounds *bounds;
    GArray *numbers;
    GPtrArray *texts;
} ItemsReader;

gboolean
rule_items_is_type(BaridSettingType type)
{
    return type == BARID_TYPE_RULE_DURATIONS || type == BARID_TYPE_RULE_LIST;
}

/* --- reading --- */

static void
items_add_duration(ItemsReader *self, BaridSlice item, gsize offset)
{
    g_autofree gchar *reason = NULL;
    gint64 ms = 0;
    UnitsResult result = units_parse_duration(item, &ms);

    if (result != UNITS_OK)
        reason = g_strdup_printf(_("%s: write durations such as 30s, 5min, 2h or 7d, with commas "
                                   "between"),
                                 units_result_describe(result));
    else if (self->bounds != NULL)
        reason = rule_bounds_check(self->bounds, BARID_TYPE_DURATIONS, ms);
    if (reason != NULL)
        rule_parser_report(self->parser, offset, item.len, "%s", reason);
    else
        g_array_append_val(self->numbers, ms);
}

/* A word of the setting's, in its own spelling. */
static const gchar *
items_find_word(ItemsReader *self, const gchar *text, gsize offset, gsize width)
{
    const gchar *const *words = self->bounds->words;
    g_autofree gchar *all = NULL;

    for (guint i = 0; words[i] != NULL; i++) {
        if (g_ascii_strcasecmp(words[i], text) == 0)
            return words[i];
    }
    all = g_strjoinv(", ", (gchar **)words);
    rule_parser_report(self->parser, offset, width, _("write some of: %s; or none"), all);
    return NULL;
}

static void
items_add_text(ItemsReader *self, BaridSlice item, gsize offset)
{
    Arena *arena = self->parser->arena;
    gsize quote = 0;
    const gchar *text;

    if (item.data[0] == '"') {
        BaridSlice inside;
        ConfigQuoteResult result = config_quote_parse(item, &quote, arena, &inside);

        if (result != CONFIG_QUOTE_OK || quote != item.len) {
            rule_parser_report(self->parser, offset + quote, 1, "%s",
                               result != CONFIG_QUOTE_OK ? config_quote_describe(result)
                                                         : _("text after the closing quote"));
            return;
        }
        item = inside;
    }
    text = arena_dup_slice_text(arena, item);
    if (self->bounds != NULL && self->bounds->words != NULL)
        text = items_find_word(self, text, offset, item.len);
    if (text != NULL)
        g_ptr_array_add(self->texts, (gpointer)(guintptr)text);
}

/* The length of the first item: up to a comma outside quotes. */
static gsize
items_measure(BaridSlice rest)
{
    gboolean is_quoted = FALSE;
    gsize len;

    for (len = 0; len < rest.len; len++) {
        if (rest.data[len] == '\\' && is_quoted)
            len++;
        else if (rest.data[len] == '"')
            is_quoted = !is_quoted;
        else if (rest.data[len] == ',' && !is_quoted)
            break;
    }
    return MIN(len, rest.len);
}

static void
items_read(ItemsReader *self, const RuleToken *token)
{
    BaridSlice rest = token->text;
    gboolean goes_on = TRUE;

    while (goes_on) {
        gsize len = items_measure(rest);
        BaridSlice item = text_trim(barid_slice(rest.data, len));
        gsize offset = token->offset + (gsize)((item.len > 0 ? item.data : rest.data) -
                                               token->text.data);

        if (item.len == 0)
            rule_parser_report(self->parser, offset, 1, _("an entry of the list is empty"));
        else if (self->type == BARID_TYPE_RULE_DURATIONS)
            items_add_duration(self, item, offset);
        else
            items_add_text(self, item, offset);
        goes_on = len < rest.len;
        if (goes_on)
            rest = barid_slice(rest.data + len + 1, rest.len - len - 1);
    }
}

static const RuleItems *
items_finish(ItemsReader *self)
{
    Arena *arena = self->parser->arena;
    RuleItems *items = arena_new0(arena, RuleItems);
    gsize bytes = self->numbers->len * sizeof(gint64);
    gint64 *numbers = arena_alloc(arena, bytes + sizeof(gint64));
    const gchar **texts = arena_alloc(arena, (self->texts->len + 1) * sizeof(gchar *));

    if (bytes > 0)
        memcpy(numbers, self->numbers->data, bytes);
    for (guint i = 0; i < self->texts->len; i++)
        texts[i] = g_ptr_array_index(self->texts, i);
    texts[self->texts->len] = NULL;
    items->count = self->type == BARID_TYPE_RULE_DURATIONS ? self->numbers->len : self->texts->len;
    items->numbers = numbers;
    items->texts = texts;
    return items;
}

const RuleItems *
rule_items_take(RuleParser *parser, const RuleToken *token, BaridSettingType type,
                const RuleBounds *bounds)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    ItemsReader reader = {parser, type, bounds, numbers, texts};
    guint n_problems = parser->n_problems;

    if (!barid_slice_equal_text(token->text, "none"))
        items_read(&reader, token);
    else if (bounds != NULL && bounds->needs_entry)
        rule_parser_report(parser, token->offset, token->width,
                           _("at least one entry is required"));
    return parser->n_problems == n_problems ? items_finish(&reader) : NULL;
}

/* --- using --- */

gboolean
rule_items_equal(const RuleItems *a, const RuleItems *b)
{
    if (a->count != b->count)
        return FALSE;
    for (guint i = 0; i < a->count; i++) {
        if (a->texts[0] != NULL ? strcmp(a->texts[i], b->texts[i]) != 0
                                : a->numbers[i] != b->numbers[i])
            return FALSE;
    }
    return TRUE;
}

gchar *
rule_items_format(const RuleItems *self)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < self->count; i++) {
        g_autofree gchar *duration =
            self->texts[0] != NULL ? NULL : units_format_duration(self->numbers[i]);

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "",
                               duration != NULL ? duration : self->texts[i]);
    }
    return self->count == 0 ? g_strdup("none")
                            : g_string_free(g_steal_pointer(&out), FALSE);
}
