/* SPDX-License-Identifier: Apache-2.0 */
/* The backend that asks name servers, and remembers what they said. */
#include "base/clock.h"
#include "base/counter.h"
#include "base/i18n.h"
#include "dns/cache.h"
#include "dns/dns-name.h"
#include "dns/dns-settings.h"
#include "dns/exchange.h"
#include "dns/name-servers.h"
#include "dns/resolver-backend.h"
#include "fiber/fiber.h"

enum {
    NETWORK_TIMEOUT_MS = 5000,
    NETWORK_ATTEMPTS = 2,
    /* How long a server is waited for before another is asked beside it. */
    NETWORK_HEAD_START_MS = 300,
};

typedef struct {
    CounterId lookups, cache_hits, shared, queries, tcp, tls_handshakes, timeouts, failures;
} NetworkCounters;

typedef struct {
    NameServers servers;
    DnsCache *cache;
    gint64 timeout_ms;
    guint attempts;
    guint parallel; /* servers asked at once, at most */
    gboolean edns, tcp_on_error;
    guint32 max_ttl_s, min_ttl_s, max_negative_ttl_s, failure_ttl_s;
    gchar **local_names;
    NetworkCounters counters;
} DnsNetwork;

/* --- one server --- */

/* What one server, or one after the other, is asked. */
typedef struct {
    DnsNetwork *network;
    DnsQuestion question;
    Buffer reply;
    Packet packet;
    guint round;
    const gchar *reason; /* of the last failure, when a server told it */
    DnsBody *body;
} NetworkQuery;

typedef enum {
    NETWORK_ANSWERED,
    NETWORK_SILENT, /* worth another try */
    NETWORK_UNABLE, /* the server says that it cannot, or makes no sense */
    NETWORK_CUT,    /* the asking fiber was cancelled, or its deadline has passed */
} NetworkResult;

static gboolean
network_exchange_tls(NetworkQuery *query, NameServer *server, GError **error)
{
    DnsNetwork *self = query->network;
    guint n_handshakes;
    gboolean ok = tls_exchange_run(server->tls, self->timeout_ms, &query->question, &query->reply,
                                   &query->packet, &n_handshakes, error);

    counter_add(self->counters.tls_handshakes, n_handshakes);
    return ok;
}

static gboolean
network_exchange(NetworkQuery *query, NameServer *server, ExchangeVia via, GError **error)
{
    DnsNetwork *self = query->network;
    g_autoptr(GError) local = NULL;

    counter_add(self->counters.queries, 1);
    if (via == EXCHANGE_TCP)
        counter_add(self->counters.tcp, 1);
    if (server->tls != NULL
            ? network_exchange_tls(query, server, &local)
            : exchange_run(&server->address, via, self->timeout_ms, &query->question,
                           &query->reply, &query->packet, &local))
        return TRUE;
    if (local->code == BARID_ERROR_TIMEOUT)
        counter_add(self->counters.timeouts, 1);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

/* Over UDP, and over TCP when the reply was cut off. */
static gboolean
network_exchange_either(NetworkQuery *query, NameServer *server, GError **error)
{
    DnsNetwork *self = query->network;
    g_autoptr(GError) local = NULL;
    gboolean is_last = query->round + 1 == self->attempts;

    if (server->tls != NULL)
        return network_exchange(query, server, EXCHANGE_TCP, error);
    if (network_exchange(query, server, EXCHANGE_UDP, &local))
        return !query->packet.truncated || network_exchange(query, server, EXCHANGE_TCP, error);
    /* What does not come through over UDP may be too long for some box on the way. A server
     * that is down is not worth it before everything else was tried. */
    if (self->tcp_on_error && fiber_deadline_get_left() > 0 &&
        local->code != BARID_ERROR_CANCELLED &&
        (local->code == BARID_ERROR_INVALID || (is_last && local->code == BARID_ERROR_TIMEOUT)))
        return network_exchange(query, server, EXCHANGE_TCP, error);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

static gboolean
network_dislikes_edns(const Packet *packet)
{
    return packet->rcode == DNS_RCODE_FORMERR || packet->rcode == DNS_RCODE_NOTIMP ||
           packet->rcode == DNS_RCODE_BADVERS;
}

static NetworkResult
network_take_reply(NetworkQuery *query)
{
    guint rcode = query->packet.rcode;

    if (rcode != DNS_RCODE_OK && rcode != DNS_RCODE_NXDOMAIN) {
        query->reason = rcode == DNS_RCODE_SERVFAIL  ? "the server failed (SERVFAIL)"
                        : rcode == DNS_RCODE_REFUSED ? "the server refused to answer (REFUSED)"
                                                     : "the server cannot answer";
        return NETWORK_UNABLE;
    }
    switch (packet_read(&query->packet, &query->question, &query->body)) {
    case PACKET_READ_FOLLOW:
        query->body->follows = TRUE;
        return NETWORK_ANSWERED;
    case PACKET_READ_ANSWER:
        return NETWORK_ANSWERED;
    case PACKET_READ_LAME:
        break;
    }
    dns_body_unref(g_steal_pointer(&query->body));
    query->reason = "the server knows nothing of the name and asks nobody";
    return NETWORK_UNABLE;
}

/* RFC 6891 section 6.2.2 allows to ask again without EDNS; boxes that drop what they do not
 * know are the reason to leave it out when there was no answer. */
static gboolean
network_converse(NetworkQuery *query, NameServer *server, GError **error)
{
    query->question.wants_ad = server->trusted;
    query->question.edns =
        query->network->edns && query->round == 0 && name_server_takes_edns(server);
    if (!network_exchange_either(query, server, error))
        return FALSE;
    if (!query->question.edns || !network_dislikes_edns(&query->packet))
        return TRUE;
    name_server_refused_edns(server);
    query->question.edns = FALSE;
    return network_exchange_either(query, server, error);
}

/* (error) is set only with NETWORK_CUT. */
static NetworkResult
network_ask_server(NetworkQuery *query, NameServer *server, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (network_converse(query, server, &local)) {
        name_server_answered(server);
        return network_take_reply(query);
    }
    if (fiber_deadline_get_left() <= 0 || local->code == BARID_ERROR_CANCELLED) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NETWORK_CUT;
    }
    name_server_failed(server);
    if (local->code != BARID_ERROR_INVALID && local->code != BARID_ERROR_DENIED)
        return NETWORK_SILENT;
    query->reason = local->code == BARID_ERROR_DENIED
                        ? "the server's certificate is not trusted, or not for it"
                        : "the server's reply makes no sense";
    return NETWORK_UNABLE;
}

/* --- all servers --- */

/* One question on its way over all servers, by one lane or several side by side. */
typedef struct {
    DnsNetwork *network;
    const gchar *name;
    DnsType type;
    NameServer *order[NAME_SERVERS_MAX];
    gboolean is_unable[NAME_SERVERS_MAX]; /* in that order */
    guint round;
    guint next; /* server of this round that nobody has been sent to yet */
    FiberGroup lanes;
    guint n_asking;  /* lanes that wait for a server */
    GError *cut;     /* why lanes were cut short */
    const gchar *reason;
    DnsBody *body; /* the first answer */
} NetworkRace;

typedef struct {
    NetworkRace *race;
    guint number;
} NetworkLane;

static gint
race_take_server(NetworkRace *self)
{
    while (self->next < self->network->servers.n_servers && self->is_unable[self->next])
        self->next++;
    return self->next < self->network->servers.n_servers ? (gint)self->next++ : -1;
}

/* Asks the server (index); TRUE when the lane goes on with another. */
static gboolean
race_ask(NetworkRace *self, guint index)
{
    NetworkQuery query = {.network = self->network, .round = self->round,
                          .question = {.name = self->name, .type = self->type}};
    g_autoptr(GError) error = NULL;
    NetworkResult result;

    buffer_init(&query.reply, DNS_REPLY_MAX);
    self->n_asking++;
    result = network_ask_server(&query, self->order[index], &error);
    self->n_asking--;
    buffer_clear(&query.reply);
    if (query.reason != NULL)
        self->reason = query.reason;
    self->is_unable[index] = result == NETWORK_UNABLE;
    if (result == NETWORK_CUT) {
        /* Another was faster by more than the head start: the next questions go there. */
        if (self->body != NULL)
            name_server_failed(self->order[index]);
        else if (self->cut == NULL)
            self->cut = g_steal_pointer(&error);
        return FALSE;
    }
    if (result != NETWORK_ANSWERED)
        return self->body == NULL;
    if (self->body == NULL)
        self->body = query.body;
    else
        dns_body_unref(query.body);
    return FALSE;
}

static void
race_run_lane(gpointer data)
{
    const NetworkLane *lane = data;
    NetworkRace *self = lane->race;
    gint index;

    if (lane->number > 0 && !barid_sleep(lane->number * NETWORK_HEAD_START_MS, NULL))
        return;
    while ((index = race_take_server(self)) >= 0 && race_ask(self, (guint)index))
        ;
    /* The others are of no use any more, or wait for servers that are all through. */
    if (self->body != NULL || self->n_asking == 0)
        fiber_group_cancel(&self->lanes);
}

/* One round over the servers. */
static void
race_run_round(NetworkRace *self)
{
    NetworkLane lanes[NAME_SERVERS_MAX];
    guint n_lanes = MIN(self->network->parallel, self->network->servers.n_servers);

    self->next = 0;
    fiber_group_init(&self->lanes, scheduler_get_current());
    for (guint i = 0; i < n_lanes; i++) {
        lanes[i] = (NetworkLane){self, i};
        /* The first, at least, needs no fiber of its own. */
        if ((n_lanes == 1 || !fiber_group_spawn(&self->lanes, race_run_lane, &lanes[i], NULL)) &&
            i == 0) {
            race_run_lane(&lanes[0]);
            break;
        }
    }
    fiber_group_join(&self->lanes);
}

/* FALSE when this fiber was cut short; what the servers said is in (race). */
static gboolean
network_ask_servers(NetworkRace *race, GError **error)
{
    name_servers_order(&race->network->servers, race->order);
    for (race->round = 0; race->round < race->network->attempts; race->round++) {
        race_run_round(race);
        if (race->body != NULL)
            break;
        if (race->cut != NULL) {
            g_propagate_error(error, g_steal_pointer(&race->cut));
            return FALSE;
        }
    }
    g_clear_error(&race->cut);
    return TRUE;
}

static DnsBody *
network_new_failure(const NetworkRace *race)
{
    DnsBody *body = dns_body_new(0);

    body->failure_code = race->reason == NULL ? BARID_ERROR_TIMEOUT : BARID_ERROR_TEMPORARY;
    body->failure = race->reason == NULL ? "no name server answered" : race->reason;
    return body;
}

/* How long the body is remembered. */
static guint32
network_clamp_life(const DnsNetwork *self, DnsBody *body)
{
    if (body->failure != NULL)
        return self->failure_ttl_s;
    if (body->status == DNS_FOUND || body->follows)
        body->ttl_s = CLAMP(body->ttl_s, self->min_ttl_s, MAX(self->min_ttl_s, self->max_ttl_s));
    else
        body->ttl_s = MIN(body->ttl_s, self->max_negative_ttl_s);
    return body->ttl_s;
}

/* Asks, and tells all who wait. NULL when this fiber was cut short. */
static DnsBody *
network_lead(DnsNetwork *self, const gchar *name, DnsType type, GError **error)
{
    NetworkRace race = {.network = self, .name = name, .type = type};

    if (!network_ask_servers(&race, error)) {
        dns_cache_abandon(self->cache, name, type);
        return NULL;
    }
    if (race.body == NULL) {
        counter_add(self->counters.failures, 1);
        race.body = network_new_failure(&race);
    }
    dns_cache_finish(self->cache, name, type, race.body, network_clamp_life(self, race.body));
    return race.body;
}

/* --- questions --- */

static DnsBody *
network_ask(DnsNetwork *self, const gchar *name, DnsType type, guint32 *out_ttl_s,
            gboolean *out_cached, GError **error)
{
    DnsBody *body = NULL;

    *out_cached = FALSE;
    switch (dns_cache_begin(self->cache, name, type, &body, out_ttl_s, error)) {
    case DNS_CACHE_HIT:
        *out_cached = TRUE;
        counter_add(self->counters.cache_hits, 1);
        break;
    case DNS_CACHE_TOLD:
        counter_add(self->counters.shared, 1);
        break;
    case DNS_CACHE_LEAD:
        body = network_lead(self, name, type, error);
        if (body != NULL)
            *out_ttl_s = body->ttl_s;
        break;
    case DNS_CACHE_CUT:
        break;
    }
    if (body == NULL || body->failure == NULL)
        return body;
    g_set_error(error, DNS_ERROR, body->failure_code, "%s %s: %s", name, dns_type_get_name(type),
                body->failure);
    dns_body_unref(body);
    return NULL;
}

static DnsAnswer *
network_lookup(gpointer data, const gchar *name, DnsType type, GError **error)
{
    DnsNetwork *self = data;
    g_autofree gchar *target = g_strdup(name);
    guint32 ttl_s = G_MAXUINT32;
    gboolean all_cached = TRUE, all_secure = TRUE;

    counter_add(self->counters.lookups, 1);
    for (guint links = 0; links <= DNS_CHAIN_MAX; links++) {
        guint32 link_ttl_s = 0;
        gboolean cached;
        g_autoptr(DnsBody) body = network_ask(self, target, type, &link_ttl_s, &cached, error);

        if (body == NULL)
            return NULL;
        ttl_s = MIN(ttl_s, link_ttl_s);
        all_cached = all_cached && cached;
        all_secure = all_secure && body->security == DNS_SECURE;
        if (!body->follows) {
            DnsAnswer *answer = dns_answer_new(body, ttl_s, all_cached);

            answer->security = all_secure ? DNS_SECURE : DNS_INSECURE;
            return answer;
        }
        /* An alias may lead to a name that can be an owner but not be asked for here. */
        gchar next[DNS_NAME_MAX + 1];

        if (!dns_name_normalise(body->canonical, next, error))
            return NULL;
        g_free(target);
        target = g_strdup(next);
    }
    g_set_error(error, DNS_ERROR, BARID_ERROR_TEMPORARY, "the aliases of %s do not end", name);
    return NULL;
}

/* --- making --- */

static void
network_free(gpointer data)
{
    DnsNetwork *self = data;

    dns_cache_free(self->cache);
    name_servers_clear(&self->servers);
    g_strfreev(self->local_names);
    g_free(self);
}

static void
network_register_counters(NetworkCounters *counters)
{
    *counters = (NetworkCounters){
        .lookups = counter_register("dns.lookups"),
        .cache_hits = counter_register("dns.cache-hits"),
        .shared = counter_register("dns.shared"),
        .queries = counter_register("dns.queries"),
        .tcp = counter_register("dns.tcp-queries"),
        .tls_handshakes = counter_register("dns.tls-handshakes"),
        .timeouts = counter_register("dns.timeouts"),
        .failures = counter_register("dns.failures"),
    };
}

static gboolean
network_read_servers(DnsNetwork *self, const DnsOptions *options, GError **error)
{
    g_autofree gchar *text = NULL;

    for (gchar **p = options->servers; p != NULL && *p != NULL; p++) {
        if (name_servers_add(&self->servers, *p))
            continue;
        g_set_error(error, DNS_ERROR, BARID_ERROR_INVALID,
                    _("\"%s\" is no address of a name server"), *p);
        return FALSE;
    }
    if (self->servers.n_servers > 0)
        return TRUE;
    /* Without the file the default of resolv.conf(5) is used, as everywhere. */
    if (options->resolv_conf != NULL)
        g_file_get_contents(options->resolv_conf, &text, NULL, NULL);
    name_servers_read(&self->servers, text == NULL ? "" : text);
    return TRUE;
}

static gboolean
network_prepare_tls(DnsNetwork *self, const DnsOptions *options, GError **error)
{
    g_autoptr(TlsTrust) trust = NULL;

    if (!name_servers_need_trust(&self->servers))
        return TRUE;
    trust = options->trust != NULL ? tls_trust_ref(options->trust) : tls_trust_new_system(error);
    if (trust == NULL)
        return FALSE;
    name_servers_set_trust(&self->servers, trust);
    return TRUE;
}

static void
network_trust_servers(DnsNetwork *self, DnsTrust trust)
{
    for (guint i = 0; i < self->servers.n_servers; i++) {
        NameServer *server = &self->servers.servers[i];

        server->trusted = trust == DNS_TRUST_ALWAYS ||
                          (trust == DNS_TRUST_LOOPBACK &&
                           (self->servers.trusts_ad || address_is_loopback(&server->address)));
    }
}

static guint32
network_to_seconds(gint64 ms)
{
    return (guint32)MIN((ms + 999) / 1000, G_MAXINT32);
}

DnsResolver *
dns_resolver_new(const DnsOptions *options, GError **error)
{
    static const DnsBackend backend = {network_lookup, network_free};
    DnsNetwork *self = g_new0(DnsNetwork, 1);

    network_register_counters(&self->counters);
    self->local_names = g_strdupv(options->local_names);
    self->parallel = (guint)CLAMP(options->parallel, 1, NAME_SERVERS_MAX);
    self->edns = options->edns;
    self->tcp_on_error = options->tcp_on_error;
    self->max_ttl_s = network_to_seconds(options->max_ttl_ms);
    self->min_ttl_s = network_to_seconds(options->min_ttl_ms);
    self->max_negative_ttl_s = network_to_seconds(options->max_negative_ttl_ms);
    self->failure_ttl_s = network_to_seconds(options->failure_ttl_ms);
    self->cache = dns_cache_new((gsize)options->cache_entries, (gsize)options->cache_bytes);
    if (!network_read_servers(self, options, error) || !network_prepare_tls(self, options, error)) {
        network_free(self);
        return NULL;
    }
    network_trust_servers(self, (DnsTrust)options->trust_ad);
    self->timeout_ms = options->timeout_ms > 0          ? options->timeout_ms
                       : self->servers.timeout_ms > 0 ? self->servers.timeout_ms
                                                        : NETWORK_TIMEOUT_MS;
    self->attempts = options->attempts > 0          ? (guint)options->attempts
                     : self->servers.attempts > 0 ? self->servers.attempts
                                                    : NETWORK_ATTEMPTS;
    return dns_resolver_new_backend(&backend, self, (const gchar *const *)self->local_names);
}
