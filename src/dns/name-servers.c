/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/name-servers.h"

#include "base/clock.h"
#include "base/units.h"
#include "dns/dns-name.h"

static gboolean
name_server_parse_address(BaridSlice text, guint16 default_port, Address *out_address)
{
    /* "[::1]" needs no port either. */
    if (text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        text = barid_slice(text.data + 1, text.len - 2);
    if (address_parse_ip(text, out_address)) {
        out_address->port = default_port;
        return TRUE;
    }
    return address_parse(text, out_address) && out_address->port != 0;
}

static gboolean
name_server_parse_tls(const gchar *text, NameServer *out_server)
{
    const gchar *hash = strchrnul(text, '#');
    gchar name[DNS_NAME_MAX + 1];

    if (!name_server_parse_address(barid_slice(text, (gsize)(hash - text)), TLS_EXCHANGE_PORT,
                                   &out_server->address) ||
        (*hash == '#' && !dns_name_normalise(hash + 1, name, NULL)))
        return FALSE;
    out_server->over_tls = TRUE;
    out_server->name = *hash == '#' ? g_strdup(name) : NULL;
    return TRUE;
}

gboolean
name_servers_add(NameServers *self, const gchar *text)
{
    static const gchar scheme[] = "tls://";
    NameServer server = {.over_tls = FALSE};

    if (g_str_has_prefix(text, scheme)
            ? !name_server_parse_tls(text + strlen(scheme), &server)
            : !name_server_parse_address(barid_slice_from_text(text), NAME_SERVER_PORT,
                                         &server.address))
        return FALSE;
    if (self->n_servers < NAME_SERVERS_MAX)
        self->servers[self->n_servers++] = server;
    else
        g_free(server.name);
    return TRUE;
}

gboolean
name_servers_need_trust(const NameServers *self)
{
    for (guint i = 0; i < self->n_servers; i++) {
        if (self->servers[i].over_tls)
            return TRUE;
    }
    return FALSE;
}

void
name_servers_set_trust(NameServers *self, TlsTrust *trust)
{
    for (guint i = 0; i < self->n_servers; i++) {
        NameServer *server = &self->servers[i];

        if (server->over_tls)
            server->tls = tls_exchange_new(&server->address, server->name, trust);
    }
}

void
name_servers_clear(NameServers *self)
{
    for (guint i = 0; i < self->n_servers; i++) {
        tls_exchange_free(self->servers[i].tls);
        g_free(self->servers[i].name);
    }
    self->n_servers = 0;
}

/* "timeout:3"; resolv.conf(5) caps the values, and so do we. */
static gboolean
name_servers_take_number(const gchar *option, const gchar *name, gint64 limit, gint64 *out_value)
{
    gsize len = strlen(name);
    gint64 value;

    if (strncmp(option, name, len) != 0 || option[len] != ':' ||
        units_parse_integer(barid_slice_from_text(option + len + 1), &value) != UNITS_OK ||
        value < 1)
        return FALSE;
    *out_value = MIN(value, limit);
    return TRUE;
}

static void
name_servers_read_option(NameServers *self, const gchar *option)
{
    gint64 value;

    if (name_servers_take_number(option, "timeout", 30, &value))
        self->timeout_ms = value * 1000;
    else if (name_servers_take_number(option, "attempts", 5, &value))
        self->attempts = (guint)value;
    else if (strcmp(option, "trust-ad") == 0)
        self->trusts_ad = TRUE;
}

void
name_servers_read(NameServers *self, const gchar *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit_set(g_strchomp(lines[i]), " \t", -1);
        gboolean is_options = words[0] != NULL && strcmp(words[0], "options") == 0;

        if (words[0] == NULL || (!is_options && strcmp(words[0], "nameserver") != 0))
            continue;
        for (guint n = 1; words[n] != NULL; n++) {
            if (is_options)
                name_servers_read_option(self, words[n]);
            else if (words[n][0] != '\0')
                name_servers_add(self, words[n]);
        }
    }
    if (self->n_servers == 0)
        name_servers_add(self, "127.0.0.1");
}

void
name_servers_order(NameServers *self, NameServer *out_order[NAME_SERVERS_MAX])
{
    gint64 now_ms = clock_monotonic_ms();
    guint n = 0;

    for (guint rests = 0; rests < 2; rests++) {
        for (guint i = 0; i < self->n_servers; i++) {
            if ((atomic_load(&self->servers[i].rests_until_ms) > now_ms) == rests)
                out_order[n++] = &self->servers[i];
        }
    }
}

void
name_server_failed(NameServer *self)
{
    atomic_store(&self->rests_until_ms, clock_monotonic_ms() + NAME_SERVER_REST_MS);
}

void
name_server_answered(NameServer *self)
{
    /* A store of another thread's cache line only where it changes something. */
    if (atomic_load(&self->rests_until_ms) != 0)
        atomic_store(&self->rests_until_ms, 0);
}

gboolean
name_server_takes_edns(NameServer *self)
{
    return atomic_load(&self->plain_until_ms) <= clock_monotonic_ms();
}

void
name_server_refused_edns(NameServer *self)
{
    atomic_store(&self->plain_until_ms, clock_monotonic_ms() + NAME_SERVER_PLAIN_MS);
}
