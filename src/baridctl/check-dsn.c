/* SPDX-License-Identifier: Apache-2.0 */
/* "check dsn": what a delivery status notification says, whoever made it. */
#include "base/json-writer.h"
#include "baridctl/check-subject.h"
#include "mime/delivery-status.h"

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
    g_auto(CheckMessage) message = {.text = NULL};
    g_autoptr(GError) error = NULL;
    DeliveryStatus status;

    if (!check_message_read(&message, args[0], &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    switch (delivery_status_read(buffer_get_slice(&message.message), arena, &status)) {
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
