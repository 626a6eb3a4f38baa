/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/recorded-answer.h"

#include <string.h>

#include "dns/dns-name.h"
#include "sim/dialogue-private.h"

static const struct {
    const gchar *text;
    RecordedKind kind;
    DnsStatus status;
} recorded_words[] = {
    {"failed", RECORDED_FAILURE, DNS_NO_NAME},
    {"absent", RECORDED_ANSWER, DNS_NO_NAME},
    {"no such name", RECORDED_ANSWER, DNS_NO_NAME},
    {"no such record", RECORDED_ANSWER, DNS_NO_DATA},
};

static const gchar *
recorded_take_name(const gchar *text, DnsBody *body)
{
    gchar name[DNS_NAME_MAX + 1];

    return dns_name_normalise(text, name, NULL) ? arena_dup_text(body->arena, name) : NULL;
}

static gboolean
recorded_read_text(const gchar *text, DnsBody *body)
{
    g_autoptr(GString) bytes = dialogue_unescape(text);

    if (g_str_has_suffix(text, "..."))
        return FALSE;
    dns_body_add(body)->as.text =
        arena_dup_slice(body->arena, barid_slice((const guint8 *)bytes->str, bytes->len));
    return TRUE;
}

static gboolean
recorded_read_mx(const gchar *text, DnsBody *body)
{
    gchar *end;
    guint64 preference = g_ascii_strtoull(text, &end, 10);
    DnsRecord *record;
    const gchar *name;

    if (end == text || *end != ' ' || preference > G_MAXUINT16)
        return FALSE;
    name = end[1] == '\0' ? "" : recorded_take_name(end + 1, body);
    if (name == NULL)
        return FALSE;
    record = dns_body_add(body);
    record->as.mx.preference = (guint16)preference;
    record->as.mx.exchange = name;
    return TRUE;
}

static gboolean
recorded_read_one(const gchar *text, DnsType type, DnsBody *body)
{
    Address address;
    const gchar *name;

    switch (type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        if (!address_parse_ip(barid_slice_from_text(text), &address) ||
            address.is_v6 != (type == DNS_TYPE_AAAA))
            return FALSE;
        dns_body_add(body)->as.address = address;
        return TRUE;
    case DNS_TYPE_MX:
        return recorded_read_mx(text, body);
    case DNS_TYPE_TXT:
        return recorded_read_text(text, body);
    case DNS_TYPE_PTR:
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
        name = recorded_take_name(text, body);
        if (name == NULL)
            return FALSE;
        dns_body_add(body)->as.name = name;
        return TRUE;
    default:
        return FALSE;
    }
}

/* Texts stand in quotes, unless there is one of a rule's. A quote inside is not told from those:
 * there must be just two for each. */
static gchar **
recorded_split(const gchar *text, DnsType type)
{
    g_autofree gchar *inside = NULL;
    g_auto(GStrv) parts = NULL;
    guint n_quotes = 0;

    if (type != DNS_TYPE_TXT)
        return g_strsplit(text, ", ", -1);
    if (*text != '"')
        return g_strsplit(text, "\n", -1);
    for (const gchar *at = text; *at != '\0'; at++)
        n_quotes += *at == '"';
    if (strlen(text) < 2 || !g_str_has_suffix(text, "\""))
        return NULL;
    inside = g_strndup(text + 1, strlen(text) - 2);
    parts = g_strsplit(inside, "\", \"", -1);
    return n_quotes == 2 * MAX(g_strv_length(parts), 1) ? g_steal_pointer(&parts) : NULL;
}

RecordedKind
recorded_answer_read(const gchar *text, DnsType type, DnsBody *body)
{
    g_auto(GStrv) parts = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(recorded_words); i++) {
        if (strcmp(text, recorded_words[i].text) != 0)
            continue;
        body->status = recorded_words[i].status;
        return recorded_words[i].kind;
    }
    parts = recorded_split(text, type);
    for (guint i = 0; parts != NULL && parts[i] != NULL; i++) {
        if (!recorded_read_one(parts[i], type, body))
            return RECORDED_UNKNOWN;
    }
    body->status = DNS_FOUND;
    return body->n_records > 0 ? RECORDED_ANSWER : RECORDED_UNKNOWN;
}
