/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of inbound mail, as the configuration's areas hold them. */
#ifndef INBOUND_SETTINGS_H
#define INBOUND_SETTINGS_H

#include "conf/settings.h"

typedef struct {
    BaridRule *timeout;        /* duration: of inactivity */
    BaridRule *duration;       /* duration: of the whole session */
    BaridRule *transfer_limit; /* size */
    BaridRule *max_errors;
    gint64 max_connections;
} SessionSettings;

typedef struct {
    BaridRule *require;
    BaridRule *reject_non_fqdn;
} EhloSettings;

typedef struct {
    BaridRule *pipelining, *chunking, *dsn, *smtputf8, *vrfy, *expn;
} ExtensionSettings;

typedef struct {
    BaridRule *mechanisms; /* list */
    BaridRule *allow_plain_text;
    BaridRule *directory; /* text */
    BaridRule *require;
    BaridRule *max_errors;
    BaridRule *error_delay; /* duration */
} AuthSettings;

typedef struct {
    BaridRule *max_recipients;
    BaridRule *relay;
    BaridRule *max_errors;
    BaridRule *error_delay; /* duration */
} RcptSettings;

typedef struct {
    BaridRule *max_size;
    BaridRule *max_messages;
    BaridRule *max_received;
    BaridRule *add_received, *add_date, *add_message_id;
    gint64 memory_bytes;
} DataSettings;

typedef struct {
    gchar *chain, *key;
} CertificateSettings;

typedef struct {
    gchar **address;
    gint protocol;
    gint tls;
    gchar **certificates;
    BaridRule *hostname; /* text */
    BaridRule *greeting; /* text */
    gint64 max_connections;
    gboolean enabled;
} ListenerSettings;

typedef enum { LISTENER_SMTP, LISTENER_LMTP } ListenerProtocol;
typedef enum { LISTENER_TLS_NONE, LISTENER_TLS_STARTTLS, LISTENER_TLS_IMPLICIT } ListenerTls;

extern const BaridSetting session_settings[], ehlo_settings[], extension_settings[],
    auth_settings[], rcpt_settings[], data_settings[], certificate_settings[],
    listener_settings[];

#endif
