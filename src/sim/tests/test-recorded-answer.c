/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/recorded-answer.h"

#include <check.h>
#include <stdlib.h>

#include "base/text.h"

static const struct {
    const gchar *text;
    DnsType type;
    RecordedKind kind;
    DnsStatus status;
    const gchar *records; /* with "|" between */
} rows[] = {
    {"absent", DNS_TYPE_A, RECORDED_ANSWER, DNS_NO_NAME, ""},
    {"no such name", DNS_TYPE_TXT, RECORDED_ANSWER, DNS_NO_NAME, ""},
    {"no such record", DNS_TYPE_MX, RECORDED_ANSWER, DNS_NO_DATA, ""},
    {"failed", DNS_TYPE_A, RECORDED_FAILURE, DNS_NO_NAME, ""},
    {"127.0.0.2", DNS_TYPE_A, RECORDED_ANSWER, DNS_FOUND, "127.0.0.2"},
    {"127.0.0.2, 127.0.0.4", DNS_TYPE_A, RECORDED_ANSWER, DNS_FOUND, "127.0.0.2|127.0.0.4"},
    {"2001:db8::1", DNS_TYPE_AAAA, RECORDED_ANSWER, DNS_FOUND, "2001:db8::1"},
    {"2001:db8::1", DNS_TYPE_A, RECORDED_UNKNOWN, 0, NULL},
    {"127.0.0.2, 127.0.0.3 and 2 more", DNS_TYPE_A, RECORDED_UNKNOWN, 0, NULL},
    {"example A: the server failed (SERVFAIL)", DNS_TYPE_A, RECORDED_UNKNOWN, 0, NULL},
    {"10 mx1.example, 20 mx2.example", DNS_TYPE_MX, RECORDED_ANSWER, DNS_FOUND,
     "10 mx1.example|20 mx2.example"},
    {"0 ", DNS_TYPE_MX, RECORDED_ANSWER, DNS_FOUND, "0 "},
    {"99999 mx1.example", DNS_TYPE_MX, RECORDED_UNKNOWN, 0, NULL},
    {"mx1.example", DNS_TYPE_MX, RECORDED_UNKNOWN, 0, NULL},
    {"a.example, b.example", DNS_TYPE_PTR, RECORDED_ANSWER, DNS_FOUND, "a.example|b.example"},
    {"\"v=spf1 -all\"", DNS_TYPE_TXT, RECORDED_ANSWER, DNS_FOUND, "v=spf1 -all"},
    {"\"a\", \"b, c\"", DNS_TYPE_TXT, RECORDED_ANSWER, DNS_FOUND, "a|b, c"},
    {"\"a\\x0a\\\\b\"", DNS_TYPE_TXT, RECORDED_ANSWER, DNS_FOUND, "a\n\\b"},
    {"\"\"", DNS_TYPE_TXT, RECORDED_UNKNOWN, 0, NULL},
    {"\"say \"yes\"\"", DNS_TYPE_TXT, RECORDED_UNKNOWN, 0, NULL},
    {"\"v=spf1 ip4:192...\"", DNS_TYPE_TXT, RECORDED_UNKNOWN, 0, NULL},
    {"\"v=spf1 ip4:19", DNS_TYPE_TXT, RECORDED_UNKNOWN, 0, NULL},
    {"\"", DNS_TYPE_TXT, RECORDED_UNKNOWN, 0, NULL},
    {"listed, and for good", DNS_TYPE_TXT, RECORDED_ANSWER, DNS_FOUND, "listed, and for good"},
    {"0 1 2 ab", DNS_TYPE_TLSA, RECORDED_UNKNOWN, 0, NULL},
    {"", DNS_TYPE_A, RECORDED_UNKNOWN, 0, NULL},
};

static gchar *
write_records(const DnsBody *body, DnsType type)
{
    GString *out = g_string_new(NULL);
    gchar text[ADDRESS_TEXT_MAX];

    for (guint i = 0; i < body->n_records; i++) {
        const DnsRecord *record = &body->records[i];

        g_string_append(out, i == 0 ? "" : "|");
        if (type == DNS_TYPE_MX)
            g_string_append_printf(out, "%u %s", record->as.mx.preference,
                                   record->as.mx.exchange);
        else if (type == DNS_TYPE_TXT)
            g_string_append_len(out, (const gchar *)record->as.text.data,
                                (gssize)record->as.text.len);
        else
            g_string_append(out, type == DNS_TYPE_PTR
                                     ? record->as.name
                                     : address_format_ip(&record->as.address, text));
    }
    return g_string_free(out, FALSE);
}

START_TEST(test_read)
{
    g_autoptr(DnsBody) body = dns_body_new((guint)strlen(rows[_i].text) + 1);
    RecordedKind kind = recorded_answer_read(rows[_i].text, rows[_i].type, body);
    g_autofree gchar *records = write_records(body, rows[_i].type);

    ck_assert_msg(kind == rows[_i].kind, "%s: %d", rows[_i].text, (int)kind);
    if (kind != RECORDED_ANSWER)
        return;
    ck_assert_msg(body->status == rows[_i].status, "%s: %d", rows[_i].text, (int)body->status);
    ck_assert_msg(strcmp(records, rows[_i].records) == 0, "%s: %s", rows[_i].text, records);
}
END_TEST

static Suite *
recorded_suite(void)
{
    Suite *suite = suite_create("recorded-answer");
    TCase *tcase = tcase_create("read");

    tcase_add_loop_test(tcase, test_read, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(recorded_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
