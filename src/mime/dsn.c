/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/dsn.h"

#include "base/text.h"
#include "mime/dsn-language.h"
#include "mime/header.h"
#include "mime/mail-date.h"

enum {
    LINE_LEN_MAX = 998,       /* RFC 5322 section 2.1.1 */
    TEXT_COLUMN = 76,
    WORD_LEN_MAX = 900,       /* longer words are broken, so that lines can be */
    CLEAN_LEN_MAX = 4000,     /* of one thing that a peer said */
    VALUE_LEN_MAX = 64 * 1024,
    ENCODED_WORD_BYTES = 45,  /* 60 characters of base64 (RFC 2047 section 2: 75 in all) */
};

/* Which of the three outcomes the recipients had; indexes the table of subjects. */
typedef enum { MIX_SUCCESS = 1, MIX_DELAY = 2, MIX_FAILURE = 4, MIX_ALL = 8 } Mix;

static const gchar *const subjects[MIX_ALL] = {
    [0] = N_("Delivery report"),
    [MIX_SUCCESS] = N_("Your message was delivered"),
    [MIX_DELAY] = N_("Your message is delayed"),
    [MIX_SUCCESS | MIX_DELAY] = N_("Your message was delivered to some, and is delayed for others"),
    [MIX_FAILURE] = N_("Your message could not be delivered"),
    [MIX_FAILURE | MIX_SUCCESS] = N_("Your message could not be delivered to all recipients"),
    [MIX_FAILURE | MIX_DELAY] =
        N_("Your message could not be delivered to some, and is delayed for others"),
    [MIX_FAILURE | MIX_DELAY | MIX_SUCCESS] =
        N_("Your message could not be delivered to all recipients, and is delayed for some"),
};

static const struct {
    const gchar *word; /* RFC 3464 section 2.3.3 */
    Mix mix;
    const gchar *introduction;
} actions[DSN_N_ACTIONS] = {
    [DSN_FAILED] = {"failed", MIX_FAILURE,
                    N_("Your message could not be delivered to these recipients, and delivery "
                       "is not tried again:")},
    [DSN_DELAYED] = {"delayed", MIX_DELAY,
                     N_("Your message could not be delivered yet to these recipients. Delivery "
                        "is tried again; you need not send the message another time:")},
    [DSN_DELIVERED] = {"delivered", MIX_SUCCESS,
                       N_("Your message was delivered to these recipients:")},
    [DSN_RELAYED] = {"relayed", MIX_SUCCESS,
                     N_("Your message was passed on for these recipients to a mail system that "
                        "may not send further reports:")},
    [DSN_EXPANDED] = {"expanded", MIX_SUCCESS,
                      N_("Your message was sent on to the members of these lists:")},
};

typedef struct {
    const Dsn *dsn;
    Buffer *out;
    Buffer value; /* the field's value or text being put together */
    gboolean is_global;
    gboolean has_room;
} Builder;

const gchar *
dsn_action_name(DsnAction action)
{
    return actions[action].word;
}

gboolean
dsn_action_parse(BaridSlice word, DsnAction *out_action)
{
    for (guint i = 0; i < DSN_N_ACTIONS; i++) {
        if (barid_slice_equal_nocase(word, barid_slice_from_text(actions[i].word))) {
            *out_action = (DsnAction)i;
            return TRUE;
        }
    }
    return FALSE;
}

static const gchar *
translate(const Builder *self, const gchar *text)
{
    return dsn_translate(self->dsn->language, text);
}

static gboolean
is_utf8(BaridSlice slice)
{
    return slice.len == 0 || g_utf8_validate((const gchar *)slice.data, (gssize)slice.len, NULL);
}

static BaridSlice
get_header(BaridSlice content)
{
    return barid_slice(content.data, header_get_length(content));
}

gboolean
dsn_is_global(const Dsn *self)
{
    gboolean is_ascii = text_is_ascii(self->to) && text_is_ascii(get_header(self->content)) &&
                        text_is_ascii(barid_slice_from_text(self->from_address));

    for (guint i = 0; is_ascii && i < self->n_recipients; i++)
        is_ascii = text_is_ascii(self->recipients[i].final_address) &&
                   text_is_ascii(self->recipients[i].original_address);
    return self->smtputf8 && !is_ascii;
}

/* --- Output --- */

static void
put(Builder *self, BaridSlice slice)
{
    self->has_room = self->has_room && buffer_append(self->out, slice.data, slice.len);
}

static void
put_text(Builder *self, const gchar *text)
{
    put(self, barid_slice_from_text(text));
}

static void
value_add(Builder *self, const gchar *text)
{
    self->has_room = self->has_room && buffer_append_text(&self->value, text);
}

static void
value_set(Builder *self, const gchar *text)
{
    self->value.len = 0;
    value_add(self, text);
}

typedef enum { CLEAN_ASCII, CLEAN_UTF8 } CleanForm;

/* Adds untrusted bytes as one line: controls become blanks, what is not allowed "?", and
 * blanks with the word behind them get no longer than a line can hold. */
static void
value_add_clean(Builder *self, BaridSlice text, CleanForm form)
{
    gboolean keeps_8bit = form == CLEAN_UTF8 && is_utf8(text);
    gboolean in_word = FALSE;
    gsize chunk_len = 0;

    text.len = MIN(text.len, (gsize)CLEAN_LEN_MAX);
    for (gsize i = 0; i < text.len; i++) {
        guint8 byte = text.data[i];

        if (byte < 0x20 || byte == 0x7f)
            byte = ' ';
        else if (byte >= 0x80 && !keeps_8bit)
            byte = '?';
        chunk_len = byte == ' ' && in_word ? 1 : chunk_len + 1;
        in_word = byte != ' ';
        /* Not within a character of several bytes. */
        if (chunk_len > WORD_LEN_MAX && (byte & 0xc0) != 0x80) {
            if (!in_word)
                continue;
            self->has_room = self->has_room && buffer_append(&self->value, " ", 1);
            chunk_len = 1;
        }
        self->has_room = self->has_room && buffer_append(&self->value, &byte, 1);
    }
    /* The limit may have cut a character. */
    while (self->value.len > 0 && keeps_8bit && !is_utf8(buffer_get_slice(&self->value)))
        self->value.len--;
}

static CleanForm
get_form(const Builder *self)
{
    return self->is_global ? CLEAN_UTF8 : CLEAN_ASCII;
}

/* Puts the value as field (name). */
static void
put_value_field(Builder *self, const gchar *name)
{
    self->has_room =
        self->has_room && header_append(self->out, name, buffer_get_slice(&self->value));
}

static void
put_field(Builder *self, const gchar *name, const gchar *value)
{
    value_set(self, value);
    put_value_field(self, name);
}

static void
put_date_field(Builder *self, const gchar *name, gint64 wall_ms)
{
    gchar date[MAIL_DATE_TEXT_MAX];

    put_field(self, name, mail_date_format(wall_ms, date));
}

/* Adds our own text for a header field, as encoded words when it is not ASCII (RFC 2047). */
static void
value_add_encoded(Builder *self, const gchar *text)
{
    if (text_is_ascii(barid_slice_from_text(text))) {
        value_add(self, text);
        return;
    }
    while (*text != '\0') {
        gsize len = MIN(strlen(text), (gsize)ENCODED_WORD_BYTES);
        g_autofree gchar *encoded = NULL;

        while (len > 1 && ((guchar)text[len] & 0xc0) == 0x80)
            len--;
        encoded = g_base64_encode((const guchar *)text, len);
        value_add(self, "=?utf-8?B?");
        value_add(self, encoded);
        value_add(self, "?=");
        text += len;
        if (*text != '\0')
            value_add(self, " ");
    }
}

/* Adds a display name: encoded words, or a quoted string (RFC 5322 section 3.2.4). */
static void
value_add_phrase(Builder *self, const gchar *name)
{
    if (!text_is_ascii(barid_slice_from_text(name))) {
        value_add_encoded(self, name);
        return;
    }
    value_add(self, "\"");
    for (; *name != '\0'; name++) {
        gchar quoted[3] = {'\\', *name, '\0'};

        value_add(self, *name == '"' || *name == '\\' ? quoted : quoted + 1);
    }
    value_add(self, "\"");
}

/* --- Transfer encodings --- */

/* Ends a header with an encoding that put_encoding_end() may still change; returns where
 * the part's body begins. */
static gsize
put_encoding(Builder *self)
{
    put_text(self, "Content-Transfer-Encoding: 7bit\r\n\r\n");
    return self->out->len;
}

/* "7bit" and "8bit" are of one length: the word is set once the body is known. */
static void
put_encoding_end(Builder *self, gsize start)
{
    BaridSlice body;

    if (!self->has_room)
        return;
    body = barid_slice(self->out->data + start, self->out->len - start);
    if (!text_is_ascii(body))
        self->out->data[start - strlen("7bit\r\n\r\n")] = '8';
}

static void
begin_part(Builder *self, const gchar *type)
{
    put_text(self, "\r\n--");
    put_text(self, self->dsn->boundary);
    put_text(self, "\r\nContent-Type: ");
    put_text(self, type);
    put_text(self, "\r\n");
}

static gsize
put_part(Builder *self, const gchar *type)
{
    begin_part(self, type);
    return put_encoding(self);
}

/* --- The message's header --- */

static guint
get_mix(const Dsn *dsn)
{
    guint mix = 0;

    for (guint i = 0; i < dsn->n_recipients; i++)
        mix |= actions[dsn->recipients[i].action].mix;
    return mix;
}

/* Ties the report to the message in the sender's reader, when the message has an id that
 * is one word in brackets (RFC 3834 section 3.1.5). */
static void
put_in_reply_to(Builder *self)
{
    HeaderField field;
    BaridSlice id;

    if (!header_find(self->dsn->content, "Message-ID", 0, &field))
        return;
    id = text_trim(field.value);
    if (id.len < 3 || id.len > WORD_LEN_MAX || id.data[0] != '<' || id.data[id.len - 1] != '>')
        return;
    for (gsize i = 0; i < id.len; i++) {
        if (id.data[i] <= 0x20 || id.data[i] >= 0x7f)
            return;
    }
    self->value.len = 0;
    value_add_clean(self, id, CLEAN_ASCII);
    put_value_field(self, "In-Reply-To");
    put_value_field(self, "References");
}

static void
put_message_header(Builder *self)
{
    const Dsn *dsn = self->dsn;

    self->value.len = 0;
    value_add_phrase(self, dsn->from_name != NULL ? dsn->from_name
                                                  : translate(self, N_("Mail Delivery System")));
    value_add(self, " <");
    value_add(self, dsn->from_address);
    value_add(self, ">");
    put_value_field(self, "From");
    value_set(self, "<");
    value_add_clean(self, dsn->to, get_form(self));
    value_add(self, ">");
    put_value_field(self, "To");
    self->value.len = 0;
    value_add_encoded(self, translate(self, subjects[get_mix(dsn)]));
    put_value_field(self, "Subject");
    put_date_field(self, "Date", dsn->date_ms);
    value_set(self, "<");
    value_add(self, dsn->message_id);
    value_add(self, ">");
    put_value_field(self, "Message-ID");
    put_in_reply_to(self);
    /* RFC 3834 section 5: an answer to a message, not something made periodically. */
    put_field(self, "Auto-Submitted", "auto-replied");
    put_field(self, "MIME-Version", "1.0");
    /* RFC 6522 section 3: the report type is the subtype of the second part. */
    value_set(self, "multipart/report; report-type=");
    value_add(self, self->is_global ? "global-delivery-status" : "delivery-status");
    value_add(self, "; boundary=\"");
    value_add(self, dsn->boundary);
    value_add(self, "\"");
    put_value_field(self, "Content-Type");
}

/* --- The part for people --- */

static const gchar indent[] = "        ";

/* Puts (label) and the value, wrapped, with later lines indented below the first. */
static void
put_wrapped(Builder *self, const gchar *margin, const gchar *label)
{
    BaridSlice rest = text_trim(buffer_get_slice(&self->value));
    gsize column = strlen(margin) + strlen(label);

    put_text(self, margin);
    put_text(self, label);
    while (rest.len > 0) {
        gssize blank = text_find(rest, ' ');
        gsize len = blank < 0 ? rest.len : (gsize)blank;

        if (column + 1 + len > TEXT_COLUMN && column > strlen(margin)) {
            put_text(self, "\r\n");
            put_text(self, margin);
            column = strlen(margin);
        } else if (column > strlen(margin)) {
            put_text(self, " ");
            column++;
        }
        put(self, barid_slice(rest.data, len));
        column += len;
        rest = text_trim(barid_slice(rest.data + len, rest.len - len));
    }
    put_text(self, "\r\n");
}

static void
put_paragraph(Builder *self, const gchar *text)
{
    value_set(self, text);
    put_wrapped(self, "", "");
    put_text(self, "\r\n");
}

static void
put_labelled(Builder *self, const gchar *label, BaridSlice text)
{
    if (text.len == 0)
        return;
    self->value.len = 0;
    value_add_clean(self, text, CLEAN_UTF8);
    put_wrapped(self, indent, label);
}

/* A peer's words are in whatever language it speaks, but the numbers have a meaning. */
static void
put_status_text(Builder *self, const DsnRecipient *recipient)
{
    const gchar *sentence = dsn_describe_status(
        recipient->status_class, recipient->status_subject, recipient->status_detail);

    if (sentence != NULL)
        put_labelled(self, "", barid_slice_from_text(translate(self, sentence)));
}

static void
put_transcript(Builder *self, BaridSlice lines)
{
    if (lines.len == 0)
        return;
    put_text(self, indent);
    put_text(self, translate(self, N_("What was said:")));
    put_text(self, "\r\n");
    while (lines.len > 0) {
        gssize end = text_find(lines, '\n');
        gsize len = end < 0 ? lines.len : (gsize)end;

        put_text(self, "  ");
        put_labelled(self, "", barid_slice(lines.data, len));
        lines = barid_slice(lines.data + len, lines.len - len);
        if (lines.len > 0)
            lines = barid_slice(lines.data + 1, lines.len - 1);
    }
}

static void
put_recipient_text(Builder *self, const DsnRecipient *recipient)
{
    gboolean is_answer = g_strcmp0(recipient->diagnostic_type, "smtp") == 0;
    gchar date[MAIL_DATE_TEXT_MAX];

    value_set(self, "<");
    value_add_clean(self, recipient->final_address, CLEAN_UTF8);
    value_add(self, ">");
    put_wrapped(self, "    ", "");
    put_status_text(self, recipient);
    if (!barid_slice_equal_nocase(recipient->original_address, recipient->final_address))
        put_labelled(self, translate(self, N_("Addressed as:")), recipient->original_address);
    if (!is_answer || !barid_slice_equal(recipient->explanation, recipient->diagnostic_text))
        put_labelled(self, "", recipient->explanation);
    put_labelled(self, translate(self, N_("Server:")), recipient->remote_mta);
    if (is_answer)
        put_labelled(self, translate(self, N_("Answer:")), recipient->diagnostic_text);
    put_transcript(self, recipient->transcript);
    if (recipient->action == DSN_DELAYED && recipient->will_retry_until_ms != 0) {
        mail_date_format(recipient->will_retry_until_ms, date);
        put_labelled(self, translate(self, N_("Tried until:")), barid_slice_from_text(date));
    }
    put_text(self, "\r\n");
}

/* One section for each outcome that occurred, failures first. */
static void
put_human_part(Builder *self)
{
    const Dsn *dsn = self->dsn;
    const gchar *separator = "";
    gsize start;

    begin_part(self, "text/plain; charset=utf-8");
    put_field(self, "Content-Language", dsn->language == NULL ? "en" : dsn->language);
    start = put_encoding(self);
    value_set(self, dsn->reporting_mta);
    put_wrapped(self, "", translate(self, N_("This is a report from the mail system:")));
    put_text(self, "\r\n");
    for (guint action = 0; action < DSN_N_ACTIONS; action++) {
        gboolean is_open = FALSE;

        for (guint i = 0; i < dsn->n_recipients; i++) {
            if (dsn->recipients[i].action != action)
                continue;
            if (!is_open) {
                put_text(self, separator);
                put_paragraph(self, translate(self, actions[action].introduction));
            }
            is_open = TRUE;
            separator = "----------------------------------------\r\n\r\n";
            put_recipient_text(self, &dsn->recipients[i]);
        }
    }
    put_encoding_end(self, start);
}

/* --- The part for machines (RFC 3464 section 2) --- */

/* RFC 6533 section 3 utf-8-addr-xtext, for a report that must be ASCII. */
static void
value_add_ascii_address(Builder *self, BaridSlice address)
{
    const gchar *text = (const gchar *)address.data;
    const gchar *end = text + address.len;

    /* Escapes make the address longer; a word that no line holds would lose the report. */
    for (; text < end && self->value.len < WORD_LEN_MAX; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);

        if (c > 0x20 && c < 0x7f && c != '+' && c != '=' && c != '\\')
            self->has_room = self->has_room && buffer_append(&self->value, text, 1);
        else
            self->has_room = self->has_room && buffer_printf(&self->value, "\\x{%X}", c);
    }
}

/* A typed address: "rfc822" unless it needs UTF-8 (RFC 6533 section 3). */
static void
put_address_field(Builder *self, const gchar *name, BaridSlice type, BaridSlice address)
{
    static const BaridSlice utf8 = BARID_SLICE_LITERAL("utf-8");

    self->value.len = 0;
    address.len = MIN(address.len, (gsize)WORD_LEN_MAX);
    if (!text_is_ascii(address) && is_utf8(address))
        type = utf8;
    value_add_clean(self, type, CLEAN_ASCII);
    value_add(self, "; ");
    if (barid_slice_equal_nocase(type, utf8) && !self->is_global && is_utf8(address))
        value_add_ascii_address(self, address);
    else
        value_add_clean(self, address, get_form(self));
    put_value_field(self, name);
}

static void
put_diagnostic(Builder *self, const DsnRecipient *recipient)
{
    if (recipient->diagnostic_type == NULL || recipient->diagnostic_text.len == 0)
        return;
    value_set(self, recipient->diagnostic_type);
    value_add(self, "; ");
    value_add_clean(self, recipient->diagnostic_text, get_form(self));
    put_value_field(self, "Diagnostic-Code");
}

/* RFC 3464 section 2.3, in its order. */
static void
put_recipient_fields(Builder *self, const DsnRecipient *recipient)
{
    gchar status[32];

    put_text(self, "\r\n");
    if (recipient->original_type.len > 0)
        put_address_field(self, "Original-Recipient", recipient->original_type,
                          recipient->original_address);
    put_address_field(self, "Final-Recipient", BARID_SLICE_LITERAL("rfc822"),
                      recipient->final_address);
    put_field(self, "Action", actions[recipient->action].word);
    g_snprintf(status, sizeof status, "%u.%u.%u", recipient->status_class,
               recipient->status_subject, recipient->status_detail);
    put_field(self, "Status", status);
    if (recipient->remote_mta.len > 0) {
        value_set(self, "dns; ");
        value_add_clean(self, recipient->remote_mta, get_form(self));
        put_value_field(self, "Remote-MTA");
    }
    put_diagnostic(self, recipient);
    if (recipient->last_attempt_ms != 0)
        put_date_field(self, "Last-Attempt-Date", recipient->last_attempt_ms);
    if (recipient->action == DSN_DELAYED && recipient->will_retry_until_ms != 0)
        put_date_field(self, "Will-Retry-Until", recipient->will_retry_until_ms);
}

static void
put_machine_part(Builder *self)
{
    const Dsn *dsn = self->dsn;
    gsize start = put_part(self, self->is_global ? "message/global-delivery-status"
                                                 : "message/delivery-status");

    if (dsn->envelope_id.len > 0) {
        self->value.len = 0;
        value_add_clean(self, dsn->envelope_id, CLEAN_ASCII);
        put_value_field(self, "Original-Envelope-Id");
    }
    value_set(self, "dns; ");
    value_add(self, dsn->reporting_mta);
    put_value_field(self, "Reporting-MTA");
    put_date_field(self, "Arrival-Date", dsn->arrival_ms);
    for (guint i = 0; i < dsn->n_recipients; i++)
        put_recipient_fields(self, &dsn->recipients[i]);
    put_encoding_end(self, start);
}

/* --- The returned part --- */

/* Whether (content) may stand in a part as it is: no binary, no lines beyond the limit. */
static gboolean
is_plain_content(BaridSlice content)
{
    gsize start = 0;

    if (text_find(content, 0) >= 0)
        return FALSE;
    while (start < content.len) {
        BaridSlice rest = barid_slice(content.data + start, content.len - start);
        gssize newline = text_find(rest, '\n');
        BaridSlice line = barid_slice(rest.data, newline < 0 ? rest.len : (gsize)newline);

        if (newline == 0 || (newline > 0 && line.data[line.len - 1] != '\r'))
            return FALSE;
        if (newline > 0)
            line.len--;
        if (line.len > LINE_LEN_MAX || text_find(line, '\r') >= 0)
            return FALSE;
        start += newline < 0 ? rest.len : (gsize)newline + 1;
    }
    return TRUE;
}

/* RFC 3461 section 4.3: the whole message only when some delivery failed. */
static gboolean
returns_all(const Dsn *dsn)
{
    return dsn->returned == DSN_RETURN_FULL && (get_mix(dsn) & MIX_FAILURE) != 0 &&
           is_plain_content(dsn->content);
}

/* A field whose line ends are made CRLF and whose bytes cannot end the part. */
static void
put_returned_field(Builder *self, BaridSlice field)
{
    while (field.len > 0) {
        gssize newline = text_find(field, '\n');
        gsize len = newline < 0 ? field.len : (gsize)newline;
        gsize used = len + (newline >= 0);
        gsize start = self->out->len;

        if (newline > 0 && field.data[len - 1] == '\r')
            len--;
        put(self, barid_slice(field.data, MIN(len, (gsize)LINE_LEN_MAX)));
        for (gsize i = start; self->has_room && i < self->out->len; i++) {
            if (self->out->data[i] == '\r' || self->out->data[i] == '\0')
                self->out->data[i] = ' ';
        }
        put_text(self, "\r\n");
        field = barid_slice(field.data + used, field.len - used);
    }
}

static void
put_returned_part(Builder *self)
{
    BaridSlice content = self->dsn->content;
    HeaderIter iter;
    HeaderField field;
    gsize start;

    if (content.len == 0)
        return;
    if (returns_all(self->dsn)) {
        start = put_part(self, self->is_global ? "message/global" : "message/rfc822");
        put(self, content);
    } else {
        start = put_part(self, self->is_global ? "message/global-headers"
                                               : "text/rfc822-headers");
        header_iter_init(&iter, content);
        while (header_iter_next(&iter, &field) == HEADER_FIELD)
            put_returned_field(self, field.whole);
    }
    put_encoding_end(self, start);
}

gboolean
dsn_build(const Dsn *self, Buffer *out)
{
    Builder builder = {.dsn = self, .out = out, .has_room = TRUE};
    gsize begin = out->len;
    gsize body;

    buffer_init(&builder.value, VALUE_LEN_MAX);
    builder.is_global = dsn_is_global(self);
    put_message_header(&builder);
    body = put_encoding(&builder);
    put_text(&builder, "This is a report in MIME format (RFC 6522).\r\n");
    put_human_part(&builder);
    put_machine_part(&builder);
    put_returned_part(&builder);
    put_text(&builder, "\r\n--");
    put_text(&builder, self->boundary);
    put_text(&builder, "--\r\n");
    put_encoding_end(&builder, body);
    buffer_clear(&builder.value);
    if (!builder.has_room)
        out->len = begin;
    return builder.has_room;
}
