/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "smtp/data-decoder.h"

enum { CR = 1, LF = 2, NUL = 4, BIT8 = 8 };

#define BYTES(text) {(const guint8 *)(text), sizeof(text) - 1}

/* (used) 0 means that the end of data is not in (input). */
static const struct {
    const gchar *what;
    BaridSlice input, output;
    gsize used;
    guint findings;
    gsize longest;
} rows[] = {
    {"nothing", BYTES(""), BYTES(""), 0, 0, 0},
    {"empty content", BYTES(".\r\n"), BYTES(""), 3, 0, 0},
    {"one line", BYTES("abc\r\n.\r\n"), BYTES("abc\r\n"), 8, 0, 3},
    {"bytes behind the end", BYTES("abc\r\n.\r\nQUIT\r\n"), BYTES("abc\r\n"), 8, 0, 3},
    {"two lines", BYTES("abc\r\n\r\nabcdef\r\n.\r\n"), BYTES("abc\r\n\r\nabcdef\r\n"), 18, 0, 6},
    {"dot removed", BYTES("..a\r\n.b\r\n...\r\n.\r\n"), BYTES(".a\r\nb\r\n..\r\n"), 17, 0, 2},
    {"stuffed lone dot", BYTES("..\r\n.\r\n"), BYTES(".\r\n"), 7, 0, 1},
    {"dot within a line", BYTES("a.\r\nb.c\r\n.\r\n"), BYTES("a.\r\nb.c\r\n"), 12, 0, 3},
    {"dot and blank", BYTES(". \r\n.\r\n"), BYTES(" \r\n"), 7, 0, 1},
    {"no end", BYTES("abc\r\ndef"), BYTES("abc\r\ndef"), 0, 0, 3},
    {"unfinished end", BYTES("abc\r\n.\r"), BYTES("abc\r\n"), 0, 0, 3},
    {"LF . LF", BYTES("a\n.\nb\r\n.\r\n"), BYTES("a\n.\nb\r\n"), 10, LF, 5},
    {"LF . CRLF", BYTES("a\n.\r\nb\r\n.\r\n"), BYTES("a\n.\r\nb\r\n"), 11, LF, 3},
    {"CRLF . LF", BYTES("a\r\n.\nb\r\n.\r\n"), BYTES("a\r\n\nb\r\n"), 11, LF, 2},
    {"CR . CR", BYTES("a\r.\rb\r\n.\r\n"), BYTES("a\r.\rb\r\n"), 10, CR, 5},
    {"CRLF . CR", BYTES("a\r\n.\rb\r\n.\r\n"), BYTES("a\r\n\rb\r\n"), 11, CR, 2},
    {"CRLF . CR CRLF", BYTES("a\r\n.\r\r\nb\r\n.\r\n"), BYTES("a\r\n\r\r\nb\r\n"), 13, CR, 1},
    {"CR . CRLF", BYTES("a\r.\r\nb\r\n.\r\n"), BYTES("a\r.\r\nb\r\n"), 11, CR, 3},
    {"CR LF LF . CRLF", BYTES("a\r\n\n.\r\n.\r\n"), BYTES("a\r\n\n.\r\n"), 10, LF, 2},
    {"CR CRLF . CRLF", BYTES("a\r\r\n.\r\n"), BYTES("a\r\r\n"), 7, CR, 2},
    {"LF CR LF", BYTES("a\n\r\n.\r\n"), BYTES("a\n\r\n"), 7, LF, 2},
    {"LF first", BYTES("\n.\r\n.\r\n"), BYTES("\n.\r\n"), 7, LF, 2},
    {"NUL", BYTES("a\0b\r\n.\r\n"), BYTES("a\0b\r\n"), 8, NUL, 3},
    {"CRLF . NUL CRLF", BYTES("a\r\n.\0\r\n.\r\n"), BYTES("a\r\n\0\r\n"), 10, NUL, 1},
    {"8-bit", BYTES("\xc3\xa4\r\n.\r\n"), BYTES("\xc3\xa4\r\n"), 7, BIT8, 2},
    {"8-bit CR", BYTES("\x8d\x8a.\x8d\x8a\r\n.\r\n"), BYTES("\x8d\x8a.\x8d\x8a\r\n"), 10, BIT8, 5},
    {"everything", BYTES("\r\n..\0\xff\n\r.\r\n.\r\n"), BYTES("\r\n.\0\xff\n\r.\r\n"), 14,
     CR | LF | NUL | BIT8, 6},
    {"CR in a long line", BYTES("0123456789\r0123456789abcdef\r\n.\r\n"),
     BYTES("0123456789\r0123456789abcdef\r\n"), 32, CR, 27},
    {"NUL in a long line", BYTES("0123456789\0""0123456789abcdef\r\n.\r\n"),
     BYTES("0123456789\0""0123456789abcdef\r\n"), 32, NUL, 27},
    {"SOH and FF next to NUL marks", BYTES("\x01\x01\x0c\x0e\x01\x0c\x0e\x01\x01\r\n.\r\n"),
     BYTES("\x01\x01\x0c\x0e\x01\x0c\x0e\x01\x01\r\n"), 14, 0, 9},
    {"three ends", BYTES(".\r\n.\r\n.\r\n"), BYTES(""), 3, 0, 0},
};

static gboolean
collect(BaridSlice run, gpointer data)
{
    g_byte_array_append(data, run.data, (guint)run.len);
    return TRUE;
}

static guint
get_findings(const DataDecoder *decoder)
{
    return (decoder->saw_bare_cr ? CR : 0) | (decoder->saw_bare_lf ? LF : 0) |
           (decoder->saw_nul ? NUL : 0) | (decoder->saw_8bit ? BIT8 : 0);
}

/* Feeds (input) in pieces that end at the (n) offsets of (cuts), each in memory of its own
 * so that a read behind the end is seen. Gives the number of bytes used, 0 without end. */
static gsize
feed_cut(DataDecoder *decoder, BaridSlice input, const gsize *cuts, guint n, GByteArray *out)
{
    gsize from = 0;

    data_decoder_init(decoder);
    for (guint i = 0; i <= n; i++) {
        gsize to = i < n ? cuts[i] : input.len;
        g_autofree guint8 *copy = g_memdup2(input.data + from, to - from);
        gsize used = 0;

        if (data_decoder_feed(decoder, barid_slice(copy, to - from), collect, out, &used))
            return from + used;
        ck_assert_uint_eq(used, to - from);
        from = to;
    }
    return 0;
}

static void
check_row(guint row, const gsize *cuts, guint n)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    DataDecoder decoder;
    gsize used = feed_cut(&decoder, rows[row].input, cuts, n, out);
    const gchar *what = rows[row].what;

    ck_assert_msg(used == rows[row].used, "%s: used %zu", what, (size_t)used);
    ck_assert_msg(barid_slice_equal(barid_slice(out->data, out->len), rows[row].output),
                  "%s: output '%.*s'", what, (int)out->len, (const char *)out->data);
    ck_assert_msg(get_findings(&decoder) == rows[row].findings, "%s: findings %u", what,
                  get_findings(&decoder));
    ck_assert_msg(decoder.longest_line == rows[row].longest, "%s: longest %zu", what,
                  (size_t)decoder.longest_line);
}

START_TEST(test_whole)
{
    check_row((guint)_i, NULL, 0);
}
END_TEST

START_TEST(test_every_two_cuts)
{
    gsize len = rows[_i].input.len;

    for (gsize first = 0; first <= len; first++) {
        for (gsize second = first; second <= len; second++)
            check_row((guint)_i, (gsize[]){first, second}, 2);
    }
}
END_TEST

START_TEST(test_byte_by_byte)
{
    gsize len = rows[_i].input.len;
    g_autofree gsize *cuts = g_new(gsize, len + 1);

    for (gsize i = 0; i < len; i++)
        cuts[i] = i;
    check_row((guint)_i, cuts, (guint)len);
}
END_TEST

/* One byte that is told of, anywhere in a line, whatever is looked at in one go. */
START_TEST(test_found_anywhere)
{
    static const struct {
        guint8 byte;
        guint finding;
    } told[] = {{0, NUL}, {0x80, BIT8}, {0xff, BIT8}, {'\r', CR}, {'\n', LF}, {0x7f, 0}};
    enum { LEN = 75 };

    for (gsize at = 0; at < LEN - 1; at++) {
        for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
            g_autoptr(GByteArray) out = g_byte_array_new();
            guint8 text[LEN + 5];
            DataDecoder decoder;

            memset(text, 'a', LEN);
            memcpy(text + LEN, "\r\n.\r\n", 5);
            text[at] = told[i].byte;
            ck_assert_uint_eq(feed_cut(&decoder, barid_slice(text, LEN + 5), NULL, 0, out),
                              LEN + 5);
            ck_assert_uint_eq(get_findings(&decoder), told[i].finding);
            data_decoder_init(&decoder);
            data_decoder_inspect(&decoder, barid_slice(text, LEN + 2));
            ck_assert_uint_eq(get_findings(&decoder), told[i].finding);
        }
    }
}
END_TEST

/* The plainest possible statement of the rule, to compare with. */
static gsize
decode_plainly(BaridSlice in, GByteArray *out)
{
    gsize pos = 0;
    gboolean at_start = TRUE;

    while (pos < in.len) {
        if (at_start && in.data[pos] == '.') {
            if (in.len - pos >= 3 && in.data[pos + 1] == '\r' && in.data[pos + 2] == '\n')
                return pos + 3;
            pos++;
            at_start = FALSE;
            continue;
        }
        g_byte_array_append(out, in.data + pos, 1);
        at_start = in.data[pos] == '\n' && out->len >= 2 && out->data[out->len - 2] == '\r';
        pos++;
    }
    return 0;
}

/* All texts of seven bytes over the alphabet that matters, whole and cut at each offset.
 * An "x" line follows, so that a withheld end is never left over. */
START_TEST(test_all_short_inputs)
{
    static const gchar alphabet[] = "\r\n.a";
    guint8 text[12];

    memcpy(text + 7, "x\r\n.\r", 5);
    for (guint number = 0; number < 1u << 14; number++) {
        g_autoptr(GByteArray) wanted = g_byte_array_new();
        BaridSlice input = barid_slice(text, 9);
        gsize wanted_used;

        for (guint i = 0; i < 7; i++)
            text[i] = (guint8)alphabet[number >> (2 * i) & 3];
        wanted_used = decode_plainly(input, wanted);
        for (gsize cut = 0; cut < input.len; cut++) {
            g_autoptr(GByteArray) out = g_byte_array_new();
            DataDecoder decoder;
            gsize used = feed_cut(&decoder, input, &cut, 1, out);

            ck_assert_uint_eq(used, wanted_used);
            ck_assert_uint_eq(out->len, wanted->len);
            ck_assert(out->len == 0 || memcmp(out->data, wanted->data, out->len) == 0);
        }
    }
}
END_TEST

static gboolean
refuse(BaridSlice run G_GNUC_UNUSED, gpointer data)
{
    ++*(guint *)data;
    return FALSE;
}

START_TEST(test_no_room)
{
    BaridSlice input = BARID_SLICE_LITERAL("a\r\n..b\r\n..c\r\n.\r\nNOOP\r\n");
    DataDecoder decoder;
    guint n_calls = 0;
    gsize used;

    data_decoder_init(&decoder);
    ck_assert(data_decoder_feed(&decoder, input, refuse, &n_calls, &used));
    ck_assert_uint_eq(used, 16);
    ck_assert_uint_eq(n_calls, 1);
}
END_TEST

START_TEST(test_clean_block_is_one_run)
{
    BaridSlice input = BARID_SLICE_LITERAL("a: b\r\n\r\nc\r\nd.\r\n");
    DataDecoder decoder;
    guint n_calls = 0;
    gsize used;

    data_decoder_init(&decoder);
    ck_assert(!data_decoder_feed(&decoder, input, refuse, &n_calls, &used));
    ck_assert_uint_eq(n_calls, 1);
}
END_TEST

static const struct {
    const gchar *what;
    BaridSlice input;
    guint findings;
    gsize longest;
} inspect_rows[] = {
    {"clean", BYTES("abc\r\nde\r\n"), 0, 3},
    {"lone dot is content", BYTES("a\r\n.\r\nbcdef\r\n"), 0, 5},
    {"no final line end", BYTES("a\r\nbcd"), 0, 3},
    {"final CR", BYTES("a\r\nbcd\r"), CR, 4},
    {"bare LF", BYTES("a\nb\r\n"), LF, 3},
    {"bare CR", BYTES("a\rb\r\n"), CR, 3},
    {"binary", BYTES("\0\xff\r\r\n\n"), CR | LF | NUL | BIT8, 3},
};

START_TEST(test_inspect)
{
    BaridSlice input = inspect_rows[_i].input;

    for (gsize cut = 0; cut <= input.len; cut++) {
        DataDecoder decoder;

        data_decoder_init(&decoder);
        data_decoder_inspect(&decoder, barid_slice(input.data, cut));
        data_decoder_inspect(&decoder, barid_slice(input.data + cut, input.len - cut));
        data_decoder_finish(&decoder);
        ck_assert_msg(get_findings(&decoder) == inspect_rows[_i].findings, "%s at %zu",
                      inspect_rows[_i].what, (size_t)cut);
        ck_assert_msg(decoder.longest_line == inspect_rows[_i].longest, "%s at %zu: %zu",
                      inspect_rows[_i].what, (size_t)cut, (size_t)decoder.longest_line);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("data-decoder");
    TCase *cases = tcase_create("data-decoder");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_whole, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(cases, test_every_two_cuts, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(cases, test_byte_by_byte, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_found_anywhere);
    tcase_add_test(cases, test_all_short_inputs);
    tcase_add_test(cases, test_no_room);
    tcase_add_test(cases, test_clean_block_is_one_run);
    tcase_add_loop_test(cases, test_inspect, 0, G_N_ELEMENTS(inspect_rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
