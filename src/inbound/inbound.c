/* SPDX-License-Identifier: Apache-2.0 */
#include "inbound/inbound.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error-domain.h"
#include "base/i18n.h"
#include "host/private-key.h"
#include "inbound/session.h"

ERROR_DOMAIN_DEFINE(inbound_error_quark, "barid-inbound-error")

typedef struct {
    const gchar *name;
    GBytes *chain, *key;
} InboundCertificate;

/* --- certificates --- */

/* In a simulation nobody checks whose it is: it says the section's name. */
static gboolean
certificate_make_up(const gchar *name, InboundCertificate *out, GError **error)
{
    gchar *chain = NULL, *key = NULL;

    if (!tls_make_self_signed(name == NULL ? "localhost" : name, clock_wall_ms(), &chain, &key,
                              error))
        return FALSE;
    out->chain = g_bytes_new_take(chain, strlen(chain));
    out->key = g_bytes_new_take(key, strlen(key));
    return TRUE;
}

static gboolean
certificate_read(SettingsContext *context, const gchar *label, const CertificateSettings *settings,
                 InboundCertificate *out, GError **error)
{
    if (context->scratch_dir != NULL)
        return certificate_make_up(out->name, out, error);
    out->chain = settings_open_file(context, label, "chain", settings->chain, error);
    if (out->chain != NULL)
        out->key = settings_open_file(context, label, "key", settings->key, error);
    return out->key != NULL;
}

static gboolean
certificate_load(Inbound *self, SettingsContext *context, ConfigSection *section)
{
    const gchar *label = config_section_get_label(section);
    CertificateSettings settings = {NULL, NULL};
    InboundCertificate certificate = {.name = config_section_get_name(section)};
    g_autoptr(GError) error = NULL;
    gboolean ok = settings_bind(context, section, label, certificate_settings,
                                sizeof(BaridSetting), &settings);

    if (ok)
        certificate_read(context, label, &settings, &certificate, &error);
    settings_clear(certificate_settings, sizeof(BaridSetting), &settings);
    if (certificate.key == NULL) {
        if (ok)
            config_section_report(section, context->problems, NULL, "%s", error->message);
        g_clear_pointer(&certificate.chain, g_bytes_unref);
        return FALSE;
    }
    g_array_append_val(self->certificates, certificate);
    return TRUE;
}

static const InboundCertificate *
certificate_find(const Inbound *self, const gchar *name)
{
    for (guint i = 0; i < self->certificates->len; i++) {
        const InboundCertificate *found = &g_array_index(self->certificates, InboundCertificate, i);

        if (g_strcmp0(found->name, name) == 0)
            return found;
    }
    return NULL;
}

static BaridSlice
certificate_slice(GBytes *bytes)
{
    gsize len;
    const void *data = g_bytes_get_data(bytes, &len);

    return barid_slice(data, len);
}

/* RSA is a module's to compute, where one offers it. */
static gboolean
certificate_add(const Inbound *self, TlsServer *server, const InboundCertificate *certificate,
                GError **error)
{
    BaridSlice chain = certificate_slice(certificate->chain);
    BaridSlice pem = certificate_slice(certificate->key);
    gnutls_privkey_t key = private_key_open_tls(self->services.host, pem);

    return key != NULL ? tls_server_add_key(server, chain, key, certificate->name, error)
                       : tls_server_add_certificate(server, chain, pem, certificate->name, error);
}

/* The certificate of one's own lies in the state folder; it is made at the first start. */
static gboolean
certificate_make_own(const Inbound *self, const gchar *chain_path, const gchar *key_path,
                     GError **error)
{
    g_autofree gchar *chain = NULL;
    g_autofree gchar *key = NULL;
    g_autofree gchar *folder = g_path_get_dirname(chain_path);

    if (g_mkdir_with_parents(folder, 0700) != 0) {
        error_set_errno(error, INBOUND_ERROR, errno, "%s", folder);
        return FALSE;
    }
    return tls_make_self_signed(self->services.hostname, clock_wall_ms(), &chain, &key, error) &&
           g_file_set_contents_full(key_path, key, -1, G_FILE_SET_CONTENTS_DURABLE, 0600, error) &&
           g_file_set_contents_full(chain_path, chain, -1, G_FILE_SET_CONTENTS_DURABLE, 0644,
                                    error);
}

static gboolean
certificate_add_own(const Inbound *self, TlsServer *server, GError **error)
{
    g_autofree gchar *chain_path =
        g_build_filename(self->services.state_dir, "tls", "own-chain.pem", NULL);
    g_autofree gchar *key_path =
        g_build_filename(self->services.state_dir, "tls", "own-key.pem", NULL);
    g_autofree gchar *chain = NULL;
    g_autofree gchar *key = NULL;
    gboolean ok;

    if (!g_file_test(chain_path, G_FILE_TEST_EXISTS) &&
        !certificate_make_own(self, chain_path, key_path, error))
        return FALSE;
    ok = g_file_get_contents(chain_path, &chain, NULL, error) &&
         g_file_get_contents(key_path, &key, NULL, error) &&
         tls_server_add_certificate(server, barid_slice_from_text(chain),
                                    barid_slice_from_text(key), chain_path, error);
    if (key != NULL)
        gnutls_memset(key, 0, strlen(key));
    return ok;
}

/* --- listeners --- */

static gboolean
listener_check_addresses(InboundListener *listener, SettingsContext *context,
                         ConfigSection *section)
{
    gboolean ok = listener->settings.address != NULL && listener->settings.address[0] != NULL;

    for (guint i = 0; ok && listener->settings.address[i] != NULL; i++) {
        const gchar *text = listener->settings.address[i];
        Address address;

        if (g_str_has_prefix(text, "unix:") && text[strlen("unix:")] != '\0') {
            listener->is_local = TRUE;
            continue;
        }
        if (!address_parse(barid_slice_from_text(text), &address)) {
            /* The setting has no default: the section has the key. */
            config_value_report_item(config_section_use(section, "address"), context->problems, i,
                                     _("\"%s\" is not IP:PORT, [IPv6]:PORT or unix:PATH"), text);
            return FALSE;
        }
    }
    if (!ok)
        config_section_report(section, context->problems, "address", _("an address is required"));
    return ok;
}

static gboolean
listener_set_up_tls(Inbound *self, InboundListener *listener, GError **error)
{
    gchar **names = listener->settings.certificates;

    if (listener->settings.tls == LISTENER_TLS_NONE)
        return TRUE;
    listener->tls = tls_server_new(NULL, error);
    if (listener->tls == NULL)
        return FALSE;
    for (; *names != NULL; names++) {
        const InboundCertificate *certificate = certificate_find(self, *names);

        if (certificate == NULL) {
            g_set_error(error, INBOUND_ERROR, BARID_ERROR_NOT_FOUND,
                        _("there is no [certificate %s]"), *names);
            return FALSE;
        }
        if (!certificate_add(self, listener->tls, certificate, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
inbound_start(Inbound *self, GError **error)
{
    for (guint i = 0; i < self->listeners->len; i++) {
        InboundListener *listener = g_ptr_array_index(self->listeners, i);

        if (listener->tls != NULL && listener->settings.certificates[0] == NULL &&
            !certificate_add_own(self, listener->tls, error)) {
            g_prefix_error(error, _("listener %s: "), listener->name);
            return FALSE;
        }
    }
    return TRUE;
}

static void
listener_free(gpointer data)
{
    InboundListener *listener = data;

    settings_clear(listener_settings, sizeof(BaridSetting), &listener->settings);
    tls_server_unref(listener->tls);
    g_ptr_array_free(listener->addresses, TRUE);
    g_ptr_array_free(listener->passed, TRUE);
    g_free(listener->fixed_hostname);
    g_free(listener->name);
    g_free(listener);
}

/* The name that is told to those who are not let in; one that depends on the client is chosen
 * for each session. */
static void
listener_set_hostname(InboundListener *listener, const gchar *server_name,
                      SettingsContext *context, ConfigSection *section)
{
    g_autofree gchar *name = NULL;

    listener->hostname = server_name;
    if (!barid_rule_is_constant(listener->settings.hostname))
        return;
    name = barid_rule_eval_text(listener->settings.hostname, NULL);
    if (*name == '\0')
        return;
    if (!mail_domain_is_valid(barid_slice_from_text(name)))
        config_section_report(section, context->problems, "hostname", _("\"%s\" is no host name"),
                              name);
    listener->fixed_hostname = g_steal_pointer(&name);
    listener->hostname = listener->fixed_hostname;
}

static void
listener_load(Inbound *self, SettingsContext *context, ConfigSection *section)
{
    InboundListener *listener = g_new0(InboundListener, 1);
    g_autoptr(GError) error = NULL;

    listener->addresses = g_ptr_array_new_with_free_func(g_free);
    listener->passed = g_ptr_array_new_with_free_func(g_free);
    listener->name = g_strdup(config_section_get_name(section));
    if (!settings_bind(context, section, config_section_get_label(section), listener_settings,
                       sizeof(BaridSetting), &listener->settings) ||
        listener->name == NULL || !listener->settings.enabled ||
        !listener_check_addresses(listener, context, section)) {
        listener_free(listener);
        return;
    }
    listener_set_hostname(listener, self->services.hostname, context, section);
    if (!listener_set_up_tls(self, listener, &error))
        config_section_report(section, context->problems, "certificate", "%s", error->message);
    g_ptr_array_add(self->listeners, listener);
}

/* --- the generation --- */

static void
inbound_bind_area(SettingsContext *context, const gchar *kind, const BaridSetting *table,
                  gpointer target)
{
    settings_bind(context, config_tree_find(context->tree, kind, NULL), kind, table,
                  sizeof(BaridSetting), target);
}

/* What a rule writes out is checked at load. */
static gchar *
inbound_check_text(const gchar *key, const gchar *text, gpointer directories)
{
    if (strcmp(key, "directory") != 0 || *text == '\0')
        return NULL;
    return directories_check_name(directories, text);
}

Inbound *
inbound_new(SettingsContext *context, const InboundServices *services)
{
    Inbound *self = g_new0(Inbound, 1);
    ConfigSection *section;

    self->services = *services;
    self->listeners = g_ptr_array_new_with_free_func(listener_free);
    self->certificates = g_array_new(FALSE, TRUE, sizeof(InboundCertificate));
    self->threads = g_ptr_array_new();
    self->n_accepted = counter_register("smtp.sessions");
    self->n_messages = counter_register("smtp.messages-accepted");
    self->n_refused = counter_register("smtp.refusals");
    inbound_bind_area(context, "session", session_settings, &self->session);
    inbound_bind_area(context, "ehlo", ehlo_settings, &self->ehlo);
    inbound_bind_area(context, "extensions", extension_settings, &self->extensions);
    context->check_text = inbound_check_text;
    context->check_text_data = self->services.directories;
    inbound_bind_area(context, "auth", auth_settings, &self->auth);
    context->check_text = NULL;
    inbound_bind_area(context, "rcpt", rcpt_settings, &self->rcpt);
    inbound_bind_area(context, "data", data_settings, &self->data);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "certificate", i)) != NULL; i++)
        certificate_load(self, context, section);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "listener", i)) != NULL; i++)
        listener_load(self, context, section);
    return self;
}

void
inbound_set_queue(Inbound *self, Queue *queue)
{
    self->services.queue = queue;
}

void
inbound_free(Inbound *self)
{
    if (self == NULL)
        return;
    g_ptr_array_free(self->listeners, TRUE);
    g_ptr_array_free(self->threads, TRUE);
    for (guint i = 0; i < self->certificates->len; i++) {
        InboundCertificate *certificate =
            &g_array_index(self->certificates, InboundCertificate, i);

        g_bytes_unref(certificate->chain);
        g_bytes_unref(certificate->key);
    }
    g_array_free(self->certificates, TRUE);
    settings_clear(session_settings, sizeof(BaridSetting), &self->session);
    settings_clear(ehlo_settings, sizeof(BaridSetting), &self->ehlo);
    settings_clear(extension_settings, sizeof(BaridSetting), &self->extensions);
    settings_clear(auth_settings, sizeof(BaridSetting), &self->auth);
    settings_clear(rcpt_settings, sizeof(BaridSetting), &self->rcpt);
    settings_clear(data_settings, sizeof(BaridSetting), &self->data);
    g_free(self);
}

void
inbound_set_witness(Inbound *self, InboundWitness witness, gpointer data)
{
    self->witness = witness;
    self->witness_data = data;
}

guint
inbound_get_n_listeners(const Inbound *self)
{
    return self->listeners->len;
}

InboundListener *
inbound_get_listener(Inbound *self, guint index)
{
    return g_ptr_array_index(self->listeners, index);
}

InboundListener *
inbound_find_listener(Inbound *self, const gchar *name)
{
    for (guint i = 0; i < self->listeners->len; i++) {
        InboundListener *listener = g_ptr_array_index(self->listeners, i);

        if (strcmp(listener->name, name) == 0)
            return listener;
    }
    return NULL;
}

const gchar *
inbound_listener_get_name(const InboundListener *self)
{
    return self->name;
}

gboolean
inbound_listener_has_implicit_tls(const InboundListener *self)
{
    return self->settings.tls == LISTENER_TLS_IMPLICIT;
}

static void
listener_add_text(GPtrArray *texts, const gchar *text)
{
    if (texts->len > 0)
        g_ptr_array_set_size(texts, (gint)texts->len - 1);
    g_ptr_array_add(texts, g_strdup(text));
    g_ptr_array_add(texts, NULL);
}

void
inbound_listener_add_address(InboundListener *self, const gchar *address, gboolean is_passed)
{
    listener_add_text(self->addresses, address);
    if (is_passed)
        listener_add_text(self->passed, address);
}

const gchar *const *
inbound_listener_get_addresses(const InboundListener *self)
{
    return (const gchar *const *)(self->addresses->len > 0 ? (gchar **)self->addresses->pdata
                                                           : self->settings.address);
}

const gchar *const *
inbound_listener_get_passed(const InboundListener *self)
{
    static const gchar *const none[] = {NULL};

    return self->passed->len > 0 ? (const gchar *const *)self->passed->pdata : none;
}

void
inbound_get_stats(const Inbound *self, InboundStats *out_stats)
{
    out_stats->n_sessions = atomic_load_explicit(&self->n_sessions, memory_order_relaxed);
    out_stats->n_accepted = counter_get(self->n_accepted);
    out_stats->n_messages = counter_get(self->n_messages);
    out_stats->n_refused = counter_get(self->n_refused);
}
