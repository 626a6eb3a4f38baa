/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of limits: their names, the stage they are known at, and their values. */
#include "limit.h"

static const struct {
    const gchar *name;
    LimitStage stage;
} key_rows[LIMIT_N_KEYS] = {
    [LIMIT_KEY_REMOTE_IP] = {"remote-ip", LIMIT_CONNECT},
    [LIMIT_KEY_LOCAL_IP] = {"local-ip", LIMIT_CONNECT},
    [LIMIT_KEY_LISTENER] = {"listener", LIMIT_CONNECT},
    [LIMIT_KEY_HELO_DOMAIN] = {"helo-domain", LIMIT_MAIL},
    [LIMIT_KEY_SENDER] = {"sender", LIMIT_MAIL},
    [LIMIT_KEY_SENDER_DOMAIN] = {"sender-domain", LIMIT_MAIL},
    [LIMIT_KEY_RCPT] = {"rcpt", LIMIT_RCPT},
    [LIMIT_KEY_RCPT_DOMAIN] = {"rcpt-domain", LIMIT_RCPT},
    [LIMIT_KEY_AUTHENTICATED_AS] = {"authenticated-as", LIMIT_MAIL},
};

LimitKey
limit_key_parse(const gchar *name)
{
    guint key = 0;

    while (key < LIMIT_N_KEYS && strcmp(key_rows[key].name, name) != 0)
        key++;
    return (LimitKey)key;
}

const gchar *
limit_key_get_name(LimitKey key)
{
    return key_rows[key].name;
}

LimitStage
limit_key_get_stage(LimitKey key)
{
    return key_rows[key].stage;
}

LimitStage
limit_match_get_stage(const BaridRule *match)
{
    /* These two are empty, not unknown, at first: a rule that names them means the session
     * as it is once the client has had the time to log in. */
    static const gchar *const late[] = {"authenticated-as", "is-tls", "tls-version", "tls-cipher"};

    switch (barid_rule_get_known(match)) {
    case BARID_KNOWN_ALWAYS:
    case BARID_KNOWN_CONNECT:
        break;
    case BARID_KNOWN_EHLO:
    case BARID_KNOWN_MAIL:
        return LIMIT_MAIL;
    default:
        return LIMIT_RCPT;
    }
    for (guint i = 0; i < G_N_ELEMENTS(late); i++) {
        if (barid_rule_reads(match, late[i]))
            return LIMIT_MAIL;
    }
    return LIMIT_CONNECT;
}

/* --- values --- */

static void
append_lower(GString *out, BaridSlice value)
{
    for (gsize i = 0; i < value.len; i++) {
        gchar byte = (gchar)value.data[i];

        /* What ends a value in a bucket's name is no part of one. */
        if (byte != '\n')
            g_string_append_c(out, g_ascii_tolower(byte));
    }
}

static void
append_sender(GString *out, BaridSlice sender)
{
    if (sender.len == 0)
        g_string_append(out, "<>");
    else
        append_lower(out, sender);
}

static void
append_sender_domain(GString *out, BaridSlice sender)
{
    const guint8 *at = sender.len == 0 ? NULL : memrchr(sender.data, '@', sender.len);

    if (at == NULL)
        g_string_append(out, "<>");
    else
        append_lower(out, barid_slice(at + 1, (gsize)(sender.data + sender.len - at - 1)));
}

/* A client owns its whole IPv6 network: counting single addresses would count nothing. */
static void
append_remote_ip(GString *out, const gchar *ip, guint ipv6_prefix)
{
    g_autofree gchar *network = barid_network_of(ip, 32, ipv6_prefix);

    if (network == NULL || g_str_has_suffix(network, "/32") || g_str_has_suffix(network, "/128"))
        g_string_append(out, ip);
    else
        g_string_append(out, network);
}

void
limit_key_append(LimitKey key, const LimitSubject *subject, guint ipv6_prefix, GString *out)
{
    BaridSession *session = subject->session;
    BaridSlice sender = subject->txn == NULL ? BARID_SLICE_EMPTY
                                             : barid_transaction_get_sender(subject->txn);

    switch (key) {
    case LIMIT_KEY_REMOTE_IP:
        append_remote_ip(out, barid_session_get_remote_ip(session), ipv6_prefix);
        break;
    case LIMIT_KEY_LOCAL_IP:
        g_string_append(out, barid_session_get_local_ip(session));
        break;
    case LIMIT_KEY_LISTENER:
        g_string_append(out, barid_session_get_listener(session));
        break;
    case LIMIT_KEY_HELO_DOMAIN:
        append_lower(out, barid_session_get_helo(session));
        break;
    case LIMIT_KEY_SENDER:
        append_sender(out, sender);
        break;
    case LIMIT_KEY_SENDER_DOMAIN:
        append_sender_domain(out, sender);
        break;
    case LIMIT_KEY_RCPT:
        append_lower(out, barid_recipient_get_address(subject->rcpt));
        break;
    case LIMIT_KEY_RCPT_DOMAIN:
        append_lower(out, barid_recipient_get_domain(subject->rcpt));
        break;
    case LIMIT_KEY_AUTHENTICATED_AS:
        append_lower(out, barid_slice_from_text(barid_session_get_user(session)));
        break;
    case LIMIT_N_KEYS:
        break;
    }
}
