/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "smtp/command.h"

/* (line) is a literal so that it may hold NUL; A64 makes long words. */
#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A64 A60 "aaaa"
#define A100 A60 A10 A10 A10 A10
#define A500 A100 A100 A100 A100 A100
#define LINE(text) {(const guint8 *)(text), sizeof(text) - 1}

static const struct {
    const gchar *what;
    BaridSlice line;
    SmtpVerb verb;
    SmtpParseResult result;
} rows[] = {
    {"EHLO", LINE("EHLO mail.example.org"), SMTP_EHLO, SMTP_PARSED},
    {"lower case", LINE("ehlo mail.example.org"), SMTP_EHLO, SMTP_PARSED},
    {"mixed case", LINE("eHlO a"), SMTP_EHLO, SMTP_PARSED},
    {"blanks before the name", LINE("EHLO  \t a"), SMTP_EHLO, SMTP_PARSED},
    {"blanks behind the name", LINE("EHLO a \t "), SMTP_EHLO, SMTP_PARSED},
    {"literal as name", LINE("EHLO [IPv6:2001:db8::1]"), SMTP_EHLO, SMTP_PARSED},
    {"underscore in the name", LINE("HELO my_host"), SMTP_HELO, SMTP_PARSED},
    {"no name", LINE("EHLO"), SMTP_EHLO, SMTP_BAD_SYNTAX},
    {"no name but blanks", LINE("EHLO   "), SMTP_EHLO, SMTP_BAD_SYNTAX},
    {"two words as name", LINE("HELO my host"), SMTP_HELO, SMTP_BAD_SYNTAX},
    {"8-bit name", LINE("EHLO b\xc3\xbc.example"), SMTP_EHLO, SMTP_BAD_SYNTAX},
    {"NUL in the name", LINE("EHLO a\0b"), SMTP_EHLO, SMTP_BAD_SYNTAX},
    {"CR in the name", LINE("EHLO a\rb"), SMTP_EHLO, SMTP_BAD_SYNTAX},
    {"name too long", LINE("EHLO " A100 A100 A60), SMTP_EHLO, SMTP_BAD_SYNTAX},
    {"LHLO", LINE("LHLO a.example"), SMTP_LHLO, SMTP_PARSED},
    {"empty line", LINE(""), SMTP_UNKNOWN, SMTP_PARSED},
    {"blanks only", LINE("   "), SMTP_UNKNOWN, SMTP_PARSED},
    {"leading blank", LINE(" NOOP"), SMTP_UNKNOWN, SMTP_PARSED},
    {"unknown verb", LINE("XYZZY a b"), SMTP_UNKNOWN, SMTP_PARSED},
    {"prefix of a verb", LINE("EHL a"), SMTP_UNKNOWN, SMTP_PARSED},
    {"verb and more", LINE("EHLOX a"), SMTP_UNKNOWN, SMTP_PARSED},
    {"NUL in the verb", LINE("NO\0P"), SMTP_UNKNOWN, SMTP_PARSED},
    {"NUL behind the verb", LINE("NOOP\0"), SMTP_UNKNOWN, SMTP_PARSED},
    {"an HTTP request", LINE("GET / HTTP/1.1"), SMTP_UNKNOWN, SMTP_PARSED},

    {"MAIL", LINE("MAIL FROM:<a@b.example>"), SMTP_MAIL, SMTP_PARSED},
    {"MAIL in lower case", LINE("mail from:<a@b.example>"), SMTP_MAIL, SMTP_PARSED},
    {"blank before the path", LINE("MAIL FROM: <a@b.example>"), SMTP_MAIL, SMTP_PARSED},
    {"blank before the colon", LINE("MAIL FROM :<a@b.example>"), SMTP_MAIL, SMTP_PARSED},
    {"null sender", LINE("MAIL FROM:<>"), SMTP_MAIL, SMTP_PARSED},
    {"blanks behind the path", LINE("MAIL FROM:<>  "), SMTP_MAIL, SMTP_PARSED},
    {"blanks between parameters", LINE("MAIL FROM:<>  SIZE=1   BODY=7BIT"), SMTP_MAIL,
     SMTP_PARSED},
    {"all parameters",
     LINE("MAIL FROM:<a@b> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x+2By AUTH=<>"),
     SMTP_MAIL, SMTP_PARSED},
    {"no FROM", LINE("MAIL"), SMTP_MAIL, SMTP_BAD_SYNTAX},
    {"no colon", LINE("MAIL FROM <a@b>"), SMTP_MAIL, SMTP_BAD_SYNTAX},
    {"no path", LINE("MAIL FROM:"), SMTP_MAIL, SMTP_BAD_SYNTAX},
    {"TO instead of FROM", LINE("MAIL TO:<a@b>"), SMTP_MAIL, SMTP_BAD_SYNTAX},
    {"verb joined with FROM", LINE("MAILFROM:<a@b>"), SMTP_UNKNOWN, SMTP_PARSED},
    {"no brackets", LINE("MAIL FROM:a@b"), SMTP_MAIL, SMTP_BAD_ADDRESS},
    {"postmaster as sender", LINE("MAIL FROM:<postmaster>"), SMTP_MAIL, SMTP_BAD_ADDRESS},
    {"unfinished path", LINE("MAIL FROM:<a@b"), SMTP_MAIL, SMTP_BAD_ADDRESS},
    {"parameter without a blank", LINE("MAIL FROM:<>SIZE=1"), SMTP_MAIL, SMTP_BAD_SYNTAX},
    {"NUL behind the path", LINE("MAIL FROM:<a@b>\0"), SMTP_MAIL, SMTP_BAD_SYNTAX},

    {"SIZE without value", LINE("MAIL FROM:<> SIZE"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"SIZE with empty value", LINE("MAIL FROM:<> SIZE="), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"SIZE with a sign", LINE("MAIL FROM:<> SIZE=-1"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"SIZE with a letter", LINE("MAIL FROM:<> SIZE=1k"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"SIZE with 21 digits", LINE("MAIL FROM:<> SIZE=000000000000000000001"), SMTP_MAIL,
     SMTP_BAD_PARAMETER},
    {"SIZE twice", LINE("MAIL FROM:<> SIZE=1 size=1"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"two equals signs", LINE("MAIL FROM:<> SIZE=1=1"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"BODY of another kind", LINE("MAIL FROM:<> BODY=9BIT"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"BODY in lower case", LINE("MAIL FROM:<> body=8bitmime"), SMTP_MAIL, SMTP_PARSED},
    {"SMTPUTF8 with a value", LINE("MAIL FROM:<> SMTPUTF8=1"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"SMTPUTF8 with an empty value", LINE("MAIL FROM:<> SMTPUTF8="), SMTP_MAIL,
     SMTP_BAD_PARAMETER},
    {"RET unknown", LINE("MAIL FROM:<> RET=SOME"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"RET twice", LINE("MAIL FROM:<> RET=FULL RET=FULL"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"ENVID empty", LINE("MAIL FROM:<> ENVID="), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"ENVID of 100", LINE("MAIL FROM:<> ENVID=" A100), SMTP_MAIL, SMTP_PARSED},
    {"ENVID of 101", LINE("MAIL FROM:<> ENVID=" A100 "a"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"ENVID with lower hex", LINE("MAIL FROM:<> ENVID=a+2b"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"ENVID cut in hex", LINE("MAIL FROM:<> ENVID=a+2"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"ENVID with a hidden CR", LINE("MAIL FROM:<> ENVID=a+0D+0Ab"), SMTP_MAIL,
     SMTP_BAD_PARAMETER},
    {"ENVID 8-bit", LINE("MAIL FROM:<> ENVID=\xc3\xa4"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"AUTH with an address", LINE("MAIL FROM:<> AUTH=e+3Dmc2@example.com"), SMTP_MAIL,
     SMTP_PARSED},
    {"AUTH without value", LINE("MAIL FROM:<> AUTH"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"AUTH malformed", LINE("MAIL FROM:<> AUTH=a+GG"), SMTP_MAIL, SMTP_BAD_PARAMETER},
    {"unknown parameter", LINE("MAIL FROM:<> XFOO=1"), SMTP_MAIL, SMTP_UNKNOWN_PARAMETER},
    {"unknown without value", LINE("MAIL FROM:<> XFOO"), SMTP_MAIL, SMTP_UNKNOWN_PARAMETER},
    {"deliver-by not offered", LINE("MAIL FROM:<> BY=120;R"), SMTP_MAIL,
     SMTP_UNKNOWN_PARAMETER},
    {"future release not offered", LINE("MAIL FROM:<> HOLDFOR=60"), SMTP_MAIL,
     SMTP_UNKNOWN_PARAMETER},
    {"priority not offered", LINE("MAIL FROM:<> MT-PRIORITY=3"), SMTP_MAIL,
     SMTP_UNKNOWN_PARAMETER},
    {"require-TLS not offered", LINE("MAIL FROM:<> REQUIRETLS"), SMTP_MAIL,
     SMTP_UNKNOWN_PARAMETER},
    {"a parameter of RCPT", LINE("MAIL FROM:<> NOTIFY=NEVER"), SMTP_MAIL,
     SMTP_UNKNOWN_PARAMETER},
    {"keyword begins with a hyphen", LINE("MAIL FROM:<> -A=1"), SMTP_MAIL, SMTP_BAD_SYNTAX},
    {"no keyword", LINE("MAIL FROM:<> =1"), SMTP_MAIL, SMTP_BAD_SYNTAX},

    {"RCPT", LINE("RCPT TO:<a@b.example>"), SMTP_RCPT, SMTP_PARSED},
    {"postmaster", LINE("RCPT TO:<Postmaster>"), SMTP_RCPT, SMTP_PARSED},
    {"null recipient", LINE("RCPT TO:<>"), SMTP_RCPT, SMTP_BAD_ADDRESS},
    {"recipient without domain", LINE("RCPT TO:<bob>"), SMTP_RCPT, SMTP_BAD_ADDRESS},
    {"FROM instead of TO", LINE("RCPT FROM:<a@b>"), SMTP_RCPT, SMTP_BAD_SYNTAX},
    {"NOTIFY never", LINE("RCPT TO:<a@b> NOTIFY=NEVER"), SMTP_RCPT, SMTP_PARSED},
    {"NOTIFY list", LINE("RCPT TO:<a@b> NOTIFY=success,Failure,DELAY"), SMTP_RCPT, SMTP_PARSED},
    {"NEVER with another", LINE("RCPT TO:<a@b> NOTIFY=NEVER,DELAY"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"another with NEVER", LINE("RCPT TO:<a@b> NOTIFY=DELAY,NEVER"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"NEVER twice", LINE("RCPT TO:<a@b> NOTIFY=NEVER,NEVER"), SMTP_RCPT, SMTP_BAD_PARAMETER},
    {"NOTIFY empty", LINE("RCPT TO:<a@b> NOTIFY="), SMTP_RCPT, SMTP_BAD_PARAMETER},
    {"NOTIFY ends with a comma", LINE("RCPT TO:<a@b> NOTIFY=DELAY,"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"NOTIFY begins with a comma", LINE("RCPT TO:<a@b> NOTIFY=,DELAY"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"NOTIFY unknown word", LINE("RCPT TO:<a@b> NOTIFY=ALWAYS"), SMTP_RCPT, SMTP_BAD_PARAMETER},
    {"NOTIFY twice", LINE("RCPT TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT", LINE("RCPT TO:<a@b> ORCPT=rfc822;x+2By@example.com"), SMTP_RCPT, SMTP_PARSED},
    {"ORCPT type in capitals", LINE("RCPT TO:<a@b> ORCPT=RFC822;x@y"), SMTP_RCPT, SMTP_PARSED},
    {"ORCPT without type", LINE("RCPT TO:<a@b> ORCPT=x@y"), SMTP_RCPT, SMTP_BAD_PARAMETER},
    {"ORCPT without address", LINE("RCPT TO:<a@b> ORCPT=rfc822;"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT of another type", LINE("RCPT TO:<a@b> ORCPT=x400;x"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT with a hidden LF", LINE("RCPT TO:<a@b> ORCPT=rfc822;x+0Ay"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT 8-bit as rfc822", LINE("RCPT TO:<a@b> ORCPT=rfc822;\xc3\xa4@y"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT of 500", LINE("RCPT TO:<a@b> ORCPT=rfc822;" A100 A100 A100 A100 A60 A10 A10 A10 "aaa"),
     SMTP_RCPT, SMTP_PARSED},
    {"ORCPT of 501", LINE("RCPT TO:<a@b> ORCPT=rfc822;" A100 A100 A100 A100 A60 A10 A10 A10 "aaaa"),
     SMTP_RCPT, SMTP_BAD_PARAMETER},
    {"ORCPT utf-8 embedded", LINE("RCPT TO:<a@b> ORCPT=utf-8;\\x{E4}@y"), SMTP_RCPT,
     SMTP_PARSED},
    {"ORCPT utf-8 plain", LINE("RCPT TO:<a@b> ORCPT=UTF-8;\xc3\xa4@y"), SMTP_RCPT, SMTP_PARSED},
    {"ORCPT utf-8 malformed", LINE("RCPT TO:<a@b> ORCPT=utf-8;\xc3@y"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT utf-8 surrogate", LINE("RCPT TO:<a@b> ORCPT=utf-8;\\x{D800}@y"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT utf-8 hidden LF", LINE("RCPT TO:<a@b> ORCPT=utf-8;\\x{A}@y"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT utf-8 too many digits", LINE("RCPT TO:<a@b> ORCPT=utf-8;\\x{00000E4}@y"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT utf-8 unfinished", LINE("RCPT TO:<a@b> ORCPT=utf-8;\\x{E4"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"ORCPT utf-8 lone backslash", LINE("RCPT TO:<a@b> ORCPT=utf-8;a\\b"), SMTP_RCPT,
     SMTP_BAD_PARAMETER},
    {"a parameter of MAIL", LINE("RCPT TO:<a@b> SIZE=1"), SMTP_RCPT, SMTP_UNKNOWN_PARAMETER},
    {"RRVS not offered", LINE("RCPT TO:<a@b> RRVS=2014-04-03T23:01:00Z"), SMTP_RCPT,
     SMTP_UNKNOWN_PARAMETER},

    {"DATA", LINE("DATA"), SMTP_DATA, SMTP_PARSED},
    {"DATA with blanks", LINE("data  "), SMTP_DATA, SMTP_PARSED},
    {"DATA with an argument", LINE("DATA x"), SMTP_DATA, SMTP_BAD_SYNTAX},
    {"RSET", LINE("RSET"), SMTP_RSET, SMTP_PARSED},
    {"RSET with an argument", LINE("RSET x"), SMTP_RSET, SMTP_BAD_SYNTAX},
    {"QUIT", LINE("QUIT"), SMTP_QUIT, SMTP_PARSED},
    {"QUIT with an argument", LINE("QUIT now"), SMTP_QUIT, SMTP_BAD_SYNTAX},
    {"STARTTLS", LINE("starttls"), SMTP_STARTTLS, SMTP_PARSED},
    {"STARTTLS with an argument", LINE("STARTTLS 1"), SMTP_STARTTLS, SMTP_BAD_SYNTAX},
    {"NOOP", LINE("NOOP"), SMTP_NOOP, SMTP_PARSED},
    {"NOOP with text", LINE("NOOP any text"), SMTP_NOOP, SMTP_PARSED},
    {"HELP", LINE("HELP"), SMTP_HELP, SMTP_PARSED},
    {"HELP with a topic", LINE("HELP MAIL"), SMTP_HELP, SMTP_PARSED},
    {"VRFY", LINE("VRFY bob"), SMTP_VRFY, SMTP_PARSED},
    {"VRFY of nobody", LINE("VRFY"), SMTP_VRFY, SMTP_BAD_SYNTAX},
    {"EXPN", LINE("EXPN staff"), SMTP_EXPN, SMTP_PARSED},
    {"EXPN of nothing", LINE("EXPN "), SMTP_EXPN, SMTP_BAD_SYNTAX},
    {"ETRN", LINE("ETRN example.org"), SMTP_ETRN, SMTP_PARSED},
    {"ATRN", LINE("ATRN"), SMTP_ATRN, SMTP_PARSED},
    {"BURL", LINE("BURL imap://x LAST"), SMTP_BURL, SMTP_PARSED},

    {"BDAT", LINE("BDAT 100"), SMTP_BDAT, SMTP_PARSED},
    {"BDAT last", LINE("BDAT 0 LAST"), SMTP_BDAT, SMTP_PARSED},
    {"BDAT last in lower case", LINE("bdat 1  last "), SMTP_BDAT, SMTP_PARSED},
    {"BDAT without size", LINE("BDAT"), SMTP_BDAT, SMTP_BAD_SYNTAX},
    {"BDAT without size but last", LINE("BDAT LAST"), SMTP_BDAT, SMTP_BAD_SYNTAX},
    {"BDAT negative", LINE("BDAT -1"), SMTP_BDAT, SMTP_BAD_SYNTAX},
    {"BDAT joined", LINE("BDAT 1LAST"), SMTP_BDAT, SMTP_BAD_SYNTAX},
    {"BDAT first", LINE("BDAT 1 FIRST"), SMTP_BDAT, SMTP_BAD_SYNTAX},
    {"BDAT last and more", LINE("BDAT 1 LAST x"), SMTP_BDAT, SMTP_BAD_SYNTAX},
    {"BDAT with 21 digits", LINE("BDAT 100000000000000000000"), SMTP_BDAT, SMTP_BAD_SYNTAX},

    {"AUTH", LINE("AUTH PLAIN"), SMTP_AUTH, SMTP_PARSED},
    {"AUTH with initial response", LINE("auth plain dGVzdA=="), SMTP_AUTH, SMTP_PARSED},
    {"AUTH with empty response", LINE("AUTH EXTERNAL ="), SMTP_AUTH, SMTP_PARSED},
    {"AUTH without mechanism", LINE("AUTH"), SMTP_AUTH, SMTP_BAD_SYNTAX},
    {"AUTH with a bad mechanism", LINE("AUTH PL/IN"), SMTP_AUTH, SMTP_BAD_SYNTAX},
    {"AUTH with a long mechanism", LINE("AUTH " A10 A10 "a"), SMTP_AUTH, SMTP_BAD_SYNTAX},
    {"AUTH with two responses", LINE("AUTH PLAIN a b"), SMTP_AUTH, SMTP_BAD_SYNTAX},
    {"AUTH with 8-bit", LINE("AUTH PLAIN \xff"), SMTP_AUTH, SMTP_BAD_SYNTAX},
};

START_TEST(test_rows)
{
    SmtpCommand command;

    smtp_command_parse(rows[_i].line, &command);
    ck_assert_msg(command.verb == rows[_i].verb, "%s: verb %u", rows[_i].what, command.verb);
    ck_assert_msg(command.result == rows[_i].result, "%s: result %u", rows[_i].what,
                  command.result);
    ck_assert_msg(command.offset <= rows[_i].line.len, "%s: offset", rows[_i].what);
}
END_TEST

/* Each prefix of each row must be read without a byte behind its end: the copy is as long
 * as the prefix, so that memory checkers see a slip. */
START_TEST(test_prefixes)
{
    BaridSlice line = rows[_i].line;

    for (gsize len = 1; len <= line.len; len++) {
        g_autofree guint8 *copy = g_memdup2(line.data, len);
        SmtpCommand command;

        smtp_command_parse(barid_slice(copy, len), &command);
        ck_assert_uint_le(command.offset, len);
    }
}
END_TEST

static SmtpCommand
parse(const gchar *line)
{
    SmtpCommand command;

    smtp_command_parse(barid_slice_from_text(line), &command);
    return command;
}

static void
assert_text(BaridSlice slice, const gchar *text)
{
    ck_assert_msg(barid_slice_equal_text(slice, text), "'%.*s' is not '%s'", (int)slice.len,
                  (const char *)slice.data, text);
}

START_TEST(test_mail_values)
{
    SmtpCommand command = parse("MAIL FROM:<@r.example,@s:\"a b\"@[192.0.2.7]> SIZE=1234 "
                                "BODY=BINARYMIME SMTPUTF8 RET=hdrs ENVID=QQ+2B AUTH=<>");
    const SmtpMail *mail = &command.as.mail;

    ck_assert_int_eq(command.result, SMTP_PARSED);
    assert_text(mail->address.full, "\"a b\"@[192.0.2.7]");
    assert_text(mail->address.local, "\"a b\"");
    ck_assert(mail->address.is_quoted && mail->address.is_literal && mail->address.is_ascii);
    ck_assert(mail->has_size && mail->size_bytes == 1234);
    ck_assert_int_eq(mail->body, SMTP_BODY_BINARYMIME);
    ck_assert(mail->smtputf8 && !mail->requiretls);
    ck_assert_int_eq(mail->ret, SMTP_RET_HDRS);
    ck_assert(mail->has_envid && mail->has_auth);
    assert_text(mail->envid, "QQ+2B");
    assert_text(mail->auth, "<>");
}
END_TEST

START_TEST(test_mail_defaults)
{
    SmtpCommand command = parse("MAIL FROM:<>");
    const SmtpMail *mail = &command.as.mail;

    ck_assert_uint_eq(mail->address.full.len, 0);
    ck_assert(!mail->has_size && !mail->has_envid && !mail->has_auth && !mail->smtputf8);
    ck_assert_int_eq(mail->body, SMTP_BODY_NONE);
    ck_assert_int_eq(mail->ret, SMTP_RET_NONE);
}
END_TEST

START_TEST(test_size_saturates)
{
    ck_assert(parse("MAIL FROM:<> SIZE=18446744073709551615").as.mail.size_bytes ==
              G_MAXUINT64);
    ck_assert(parse("MAIL FROM:<> SIZE=18446744073709551614").as.mail.size_bytes ==
              G_MAXUINT64 - 1);
    ck_assert(parse("MAIL FROM:<> SIZE=99999999999999999999").as.mail.size_bytes ==
              G_MAXUINT64);
    ck_assert(parse("BDAT 18446744073709551616").as.bdat.size_bytes == G_MAXUINT64);
}
END_TEST

START_TEST(test_rcpt_values)
{
    SmtpCommand command =
        parse("RCPT TO:<Bob@B.example> ORCPT=rfc822;Alice@a.example NOTIFY=SUCCESS,DELAY");

    ck_assert_int_eq(command.result, SMTP_PARSED);
    assert_text(command.as.rcpt.address.full, "Bob@B.example");
    ck_assert_uint_eq(command.as.rcpt.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
    ck_assert(command.as.rcpt.has_orcpt);
    assert_text(command.as.rcpt.orcpt_type, "rfc822");
    assert_text(command.as.rcpt.orcpt_address, "Alice@a.example");
    command = parse("RCPT TO:<postMASTER>");
    assert_text(command.as.rcpt.address.local, "postMASTER");
    ck_assert_uint_eq(command.as.rcpt.address.domain.len, 0);
    ck_assert(!command.as.rcpt.has_orcpt && command.as.rcpt.notify == 0);
}
END_TEST

START_TEST(test_other_values)
{
    SmtpCommand command = parse("BDAT 86 LAST");

    ck_assert(command.as.bdat.size_bytes == 86 && command.as.bdat.last);
    ck_assert(!parse("BDAT 86").as.bdat.last);
    command = parse("AUTH PLAIN dGVzdA==");
    assert_text(command.as.auth.mechanism, "PLAIN");
    assert_text(command.as.auth.initial, "dGVzdA==");
    ck_assert(command.as.auth.has_initial);
    command = parse("AUTH EXTERNAL =");
    ck_assert(command.as.auth.has_initial && command.as.auth.initial.len == 0);
    ck_assert(!parse("AUTH LOGIN").as.auth.has_initial);
    assert_text(parse("EHLO  a.example ").as.argument, "a.example");
    assert_text(parse("VRFY  Bob Smith ").as.argument, "Bob Smith");
}
END_TEST

START_TEST(test_problems)
{
    SmtpCommand command = parse("MAIL FROM:<a@b> SIZE=1 X-FOO=2");

    assert_text(command.parameter, "X-FOO");
    ck_assert_uint_eq(command.offset, 23);
    command = parse("MAIL FROM:<a@b> SIZE=x");
    assert_text(command.parameter, "SIZE");
    ck_assert_uint_eq(command.offset, 16);
    command = parse("RCPT TO:<a..b@c>");
    ck_assert_int_eq(command.address_result, MAIL_ADDRESS_SYNTAX);
    ck_assert_uint_eq(command.offset, 11);
    command = parse("RCPT TO:<a@-c>");
    ck_assert_int_eq(command.address_result, MAIL_ADDRESS_BAD_DOMAIN);
}
END_TEST

START_TEST(test_verb_texts)
{
    for (guint verb = 0; verb < SMTP_N_VERBS; verb++) {
        const gchar *name = smtp_verb_name((SmtpVerb)verb);

        ck_assert_uint_eq(parse(name).verb, verb);
        ck_assert(g_str_has_prefix(smtp_verb_usage((SmtpVerb)verb), name));
    }
    ck_assert_str_eq(smtp_verb_name(SMTP_UNKNOWN), "");
    ck_assert_ptr_nonnull(smtp_verb_usage(SMTP_UNKNOWN));
}
END_TEST

static const struct {
    const gchar *encoded, *decoded;
} xtext_rows[] = {
    {"", ""},
    {"abc", "abc"},
    {"a+2Bb+3Dc", "a+b=c"},
    {"+20+0A+FF", " \n\xff"},
    {"+", NULL},
    {"+2", NULL},
    {"+2b", NULL},
    {"+GG", NULL},
    {"a=b", NULL},
    {"a b", NULL},
    {"\xc3\xa4", NULL},
};

START_TEST(test_xtext)
{
    g_autoptr(Arena) arena = arena_new(64);
    BaridSlice decoded;
    gboolean ok = smtp_xtext_decode(barid_slice_from_text(xtext_rows[_i].encoded), arena, &decoded);

    ck_assert_int_eq(ok, xtext_rows[_i].decoded != NULL);
    if (ok) {
        assert_text(decoded, xtext_rows[_i].decoded);
        assert_text(smtp_xtext_encode(decoded, arena), xtext_rows[_i].encoded);
    }
}
END_TEST

START_TEST(test_xtext_every_byte)
{
    g_autoptr(Arena) arena = arena_new(64);
    guint8 all[256];
    BaridSlice decoded;

    for (guint i = 0; i < sizeof all; i++)
        all[i] = (guint8)i;
    ck_assert(smtp_xtext_decode(smtp_xtext_encode(barid_slice(all, sizeof all), arena), arena,
                                &decoded));
    ck_assert(barid_slice_equal(decoded, barid_slice(all, sizeof all)));
}
END_TEST

static const struct {
    const gchar *type, *text, *decoded;
} orcpt_rows[] = {
    {"rfc822", "a+2Bb@c", "a+b@c"},
    {"utf-8", "\\x{E4}@c", "\xc3\xa4@c"},
    {"UTF-8", "\\x{10FFFF}", "\xf4\x8f\xbf\xbf"},
    {"utf-8", "\\x{2B}\\x{3D}\\x{5C}", "+=\\"},
    {"utf-8", "\xc3\xa4@c", "\xc3\xa4@c"},
    {"utf-8", "\\x{110000}", NULL},
    {"utf-8", "\\x{}", NULL},
    {"utf-8", "\\x{0}", NULL},
    {"utf-8", "\\u{41}", NULL},
    {"utf-8", "a+2Bb", NULL},
    {"utf-8", "", NULL},
    {"utf-8", "\xff", NULL},
};

START_TEST(test_orcpt)
{
    g_autoptr(Arena) arena = arena_new(64);
    BaridSlice decoded;
    gboolean ok = smtp_orcpt_decode(barid_slice_from_text(orcpt_rows[_i].type),
                                    barid_slice_from_text(orcpt_rows[_i].text), arena, &decoded);

    ck_assert_msg(ok == (orcpt_rows[_i].decoded != NULL), "%s", orcpt_rows[_i].text);
    if (ok)
        assert_text(decoded, orcpt_rows[_i].decoded);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("command");
    TCase *cases = tcase_create("command");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_rows, 0, G_N_ELEMENTS(rows));
    tcase_add_loop_test(cases, test_prefixes, 0, G_N_ELEMENTS(rows));
    tcase_add_test(cases, test_mail_values);
    tcase_add_test(cases, test_mail_defaults);
    tcase_add_test(cases, test_size_saturates);
    tcase_add_test(cases, test_rcpt_values);
    tcase_add_test(cases, test_other_values);
    tcase_add_test(cases, test_problems);
    tcase_add_test(cases, test_verb_texts);
    tcase_add_loop_test(cases, test_xtext, 0, G_N_ELEMENTS(xtext_rows));
    tcase_add_test(cases, test_xtext_every_byte);
    tcase_add_loop_test(cases, test_orcpt, 0, G_N_ELEMENTS(orcpt_rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
