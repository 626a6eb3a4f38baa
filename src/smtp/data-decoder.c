/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/data-decoder.h"

enum {
    STATE_START,  /* at the start of a line: behind CRLF, or of the content */
    STATE_TEXT,   /* within a line */
    STATE_CR,     /* behind a CR, which was emitted */
    STATE_DOT,    /* behind a dot at the start of a line, not emitted */
    STATE_DOT_CR, /* behind dot and CR at the start of a line, neither emitted */
    STATE_MASK = 15,
    STATE_SWALLOW = 16, /* (emit) had no room: nothing more is given to it */
};

/* One call's output: bytes of the block from (run_start) on wait to be emitted. */
typedef struct {
    DataDecoder *decoder;
    BaridSlice block;
    gsize pos;
    gsize run_start;
    DataDecoderEmit emit;
    gpointer data;
} Feed;

void
data_decoder_init(DataDecoder *self)
{
    *self = (DataDecoder){.state = STATE_START};
}

static void
set_state(DataDecoder *self, guint state)
{
    self->state = (self->state & STATE_SWALLOW) | state;
}

/* What a vector unit looks at in one go, or the compiler in as many as there are. */
typedef guint8 Bytes __attribute__((vector_size(16)));

static gboolean
bytes_any(Bytes bytes)
{
    guint64 words[sizeof bytes / sizeof(guint64)];
    guint64 any = 0;

    memcpy(words, &bytes, sizeof words);
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        any |= words[i];
    return any != 0;
}

/* Looks for NUL, 8-bit bytes and CR without LF in (run). A CR that ends it is left to the one
 * who knows what follows. */
static void
scan_run(DataDecoder *self, BaridSlice run)
{
    const Bytes none = {0}, carriage_return = none + (guint8)'\r', newline = none + (guint8)'\n',
                top_bit = none + (guint8)0x80;
    Bytes high = none, nul = none, bare = none;
    gsize i = 0;

    for (; i + sizeof(Bytes) < run.len; i += sizeof(Bytes)) {
        Bytes at, next;

        memcpy(&at, run.data + i, sizeof at);
        memcpy(&next, run.data + i + 1, sizeof next);
        high |= at & top_bit;
        nul |= (Bytes)(at == none);
        bare |= (Bytes)(at == carriage_return) & (Bytes)(next != newline);
    }
    self->saw_8bit |= bytes_any(high);
    self->saw_nul |= bytes_any(nul);
    self->saw_bare_cr |= bytes_any(bare);
    for (; i < run.len; i++) {
        self->saw_8bit |= run.data[i] >= 0x80;
        self->saw_nul |= run.data[i] == 0;
        self->saw_bare_cr |= run.data[i] == '\r' && i + 1 < run.len && run.data[i + 1] != '\n';
    }
}

static void
end_line(DataDecoder *self)
{
    self->longest_line = MAX(self->longest_line, self->line_len);
    self->line_len = 0;
    set_state(self, STATE_START);
}

/* Takes text from (pos) up to the end of the line or the block; returns the new position. */
static gsize
take_text(DataDecoder *self, BaridSlice block, gsize pos)
{
    const guint8 *text = block.data + pos;
    const guint8 *newline = memchr(text, '\n', block.len - pos);
    gsize len = newline == NULL ? block.len - pos : (gsize)(newline - text);
    gboolean ends_with_cr = len > 0 && text[len - 1] == '\r';
    gsize content = len - (ends_with_cr ? 1 : 0);

    self->line_len += content;
    if (newline == NULL) {
        set_state(self, ends_with_cr ? STATE_CR : STATE_TEXT);
        return block.len;
    }
    if (ends_with_cr) {
        end_line(self);
    } else {
        /* A bare LF ends no line: what follows is not at the start of one, so that
         * neither LF "." LF nor LF "." CRLF can end the content. */
        self->saw_bare_lf = TRUE;
        self->line_len++;
        set_state(self, STATE_TEXT);
    }
    return pos + len + 1;
}

/* Behind a CR that was counted as no content yet. */
static gsize
take_after_cr(DataDecoder *self, BaridSlice block, gsize pos)
{
    if (block.data[pos] == '\n') {
        end_line(self);
        return pos + 1;
    }
    self->saw_bare_cr = TRUE;
    self->line_len++;
    set_state(self, STATE_TEXT);
    return pos;
}

static void
emit_run(Feed *feed, BaridSlice run)
{
    DataDecoder *self = feed->decoder;

    scan_run(self, run);
    if (run.len > 0 && (self->state & STATE_SWALLOW) == 0 && !feed->emit(run, feed->data))
        self->state |= STATE_SWALLOW;
}

static void
emit_waiting(Feed *feed)
{
    emit_run(feed, barid_slice(feed->block.data + feed->run_start, feed->pos - feed->run_start));
    feed->run_start = feed->pos;
}

/* Takes a byte that is not content. */
static void
skip_byte(Feed *feed, guint state)
{
    emit_waiting(feed);
    feed->pos++;
    feed->run_start = feed->pos;
    set_state(feed->decoder, state);
}

/* Advances by at least one state or byte. TRUE at the end of data. */
static gboolean
step(Feed *feed)
{
    static const BaridSlice carriage_return = BARID_SLICE_LITERAL("\r");
    DataDecoder *self = feed->decoder;
    guint8 byte = feed->block.data[feed->pos];

    switch (self->state & STATE_MASK) {
    case STATE_START:
        if (byte == '.') {
            skip_byte(feed, STATE_DOT);
            break;
        }
        G_GNUC_FALLTHROUGH;
    case STATE_TEXT:
        feed->pos = take_text(self, feed->block, feed->pos);
        break;
    case STATE_CR:
        feed->pos = take_after_cr(self, feed->block, feed->pos);
        break;
    case STATE_DOT:
        /* RFC 5321 section 4.5.2: the first dot of a line with more on it is deleted. */
        if (byte == '\r')
            skip_byte(feed, STATE_DOT_CR);
        else
            set_state(self, STATE_TEXT);
        break;
    case STATE_DOT_CR:
        if (byte == '\n') {
            skip_byte(feed, STATE_START);
            return TRUE;
        }
        emit_run(feed, carriage_return);
        set_state(self, STATE_CR);
        break;
    default:
        g_assert_not_reached();
    }
    return FALSE;
}

gboolean
data_decoder_feed(DataDecoder *self, BaridSlice block, DataDecoderEmit emit, gpointer data,
                  gsize *out_used)
{
    Feed feed = {.decoder = self, .block = block, .emit = emit, .data = data};
    gboolean is_end = FALSE;

    while (!is_end && feed.pos < block.len)
        is_end = step(&feed);
    emit_waiting(&feed);
    /* An unfinished line counts too: content given by BDAT may end without CRLF. */
    self->longest_line = MAX(self->longest_line, self->line_len);
    *out_used = feed.pos;
    return is_end;
}

void
data_decoder_inspect(DataDecoder *self, BaridSlice block)
{
    gsize pos = 0;

    scan_run(self, block);
    while (pos < block.len) {
        if ((self->state & STATE_MASK) == STATE_CR)
            pos = take_after_cr(self, block, pos);
        else
            pos = take_text(self, block, pos);
    }
    self->longest_line = MAX(self->longest_line, self->line_len);
}

void
data_decoder_finish(DataDecoder *self)
{
    if ((self->state & STATE_MASK) != STATE_CR)
        return;
    self->saw_bare_cr = TRUE;
    self->line_len++;
    self->longest_line = MAX(self->longest_line, self->line_len);
    set_state(self, STATE_TEXT);
}
