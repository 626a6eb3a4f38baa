/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "smtp/data-decoder.h"
#include "smtp/dot-stuffer.h"
#include "smtp/peer.h"

/* --- EHLO --- */

static const struct {
    const gchar *what, *line;
    guint extensions, auth;
    guint64 size_limit;
    guint rcpt_limit;
} peer_rows[] = {
    {"a keyword", "PIPELINING", SMTP_PEER_PIPELINING, 0, 0, 0},
    {"any case", "8bitmime", SMTP_PEER_8BITMIME, 0, 0, 0},
    {"size with limit", "SIZE 10240000", SMTP_PEER_SIZE, 0, 10240000, 0},
    {"size without", "SIZE", SMTP_PEER_SIZE, 0, 0, 0},
    {"size past 64 bits", "SIZE 99999999999999999999999", SMTP_PEER_SIZE, 0, 0, 0},
    {"size with rubbish", "SIZE x", SMTP_PEER_SIZE, 0, 0, 0},
    {"auth", "AUTH PLAIN LOGIN CRAM-MD5", SMTP_PEER_AUTH,
     SMTP_PEER_AUTH_PLAIN | SMTP_PEER_AUTH_LOGIN, 0, 0},
    {"old auth", "AUTH=LOGIN PLAIN", SMTP_PEER_AUTH, SMTP_PEER_AUTH_PLAIN | SMTP_PEER_AUTH_LOGIN,
     0, 0},
    {"auth of unknown kind", "AUTH GSSAPI", SMTP_PEER_AUTH, 0, 0, 0},
    {"limits", "LIMITS MAILMAX=10 RCPTMAX=20", SMTP_PEER_LIMITS, 0, 0, 20},
    {"unknown", "XCLIENT NAME ADDR", 0, 0, 0, 0},
    {"a longer word", "DSNX", 0, 0, 0, 0},
    {"a shorter word", "DS", 0, 0, 0, 0},
    {"nothing", "", 0, 0, 0, 0},
    {"blanks", "  CHUNKING  ", SMTP_PEER_CHUNKING, 0, 0, 0},
};

START_TEST(test_peer)
{
    SmtpPeer peer = {0};

    smtp_peer_take_line(&peer, barid_slice_from_text(peer_rows[_i].line));
    ck_assert_msg(peer.extensions == peer_rows[_i].extensions, "%s: %x", peer_rows[_i].what,
                  peer.extensions);
    ck_assert_msg(peer.auth == peer_rows[_i].auth, "%s: auth", peer_rows[_i].what);
    ck_assert_msg(peer.size_limit == peer_rows[_i].size_limit, "%s: size", peer_rows[_i].what);
    ck_assert_msg(peer.rcpt_limit == peer_rows[_i].rcpt_limit, "%s: rcpt", peer_rows[_i].what);
}
END_TEST

/* --- dot-stuffing --- */

static const struct {
    const gchar *what, *content, *wire;
} stuff_rows[] = {
    {"plain", "a\r\nb\r\n", "a\r\nb\r\n.\r\n"},
    {"empty", "", ".\r\n"},
    {"no line end", "a", "a\r\n.\r\n"},
    {"CR at the end", "a\r", "a\r\r\n.\r\n"},
    {"a dot first", ".a\r\n", "..a\r\n.\r\n"},
    {"only a dot", ".\r\n", "..\r\n.\r\n"},
    {"the end within", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
    {"two dots", "a\r\n..b\r\n", "a\r\n...b\r\n.\r\n"},
    {"a dot in a line", "a.b\r\n.c\r\n", "a.b\r\n..c\r\n.\r\n"},
    {"dot after a bare LF", "a\n.b\r\n", "a\n.b\r\n.\r\n"},
    {"dots alone, unended", "\r\n.", "\r\n..\r\n.\r\n"},
};

static gboolean
stuff_emit(BaridSlice run, gpointer data)
{
    g_string_append_len(data, (const gchar *)run.data, (gssize)run.len);
    return TRUE;
}

START_TEST(test_stuff_at_every_cut)
{
    BaridSlice content = barid_slice_from_text(stuff_rows[_i].content);

    for (gsize cut = 0; cut <= content.len; cut++) {
        g_autoptr(GString) wire = g_string_new(NULL);
        DotStuffer stuffer;

        dot_stuffer_init(&stuffer);
        ck_assert(dot_stuffer_feed(&stuffer, barid_slice(content.data, cut), stuff_emit, wire));
        ck_assert(dot_stuffer_feed(&stuffer, barid_slice(content.data + cut, content.len - cut),
                                   stuff_emit, wire));
        stuff_emit(dot_stuffer_get_end(&stuffer), wire);
        ck_assert_msg(strcmp(wire->str, stuff_rows[_i].wire) == 0, "%s at %u: %s",
                      stuff_rows[_i].what, (guint)cut, wire->str);
    }
}
END_TEST

/* What is stuffed comes out of the decoder as it went in, but for a missing last CRLF. */
START_TEST(test_stuff_and_decode)
{
    static const gchar alphabet[] = "\r\n.a";
    guint n_strings = 1;

    for (guint len = 0; len < 6; len++, n_strings *= 4) {
        for (guint number = 0; number < n_strings; number++) {
            g_autoptr(GString) content = g_string_new(NULL);
            g_autoptr(GString) wire = g_string_new(NULL);
            g_autoptr(GString) back = g_string_new(NULL);
            DotStuffer stuffer;
            DataDecoder decoder;
            gsize used;

            for (guint i = 0, rest = number; i < len; i++, rest /= 4)
                g_string_append_c(content, alphabet[rest % 4]);
            if (len < 2 || strcmp(content->str + len - 2, "\r\n") != 0)
                g_string_append(content, "\r\n");
            dot_stuffer_init(&stuffer);
            dot_stuffer_feed(&stuffer, barid_slice(content->str, content->len), stuff_emit, wire);
            stuff_emit(dot_stuffer_get_end(&stuffer), wire);
            data_decoder_init(&decoder);
            ck_assert(data_decoder_feed(&decoder, barid_slice(wire->str, wire->len), stuff_emit,
                                        back, &used));
            ck_assert_uint_eq(used, wire->len);
            ck_assert_str_eq(back->str, content->str);
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("peer");
    TCase *cases = tcase_create("peer");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_peer, 0, G_N_ELEMENTS(peer_rows));
    tcase_add_loop_test(cases, test_stuff_at_every_cut, 0, G_N_ELEMENTS(stuff_rows));
    tcase_add_test(cases, test_stuff_and_decode);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
