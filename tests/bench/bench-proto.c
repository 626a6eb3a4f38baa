/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what the protocol's pure parts cost: nanoseconds for a command line, megabytes a
 * second for the content decoder and the header scan. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mime/header.h"
#include "mime/trace.h"
#include "smtp/command.h"
#include "smtp/data-decoder.h"
#include "smtp/reply.h"

enum { ROUNDS = 1000000, CONTENT_BYTES = 16 * 1024 * 1024, BLOCK_BYTES = 64 * 1024 };

static gsize sink;

static void
bench_commands(void)
{
    static const gchar *const lines[] = {
        "EHLO mail.example.org",
        "MAIL FROM:<bob.smith@example.org> SIZE=12345 BODY=8BITMIME",
        "RCPT TO:<alice@example.com>",
        "RCPT TO:<alice@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@example.com",
        "DATA",
        "XYZZY",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        BaridSlice line = barid_slice_from_text(lines[i]);
        gint64 start = clock_monotonic_us();

        for (guint round = 0; round < ROUNDS; round++) {
            SmtpCommand command;

            smtp_command_parse(line, &command);
            sink += command.offset;
        }
        printf("command %7.1f ns  %s\n",
               (gdouble)(clock_monotonic_us() - start) * 1000 / ROUNDS, lines[i]);
    }
}

static gboolean
count(BaridSlice run, gpointer data G_GNUC_UNUSED)
{
    sink += run.len;
    return TRUE;
}

static void
bench_decoder(const gchar *what, const gchar *line)
{
    g_autofree guint8 *content = g_malloc(CONTENT_BYTES);
    gsize line_len = strlen(line);
    DataDecoder decoder;
    gint64 start;

    for (gsize i = 0; i < CONTENT_BYTES; i++)
        content[i] = (guint8)line[i % line_len];
    start = clock_monotonic_us();
    data_decoder_init(&decoder);
    for (gsize i = 0; i < CONTENT_BYTES; i += BLOCK_BYTES) {
        gsize used;

        data_decoder_feed(&decoder, barid_slice(content + i, BLOCK_BYTES), count, NULL, &used);
    }
    printf("decoder %7.0f MB/s  %s\n",
           (gdouble)CONTENT_BYTES / (gdouble)(clock_monotonic_us() - start), what);
}

static void
bench_header(void)
{
    g_autoptr(GString) header = g_string_new(NULL);
    gint64 start;
    guint rounds = 200000;

    for (guint i = 0; i < 12; i++)
        g_string_append_printf(header,
                               "Received: from a%u.example (b.example [192.0.2.1])\r\n"
                               " by c.example with ESMTPS id q%u;\r\n"
                               " Mon, 23 Nov 2026 18:06:38 +0000\r\n"
                               "X-Field-%u: some value\r\n",
                               i, i, i);
    g_string_append(header, "\r\nbody\r\n");
    start = clock_monotonic_us();
    for (guint round = 0; round < rounds; round++)
        sink += header_count(barid_slice(header->str, header->len), "received");
    printf("header  %7.0f MB/s  %zu bytes, 24 fields\n",
           (gdouble)header->len * rounds / (gdouble)(clock_monotonic_us() - start),
           (size_t)header->len);
}

static void
bench_output(void)
{
    g_auto(Buffer) out = {0};
    Address client = {.bytes = {192, 0, 2, 1}};
    TraceReceived received = {
        .client = &client, .helo = BARID_SLICE_LITERAL("mail.example.org"), .by = "mx.example",
        .client_name = "mail.example.org", .queue_id = "q1", .protocol = TRACE_ESMTP,
    };
    gint64 start = clock_monotonic_us();

    buffer_init(&out, 4096);
    for (guint round = 0; round < ROUNDS; round++) {
        out.len = 0;
        trace_append_received(&out, &received);
        sink += out.len;
    }
    printf("trace   %7.1f ns  Received field\n",
           (gdouble)(clock_monotonic_us() - start) * 1000 / ROUNDS);
    start = clock_monotonic_us();
    for (guint round = 0; round < ROUNDS; round++) {
        out.len = 0;
        smtp_reply_append(&out, 250, "2.1.5", "Recipient accepted");
        sink += out.len;
    }
    printf("reply   %7.1f ns  one line\n",
           (gdouble)(clock_monotonic_us() - start) * 1000 / ROUNDS);
}

int
main(void)
{
    bench_commands();
    bench_decoder("lines of 76", "The quick brown fox jumps over the lazy dog, and the dog "
                                 "does not mind it..\r\n");
    bench_decoder("lines of 4", "abcd\r\n");
    bench_decoder("each line stuffed", "..The quick brown fox jumps over the lazy dog\r\n");
    bench_header();
    bench_output();
    return sink == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
