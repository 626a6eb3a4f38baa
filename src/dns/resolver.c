/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/resolver.h"

#include "base/error-domain.h"
#include "dns/dns-name.h"
#include "dns/resolver-backend.h"

ERROR_DOMAIN_DEFINE(dns_error_quark, "barid-dns-error")

struct DnsResolver {
    const DnsBackend *backend;
    gpointer data;
    const gchar *const *local_names;
};

enum { DNS_LOCAL_TTL_S = 3600 };

static const struct {
    const gchar *word;
    DnsType type;
} dns_types[] = {
    {"A", DNS_TYPE_A},     {"NS", DNS_TYPE_NS},     {"CNAME", DNS_TYPE_CNAME},
    {"SOA", DNS_TYPE_SOA}, {"PTR", DNS_TYPE_PTR},   {"MX", DNS_TYPE_MX},
    {"TXT", DNS_TYPE_TXT}, {"AAAA", DNS_TYPE_AAAA}, {"SRV", DNS_TYPE_SRV},
    {"TLSA", DNS_TYPE_TLSA},
};

const gchar *
dns_type_get_name(DnsType type)
{
    for (guint i = 0; i < G_N_ELEMENTS(dns_types); i++) {
        if (dns_types[i].type == type)
            return dns_types[i].word;
    }
    return NULL;
}

gboolean
dns_type_parse(const gchar *word, DnsType *out_type)
{
    for (guint i = 0; i < G_N_ELEMENTS(dns_types); i++) {
        if (g_ascii_strcasecmp(dns_types[i].word, word) == 0) {
            *out_type = dns_types[i].type;
            return TRUE;
        }
    }
    return FALSE;
}

DnsResolver *
dns_resolver_new_backend(const DnsBackend *backend, gpointer data,
                         const gchar *const *local_names)
{
    DnsResolver *self = g_new0(DnsResolver, 1);

    *self = (DnsResolver){.backend = backend, .data = data, .local_names = local_names};
    return self;
}

void
dns_resolver_free(DnsResolver *self)
{
    if (self == NULL)
        return;
    self->backend->free(self->data);
    g_free(self);
}

/* --- names that never leave the host --- */

static const gchar *
dns_find_local_name(const DnsResolver *self, const gchar *name)
{
    for (const gchar *const *p = self->local_names; p != NULL && *p != NULL; p++) {
        if (dns_name_is_below(name, *p))
            return *p;
    }
    return NULL;
}

/* RFC 6761 section 6.3: localhost is this host, whatever a server would say. */
static void
dns_add_loopback(DnsBody *body, DnsType type)
{
    Address *address;

    body->status = DNS_NO_DATA;
    if (type != DNS_TYPE_A && type != DNS_TYPE_AAAA)
        return;
    body->status = DNS_FOUND;
    address = &dns_body_add(body)->as.address;
    if (type == DNS_TYPE_A)
        *address = (Address){.bytes = {127, 0, 0, 1}};
    else
        *address = (Address){.is_v6 = TRUE, .bytes = {[15] = 1}};
}

static DnsAnswer *
dns_answer_locally(const gchar *name, const gchar *local_name, DnsType type)
{
    g_autoptr(DnsBody) body = dns_body_new(1);

    body->status = DNS_NO_NAME;
    body->canonical = arena_dup_text(body->arena, name);
    body->ttl_s = DNS_LOCAL_TTL_S;
    if (strcmp(local_name, "localhost") == 0)
        dns_add_loopback(body, type);
    return dns_answer_new(body, body->ttl_s, FALSE);
}

/* --- questions --- */

static DnsAnswer *
dns_lookup_normalised(DnsResolver *self, const gchar *name, DnsType type, GError **error)
{
    const gchar *local_name = dns_find_local_name(self, name);

    if (local_name != NULL)
        return dns_answer_locally(name, local_name, type);
    return self->backend->lookup(self->data, name, type, error);
}

DnsAnswer *
dns_lookup(DnsResolver *self, const gchar *name, DnsType type, GError **error)
{
    gchar normalised[DNS_NAME_MAX + 1];

    if (!dns_name_normalise(name, normalised, error))
        return NULL;
    return dns_lookup_normalised(self, normalised, type, error);
}

DnsAnswer *
dns_lookup_names(DnsResolver *self, const Address *address, GError **error)
{
    gchar name[DNS_NAME_MAX + 1];

    dns_name_of_address(address, name);
    return dns_lookup_normalised(self, name, DNS_TYPE_PTR, error);
}
