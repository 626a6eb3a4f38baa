/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dns-settings.h"

#include "net/tls-settings.h"

static const gchar *const trust_words[] = {"loopback", "always", "never", NULL};

static const BaridSetting resolver_settings[] = {
    BARID_SETTING_TARGETS("servers", DnsOptions, servers, "",
                          N_("Name servers, such as 127.0.0.1:53, [::1]:53 or "
                             "tls://192.0.2.1#dns.example.org; none means those of resolv-conf.")),
    BARID_SETTING_PATH("trust", DnsOptions, trust_path, "",
                       N_("PEM file with the certification authorities to trust with servers that "
                          "are asked over TLS; empty means those of the system."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_PATH("resolv-conf", DnsOptions, resolv_conf, "/etc/resolv.conf",
                       N_("Where the system's name servers are told."), BARID_SETTING_PATH_READ),
    BARID_SETTING_ENUM("trust-ad", DnsOptions, trust_ad, "loopback",
                       N_("Which servers' word on the authenticity of answers (DNSSEC) counts."),
                       trust_words),
    BARID_SETTING_DURATION("timeout", DnsOptions, timeout_ms, "",
                           N_("How long one server may take; unset means what resolv-conf says, "
                              "or 5s.")),
    BARID_SETTING_INTEGER("attempts", DnsOptions, attempts, "",
                          N_("How often each server is asked; unset means what resolv-conf "
                             "says, or 2."),
                          0, 10),
    BARID_SETTING_INTEGER("parallel", DnsOptions, parallel, "2",
                          N_("Servers that may be asked the same question at once: another joins "
                             "when those before have not answered within 300ms."),
                          1, 8),
    BARID_SETTING_BOOL("edns", DnsOptions, edns, "yes",
                       N_("Whether servers are told that long answers may come over UDP.")),
    BARID_SETTING_BOOL("tcp-on-error", DnsOptions, tcp_on_error, "yes",
                       N_("Whether a server that is silent or talks nonsense over UDP is asked "
                          "over TCP at last.")),
    BARID_SETTING_INTEGER("cache-entries", DnsOptions, cache_entries, "50000",
                          N_("Answers that are remembered."), 0, 100000000),
    BARID_SETTING_SIZE("cache-size", DnsOptions, cache_bytes, "64M",
                       N_("Memory for them.")),
    BARID_SETTING_DURATION("max-ttl", DnsOptions, max_ttl_ms, "1d",
                           N_("Longest time for which an answer is remembered.")),
    BARID_SETTING_DURATION("min-ttl", DnsOptions, min_ttl_ms, "0",
                           N_("Shortest time, whatever the answer says.")),
    BARID_SETTING_DURATION("max-negative-ttl", DnsOptions, max_negative_ttl_ms, "1h",
                           N_("Longest time for which it is remembered that there is nothing.")),
    BARID_SETTING_DURATION("failure-ttl", DnsOptions, failure_ttl_ms, "5s",
                           N_("How long it is remembered that the servers failed.")),
    BARID_SETTING_LIST("local-names", DnsOptions, local_names,
                       "alt, invalid, local, localhost, onion, test",
                       N_("Domains that no server is asked about.")),
    BARID_SETTING_END,
};

static void
resolver_report(SettingsContext *context, ConfigSection *section, const gchar *key,
                const GError *error)
{
    if (section == NULL)
        config_problems_add(context->problems, (ConfigPosition){NULL, 0, 0}, "resolver", key, NULL,
                            0, "%s", error->message);
    else
        config_section_report(section, context->problems, key, "%s", error->message);
}

DnsResolver *
dns_resolver_new_from_settings(SettingsContext *context)
{
    ConfigSection *section = config_tree_find(context->tree, "resolver", NULL);
    DnsOptions options = {.servers = NULL};
    g_autoptr(GError) error = NULL;
    DnsResolver *self = NULL;

    if (settings_bind(context, section, "resolver", resolver_settings, sizeof(BaridSetting),
                      &options)) {
        if (options.trust_path != NULL && *options.trust_path != '\0') {
            options.trust = tls_trust_new_from_setting(context, "resolver", options.trust_path,
                                                       &error);
            if (options.trust == NULL)
                resolver_report(context, section, "trust", error);
        }
        if (error == NULL) {
            self = dns_resolver_new(&options, &error);
            if (self == NULL)
                resolver_report(context, section, "servers", error);
        }
        tls_trust_unref(options.trust);
    }
    settings_clear(resolver_settings, sizeof(BaridSetting), &options);
    return self;
}
