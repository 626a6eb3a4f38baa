/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/name-proxy.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "base/log.h"
#include "dns/dns-answer.h"
#include "dns/dns-name.h"
#include "dns/dns-settings.h"
#include "fiber/fiber.h"
#include "ipc/ipc.h"

enum {
    PROXY_TIMEOUT_MS = 3000,
    /* So many silences in a row, and the server is not there: nobody waits for it any more. */
    PROXY_SILENCES_MAX = 3,
    PROXY_MAX_TTL_MS = 24 * 3600 * 1000,
};

/* Error code and message, both empty of an answer; status, security, canonical, TTL; and of each
 * record three numbers, a name or an address, and data. */
#define PROXY_ANSWER "(isuusua(uuusay))"
#define PROXY_RECORD "(uuusay)"

/* --- answers on the wire --- */

static GVariant *
proxy_pack_bytes(BaridSlice bytes)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes.data, bytes.len, 1);
}

static GVariant *
proxy_pack_record(const DnsRecord *record, DnsType type)
{
    gchar text[ADDRESS_TEXT_MAX] = "";
    const gchar *name = text;
    guint32 numbers[3] = {0, 0, 0};
    BaridSlice data = BARID_SLICE_EMPTY;

    switch (type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        address_format_ip(&record->as.address, text);
        break;
    case DNS_TYPE_MX:
        numbers[0] = record->as.mx.preference;
        name = record->as.mx.exchange;
        break;
    case DNS_TYPE_SRV:
        numbers[0] = record->as.srv.priority;
        numbers[1] = record->as.srv.weight;
        numbers[2] = record->as.srv.port;
        name = record->as.srv.target;
        break;
    case DNS_TYPE_TXT:
        data = record->as.text;
        break;
    case DNS_TYPE_TLSA:
        numbers[0] = record->as.tlsa.usage;
        numbers[1] = record->as.tlsa.selector;
        numbers[2] = record->as.tlsa.matching;
        data = record->as.tlsa.data;
        break;
    case DNS_TYPE_SOA:
        numbers[0] = record->as.soa.serial;
        numbers[1] = record->as.soa.minimum_s;
        name = record->as.soa.primary;
        break;
    default:
        name = record->as.name;
    }
    return g_variant_new("(uuus@ay)", numbers[0], numbers[1], numbers[2], name,
                         proxy_pack_bytes(data));
}

static GVariant *
proxy_pack(const DnsAnswer *answer, DnsType type, const GError *error)
{
    g_auto(GVariantBuilder) records = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a" PROXY_RECORD));

    if (answer == NULL)
        return g_variant_new(PROXY_ANSWER, error->code, error->message, 0u, 0u, "", 0u, &records);
    for (guint i = 0; i < answer->n_records; i++)
        g_variant_builder_add_value(&records, proxy_pack_record(&answer->records[i], type));
    return g_variant_new(PROXY_ANSWER, -1, "", (guint32)answer->status, (guint32)answer->security,
                         answer->canonical, answer->ttl_s, &records);
}

static void
proxy_unpack_record(DnsBody *body, GVariant *packed, DnsType type)
{
    DnsRecord *record = dns_body_add(body);
    g_autoptr(GVariant) bytes = NULL;
    guint32 a, b, c;
    const gchar *given;
    const gchar *name;
    BaridSlice data = BARID_SLICE_EMPTY;

    g_variant_get(packed, "(uuu&s@ay)", &a, &b, &c, &given, &bytes);
    name = arena_dup_text(body->arena, given);
    data.data = g_variant_get_fixed_array(bytes, &data.len, 1);
    data = arena_dup_slice(body->arena, data);
    if (type == DNS_TYPE_A || type == DNS_TYPE_AAAA)
        address_parse_ip(barid_slice_from_text(given), &record->as.address);
    else if (type == DNS_TYPE_MX)
        record->as.mx.preference = (guint16)a, record->as.mx.exchange = name;
    else if (type == DNS_TYPE_TXT)
        record->as.text = data;
    else if (type == DNS_TYPE_SRV) {
        record->as.srv.priority = (guint16)a;
        record->as.srv.weight = (guint16)b;
        record->as.srv.port = (guint16)c;
        record->as.srv.target = name;
    } else if (type == DNS_TYPE_TLSA) {
        record->as.tlsa.usage = (guint8)a;
        record->as.tlsa.selector = (guint8)b;
        record->as.tlsa.matching = (guint8)c;
        record->as.tlsa.data = data;
    } else if (type == DNS_TYPE_SOA) {
        record->as.soa.primary = name;
        record->as.soa.serial = a;
        record->as.soa.minimum_s = b;
    } else
        record->as.name = name;
}

static DnsAnswer *
proxy_unpack(GVariant *packed, DnsType type, GError **error)
{
    gint32 code;
    const gchar *message;
    const gchar *canonical;
    guint32 status, security, ttl_s;
    g_autoptr(GVariantIter) records = NULL;
    g_autoptr(DnsBody) body = NULL;
    GVariant *record;

    g_variant_get(packed, "(i&suu&sua(uuusay))", &code, &message, &status, &security, &canonical,
                  &ttl_s, &records);
    if (code >= 0) {
        g_set_error_literal(error, DNS_ERROR, code, message);
        return NULL;
    }
    body = dns_body_new((guint)g_variant_iter_n_children(records) + 1);
    body->status = (DnsStatus)status;
    body->security = (DnsSecurity)security;
    body->canonical = arena_dup_text(body->arena, canonical);
    while ((record = g_variant_iter_next_value(records)) != NULL) {
        proxy_unpack_record(body, record, type);
        g_variant_unref(record);
    }
    return dns_answer_new(body, ttl_s, FALSE);
}

/* --- the process --- */

typedef struct {
    DnsResolver *resolver;
    GHashTable *known; /* question -> GVariant */
    int fd;
    guint n_silences; /* in a row */
} ProxyServer;

static GVariant *
proxy_look_up(ProxyServer *self, const gchar *name, DnsType type)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DnsAnswer) answer = NULL;
    GVariant *packed;

    if (self->n_silences < PROXY_SILENCES_MAX)
        answer = dns_lookup(self->resolver, name, type, &error);
    else
        g_set_error_literal(&error, DNS_ERROR, BARID_ERROR_TIMEOUT,
                            "the name server does not answer");
    if (answer != NULL)
        self->n_silences = 0;
    else if (error->code == BARID_ERROR_TIMEOUT || error->code == BARID_ERROR_IO)
        self->n_silences++;
    packed = g_variant_ref_sink(proxy_pack(answer, type, error));
    if (g_variant_get_size(packed) <= IPC_PAYLOAD_MAX)
        return packed;
    g_variant_unref(packed);
    g_clear_error(&error);
    g_set_error_literal(&error, DNS_ERROR, BARID_ERROR_TOO_LARGE, "the answer is too long");
    return g_variant_ref_sink(proxy_pack(NULL, type, error));
}

/* The question is "NAME TYPE". */
static GVariant *
proxy_answer(ProxyServer *self, const gchar *question)
{
    GVariant *found = g_hash_table_lookup(self->known, question);
    g_auto(GStrv) words = NULL;
    DnsType type;

    if (found != NULL)
        return found;
    words = g_strsplit(question, " ", 2);
    if (words[0] == NULL || words[1] == NULL || !dns_type_parse(words[1], &type))
        g_assert_not_reached(); /* name_proxy_ask() wrote it */
    found = proxy_look_up(self, words[0], type);
    g_hash_table_insert(self->known, g_strdup(question), found);
    return found;
}

static BaridSlice
proxy_get_bytes(GVariant *packed)
{
    return barid_slice(g_variant_get_data(packed), g_variant_get_size(packed));
}

static void
proxy_serve(gpointer data)
{
    ProxyServer *self = data;
    gboolean ok = TRUE;

    /* Nothing else is done here, so it does not matter that everything waits. */
    while (ok) {
        g_auto(IpcMessage) question = {.payload = NULL};

        ok = ipc_receive(self->fd, &question, NULL) && question.type == IPC_NAME &&
             ipc_send(self->fd, IPC_NAMED,
                      proxy_get_bytes(proxy_answer(self, (const gchar *)question.payload)), -1,
                      NULL);
    }
}

static void G_GNUC_NORETURN
proxy_run(DnsResolver *resolver, int fd, pid_t parent)
{
    ProxyServer self = {
        .resolver = resolver,
        .fd = fd,
        .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                       (GDestroyNotify)g_variant_unref),
    };
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || scheduler == NULL)
        _exit(1);
    log_set_level(BARID_LOG_ERROR);
    fiber_group_init(&group, scheduler);
    fiber_group_spawn(&group, proxy_serve, &self, NULL);
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    _exit(0);
}

gboolean
name_proxy_start(NameProxy *self, const gchar *server, GError **error)
{
    gchar *servers[] = {(gchar *)(guintptr)server, NULL};
    /* Those that check.c leaves to the name server, too. */
    gchar *local_names[] = {(gchar *)(guintptr) "localhost", (gchar *)(guintptr) "invalid", NULL};
    const DnsOptions options = {
        .servers = servers,
        .trust_ad = DNS_TRUST_LOOPBACK,
        .timeout_ms = PROXY_TIMEOUT_MS,
        .attempts = 1,
        .parallel = 1,
        .edns = TRUE,
        .max_ttl_ms = PROXY_MAX_TTL_MS,
        .local_names = local_names,
    };
    DnsResolver *resolver = dns_resolver_new(&options, error);
    pid_t parent = getpid();
    int ends[2];

    *self = (NameProxy){.pid = 0, .fd = -1};
    if (resolver == NULL)
        return FALSE;
    if (!ipc_pair(ends, error)) {
        dns_resolver_free(resolver);
        return FALSE;
    }
    self->pid = fork();
    if (self->pid == 0) {
        close(ends[0]);
        proxy_run(resolver, ends[1], parent);
    }
    close(ends[1]);
    self->fd = ends[0];
    dns_resolver_free(resolver);
    if (self->pid > 0)
        return TRUE;
    error_set_errno(error, DNS_ERROR, errno, "a process for the name server");
    name_proxy_stop(self);
    return FALSE;
}

void
name_proxy_stop(NameProxy *self)
{
    if (self->fd >= 0)
        close(self->fd);
    /* It ends when nobody can ask it any more; who waits for all children may have seen that. */
    if (self->pid > 0)
        waitpid(self->pid, NULL, 0);
    *self = (NameProxy){.pid = 0, .fd = -1};
}

/* --- asking --- */

DnsAnswer *
name_proxy_ask(int fd, const gchar *name, DnsType type, GError **error)
{
    g_autofree gchar *question = g_strdup_printf("%s %s", name, dns_type_get_name(type));
    g_auto(IpcMessage) answer = {.payload = NULL};
    g_autoptr(GVariant) packed = NULL;

    if (!ipc_send(fd, IPC_NAME, barid_slice_from_text(question), -1, error) ||
        !ipc_receive(fd, &answer, error))
        return NULL;
    packed = g_variant_ref_sink(g_variant_new_from_data(G_VARIANT_TYPE(PROXY_ANSWER),
                                                        answer.payload, answer.len, FALSE, NULL,
                                                        NULL));
    return proxy_unpack(packed, type, error);
}
