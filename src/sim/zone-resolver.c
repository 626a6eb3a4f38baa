/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/zone-resolver.h"

#include <stdio.h>

#include "dns/dns-name.h"
#include "dns/dns-record.h"
#include "dns/resolver-backend.h"
#include "fiber/fiber.h"

enum { ZONE_SILENCE_MS = 10000, ZONE_SLOW_MS = 5000, ZONE_DEFAULT_TTL_S = 3600,
       ZONE_CHAIN_MAX = 8 };

typedef enum {
    ZONE_RECORD,
    ZONE_SERVFAIL,
    ZONE_TIMEOUT,
    ZONE_SLOW,
    ZONE_SECURE,
    ZONE_BOGUS,
} ZoneKind;

typedef struct {
    ZoneKind kind;
    gchar *name;
    ldns_rr *rr; /* of a record */
} ZoneEntry;

typedef struct {
    GArray *entries; /* of ZoneEntry */
    gint64 latency_ms;
} ZoneResolver;

static const gchar *const zone_words[] = {
    [ZONE_SERVFAIL] = "$SERVFAIL",
    [ZONE_TIMEOUT] = "$TIMEOUT",
    [ZONE_SLOW] = "$SLOW",
    [ZONE_SECURE] = "$SECURE",
    [ZONE_BOGUS] = "$BOGUS",
};

/* --- reading the text --- */

static void
zone_entry_clear(gpointer data)
{
    ZoneEntry *self = data;

    g_free(self->name);
    ldns_rr_free(self->rr);
}

static void
zone_resolver_free(gpointer self)
{
    g_array_free(((ZoneResolver *)self)->entries, TRUE);
    g_free(self);
}

/* Takes the line when it holds one of our own words. */
static gboolean
zone_read_directive(ZoneResolver *self, const gchar *line)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);

    for (guint kind = ZONE_SERVFAIL; words[0] != NULL && kind < G_N_ELEMENTS(zone_words); kind++) {
        gchar name[DNS_NAME_MAX + 1];
        ZoneEntry entry = {.kind = (ZoneKind)kind};

        if (strcmp(words[0], zone_words[kind]) != 0 || words[1] == NULL ||
            !dns_name_normalise(words[1], name, NULL))
            continue;
        entry.name = g_strdup(name);
        g_array_append_val(self->entries, entry);
        return TRUE;
    }
    return FALSE;
}

/* The text for ldns: our own lines are left empty, so that line numbers stay true. */
static gchar *
zone_take_directives(ZoneResolver *self, const gchar *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] == '$' && zone_read_directive(self, lines[i]))
            lines[i][0] = '\0';
    }
    return g_strjoinv("\n", lines);
}

static gboolean
zone_add_record(ZoneResolver *self, ldns_rr *rr)
{
    gchar name[DNS_NAME_TEXT_MAX];
    ZoneEntry entry = {.kind = ZONE_RECORD, .rr = rr};

    if (!dns_record_get_name(ldns_rr_owner(rr), name))
        return FALSE;
    entry.name = g_strdup(name);
    g_array_append_val(self->entries, entry);
    return TRUE;
}

static gboolean
zone_read_records(ZoneResolver *self, FILE *file, GError **error)
{
    ldns_rdf *origin = ldns_dname_new_frm_str(".");
    ldns_rdf *previous = NULL;
    uint32_t ttl = ZONE_DEFAULT_TTL_S;
    int line = 0;
    gboolean ok = TRUE;

    while (ok && !feof(file)) {
        ldns_rr *rr = NULL;
        ldns_status status = ldns_rr_new_frm_fp_l(&rr, file, &ttl, &origin, &previous, &line);

        ok = status == LDNS_STATUS_OK ? zone_add_record(self, rr)
                                      : status == LDNS_STATUS_SYNTAX_EMPTY ||
                                            status == LDNS_STATUS_SYNTAX_TTL ||
                                            status == LDNS_STATUS_SYNTAX_ORIGIN;
        if (!ok)
            g_set_error(error, DNS_ERROR, BARID_ERROR_INVALID, "zone text, line %d: %s", line,
                        ldns_get_errorstr_by_id(status));
    }
    ldns_rdf_deep_free(origin);
    ldns_rdf_deep_free(previous);
    return ok;
}

static gboolean
zone_read(ZoneResolver *self, const gchar *text, GError **error)
{
    g_autofree gchar *records = zone_take_directives(self, text);
    FILE *file;
    gboolean ok;

    if (*records == '\0')
        return TRUE;
    file = fmemopen(records, strlen(records), "r");
    if (file == NULL)
        return FALSE;
    ok = zone_read_records(self, file, error);
    fclose(file);
    return ok;
}

/* --- answering --- */

static const ZoneEntry *
zone_get(const ZoneResolver *self, guint index)
{
    return &g_array_index(self->entries, ZoneEntry, index);
}

static gboolean
zone_says(const ZoneResolver *self, ZoneKind kind, const gchar *name)
{
    for (guint i = 0; i < self->entries->len; i++) {
        const ZoneEntry *entry = zone_get(self, i);

        if (entry->kind != kind)
            continue;
        if (kind == ZONE_SECURE ? dns_name_is_below(name, entry->name)
                                : strcmp(name, entry->name) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
zone_has_name(const ZoneResolver *self, const gchar *name)
{
    for (guint i = 0; i < self->entries->len; i++) {
        /* A name above another exists, even without records of its own. */
        if (zone_get(self, i)->kind == ZONE_RECORD &&
            dns_name_is_below(zone_get(self, i)->name, name))
            return TRUE;
    }
    return FALSE;
}

/* The name whose records answer for (name): itself, or the wildcard below the closest
 * name that exists. NULL when there is none. */
static gchar *
zone_dup_source(const ZoneResolver *self, const gchar *name)
{
    const gchar *parent = name;

    if (zone_has_name(self, name))
        return g_strdup(name);
    while ((parent = strchr(parent, '.')) != NULL) {
        parent++;
        if (zone_has_name(self, parent)) {
            g_autofree gchar *wild = g_strconcat("*.", parent, NULL);

            return zone_has_name(self, wild) ? g_steal_pointer(&wild) : NULL;
        }
    }
    return NULL;
}

/* Adds the records of (source); TRUE when there was one. */
static gboolean
zone_collect(const ZoneResolver *self, const gchar *source, DnsType type, DnsBody *body)
{
    guint before = body->n_records;

    for (guint i = 0; i < self->entries->len; i++) {
        const ZoneEntry *entry = zone_get(self, i);

        if (entry->kind != ZONE_RECORD || (DnsType)ldns_rr_get_type(entry->rr) != type ||
            strcmp(entry->name, source) != 0)
            continue;
        body->ttl_s = MIN(body->ttl_s, ldns_rr_ttl(entry->rr));
        dns_record_add(body, entry->rr);
    }
    return body->n_records > before;
}

/* FALSE when the name fails, or the fiber was cut short meanwhile. */
static gboolean
zone_check_failures(const ZoneResolver *self, const gchar *name, GError **error)
{
    if (zone_says(self, ZONE_SLOW, name) && !barid_sleep(ZONE_SLOW_MS, error))
        return FALSE;
    if (zone_says(self, ZONE_TIMEOUT, name)) {
        if (barid_sleep(ZONE_SILENCE_MS, error))
            g_set_error(error, DNS_ERROR, BARID_ERROR_TIMEOUT, "no server answered");
        return FALSE;
    }
    if (zone_says(self, ZONE_SERVFAIL, name) || zone_says(self, ZONE_BOGUS, name)) {
        g_set_error(error, DNS_ERROR, BARID_ERROR_TEMPORARY, "the server failed (SERVFAIL)");
        return FALSE;
    }
    return TRUE;
}

static DnsAnswer *
zone_resolver_lookup(gpointer data, const gchar *name, DnsType type, GError **error)
{
    const ZoneResolver *self = data;
    g_autoptr(DnsBody) body = NULL;

    if (self->latency_ms > 0 && !barid_sleep(self->latency_ms, error))
        return NULL;
    body = dns_body_new(self->entries->len + 1);
    body->ttl_s = ZONE_DEFAULT_TTL_S;
    body->canonical = arena_dup_text(body->arena, name);
    body->security = DNS_SECURE;
    for (guint links = 0; links < ZONE_CHAIN_MAX; links++) {
        g_autofree gchar *source = NULL;

        if (!zone_check_failures(self, body->canonical, error))
            return NULL;
        if (!zone_says(self, ZONE_SECURE, body->canonical))
            body->security = DNS_INSECURE;
        source = zone_dup_source(self, body->canonical);
        body->status = source == NULL                                ? DNS_NO_NAME
                       : zone_collect(self, source, type, body) ? DNS_FOUND
                                                                     : DNS_NO_DATA;
        if (body->status != DNS_NO_DATA || type == DNS_TYPE_CNAME ||
            !zone_collect(self, source, DNS_TYPE_CNAME, body))
            return dns_answer_new(body, body->ttl_s, FALSE);
        body->canonical = body->records[0].as.name;
        body->n_records = 0;
    }
    g_set_error(error, DNS_ERROR, BARID_ERROR_TEMPORARY, "the aliases of %s do not end", name);
    return NULL;
}

DnsResolver *
zone_resolver_new(const gchar *text, GError **error)
{
    return zone_resolver_new_distant(text, 0, error);
}

DnsResolver *
zone_resolver_new_distant(const gchar *text, gint64 latency_ms, GError **error)
{
    static const DnsBackend backend = {zone_resolver_lookup, zone_resolver_free};
    /* "test" is what test zones are called. */
    static const gchar *const local_names[] = {"invalid", "local", "localhost", "onion", NULL};
    ZoneResolver *self = g_new0(ZoneResolver, 1);

    self->latency_ms = latency_ms;
    self->entries = g_array_new(FALSE, FALSE, sizeof(ZoneEntry));
    g_array_set_clear_func(self->entries, zone_entry_clear);
    if (!zone_read(self, text, error)) {
        zone_resolver_free(self);
        return NULL;
    }
    return dns_resolver_new_backend(&backend, self, local_names);
}
