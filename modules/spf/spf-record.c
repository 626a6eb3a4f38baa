/* SPDX-License-Identifier: Apache-2.0 */
#include "spf-record.h"

#include <arpa/inet.h>

enum { SPF_SHOWN_MAX = 80 };

/* --- words --- */

static gboolean
text_is(BaridSlice text, const gchar *word)
{
    return barid_slice_equal_nocase(text, barid_slice_from_text(word));
}

static BaridSlice
text_from(BaridSlice text, gsize start)
{
    return start == 0 ? text : barid_slice(text.data + start, text.len - start);
}

static gssize
text_find(BaridSlice text, const gchar *bytes)
{
    for (gsize i = 0; i < text.len; i++) {
        if (text.data[i] != '\0' && strchr(bytes, text.data[i]) != NULL)
            return (gssize)i;
    }
    return -1;
}

static gboolean
record_fail(BaridSlice term, const gchar *what, GError **error)
{
    g_autofree gchar *shown =
        g_strndup((const gchar *)term.data, MIN(term.len, SPF_SHOWN_MAX));

    for (gchar *p = shown; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
    }
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "%s in \"%s\"", what, shown);
    return FALSE;
}

gboolean
spf_record_is(BaridSlice text)
{
    return text.len >= 6 && text_is(barid_slice(text.data, 6), "v=spf1") &&
           (text.len == 6 || text.data[6] == ' ');
}

/* --- macros --- */

/* macro-expand behind "%{": a letter, digits, "r", delimiters, "}". Returns its length, or 0. */
static gsize
macro_measure(BaridSlice text, SpfMacroUse use)
{
    gsize pos = 0;

    if (text.len == 0 || text.data[0] == '\0' ||
        strchr(use == SPF_MACRO_DOMAIN ? "slodiphv" : "slodiphvcrt",
               g_ascii_tolower((gchar)text.data[0])) == NULL)
        return 0;
    pos++;
    while (pos < text.len && g_ascii_isdigit(text.data[pos]))
        pos++;
    /* A count of zero keeps nothing and is an error (section 7.3). */
    if (pos > 1) {
        gsize zeros = 1;

        while (zeros < pos && text.data[zeros] == '0')
            zeros++;
        if (zeros == pos)
            return 0;
    }
    if (pos < text.len && (text.data[pos] == 'r' || text.data[pos] == 'R'))
        pos++;
    while (pos < text.len && text.data[pos] != '\0' && strchr(".-+,/_=", text.data[pos]) != NULL)
        pos++;
    return pos < text.len && text.data[pos] == '}' ? pos + 1 : 0;
}

gboolean
spf_macro_is_valid(BaridSlice text, SpfMacroUse use)
{
    for (gsize pos = 0; pos < text.len; pos++) {
        guint8 byte = text.data[pos];
        gsize len;

        if (byte == ' ' && use == SPF_MACRO_EXPLANATION)
            continue;
        if (byte < 0x21 || byte > 0x7e)
            return FALSE;
        if (byte != '%')
            continue;
        if (++pos == text.len)
            return FALSE;
        if (strchr("%_-", text.data[pos]) != NULL && text.data[pos] != '\0')
            continue;
        if (text.data[pos] != '{')
            return FALSE;
        len = macro_measure(text_from(text, pos + 1), use);
        if (len == 0)
            return FALSE;
        pos += len;
    }
    return TRUE;
}

/* toplabel: letters, digits and inner dashes, not digits alone. */
static gboolean
is_top_label(BaridSlice label)
{
    gboolean has_other = FALSE;

    if (label.len == 0 || label.data[0] == '-' || label.data[label.len - 1] == '-')
        return FALSE;
    for (gsize i = 0; i < label.len; i++) {
        if (!g_ascii_isalnum(label.data[i]) && label.data[i] != '-')
            return FALSE;
        has_other |= !g_ascii_isdigit(label.data[i]);
    }
    return has_other;
}

/* domain-spec: a macro-string that ends with a macro or with a label of a top-level domain. */
static gboolean
is_domain_spec(BaridSlice text)
{
    gsize end = text.len;
    gsize start;

    if (text.len == 0 || !spf_macro_is_valid(text, SPF_MACRO_DOMAIN))
        return FALSE;
    if (text.data[end - 1] == '}')
        return TRUE;
    if (text.data[end - 1] == '.')
        end--;
    start = end;
    while (start > 0 && text.data[start - 1] != '.')
        start--;
    return start > 0 && is_top_label(barid_slice(text.data + start, end - start));
}

/* --- prefixes --- */

/* Decimal, without leading zeros. */
static gboolean
parse_prefix(BaridSlice digits, guint limit, guint8 *out_prefix)
{
    guint prefix = 0;

    if (digits.len == 0 || digits.len > 3 || (digits.len > 1 && digits.data[0] == '0'))
        return FALSE;
    for (gsize i = 0; i < digits.len; i++) {
        if (!g_ascii_isdigit(digits.data[i]))
            return FALSE;
        prefix = prefix * 10 + (guint)(digits.data[i] - '0');
    }
    *out_prefix = (guint8)prefix;
    return prefix <= limit;
}

/* How many bytes of digits stand at the end. */
static gsize
count_last_digits(BaridSlice text)
{
    gsize count = 0;

    while (count < text.len && g_ascii_isdigit(text.data[text.len - 1 - count]))
        count++;
    return count;
}

/* Takes dual-cidr-length from the end of (*text): "/24", "//64" or "/24//64". */
static gboolean
take_prefixes(BaridSlice *text, SpfTerm *term)
{
    gsize digits = count_last_digits(*text);
    gsize left = text->len - digits;
    BaridSlice number = text_from(*text, left);

    if (left < 1 || text->data[left - 1] != '/')
        return TRUE;
    if (left >= 2 && text->data[left - 2] == '/') {
        if (!parse_prefix(number, 128, &term->prefix6))
            return FALSE;
        text->len = left - 2;
        digits = count_last_digits(*text);
        left = text->len - digits;
        number = text_from(*text, left);
        if (digits == 0 || left < 1 || text->data[left - 1] != '/')
            return TRUE;
    }
    if (!parse_prefix(number, 32, &term->prefix4))
        return FALSE;
    text->len = left - 1;
    return TRUE;
}

/* --- mechanisms --- */

static gboolean
parse_network(BaridSlice value, int family, guint prefix_max, guint8 *out_prefix, SpfTerm *term)
{
    gssize slash = text_find(value, "/");
    BaridSlice address = slash < 0 ? value : barid_slice(value.data, (gsize)slash);
    gchar text[INET6_ADDRSTRLEN];

    if (slash >= 0 && !parse_prefix(text_from(value, (gsize)slash + 1), prefix_max, out_prefix))
        return FALSE;
    if (address.len == 0 || address.len >= sizeof text ||
        memchr(address.data, '\0', address.len) != NULL)
        return FALSE;
    memcpy(text, address.data, address.len);
    text[address.len] = '\0';
    return inet_pton(family, text, term->address) == 1;
}

typedef enum { VALUE_NONE, VALUE_DOMAIN, VALUE_DOMAIN_OR_NONE, VALUE_NETWORK } SpfValue;

static const struct {
    const gchar *name;
    SpfValue value;
    gboolean has_prefixes;
} mechanisms[] = {
    [SPF_ALL] = {"all", VALUE_NONE, FALSE},
    [SPF_INCLUDE] = {"include", VALUE_DOMAIN, FALSE},
    [SPF_A] = {"a", VALUE_DOMAIN_OR_NONE, TRUE},
    [SPF_MX] = {"mx", VALUE_DOMAIN_OR_NONE, TRUE},
    [SPF_PTR] = {"ptr", VALUE_DOMAIN_OR_NONE, FALSE},
    [SPF_IP4] = {"ip4", VALUE_NETWORK, FALSE},
    [SPF_IP6] = {"ip6", VALUE_NETWORK, FALSE},
    [SPF_EXISTS] = {"exists", VALUE_DOMAIN, FALSE},
};

/* (rest) stands behind the name: nothing, ":value" or "/prefix". */
static gboolean
parse_value(SpfTerm *term, BaridSlice rest)
{
    SpfValue wanted = mechanisms[term->mechanism].value;
    gboolean has_colon = rest.len > 0 && rest.data[0] == ':';

    if (wanted == VALUE_NETWORK) {
        if (!has_colon)
            return FALSE;
        rest = text_from(rest, 1);
        return term->mechanism == SPF_IP4
                   ? parse_network(rest, AF_INET, 32, &term->prefix4, term)
                   : parse_network(rest, AF_INET6, 128, &term->prefix6, term);
    }
    if (mechanisms[term->mechanism].has_prefixes && !take_prefixes(&rest, term))
        return FALSE;
    if (rest.len == 0)
        return !has_colon && wanted != VALUE_DOMAIN;
    if (!has_colon || wanted == VALUE_NONE)
        return FALSE;
    term->domain = text_from(rest, 1);
    return is_domain_spec(term->domain);
}

static gboolean
parse_mechanism(SpfRecord *self, BaridSlice text, GError **error)
{
    SpfTerm term = {
        .qualifier = '+', .prefix4 = SPF_NO_PREFIX, .prefix6 = SPF_NO_PREFIX, .text = text};
    BaridSlice rest = text;
    gssize end;

    if (strchr("+-~?", rest.data[0]) != NULL && rest.data[0] != '\0') {
        term.qualifier = (gchar)rest.data[0];
        rest = text_from(rest, 1);
    }
    end = text_find(rest, ":/");
    for (guint i = 0; i < G_N_ELEMENTS(mechanisms); i++) {
        if (!text_is(barid_slice(rest.data, end < 0 ? rest.len : (gsize)end), mechanisms[i].name))
            continue;
        term.mechanism = (SpfMechanism)i;
        if (!parse_value(&term, end < 0 ? BARID_SLICE_EMPTY : text_from(rest, (gsize)end)))
            return record_fail(text, "bad syntax", error);
        g_array_append_val(self->terms, term);
        return TRUE;
    }
    return record_fail(text, "unknown mechanism", error);
}

/* --- modifiers --- */

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) */
static gboolean
is_modifier_name(BaridSlice name)
{
    if (name.len == 0 || !g_ascii_isalpha(name.data[0]))
        return FALSE;
    for (gsize i = 1; i < name.len; i++) {
        if (!g_ascii_isalnum(name.data[i]) && text_find(barid_slice(name.data + i, 1), "-_.") < 0)
            return FALSE;
    }
    return TRUE;
}

/* redirect= and exp= may stand there once, anything else is ignored (section 6). */
static gboolean
parse_modifier(SpfRecord *self, BaridSlice text, gsize name_len, GError **error)
{
    BaridSlice name = barid_slice(text.data, name_len);
    BaridSlice value = text_from(text, name_len + 1);
    gboolean is_redirect = text_is(name, "redirect");
    gboolean *has = is_redirect ? &self->has_redirect : &self->has_explain;

    if (!is_redirect && !text_is(name, "exp")) {
        if (!spf_macro_is_valid(value, SPF_MACRO_EXPLANATION))
            return record_fail(text, "bad macro", error);
        return TRUE;
    }
    if (*has)
        return record_fail(text, "a modifier that was there already", error);
    *has = TRUE;
    if (!is_domain_spec(value))
        return record_fail(text, "bad domain", error);
    *(is_redirect ? &self->redirect : &self->explain) = value;
    return TRUE;
}

static gboolean
parse_term(SpfRecord *self, BaridSlice text, GError **error)
{
    gssize end = text_find(text, "=:/");

    if (end > 0 && text.data[end] == '=' && is_modifier_name(barid_slice(text.data, (gsize)end)))
        return parse_modifier(self, text, (gsize)end, error);
    if (self->terms->len == SPF_TERMS_MAX)
        return record_fail(text, "too many terms", error);
    return parse_mechanism(self, text, error);
}

/* --- the record --- */

gboolean
spf_record_parse(BaridSlice text, SpfRecord *self, GError **error)
{
    gsize pos = 6;

    *self = (SpfRecord){.terms = g_array_new(FALSE, FALSE, sizeof(SpfTerm))};
    g_assert(spf_record_is(text));
    while (pos < text.len) {
        gsize start = pos;

        while (pos < text.len && text.data[pos] != ' ')
            pos++;
        if (pos > start &&
            !parse_term(self, barid_slice(text.data + start, pos - start), error))
            return FALSE;
        pos++;
    }
    return TRUE;
}

void
spf_record_clear(SpfRecord *self)
{
    g_clear_pointer(&self->terms, g_array_unref);
}
