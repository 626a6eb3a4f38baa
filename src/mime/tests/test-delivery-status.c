/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "mime/delivery-status.h"

#define S(text) BARID_SLICE_LITERAL(text)

static void
assert_text(BaridSlice slice, const gchar *text)
{
    ck_assert_msg(barid_slice_equal_text(slice, text), "\"%.*s\" instead of \"%s\"",
                  (int)slice.len, (const gchar *)slice.data, text);
}

/* --- our own notices are read back --- */

static void
assert_same(const DeliveryStatusRecipient *read, const DsnRecipient *built)
{
    ck_assert(barid_slice_equal(read->original_type, built->original_type));
    ck_assert(barid_slice_equal(read->original_address, built->original_address));
    ck_assert(barid_slice_equal(read->final_address, built->final_address));
    ck_assert_int_eq(read->action, built->action);
    ck_assert_uint_eq(read->status_class, built->status_class);
    ck_assert_uint_eq(read->status_subject, built->status_subject);
    ck_assert_uint_eq(read->status_detail, built->status_detail);
    ck_assert(barid_slice_equal(read->remote_mta, built->remote_mta));
    ck_assert(barid_slice_equal(read->diagnostic_text, built->diagnostic_text));
    ck_assert_int_eq(read->last_attempt_ms, built->last_attempt_ms);
    ck_assert_int_eq(read->will_retry_until_ms, built->will_retry_until_ms);
}

static const DsnRecipient own[] = {
    {
        .original_type = {(const guint8 *)"rfc822", 6},
        .original_address = {(const guint8 *)"alias@example.org", 17},
        .final_address = {(const guint8 *)"bob@example.net", 15},
        .action = DSN_FAILED,
        .status_class = 5, .status_subject = 1, .status_detail = 1,
        .diagnostic_type = "smtp",
        .diagnostic_text = {(const guint8 *)"550 5.1.1 no such user; ask (him)", 33},
        .remote_mta = {(const guint8 *)"mx.example.net", 14},
        .last_attempt_ms = 1000,
    },
    {
        .final_address = {(const guint8 *)"carol@example.net", 17},
        .action = DSN_DELAYED,
        .status_class = 4, .status_subject = 4, .status_detail = 1,
        .last_attempt_ms = 2000,
        .will_retry_until_ms = 432000000,
    },
    {
        .final_address = {(const guint8 *)"d\xc3\xb6rte@example.net", 18},
        .action = DSN_RELAYED,
        .status_class = 2,
    },
};

static void
check_own(gboolean smtputf8)
{
    g_autoptr(Arena) arena = arena_new(256);
    guint n_recipients = smtputf8 ? 3 : 2;
    const Dsn dsn = {
        .reporting_mta = "mx.example.org",
        .from_address = "mailer-daemon@mx.example.org",
        .to = S("sender@example.com"),
        .message_id = "id1@mx.example.org",
        .boundary = "BOUNDARY",
        .envelope_id = S("env-1"),
        .arrival_ms = 3000,
        .date_ms = 1795457198000,
        .recipients = own,
        .n_recipients = n_recipients,
        .content = S("From: a@b\r\nMessage-ID: <m1@b>\r\n\r\nBody\r\n"),
        .smtputf8 = smtputf8,
    };
    DeliveryStatus read;
    Buffer out;

    buffer_init(&out, 1 << 20);
    ck_assert(dsn_build(&dsn, &out));
    ck_assert_int_eq(dsn_is_global(&dsn), smtputf8);
    ck_assert_int_eq(delivery_status_read(buffer_get_slice(&out), arena, &read),
                     DELIVERY_STATUS_OK);
    buffer_clear(&out);
    assert_text(read.reporting_mta, "mx.example.org");
    assert_text(read.envelope_id, "env-1");
    assert_text(read.message_id, "<m1@b>");
    ck_assert_int_eq(read.arrival_ms, 3000);
    ck_assert_uint_eq(read.n_recipients, n_recipients);
    ck_assert_uint_eq(read.n_broken, 0);
    for (guint i = 0; i < n_recipients; i++)
        assert_same(&read.recipients[i], &own[i]);
}

START_TEST(test_own)
{
    check_own(FALSE);
    check_own(TRUE);
}
END_TEST

/* --- of others --- */

#define REPORT(type, header, status)                                                  \
    "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n" \
    "MIME-Version: 1.0\r\n\r\npreamble\r\n--b\r\n\r\nfor people\r\n--b\r\n"           \
    "Content-Type: " type "\r\n" header "\r\n" status "--b--\r\n"
#define STATUS "message/delivery-status"
#define HEAD "Reporting-MTA: dns; mx.example.net\r\n\r\n"
#define GOOD "Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
#define NOTHING "", 0, 0, 0

static const struct {
    const gchar *what, *message;
    DeliveryStatusResult result;
    const gchar *address; /* of the first recipient */
    guint n_recipients, n_broken, detail;
} rows[] = {
    {"plain", REPORT(STATUS, "", HEAD GOOD "\r\n"), DELIVERY_STATUS_OK, "bob@example.net", 1, 0, 1},
    {"no line before the delimiter", REPORT(STATUS, "", HEAD GOOD), DELIVERY_STATUS_OK,
     "bob@example.net", 1, 0, 1},
    {"any case and order",
     REPORT("Message/Delivery-Status (sic)", "",
            HEAD "STATUS:5.7.509 (comment)\r\nACTION: Failed \r\n"
                 "final-recipient:RFC822;\r\n a@b\r\n"),
     DELIVERY_STATUS_OK, "a@b", 1, 0, 509},
    {"an address without type", REPORT(STATUS, "",
                                       HEAD "Final-Recipient: a@b\r\nAction: delayed\r\n"
                                            "Status: 4.0.0\r\n"),
     DELIVERY_STATUS_OK, "a@b", 1, 0, 0},
    {"two, and many empty lines", REPORT(STATUS, "", "\r\n" HEAD "\r\n\r\n" GOOD "\r\n\r\n" GOOD),
     DELIVERY_STATUS_OK, "bob@example.net", 2, 0, 1},
    {"one broken", REPORT(STATUS, "", HEAD "Action: failed\r\n\r\n" GOOD), DELIVERY_STATUS_OK,
     "bob@example.net", 1, 1, 1},
    {"an unknown action", REPORT(STATUS, "",
                                 HEAD "Final-Recipient: rfc822; a@b\r\nAction: eaten\r\n"
                                      "Status: 5.0.0\r\n"),
     DELIVERY_STATUS_BROKEN, "", 0, 1, 0},
    {"a status of class 3", REPORT(STATUS, "",
                                   HEAD "Final-Recipient: rfc822; a@b\r\nAction: failed\r\n"
                                        "Status: 3.0.0\r\n"),
     DELIVERY_STATUS_BROKEN, "", 0, 1, 0},
    {"a status that overflows", REPORT(STATUS, "",
                                       HEAD "Final-Recipient: rfc822; a@b\r\nAction: failed\r\n"
                                            "Status: 5.4294967297.0\r\n"),
     DELIVERY_STATUS_BROKEN, "", 0, 1, 0},
    {"no field at all", REPORT(STATUS, "", "nonsense\r\n\r\n" GOOD), DELIVERY_STATUS_BROKEN,
     NOTHING},
    {"nothing", REPORT(STATUS, "", ""), DELIVERY_STATUS_BROKEN, NOTHING},
    {"base64",
     REPORT("message/global-delivery-status", "Content-Transfer-Encoding: base64\r\n",
            "UmVwb3J0aW5nLU1UQTogZG5zOyBteAoNCkZpbmFsLVJlY2lwaWVudDogdXRmLTg7IGFAYg0KQWN0\r\n"
            "aW9uOiBmYWlsZWQNClN0YXR1czogNS4wLjANCg==\r\n"),
     DELIVERY_STATUS_OK, "a@b", 1, 0, 0},
    {"quoted-printable",
     REPORT("message/global-delivery-status", "Content-Transfer-Encoding: Quoted-Printable\r\n",
            HEAD "Final-Recipient: utf-8; d=C3=B6@=  \r\nb\r\nAction: fail=65d\r\n"
                 "Status: 5.0.0\r\n"),
     DELIVERY_STATUS_OK, "d\xc3\xb6@b", 1, 0, 0},
    {"an escape sequence", REPORT(STATUS, "",
                                  HEAD "Final-Recipient: rfc822; a\033[2J\xc2\x9b@b\xff\r\n"
                                       "Action: failed\r\nStatus: 5.0.0\r\n"),
     DELIVERY_STATUS_OK, "a?[2J\?\?@b\xef\xbf\xbd", 1, 0, 0},
    {"no report", "Content-Type: text/plain\r\n\r\nhello\r\n", DELIVERY_STATUS_NONE, NOTHING},
    {"a report of another kind", REPORT("message/disposition-notification", "", GOOD),
     DELIVERY_STATUS_NONE, NOTHING},
    {"no boundary", "Content-Type: multipart/report\r\n\r\n--b\r\n", DELIVERY_STATUS_NONE, NOTHING},
    {"empty", "", DELIVERY_STATUS_NONE, NOTHING},
};

START_TEST(test_row)
{
    g_autoptr(Arena) arena = arena_new(256);
    DeliveryStatus read;
    DeliveryStatusResult result =
        delivery_status_read(barid_slice_from_text(rows[_i].message), arena, &read);

    ck_assert_msg(result == rows[_i].result, "%s: %d", rows[_i].what, (int)result);
    ck_assert_msg(read.n_recipients == rows[_i].n_recipients, "%s: %u", rows[_i].what,
                  read.n_recipients);
    ck_assert_msg(read.n_broken == rows[_i].n_broken, "%s: %u broken", rows[_i].what,
                  read.n_broken);
    if (read.n_recipients == 0)
        return;
    assert_text(read.recipients[0].final_address, rows[_i].address);
    ck_assert_uint_eq(read.recipients[0].status_detail, rows[_i].detail);
}
END_TEST

START_TEST(test_limit)
{
    g_autoptr(Arena) arena = arena_new(256);
    g_autoptr(GString) text = g_string_new(
        "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: " STATUS
        "\r\n\r\n" HEAD);
    DeliveryStatus read;

    for (guint i = 0; i < 2 * DELIVERY_STATUS_RECIPIENTS_MAX; i++)
        g_string_append(text, i % 2 == 0 ? "X: y\r\n\r\n" : GOOD "\r\n");
    g_string_append(text, "--b--\r\n");
    ck_assert_int_eq(delivery_status_read(barid_slice(text->str, text->len), arena, &read),
                     DELIVERY_STATUS_OK);
    ck_assert_uint_eq(read.n_recipients, DELIVERY_STATUS_RECIPIENTS_MAX / 2);
    ck_assert_uint_eq(read.n_broken, DELIVERY_STATUS_RECIPIENTS_MAX / 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("delivery-status");
    TCase *cases = tcase_create("delivery-status");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, test_own);
    tcase_add_loop_test(cases, test_row, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_limit);
    suite_add_tcase(suite, cases);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
