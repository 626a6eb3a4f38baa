/* SPDX-License-Identifier: Apache-2.0 */
/* The content decoder gives the same result however its input is cut. The first two bytes
 * choose the cuts. */
#include "smtp/data-decoder.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

typedef struct {
    GByteArray *bytes;
    DataDecoder decoder;
    gsize used;
    gboolean is_end;
} Result;

static gboolean
collect(BaridSlice run, gpointer data)
{
    g_assert(run.len > 0);
    g_byte_array_append(data, run.data, (guint)run.len);
    return TRUE;
}

/* Each piece has memory of its own, so that a read past its end is seen. */
static Result
decode(BaridSlice input, gsize first_len, gsize next_len)
{
    Result result = {.bytes = g_byte_array_new()};
    gsize len = first_len;

    data_decoder_init(&result.decoder);
    while (!result.is_end && result.used < input.len) {
        gsize piece_len = MIN(len, input.len - result.used);
        g_autofree guint8 *piece = g_memdup2(input.data + result.used, piece_len);
        gsize used;

        result.is_end = data_decoder_feed(&result.decoder, barid_slice(piece, piece_len), collect,
                                          result.bytes, &used);
        g_assert(used == piece_len || result.is_end);
        result.used += used;
        len = next_len;
    }
    return result;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    BaridSlice input;
    Result whole;
    Result cut;

    if (size < 2)
        return 0;
    input = barid_slice(data + 2, size - 2);
    whole = decode(input, MAX(input.len, 1), 1);
    cut = decode(input, data[0] + 1u, data[1] % 16 + 1u);
    g_assert(whole.is_end == cut.is_end && whole.used == cut.used);
    g_assert(whole.bytes->len == cut.bytes->len);
    g_assert(whole.bytes->len == 0 ||
             memcmp(whole.bytes->data, cut.bytes->data, whole.bytes->len) == 0);
    g_assert(whole.decoder.state == cut.decoder.state);
    g_assert(whole.decoder.saw_bare_cr == cut.decoder.saw_bare_cr);
    g_assert(whole.decoder.saw_bare_lf == cut.decoder.saw_bare_lf);
    g_assert(whole.decoder.saw_nul == cut.decoder.saw_nul);
    g_assert(whole.decoder.saw_8bit == cut.decoder.saw_8bit);
    g_assert(whole.decoder.longest_line == cut.decoder.longest_line);
    /* Content with clean line ends holds no end of data that a looser reader would find. */
    if (!whole.decoder.saw_bare_lf && !whole.decoder.saw_bare_cr) {
        for (guint i = 0; i < whole.bytes->len; i++) {
            if (whole.bytes->data[i] == '\n')
                g_assert(i > 0 && whole.bytes->data[i - 1] == '\r');
        }
    }
    g_byte_array_free(whole.bytes, TRUE);
    g_byte_array_free(cut.bytes, TRUE);
    return 0;
}
