/* SPDX-License-Identifier: Apache-2.0 */
#include "inbound/inbound-settings.h"

#include "queue/envelope.h"

enum { SECOND_MS = 1000, DAY_MS = 24 * 3600 * 1000 };

static const gchar *const protocol_words[] = {"smtp", "lmtp", NULL};
static const gchar *const mechanism_words[] = {"PLAIN", "LOGIN", NULL};
static const gchar *const tls_words[] = {"none", "starttls", "implicit", NULL};

const BaridSetting session_settings[] = {
    BARID_SETTING_RULE_DURATION_IN("timeout", SessionSettings, timeout, "5min",
                                   N_("How long a client may be silent."), BARID_KNOWN_CONNECT,
                                   SECOND_MS, DAY_MS),
    BARID_SETTING_RULE_DURATION_IN("duration", SessionSettings, duration, "15min",
                                   N_("How long a session may last in all."),
                                   BARID_KNOWN_CONNECT, SECOND_MS, (gint64)30 * DAY_MS),
    BARID_SETTING_RULE_SIZE_IN("transfer-limit", SessionSettings, transfer_limit, "250M",
                               N_("How much a session may send in all."), BARID_KNOWN_CONNECT,
                               1, G_MAXINT64),
    BARID_SETTING_RULE_INTEGER_IN("max-errors", SessionSettings, max_errors, "20",
                                  N_("Commands in error before the session is closed."),
                                  BARID_KNOWN_EHLO, 1, 1000000),
    BARID_SETTING_INTEGER("max-connections", SessionSettings, max_connections, "8192",
                          N_("Sessions over all listeners at once."), 1, 1000000),
    BARID_SETTING_END,
};

const BaridSetting ehlo_settings[] = {
    BARID_SETTING_RULE_BOOL("require", EhloSettings, require, "yes",
                            N_("Whether MAIL needs EHLO or HELO first."), BARID_KNOWN_CONNECT,
                            .on_failure = "yes"),
    BARID_SETTING_RULE_BOOL("reject-non-fqdn", EhloSettings, reject_non_fqdn,
                            "if remote-ip in 127.0.0.0/8 or remote-ip in ::1 then no else yes",
                            N_("Whether the name must be fully qualified or an address literal."),
                            BARID_KNOWN_CONNECT, .on_failure = "no"),
    BARID_SETTING_END,
};

const BaridSetting extension_settings[] = {
    BARID_SETTING_RULE_BOOL("pipelining", ExtensionSettings, pipelining, "yes",
                            N_("Whether PIPELINING is offered."), BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_BOOL("chunking", ExtensionSettings, chunking, "yes",
                            N_("Whether CHUNKING and BINARYMIME are offered."), BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_BOOL("dsn", ExtensionSettings, dsn, "yes", N_("Whether DSN is offered."),
                            BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_BOOL("smtputf8", ExtensionSettings, smtputf8, "yes",
                            N_("Whether SMTPUTF8 is offered."), BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_BOOL("vrfy", ExtensionSettings, vrfy, "no",
                            N_("Whether VRFY is answered from the directory."), BARID_KNOWN_EHLO,
                            .on_failure = "no"),
    BARID_SETTING_RULE_BOOL("expn", ExtensionSettings, expn, "no",
                            N_("Whether EXPN tells what an alias leads to."), BARID_KNOWN_EHLO,
                            .on_failure = "no"),
    BARID_SETTING_END,
};

const BaridSetting auth_settings[] = {
    BARID_SETTING_RULE_LIST("mechanisms", AuthSettings, mechanisms, "PLAIN, LOGIN",
                            N_("SASL mechanisms offered."), mechanism_words,
                            BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_BOOL("allow-plain-text", AuthSettings, allow_plain_text, "no",
                            N_("Whether PLAIN and LOGIN, which show the password to whoever "
                               "listens, may be used without TLS."),
                            BARID_KNOWN_EHLO, .on_failure = "no"),
    BARID_SETTING_RULE_TEXT("directory", AuthSettings, directory, "",
                            N_("The directory that knows who may log in; empty means those of "
                               "the domains."),
                            BARID_KNOWN_EHLO),
    BARID_SETTING_RULE_BOOL("require", AuthSettings, require, "no",
                            N_("Whether MAIL needs authentication."), BARID_KNOWN_EHLO,
                            .on_failure = "yes"),
    BARID_SETTING_RULE_INTEGER_IN("max-errors", AuthSettings, max_errors, "3",
                                  N_("Failed authentications before the session is closed."),
                                  BARID_KNOWN_EHLO, 1, 1000),
    BARID_SETTING_RULE_DURATION("error-delay", AuthSettings, error_delay, "5s",
                                N_("Wait before the answer to a failed authentication."),
                                BARID_KNOWN_EHLO),
    BARID_SETTING_END,
};

const BaridSetting rcpt_settings[] = {
    BARID_SETTING_RULE_INTEGER_IN("max-recipients", RcptSettings, max_recipients, "1000",
                                  N_("Recipients of one message."), BARID_KNOWN_MAIL, 1,
                                  ENVELOPE_RECIPIENTS_MAX),
    BARID_SETTING_RULE_BOOL("relay", RcptSettings, relay, "no",
                            N_("Whether mail for other domains is taken from clients that are "
                               "not authenticated."),
                            BARID_KNOWN_RCPT, .on_failure = "no"),
    BARID_SETTING_RULE_INTEGER_IN("max-errors", RcptSettings, max_errors, "10",
                                  N_("Unknown recipients before the session is closed."),
                                  BARID_KNOWN_RCPT, 1, 1000000),
    BARID_SETTING_RULE_DURATION("error-delay", RcptSettings, error_delay, "1s",
                                N_("Wait before the answer to an unknown recipient."),
                                BARID_KNOWN_RCPT),
    BARID_SETTING_END,
};

const BaridSetting data_settings[] = {
    BARID_SETTING_RULE_SIZE("max-size", DataSettings, max_size, "50M",
                            N_("Largest message accepted; 0 means no limit."), BARID_KNOWN_MAIL),
    BARID_SETTING_RULE_INTEGER_IN("max-messages", DataSettings, max_messages, "1000",
                                  N_("Messages in one session."), BARID_KNOWN_MAIL, 1, G_MAXINT32),
    BARID_SETTING_RULE_INTEGER_IN("max-received", DataSettings, max_received, "50",
                                  N_("Received fields before a message counts as looping; 0 "
                                     "means no limit."),
                                  BARID_KNOWN_MAIL, 0, G_MAXINT32),
    BARID_SETTING_RULE_BOOL("add-received", DataSettings, add_received, "yes",
                            N_("Whether a Received field is added."), BARID_KNOWN_MAIL,
                            .on_failure = "yes"),
    BARID_SETTING_RULE_BOOL("add-date", DataSettings, add_date, "yes",
                            N_("Whether a missing Date field is added."), BARID_KNOWN_MAIL),
    BARID_SETTING_RULE_BOOL("add-message-id", DataSettings, add_message_id, "yes",
                            N_("Whether a missing Message-ID field is added."), BARID_KNOWN_MAIL),
    BARID_SETTING_SIZE("memory", DataSettings, memory_bytes, "128K",
                       N_("Messages above this arrive in a file instead of memory.")),
    BARID_SETTING_END,
};

const BaridSetting certificate_settings[] = {
    BARID_SETTING_PATH("chain", CertificateSettings, chain, NULL,
                       N_("PEM file with the certificate and its chain."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_PATH("key", CertificateSettings, key, NULL, N_("PEM file with the private key."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_END,
};

const BaridSetting listener_settings[] = {
    BARID_SETTING_BOOL("enabled", ListenerSettings, enabled, "yes",
                       N_("Whether the listener is opened.")),
    BARID_SETTING_LIST("address", ListenerSettings, address, NULL,
                       N_("IP:PORT to listen on, [IPv6]:PORT, or unix:PATH; several with "
                          "commas.")),
    BARID_SETTING_ENUM("protocol", ListenerSettings, protocol, "smtp",
                       N_("What is spoken there."), protocol_words),
    BARID_SETTING_ENUM("tls", ListenerSettings, tls, "starttls",
                       N_("When TLS begins: never, on command, at once."), tls_words),
    BARID_SETTING_LIST("certificate", ListenerSettings, certificates, "",
                       N_("Names of [certificate NAME] sections; the first is the default; none "
                          "means one that the server makes for itself.")),
    BARID_SETTING_RULE_TEXT("hostname", ListenerSettings, hostname, "",
                            N_("Name to be known by; empty means the server's."),
                            BARID_KNOWN_CONNECT),
    BARID_SETTING_RULE_TEXT("greeting", ListenerSettings, greeting, "ESMTP Barid",
                            N_("Text of the greeting behind the name."), BARID_KNOWN_CONNECT),
    BARID_SETTING_INTEGER("max-connections", ListenerSettings, max_connections, "8192",
                          N_("Sessions of this listener at once."), 1, 1000000),
    BARID_SETTING_END,
};
