/* SPDX-License-Identifier: Apache-2.0 */
/* What is told about messages: in lists, in explanations, and when they are gone. */
#include "base/clock.h"
#include "base/text.h"
#include "host/saved.h"
#include "host/scope.h"
#include "mime/header.h"
#include "queue/queue-private.h"
#include "smtp/command.h"

enum { MESSAGE_RECIPIENTS_SHOWN = 1000 };

static void
message_write_optional(JsonWriter *writer, const gchar *key, BaridSlice value)
{
    if (value.len > 0)
        json_writer_slice(writer, key, value);
}

static void
message_write_recipient(const Envelope *envelope, const DeliveryState *state, guint index,
                        JsonWriter *writer)
{
    static const gchar *const statuses[] = {"pending", "delivered", "failed"};
    static const gchar *const manners[] = {
        [RECIPIENT_MANNER_FINAL] = NULL,
        [RECIPIENT_MANNER_RELAYED] = "relayed",
        [RECIPIENT_MANNER_HANDED_ON] = "handed-on",
        [RECIPIENT_MANNER_EXPANDED] = "expanded",
    };
    const EnvelopeRecipient *rcpt = &envelope->recipients[index];
    const RecipientState *said = &state->recipients[index];
    const DomainState *domain = &state->domains[rcpt->domain];

    json_writer_begin_object(writer, NULL);
    json_writer_slice(writer, "address", rcpt->address);
    message_write_optional(writer, "original", rcpt->orcpt_address);
    json_writer_text(writer, "status", statuses[said->status]);
    if (said->status == RECIPIENT_DELIVERED && manners[said->manner] != NULL)
        json_writer_text(writer, "manner", manners[said->manner]);
    if (said->in_doubt) {
        json_writer_bool(writer, "in_doubt", TRUE);
        message_write_optional(writer, "peer", domain->peer);
    }
    message_write_optional(writer, "route", domain->route);
    message_write_optional(writer, "code", said->code);
    message_write_optional(writer, "text", said->text);
    message_write_optional(writer, "remote", said->remote);
    json_writer_time(writer, "last_attempt", said->last_ms);
    if (said->status == RECIPIENT_PENDING) {
        json_writer_integer(writer, "attempts", domain->n_attempts);
        json_writer_time(writer, "next_attempt", domain->next_ms);
        json_writer_time(writer, "expires", domain->expires_ms);
    }
    json_writer_end_object(writer);
}

static void
message_write_raw(JsonWriter *writer, const gchar *key, const gchar *before, BaridSlice items,
                  const gchar *after)
{
    g_autofree gchar *text =
        g_strdup_printf("%s%.*s%s", before, (int)items.len,
                        items.len > 0 ? (const gchar *)items.data : "", after);

    json_writer_raw(writer, key, text);
}

/* Bytes are not for people: of them the number is told. */
static void
message_write_saved(BaridSlice saved, JsonWriter *writer)
{
    Cursor cursor = cursor_new(saved);
    SavedItem item;
    gint64 number;

    if (saved.len == 0)
        return;
    json_writer_begin_array(writer, "saved");
    while (saved_next(&cursor, &item)) {
        json_writer_begin_object(writer, NULL);
        json_writer_slice(writer, "name", item.name);
        if (saved_item_get_integer(item.type, item.value, &number))
            json_writer_integer(writer, "number", number);
        else if (item.type == BARID_SAVED_TEXT)
            json_writer_slice(writer, "text", item.value);
        else
            json_writer_integer(writer, "bytes", (gint64)item.value.len);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
}

void
queue_write_message(const Envelope *envelope, const DeliveryState *state, const gchar *status,
                    JsonWriter *writer)
{
    gchar id[QUEUE_ID_TEXT_LEN + 1];

    json_writer_text(writer, "id", queue_id_format(envelope->id, id));
    json_writer_text(writer, "status", status);
    json_writer_text(writer, "source", scope_source_words[envelope->source]);
    json_writer_time(writer, "created", envelope->created_ms);
    json_writer_slice(writer, "sender", envelope->sender);
    json_writer_integer(writer, "size", (gint64)envelope->size_bytes);
    json_writer_integer(writer, "priority", envelope->priority);
    message_write_optional(writer, "message_id", envelope->message_id);
    message_write_optional(writer, "session", envelope->session_id);
    message_write_optional(writer, "listener", envelope->listener);
    message_write_optional(writer, "remote_ip", envelope->remote_ip);
    message_write_optional(writer, "helo", envelope->helo);
    message_write_optional(writer, "user", envelope->user);
    message_write_optional(writer, "envid", envelope->envid);
    json_writer_integer(writer, "recipient_count", envelope->n_recipients);
    json_writer_begin_array(writer, "recipients");
    for (guint i = 0; i < envelope->n_recipients && i < MESSAGE_RECIPIENTS_SHOWN; i++)
        message_write_recipient(envelope, state, i, writer);
    json_writer_end_array(writer);
    message_write_saved(envelope->saved, writer);
    if (envelope->decisions.len > 0)
        message_write_raw(writer, "decisions", "", envelope->decisions, "");
    message_write_raw(writer, "attempts", "[", state->attempts, "]");
}

/* Whole fields of (message), as far as (limit) goes. */
static BaridSlice
message_cut_header(BaridSlice message, gsize limit)
{
    HeaderIter iter;
    HeaderField field;
    gsize end = 0;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        gsize field_end = (gsize)(field.whole.data - message.data) + field.whole.len;

        if (field_end > limit)
            break;
        end = field_end;
    }
    return barid_slice(message.data, end);
}

/* What the server added stands in the prefix; the whole header does where it removed fields, with
 * the empty line behind it. */
void
queue_write_header(const Queue *self, const SpoolContent *content, JsonWriter *writer)
{
    BaridSlice prefix, message;

    if (self->options.header_bytes == 0 || content == NULL)
        return;
    prefix = spool_content_get_prefix(content);
    message = text_ends_with(prefix, BARID_SLICE_LITERAL("\r\n\r\n"))
                  ? prefix
                  : spool_content_get_body(content);
    json_writer_slice(writer, "header", message_cut_header(message, self->options.header_bytes));
}

void
queue_remember(Queue *self, const Envelope *envelope, const DeliveryState *state,
               const SpoolContent *content, const gchar *outcome)
{
    g_autoptr(GString) document = NULL;
    g_autoptr(GError) error = NULL;
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    JsonWriter writer;

    if (self->history == NULL)
        return;
    document = g_string_sized_new(1024);
    json_writer_init(&writer, document);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "kind", "message");
    json_writer_time(&writer, "finished", clock_wall_ms());
    queue_write_message(envelope, state, outcome, &writer);
    queue_write_header(self, content, &writer);
    json_writer_end_object(&writer);
    if (!history_append(self->history, queue_id_format(envelope->id, id), clock_wall_ms(),
                        document->str, &error))
        barid_log(BARID_LOG_WARNING, "history.failed", "error", error->message, NULL);
}
