/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-template.h"

#include "base/units.h"
#include "conf/rule-literal.h"

static BaridSlice
rule_value_dup(gchar *text, Arena *scratch)
{
    BaridSlice copy = arena_dup_slice(scratch, barid_slice_from_text(text));

    g_free(text);
    return copy;
}

static BaridSlice
rule_date_to_text(gint64 days, Arena *scratch)
{
    gint64 julian = CLAMP(days + RULE_DATE_EPOCH_JULIAN, 1, G_MAXINT32);
    GDate date;

    g_date_clear(&date, 1);
    g_date_set_julian(&date, (guint32)julian);
    return barid_slice_from_text(arena_printf(scratch, "%04u-%02u-%02u", g_date_get_year(&date),
                                              (guint)g_date_get_month(&date),
                                              (guint)g_date_get_day(&date)));
}

BaridSlice
rule_value_to_text(const RuleValue *value, Arena *scratch)
{
    gchar text[ADDRESS_TEXT_MAX];

    switch (value->type) {
    case RULE_TEXT:
        return value->as.text;
    case RULE_BOOL:
        return value->as.boolean ? BARID_SLICE_LITERAL("yes") : BARID_SLICE_LITERAL("no");
    case RULE_INTEGER:
        g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value->as.integer);
        return arena_dup_slice(scratch, barid_slice_from_text(text));
    case RULE_DURATION:
        return rule_value_dup(units_format_duration(value->as.integer), scratch);
    case RULE_DATE:
        return rule_date_to_text(value->as.integer, scratch);
    case RULE_ADDRESS:
        return arena_dup_slice(
            scratch, barid_slice_from_text(address_format_ip(&value->as.address, text)));
    case RULE_STORE:
    case RULE_DNS_TYPE:
        break;
    }
    g_assert_not_reached();
}

void
rule_variable_read(const RuleVariable *self, BaridSlice argument, BaridScope *scope,
                   Arena *scratch, RuleValue *out_value)
{
    memset(out_value, 0, sizeof *out_value);
    out_value->type = self->type;
    self->getter(scope, argument, scratch, out_value);
    out_value->type = self->type;
}

static BaridSlice
rule_piece_get(const RulePiece *self, BaridScope *scope, const RuleCaptures *captures,
               const RuleValue *registers, Arena *scratch)
{
    RuleValue value;

    switch (self->kind) {
    case RULE_PIECE_TEXT:
        return self->text;
    case RULE_PIECE_CAPTURE:
        return self->index < captures->count ? captures->text[self->index] : BARID_SLICE_EMPTY;
    case RULE_PIECE_VARIABLE:
        rule_variable_read(self->variable, self->text, scope, scratch, &value);
        return rule_value_to_text(&value, scratch);
    case RULE_PIECE_REGISTER:
        return registers[self->index].as.text;
    }
    g_assert_not_reached();
}

gchar *
rule_template_expand(const RuleTemplate *self, BaridScope *scope, const RuleCaptures *captures,
                     const RuleValue *registers, Arena *scratch)
{
    BaridSlice *parts = arena_alloc(scratch, self->n_pieces * sizeof(BaridSlice));
    gsize len = 0;
    gchar *text;
    gchar *to;

    for (guint i = 0; i < self->n_pieces; i++) {
        parts[i] = rule_piece_get(&self->pieces[i], scope, captures, registers, scratch);
        len += parts[i].len;
    }
    text = to = g_malloc(len + 1);
    for (guint i = 0; i < self->n_pieces; i++) {
        for (gsize k = 0; k < parts[i].len; k++)
            *to++ = parts[i].data[k] == 0 ? '?' : (gchar)parts[i].data[k];
    }
    *to = '\0';
    if (!g_utf8_validate(text, (gssize)len, NULL)) {
        gchar *valid = g_utf8_make_valid(text, (gssize)len);

        g_free(text);
        text = valid;
    }
    return text;
}
