/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/delivery-status.h"

#include "base/text.h"
#include "mime/entity.h"
#include "mime/header.h"
#include "mime/mail-date.h"

/* --- values --- */

static gboolean
field_is(const HeaderField *field, const gchar *name)
{
    return barid_slice_equal_nocase(field->name, barid_slice_from_text(name));
}

/* Unfolded, in UTF-8, and without anything that could lead a terminal astray. */
static BaridSlice
value_dup(BaridSlice value, Arena *arena)
{
    BaridSlice unfolded = header_dup_unfolded(value, arena);
    gchar *text = g_utf8_make_valid((const gchar *)unfolded.data, (gssize)unfolded.len);
    BaridSlice clean;

    for (gchar *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        if (!g_unichar_iscntrl(g_utf8_get_char(at)))
            continue;
        for (const gchar *end = g_utf8_next_char(at); at + 1 < end; at++)
            *at = '?';
        *at = '?';
    }
    clean = arena_dup_slice(arena, barid_slice_from_text(text));
    g_free(text);
    return clean;
}

/* "type; value" (RFC 3464 section 2.1.2); without a semicolon everything is value. */
static void
value_split(BaridSlice value, Arena *arena, BaridSlice *out_type, BaridSlice *out_value)
{
    BaridSlice clean = value_dup(value, arena);
    gssize semicolon = text_find(clean, ';');
    gsize len = semicolon < 0 ? 0 : (gsize)semicolon;

    *out_type = text_trim(barid_slice(clean.data, len));
    *out_value = semicolon < 0 ? clean
                               : text_trim(barid_slice(clean.data + len + 1, clean.len - len - 1));
}

static gint64
value_get_date(BaridSlice value)
{
    gint64 wall_ms;

    return mail_date_parse(text_trim(value), &wall_ms) ? wall_ms : 0;
}

static gboolean
status_take_number(BaridSlice *text, guint limit, guint *out_number)
{
    gsize n_digits = 0;

    *out_number = 0;
    for (; n_digits < text->len && g_ascii_isdigit(text->data[n_digits]); n_digits++) {
        *out_number = *out_number * 10 + (guint)(text->data[n_digits] - '0');
        if (*out_number > limit)
            return FALSE;
    }
    *text = barid_slice(text->data + n_digits, text->len - n_digits);
    return n_digits > 0;
}

static gboolean
status_take_dot(BaridSlice *text)
{
    if (text->len == 0 || text->data[0] != '.')
        return FALSE;
    *text = barid_slice(text->data + 1, text->len - 1);
    return TRUE;
}

/* RFC 3463 section 2; a comment may follow. */
static gboolean
status_parse(BaridSlice value, DeliveryStatusRecipient *out)
{
    BaridSlice text = text_trim(value);
    guint class, subject, detail;

    if (!status_take_number(&text, 5, &class) || (class != 2 && class != 4 && class != 5) ||
        !status_take_dot(&text) || !status_take_number(&text, 999, &subject) ||
        !status_take_dot(&text) || !status_take_number(&text, 999, &detail))
        return FALSE;
    out->status_class = (guint8)class;
    out->status_subject = (guint16)subject;
    out->status_detail = (guint16)detail;
    return TRUE;
}

/* --- groups of fields --- */

static void
message_take_field(const HeaderField *field, Arena *arena, DeliveryStatus *out)
{
    BaridSlice type;

    if (field_is(field, "Reporting-MTA"))
        value_split(field->value, arena, &type, &out->reporting_mta);
    else if (field_is(field, "Original-Envelope-Id"))
        out->envelope_id = value_dup(field->value, arena);
    else if (field_is(field, "Arrival-Date"))
        out->arrival_ms = value_get_date(field->value);
}

/* FALSE when the field had to be understood and could not. */
static gboolean
recipient_take_field(const HeaderField *field, Arena *arena, DeliveryStatusRecipient *out)
{
    BaridSlice type;

    if (field_is(field, "Original-Recipient"))
        value_split(field->value, arena, &out->original_type, &out->original_address);
    else if (field_is(field, "Final-Recipient"))
        value_split(field->value, arena, &out->final_type, &out->final_address);
    else if (field_is(field, "Action"))
        return dsn_action_parse(text_trim(field->value), &out->action);
    else if (field_is(field, "Status"))
        return status_parse(field->value, out);
    else if (field_is(field, "Remote-MTA"))
        value_split(field->value, arena, &type, &out->remote_mta);
    else if (field_is(field, "Diagnostic-Code"))
        value_split(field->value, arena, &out->diagnostic_type, &out->diagnostic_text);
    else if (field_is(field, "Last-Attempt-Date"))
        out->last_attempt_ms = value_get_date(field->value);
    else if (field_is(field, "Will-Retry-Until"))
        out->will_retry_until_ms = value_get_date(field->value);
    return TRUE;
}

/* RFC 3464 section 2.3: recipient, action and status are always there. */
static gboolean
recipient_read(BaridSlice group, Arena *arena, DeliveryStatusRecipient *out)
{
    HeaderIter iter;
    HeaderField field;
    gboolean ok = TRUE, has_action = FALSE;

    *out = (DeliveryStatusRecipient){0};
    header_iter_init(&iter, group);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        has_action = has_action || field_is(&field, "Action");
        ok = recipient_take_field(&field, arena, out) && ok;
    }
    return ok && has_action && out->status_class != 0 && out->final_address.len > 0;
}

/* The next group of fields, which an empty line ends, without that line. FALSE at the end. */
static gboolean
take_group(BaridSlice *text, BaridSlice *out_group)
{
    gsize len;

    while (text->len >= 2 && memcmp(text->data, "\r\n", 2) == 0)
        *text = barid_slice(text->data + 2, text->len - 2);
    if (text->len == 0)
        return FALSE;
    len = header_get_length(*text);
    /* What is no field cannot be read on. */
    *out_group = barid_slice(text->data, len == 0 ? text->len : len);
    *text = barid_slice(text->data + out_group->len, text->len - out_group->len);
    return TRUE;
}

static DeliveryStatusResult
groups_read(BaridSlice text, Arena *arena, DeliveryStatus *out)
{
    GArray *recipients = g_array_new(FALSE, FALSE, sizeof(DeliveryStatusRecipient));
    BaridSlice group;
    HeaderIter iter;
    HeaderField field;

    if (take_group(&text, &group)) {
        header_iter_init(&iter, group);
        while (header_iter_next(&iter, &field) == HEADER_FIELD)
            message_take_field(&field, arena, out);
    }
    while (recipients->len + out->n_broken < DELIVERY_STATUS_RECIPIENTS_MAX &&
           take_group(&text, &group)) {
        DeliveryStatusRecipient recipient;

        if (recipient_read(group, arena, &recipient))
            g_array_append_val(recipients, recipient);
        else
            out->n_broken++;
    }
    out->n_recipients = recipients->len;
    if (recipients->len > 0) {
        out->recipients = arena_alloc(arena, recipients->len * sizeof(DeliveryStatusRecipient));
        memcpy(out->recipients, recipients->data,
               recipients->len * sizeof(DeliveryStatusRecipient));
    }
    g_array_free(recipients, TRUE);
    return out->n_recipients > 0 ? DELIVERY_STATUS_OK : DELIVERY_STATUS_BROKEN;
}

/* --- the message --- */

static DeliveryStatusResult
part_read_status(const Entity *part, Arena *arena, DeliveryStatus *out)
{
    Buffer text;
    DeliveryStatusResult result = DELIVERY_STATUS_BROKEN;

    buffer_init(&text, DELIVERY_STATUS_BYTES_MAX);
    if (entity_decode(part, &text))
        result = groups_read(buffer_get_slice(&text), arena, out);
    buffer_clear(&text);
    return result;
}

static void
part_read_returned(const Entity *part, Arena *arena, DeliveryStatus *out)
{
    Buffer text;
    HeaderField field;

    buffer_init(&text, DELIVERY_STATUS_BYTES_MAX);
    if (entity_decode(part, &text) &&
        header_find(buffer_get_slice(&text), "Message-ID", 0, &field))
        out->message_id = value_dup(field.value, arena);
    buffer_clear(&text);
}

static gboolean
part_is_returned(const Entity *part)
{
    return entity_is(part, "message/rfc822") || entity_is(part, "text/rfc822-headers") ||
           entity_is(part, "message/global") || entity_is(part, "message/global-headers");
}

DeliveryStatusResult
delivery_status_read(BaridSlice message, Arena *arena, DeliveryStatus *out)
{
    DeliveryStatusResult result = DELIVERY_STATUS_NONE;
    BaridSlice slice, delimiter;
    EntityParts parts;
    Entity entity;

    *out = (DeliveryStatus){.n_broken = 0};
    entity_read(message, &entity);
    if (!entity_is(&entity, "multipart/report") || !entity_parts_init(&parts, &entity))
        return result;
    while (entity_parts_next(&parts, &slice, &delimiter)) {
        Entity part;

        entity_read(slice, &part);
        if (result == DELIVERY_STATUS_NONE && (entity_is(&part, "message/delivery-status") ||
                                               entity_is(&part, "message/global-delivery-status")))
            result = part_read_status(&part, arena, out);
        else if (out->message_id.len == 0 && part_is_returned(&part))
            part_read_returned(&part, arena, out);
    }
    return result;
}
