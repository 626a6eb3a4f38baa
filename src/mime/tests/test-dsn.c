/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "mime/dsn.h"
#include "mime/dsn-language.h"
#include "mime/header.h"

#define S(text) BARID_SLICE_LITERAL(text)
#define CONTENT "From: a@b\r\nMessage-ID: <m1@b>\r\nSubject: hello\r\n\r\nBody line\r\n.\r\n"

enum { PARTS_MAX = 4 };

/* A report that is read again: its header, and the parts with their own headers. */
typedef struct {
    Buffer out;
    BaridSlice message;
    BaridSlice parts[PARTS_MAX];
    guint n_parts;
} Report;

static const DsnRecipient failed = {
    .original_type = {(const guint8 *)"rfc822", 6},
    .original_address = {(const guint8 *)"alias@example.org", 17},
    .final_address = {(const guint8 *)"bob@example.net", 15},
    .action = DSN_FAILED,
    .status_class = 5, .status_subject = 1, .status_detail = 1,
    .diagnostic_type = "smtp",
    .diagnostic_text = {(const guint8 *)"550 5.1.1 no such user", 22},
    .remote_mta = {(const guint8 *)"mx.example.net", 14},
    .last_attempt_ms = 1000,
};

static Dsn
make_dsn(const DsnRecipient *recipients, guint n_recipients)
{
    return (Dsn){
        .reporting_mta = "mx.example.org",
        .from_address = "mailer-daemon@mx.example.org",
        .to = S("sender@example.com"),
        .message_id = "id1@mx.example.org",
        .boundary = "BOUNDARY",
        .envelope_id = S("env 1"),
        .arrival_ms = 0,
        .date_ms = 1795457198000,
        .recipients = recipients,
        .n_recipients = n_recipients,
        .content = S(CONTENT),
    };
}

static gssize
find_text(BaridSlice slice, const gchar *text)
{
    const guint8 *found = memmem(slice.data, slice.len, text, strlen(text));

    return found == NULL ? -1 : found - slice.data;
}

static gboolean
has(BaridSlice slice, const gchar *text)
{
    return find_text(slice, text) >= 0;
}

/* Every line ends in CRLF, holds neither NUL nor CR, and keeps the limit. */
static void
check_lines(BaridSlice message)
{
    gsize start = 0;

    ck_assert(text_ends_with(message, S("\r\n")));
    for (gsize i = 0; i < message.len; i++) {
        ck_assert(message.data[i] != 0);
        if (message.data[i] == '\r')
            ck_assert(message.data[i + 1] == '\n');
        if (message.data[i] != '\n')
            continue;
        ck_assert(i > 0 && message.data[i - 1] == '\r');
        ck_assert_uint_le(i - 1 - start, 998);
        start = i + 1;
    }
}

static BaridSlice
skip(BaridSlice slice, gsize count)
{
    return barid_slice(slice.data + count, slice.len - count);
}

static void
report_init(Report *self, const Dsn *dsn)
{
    BaridSlice rest;

    buffer_init(&self->out, 1 << 20);
    ck_assert(dsn_build(dsn, &self->out));
    self->message = buffer_get_slice(&self->out);
    self->n_parts = 0;
    check_lines(self->message);
    rest = skip(self->message, header_get_length(self->message));
    for (;;) {
        gssize at = find_text(rest, "\r\n--BOUNDARY");
        gssize end;

        ck_assert_int_ge(at, 0);
        rest = skip(rest, (gsize)at + strlen("\r\n--BOUNDARY"));
        if (text_starts_with(rest, S("--\r\n")))
            break;
        rest = skip(rest, 2);
        end = find_text(rest, "\r\n--BOUNDARY");
        ck_assert(end >= 0 && self->n_parts < PARTS_MAX);
        self->parts[self->n_parts++] = barid_slice(rest.data, (gsize)end);
    }
    ck_assert_uint_eq(rest.len, 4);
}

static BaridSlice
get_body(BaridSlice part)
{
    return skip(part, header_get_length(part));
}

static void
assert_field(BaridSlice header, const gchar *name, const gchar *value)
{
    g_autoptr(Arena) arena = arena_new(64);
    BaridSlice unfolded = BARID_SLICE_EMPTY;
    HeaderField field;

    if (value == NULL) {
        ck_assert_msg(header_count(header, name) == 0, "%s is there", name);
        return;
    }
    ck_assert_msg(header_count(header, name) == 1, "%s is missing", name);
    if (header_find(header, name, 0, &field))
        unfolded = header_dup_unfolded(field.value, arena);
    ck_assert_msg(barid_slice_equal_text(unfolded, value), "%s: '%.*s' is not '%s'", name,
                  (int)unfolded.len, (const char *)unfolded.data, value);
}

/* The (n)-th group of fields in the machine part; 0 is the message's. */
static BaridSlice
get_group(BaridSlice part, guint n)
{
    BaridSlice rest = get_body(part);

    for (; n > 0; n--)
        rest = skip(rest, header_get_length(rest));
    return rest;
}

START_TEST(test_failure)
{
    Dsn dsn = make_dsn(&failed, 1);
    BaridSlice group;
    Report report;

    report_init(&report, &dsn);
    assert_field(report.message, "From", "\"Mail Delivery System\" <mailer-daemon@mx.example.org>");
    assert_field(report.message, "To", "<sender@example.com>");
    assert_field(report.message, "Subject", "Your message could not be delivered");
    assert_field(report.message, "Date", "Mon, 23 Nov 2026 18:06:38 +0000");
    assert_field(report.message, "Message-ID", "<id1@mx.example.org>");
    assert_field(report.message, "In-Reply-To", "<m1@b>");
    assert_field(report.message, "References", "<m1@b>");
    assert_field(report.message, "Auto-Submitted", "auto-replied");
    assert_field(report.message, "MIME-Version", "1.0");
    assert_field(report.message, "Content-Type",
                 "multipart/report; report-type=delivery-status; boundary=\"BOUNDARY\"");
    assert_field(report.message, "Content-Transfer-Encoding", "7bit");
    ck_assert_uint_eq(report.n_parts, 3);
    assert_field(report.parts[0], "Content-Type", "text/plain; charset=utf-8");
    assert_field(report.parts[0], "Content-Language", "en");
    ck_assert(has(report.parts[0], "        There is no such mailbox.\r\n"));
    ck_assert(has(report.parts[0], "    <bob@example.net>\r\n"));
    ck_assert(has(report.parts[0], "Addressed as: alias@example.org\r\n"));
    ck_assert(has(report.parts[0], "Server: mx.example.net\r\n"));
    ck_assert(has(report.parts[0], "Answer: 550 5.1.1 no such user\r\n"));
    ck_assert(!has(report.parts[0], "----"));
    assert_field(report.parts[1], "Content-Type", "message/delivery-status");
    group = get_group(report.parts[1], 0);
    assert_field(group, "Original-Envelope-Id", "env 1");
    assert_field(group, "Reporting-MTA", "dns; mx.example.org");
    assert_field(group, "Arrival-Date", "Thu, 1 Jan 1970 00:00:00 +0000");
    group = get_group(report.parts[1], 1);
    assert_field(group, "Original-Recipient", "rfc822; alias@example.org");
    assert_field(group, "Final-Recipient", "rfc822; bob@example.net");
    assert_field(group, "Action", "failed");
    assert_field(group, "Status", "5.1.1");
    assert_field(group, "Remote-MTA", "dns; mx.example.net");
    assert_field(group, "Diagnostic-Code", "smtp; 550 5.1.1 no such user");
    assert_field(group, "Last-Attempt-Date", "Thu, 1 Jan 1970 00:00:01 +0000");
    assert_field(group, "Will-Retry-Until", NULL);
    buffer_clear(&report.out);
}
END_TEST

/* People read German; programs, and whoever looks for the peer's words, read what they know. */
START_TEST(test_german)
{
    Dsn dsn = make_dsn(&failed, 1);
    BaridSlice group;
    Report report;

    dsn.language = "de";
    report_init(&report, &dsn);
    assert_field(report.message, "From", "\"Mail-Zustellsystem\" <mailer-daemon@mx.example.org>");
    assert_field(report.message, "Subject", "Ihre Nachricht konnte nicht zugestellt werden");
    assert_field(report.message, "Content-Transfer-Encoding", "8bit");
    assert_field(report.parts[0], "Content-Type", "text/plain; charset=utf-8");
    assert_field(report.parts[0], "Content-Language", "de");
    assert_field(report.parts[0], "Content-Transfer-Encoding", "8bit");
    ck_assert(has(report.parts[0], "konnte diesen Empf\xc3\xa4ngern nicht zugestellt"));
    ck_assert(has(report.parts[0], "        Dieses Postfach gibt es nicht.\r\n"));
    ck_assert(has(report.parts[0], "Adressiert an: alias@example.org\r\n"));
    ck_assert(has(report.parts[0], "Antwort: 550 5.1.1 no such user\r\n"));
    ck_assert(!has(report.parts[0], "This is"));
    assert_field(report.parts[1], "Content-Language", NULL);
    assert_field(report.parts[1], "Content-Transfer-Encoding", "7bit");
    group = get_group(report.parts[1], 1);
    assert_field(group, "Action", "failed");
    assert_field(group, "Diagnostic-Code", "smtp; 550 5.1.1 no such user");
    buffer_clear(&report.out);
}
END_TEST

/* A field of the header is in ASCII in any language (RFC 2047). */
START_TEST(test_german_subject)
{
    DsnRecipient delayed = failed;
    Dsn dsn = make_dsn(&delayed, 1);
    Report report;

    delayed.action = DSN_DELAYED;
    dsn.language = "de";
    report_init(&report, &dsn);
    assert_field(report.message, "Subject",
                 "=?utf-8?B?SWhyZSBOYWNocmljaHQgdmVyesO2Z2VydCBzaWNo?=");
    buffer_clear(&report.out);
}
END_TEST

START_TEST(test_languages)
{
    static const struct {
        const gchar *word, *language;
    } rows[] = {{"en", "en"}, {"de", "de"}, {"DE", "de"}, {"de-AT", "en"}, {"", "en"}};

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_assert_str_eq(dsn_language_find(rows[i].word), rows[i].language);
    ck_assert_str_eq(dsn_translate("de", "Server:"), "Server:");
    ck_assert_str_eq(dsn_translate("de", "Answer:"), "Antwort:");
    ck_assert_str_eq(dsn_translate("de", "no such text"), "no such text");
    ck_assert_str_eq(dsn_translate("xx", "Answer:"), "Answer:");
    ck_assert_str_eq(dsn_translate(NULL, "Answer:"), "Answer:");
    for (const DsnCatalogue *catalogue = dsn_catalogues; catalogue->language != NULL; catalogue++)
        ck_assert_str_eq(dsn_language_find(catalogue->language), catalogue->language);
}
END_TEST

/* A long text of several lines in the catalogue is one text; so are all that a status has. */
START_TEST(test_whole_texts)
{
    static const guint codes[][2] = {{1, 1}, {1, 2}, {2, 2}, {4, 7}, {7, 1}};
    const gchar *text = "Your message was passed on for these recipients to a mail system that may "
                        "not send further reports:";

    ck_assert_str_eq(dsn_translate("de", text),
                     "Ihre Nachricht wurde f\xc3\xbcr diese Empf\xc3\xa4nger an ein Mailsystem "
                     "weitergegeben, das vielleicht keine weiteren Berichte sendet:");
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        const gchar *sentence = dsn_describe_status(5, codes[i][0], codes[i][1]);

        ck_assert_ptr_nonnull(sentence);
        ck_assert_ptr_eq(sentence, dsn_describe_status(4, codes[i][0], codes[i][1]));
        ck_assert_str_ne(dsn_translate("de", sentence), sentence);
        ck_assert_ptr_null(dsn_describe_status(2, codes[i][0], codes[i][1]));
    }
    ck_assert_ptr_null(dsn_describe_status(5, 0, 0));
}
END_TEST

static const struct {
    const gchar *what;
    DsnReturn returned;
    DsnAction action;
    BaridSlice content;
    gboolean smtputf8;
    const gchar *type, *encoding, *body; /* type NULL: no third part */
} return_rows[] = {
    {"headers",
     DSN_RETURN_HEADERS,
     DSN_FAILED,
     {(const guint8 *)CONTENT, sizeof CONTENT - 1},
     FALSE,
     "text/rfc822-headers",
     "7bit",
     "From: a@b\r\nMessage-ID: <m1@b>\r\nSubject: hello\r\n"},
    {"full",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)CONTENT, sizeof CONTENT - 1},
     FALSE,
     "message/rfc822",
     "7bit",
     CONTENT},
    {"full without failure",
     DSN_RETURN_FULL,
     DSN_DELAYED,
     {(const guint8 *)CONTENT, sizeof CONTENT - 1},
     FALSE,
     "text/rfc822-headers",
     "7bit",
     NULL},
    {"full without failure, delivered",
     DSN_RETURN_FULL,
     DSN_DELIVERED,
     {(const guint8 *)CONTENT, sizeof CONTENT - 1},
     FALSE,
     "text/rfc822-headers",
     "7bit",
     NULL},
    {"nothing", DSN_RETURN_FULL, DSN_FAILED, {NULL, 0}, FALSE, NULL, NULL, NULL},
    {"8-bit body",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: b\r\n\r\n\xc3\xa4\r\n", 12},
     FALSE,
     "message/rfc822",
     "8bit",
     "A: b\r\n\r\n\xc3\xa4\r\n"},
    {"8-bit body with SMTPUTF8",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: b\r\n\r\n\xc3\xa4\r\n", 12},
     TRUE,
     "message/rfc822",
     "8bit",
     NULL},
    {"8-bit header with SMTPUTF8",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: \xc3\xa4\r\n\r\nx\r\n", 12},
     TRUE,
     "message/global",
     "8bit",
     "A: \xc3\xa4\r\n\r\nx\r\n"},
    {"8-bit header with SMTPUTF8, headers",
     DSN_RETURN_HEADERS,
     DSN_FAILED,
     {(const guint8 *)"A: \xc3\xa4\r\n\r\nx\r\n", 12},
     TRUE,
     "message/global-headers",
     "8bit",
     "A: \xc3\xa4\r\n"},
    {"8-bit header without SMTPUTF8",
     DSN_RETURN_HEADERS,
     DSN_FAILED,
     {(const guint8 *)"A: \xc3\xa4\r\n\r\nx\r\n", 12},
     FALSE,
     "text/rfc822-headers",
     "8bit",
     "A: \xc3\xa4\r\n"},
    {"binary body",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: b\r\n\r\nx\0y\r\n", 13},
     FALSE,
     "text/rfc822-headers",
     "7bit",
     "A: b\r\n"},
    {"bare LF in the body",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: b\r\n\r\nx\ny\r\n", 13},
     FALSE,
     "text/rfc822-headers",
     "7bit",
     "A: b\r\n"},
    {"bare CR in the body",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: b\r\n\r\nx\ry\r\n", 13},
     FALSE,
     "text/rfc822-headers",
     "7bit",
     "A: b\r\n"},
    {"bare CR, LF and NUL in the header",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: b\rc\n d\r\nE: \0\r\n\r\n", 20},
     FALSE,
     "text/rfc822-headers",
     "7bit",
     "A: b c\r\n d\r\nE:  \r\n"},
    {"no line end",
     DSN_RETURN_FULL,
     DSN_FAILED,
     {(const guint8 *)"A: b\r\n\r\nx", 9},
     FALSE,
     "message/rfc822",
     "7bit",
     "A: b\r\n\r\nx"},
};

START_TEST(test_returned)
{
    DsnRecipient recipient = failed;
    Dsn dsn = make_dsn(&recipient, 1);
    Report report;
    BaridSlice part;

    recipient.action = return_rows[_i].action;
    dsn.content = return_rows[_i].content;
    dsn.returned = return_rows[_i].returned;
    dsn.smtputf8 = return_rows[_i].smtputf8;
    report_init(&report, &dsn);
    ck_assert_msg(report.n_parts == (return_rows[_i].type == NULL ? 2 : 3), "%s",
                  return_rows[_i].what);
    if (return_rows[_i].type != NULL) {
        part = report.parts[2];
        assert_field(barid_slice(part.data, header_get_length(part)), "Content-Type",
                     return_rows[_i].type);
        assert_field(barid_slice(part.data, header_get_length(part)), "Content-Transfer-Encoding",
                     return_rows[_i].encoding);
        /* The whole has the encoding of its most demanding part. */
        assert_field(report.message, "Content-Transfer-Encoding", return_rows[_i].encoding);
        if (return_rows[_i].body != NULL)
            ck_assert_msg(barid_slice_equal_text(get_body(part), return_rows[_i].body), "%s: %.*s",
                          return_rows[_i].what, (int)part.len, (const char *)part.data);
    }
    buffer_clear(&report.out);
}
END_TEST

/* Each set of outcomes has its own subject, and a section for each that occurred. */
START_TEST(test_mixes)
{
    g_autoptr(GHashTable) subjects =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint mix = 1; mix < 1u << DSN_N_ACTIONS; mix++) {
        DsnRecipient recipients[DSN_N_ACTIONS];
        guint n = 0;
        guint n_separators = 0;
        Report report;
        Dsn dsn;
        HeaderField field;
        BaridSlice rest;

        for (guint action = 0; action < DSN_N_ACTIONS; action++) {
            if ((mix & 1u << action) == 0)
                continue;
            recipients[n] = failed;
            recipients[n].will_retry_until_ms = 5000;
            recipients[n++].action = (DsnAction)action;
        }
        dsn = make_dsn(recipients, n);
        report_init(&report, &dsn);
        ck_assert(header_find(report.message, "Subject", 0, &field));
        g_hash_table_add(subjects, g_strndup((const gchar *)field.value.data, field.value.len));
        for (rest = report.parts[0]; has(rest, "\r\n------"); n_separators++)
            rest = skip(rest, (gsize)find_text(rest, "\r\n------") + 8);
        ck_assert_uint_eq(n_separators, n - 1);
        for (guint i = 0; i < n; i++) {
            static const gchar *const words[] = {"failed", "delayed", "delivered", "relayed",
                                                 "expanded"};
            BaridSlice group = get_group(report.parts[1], i + 1);
            gboolean is_delay = recipients[i].action == DSN_DELAYED;

            group.len = header_get_length(group);
            assert_field(group, "Action", words[recipients[i].action]);
            assert_field(group, "Will-Retry-Until",
                         is_delay ? "Thu, 1 Jan 1970 00:00:05 +0000" : NULL);
        }
        ck_assert_int_eq(has(report.parts[0], "Tried until:"), (mix & 1u << DSN_DELAYED) != 0);
        buffer_clear(&report.out);
    }
    ck_assert_uint_eq(g_hash_table_size(subjects), 7);
}
END_TEST

START_TEST(test_optional_fields)
{
    DsnRecipient recipient = {
        .final_address = S("a@b"), .action = DSN_RELAYED, .status_class = 2,
        .explanation = S("The mailbox is on another system."),
    };
    Dsn dsn = make_dsn(&recipient, 1);
    BaridSlice group;
    Report report;

    dsn.envelope_id = BARID_SLICE_EMPTY;
    dsn.content = S("Message-ID: two words\r\n\r\n");
    dsn.from_name = "The \"Post\"";
    report_init(&report, &dsn);
    assert_field(report.message, "From", "\"The \\\"Post\\\"\" <mailer-daemon@mx.example.org>");
    assert_field(report.message, "In-Reply-To", NULL);
    assert_field(get_group(report.parts[1], 0), "Original-Envelope-Id", NULL);
    group = get_group(report.parts[1], 1);
    assert_field(group, "Original-Recipient", NULL);
    assert_field(group, "Remote-MTA", NULL);
    assert_field(group, "Diagnostic-Code", NULL);
    assert_field(group, "Last-Attempt-Date", NULL);
    assert_field(group, "Status", "2.0.0");
    ck_assert(has(report.parts[0], "The mailbox is on another system.\r\n"));
    ck_assert(!has(report.parts[0], "Server:"));
    buffer_clear(&report.out);
}
END_TEST

static const struct {
    const gchar *what;
    gboolean smtputf8;
    const gchar *final, *original_type, *original;
    const gchar *final_field, *original_field, *type;
} address_rows[] = {
    {"ASCII in an internationalised message", TRUE, "a@b", "rfc822", "c@d", "rfc822; a@b",
     "rfc822; c@d", "message/delivery-status"},
    {"UTF-8 recipient", TRUE, "\xc3\xb6@b", "utf-8", "\xc3\xbc@d", "utf-8; \xc3\xb6@b",
     "utf-8; \xc3\xbc@d", "message/global-delivery-status"},
    {"UTF-8 original only", TRUE, "a@b", "utf-8", "\xc3\xbc@d", "rfc822; a@b",
     "utf-8; \xc3\xbc@d", "message/global-delivery-status"},
    {"UTF-8 for a sender who cannot read it", FALSE, "\xc3\xb6@b", "utf-8", "\xc3\xbc+@d",
     "utf-8; \\x{F6}@b", "utf-8; \\x{FC}\\x{2B}@d", "message/delivery-status"},
    {"UTF-8 under a wrong type", FALSE, "\xf0\x9f\x98\x80@b", "rfc822", "\xc3\xbc@d",
     "utf-8; \\x{1F600}@b", "utf-8; \\x{FC}@d", "message/delivery-status"},
    {"not UTF-8", TRUE, "\xff@b", "rfc822", "c@d", "rfc822; ?@b", "rfc822; c@d",
     "message/global-delivery-status"},
};

START_TEST(test_addresses)
{
    DsnRecipient recipient = failed;
    Dsn dsn = make_dsn(&recipient, 1);
    BaridSlice group;
    Report report;

    recipient.final_address = barid_slice_from_text(address_rows[_i].final);
    recipient.original_type = barid_slice_from_text(address_rows[_i].original_type);
    recipient.original_address = barid_slice_from_text(address_rows[_i].original);
    dsn.smtputf8 = address_rows[_i].smtputf8;
    report_init(&report, &dsn);
    group = get_group(report.parts[1], 1);
    assert_field(group, "Final-Recipient", address_rows[_i].final_field);
    assert_field(group, "Original-Recipient", address_rows[_i].original_field);
    assert_field(report.parts[1], "Content-Type", address_rows[_i].type);
    ck_assert_int_eq(dsn_is_global(&dsn), has(report.message, "report-type=global-"));
    /* For such a sender the machine part stays ASCII. */
    if (!dsn_is_global(&dsn))
        ck_assert(text_is_ascii(report.parts[1]));
    buffer_clear(&report.out);
}
END_TEST

START_TEST(test_utf8_names)
{
    g_autoptr(GString) decoded = g_string_new(NULL);
    g_autoptr(Arena) arena = arena_new(64);
    Dsn dsn = make_dsn(&failed, 1);
    HeaderField field;
    Report report;
    g_auto(GStrv) words = NULL;
    g_autofree gchar *value = NULL;

    dsn.from_name = "\xd0\x9f\xd0\xbe\xd1\x87\xd1\x82\xd0\xbe\xd0\xb2\xd0\xb0\xd1\x8f "
                    "\xd1\x81\xd0\xb8\xd1\x81\xd1\x82\xd0\xb5\xd0\xbc\xd0\xb0 "
                    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2\xd0\xba\xd0\xb8";
    report_init(&report, &dsn);
    ck_assert(header_find(report.message, "From", 0, &field));
    ck_assert(text_is_ascii(field.value));
    value = barid_slice_dup_text(header_dup_unfolded(field.value, arena), NULL);
    words = g_strsplit(value, " ", -1);
    for (guint i = 0; words[i] != NULL && words[i][0] == '='; i++) {
        gsize len;
        g_autofree guchar *bytes = NULL;

        ck_assert(g_str_has_prefix(words[i], "=?utf-8?B?") && g_str_has_suffix(words[i], "?="));
        ck_assert_uint_le(strlen(words[i]), 75);
        words[i][strlen(words[i]) - 2] = '\0';
        bytes = g_base64_decode(words[i] + 10, &len);
        ck_assert(g_utf8_validate((const gchar *)bytes, (gssize)len, NULL));
        g_string_append_len(decoded, (const gchar *)bytes, (gssize)len);
    }
    ck_assert_str_eq(decoded->str, dsn.from_name);
    buffer_clear(&report.out);
}
END_TEST

/* Whatever a peer says, no field, part or line comes into being that was not meant. */
START_TEST(test_hostile)
{
    g_autofree gchar *word = g_strnfill(5000, 'w');
    DsnRecipient recipients[3] = {failed, failed, failed};
    Dsn dsn = make_dsn(recipients, 3);
    BaridSlice group;
    Report report;

    recipients[0].diagnostic_text = S("550 x\r\nAction: delivered\r\n\r\n--BOUNDARY--\r\n\0\x7f");
    recipients[0].remote_mta = S("a\nStatus: 2.0.0");
    recipients[0].original_address = S("a\r\n\r\nFinal-Recipient: x");
    recipients[1].diagnostic_text = barid_slice_from_text(word);
    recipients[1].remote_mta = barid_slice_from_text(word);
    recipients[1].final_address = barid_slice_from_text(word);
    recipients[1].original_address = barid_slice_from_text(word);
    recipients[1].explanation = barid_slice_from_text(word);
    recipients[2].diagnostic_text = S("550 \xc3\xa4 \xff");
    dsn.envelope_id = S("a\r\nReporting-MTA: dns; evil");
    report_init(&report, &dsn);
    ck_assert_uint_eq(report.n_parts, 3);
    group = get_group(report.parts[1], 0);
    group.len = header_get_length(group);
    assert_field(group, "Reporting-MTA", "dns; mx.example.org");
    assert_field(group, "Original-Envelope-Id", "a  Reporting-MTA: dns; evil");
    group = get_group(report.parts[1], 1);
    group.len = header_get_length(group);
    assert_field(group, "Action", "failed");
    assert_field(group, "Status", "5.1.1");
    assert_field(group, "Final-Recipient", "rfc822; bob@example.net");
    group = get_group(report.parts[1], 3);
    assert_field(group, "Diagnostic-Code", "smtp; 550 ?? ?");
    buffer_clear(&report.out);
}
END_TEST

START_TEST(test_no_room)
{
    Dsn dsn = make_dsn(&failed, 1);
    Report report;

    report_init(&report, &dsn);
    for (gsize limit = 0; limit < report.message.len; limit++) {
        g_auto(Buffer) out = {0};

        buffer_init(&out, limit);
        ck_assert(!dsn_build(&dsn, &out));
        ck_assert_uint_eq(out.len, 0);
    }
    buffer_clear(&report.out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dsn");
    TCase *cases = tcase_create("dsn");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(cases, test_failure);
    tcase_add_test(cases, test_german);
    tcase_add_test(cases, test_german_subject);
    tcase_add_test(cases, test_languages);
    tcase_add_test(cases, test_whole_texts);
    tcase_add_loop_test(cases, test_returned, 0, G_N_ELEMENTS(return_rows));
    tcase_add_test(cases, test_mixes);
    tcase_add_test(cases, test_optional_fields);
    tcase_add_loop_test(cases, test_addresses, 0, G_N_ELEMENTS(address_rows));
    tcase_add_test(cases, test_utf8_names);
    tcase_add_test(cases, test_hostile);
    tcase_add_test(cases, test_no_room);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
