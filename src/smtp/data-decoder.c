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

static guint64
mark_zero_bytes(guint64 word)
{
    return (word - 0x0101010101010101u) & ~word & 0x8080808080808080u;
}

/* Looks for NUL, 8-bit bytes and CR, eight bytes at a time. The marks may be wrong above
 * the first zero byte of a word, but only when there is one. */
static void
scan_text(DataDecoder *self, const guint8 *text, gsize len)
{
    const guint64 carriage_returns = 0x0d0d0d0d0d0d0d0du;
    guint64 high = 0;
    guint64 nul = 0;
    guint64 cr = 0;
    gsize i = 0;

    for (; i + 8 <= len; i += 8) {
        guint64 word;

        memcpy(&word, text + i, sizeof word);
        high |= word;
        nul |= mark_zero_bytes(word);
        cr |= mark_zero_bytes(word ^ carriage_returns);
    }
    for (; i < len; i++) {
        high |= text[i];
        nul |= text[i] == 0;
        cr |= text[i] == '\r';
    }
    self->saw_8bit |= (high & 0x8080808080808080u) != 0;
    self->saw_nul |= nul != 0;
    self->saw_bare_cr |= cr != 0;
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

    scan_text(self, text, content);
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
