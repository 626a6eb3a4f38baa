/* SPDX-License-Identifier: Apache-2.0 */
/* "check dsn": what a delivery status notification says, whoever made it. */
#include <unistd.h>

#include "base/json-writer.h"
#include "baridctl/check.h"
#include "mime/delivery-status.h"

enum { CHECK_DSN_BYTES_MAX = 64 * 1024 * 1024 };

static gchar *
check_dsn_read(const gchar *path, gsize *out_len, GError **error)
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
check_dsn_append(BaridSlice text, Buffer *out)
{
    for (gsize i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' && (i == 0 || text.data[i - 1] != '\r') &&
            !buffer_append(out, "\r", 1))
            return FALSE;
        if (!buffer_append(out, text.data + i, 1))
            return FALSE;
    }
    return TRUE;
}

static void
check_dsn_put_text(JsonWriter *writer, const gchar *key, BaridSlice text)
{
    if (text.len > 0)
        json_writer_slice(writer, key, text);
    else
        json_writer_text(writer, key, NULL);
}

static void
check_dsn_put_time(JsonWriter *writer, const gchar *key, gint64 wall_ms)
{
    if (wall_ms != 0)
        json_writer_time(writer, key, wall_ms);
    else
        json_writer_text(writer, key, NULL);
}

static void
check_dsn_put_recipient(JsonWriter *writer, const DeliveryStatusRecipient *rcpt)
{
    g_autofree gchar *status = g_strdup_printf("%u.%u.%u", rcpt->status_class,
                                               rcpt->status_subject, rcpt->status_detail);

    json_writer_begin_object(writer, NULL);
    json_writer_slice(writer, "address", rcpt->final_address);
    check_dsn_put_text(writer, "original", rcpt->original_address);
    json_writer_text(writer, "action", dsn_action_name(rcpt->action));
    json_writer_text(writer, "status", status);
    check_dsn_put_text(writer, "remote", rcpt->remote_mta);
    check_dsn_put_text(writer, "diagnostic", rcpt->diagnostic_text);
    check_dsn_put_time(writer, "last_attempt", rcpt->last_attempt_ms);
    check_dsn_put_time(writer, "will_retry_until", rcpt->will_retry_until_ms);
    json_writer_end_object(writer);
}

static void
check_dsn_answer(const Options *options, const DeliveryStatus *status)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    check_dsn_put_text(&writer, "reporting_mta", status->reporting_mta);
    check_dsn_put_text(&writer, "envelope_id", status->envelope_id);
    check_dsn_put_text(&writer, "message_id", status->message_id);
    check_dsn_put_time(&writer, "arrival", status->arrival_ms);
    json_writer_begin_array(&writer, "recipients");
    for (guint i = 0; i < status->n_recipients; i++)
        check_dsn_put_recipient(&writer, &status->recipients[i]);
    json_writer_end_array(&writer);
    json_writer_integer(&writer, "unreadable", status->n_broken);
    json_writer_end_object(&writer);
    ctl_answer(options, "check dsn", out->str);
}

CtlStatus
check_dsn(const Options *options, const gchar *const *args)
{
    g_autoptr(Arena) arena = arena_new(4096);
    g_autoptr(GError) error = NULL;
    g_autofree gchar *text = NULL;
    g_auto(Buffer) message = {0};
    DeliveryStatus status;
    gsize len;

    buffer_init(&message, CHECK_DSN_BYTES_MAX);
    text = check_dsn_read(args[0], &len, &error);
    if (text == NULL)
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_dsn_append(barid_slice(text, len), &message))
        return ctl_fail(options, CTL_NO, "too-large", _("the message is too large"));
    switch (delivery_status_read(buffer_get_slice(&message), arena, &status)) {
    case DELIVERY_STATUS_NONE:
        return ctl_fail(options, CTL_NO, "invalid",
                        _("that is no delivery status notification"));
    case DELIVERY_STATUS_BROKEN:
        return ctl_fail(options, CTL_NO, "invalid",
                        _("no recipient can be read in that notification"));
    default:
        check_dsn_answer(options, &status);
        return CTL_DONE;
    }
}
