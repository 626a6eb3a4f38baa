/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that every rule may call. */
#include "base/text.h"
#include "base/units.h"
#include "conf/rule-dns.h"
#include "conf/rule-registry.h"

/* Bytes of a text that is made of others: peers choose how long those are. */
enum { RULE_TEXT_MAX = 64 * 1024 };

/* For what failed, "WHAT: TEXT". */
static gboolean
rule_function_fail(const gchar *what, BaridSlice text, Arena *scratch, RuleValue *out_value)
{
    g_autofree gchar *shown = text_escape(text, 80);

    out_value->as.text = barid_slice_from_text(arena_printf(scratch, "%s: %s", what, shown));
    return FALSE;
}

#define RULE_FUNCTION(name) \
    static gboolean rule_function_##name(const RuleCall *call, RuleValue *out_value)

/* Texts. Lengths and places count bytes. */

RULE_FUNCTION(lower)
{
    out_value->as.text = arena_dup_lower(call->scratch, call->args[0].as.text);
    return TRUE;
}

RULE_FUNCTION(upper)
{
    BaridSlice text = call->args[0].as.text;
    guint8 *copy = arena_alloc(call->scratch, text.len);

    for (gsize i = 0; i < text.len; i++)
        copy[i] = (guint8)g_ascii_toupper((gchar)text.data[i]);
    out_value->as.text = barid_slice(copy, text.len);
    return TRUE;
}

RULE_FUNCTION(trim)
{
    out_value->as.text = text_trim(call->args[0].as.text);
    return TRUE;
}

RULE_FUNCTION(length)
{
    out_value->as.integer = (gint64)call->args[0].as.text.len;
    return TRUE;
}

/* A start behind the end, before which it is counted when negative, gives the empty text. */
static BaridSlice
rule_function_cut(BaridSlice text, gint64 start, gint64 length)
{
    gint64 size = (gint64)text.len;

    if (start < 0)
        start = MAX(start + size, 0);
    if (start >= size || length <= 0)
        return BARID_SLICE_EMPTY;
    return barid_slice(text.data + start, (gsize)MIN(length, size - start));
}

RULE_FUNCTION(substring)
{
    out_value->as.text =
        rule_function_cut(call->args[0].as.text, call->args[1].as.integer,
                          call->args[2].as.integer);
    return TRUE;
}

RULE_FUNCTION(substring_to_end)
{
    out_value->as.text =
        rule_function_cut(call->args[0].as.text, call->args[1].as.integer, G_MAXINT64);
    return TRUE;
}

RULE_FUNCTION(strip_prefix)
{
    BaridSlice text = call->args[0].as.text;
    BaridSlice prefix = call->args[1].as.text;

    if (text_starts_with(text, prefix))
        text = barid_slice(text.data + prefix.len, text.len - prefix.len);
    out_value->as.text = text;
    return TRUE;
}

RULE_FUNCTION(strip_suffix)
{
    BaridSlice text = call->args[0].as.text;

    if (text_ends_with(text, call->args[1].as.text))
        text.len -= call->args[1].as.text.len;
    out_value->as.text = text;
    return TRUE;
}

/* The length of (text) up to (separator), all of it without one. */
static gsize
rule_function_find(BaridSlice text, BaridSlice separator)
{
    const guint8 *at = NULL;

    if (text.len > 0 && separator.len > 0)
        at = memmem(text.data, text.len, separator.data, separator.len);
    return at == NULL ? text.len : (gsize)(at - text.data);
}

static gboolean
rule_function_next_part(BaridSlice *rest, BaridSlice separator, BaridSlice *out_part)
{
    gsize len = rule_function_find(*rest, separator);
    gboolean is_last = len == rest->len;

    *out_part = barid_slice(rest->data, len);
    if (!is_last)
        *rest = barid_slice(rest->data + len + separator.len, rest->len - len - separator.len);
    return !is_last;
}

static gint64
rule_function_count_parts(BaridSlice text, BaridSlice separator)
{
    BaridSlice part;
    gint64 count = 1;

    while (rule_function_next_part(&text, separator, &part))
        count++;
    return count;
}

/* Parts count from 1, from the end when negative. */
RULE_FUNCTION(split_part)
{
    BaridSlice rest = call->args[0].as.text;
    BaridSlice part = BARID_SLICE_EMPTY;
    gint64 count = rule_function_count_parts(rest, call->args[1].as.text);
    gint64 number = call->args[2].as.integer;

    if (number < 0)
        number = number < -count ? 0 : count + number + 1;
    out_value->as.text = BARID_SLICE_EMPTY;
    if (number < 1 || number > count)
        return TRUE;
    for (gint64 i = 0; i < number; i++)
        rule_function_next_part(&rest, call->args[1].as.text, &part);
    out_value->as.text = part;
    return TRUE;
}

RULE_FUNCTION(replace)
{
    BaridSlice rest = call->args[0].as.text;
    gint64 count = rule_function_count_parts(rest, call->args[1].as.text) - 1;
    gsize size = rest.len + (gsize)count * call->args[2].as.text.len;
    gsize len = 0;
    gboolean goes_on = TRUE;
    guint8 *copy;

    if (size > RULE_TEXT_MAX)
        return rule_function_fail("replace: the text becomes too long", rest, call->scratch,
                                  out_value);
    copy = arena_alloc(call->scratch, size);
    while (goes_on) {
        BaridSlice part;

        goes_on = rule_function_next_part(&rest, call->args[1].as.text, &part);
        if (part.len > 0)
            memcpy(copy + len, part.data, part.len);
        len += part.len;
        if (goes_on && call->args[2].as.text.len > 0)
            memcpy(copy + len, call->args[2].as.text.data, call->args[2].as.text.len);
        len += goes_on ? call->args[2].as.text.len : 0;
    }
    out_value->as.text = barid_slice(copy, len);
    return TRUE;
}

static gboolean
rule_function_join(const RuleCall *call, guint n_args, RuleValue *out_value)
{
    const RuleValue *args = call->args;
    gsize len = 0;
    guint8 *copy;

    for (guint i = 0; i < n_args; i++)
        len += args[i].as.text.len;
    if (len > RULE_TEXT_MAX)
        return rule_function_fail("concat: the text becomes too long", args[0].as.text,
                                  call->scratch, out_value);
    copy = arena_alloc(call->scratch, len);
    len = 0;
    for (guint i = 0; i < n_args; i++) {
        if (args[i].as.text.len > 0)
            memcpy(copy + len, args[i].as.text.data, args[i].as.text.len);
        len += args[i].as.text.len;
    }
    out_value->as.text = barid_slice(copy, len);
    return TRUE;
}

RULE_FUNCTION(concat2)
{
    return rule_function_join(call, 2, out_value);
}

RULE_FUNCTION(concat3)
{
    return rule_function_join(call, 3, out_value);
}

RULE_FUNCTION(concat4)
{
    return rule_function_join(call, 4, out_value);
}

RULE_FUNCTION(count_chars)
{
    BaridSlice text = call->args[0].as.text;

    out_value->as.integer = 0;
    for (gsize i = 0; i < text.len; i++)
        out_value->as.integer += text_find(call->args[1].as.text, text.data[i]) >= 0;
    return TRUE;
}

RULE_FUNCTION(count_upper)
{
    out_value->as.integer = 0;
    for (gsize i = 0; i < call->args[0].as.text.len; i++)
        out_value->as.integer += g_ascii_isupper(call->args[0].as.text.data[i]) != 0;
    return TRUE;
}

RULE_FUNCTION(contains_ignoring_case)
{
    out_value->as.boolean = text_contains_nocase(call->args[0].as.text, call->args[1].as.text);
    return TRUE;
}

RULE_FUNCTION(equals_ignoring_case)
{
    out_value->as.boolean = call->args[0].as.text.len == call->args[1].as.text.len &&
                            text_contains_nocase(call->args[0].as.text, call->args[1].as.text);
    return TRUE;
}

RULE_FUNCTION(hash)
{
    BaridSlice text = call->args[0].as.text;
    g_autofree gchar *sum = g_compute_checksum_for_data(
        G_CHECKSUM_SHA256, text.len > 0 ? text.data : (const guchar *)"", text.len);

    out_value->as.text = arena_dup_slice(call->scratch, barid_slice_from_text(sum));
    return TRUE;
}

/* Mail addresses. */

/* A quoted local-part may hold an at sign (RFC 5321 section 4.1.2), a domain never does. */
RULE_FUNCTION(domain_part)
{
    BaridSlice text = call->args[0].as.text;
    gssize at = text_find_last(text, '@');

    out_value->as.text = BARID_SLICE_EMPTY;
    if (at >= 0)
        out_value->as.text = barid_slice(text.data + at + 1, text.len - (gsize)at - 1);
    return TRUE;
}

RULE_FUNCTION(local_part)
{
    BaridSlice text = call->args[0].as.text;
    gssize at = text_find_last(text, '@');

    out_value->as.text = at >= 0 ? barid_slice(text.data, (gsize)at) : text;
    return TRUE;
}

/* Network addresses. */

/* An address literal of RFC 5321 section 4.1.3 stands in brackets. */
static gboolean
rule_function_parse_ip(BaridSlice text, Address *out_address)
{
    if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        text = barid_slice(text.data + 1, text.len - 2);
    if (text.len > 5 && g_ascii_strncasecmp((const gchar *)text.data, "IPv6:", 5) == 0)
        text = barid_slice(text.data + 5, text.len - 5);
    return address_parse_ip(text, out_address);
}

RULE_FUNCTION(is_ip)
{
    Address address;

    out_value->as.boolean = rule_function_parse_ip(call->args[0].as.text, &address);
    return TRUE;
}

RULE_FUNCTION(text_is_ipv4)
{
    Address address;

    out_value->as.boolean =
        rule_function_parse_ip(call->args[0].as.text, &address) && !address.is_v6;
    return TRUE;
}

RULE_FUNCTION(text_is_ipv6)
{
    Address address;

    out_value->as.boolean =
        rule_function_parse_ip(call->args[0].as.text, &address) && address.is_v6;
    return TRUE;
}

RULE_FUNCTION(is_ipv4)
{
    out_value->as.boolean = !call->args[0].as.address.is_v6;
    return TRUE;
}

RULE_FUNCTION(is_ipv6)
{
    out_value->as.boolean = call->args[0].as.address.is_v6;
    return TRUE;
}

RULE_FUNCTION(to_ip)
{
    return rule_function_parse_ip(call->args[0].as.text, &out_value->as.address) ||
           rule_function_fail("to-ip: this is no address", call->args[0].as.text, call->scratch,
                              out_value);
}

/* The name below in-addr.arpa or ip6.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5). */
RULE_FUNCTION(reverse_name)
{
    const Address *address = &call->args[0].as.address;
    BaridSlice reversed = rule_dns_reverse(address, call->scratch);

    out_value->as.text = barid_slice_from_text(
        arena_printf(call->scratch, "%.*s.%s", (gint)reversed.len, reversed.data,
                     address->is_v6 ? "ip6.arpa" : "in-addr.arpa"));
    return TRUE;
}

/* Numbers. */

RULE_FUNCTION(is_number)
{
    gint64 ignored;

    out_value->as.boolean = units_parse_integer(call->args[0].as.text, &ignored) == UNITS_OK;
    return TRUE;
}

RULE_FUNCTION(to_number)
{
    return units_parse_integer(call->args[0].as.text, &out_value->as.integer) == UNITS_OK ||
           rule_function_fail("to-number: this is no number", call->args[0].as.text,
                              call->scratch, out_value);
}

RULE_FUNCTION(to_number_or)
{
    if (units_parse_integer(call->args[0].as.text, &out_value->as.integer) != UNITS_OK)
        out_value->as.integer = call->args[1].as.integer;
    return TRUE;
}

RULE_FUNCTION(min)
{
    out_value->as.integer = MIN(call->args[0].as.integer, call->args[1].as.integer);
    return TRUE;
}

RULE_FUNCTION(max)
{
    out_value->as.integer = MAX(call->args[0].as.integer, call->args[1].as.integer);
    return TRUE;
}

RULE_FUNCTION(choose)
{
    out_value->as = call->args[call->args[0].as.boolean ? 1 : 2].as;
    return TRUE;
}

/* Stores. */

RULE_FUNCTION(store_get)
{
    BaridSlice text = BARID_SLICE_EMPTY;
    RuleAnswer answer = rule_registry_lookup_store(call->scope, call->args[0].as.store,
                                                   call->args[1].as.text, call->scratch, &text);

    out_value->as.text = answer == RULE_ANSWER_ABSENT ? BARID_SLICE_EMPTY : text;
    return answer != RULE_ANSWER_FAILED;
}

const RuleFunctionInfo rule_builtin_functions[] = {
    {"lower", RULE_TEXT, {RULE_TEXT}, 1, rule_function_lower, RULE_FUNCTION_PURE, NULL},
    {"upper", RULE_TEXT, {RULE_TEXT}, 1, rule_function_upper, RULE_FUNCTION_PURE, NULL},
    {"trim", RULE_TEXT, {RULE_TEXT}, 1, rule_function_trim, RULE_FUNCTION_PURE, NULL},
    {"length", RULE_INTEGER, {RULE_TEXT}, 1, rule_function_length, RULE_FUNCTION_PURE, NULL},
    {"substring", RULE_TEXT, {RULE_TEXT, RULE_INTEGER}, 2,
     rule_function_substring_to_end, RULE_FUNCTION_PURE, NULL},
    {"substring", RULE_TEXT, {RULE_TEXT, RULE_INTEGER, RULE_INTEGER}, 3,
     rule_function_substring, RULE_FUNCTION_PURE, NULL},
    {"strip-prefix", RULE_TEXT, {RULE_TEXT, RULE_TEXT}, 2,
     rule_function_strip_prefix, RULE_FUNCTION_PURE, NULL},
    {"strip-suffix", RULE_TEXT, {RULE_TEXT, RULE_TEXT}, 2,
     rule_function_strip_suffix, RULE_FUNCTION_PURE, NULL},
    {"split-part", RULE_TEXT, {RULE_TEXT, RULE_TEXT, RULE_INTEGER}, 3,
     rule_function_split_part, RULE_FUNCTION_PURE, NULL},
    {"replace", RULE_TEXT, {RULE_TEXT, RULE_TEXT, RULE_TEXT}, 3,
     rule_function_replace, RULE_FUNCTION_PURE, NULL},
    {"concat", RULE_TEXT, {RULE_TEXT, RULE_TEXT}, 2,
     rule_function_concat2, RULE_FUNCTION_PURE, NULL},
    {"concat", RULE_TEXT, {RULE_TEXT, RULE_TEXT, RULE_TEXT}, 3,
     rule_function_concat3, RULE_FUNCTION_PURE, NULL},
    {"concat", RULE_TEXT, {RULE_TEXT, RULE_TEXT, RULE_TEXT, RULE_TEXT}, 4,
     rule_function_concat4, RULE_FUNCTION_PURE, NULL},
    {"count-chars", RULE_INTEGER, {RULE_TEXT, RULE_TEXT}, 2,
     rule_function_count_chars, RULE_FUNCTION_PURE, NULL},
    {"count-upper", RULE_INTEGER, {RULE_TEXT}, 1,
     rule_function_count_upper, RULE_FUNCTION_PURE, NULL},
    {"contains-ignoring-case", RULE_BOOL, {RULE_TEXT, RULE_TEXT}, 2,
     rule_function_contains_ignoring_case, RULE_FUNCTION_PURE, NULL},
    {"equals-ignoring-case", RULE_BOOL, {RULE_TEXT, RULE_TEXT}, 2,
     rule_function_equals_ignoring_case, RULE_FUNCTION_PURE, NULL},
    {"hash", RULE_TEXT, {RULE_TEXT}, 1, rule_function_hash, RULE_FUNCTION_PURE, NULL},
    {"domain-part", RULE_TEXT, {RULE_TEXT}, 1,
     rule_function_domain_part, RULE_FUNCTION_PURE, NULL},
    {"local-part", RULE_TEXT, {RULE_TEXT}, 1, rule_function_local_part, RULE_FUNCTION_PURE, NULL},
    {"is-ip", RULE_BOOL, {RULE_TEXT}, 1, rule_function_is_ip, RULE_FUNCTION_PURE, NULL},
    {"is-ipv4", RULE_BOOL, {RULE_TEXT}, 1, rule_function_text_is_ipv4, RULE_FUNCTION_PURE, NULL},
    {"is-ipv4", RULE_BOOL, {RULE_ADDRESS}, 1, rule_function_is_ipv4, RULE_FUNCTION_PURE, NULL},
    {"is-ipv6", RULE_BOOL, {RULE_TEXT}, 1, rule_function_text_is_ipv6, RULE_FUNCTION_PURE, NULL},
    {"is-ipv6", RULE_BOOL, {RULE_ADDRESS}, 1, rule_function_is_ipv6, RULE_FUNCTION_PURE, NULL},
    {"to-ip", RULE_ADDRESS, {RULE_TEXT}, 1, rule_function_to_ip, RULE_FUNCTION_PURE, NULL},
    {"reverse-name", RULE_TEXT, {RULE_ADDRESS}, 1,
     rule_function_reverse_name, RULE_FUNCTION_PURE, NULL},
    {"is-number", RULE_BOOL, {RULE_TEXT}, 1, rule_function_is_number, RULE_FUNCTION_PURE, NULL},
    {"to-number", RULE_INTEGER, {RULE_TEXT}, 1,
     rule_function_to_number, RULE_FUNCTION_PURE, NULL},
    {"to-number", RULE_INTEGER, {RULE_TEXT, RULE_INTEGER}, 2,
     rule_function_to_number_or, RULE_FUNCTION_PURE, NULL},
    {"min", RULE_INTEGER, {RULE_INTEGER, RULE_INTEGER}, 2,
     rule_function_min, RULE_FUNCTION_PURE, NULL},
    {"min", RULE_DURATION, {RULE_DURATION, RULE_DURATION}, 2,
     rule_function_min, RULE_FUNCTION_PURE, NULL},
    {"max", RULE_INTEGER, {RULE_INTEGER, RULE_INTEGER}, 2,
     rule_function_max, RULE_FUNCTION_PURE, NULL},
    {"max", RULE_DURATION, {RULE_DURATION, RULE_DURATION}, 2,
     rule_function_max, RULE_FUNCTION_PURE, NULL},
    {"choose", RULE_INTEGER, {RULE_BOOL, RULE_INTEGER, RULE_INTEGER}, 3,
     rule_function_choose, RULE_FUNCTION_PURE, NULL},
    {"choose", RULE_DURATION, {RULE_BOOL, RULE_DURATION, RULE_DURATION}, 3,
     rule_function_choose, RULE_FUNCTION_PURE, NULL},
    {"choose", RULE_TEXT, {RULE_BOOL, RULE_TEXT, RULE_TEXT}, 3,
     rule_function_choose, RULE_FUNCTION_PURE, NULL},
    {"store-get", RULE_TEXT, {RULE_STORE, RULE_TEXT}, 2, rule_function_store_get,
     RULE_FUNCTION_ASKS, NULL},
    {NULL, RULE_BOOL, {RULE_BOOL}, 0, NULL, RULE_FUNCTION_PURE, NULL},
};
