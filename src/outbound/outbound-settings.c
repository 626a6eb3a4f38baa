/* SPDX-License-Identifier: Apache-2.0 */
#include "outbound/outbound-settings.h"

#include "base/i18n.h"
#include "base/text.h"
#include "base/units.h"
#include "conf/rule-shadow.h"
#include "mime/mail-address.h"
#include "net/tls-settings.h"
#include "outbound/smtp-client.h"

enum { DEFAULT_PORT_SMTP = 25, DEFAULT_PORT_LMTP = 24, DEFAULT_PORT_IMPLICIT_TLS = 465 };

static const gchar *const protocol_words[] = {"smtp", "lmtp", NULL};
static const gchar *const check_words[] = {"with-password", "always", "never", NULL};
static const gchar *const tls_words[] = {"none", "opportunistic", "required", "implicit", NULL};

static const gchar *const starttls_words[] = {"none", "opportunistic", "required", NULL};
static const gchar *const family_words[] = {"ipv4-only", "ipv6-only", "ipv4-then-ipv6",
                                            "ipv6-then-ipv4", NULL};

/* A confined worker needs to know beforehand what it will connect to. */
#define BARID_SETTING_PORT(key, T, m, d, s)                                           \
    BARID_SETTING_(BARID_TYPE_INTEGER, key, T, m, d, s, .minimum = 1, .maximum = 65535, \
                   .flags = BARID_SETTING_CONNECTS)

/* The name of no host nor transport: mail that nobody could route waits for the next attempt. */
#define OUTBOUND_UNDECIDED "(undecided)"

static const BaridSetting outbound_settings[] = {
    BARID_SETTING_RULE_TEXT("next-hop", OutboundSettings, next_hop, "mx",
                            N_("Where mail for other domains goes: mx, local (nowhere), or the "
                               "name of a [host NAME]."),
                            BARID_KNOWN_ATTEMPT, .on_failure = OUTBOUND_UNDECIDED),
    BARID_SETTING_RULE_TEXT("helo-name", OutboundSettings, helo_name, "",
                            N_("Name given with EHLO; empty means the server's."),
                            BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_INTEGER("mx-limit", OutboundSettings, mx_limit, "5",
                               N_("Hosts of a domain that one attempt tries."),
                               BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_INTEGER("address-limit", OutboundSettings, address_limit, "4",
                               N_("Addresses of a host that one attempt tries."),
                               BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_TEXT("address-family", OutboundSettings, address_family, "ipv4-then-ipv6",
                            N_("Which addresses are tried, and which first: ipv4-only, ipv6-only, "
                               "ipv4-then-ipv6 or ipv6-then-ipv4."),
                            BARID_KNOWN_ATTEMPT, .words = family_words),
    BARID_SETTING_RULE_TEXT("source-ipv4", OutboundSettings, source_ipv4, "",
                            N_("Own IPv4 addresses to send from, one by chance; empty leaves it "
                               "to the system."),
                            BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_TEXT("source-ipv6", OutboundSettings, source_ipv6, "",
                            N_("Own IPv6 addresses to send from, one by chance; empty leaves it "
                               "to the system."),
                            BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("connect-timeout", OutboundSettings,
                                timeouts[OUTBOUND_TIMEOUT_CONNECT], "1min",
                                N_("How long connecting to one address may take."),
                                BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("greeting-timeout", OutboundSettings,
                                timeouts[OUTBOUND_TIMEOUT_GREETING], "5min",
                                N_("How long the greeting may take."), BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("tls-timeout", OutboundSettings, timeouts[OUTBOUND_TIMEOUT_TLS],
                                "3min", N_("How long the TLS handshake may take."),
                                BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("ehlo-timeout", OutboundSettings, timeouts[OUTBOUND_TIMEOUT_EHLO],
                                "5min", N_("How long the answer to EHLO, STARTTLS and AUTH may "
                                           "take."),
                                BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("mail-timeout", OutboundSettings, timeouts[OUTBOUND_TIMEOUT_MAIL],
                                "5min", N_("How long the answer to MAIL may take."),
                                BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("rcpt-timeout", OutboundSettings, timeouts[OUTBOUND_TIMEOUT_RCPT],
                                "5min", N_("How long the answer to one RCPT may take."),
                                BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("data-timeout", OutboundSettings, timeouts[OUTBOUND_TIMEOUT_DATA],
                                "10min", N_("How long each step of sending the content and its "
                                            "answer may take."),
                                BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_TEXT("tls", OutboundSettings, tls, "opportunistic",
                            N_("Whether STARTTLS is used: none, opportunistic (where offered) or "
                               "required."),
                            BARID_KNOWN_ATTEMPT, .on_failure = "required", .words = starttls_words),
    BARID_SETTING_RULE_BOOL("tls-fallback", OutboundSettings, tls_fallback, "yes",
                            N_("Whether a failed opportunistic handshake is followed by another "
                               "connection in the clear."),
                            BARID_KNOWN_ATTEMPT, .on_failure = "no"),
    BARID_SETTING_RULE_BOOL("pipelining", OutboundSettings, pipelining, "yes",
                            N_("Whether PIPELINING is used where offered."), BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_BOOL("chunking", OutboundSettings, chunking, "yes",
                            N_("Whether CHUNKING is used where offered."), BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_INTEGER("concurrency", OutboundSettings, concurrency, "20",
                               N_("Deliveries to one destination at once; 0 means no limit. The "
                                  "rule must not read a store."),
                               BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_TEXT("rate", OutboundSettings, rate, "none",
                            N_("Deliveries to one destination in a period, such as 100/1h. The "
                               "rule must not read a store."),
                            BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_INTEGER("recipients-per-transaction", OutboundSettings, recipients, "100",
                               N_("Recipients of one transaction."), BARID_KNOWN_ATTEMPT),
    BARID_SETTING_INTEGER("connection-reuse", OutboundSettings, reuse_messages, "100",
                          N_("Messages sent over one connection; 1 closes it after each."), 1,
                          1000000),
    BARID_SETTING_DURATION("connection-idle", OutboundSettings, reuse_idle_ms, "5s",
                           N_("How long a connection waits for another message.")),
    BARID_SETTING_PORT("port", OutboundSettings, port, "25", N_("Port of mail exchangers.")),
    BARID_SETTING_BOOL("allow-loopback", OutboundSettings, allow_loopback, "no",
                       N_("Whether a mail exchanger may have a loopback address.")),
    BARID_SETTING_END,
};

static const BaridSetting host_settings[] = {
    BARID_SETTING_TARGETS("address", OutboundHost, addresses, NULL,
                          N_("Where it listens: NAME:PORT, IP:PORT, [IPv6]:PORT or unix:/PATH; "
                             "several with commas, tried in order. Without a port: 25, 24 for "
                             "LMTP, 465 with implicit TLS.")),
    BARID_SETTING_ENUM("protocol", OutboundHost, protocol, "smtp", N_("What is spoken there."),
                       protocol_words),
    BARID_SETTING_ENUM("tls", OutboundHost, tls, "opportunistic",
                       N_("When TLS begins: never, where offered, always by STARTTLS, at once."),
                       tls_words),
    BARID_SETTING_ENUM("certificate-check", OutboundHost, check, "with-password",
                       N_("When its certificate must be trusted and be for its name: when a "
                          "password is sent, always, never."),
                       check_words),
    BARID_SETTING_PATH("trust", OutboundHost, trust_path, "",
                       N_("PEM file with the certification authorities to trust; empty means "
                          "those of the system."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_TEXT("user", OutboundHost, user, "",
                       N_("Name to authenticate with; empty means not to.")),
    BARID_SETTING_SECRET("password", OutboundHost, password, "", N_("Its password.")),
    BARID_SETTING_BOOL("lookup-mx", OutboundHost, lookup_mx, "no",
                       N_("Whether names are domains whose mail exchangers are meant.")),
    BARID_SETTING_TEXT("local-ip", OutboundHost, local_ip, "",
                       N_("Own address to connect from; empty leaves it to the system.")),
    BARID_SETTING_INTEGER("concurrency", OutboundHost, concurrency, "20",
                          N_("Deliveries to it at once; 0 means no limit."), 0, 100000),
    BARID_SETTING_RATE("rate", OutboundHost, rate, "none",
                       N_("Deliveries to it in a period, such as 100/1h.")),
    BARID_SETTING_END,
};

static void
outbound_host_free(gpointer data)
{
    OutboundHost *self = data;

    if (self->targets != NULL)
        g_array_free(self->targets, TRUE);
    tls_trust_unref(self->trust);
    settings_clear(host_settings, sizeof(BaridSetting), self);
    g_free(self->name);
    g_free(self);
}

static guint16
host_get_default_port(const OutboundHost *self)
{
    if (self->protocol == HOST_LMTP)
        return DEFAULT_PORT_LMTP;
    return self->tls == SMTP_CLIENT_TLS_IMPLICIT ? DEFAULT_PORT_IMPLICIT_TLS : DEFAULT_PORT_SMTP;
}

/* "NAME", "NAME:PORT": FALSE when the name or the port is none. The name is cut out of
 * (text), which is the settings' own. */
static gboolean
host_parse_name(gchar *text, guint16 fallback_port, HostTarget *out)
{
    gchar *colon = strrchr(text, ':');
    gint64 port = fallback_port;

    if (colon != NULL &&
        (units_parse_integer(barid_slice_from_text(colon + 1), &port) != UNITS_OK || port < 1 ||
         port > 65535))
        return FALSE;
    if (!mail_domain_is_valid(barid_slice(text, colon != NULL ? (gsize)(colon - text)
                                                              : strlen(text))))
        return FALSE;
    if (colon != NULL)
        *colon = '\0';
    out->name = text;
    out->endpoint.address.port = (guint16)port;
    return TRUE;
}

static gboolean
host_parse_target(gchar *text, guint16 fallback_port, HostTarget *out)
{
    BaridSlice slice = barid_slice_from_text(text);

    *out = (HostTarget){0};
    if (g_str_has_prefix(text, "unix:")) {
        out->endpoint.unix_path = text + strlen("unix:");
        return *out->endpoint.unix_path == '/';
    }
    if (address_parse(slice, &out->endpoint.address))
        return TRUE;
    if (address_parse_ip(slice, &out->endpoint.address) ||
        (slice.len > 2 && text[0] == '[' && text[slice.len - 1] == ']' &&
         address_parse_ip(barid_slice(text + 1, slice.len - 2), &out->endpoint.address))) {
        out->endpoint.address.port = fallback_port;
        return TRUE;
    }
    return host_parse_name(text, fallback_port, out);
}

/* Who asks for a check without TLS has made a mistake; who sends a password in the clear has
 * said so. */
static void
host_check_trust(OutboundHost *self, SettingsContext *context, ConfigSection *section)
{
    gboolean has_user = self->user != NULL && *self->user != '\0';
    gboolean has_tls = self->tls != SMTP_CLIENT_TLS_NONE;
    g_autoptr(GError) error = NULL;

    if (self->check == HOST_CHECK_ALWAYS && !has_tls)
        config_section_report(section, context->problems, "certificate-check",
                              _("there is no certificate without TLS"));
    if (!has_tls || self->check == HOST_CHECK_NEVER ||
        (self->check == HOST_CHECK_WITH_PASSWORD && !has_user))
        return;
    self->trust = tls_trust_new_from_setting(context, config_section_get_label(section),
                                             self->trust_path, &error);
    if (self->trust == NULL)
        config_section_report(section, context->problems, "trust", "%s", error->message);
}

static void
host_check(OutboundHost *self, SettingsContext *context, ConfigSection *section)
{
    gboolean has_user = self->user != NULL && *self->user != '\0';
    gboolean has_password = self->password != NULL && *self->password != '\0';

    self->targets = g_array_new(FALSE, TRUE, sizeof(HostTarget));
    for (guint i = 0; self->addresses != NULL && self->addresses[i] != NULL; i++) {
        HostTarget target;

        if (host_parse_target(self->addresses[i], host_get_default_port(self), &target))
            g_array_append_val(self->targets, target);
        else
            config_value_report_item(config_section_use(section, "address"), context->problems, i,
                                     _("write NAME:PORT, IP:PORT, [IPv6]:PORT or unix:/PATH"));
    }
    if (self->targets->len == 0)
        config_section_report(section, context->problems, "address", _("an address is required"));
    if (has_user != has_password)
        /* The line of the password is not shown. */
        config_section_report(section, context->problems, "user",
                              _("user and password belong together"));
    if (self->local_ip != NULL && *self->local_ip != '\0') {
        self->has_source =
            address_parse_ip(barid_slice_from_text(self->local_ip), &self->source);
        if (!self->has_source)
            config_section_report(section, context->problems, "local-ip", _("write an IP address"));
    }
    host_check_trust(self, context, section);
}

static void
outbound_settings_add_host(OutboundSettings *self, SettingsContext *context,
                           ConfigSection *section)
{
    OutboundHost *host = g_new0(OutboundHost, 1);

    host->name = g_strdup(config_section_get_name(section));
    if (!settings_bind(context, section, config_section_get_label(section), host_settings,
                       sizeof(BaridSetting), host)) {
        outbound_host_free(host);
        return;
    }
    if (host->name == NULL || strcmp(host->name, "mx") == 0 || strcmp(host->name, "local") == 0) {
        config_section_report(section, context->problems, NULL,
                              _("write [host NAME]; \"mx\" and \"local\" are taken"));
        outbound_host_free(host);
        return;
    }
    host_check(host, context, section);
    g_ptr_array_add(self->hosts, host);
}

/* --- words that rules give --- */

static gchar *
check_next_hop(const gchar *word, ConfigTree *tree)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    ConfigSection *section;
    g_autofree gchar *hint = NULL;

    g_ptr_array_add(names, (gpointer)(guintptr) "mx");
    g_ptr_array_add(names, (gpointer)(guintptr) "local");
    for (guint i = 0; (section = config_tree_get_nth(tree, "host", i)) != NULL; i++) {
        if (config_section_get_name(section) != NULL)
            g_ptr_array_add(names, (gpointer)(guintptr)config_section_get_name(section));
    }
    g_ptr_array_add(names, NULL);
    if (g_strv_contains((const gchar *const *)names->pdata, word))
        return NULL;
    hint = config_problem_dup_hint("", text_nearest(word, (const gchar *const *)names->pdata), "");
    return g_strdup_printf(_("\"%s\" is not mx, local or the name of a [host NAME]%s"), word, hint);
}

/* What each branch of a rule writes out is checked at load; what is computed, when it is there. */
static gchar *
outbound_check_text(const gchar *key, const gchar *text, gpointer tree)
{
    BaridRate rate;

    if (strcmp(key, "next-hop") == 0)
        return check_next_hop(text, tree);
    if (strcmp(key, "rate") == 0 &&
        units_parse_rate(barid_slice_from_text(text), &rate) != UNITS_OK)
        return g_strdup_printf(_("\"%s\" is not none or N/PERIOD, such as 100/1h"), text);
    return NULL;
}

/* The queue asks for limits where nothing may wait, and for their shadows. */
static void
outbound_settings_check_stores(const OutboundSettings *self, SettingsContext *context)
{
    const struct {
        const gchar *key;
        const BaridRule *rule;
    } rows[] = {
        {"concurrency", self->concurrency},
        {"rate", self->rate},
        {"concurrency" RULE_SHADOW_SUFFIX, rule_get_shadow(self->concurrency)},
        {"rate" RULE_SHADOW_SUFFIX, rule_get_shadow(self->rate)},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rule_reads_store(rows[i].rule))
            config_section_report(config_tree_find(context->tree, "outbound", NULL),
                                  context->problems, rows[i].key,
                                  _("this rule must not read a store"));
    }
}

OutboundSettings *
outbound_settings_new(SettingsContext *context)
{
    OutboundSettings *self = g_new0(OutboundSettings, 1);
    ConfigSection *section;

    self->hosts = g_ptr_array_new_with_free_func(outbound_host_free);
    context->check_text = outbound_check_text;
    context->check_text_data = context->tree;
    settings_bind(context, config_tree_find(context->tree, "outbound", NULL), "outbound",
                  outbound_settings, sizeof(BaridSetting), self);
    context->check_text = NULL;
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "host", i)) != NULL; i++)
        outbound_settings_add_host(self, context, section);
    outbound_settings_check_stores(self, context);
    return self;
}

void
outbound_settings_free(OutboundSettings *self)
{
    if (self == NULL)
        return;
    settings_clear(outbound_settings, sizeof(BaridSetting), self);
    g_ptr_array_free(self->hosts, TRUE);
    g_free(self);
}

const OutboundHost *
outbound_settings_find_host(const OutboundSettings *self, const gchar *name)
{
    for (guint i = 0; name != NULL && i < self->hosts->len; i++) {
        const OutboundHost *host = g_ptr_array_index(self->hosts, i);

        if (strcmp(host->name, name) == 0)
            return host;
    }
    return NULL;
}
