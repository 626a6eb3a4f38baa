/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/check-subject.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "host/message-stream.h"

/* --- the clock --- */

static gboolean
check_parse_time(const gchar *text, gint64 *out_s)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
    guint64 seconds;

    if (time != NULL)
        *out_s = g_date_time_to_unix(time);
    else if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 * (guint64)64, &seconds, NULL))
        *out_s = (gint64)seconds;
    else
        return FALSE;
    return TRUE;
}

gboolean
check_set_time(const gchar *text, GError **error)
{
    gint64 seconds;

    if (!check_parse_time(text, &seconds)) {
        g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                            _("--now takes a time such as 2026-11-24T12:00:00Z, or seconds "
                              "since 1970"));
        return FALSE;
    }
    clock_set_wall(seconds * 1000);
    return TRUE;
}

/* --- messages --- */

static gchar *
message_read(const gchar *path, gsize *out_len, GError **error)
{
    gboolean is_stdin = strcmp(path, "-") == 0;
    g_autoptr(GIOChannel) channel =
        is_stdin ? g_io_channel_unix_new(STDIN_FILENO) : g_io_channel_new_file(path, "r", error);
    gchar *text = NULL;

    if (channel == NULL || g_io_channel_set_encoding(channel, NULL, error) != G_IO_STATUS_NORMAL ||
        g_io_channel_read_to_end(channel, &text, out_len, error) != G_IO_STATUS_NORMAL)
        return NULL;
    return text;
}

/* In files, lines often end as is usual on the system: those of mail end in CRLF. */
static gboolean
message_append(BaridSlice text, Buffer *out)
{
    gsize start = 0;

    for (gsize i = 0; i < text.len; i++) {
        if (text.data[i] != '\n' || (i > 0 && text.data[i - 1] == '\r'))
            continue;
        if (!buffer_append(out, text.data + start, i - start) || !buffer_append(out, "\r\n", 2))
            return FALSE;
        start = i + 1;
    }
    return buffer_append(out, text.data + start, text.len - start);
}

gboolean
check_message_read(CheckMessage *self, const gchar *path, GError **error)
{
    gsize len = 0;
    gssize end;

    buffer_init(&self->message, CHECK_MESSAGE_MAX);
    self->text = message_read(path, &len, error);
    if (self->text == NULL) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    self->original = barid_slice(self->text, len);
    end = text_find(self->original, '\n');
    self->has_crlf = end > 0 && self->text[end - 1] == '\r';
    if (message_append(self->original, &self->message))
        return TRUE;
    g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_TOO_LARGE,
                        _("the message is too large"));
    return FALSE;
}

void
check_message_clear(CheckMessage *self)
{
    buffer_clear(&self->message);
    g_clear_pointer(&self->text, g_free);
}

/* --- the subject --- */

gboolean
check_append_setting(GString *config, const gchar *key, const gchar *text)
{
    g_string_append_printf(config, "%s = \"", key);
    for (; *text != '\0'; text++) {
        if ((guchar)*text < ' ' || *text == 0x7f)
            return FALSE;
        if (*text == '"' || *text == '\\')
            g_string_append_c(config, '\\');
        g_string_append_c(config, *text);
    }
    g_string_append(config, "\"\n");
    return TRUE;
}

static gboolean
subject_set_client(CheckSubject *self, const Options *options, GError **error)
{
    BaridSlice helo = barid_slice_from_text(options_get(options, "helo"));
    BaridSlice sender = barid_slice_from_text(options_get(options, "mail-from"));
    gssize at = text_find_last(sender, '@');

    self->has_client = options_get(options, "ip") != NULL;
    if (self->has_client && !address_parse_ip(barid_slice_from_text(options_get(options, "ip")),
                                              &self->session.remote)) {
        g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                            _("--ip takes an IPv4 or IPv6 address"));
        return FALSE;
    }
    if (sender.len > 0 && at < 0) {
        g_set_error_literal(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                            _("--mail-from takes an address with a domain, or nothing"));
        return FALSE;
    }
    self->session.helo = helo;
    self->session.helo_domain = arena_dup_lower(self->arena, helo);
    self->txn.sender = sender;
    self->txn.sender_canonical = sender;
    if (at >= 0)
        self->txn.sender_domain = arena_dup_lower(
            self->arena, barid_slice(sender.data + at + 1, sender.len - (gsize)at - 1));
    return TRUE;
}

static void
subject_set_scopes(CheckSubject *self)
{
    self->arena = arena_new(4096);
    scope_init_made_up(&self->session, &self->txn, self->arena);
    self->session.listener = "check";
}

gboolean
check_subject_init(CheckSubject *self, const Options *options, const gchar *path,
                   const gchar *config, GError **error)
{
    const gchar *now = options_get(options, "now");

    *self = (CheckSubject){.arena = NULL};
    subject_set_scopes(self);
    if ((now != NULL && !check_set_time(now, error)) ||
        !subject_set_client(self, options, error) ||
        (path != NULL && !check_message_read(&self->message, path, error)))
        return FALSE;
    self->has_message = path != NULL;
    self->txn.message = buffer_get_slice(&self->message.message);
    return check_runtime_init(&self->runtime, options, config, error);
}

void
check_subject_clear(CheckSubject *self)
{
    if (self->arena == NULL)
        return;
    g_ptr_array_free(self->txn.recipients, TRUE);
    /* What modules keep for the message goes before they do. */
    arena_free(self->arena);
    check_message_clear(&self->message);
    check_runtime_clear(&self->runtime);
}

gboolean
check_subject_has_client(const Options *options, const gchar *usage)
{
    if (options_get(options, "ip") != NULL && options_get(options, "helo") != NULL &&
        options_get(options, "mail-from") != NULL)
        return TRUE;
    ctl_complain(_("%s: --ip, --helo and --mail-from are needed"), usage);
    return FALSE;
}

static void
subject_run_message(CheckSubject *self)
{
    Host *host = self->runtime.host;
    HostOutcome outcome;

    message_stream_run(host, &self->txn);
    host_run(host, BARID_STAGE_MESSAGE, &self->txn.scope, NULL, &outcome);
    host_run(host, BARID_STAGE_SEAL, &self->txn.scope, NULL, &outcome);
}

static void
subject_run(gpointer data)
{
    CheckSubject *self = data;
    HostOutcome outcome;

    if (self->has_client) {
        host_run(self->runtime.host, BARID_STAGE_CONNECT, &self->session.scope, NULL, &outcome);
        host_run(self->runtime.host, BARID_STAGE_EHLO, &self->session.scope, NULL, &outcome);
        host_run(self->runtime.host, BARID_STAGE_MAIL, &self->txn.scope, NULL, &outcome);
    }
    if (self->has_message)
        subject_run_message(self);
}

gboolean
check_subject_run(CheckSubject *self, GError **error)
{
    return check_runtime_run(&self->runtime, subject_run, self, error);
}

gboolean
check_result_is_fine(const gchar *result)
{
    static const gchar *const fine[] = {"pass", "neutral", "none", NULL};

    return result != NULL && g_strv_contains(fine, result);
}

const gchar *
check_subject_get(CheckSubject *self, const gchar *name)
{
    const gchar *value = scope_peek_finding(&self->txn.scope, name);

    return value == NULL || *value == '\0' ? NULL : value;
}

const gchar *
check_subject_get_added(const CheckSubject *self, const gchar *field)
{
    for (const HeaderEdit *edit = self->txn.edits; edit != NULL; edit = edit->next) {
        if (!edit->removes && g_ascii_strcasecmp(edit->name, field) == 0)
            return edit->value;
    }
    return NULL;
}

/* --- step by step --- */

static gboolean
subject_has_steps(const Decision *decision)
{
    return decision->inputs != NULL || decision->verdict != BARID_CONTINUE;
}

static void
subject_print(const gchar *text)
{
    for (; *text != '\0'; text++)
        putchar((guchar)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void
subject_explain_one(const Decision *decision)
{
    printf("%s, %s", decision->source, decision_stage_name(decision->stage));
    if (decision->verdict != BARID_CONTINUE)
        printf(": %s", decision_verdict_name(decision->verdict));
    if (decision->text != NULL) {
        printf(" ");
        subject_print(decision->text);
    }
    putchar('\n');
    for (const DecisionInput *input = decision->inputs; input != NULL; input = input->next) {
        printf("    ");
        subject_print(input->key);
        printf(": ");
        subject_print(input->value);
        putchar('\n');
    }
}

static void
subject_explain_scope(const BaridScope *scope)
{
    for (const Decision *at = scope->decisions.first; at != NULL; at = at->next) {
        if (subject_has_steps(at))
            subject_explain_one(at);
    }
}

void
check_subject_explain(const CheckSubject *self, const Options *options)
{
    if (!options_has(options, "explain") || options_has(options, "json"))
        return;
    subject_explain_scope(&self->session.scope);
    subject_explain_scope(&self->txn.scope);
    putchar('\n');
}

const gchar *
check_subject_get_problem(const CheckSubject *self)
{
    const gchar *problem = NULL;

    for (const Decision *at = self->txn.scope.decisions.first; at != NULL; at = at->next) {
        if (at->verdict != BARID_CONTINUE && at->text != NULL)
            problem = at->text;
    }
    return problem;
}
