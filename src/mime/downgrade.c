/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/downgrade.h"

#include "base/text.h"
#include "mime/entity.h"
#include "mime/header.h"

enum {
    LINE_MAX_BYTES = 998, /* RFC 5322 section 2.1.1 */
    ENCODED_LINE_MAX = 76, /* RFC 2045 section 6.7 and 6.8 */
};

typedef struct {
    gboolean has_8bit;
    gboolean has_controls; /* NUL, bare CR, bare LF */
    gboolean has_long_lines;
} ContentTraits;

static DowngradeResult downgrade_entity(BaridSlice content, guint depth, Buffer *out);

/* --- looking --- */

static ContentTraits
content_look(BaridSlice content)
{
    ContentTraits traits = {FALSE, FALSE, FALSE};
    gsize line_start = 0;

    for (gsize i = 0; i < content.len; i++) {
        guint8 byte = content.data[i];

        if (byte >= 0x80) {
            traits.has_8bit = TRUE;
        } else if (byte == '\n') {
            if (i == line_start || content.data[i - 1] != '\r')
                traits.has_controls = TRUE;
            if (i - line_start > LINE_MAX_BYTES + 1)
                traits.has_long_lines = TRUE;
            line_start = i + 1;
        } else if (byte == '\0') {
            traits.has_controls = TRUE;
        } else if (byte == '\r' && (i + 1 == content.len || content.data[i + 1] != '\n')) {
            traits.has_controls = TRUE;
        }
    }
    if (content.len - line_start > LINE_MAX_BYTES)
        traits.has_long_lines = TRUE;
    return traits;
}

static gboolean
traits_are_plain(ContentTraits traits)
{
    return !traits.has_8bit && !traits.has_controls && !traits.has_long_lines;
}

gboolean
downgrade_is_needless(BaridSlice content)
{
    return traits_are_plain(content_look(content));
}

static gboolean
field_is(const HeaderField *field, const gchar *name)
{
    return barid_slice_equal_nocase(field->name, barid_slice_from_text(name));
}

/* --- encodings --- */

static gboolean
encode_base64(BaridSlice content, Buffer *out)
{
    enum { LINE_INPUT = ENCODED_LINE_MAX / 4 * 3 };

    for (gsize pos = 0; pos < content.len; pos += LINE_INPUT) {
        gsize part = MIN((gsize)LINE_INPUT, content.len - pos);
        gint state = 0, save = 0;
        guint8 *to = buffer_reserve(out, ENCODED_LINE_MAX + 8);
        gsize len;

        if (to == NULL)
            return FALSE;
        len = g_base64_encode_step(content.data + pos, part, FALSE, (gchar *)to, &state, &save);
        len += g_base64_encode_close(FALSE, (gchar *)to + len, &state, &save);
        out->len += len;
        if (!buffer_append(out, "\r\n", 2))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_line_end(BaridSlice content, gsize pos)
{
    return pos + 1 < content.len && content.data[pos] == '\r' && content.data[pos + 1] == '\n';
}

/* Whether the byte may stand for itself: blanks may, except at the end of a line. */
static gboolean
is_quotable_plain(BaridSlice content, gsize pos)
{
    guint8 byte = content.data[pos];

    if (byte == ' ' || byte == '\t')
        return pos + 1 < content.len && !is_line_end(content, pos + 1);
    return byte > ' ' && byte < 0x7f && byte != '=';
}

/* RFC 2045 section 6.7. A CRLF is a line end; every other CR or LF is encoded. */
static gboolean
encode_quoted_printable(BaridSlice content, Buffer *out)
{
    static const gchar digits[] = "0123456789ABCDEF";
    gsize column = 0;

    for (gsize pos = 0; pos < content.len; pos++) {
        guint8 byte = content.data[pos];
        gboolean plain;
        gsize width;

        if (is_line_end(content, pos)) {
            if (!buffer_append(out, "\r\n", 2))
                return FALSE;
            column = 0;
            pos++;
            continue;
        }
        plain = is_quotable_plain(content, pos);
        width = plain ? 1 : 3;
        if (column + width > ENCODED_LINE_MAX - 1) {
            if (!buffer_append(out, "=\r\n", 3))
                return FALSE;
            column = 0;
        }
        if (plain ? !buffer_append(out, &byte, 1)
                  : !buffer_printf(out, "=%c%c", digits[byte >> 4], digits[byte & 15]))
            return FALSE;
        column += width;
    }
    return TRUE;
}

/* --- entities --- */

/* The header without Content-Transfer-Encoding, then (encoding) in its place, and the empty
 * line. */
static gboolean
copy_header(const Entity *entity, const gchar *encoding, Buffer *out)
{
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, entity->whole);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!field_is(&field, "Content-Transfer-Encoding") &&
            !buffer_append(out, field.whole.data, field.whole.len))
            return FALSE;
    }
    return (encoding == NULL ||
            buffer_printf(out, "Content-Transfer-Encoding: %s\r\n", encoding)) &&
           buffer_append(out, "\r\n", 2);
}

static DowngradeResult
downgrade_leaf(const Entity *entity, ContentTraits traits, guint depth, Buffer *out)
{
    gboolean is_text = entity->type.len == 0 || entity_is(entity, "text/");
    gboolean quoted = is_text && !traits.has_controls;
    HeaderIter iter;
    HeaderField field;

    /* A label that does not fit its content cannot be replaced by a true one. */
    if (entity_is_encoded(entity, "base64") || entity_is_encoded(entity, "quoted-printable"))
        return DOWNGRADE_BROKEN;
    header_iter_init(&iter, entity->whole);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (!field_is(&field, "Content-Transfer-Encoding") &&
            !buffer_append(out, field.whole.data, field.whole.len))
            return DOWNGRADE_TOO_LARGE;
    }
    /* RFC 1428 section 3: nothing is known of 8-bit text without MIME. */
    if ((depth == 0 && !entity->has_mime_version &&
         !buffer_append_text(out, "MIME-Version: 1.0\r\n")) ||
        (entity->type.len == 0 &&
         !buffer_append_text(out, "Content-Type: text/plain; charset=unknown-8bit\r\n")) ||
        !buffer_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n",
                       quoted ? "quoted-printable" : "base64"))
        return DOWNGRADE_TOO_LARGE;
    return (quoted ? encode_quoted_printable(entity->body, out) : encode_base64(entity->body, out))
               ? DOWNGRADE_OK
               : DOWNGRADE_TOO_LARGE;
}

static DowngradeResult
downgrade_multipart(const Entity *entity, guint depth, Buffer *out)
{
    BaridSlice body = entity->body, part, delimiter;
    EntityParts parts;

    if (entity_is(entity, "multipart/signed") || entity_is(entity, "multipart/encrypted"))
        return DOWNGRADE_SEALED;
    if (!entity_parts_init(&parts, entity) ||
        !traits_are_plain(content_look(barid_slice(body.data, parts.pos))))
        return DOWNGRADE_BROKEN;
    if (!copy_header(entity, entity->encoding.len > 0 ? "7bit" : NULL, out) ||
        !buffer_append(out, body.data, parts.pos))
        return DOWNGRADE_TOO_LARGE;
    while (entity_parts_next(&parts, &part, &delimiter)) {
        DowngradeResult result = downgrade_entity(part, depth + 1, out);

        if (result != DOWNGRADE_OK)
            return result;
        if (!buffer_append(out, delimiter.data, delimiter.len))
            return DOWNGRADE_TOO_LARGE;
    }
    body = barid_slice(body.data + parts.pos, body.len - parts.pos);
    if (!parts.is_last || !traits_are_plain(content_look(body)))
        return DOWNGRADE_BROKEN;
    return buffer_append(out, body.data, body.len) ? DOWNGRADE_OK : DOWNGRADE_TOO_LARGE;
}

static DowngradeResult
downgrade_enclosed(const Entity *entity, guint depth, Buffer *out)
{
    if (!copy_header(entity, entity->encoding.len > 0 ? "7bit" : NULL, out))
        return DOWNGRADE_TOO_LARGE;
    return downgrade_entity(entity->body, depth + 1, out);
}

static DowngradeResult
downgrade_entity(BaridSlice content, guint depth, Buffer *out)
{
    Entity entity;
    ContentTraits traits;

    if (traits_are_plain(content_look(content)))
        return buffer_append(out, content.data, content.len) ? DOWNGRADE_OK : DOWNGRADE_TOO_LARGE;
    if (depth >= DOWNGRADE_DEPTH_MAX)
        return DOWNGRADE_BROKEN;
    entity_read(content, &entity);
    traits = content_look(entity.header);
    if (traits.has_8bit)
        return DOWNGRADE_HEADER_8BIT;
    if (!traits_are_plain(traits))
        return DOWNGRADE_BROKEN;
    if (entity_is(&entity, "multipart/"))
        return downgrade_multipart(&entity, depth, out);
    if (entity_is(&entity, "message/rfc822") || entity_is(&entity, "message/global"))
        return downgrade_enclosed(&entity, depth, out);
    /* RFC 2046 section 5.2: no other message type may be encoded. */
    if (entity_is(&entity, "message/"))
        return DOWNGRADE_SEALED;
    return downgrade_leaf(&entity, content_look(entity.body), depth, out);
}

DowngradeResult
downgrade_message(BaridSlice message, Buffer *out)
{
    gsize start = out->len;
    DowngradeResult result = downgrade_entity(message, 0, out);

    /* Nothing may have been written, and there may be no buffer then. */
    if (result != DOWNGRADE_OK || out->len == start)
        return result;
    return downgrade_is_needless(barid_slice(out->data + start, out->len - start))
               ? DOWNGRADE_OK
               : DOWNGRADE_BROKEN;
}
