/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/command.h"

#include "base/cursor.h"
#include "base/text.h"

enum {
    VERB_LEN_MAX = 8,
    SIZE_DIGITS_MAX = 20,     /* RFC 1870 section 3, RFC 3030 section 2 */
    ENVID_LEN_MAX = 100,      /* RFC 3461 section 4.4 */
    AUTH_LEN_MAX = 500,       /* RFC 4954 section 5 */
    MECHANISM_LEN_MAX = 20,   /* RFC 4422 section 3.1 */
    UNICODE_DIGITS_MAX = 6,   /* RFC 6533 section 3 */
};

/* Parses what follows the verb; the cursor stands behind the blanks. */
typedef SmtpParseResult (*VerbParser)(Cursor *cursor, SmtpCommand *command);

static gboolean
is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t';
}

static gboolean
is_not_blank(guint8 byte)
{
    return !is_blank(byte);
}

static gboolean
is_digit(guint8 byte)
{
    return g_ascii_isdigit(byte);
}

static gboolean
is_letter(guint8 byte)
{
    return g_ascii_isalpha(byte);
}

/* RFC 5321 section 4.1.2 esmtp-keyword. */
static gboolean
is_keyword_byte(guint8 byte)
{
    return g_ascii_isalnum(byte) || byte == '-';
}

/* RFC 5321 section 4.1.2 esmtp-value with the UTF-8 of RFC 6531 section 3.3. */
static gboolean
is_value_byte(guint8 byte)
{
    return byte > 0x20 && byte != '=' && byte != 0x7f;
}

/* RFC 4422 section 3.1 sasl-mech, lower case allowed. */
static gboolean
is_mechanism_byte(guint8 byte)
{
    return g_ascii_isalnum(byte) || byte == '-' || byte == '_';
}

static gboolean
equals(BaridSlice slice, const gchar *text)
{
    /* Most words of a table differ in their first letter already. */
    if (slice.len == 0 || ((slice.data[0] ^ (guint8)text[0]) & 0xdf) != 0)
        return slice.len == 0 && text[0] == '\0';
    return barid_slice_equal_nocase(slice, barid_slice_from_text(text));
}

static gboolean
is_visible_ascii(BaridSlice slice)
{
    for (gsize i = 0; i < slice.len; i++) {
        if (slice.data[i] <= 0x20 || slice.data[i] > 0x7e)
            return FALSE;
    }
    return TRUE;
}

/* 1*20DIGIT. Twenty digits can pass 64 bits: such a number is well-formed and larger than
 * any limit, so it saturates. */
static gboolean
parse_octet_count(BaridSlice text, guint64 *out_count)
{
    guint64 count = 0;

    if (text.len == 0 || text.len > SIZE_DIGITS_MAX)
        return FALSE;
    for (gsize i = 0; i < text.len; i++) {
        guint digit = text.data[i] - (guint)'0';

        if (digit > 9)
            return FALSE;
        if (count > (G_MAXUINT64 - digit) / 10)
            count = G_MAXUINT64;
        else
            count = count * 10 + digit;
    }
    *out_count = count;
    return TRUE;
}

/* Takes the next byte of an xtext (RFC 3461 section 4), or gives -1 when malformed. */
static gint
xtext_next(Cursor *cursor)
{
    gint byte = cursor_next(cursor);
    gint high;
    gint low;

    if (byte <= 0x20 || byte > 0x7e || byte == '=')
        return -1;
    if (byte != '+')
        return byte;
    high = cursor_next(cursor);
    low = cursor_next(cursor);
    /* Upper case only: "+" followed by lower case digits is no hexchar. */
    if (high < 0 || low < 0 || g_ascii_islower((gchar)high) || g_ascii_islower((gchar)low))
        return -1;
    high = g_ascii_xdigit_value((gchar)high);
    low = g_ascii_xdigit_value((gchar)low);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Whether (text) is xtext whose meaning is printable ASCII, so that it can be quoted in
 * a notification without harm. */
static gboolean
xtext_is_printable(BaridSlice text)
{
    Cursor cursor = cursor_new(text);

    while (!cursor_is_end(&cursor)) {
        gint byte = xtext_next(&cursor);

        if (byte < 0x20 || byte > 0x7e)
            return FALSE;
    }
    return text.len > 0;
}

gboolean
smtp_xtext_decode(BaridSlice text, Arena *arena, BaridSlice *out_decoded)
{
    Cursor cursor = cursor_new(text);
    guint8 *out = arena_alloc(arena, text.len);
    gsize len = 0;

    while (!cursor_is_end(&cursor)) {
        gint byte = xtext_next(&cursor);

        if (byte < 0)
            return FALSE;
        out[len++] = (guint8)byte;
    }
    *out_decoded = barid_slice(out, len);
    return TRUE;
}

BaridSlice
smtp_xtext_encode(BaridSlice text, Arena *arena)
{
    static const gchar digits[] = "0123456789ABCDEF";
    guint8 *out = arena_alloc(arena, 3 * text.len);
    gsize len = 0;

    for (gsize i = 0; i < text.len; i++) {
        guint8 byte = text.data[i];

        if (byte > 0x20 && byte < 0x7f && byte != '+' && byte != '=') {
            out[len++] = byte;
        } else {
            out[len++] = '+';
            out[len++] = (guint8)digits[byte >> 4];
            out[len++] = (guint8)digits[byte & 15];
        }
    }
    return barid_slice(out, len);
}

/* RFC 6533 section 3 EmbeddedUnicodeChar behind its backslash: x{HEX}. Gives 0 when
 * malformed or a character that could break a header line. */
static gunichar
take_embedded_char(Cursor *cursor)
{
    gunichar c = 0;
    guint n_digits = 0;

    if (!cursor_accept(cursor, 'x') || !cursor_accept(cursor, '{'))
        return 0;
    for (; n_digits <= UNICODE_DIGITS_MAX && cursor_peek(cursor) >= 0; n_digits++) {
        gint value = g_ascii_xdigit_value((gchar)cursor_peek(cursor));

        if (value < 0)
            break;
        c = c * 16 + (gunichar)value;
        cursor_next(cursor);
    }
    if (n_digits == 0 || n_digits > UNICODE_DIGITS_MAX || !cursor_accept(cursor, '}'))
        return 0;
    return g_unichar_validate(c) && !g_unichar_iscntrl(c) ? c : 0;
}

/* Decodes utf-8-enc-addr (RFC 6533 section 3) into (out), which has room for the text's
 * length, or only checks when (out) is NULL. An embedded character is never longer in
 * UTF-8 than in its escape. Gives FALSE when malformed. */
static gboolean
utf8_addr_decode(BaridSlice text, guint8 *out, gsize *out_len)
{
    Cursor cursor = cursor_new(text);
    gsize len = 0;

    if (text.len == 0 || !g_utf8_validate((const gchar *)text.data, (gssize)text.len, NULL))
        return FALSE;
    while (!cursor_is_end(&cursor)) {
        gchar bytes[6] = {(gchar)cursor_next(&cursor)};
        gsize n = 1;

        if (!is_value_byte((guint8)bytes[0]) || bytes[0] == '+')
            return FALSE;
        if (bytes[0] == '\\') {
            gunichar c = take_embedded_char(&cursor);

            if (c == 0)
                return FALSE;
            n = (gsize)g_unichar_to_utf8(c, bytes);
        }
        if (out != NULL)
            memcpy(out + len, bytes, n);
        len += n;
    }
    *out_len = len;
    return TRUE;
}

gboolean
smtp_orcpt_decode(BaridSlice type, BaridSlice text, Arena *arena, BaridSlice *out)
{
    guint8 *bytes;
    gsize len;

    if (!equals(type, "utf-8"))
        return smtp_xtext_decode(text, arena, out);
    bytes = arena_alloc(arena, text.len);
    if (!utf8_addr_decode(text, bytes, &len))
        return FALSE;
    *out = barid_slice(bytes, len);
    return TRUE;
}

/* RFC 6533 section 3: utf-8-addr-xtext, where what is not plain ASCII is written as \x{HEX}, or
 * utf-8-addr-unitext, which keeps what is beyond ASCII. */
BaridSlice
smtp_orcpt_encode(BaridSlice type, BaridSlice address, SmtpOrcptForm form, Arena *arena)
{
    g_autoptr(GString) out = NULL;
    g_autofree gchar *text = NULL;

    if (!equals(type, "utf-8"))
        return smtp_xtext_encode(address, arena);
    text = barid_slice_dup_text(address, NULL);
    if (text == NULL)
        return smtp_xtext_encode(address, arena);
    out = g_string_new(NULL);
    for (const gchar *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (c > 0x20 && c < 0x7f && c != '+' && c != '=' && c != '\\')
            g_string_append_c(out, (gchar)c);
        else if (c >= 0x80 && form == SMTP_ORCPT_UNICODE)
            g_string_append_unichar(out, c);
        else
            g_string_append_printf(out, "\\x{%X}", c);
    }
    return arena_dup_slice(arena, barid_slice(out->str, out->len));
}

/* --- Parameters of MAIL and RCPT --- */

typedef gboolean (*ParameterParser)(BaridSlice value, SmtpCommand *command);

typedef enum { VALUE_NONE, VALUE_REQUIRED } ParameterValue;

typedef struct {
    const gchar *name;
    ParameterValue value;
    ParameterParser parse;
} Parameter;

/* RFC 1870 section 6. */
static gboolean
parse_size(BaridSlice value, SmtpCommand *command)
{
    command->as.mail.has_size = TRUE;
    return parse_octet_count(value, &command->as.mail.size_bytes);
}

/* RFC 6152 section 2, RFC 3030 section 3. */
static gboolean
parse_body(BaridSlice value, SmtpCommand *command)
{
    if (equals(value, "8BITMIME"))
        command->as.mail.body = SMTP_BODY_8BITMIME;
    else if (equals(value, "7BIT"))
        command->as.mail.body = SMTP_BODY_7BIT;
    else if (equals(value, "BINARYMIME"))
        command->as.mail.body = SMTP_BODY_BINARYMIME;
    else
        return FALSE;
    return TRUE;
}

/* RFC 6531 section 3.4. */
static gboolean
parse_smtputf8(BaridSlice value G_GNUC_UNUSED, SmtpCommand *command)
{
    command->as.mail.smtputf8 = TRUE;
    return TRUE;
}

/* RFC 3461 section 4.3. */
static gboolean
parse_ret(BaridSlice value, SmtpCommand *command)
{
    if (equals(value, "FULL"))
        command->as.mail.ret = SMTP_RET_FULL;
    else if (equals(value, "HDRS"))
        command->as.mail.ret = SMTP_RET_HDRS;
    else
        return FALSE;
    return TRUE;
}

/* RFC 3461 section 4.4. */
static gboolean
parse_envid(BaridSlice value, SmtpCommand *command)
{
    command->as.mail.has_envid = TRUE;
    command->as.mail.envid = value;
    return value.len <= ENVID_LEN_MAX && xtext_is_printable(value);
}

/* RFC 4954 section 5. */
static gboolean
parse_auth_identity(BaridSlice value, SmtpCommand *command)
{
    command->as.mail.has_auth = TRUE;
    command->as.mail.auth = value;
    return value.len <= AUTH_LEN_MAX && xtext_is_printable(value);
}

/* BY, HOLDFOR, HOLDUNTIL, MT-PRIORITY, REQUIRETLS and others are not here on purpose:
 * taking a parameter of an extension that is not offered would promise what nobody keeps. */
static const Parameter mail_parameters[] = {
    {"SIZE", VALUE_REQUIRED, parse_size},     {"BODY", VALUE_REQUIRED, parse_body},
    {"SMTPUTF8", VALUE_NONE, parse_smtputf8}, {"RET", VALUE_REQUIRED, parse_ret},
    {"ENVID", VALUE_REQUIRED, parse_envid},   {"AUTH", VALUE_REQUIRED, parse_auth_identity},
};

/* RFC 3461 section 4.1. */
static gboolean
parse_notify(BaridSlice value, SmtpCommand *command)
{
    guint notify = 0;

    while (value.len > 0) {
        gssize comma = text_find(value, ',');
        gsize len = comma < 0 ? value.len : (gsize)comma;
        BaridSlice word = barid_slice(value.data, len);

        if (equals(word, "SUCCESS"))
            notify |= SMTP_NOTIFY_SUCCESS;
        else if (equals(word, "FAILURE"))
            notify |= SMTP_NOTIFY_FAILURE;
        else if (equals(word, "DELAY"))
            notify |= SMTP_NOTIFY_DELAY;
        else if (equals(word, "NEVER"))
            notify |= SMTP_NOTIFY_NEVER;
        else
            return FALSE;
        if (comma >= 0 && len + 1 == value.len)
            return FALSE; /* nothing follows the comma */
        len += comma >= 0;
        value = barid_slice(value.data + len, value.len - len);
        /* NEVER stands alone, without even a second NEVER. */
        if ((notify & SMTP_NOTIFY_NEVER) != 0 &&
            (notify != SMTP_NOTIFY_NEVER || value.len > 0))
            return FALSE;
    }
    command->as.rcpt.notify = notify;
    return notify != 0;
}

/* RFC 3461 section 4.2, RFC 6533 section 3. */
static gboolean
parse_orcpt(BaridSlice value, SmtpCommand *command)
{
    SmtpRcpt *rcpt = &command->as.rcpt;
    gssize semicolon = text_find(value, ';');
    gsize len;

    if (value.len > SMTP_ORCPT_LEN_MAX || semicolon < 0)
        return FALSE;
    len = (gsize)semicolon;
    rcpt->has_orcpt = TRUE;
    rcpt->orcpt_type = barid_slice(value.data, len);
    rcpt->orcpt_address = barid_slice(value.data + len + 1, value.len - len - 1);
    if (equals(rcpt->orcpt_type, "rfc822"))
        return xtext_is_printable(rcpt->orcpt_address);
    return equals(rcpt->orcpt_type, "utf-8") &&
           utf8_addr_decode(rcpt->orcpt_address, NULL, &len);
}

static const Parameter rcpt_parameters[] = {
    {"NOTIFY", VALUE_REQUIRED, parse_notify},
    {"ORCPT", VALUE_REQUIRED, parse_orcpt},
};

static gssize
find_parameter(const Parameter *table, gsize n_rows, BaridSlice name)
{
    for (gsize i = 0; i < n_rows; i++) {
        if (equals(name, table[i].name))
            return (gssize)i;
    }
    return -1;
}

/* One keyword[=value]. (seen) has a bit for each row of (table). */
static SmtpParseResult
take_parameter(Cursor *cursor, const Parameter *table, gsize n_rows, guint *seen,
               SmtpCommand *command)
{
    gsize start = cursor_get_offset(cursor);
    BaridSlice name = cursor_take_while(cursor, is_keyword_byte);
    BaridSlice value = BARID_SLICE_EMPTY;
    gboolean has_value = cursor_accept(cursor, '=');
    gssize row;

    if (has_value)
        value = cursor_take_while(cursor, is_value_byte);
    command->parameter = name;
    command->offset = start;
    if (name.len == 0 || name.data[0] == '-')
        return SMTP_BAD_SYNTAX;
    row = find_parameter(table, n_rows, name);
    if (row < 0)
        return SMTP_UNKNOWN_PARAMETER;
    if (!cursor_is_end(cursor) && !is_blank((guint8)cursor_peek(cursor)))
        return SMTP_BAD_PARAMETER;
    if ((*seen & 1u << row) != 0 || has_value != (table[row].value == VALUE_REQUIRED))
        return SMTP_BAD_PARAMETER;
    *seen |= 1u << row;
    return table[row].parse(value, command) ? SMTP_PARSED : SMTP_BAD_PARAMETER;
}

static SmtpParseResult
take_parameters(Cursor *cursor, const Parameter *table, gsize n_rows, SmtpCommand *command)
{
    guint seen = 0;

    while (!cursor_is_end(cursor)) {
        SmtpParseResult result;

        command->offset = cursor_get_offset(cursor);
        if (cursor_take_while(cursor, is_blank).len == 0)
            return SMTP_BAD_SYNTAX;
        if (cursor_is_end(cursor))
            break;
        result = take_parameter(cursor, table, n_rows, &seen, command);
        if (result != SMTP_PARSED)
            return result;
    }
    return SMTP_PARSED;
}

/* Takes "FROM:" or "TO:" and the path behind it. RFC 5321 section 3.3 has no blank before
 * the path, but so many clients send one that refusing would only lose mail. */
static SmtpParseResult
take_path(Cursor *cursor, const gchar *word, MailPathForms allow, MailAddress *address,
          SmtpCommand *command)
{
    BaridSlice given = cursor_take_while(cursor, is_letter);
    gsize used;

    if (!equals(given, word))
        return SMTP_BAD_SYNTAX;
    cursor_take_while(cursor, is_blank);
    if (!cursor_accept(cursor, ':'))
        return SMTP_BAD_SYNTAX;
    cursor_take_while(cursor, is_blank);
    command->offset = cursor_get_offset(cursor);
    if (cursor_is_end(cursor))
        return SMTP_BAD_SYNTAX;
    command->address_result =
        mail_path_parse(cursor_get_rest(cursor), allow, address, &used);
    if (command->address_result != MAIL_ADDRESS_OK) {
        command->offset += used;
        return SMTP_BAD_ADDRESS;
    }
    cursor->pos += used;
    return SMTP_PARSED;
}

/* --- One parser a kind of argument --- */

/* RFC 5321 section 4.1.1.2. */
static SmtpParseResult
parse_mail(Cursor *cursor, SmtpCommand *command)
{
    SmtpParseResult result =
        take_path(cursor, "FROM", MAIL_PATH_NULL, &command->as.mail.address, command);

    if (result != SMTP_PARSED)
        return result;
    return take_parameters(cursor, mail_parameters, G_N_ELEMENTS(mail_parameters), command);
}

/* RFC 5321 section 4.1.1.3. */
static SmtpParseResult
parse_rcpt(Cursor *cursor, SmtpCommand *command)
{
    SmtpParseResult result =
        take_path(cursor, "TO", MAIL_PATH_POSTMASTER, &command->as.rcpt.address, command);

    if (result != SMTP_PARSED)
        return result;
    return take_parameters(cursor, rcpt_parameters, G_N_ELEMENTS(rcpt_parameters), command);
}

/* RFC 5321 section 4.1.1.1, RFC 2033 section 4.1. Any visible word: what a name must be
 * like is policy (section 4.1.4 forbids refusing mail for it). */
static SmtpParseResult
parse_hello(Cursor *cursor, SmtpCommand *command)
{
    BaridSlice name = text_trim(cursor_get_rest(cursor));

    if (name.len == 0 || name.len > MAIL_ADDRESS_DOMAIN_MAX || !is_visible_ascii(name))
        return SMTP_BAD_SYNTAX;
    command->as.argument = name;
    return SMTP_PARSED;
}

static SmtpParseResult
parse_nothing(Cursor *cursor, SmtpCommand *command G_GNUC_UNUSED)
{
    return cursor_is_end(cursor) ? SMTP_PARSED : SMTP_BAD_SYNTAX;
}

static SmtpParseResult
parse_optional_text(Cursor *cursor, SmtpCommand *command)
{
    command->as.argument = text_trim(cursor_get_rest(cursor));
    return SMTP_PARSED;
}

static SmtpParseResult
parse_text(Cursor *cursor, SmtpCommand *command)
{
    command->as.argument = text_trim(cursor_get_rest(cursor));
    return command->as.argument.len > 0 ? SMTP_PARSED : SMTP_BAD_SYNTAX;
}

/* RFC 3030 section 2. */
static SmtpParseResult
parse_bdat(Cursor *cursor, SmtpCommand *command)
{
    BaridSlice last;

    if (!parse_octet_count(cursor_take_while(cursor, is_digit), &command->as.bdat.size_bytes))
        return SMTP_BAD_SYNTAX;
    if (cursor_is_end(cursor))
        return SMTP_PARSED;
    command->offset = cursor_get_offset(cursor);
    if (cursor_take_while(cursor, is_blank).len == 0)
        return SMTP_BAD_SYNTAX;
    last = text_trim(cursor_get_rest(cursor));
    command->as.bdat.last = equals(last, "LAST");
    return last.len == 0 || command->as.bdat.last ? SMTP_PARSED : SMTP_BAD_SYNTAX;
}

/* RFC 4954 section 4: "=" is an initial response of no bytes. */
static SmtpParseResult
parse_auth(Cursor *cursor, SmtpCommand *command)
{
    BaridSlice mechanism = cursor_take_while(cursor, is_mechanism_byte);
    BaridSlice initial;

    if (mechanism.len == 0 || mechanism.len > MECHANISM_LEN_MAX)
        return SMTP_BAD_SYNTAX;
    command->as.auth.mechanism = mechanism;
    if (cursor_is_end(cursor))
        return SMTP_PARSED;
    command->offset = cursor_get_offset(cursor);
    if (cursor_take_while(cursor, is_blank).len == 0)
        return SMTP_BAD_SYNTAX;
    initial = cursor_take_while(cursor, is_not_blank);
    if (!cursor_is_end(cursor) || !is_visible_ascii(initial))
        return SMTP_BAD_SYNTAX;
    command->as.auth.has_initial = initial.len > 0;
    if (!barid_slice_equal_text(initial, "="))
        command->as.auth.initial = initial;
    return SMTP_PARSED;
}

/* --- Verbs --- */

static const struct {
    const gchar *name;
    VerbParser parse;
    const gchar *usage;
} verbs[SMTP_N_VERBS + 1] = {
    [SMTP_EHLO] = {"EHLO", parse_hello, "EHLO hostname"},
    [SMTP_HELO] = {"HELO", parse_hello, "HELO hostname"},
    [SMTP_LHLO] = {"LHLO", parse_hello, "LHLO hostname"},
    [SMTP_MAIL] = {"MAIL", parse_mail, "MAIL FROM:<address> [parameters]"},
    [SMTP_RCPT] = {"RCPT", parse_rcpt, "RCPT TO:<address> [parameters]"},
    [SMTP_DATA] = {"DATA", parse_nothing, "DATA"},
    [SMTP_BDAT] = {"BDAT", parse_bdat, "BDAT size [LAST]"},
    [SMTP_RSET] = {"RSET", parse_nothing, "RSET"},
    [SMTP_NOOP] = {"NOOP", parse_optional_text, "NOOP [text]"},
    [SMTP_VRFY] = {"VRFY", parse_text, "VRFY address"},
    [SMTP_EXPN] = {"EXPN", parse_text, "EXPN list"},
    [SMTP_HELP] = {"HELP", parse_optional_text, "HELP [topic]"},
    [SMTP_QUIT] = {"QUIT", parse_nothing, "QUIT"},
    [SMTP_STARTTLS] = {"STARTTLS", parse_nothing, "STARTTLS"},
    [SMTP_AUTH] = {"AUTH", parse_auth, "AUTH mechanism [initial-response]"},
    [SMTP_ETRN] = {"ETRN", parse_text, "ETRN name"},
    [SMTP_ATRN] = {"ATRN", parse_optional_text, "ATRN [domains]"},
    [SMTP_BURL] = {"BURL", parse_text, "BURL url [LAST]"},
    [SMTP_UNKNOWN] = {"", parse_optional_text, "a command"},
};

static SmtpVerb
find_verb(BaridSlice word)
{
    guint verb = 0;

    if (word.len > VERB_LEN_MAX)
        return SMTP_UNKNOWN;
    while (verb < SMTP_N_VERBS && !equals(word, verbs[verb].name))
        verb++;
    return (SmtpVerb)verb;
}

void
smtp_command_parse(BaridSlice line, SmtpCommand *out_command)
{
    SmtpCommand *command = out_command;
    Cursor cursor;

    memset(command, 0, sizeof *command);
    while (line.len > 0 && is_blank(line.data[line.len - 1]))
        line.len--;
    cursor = cursor_new(line);
    command->verb = find_verb(cursor_take_while(&cursor, is_not_blank));
    cursor_take_while(&cursor, is_blank);
    command->offset = cursor_get_offset(&cursor);
    command->result = verbs[command->verb].parse(&cursor, command);
}

const gchar *
smtp_verb_name(SmtpVerb verb)
{
    return verb < SMTP_N_VERBS ? verbs[verb].name : "";
}

const gchar *
smtp_verb_usage(SmtpVerb verb)
{
    return verb < SMTP_N_VERBS ? verbs[verb].usage : verbs[SMTP_UNKNOWN].usage;
}
