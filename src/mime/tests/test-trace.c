/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "mime/header.h"
#include "mime/trace.h"

enum { S = TRACE_TLS, A = TRACE_AUTH, U = TRACE_UTF8, E = TRACE_ESMTP, L = TRACE_LMTP };

static const struct {
    guint protocol;
    const gchar *keyword;
} keyword_rows[] = {
    {0, "SMTP"},
    {E, "ESMTP"},
    {E | S, "ESMTPS"},
    {E | A, "ESMTPA"},
    {E | S | A, "ESMTPSA"},
    {S, "ESMTPS"},
    {L, "LMTP"},
    {L | S, "LMTPS"},
    {L | A, "LMTPA"},
    {L | S | A, "LMTPSA"},
    {L | E | S, "LMTPS"},
    {E | U, "UTF8SMTP"},
    {E | U | S, "UTF8SMTPS"},
    {E | U | A, "UTF8SMTPA"},
    {E | U | S | A, "UTF8SMTPSA"},
    {L | U, "UTF8LMTP"},
    {L | U | S, "UTF8LMTPS"},
    {L | U | A, "UTF8LMTPA"},
    {L | U | S | A, "UTF8LMTPSA"},
};

START_TEST(test_keyword)
{
    ck_assert_str_eq(trace_get_with_keyword(keyword_rows[_i].protocol), keyword_rows[_i].keyword);
}
END_TEST

#define LINE(text) {(const guint8 *)(text), sizeof(text) - 1}
#define DATE ";\r\n Thu, 1 Jan 1970 00:00:00 +0000\r\n"
#define BY "by mx.example with "

static const struct {
    const gchar *what, *ip;
    BaridSlice helo;
    const gchar *client_name;
    guint protocol;
    const gchar *version, *cipher;
    guint bits;
    BaridSlice recipient;
    const gchar *field;
} rows[] = {
    {"plain", "192.0.2.1", LINE("a.example"), "a.example", E, NULL, NULL, 0, LINE("b@c"),
     "Received: from a.example (a.example [192.0.2.1])\r\n " BY "ESMTP\r\n id q1\r\n for <b@c>"
     DATE},
    {"unknown name and IPv6", "2001:db8::1", LINE("[IPv6:2001:db8::1]"), NULL, 0, NULL, NULL, 0,
     LINE(""),
     "Received: from [IPv6:2001:db8::1] (unknown [IPv6:2001:db8::1])\r\n " BY
     "SMTP\r\n id q1" DATE},
    {"TLS", "192.0.2.1", LINE("a"), NULL, E | S | A, "TLS1.3", "TLS_AES_256_GCM_SHA384", 256,
     LINE(""),
     "Received: from a (unknown [192.0.2.1])\r\n " BY
     "ESMTPSA\r\n (tls TLS1.3 TLS_AES_256_GCM_SHA384 256 bits)\r\n id q1" DATE},
    {"TLS of unknown strength", "192.0.2.1", LINE("a"), NULL, E | S, "TLS1.2", "X", 0, LINE(""),
     "Received: from a (unknown [192.0.2.1])\r\n " BY "ESMTPS\r\n (tls TLS1.2 X)\r\n id q1" DATE},
    {"cipher without TLS", "192.0.2.1", LINE("a"), NULL, E, "TLS1.3", "X", 1, LINE(""),
     "Received: from a (unknown [192.0.2.1])\r\n " BY "ESMTP\r\n id q1" DATE},
    {"no client", NULL, LINE("secret.example"), "secret.example", E | A, NULL, NULL, 0, LINE(""),
     "Received: " BY "ESMTPA\r\n id q1" DATE},
    {"no name", "192.0.2.1", LINE(""), NULL, 0, NULL, NULL, 0, LINE(""),
     "Received: from unknown (unknown [192.0.2.1])\r\n " BY "SMTP\r\n id q1" DATE},
    {"hostile name", "192.0.2.1", LINE("a)\r\nX: (y; \"z\" <q>\0\xff\\"), NULL, 0, NULL, NULL, 0,
     LINE(""),
     "Received: from a???X???y???z???q???? (unknown [192.0.2.1])\r\n " BY "SMTP\r\n id q1" DATE},
    {"name that looks like a literal", "192.0.2.1", LINE("[192.0.2.1"), NULL, 0, NULL, NULL, 0,
     LINE(""),
     "Received: from ?192.0.2.1 (unknown [192.0.2.1])\r\n " BY "SMTP\r\n id q1" DATE},
    {"UTF-8 recipient", "192.0.2.1", LINE("a"), NULL, E | U, NULL, NULL, 0, LINE("\xc3\xb6@c"),
     "Received: from a (unknown [192.0.2.1])\r\n " BY
     "UTF8SMTP\r\n id q1\r\n for <\xc3\xb6@c>" DATE},
    {"UTF-8 recipient in an ASCII message", "192.0.2.1", LINE("a"), NULL, E, NULL, NULL, 0,
     LINE("\xc3\xb6@c"), "Received: from a (unknown [192.0.2.1])\r\n " BY "ESMTP\r\n id q1" DATE},
    {"recipient with a line end", "192.0.2.1", LINE("a"), NULL, E, NULL, NULL, 0,
     LINE("b\r\nX: y@c"), "Received: from a (unknown [192.0.2.1])\r\n " BY "ESMTP\r\n id q1" DATE},
};

static void
make_received(guint row, Address *address, TraceReceived *out)
{
    *out = (TraceReceived){
        .helo = rows[row].helo, .client_name = rows[row].client_name, .by = "mx.example",
        .queue_id = "q1", .protocol = rows[row].protocol, .tls_version = rows[row].version,
        .tls_cipher = rows[row].cipher, .tls_bits = rows[row].bits,
        .recipient = rows[row].recipient,
    };
    if (rows[row].ip == NULL)
        return;
    ck_assert(address_parse_ip(barid_slice_from_text(rows[row].ip), address));
    out->client = address;
}

START_TEST(test_received)
{
    g_auto(Buffer) out = {0};
    TraceReceived received;
    Address address;
    HeaderField field;

    buffer_init(&out, 4096);
    make_received((guint)_i, &address, &received);
    ck_assert(trace_append_received(&out, &received));
    ck_assert_msg(barid_slice_equal_text(buffer_get_slice(&out), rows[_i].field), "%s: %.*s",
                  rows[_i].what, (int)out.len, (const char *)out.data);
    ck_assert(header_find(buffer_get_slice(&out), "Received", 0, &field));
    ck_assert_uint_eq(field.whole.len, out.len);
}
END_TEST

START_TEST(test_long_helo)
{
    g_autofree gchar *helo = g_strnfill(4000, 'a');
    g_auto(Buffer) out = {0};
    Address address;
    TraceReceived received;

    buffer_init(&out, 4096);
    make_received(0, &address, &received);
    received.helo = barid_slice_from_text(helo);
    ck_assert(trace_append_received(&out, &received));
    ck_assert_uint_lt(out.len, 500);
}
END_TEST

START_TEST(test_no_room)
{
    gsize wanted = strlen(rows[0].field);

    for (gsize limit = 0; limit < wanted; limit++) {
        g_auto(Buffer) out = {0};
        Address address;
        TraceReceived received;

        buffer_init(&out, limit);
        make_received(0, &address, &received);
        ck_assert(!trace_append_received(&out, &received));
        ck_assert_uint_eq(out.len, 0);
    }
}
END_TEST

START_TEST(test_return_path)
{
    g_auto(Buffer) out = {0};

    buffer_init(&out, 64);
    ck_assert(trace_append_return_path(&out, BARID_SLICE_LITERAL("a@b")));
    ck_assert(trace_append_return_path(&out, BARID_SLICE_EMPTY));
    ck_assert(!trace_append_return_path(&out, BARID_SLICE_LITERAL("a\r\nb@c")));
    ck_assert(barid_slice_equal_text(buffer_get_slice(&out),
                                     "Return-Path: <a@b>\r\nReturn-Path: <>\r\n"));
    out.limit = out.len + 5;
    ck_assert(!trace_append_return_path(&out, BARID_SLICE_EMPTY));
    ck_assert_uint_eq(out.len + 5, out.limit);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("trace");
    TCase *cases = tcase_create("trace");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_keyword, 0, G_N_ELEMENTS(keyword_rows));
    tcase_add_loop_test(cases, test_received, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_long_helo);
    tcase_add_test(cases, test_no_room);
    tcase_add_test(cases, test_return_path);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
