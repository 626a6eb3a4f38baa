/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/canonical.h"

static const BaridSlice line_end = {(const guint8 *)"\r\n", 2};

static gboolean
is_space(guint8 byte)
{
    return byte == ' ' || byte == '\t';
}

/* --- header fields --- */

/* Gathers bytes for the sink. */
typedef struct {
    CanonicalSink sink;
    gpointer data;
    gsize len;
    guint8 bytes[256];
} FieldWriter;

static void
field_flush(FieldWriter *self)
{
    if (self->len > 0)
        self->sink(barid_slice(self->bytes, self->len), self->data);
    self->len = 0;
}

static void
field_put(FieldWriter *self, guint8 byte)
{
    if (self->len == sizeof self->bytes)
        field_flush(self);
    self->bytes[self->len++] = byte;
}

/* Behind the colon: unfolded, white space as one blank, none at the ends. (hole) is left out. */
static void
field_put_relaxed_value(FieldWriter *self, BaridSlice value, BaridSlice hole)
{
    gboolean has_gap = FALSE;
    gboolean has_begun = FALSE;

    for (gsize i = 0; i < value.len; i++) {
        const guint8 *at = value.data + i;
        gboolean ends_line = at[0] == '\r' && i + 1 < value.len && at[1] == '\n';

        if (hole.len > 0 && at >= hole.data && at < hole.data + hole.len)
            continue;
        if (ends_line) {
            i++;
        } else if (is_space(*at)) {
            has_gap = has_begun;
        } else {
            if (has_gap)
                field_put(self, ' ');
            has_gap = FALSE;
            has_begun = TRUE;
            field_put(self, *at);
        }
    }
}

static BaridSlice
field_without_line_end(BaridSlice text)
{
    if (text.len >= 2 && memcmp(text.data + text.len - 2, "\r\n", 2) == 0)
        text.len -= 2;
    return text;
}

/* The name ends at the colon, without white space in front of it. */
static void
field_write_relaxed(const HeaderField *field, BaridSlice hole, CanonicalSink sink, gpointer data)
{
    FieldWriter writer = {.sink = sink, .data = data};
    BaridSlice name = field->name;

    while (name.len > 0 && is_space(name.data[name.len - 1]))
        name.len--;
    for (gsize i = 0; i < name.len; i++)
        field_put(&writer, (guint8)g_ascii_tolower((gchar)name.data[i]));
    field_put(&writer, ':');
    field_put_relaxed_value(&writer, field_without_line_end(field->value), hole);
    field_flush(&writer);
}

static void
field_write_simple(const HeaderField *field, BaridSlice hole, CanonicalSink sink, gpointer data)
{
    BaridSlice whole = field_without_line_end(field->whole);
    gsize before = hole.len == 0 ? whole.len : (gsize)(hole.data - whole.data);

    if (before > 0)
        sink(barid_slice(whole.data, before), data);
    if (before + hole.len < whole.len)
        sink(barid_slice(whole.data + before + hole.len, whole.len - before - hole.len), data);
}

void
canonical_signature_field(BaridCanonicalForm form, const HeaderField *field, BaridSlice hole,
                          CanonicalSink sink, gpointer data)
{
    if (form == BARID_CANONICAL_RELAXED)
        field_write_relaxed(field, hole, sink, data);
    else
        field_write_simple(field, hole, sink, data);
}

void
canonical_field(BaridCanonicalForm form, const HeaderField *field, CanonicalSink sink,
                gpointer data)
{
    canonical_signature_field(form, field, BARID_SLICE_EMPTY, sink, data);
    sink(line_end, data);
}

/* --- bodies --- */

void
canonical_body_init(CanonicalBody *self, BaridCanonicalForm form, guint64 limit, CanonicalSink sink,
                    gpointer data)
{
    self->form = form;
    self->sink = sink;
    self->data = data;
    self->limit = limit;
    self->n_bytes = 0;
    self->n_empty = 0;
    self->has_cr = FALSE;
    self->has_gap = FALSE;
    self->n_gathered = 0;
}

static void
body_flush(CanonicalBody *self)
{
    if (self->n_gathered > 0)
        self->sink(barid_slice(self->gathered, self->n_gathered), self->data);
    self->n_gathered = 0;
}

/* Short pieces are gathered: a sink that hashes costs as much for a word as for a line. */
static void
body_put(CanonicalBody *self, BaridSlice piece)
{
    guint64 room = self->limit > self->n_bytes ? self->limit - self->n_bytes : 0;

    self->n_bytes += piece.len;
    piece.len = (gsize)MIN((guint64)piece.len, room);
    if (piece.len > CANONICAL_STEP - self->n_gathered)
        body_flush(self);
    if (piece.len >= CANONICAL_STEP) {
        self->sink(piece, self->data);
    } else if (piece.len > 0) {
        memcpy(self->gathered + self->n_gathered, piece.data, piece.len);
        self->n_gathered += piece.len;
    }
}

/* Content follows: what waited for it comes first. */
static void
body_put_waiting(CanonicalBody *self)
{
    for (; self->n_empty > 0; self->n_empty--)
        body_put(self, line_end);
    if (self->has_gap)
        body_put(self, BARID_SLICE_LITERAL(" "));
    self->has_gap = FALSE;
}

static void
body_put_content(CanonicalBody *self, BaridSlice content)
{
    body_put_waiting(self);
    body_put(self, content);
}

static void
body_end_line(CanonicalBody *self)
{
    self->has_gap = FALSE;
    self->n_empty++;
}

/* A CR at the end of the piece before: a line end, or content. Returns how many bytes of
 * (piece) it took. */
static gsize
body_take_after_cr(CanonicalBody *self, BaridSlice piece)
{
    if (!self->has_cr || piece.len == 0)
        return 0;
    self->has_cr = FALSE;
    if (piece.data[0] == '\n') {
        body_end_line(self);
        return 1;
    }
    body_put_content(self, BARID_SLICE_LITERAL("\r"));
    return 0;
}

/* Only the line ends at the end of the piece have to wait. */
static void
body_feed_simple(CanonicalBody *self, BaridSlice piece)
{
    gsize end = piece.len;
    guint64 n_empty = 0;

    if (end > 0 && piece.data[end - 1] == '\r') {
        self->has_cr = TRUE;
        end--;
    }
    while (end >= 2 && piece.data[end - 1] == '\n' && piece.data[end - 2] == '\r') {
        n_empty++;
        end -= 2;
    }
    if (end > 0)
        body_put_content(self, barid_slice(piece.data, end));
    self->n_empty += n_empty;
}

static gsize
body_find_special(BaridSlice piece, gsize pos)
{
    while (pos < piece.len && piece.data[pos] != ' ' && piece.data[pos] != '\t' &&
           piece.data[pos] != '\r')
        pos++;
    return pos;
}

static void
body_feed_relaxed(CanonicalBody *self, BaridSlice piece)
{
    gsize pos = 0;

    while (pos < piece.len) {
        gsize start = pos;

        pos = body_find_special(piece, pos);
        if (pos > start)
            body_put_content(self, barid_slice(piece.data + start, pos - start));
        if (pos == piece.len)
            return;
        if (piece.data[pos] != '\r') {
            self->has_gap = TRUE;
            pos++;
        } else {
            self->has_cr = TRUE;
            pos++;
            pos += body_take_after_cr(self, barid_slice(piece.data + pos, piece.len - pos));
        }
    }
}

void
canonical_body_feed(CanonicalBody *self, BaridSlice piece)
{
    gsize taken = body_take_after_cr(self, piece);
    BaridSlice rest = barid_slice(piece.data + taken, piece.len - taken);

    if (self->form == BARID_CANONICAL_RELAXED)
        body_feed_relaxed(self, rest);
    else
        body_feed_simple(self, rest);
}

/* Empty lines at the end are left out; a body that has content ends with one line end, and
 * the simple form of an empty body is a line end alone. */
void
canonical_body_end(CanonicalBody *self)
{
    if (self->has_cr)
        body_put_content(self, BARID_SLICE_LITERAL("\r"));
    if (self->n_bytes > 0 || self->form == BARID_CANONICAL_SIMPLE)
        body_put(self, line_end);
    body_flush(self);
}
