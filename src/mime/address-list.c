/* SPDX-License-Identifier: Apache-2.0 */
#include <barid/address-list.h>

static gboolean
is_space(guint8 byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Length of the quoted string, comment or domain literal at the start of (text), with its
 * end; what is not closed reaches to the end. Comments nest (RFC 5322 section 3.2.2). */
static gsize
get_quoted_len(BaridSlice text)
{
    guint8 open = text.data[0];
    guint8 close = open == '(' ? ')' : open == '[' ? ']' : '"';
    guint depth = 0;

    for (gsize i = 0; i < text.len; i++) {
        guint8 byte = text.data[i];

        if (byte == '\\')
            i++;
        else if (byte == open && (open == '(' || i == 0))
            depth++;
        else if (byte == close && i > 0 && --depth == 0)
            return i + 1;
    }
    return text.len;
}

/* What one item of the list amounts to. */
typedef struct {
    BaridSlice bare;  /* without brackets: first to last word */
    BaridSlice angle; /* between brackets */
    gboolean has_angle;
} Item;

static void
item_add_word(Item *self, const guint8 *start, gsize len)
{
    if (self->bare.data == NULL)
        self->bare = barid_slice(start, len);
    else
        self->bare.len = (gsize)(start + len - self->bare.data);
}

/* The piece at the start of (text): its length. */
static gsize
item_take(Item *self, BaridSlice text)
{
    const guint8 *end;
    gsize len;

    switch (text.data[0]) {
    case '(':
        return get_quoted_len(text);
    case '"':
    case '[':
        len = get_quoted_len(text);
        item_add_word(self, text.data, len);
        return len;
    case '<':
        end = memchr(text.data, '>', text.len);
        len = end == NULL ? text.len : (gsize)(end - text.data) + 1;
        self->angle = barid_slice(text.data + 1, len - (end == NULL ? 1 : 2));
        self->has_angle = TRUE;
        return len;
    case ':':
        /* What stood before was a group's name. */
        self->bare = BARID_SLICE_EMPTY;
        return 1;
    default:
        if (!is_space(text.data[0]))
            item_add_word(self, text.data, 1);
        return 1;
    }
}

gboolean
barid_address_list_next(BaridSlice *rest, BaridSlice *out_address)
{
    while (rest->len > 0) {
        Item item = {.has_angle = FALSE};

        while (rest->len > 0) {
            guint8 byte = rest->data[0];
            gsize len;

            /* Two addresses with nothing between them are two: none hides behind the other. */
            if (byte == '<' && item.has_angle)
                break;
            len = byte == ',' || byte == ';' ? 1 : item_take(&item, *rest);

            *rest = barid_slice(rest->data + len, rest->len - len);
            if (byte == ',' || byte == ';')
                break;
        }
        if (item.has_angle || item.bare.len > 0) {
            *out_address = item.has_angle ? item.angle : item.bare;
            return TRUE;
        }
    }
    return FALSE;
}
