/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found about a message's sender, as one header field for those who read it later
 * (RFC 8601). A field that came with the message and says that we wrote it is removed: it is
 * forged, or of another time.
 */
#include <barid/barid.h>

enum {
    FIELDS_MAX = 500,    /* that are looked at; of a message with more none is believed */
    SIGNATURES_MAX = 20, /* that are told of; more are nobody's honest work */
    IDENTITY_MAX = 320,  /* a longer one does not fit into a line */
};

typedef struct {
    gchar *authserv_id; /* NULL when it is empty */
    gchar **own_ids;
    BaridRule *received_spf;
} AuthresultsSettings;

static const BaridSetting settings[] = {
    BARID_SETTING_TEXT("authserv-id", AuthresultsSettings, authserv_id, "",
                       N_("The name that results are signed with; empty means the server's.")),
    BARID_SETTING_LIST("own-ids", AuthresultsSettings, own_ids, "",
                       N_("Names of other own servers, whose fields are removed, too.")),
    BARID_SETTING_RULE_BOOL("received-spf", AuthresultsSettings, received_spf, "no",
                            N_("Whether Received-SPF is added."), BARID_KNOWN_MESSAGE,
                            .on_failure = "no"),
    BARID_SETTING_END,
};

/* --- words of the field (RFC 8601 section 2.2) --- */

/* token of RFC 2045, with the "@" of addresses and without what ends a value. */
static gboolean
is_plain(const gchar *text)
{
    if (*text == '\0')
        return FALSE;
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text >= 0x7f || strchr("()<>,;:\\\"/[]?=", *text) != NULL)
            return FALSE;
    }
    return TRUE;
}

/* As it is, or quoted; control characters become "?". */
static void
append_value(GString *out, const gchar *text)
{
    if (is_plain(text)) {
        g_string_append(out, text);
        return;
    }
    g_string_append_c(out, '"');
    for (; *text != '\0'; text++) {
        guchar byte = (guchar)*text;

        if (byte == '"' || byte == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, byte < 0x20 || byte == 0x7f ? '?' : *text);
    }
    g_string_append_c(out, '"');
}

/* "; method=result", with a reason where there is one. */
static void
append_result(GString *out, const gchar *method, const gchar *result, const gchar *reason)
{
    g_string_append_printf(out, "; %s=%s", method, result);
    if (reason != NULL && *reason != '\0') {
        g_string_append(out, " reason=");
        append_value(out, reason);
    }
}

static void
append_property(GString *out, const gchar *property, const gchar *value)
{
    if (value == NULL || *value == '\0')
        return;
    g_string_append_printf(out, " %s=", property);
    append_value(out, value);
}

static gchar *
dup_text(BaridSlice slice)
{
    gchar *text = barid_slice_dup_text(slice, NULL);

    return text == NULL ? g_strdup("") : text;
}

/* --- results --- */

static void
append_auth(GString *out, BaridTransaction *txn)
{
    const gchar *user = barid_session_get_user(barid_transaction_get_session(txn));

    if (user == NULL)
        return;
    append_result(out, "auth", "pass", NULL);
    append_property(out, "smtp.auth", user);
}

static void
append_iprev(GString *out, BaridTransaction *txn)
{
    const gchar *result = barid_finding_get(txn, "iprev");

    if (result == NULL)
        return;
    append_result(out, "iprev", result, NULL);
    append_property(out, "policy.iprev",
                    barid_session_get_remote_ip(barid_transaction_get_session(txn)));
}

static void
append_spf_helo(GString *out, BaridTransaction *txn, const gchar *helo)
{
    const gchar *result = barid_finding_get(txn, "spf.helo");

    if (result == NULL)
        return;
    append_result(out, "spf", result, barid_finding_get(txn, "spf.helo.problem"));
    append_property(out, "smtp.helo", helo);
}

/* With the null reverse-path both are about the name of HELO: one says it. */
static void
append_spf(GString *out, BaridTransaction *txn)
{
    BaridSession *session = barid_transaction_get_session(txn);
    g_autofree gchar *sender = dup_text(barid_transaction_get_sender(txn));
    g_autofree gchar *helo = dup_text(barid_session_get_helo(session));
    const gchar *result = barid_finding_get(txn, "spf");

    if (result != NULL) {
        append_result(out, "spf", result, barid_finding_get(txn, "spf.problem"));
        append_property(out, *sender == '\0' ? "smtp.helo" : "smtp.mailfrom",
                        *sender == '\0' ? helo : sender);
    }
    /* What was found before a user logged in says nothing of the user's mail. */
    if (barid_session_get_user(session) == NULL && (result == NULL || *sender != '\0'))
        append_spf_helo(out, txn, helo);
}

static void
append_slice_property(GString *out, const gchar *property, BaridSlice value)
{
    g_autofree gchar *text = dup_text(value);

    append_property(out, property, text);
}

/* RFC 8601 section 2.7.1; "header.b" tells signatures of one key apart (RFC 6008). */
static void
append_signature(GString *out, const BaridSignatureResult *signature)
{
    g_autofree gchar *result = dup_text(signature->result);
    g_autofree gchar *reason = dup_text(signature->reason);

    append_result(out, "dkim", result, strcmp(result, "pass") == 0 ? NULL : reason);
    append_slice_property(out, "header.d", signature->domain);
    if (signature->identity.len > 0 && signature->identity.data[0] != '@' &&
        signature->identity.len <= IDENTITY_MAX)
        append_slice_property(out, "header.i", signature->identity);
    append_slice_property(out, "header.s", signature->selector);
    append_slice_property(out, "header.a", signature->algorithm);
    append_slice_property(out, "header.b", signature->mark);
}

static void
append_dkim(GString *out, BaridTransaction *txn)
{
    const gchar *result = barid_finding_get(txn, "dkim");
    const gchar *lines = barid_finding_get(txn, "dkim.signatures");
    BaridSlice rest = lines == NULL ? BARID_SLICE_EMPTY : barid_slice_from_text(lines);
    BaridSignatureResult signature;

    if (result == NULL)
        return;
    if (rest.len == 0)
        append_result(out, "dkim", result, NULL);
    for (guint i = 0; i < SIGNATURES_MAX && barid_signature_results_next(&rest, &signature); i++)
        append_signature(out, &signature);
}

/* RFC 6541 section 8.3. */
static void
append_third_party(GString *out, BaridTransaction *txn)
{
    const gchar *result = barid_finding_get(txn, "dkim.atps");

    if (result == NULL || strcmp(result, "none") == 0)
        return;
    append_result(out, "dkim-atps", result, NULL);
    append_property(out, "header.from", barid_finding_get(txn, "dkim.atps.domain"));
}

/* RFC 9989 section 8.1: the policy that is to be applied, after "sp", "np" and "t". */
static void
append_dmarc(GString *out, BaridTransaction *txn)
{
    const gchar *result = barid_finding_get(txn, "dmarc");

    if (result == NULL)
        return;
    append_result(out, "dmarc", result, barid_finding_get(txn, "dmarc.problem"));
    append_property(out, "header.from", barid_finding_get(txn, "dmarc.domain"));
    append_property(out, "policy.dmarc", barid_finding_get(txn, "dmarc.requested"));
}

/* RFC 8617 section 10.2. A chain that cannot be validated now is no good one. */
static void
append_arc(GString *out, BaridTransaction *txn)
{
    const gchar *result = barid_finding_get(txn, "arc");

    if (result == NULL)
        return;
    if (strcmp(result, "temperror") == 0)
        result = "fail";
    append_result(out, "arc", result, barid_finding_get(txn, "arc.problem"));
    append_property(out, "header.oldest-pass", barid_finding_get(txn, "arc.oldest-pass"));
    append_property(out, "smtp.remote-ip",
                    barid_session_get_remote_ip(barid_transaction_get_session(txn)));
}

static gboolean
add_results(BaridTransaction *txn, const gchar *id, GError **error)
{
    g_autoptr(GString) value = g_string_new(NULL);
    gsize id_len;

    append_value(value, id);
    id_len = value->len;
    append_auth(value, txn);
    append_iprev(value, txn);
    append_spf(value, txn);
    append_dkim(value, txn);
    append_third_party(value, txn);
    append_dmarc(value, txn);
    append_arc(value, txn);
    if (value->len == id_len)
        g_string_append(value, "; none");
    barid_finding_set(txn, "authentication-results", value->str);
    return barid_transaction_prepend_field(txn, "Authentication-Results", value->str, error);
}

/* --- Received-SPF (RFC 7208 section 9.1) --- */

static void
append_pair(GString *out, const gchar *key, const gchar *value)
{
    g_string_append_printf(out, " %s=", key);
    append_value(out, value);
    g_string_append_c(out, ';');
}

static gboolean
add_received_spf(BaridTransaction *txn, const gchar *id, GError **error)
{
    BaridSession *session = barid_transaction_get_session(txn);
    g_autofree gchar *sender = dup_text(barid_transaction_get_sender(txn));
    g_autofree gchar *helo = dup_text(barid_session_get_helo(session));
    const gchar *result = barid_finding_get(txn, "spf");
    const gchar *mechanism = barid_finding_get(txn, "spf.mechanism");
    const gchar *problem = barid_finding_get(txn, "spf.problem");
    g_autoptr(GString) value = NULL;

    if (result == NULL)
        return TRUE;
    value = g_string_new(result);
    append_pair(value, "receiver", id);
    append_pair(value, "identity", *sender == '\0' ? "helo" : "mailfrom");
    append_pair(value, "client-ip", barid_session_get_remote_ip(session));
    append_pair(value, "envelope-from", sender);
    append_pair(value, "helo", helo);
    if (mechanism != NULL && *mechanism != '\0')
        append_pair(value, "mechanism", mechanism);
    if (problem != NULL && *problem != '\0')
        append_pair(value, "problem", problem);
    return barid_transaction_prepend_field(txn, "Received-SPF", value->str, error);
}

/* --- fields that came with the message --- */

/* Behind white space and comments, which nest; the end when a comment is not closed. */
static gsize
skip_cfws(BaridSlice text, gsize pos)
{
    guint depth = 0;

    for (; pos < text.len; pos++) {
        guint8 byte = text.data[pos];

        if (byte == '\\' && depth > 0)
            pos++;
        else if (byte == '(')
            depth++;
        else if (byte == ')' && depth > 0)
            depth--;
        else if (depth == 0 && strchr(" \t\r\n", byte) == NULL)
            return pos;
        else if (depth == 0 && byte == '\0')
            return pos;
    }
    return text.len;
}

/* The authserv-id that a field begins with, quoted or not; caller owns it. */
static gchar *
dup_id(BaridSlice value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    gsize pos = skip_cfws(value, 0);
    gboolean is_quoted = pos < value.len && value.data[pos] == '"';

    for (pos += is_quoted ? 1 : 0; pos < value.len; pos++) {
        guint8 byte = value.data[pos];

        if (byte == '\0' || (is_quoted ? byte == '"' : strchr(" \t\r\n;(", byte) != NULL))
            break;
        if (is_quoted && byte == '\\' && pos + 1 < value.len)
            byte = value.data[++pos];
        g_string_append_c(out, (gchar)byte);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static gboolean
is_own(const AuthresultsSettings *self, const gchar *own_id, const gchar *id)
{
    if (g_ascii_strcasecmp(id, own_id) == 0)
        return TRUE;
    for (guint i = 0; self->own_ids != NULL && self->own_ids[i] != NULL; i++) {
        if (g_ascii_strcasecmp(id, self->own_ids[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Section 5. Past the limit all go. */
static gboolean
remove_forged(const AuthresultsSettings *self, BaridTransaction *txn, const gchar *own_id,
              GError **error)
{
    BaridSlice rest = barid_transaction_get_header(txn);
    BaridSlice value;
    guint n_removed = 0;

    for (guint n = 0; barid_header_next_field(&rest, "Authentication-Results", &value); n++) {
        g_autofree gchar *id = dup_id(value);

        if (n < FIELDS_MAX && !is_own(self, own_id, id))
            continue;
        if (!barid_transaction_remove_field(txn, "Authentication-Results", n, error))
            return FALSE;
        n_removed++;
    }
    if (n_removed > 0)
        barid_explain(txn, "removed", "%u", n_removed);
    return TRUE;
}

static gboolean
is_server_made(BaridSession *session)
{
    const gchar *source = barid_session_get_source(session);

    return strcmp(source, "dsn") == 0 || strcmp(source, "system") == 0;
}

static BaridVerdict
authresults_seal(BaridTransaction *txn, gpointer state)
{
    const AuthresultsSettings *self = state;
    const gchar *hostname = barid_session_get_hostname(barid_transaction_get_session(txn));
    const gchar *id = self->authserv_id != NULL ? self->authserv_id
                      : hostname != NULL        ? hostname
                                                : "localhost";
    g_autoptr(GError) error = NULL;

    /* About what the server has written itself nothing was found out. */
    if (is_server_made(barid_transaction_get_session(txn)))
        return BARID_CONTINUE;
    if (remove_forged(self, txn, id, &error) &&
        (!barid_rule_get_bool(self->received_spf, txn) || add_received_spf(txn, id, &error)) &&
        add_results(txn, id, &error))
        return BARID_CONTINUE;
    return barid_fail(txn, error);
}

static const BaridHook hooks[] = {
    BARID_HOOK_SEAL(authresults_seal, BARID_PHASE_EARLY),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {"authentication-results", NULL};

BARID_MODULE_DEFINE(authresults) = {
    BARID_MODULE_HEADER,
    .name = "authresults",
    .version = PACKAGE_VERSION,
    .summary = N_("Writes what was found about senders into the header"),
    .needs = BARID_READS_HEADERS | BARID_CHANGES_HEADERS,
    .settings = settings,
    .settings_size = sizeof(AuthresultsSettings),
    .hooks = hooks,
    .findings = findings,
};
