/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/mail-address.h"

#include "base/cursor.h"
#include "base/text.h"

enum {
    LABEL_MAX = 63,      /* RFC 1035 section 2.3.4 */
    U_LABEL_MAX = 252,   /* RFC 5890 section 4.2: octets of a U-label in UTF-8 */
    PATH_BRACKETS = 2,   /* the path limit counts "<" and ">" (RFC 5321 section 4.5.3.1.3) */
};

const gchar *
mail_address_result_describe(MailAddressResult result)
{
    switch (result) {
    case MAIL_ADDRESS_OK:
        return N_("the address is well-formed");
    case MAIL_ADDRESS_SYNTAX:
        return N_("the address is malformed");
    case MAIL_ADDRESS_LOCAL_TOO_LONG:
        return N_("the local part is longer than 64 octets");
    case MAIL_ADDRESS_DOMAIN_TOO_LONG:
        return N_("the domain is longer than 255 octets");
    case MAIL_ADDRESS_PATH_TOO_LONG:
        return N_("the path is longer than 256 octets");
    case MAIL_ADDRESS_BAD_DOMAIN:
        return N_("the domain is malformed");
    case MAIL_ADDRESS_BAD_LITERAL:
        return N_("the address literal is malformed");
    case MAIL_ADDRESS_NOT_UTF8:
        return N_("the address is not UTF-8");
    }
    return N_("the address is malformed");
}

static gboolean
is_let_dig(guint8 byte)
{
    return g_ascii_isalnum(byte) || byte >= 0x80;
}

/* RFC 5322 section 3.2.3 atext with the UTF-8 of RFC 6531 section 3.3. */
static gboolean
is_atext(guint8 byte)
{
    static const gchar specials[] = "!#$%&'*+-/=?^_`{|}~";

    return is_let_dig(byte) || (byte != 0 && memchr(specials, byte, sizeof specials - 1) != NULL);
}

/* RFC 5321 section 4.1.2 qtextSMTP with the UTF-8 of RFC 6531 section 3.3. */
static gboolean
is_qtext(guint8 byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
}

static gboolean
is_domain_byte(guint8 byte)
{
    return is_let_dig(byte) || byte == '-' || byte == '.';
}

static gboolean
is_literal_byte(guint8 byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '[' && byte != ']' && byte != '\\';
}

static gboolean
is_utf8(BaridSlice slice)
{
    return slice.len == 0 || g_utf8_validate((const gchar *)slice.data, (gssize)slice.len, NULL);
}

/* A U-label's characters are visible; the joiners are the exception that IDNA makes
 * (RFC 5892 appendix A). The rest of IDNA is the resolver's affair. */
static gboolean
label_is_visible(BaridSlice label)
{
    const gchar *text = (const gchar *)label.data;
    const gchar *end = text + label.len;

    for (; text < end; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);

        if (!g_unichar_isgraph(c) && c != 0x200c && c != 0x200d)
            return FALSE;
    }
    return TRUE;
}

/* RFC 5321 section 4.1.2 sub-domain; RFC 6531 section 3.3 U-label. */
static gboolean
label_is_valid(BaridSlice label)
{
    if (label.len == 0 || label.len > U_LABEL_MAX)
        return FALSE;
    if (!is_let_dig(label.data[0]) || !is_let_dig(label.data[label.len - 1]))
        return FALSE;
    for (gsize i = 0; i < label.len; i++) {
        if (!is_let_dig(label.data[i]) && label.data[i] != '-')
            return FALSE;
    }
    if (text_is_ascii(label))
        return label.len <= LABEL_MAX;
    return is_utf8(label) && label_is_visible(label);
}

gboolean
mail_domain_is_valid(BaridSlice domain)
{
    gsize start = 0;

    if (domain.len == 0 || domain.len > MAIL_ADDRESS_DOMAIN_MAX)
        return FALSE;
    for (gsize i = 0; i <= domain.len; i++) {
        if (i < domain.len && domain.data[i] != '.')
            continue;
        if (!label_is_valid(barid_slice(domain.data + start, i - start)))
            return FALSE;
        start = i + 1;
    }
    return TRUE;
}

gboolean
mail_domain_is_fqdn(BaridSlice name)
{
    gssize dot = text_find_last(name, '.');
    Address address;

    if (name.len > 0 && name.data[0] == '[')
        return mail_literal_parse(name, &address);
    if (dot < 0 || !mail_domain_is_valid(name))
        return FALSE;
    /* A bare IP address has the shape of a domain, but no top-level domain is a number
     * (RFC 3696 section 2). */
    for (gsize i = (gsize)dot + 1; i < name.len; i++) {
        if (!g_ascii_isdigit(name.data[i]))
            return TRUE;
    }
    return FALSE;
}

gboolean
mail_literal_parse(BaridSlice text, Address *out_address)
{
    static const BaridSlice tag = BARID_SLICE_LITERAL("IPv6:");
    BaridSlice inner;
    gboolean has_tag;
    Address address;

    if (text.len < 2 || text.data[0] != '[' || text.data[text.len - 1] != ']')
        return FALSE;
    inner = barid_slice(text.data + 1, text.len - 2);
    has_tag = inner.len > tag.len &&
              barid_slice_equal_nocase(barid_slice(inner.data, tag.len), tag);
    if (has_tag)
        inner = barid_slice(inner.data + tag.len, inner.len - tag.len);
    /* Each family in its own form only: an untagged IPv6 address is no literal. */
    if ((text_find(inner, ':') >= 0) != has_tag || !address_parse_ip(inner, &address))
        return FALSE;
    *out_address = address;
    return TRUE;
}

/* RFC 5321 section 4.1.2 Dot-string. */
static MailAddressResult
take_dot_string(Cursor *cursor)
{
    do {
        if (cursor_take_while(cursor, is_atext).len == 0)
            return MAIL_ADDRESS_SYNTAX;
    } while (cursor_accept(cursor, '.'));
    return MAIL_ADDRESS_OK;
}

/* RFC 5321 section 4.1.2 Quoted-string; the opening quote is next. */
static MailAddressResult
take_quoted_string(Cursor *cursor)
{
    cursor_accept(cursor, '"');
    for (;;) {
        cursor_take_while(cursor, is_qtext);
        if (cursor_accept(cursor, '"'))
            return MAIL_ADDRESS_OK;
        if (!cursor_accept(cursor, '\\'))
            return MAIL_ADDRESS_SYNTAX;
        if (cursor_peek(cursor) < 0x20 || cursor_peek(cursor) > 0x7e)
            return MAIL_ADDRESS_SYNTAX;
        cursor_next(cursor);
    }
}

static MailAddressResult
take_local(Cursor *cursor, MailAddress *address)
{
    gsize start = cursor_get_offset(cursor);
    MailAddressResult result;

    address->is_quoted = cursor_peek(cursor) == '"';
    result = address->is_quoted ? take_quoted_string(cursor) : take_dot_string(cursor);
    if (result != MAIL_ADDRESS_OK)
        return result;
    address->local = cursor_get_since(cursor, start);
    if (address->local.len > MAIL_ADDRESS_LOCAL_MAX)
        return MAIL_ADDRESS_LOCAL_TOO_LONG;
    return is_utf8(address->local) ? MAIL_ADDRESS_OK : MAIL_ADDRESS_NOT_UTF8;
}

static MailAddressResult
take_literal(Cursor *cursor, MailAddress *address)
{
    gsize start = cursor_get_offset(cursor);

    cursor_accept(cursor, '[');
    cursor_take_while(cursor, is_literal_byte);
    if (!cursor_accept(cursor, ']'))
        return MAIL_ADDRESS_BAD_LITERAL;
    address->domain = cursor_get_since(cursor, start);
    address->is_literal = TRUE;
    return mail_literal_parse(address->domain, &address->literal) ? MAIL_ADDRESS_OK
                                                                  : MAIL_ADDRESS_BAD_LITERAL;
}

static MailAddressResult
check_domain(BaridSlice domain)
{
    if (domain.len > MAIL_ADDRESS_DOMAIN_MAX)
        return MAIL_ADDRESS_DOMAIN_TOO_LONG;
    if (!is_utf8(domain))
        return MAIL_ADDRESS_NOT_UTF8;
    return mail_domain_is_valid(domain) ? MAIL_ADDRESS_OK : MAIL_ADDRESS_BAD_DOMAIN;
}

static MailAddressResult
take_domain(Cursor *cursor, MailAddress *address)
{
    if (cursor_peek(cursor) == '[')
        return take_literal(cursor, address);
    address->domain = cursor_take_while(cursor, is_domain_byte);
    return check_domain(address->domain);
}

/* RFC 5321 section 4.1.2 Mailbox. */
static MailAddressResult
take_mailbox(Cursor *cursor, MailAddress *address)
{
    gsize start = cursor_get_offset(cursor);
    MailAddressResult result = take_local(cursor, address);
    gsize domain_start;

    if (result != MAIL_ADDRESS_OK)
        return result;
    if (!cursor_accept(cursor, '@'))
        return MAIL_ADDRESS_SYNTAX;
    domain_start = cursor_get_offset(cursor);
    result = take_domain(cursor, address);
    if (result != MAIL_ADDRESS_OK) {
        /* The offset of a bad domain is its start, whatever the scan went over. */
        cursor->pos = domain_start;
        return result;
    }
    address->full = cursor_get_since(cursor, start);
    address->is_ascii = text_is_ascii(address->full);
    return MAIL_ADDRESS_OK;
}

/* RFC 5321 section 4.1.2 A-d-l and its colon. Accepted and dropped (appendix C). */
static MailAddressResult
skip_source_route(Cursor *cursor)
{
    do {
        MailAddress ignored = {0};
        MailAddressResult result;

        if (!cursor_accept(cursor, '@'))
            return MAIL_ADDRESS_SYNTAX;
        result = take_domain(cursor, &ignored);
        if (result != MAIL_ADDRESS_OK)
            return result;
    } while (cursor_accept(cursor, ','));
    return cursor_accept(cursor, ':') ? MAIL_ADDRESS_OK : MAIL_ADDRESS_SYNTAX;
}

/* Takes "postmaster" when ">" follows (RFC 5321 section 4.5.1). */
static gboolean
take_postmaster(Cursor *cursor, MailAddress *address)
{
    static const BaridSlice postmaster = BARID_SLICE_LITERAL("postmaster");
    BaridSlice rest = cursor_get_rest(cursor);

    if (rest.len <= postmaster.len || rest.data[postmaster.len] != '>')
        return FALSE;
    rest.len = postmaster.len;
    if (!barid_slice_equal_nocase(rest, postmaster))
        return FALSE;
    cursor->pos += postmaster.len;
    address->full = rest;
    address->local = rest;
    address->is_ascii = TRUE;
    return TRUE;
}

/* What stands between the brackets of a path. */
static MailAddressResult
take_path_inside(Cursor *cursor, MailPathForms allow, MailAddress *address)
{
    if ((allow & MAIL_PATH_NULL) != 0 && cursor_peek(cursor) == '>') {
        address->is_ascii = TRUE;
        return MAIL_ADDRESS_OK;
    }
    if ((allow & MAIL_PATH_POSTMASTER) != 0 && take_postmaster(cursor, address))
        return MAIL_ADDRESS_OK;
    if (cursor_peek(cursor) == '@') {
        MailAddressResult result = skip_source_route(cursor);

        if (result != MAIL_ADDRESS_OK)
            return result;
    }
    return take_mailbox(cursor, address);
}

MailAddressResult
mail_path_parse(BaridSlice input, MailPathForms allow, MailAddress *out_address, gsize *out_used)
{
    Cursor cursor = cursor_new(input);
    MailAddress address = {0};
    MailAddressResult result = MAIL_ADDRESS_SYNTAX;

    if (cursor_accept(&cursor, '<'))
        result = take_path_inside(&cursor, allow, &address);
    if (result == MAIL_ADDRESS_OK && !cursor_accept(&cursor, '>'))
        result = MAIL_ADDRESS_SYNTAX;
    if (result == MAIL_ADDRESS_OK && cursor_get_offset(&cursor) > MAIL_ADDRESS_PATH_MAX)
        result = MAIL_ADDRESS_PATH_TOO_LONG;
    if (result == MAIL_ADDRESS_OK)
        *out_address = address;
    *out_used = cursor_get_offset(&cursor);
    return result;
}

MailAddressResult
mail_address_parse(BaridSlice input, MailAddress *out_address)
{
    Cursor cursor = cursor_new(input);
    MailAddress address = {0};
    MailAddressResult result = take_mailbox(&cursor, &address);

    if (result != MAIL_ADDRESS_OK)
        return result;
    if (!cursor_is_end(&cursor))
        return MAIL_ADDRESS_SYNTAX;
    if (input.len + PATH_BRACKETS > MAIL_ADDRESS_PATH_MAX)
        return MAIL_ADDRESS_PATH_TOO_LONG;
    *out_address = address;
    return MAIL_ADDRESS_OK;
}

BaridSlice
mail_address_dup_local(const MailAddress *self, Arena *arena)
{
    BaridSlice local = self->local;
    guint8 *out;
    gsize len = 0;

    if (!self->is_quoted)
        return arena_dup_slice(arena, local);
    out = arena_alloc(arena, local.len);
    for (gsize i = 1; i + 1 < local.len; i++) {
        if (local.data[i] == '\\')
            i++;
        out[len++] = local.data[i];
    }
    return barid_slice(out, len);
}

static gboolean
needs_quotes(BaridSlice local)
{
    Cursor cursor = cursor_new(local);

    return take_dot_string(&cursor) != MAIL_ADDRESS_OK || !cursor_is_end(&cursor);
}

/* Writes the local part with the fewest quotes and backslashes; returns its end. */
static guint8 *
put_local(guint8 *out, BaridSlice local)
{
    gboolean quote = needs_quotes(local);

    if (quote)
        *out++ = '"';
    for (gsize i = 0; i < local.len; i++) {
        if (local.data[i] == '"' || local.data[i] == '\\')
            *out++ = '\\';
        *out++ = local.data[i];
    }
    if (quote)
        *out++ = '"';
    return out;
}

static BaridSlice
dup_canonical_domain(const MailAddress *self, Arena *arena)
{
    gchar text[ADDRESS_TEXT_MAX];

    if (!self->is_literal)
        return arena_dup_lower(arena, self->domain);
    address_format_ip(&self->literal, text);
    return barid_slice_from_text(
        arena_printf(arena, self->literal.is_v6 ? "[ipv6:%s]" : "[%s]", text));
}

BaridSlice
mail_address_dup_canonical(const MailAddress *self, Arena *arena)
{
    BaridSlice local = mail_address_dup_local(self, arena);
    BaridSlice domain;
    guint8 *out;
    guint8 *end;

    if (self->domain.len == 0)
        return arena_dup_lower(arena, local);
    domain = dup_canonical_domain(self, arena);
    out = arena_alloc(arena, 2 * local.len + 3 + domain.len);
    end = put_local(out, local);
    *end++ = '@';
    memcpy(end, domain.data, domain.len);
    return barid_slice(out, (gsize)(end - out) + domain.len);
}

BaridSlice
mail_address_dup_lower(const MailAddress *self, Arena *arena)
{
    return arena_dup_lower(arena, mail_address_dup_canonical(self, arena));
}
