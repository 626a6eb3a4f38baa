/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that every rule may call. */
#include "base/text.h"
#include "conf/rule-registry.h"

static void
rule_function_lower(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args, Arena *scratch,
                    RuleValue *out_value)
{
    out_value->as.text = arena_dup_lower(scratch, args[0].as.text);
}

static void
rule_function_upper(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args, Arena *scratch,
                    RuleValue *out_value)
{
    BaridSlice text = args[0].as.text;
    guint8 *copy = arena_alloc(scratch, text.len);

    for (gsize i = 0; i < text.len; i++)
        copy[i] = (guint8)g_ascii_toupper((gchar)text.data[i]);
    out_value->as.text = barid_slice(copy, text.len);
}

static void
rule_function_trim(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args,
                   Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.text = text_trim(args[0].as.text);
}

static void
rule_function_length(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args,
                     Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.integer = (gint64)args[0].as.text.len;
}

/* A quoted local-part may hold an at sign (RFC 5321 section 4.1.2), a domain never does. */
static void
rule_function_domain_part(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args,
                          Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    BaridSlice text = args[0].as.text;
    gssize at = text_find_last(text, '@');

    out_value->as.text = BARID_SLICE_EMPTY;
    if (at >= 0)
        out_value->as.text = barid_slice(text.data + at + 1, text.len - (gsize)at - 1);
}

static void
rule_function_local_part(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args,
                         Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    BaridSlice text = args[0].as.text;
    gssize at = text_find_last(text, '@');

    out_value->as.text = at >= 0 ? barid_slice(text.data, (gsize)at) : text;
}

static void
rule_function_is_ip(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args,
                    Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    BaridSlice text = args[0].as.text;
    Address address;

    /* An address literal of RFC 5321 section 4.1.3 stands in brackets. */
    if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        text = barid_slice(text.data + 1, text.len - 2);
    if (text.len > 5 && g_ascii_strncasecmp((const gchar *)text.data, "IPv6:", 5) == 0)
        text = barid_slice(text.data + 5, text.len - 5);
    out_value->as.boolean = address_parse_ip(text, &address);
}

static void
rule_function_is_ipv6(BaridScope *scope G_GNUC_UNUSED, const RuleValue *args,
                      Arena *scratch G_GNUC_UNUSED, RuleValue *out_value)
{
    out_value->as.boolean = args[0].as.address.is_v6;
}

const RuleFunctionInfo rule_builtin_functions[] = {
    {"lower", RULE_TEXT, {RULE_TEXT}, 1, rule_function_lower},
    {"upper", RULE_TEXT, {RULE_TEXT}, 1, rule_function_upper},
    {"trim", RULE_TEXT, {RULE_TEXT}, 1, rule_function_trim},
    {"length", RULE_INTEGER, {RULE_TEXT}, 1, rule_function_length},
    {"domain-part", RULE_TEXT, {RULE_TEXT}, 1, rule_function_domain_part},
    {"local-part", RULE_TEXT, {RULE_TEXT}, 1, rule_function_local_part},
    {"is-ip", RULE_BOOL, {RULE_TEXT}, 1, rule_function_is_ip},
    {"is-ipv6", RULE_BOOL, {RULE_ADDRESS}, 1, rule_function_is_ipv6},
    {NULL, RULE_BOOL, {RULE_BOOL}, 0, NULL},
};
