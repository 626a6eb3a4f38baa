/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/replay-names.h"

#include <string.h>

#include "dns/dns-answer.h"
#include "dns/resolver-backend.h"
#include "sim/name-proxy.h"
#include "sim/recorded-answer.h"
#include "sim/zone-resolver.h"

enum { REPLAY_TTL_S = 3600, REPLAY_RECORD_NAMES_MAX = 10, REPLAY_NAMES_MAX = 100 };

struct ReplayNames {
    const ReplaySources *sources;
    DnsResolver *resolver;
    DnsResolver *zone;       /* empty without a text */
    JsonObject *all, *record; /* or NULL */
    GHashTable *asked;       /* questions of all records */
    GHashTable *unanswered;  /* and those that nothing answered */
    GPtrArray *of_record;    /* of gchar *: those of the record at hand */
};

/* --- recorded answers --- */

static const gchar *
names_find_recorded(const ReplayNames *self, const gchar *question)
{
    JsonObject *const places[] = {self->record, self->all};

    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        JsonNode *node =
            places[i] == NULL ? NULL : json_object_get_member(places[i], question);

        if (node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
            json_node_get_value_type(node) == G_TYPE_STRING)
            return json_node_get_string(node);
    }
    return NULL;
}

/* TRUE when the record tells, be it that there was an error. */
static gboolean
names_answer_recorded(const ReplayNames *self, const gchar *question, const gchar *name,
                      DnsType type, DnsAnswer **out_answer, GError **error)
{
    const gchar *recorded = names_find_recorded(self, question);
    g_autoptr(DnsBody) body = NULL;

    *out_answer = NULL;
    if (recorded == NULL)
        return FALSE;
    body = dns_body_new((guint)strlen(recorded) + 1);
    body->ttl_s = REPLAY_TTL_S;
    body->canonical = arena_dup_text(body->arena, name);
    switch (recorded_answer_read(recorded, type, body)) {
    case RECORDED_FAILURE:
        g_set_error_literal(error, DNS_ERROR, BARID_ERROR_TEMPORARY,
                            "this look-up failed when it was recorded");
        return TRUE;
    case RECORDED_ANSWER:
        *out_answer = dns_answer_new(body, REPLAY_TTL_S, FALSE);
        return TRUE;
    default:
        return FALSE;
    }
}

/* --- asking --- */

static void
names_note_unanswered(ReplayNames *self, const gchar *question)
{
    g_hash_table_add(self->unanswered, g_strdup(question));
    if (!g_ptr_array_find_with_equal_func(self->of_record, question, g_str_equal, NULL))
        g_ptr_array_add(self->of_record, g_strdup(question));
}

/* What the zone text says; without one nothing is there. */
static DnsAnswer *
names_answer_zone(const ReplayNames *self, const gchar *name, DnsType type, gboolean *out_known,
                  GError **error)
{
    g_autoptr(GError) cause = NULL;
    DnsAnswer *answer = dns_lookup(self->zone, name, type, &cause);

    *out_known = self->sources->zone != NULL && (answer == NULL || answer->status != DNS_NO_NAME);
    if (cause != NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    return answer;
}

static DnsAnswer *
names_lookup(gpointer data, const gchar *name, DnsType type, GError **error)
{
    ReplayNames *self = data;
    g_autofree gchar *question = g_strdup_printf("%s %s", name, dns_type_get_name(type));
    DnsAnswer *answer;
    gboolean known;

    g_hash_table_add(self->asked, g_strdup(question));
    /* A zone text is given to hold instead. */
    if (self->sources->zone == NULL &&
        names_answer_recorded(self, question, name, type, &answer, error))
        return answer;
    answer = names_answer_zone(self, name, type, &known, error);
    if (known)
        return answer;
    if (self->sources->proxy_fd >= 0) {
        g_clear_pointer(&answer, dns_answer_unref);
        g_clear_error(error);
        answer = name_proxy_ask(self->sources->proxy_fd, name, type, error);
        if (answer != NULL)
            return answer;
    }
    names_note_unanswered(self, question);
    return answer;
}

static void
names_free_nothing(gpointer self G_GNUC_UNUSED)
{
}

ReplayNames *
replay_names_new(const ReplaySources *sources, GError **error)
{
    static const DnsBackend backend = {names_lookup, names_free_nothing};
    static const gchar *const local_names[] = {"invalid", "localhost", NULL};
    DnsResolver *zone =
        zone_resolver_new(sources->zone == NULL ? "" : sources->zone, error);
    ReplayNames *self;

    if (zone == NULL)
        return NULL;
    self = g_new0(ReplayNames, 1);
    self->sources = sources;
    self->zone = zone;
    self->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->unanswered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->of_record = g_ptr_array_new_with_free_func(g_free);
    self->resolver = dns_resolver_new_backend(&backend, self, local_names);
    return self;
}

DnsResolver *
replay_names_get_resolver(ReplayNames *self)
{
    return self->resolver;
}

void
replay_names_free(ReplayNames *self)
{
    if (self == NULL)
        return;
    dns_resolver_free(self->resolver);
    dns_resolver_free(self->zone);
    g_hash_table_unref(self->asked);
    g_hash_table_unref(self->unanswered);
    g_ptr_array_unref(self->of_record);
    g_free(self);
}

/* --- what was asked --- */

void
replay_names_set_all(ReplayNames *self, JsonObject *answers)
{
    self->all = answers;
}

void
replay_names_begin_record(ReplayNames *self, JsonObject *answers)
{
    self->record = answers;
    g_ptr_array_set_size(self->of_record, 0);
}

void
replay_names_write_record(const ReplayNames *self, JsonWriter *writer)
{
    if (self->of_record->len == 0)
        return;
    json_writer_begin_array(writer, "unanswered");
    for (guint i = 0; i < MIN(self->of_record->len, REPLAY_RECORD_NAMES_MAX); i++)
        json_writer_text(writer, NULL, g_ptr_array_index(self->of_record, i));
    json_writer_end_array(writer);
}

void
replay_names_write_all(const ReplayNames *self, JsonWriter *writer)
{
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(self->unanswered),
                                         (GCompareFunc)strcmp);
    guint n = 0;

    json_writer_integer(writer, "lookups", g_hash_table_size(self->asked));
    json_writer_integer(writer, "unanswered", g_hash_table_size(self->unanswered));
    json_writer_begin_array(writer, "unanswered_names");
    for (GList *at = names; at != NULL && n < REPLAY_NAMES_MAX; at = at->next, n++)
        json_writer_text(writer, NULL, at->data);
    json_writer_end_array(writer);
}
