/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures over messages: verified, made, and what becomes of broken ones. */
#include <check.h>
#include <stdlib.h>

#include <gnutls/abstract.h>

#include "mime/header.h"
#include "signature/signature-private.h"

#define NOW_MS (G_GINT64_CONSTANT(1764000000) * 1000)

/* --- keys --- */

typedef struct {
    gnutls_privkey_t key;
    const gchar *algorithm;
    gchar *record; /* of the public key */
} Key;

static Key rsa, ed25519;

static gchar *
dup_public_base64(gnutls_privkey_t private)
{
    gnutls_pubkey_t public;
    gnutls_datum_t x = {0};
    gchar *text;

    ck_assert_int_eq(gnutls_pubkey_init(&public), 0);
    ck_assert_int_eq(gnutls_pubkey_import_privkey(public, private, 0, 0), 0);
    if (gnutls_privkey_get_pk_algorithm(private, NULL) == GNUTLS_PK_RSA)
        ck_assert_int_eq(gnutls_pubkey_export2(public, GNUTLS_X509_FMT_DER, &x), 0);
    else
        ck_assert_int_eq(gnutls_pubkey_export_ecc_raw(public, NULL, &x, NULL), 0);
    text = g_base64_encode(x.data, x.size);
    gnutls_free(x.data);
    gnutls_pubkey_deinit(public);
    return text;
}

static void
key_make(Key *self, gnutls_pk_algorithm_t kind, guint bits, const gchar *algorithm)
{
    g_autofree gchar *public = NULL;

    ck_assert_int_eq(gnutls_privkey_init(&self->key), 0);
    ck_assert_int_eq(gnutls_privkey_generate(self->key, kind, bits, 0), 0);
    public = dup_public_base64(self->key);
    self->algorithm = algorithm;
    self->record = g_strdup_printf("v=DKIM1; k=%s; p=%s",
                                   kind == GNUTLS_PK_RSA ? "rsa" : "ed25519", public);
}

static void
key_sign(const Key *self, const guint8 *digest, GString *out)
{
    gnutls_datum_t data = {.data = (guint8 *)(guintptr)digest, .size = BARID_DIGEST_BYTES};
    gnutls_datum_t signature = {0};

    if (self == &rsa)
        ck_assert_int_eq(gnutls_privkey_sign_hash(self->key, GNUTLS_DIG_SHA256, 0, &data,
                                                  &signature), 0);
    else
        ck_assert_int_eq(gnutls_privkey_sign_data(self->key, GNUTLS_DIG_SHA512, 0, &data,
                                                  &signature), 0);
    g_string_append_len(out, (const gchar *)signature.data, (gssize)signature.size);
    gnutls_free(signature.data);
}

static void
set_up(void)
{
    key_make(&rsa, GNUTLS_PK_RSA, 1024, "rsa-sha256");
    key_make(&ed25519, GNUTLS_PK_EDDSA_ED25519, 256, "ed25519-sha256");
}

static void
tear_down(void)
{
    gnutls_privkey_deinit(rsa.key);
    gnutls_privkey_deinit(ed25519.key);
    g_free(rsa.record);
    g_free(ed25519.record);
}

/* --- verifying --- */

static BaridVerifier *
verifier_read(BaridSignatureKind kind, BaridSlice message)
{
    BaridVerifier *self = barid_verifier_new(kind);
    gsize body = header_get_length(message);
    HeaderIter iter;
    HeaderField field;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD)
        barid_verifier_field(self, field.name, field.whole);
    barid_verifier_body(self, barid_slice(message.data + body, message.len - body));
    barid_verifier_end(self);
    barid_verifier_examine(self, NOW_MS);
    return self;
}

/* What becomes of the signature (index) by one record. */
static BaridSignatureReason
verify_at(BaridSlice message, guint index, const gchar *record)
{
    g_autoptr(BaridVerifier) verifier = verifier_read(BARID_SIGNATURE_DKIM, message);
    g_autoptr(BaridHeaderIndex) header = barid_header_index_new(message);

    if (index >= barid_verifier_get_n_signatures(verifier))
        return BARID_SIGNATURE_TAG_MISSING; /* there is none */
    return barid_verifier_verify(verifier, index, barid_slice_from_text(record), header);
}

static BaridSignatureReason
verify(const GString *message, const gchar *record)
{
    return verify_at(barid_slice(message->str, message->len), 0, record);
}

/* --- signing --- */

static const gchar *const fields_default[] = {"From", "To", "Subject", "Date", NULL};

static BaridSignatureDraft
draft_of(const Key *key)
{
    return (BaridSignatureDraft){
        .kind = BARID_SIGNATURE_DKIM,
        .domain = "example.org",
        .selector = "s1",
        .algorithm = key->algorithm,
        .header_form = BARID_CANONICAL_RELAXED,
        .body_form = BARID_CANONICAL_RELAXED,
        .fields = fields_default,
        .made_s = NOW_MS / 1000,
    };
}

/* The message with the field on top. */
static GString *
sign(const BaridSignatureDraft *draft, const Key *key, BaridSlice message)
{
    g_autoptr(BaridVerifier) bodies = barid_verifier_new(draft->kind);
    g_autoptr(BaridHeaderIndex) header = barid_header_index_new(message);
    g_autoptr(GString) bytes = g_string_new(NULL);
    g_autofree gchar *value = NULL;
    g_autofree gchar *whole = NULL;
    guint8 digest[BARID_DIGEST_BYTES];
    gsize body = header_get_length(message);
    g_auto(Buffer) field = {0};
    GString *out = g_string_new(NULL);
    guint64 n_bytes;
    const guint8 *body_digest;

    barid_verifier_want_body(bodies, draft->body_form);
    barid_verifier_body(bodies, barid_slice(message.data + body, message.len - body));
    barid_verifier_end(bodies);
    body_digest = barid_verifier_get_body(bodies, draft->body_form, &n_bytes);
    value = barid_signature_draft_write(draft, header, body_digest, n_bytes, digest);
    key_sign(key, digest, bytes);
    whole = barid_signature_complete(value, barid_slice(bytes->str, bytes->len));
    buffer_init(&field, HEADER_BYTES_MAX);
    ck_assert(header_append(&field, "DKIM-Signature", barid_slice_from_text(whole)));
    g_string_append_len(out, (const gchar *)buffer_get_slice(&field).data,
                        (gssize)buffer_get_slice(&field).len);
    return g_string_append_len(out, (const gchar *)message.data, (gssize)message.len);
}

/* --- the standards' examples --- */

/* RFC 8463 appendix A.3. */
static const gchar rfc8463_message[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    " date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game.  Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";

static const gchar rfc8463_ed25519[] =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
static const gchar rfc8463_rsa[] =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    "Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

START_TEST(test_rfc8463)
{
    BaridSlice message = barid_slice_from_text(rfc8463_message);
    g_autofree gchar *other = g_strdup(rfc8463_message);
    g_autoptr(BaridVerifier) verifier = verifier_read(BARID_SIGNATURE_DKIM, message);
    const BaridSignature *first = barid_verifier_get_signature(verifier, 0);

    ck_assert_uint_eq(barid_verifier_get_n_signatures(verifier), 2);
    ck_assert_str_eq(barid_signature_get_key_name(first),
                     "brisbane._domainkey.football.example.com");
    ck_assert_str_eq(barid_signature_get_mark(first), "/gCrinpc");
    ck_assert_str_eq(barid_signature_get_identity(first), "@football.example.com");
    ck_assert_int_eq(verify_at(message, 0, rfc8463_ed25519), BARID_SIGNATURE_PASS);
    ck_assert_int_eq(verify_at(message, 1, rfc8463_rsa), BARID_SIGNATURE_PASS);
    ck_assert_int_eq(verify_at(message, 0, rfc8463_rsa), BARID_SIGNATURE_KEY_OTHER);
    ck_assert_int_eq(verify_at(message, 1, rfc8463_ed25519), BARID_SIGNATURE_KEY_OTHER);
    *strstr(other, "dinner") = 'D';
    message = barid_slice_from_text(other);
    ck_assert_int_eq(verify_at(message, 0, rfc8463_ed25519), BARID_SIGNATURE_FAILED);
    ck_assert_int_eq(verify_at(message, 1, rfc8463_rsa), BARID_SIGNATURE_FAILED);
    *strstr(other, "Hi.") = 'h';
    ck_assert_int_eq(verify_at(message, 1, rfc8463_rsa), BARID_SIGNATURE_BODY_CHANGED);
}
END_TEST

/* RFC 6376 appendix A.2, signed with the key of appendix C. */
static const gchar rfc6376_message[] =
    "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
    "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
    "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
    "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
    "        4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
    "        KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
    "        4bmp/YzhwvcubU4=;\r\n"
    "Received: from client1.football.example.com  [192.0.2.1]\r\n"
    "      by submitserver.example.com with SUBMISSION;\r\n"
    "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game. Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";
static const gchar rfc6376_record[] =
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkM"
    "oGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb"
    "to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

START_TEST(test_rfc6376)
{
    g_autofree gchar *text = g_strdup(rfc6376_message);
    BaridSlice message = barid_slice_from_text(text);
    g_autoptr(BaridVerifier) verifier = verifier_read(BARID_SIGNATURE_DKIM, message);
    const BaridSignature *first = barid_verifier_get_signature(verifier, 0);

    ck_assert_uint_eq(barid_verifier_get_n_signatures(verifier), 1);
    ck_assert_str_eq(barid_signature_get_key_name(first), "brisbane._domainkey.example.com");
    ck_assert_str_eq(barid_signature_get_identity(first), "joe@football.example.com");
    ck_assert_int_eq(verify_at(message, 0, rfc6376_record), BARID_SIGNATURE_PASS);
    /* In simple form a blank counts: in a field, in that of the signature itself, in the body. */
    *strstr(text, "  [192") = '\t';
    ck_assert_int_eq(verify_at(message, 0, rfc6376_record), BARID_SIGNATURE_FAILED);
    *strstr(text, "\t [192") = ' ';
    ck_assert_int_eq(verify_at(message, 0, rfc6376_record), BARID_SIGNATURE_PASS);
    strstr(text, "      h=")[0] = '\t';
    ck_assert_int_eq(verify_at(message, 0, rfc6376_record), BARID_SIGNATURE_FAILED);
    *strstr(text, "game. Are") = 'f';
    ck_assert_int_eq(verify_at(message, 0, rfc6376_record), BARID_SIGNATURE_BODY_CHANGED);
}
END_TEST

/* --- signature fields --- */

#define MESSAGE                                                                              \
    "From: a@example.org\r\nX-Other: 1\r\nTo: b@example.net\r\nSubject: hello\r\nDate: today\r\n" \
    "\r\nbody\r\n"

#define BODY_HASH "bh=Ck5SoRNWUpSR4X0COv7R5ub2pUTtl6xz4dTFz++ji4M=; "
#define REST "h=from; b=AAAA; " BODY_HASH
#define MUST "v=1; a=rsa-sha256; d=a.example; s=s; " REST

static const struct {
    const gchar *value;
    BaridSignatureReason reason;
    const gchar *result;
} field_rows[] = {
    {MUST, BARID_SIGNATURE_PENDING, "neutral"},
    {MUST " x_unknown=;", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST " x-unknown=;", BARID_SIGNATURE_MALFORMED, "neutral"},
    {MUST "q=dns/txt", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "q=http : dns/txt", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "q=http", BARID_SIGNATURE_QUERY, "neutral"},
    {MUST "c=relaxed", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "c=simple/relaxed", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "c=nofws", BARID_SIGNATURE_CANONICAL, "neutral"},
    {MUST "c=simple/simple/simple", BARID_SIGNATURE_CANONICAL, "neutral"},
    {MUST "c=", BARID_SIGNATURE_CANONICAL, "neutral"},
    {MUST "i=joe@sub.a.example", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "i=@A.EXAMPLE", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "i=@xa.example", BARID_SIGNATURE_IDENTITY, "neutral"},
    {MUST "i=@example", BARID_SIGNATURE_IDENTITY, "neutral"},
    {MUST "i=a.example", BARID_SIGNATURE_MALFORMED, "neutral"},
    {MUST "i=a b@a.example", BARID_SIGNATURE_MALFORMED, "neutral"},
    {MUST "t=1; x=2", BARID_SIGNATURE_EXPIRED, "neutral"},
    {MUST "t=2; x=1", BARID_SIGNATURE_EXPIRED, "neutral"},
    {MUST "t=2; x=2", BARID_SIGNATURE_EXPIRED, "neutral"},
    {MUST "x=0", BARID_SIGNATURE_EXPIRED, "neutral"},
    {MUST "x=1764000000", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "x=1763999999", BARID_SIGNATURE_EXPIRED, "neutral"},
    {MUST "x=999999999999", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "x=-1", BARID_SIGNATURE_MALFORMED, "neutral"},
    {MUST "t=", BARID_SIGNATURE_MALFORMED, "neutral"},
    {MUST "l=6", BARID_SIGNATURE_PENDING, "neutral"},
    {MUST "l=7", BARID_SIGNATURE_BODY_CHANGED, "fail"},
    {MUST "l=99999999999999999999999", BARID_SIGNATURE_MALFORMED, "neutral"},
    {MUST "a=rsa-sha256", BARID_SIGNATURE_MALFORMED, "neutral"},
    {MUST "=", BARID_SIGNATURE_MALFORMED, "neutral"},
    {"", BARID_SIGNATURE_TAG_MISSING, "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==", BARID_SIGNATURE_MALFORMED,
     "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; s=s; h=from; b=*; " BODY_HASH, BARID_SIGNATURE_MALFORMED,
     "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; s=s; h=from; b=; " BODY_HASH, BARID_SIGNATURE_TAG_MISSING,
     "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; h=from; b=AAAA; " BODY_HASH, BARID_SIGNATURE_TAG_MISSING,
     "neutral"},
    {"a=rsa-sha256; d=a.example; s=s; " REST, BARID_SIGNATURE_TAG_MISSING, "neutral"},
    {"v=2; a=rsa-sha256; d=a.example; s=s; " REST, BARID_SIGNATURE_VERSION, "neutral"},
    {"v=1; a=rsa-sha1; d=a.example; s=s; " REST, BARID_SIGNATURE_SHA1, "policy"},
    {"v=1; a=dsa-sha256; d=a.example; s=s; " REST, BARID_SIGNATURE_ALGORITHM, "neutral"},
    {"v=1; a=rsa-sha256; d=a..example; s=s; " REST, BARID_SIGNATURE_MALFORMED, "neutral"},
    {"v=1; a=rsa-sha256; d=a example; s=s; " REST, BARID_SIGNATURE_MALFORMED, "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; s=s/t; " REST, BARID_SIGNATURE_MALFORMED, "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; s=2026.west; " REST, BARID_SIGNATURE_PENDING, "neutral"},
    {"v=1; a=rsa-sha256; d=b\303\274cher.example; s=s; " REST, BARID_SIGNATURE_PENDING,
     "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; s=s; h=to:subject; b=AAAA; " BODY_HASH,
     BARID_SIGNATURE_FROM, "permerror"},
    {"v=1; a=rsa-sha256; d=a.example; s=s; h=to : FROM; b=AAAA; " BODY_HASH,
     BARID_SIGNATURE_PENDING, "neutral"},
    {"v=1; a=rsa-sha256; d=a.example; s=s; h=from:a b; b=AAAA; " BODY_HASH,
     BARID_SIGNATURE_MALFORMED, "neutral"},
};

START_TEST(test_field)
{
    g_autofree gchar *message =
        g_strdup_printf("DKIM-Signature: %s\r\n" MESSAGE, field_rows[_i].value);
    g_autoptr(BaridVerifier) verifier =
        verifier_read(BARID_SIGNATURE_DKIM, barid_slice_from_text(message));
    BaridSignatureReason reason =
        barid_signature_get_reason(barid_verifier_get_signature(verifier, 0));

    ck_assert_msg(reason == field_rows[_i].reason, "%s: %s", field_rows[_i].value,
                  barid_signature_reason_describe(reason));
    ck_assert_str_eq(barid_signature_reason_get_result(reason), field_rows[_i].result);
}
END_TEST

/* --- key records --- */

static const struct {
    const gchar *before, *behind; /* the public key */
    BaridSignatureReason reason;
} key_rows[] = {
    {"v=DKIM1; k=ed25519; p=", "", BARID_SIGNATURE_PASS},
    {"k=ed25519; p=", ";", BARID_SIGNATURE_PASS},
    {"v=DKIM1; k=ed25519; h=sha1:sha256; s=*; p=", "", BARID_SIGNATURE_PASS},
    {"v=DKIM1; k=ed25519; s=other : email; n=a note; p=", "", BARID_SIGNATURE_PASS},
    {"v=DKIM1; k=ed25519; g=x; unknown=1; p=", "", BARID_SIGNATURE_PASS},
    {"v=DKIM1; k=ed25519; t=y; p=", "", BARID_SIGNATURE_PASS},
    {"v=DKIM1; k=ed25519; t=s; p=", "", BARID_SIGNATURE_KEY_STRICT},
    {"v=DKIM1; k=ed25519; t=y:s; p=", "", BARID_SIGNATURE_KEY_STRICT},
    {"v=DKIM1; k=ed25519; t=; p=", "", BARID_SIGNATURE_PASS},
    {"v=DKIM1; k=ed25519; h=sha1; p=", "", BARID_SIGNATURE_KEY_OTHER},
    {"v=DKIM1; k=ed25519; s=tlsrpt; p=", "", BARID_SIGNATURE_KEY_OTHER},
    {"v=DKIM1; k=dsa; p=", "", BARID_SIGNATURE_KEY_OTHER},
    {"v=DKIM1; p=", "", BARID_SIGNATURE_KEY_OTHER}, /* "k=rsa" */
    {"v=DKIM2; k=ed25519; p=", "", BARID_SIGNATURE_KEY_MALFORMED},
    {"k=ed25519; v=DKIM1; p=", "", BARID_SIGNATURE_KEY_MALFORMED},
    {"v=DKIM1; k=ed25519; k=ed25519; p=", "", BARID_SIGNATURE_KEY_MALFORMED},
    {"v=DKIM1; k=ed25519; q=", "", BARID_SIGNATURE_KEY_MALFORMED},
    {"v=DKIM1; k=ed25519; p=A", "", BARID_SIGNATURE_KEY_MALFORMED},
    {"v=DKIM1; k=ed25519; p=; n=", "", BARID_SIGNATURE_KEY_REVOKED},
    {"no record; ", "", BARID_SIGNATURE_KEY_MALFORMED},
    {"v=DKIM1; k=ed25519; p=*", "", BARID_SIGNATURE_KEY_MALFORMED},
};

START_TEST(test_key)
{
    g_autofree gchar *public = dup_public_base64(ed25519.key);
    g_autofree gchar *record =
        g_strconcat(key_rows[_i].before, public, key_rows[_i].behind, NULL);
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) signed_message = NULL;
    BaridSignatureReason reason;

    draft.identity = "joe@sub.example.org";
    signed_message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    reason = verify(signed_message, record);
    ck_assert_msg(reason == key_rows[_i].reason, "%s: %s", record,
                  barid_signature_reason_describe(reason));
}
END_TEST

/* A public key whose modulus is all ones, in the form of the standard's text or of a
 * SubjectPublicKeyInfo; nobody has to be able to sign with it. */
static gchar *
dup_rsa_record(guint bits, guint n_exponent)
{
    g_autoptr(GByteArray) der = g_byte_array_new();
    gsize modulus = bits / 8 + 1;
    gsize len = 4 + modulus + 2 + n_exponent;
    const guint8 head[] = {0x30, 0x82, (guint8)(len >> 8), (guint8)len,
                           0x02, 0x82, (guint8)(modulus >> 8), (guint8)modulus, 0};
    const guint8 middle[] = {0x02, (guint8)n_exponent};
    g_autofree guint8 *ones = g_malloc(modulus + n_exponent);
    g_autofree gchar *base64 = NULL;

    memset(ones, 0x7f, modulus + n_exponent);
    ones[0] = 0xff;
    g_byte_array_append(der, head, sizeof head);
    g_byte_array_append(der, ones, (guint)modulus - 1);
    g_byte_array_append(der, middle, sizeof middle);
    g_byte_array_append(der, ones + 1, n_exponent);
    base64 = g_base64_encode(der->data, der->len);
    return g_strconcat("v=DKIM1; p=", base64, NULL);
}

static const struct {
    guint bits, n_exponent;
    BaridSignatureReason reason;
} size_rows[] = {
    {512, 3, BARID_SIGNATURE_KEY_SHORT},   {1016, 3, BARID_SIGNATURE_KEY_SHORT},
    {1024, 3, BARID_SIGNATURE_FAILED},     {8192, 3, BARID_SIGNATURE_FAILED},
    {8200, 3, BARID_SIGNATURE_KEY_HUGE},   {12000, 3, BARID_SIGNATURE_KEY_HUGE},
    {2048, 100, BARID_SIGNATURE_KEY_HUGE}, {16384, 3, BARID_SIGNATURE_KEY_MALFORMED},
};

START_TEST(test_key_size)
{
    g_autofree gchar *record = dup_rsa_record(size_rows[_i].bits, size_rows[_i].n_exponent);
    BaridSignatureDraft draft = draft_of(&rsa);
    g_autoptr(GString) message = sign(&draft, &rsa, barid_slice_from_text(MESSAGE));
    BaridSignatureReason reason = verify(message, record);

    ck_assert_msg(reason == size_rows[_i].reason, "%u: %s", size_rows[_i].bits,
                  barid_signature_reason_describe(reason));
}
END_TEST

/* Of several records, the good one counts; a good one stays good. */
START_TEST(test_several_records)
{
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    BaridSlice slice = barid_slice(message->str, message->len);
    g_autoptr(BaridVerifier) verifier = verifier_read(BARID_SIGNATURE_DKIM, slice);
    g_autoptr(BaridHeaderIndex) header = barid_header_index_new(slice);
    const gchar *const records[] = {"junk", rsa.record, ed25519.record, "v=DKIM1; p="};
    const BaridSignatureReason wanted[] = {
        BARID_SIGNATURE_KEY_MALFORMED, BARID_SIGNATURE_KEY_OTHER, BARID_SIGNATURE_PASS,
        BARID_SIGNATURE_PASS};

    for (guint i = 0; i < G_N_ELEMENTS(records); i++)
        ck_assert_int_eq(barid_verifier_verify(verifier, 0, barid_slice_from_text(records[i]),
                                               header),
                         wanted[i]);
}
END_TEST

/* --- round trips --- */

static const struct {
    const gchar *what, *message;
} messages[] = {
    {"plain", MESSAGE},
    {"folding", "From: a\r\n\t<a@example.org>\r\nSubject:  a  b\r\n   c \r\n\r\n a  b \t\r\n"},
    {"empty body", "From: a@example.org\r\n\r\n"},
    {"no body", "From: a@example.org\r\n"},
    {"no line end", "From: a@example.org\r\nSubject: x\r\n\r\nno end"},
    {"empty lines", "From: a@example.org\r\n\r\na\r\n\r\n\r\n\r\n"},
    {"only empty lines", "From: a@example.org\r\n\r\n\r\n\r\n"},
    {"only blanks", "From: a@example.org\r\n\r\n \t \r\n"},
    {"eight bits", "From: \303\244 <a@example.org>\r\nSubject: \377\376\r\n\r\n\200\377\r\n"},
    {"bare line ends", "From: a@example.org\r\n\r\na\rb\nc\r\r\n\nd\r"},
    {"repeated", "From: a@example.org\r\nTo: b\r\nTo: c\r\nTo:\r\nto: d\r\n\r\nx\r\n"},
    {"empty field", "From: a@example.org\r\nSubject:\r\n\r\nx\r\n"},
};

START_TEST(test_round_trip)
{
    const Key *keys[] = {&rsa, &ed25519};
    BaridSlice message = barid_slice_from_text(messages[_i].message);

    for (guint n = 0; n < 16; n++) {
        const Key *key = keys[n & 1];
        BaridSignatureDraft draft = draft_of(key);
        g_autoptr(GString) text = NULL;
        BaridSignatureReason reason;

        draft.header_form = (n & 2) ? BARID_CANONICAL_RELAXED : BARID_CANONICAL_SIMPLE;
        draft.body_form = (n & 4) ? BARID_CANONICAL_RELAXED : BARID_CANONICAL_SIMPLE;
        draft.oversigned = (n & 8) ? fields_default : NULL;
        text = sign(&draft, key, message);
        reason = verify(text, key->record);
        ck_assert_msg(reason == BARID_SIGNATURE_PASS, "%s, %u: %s: %s", messages[_i].what, n,
                      barid_signature_reason_describe(reason), text->str);
    }
}
END_TEST

/* What simple forms let through: white space and padding inside the base64 of "b=", as the
 * standard says; and what is not signed. */
static gboolean
is_loose(const GString *message, gsize at)
{
    const gchar *hole = strstr(message->str, " b=");
    const gchar *end = strstr(message->str, "\r\nFrom:");
    const gchar *other = strstr(message->str, "X-Other: 1");
    const gchar *byte = message->str + at;

    return (byte >= hole + 3 && byte < end && (g_ascii_isspace(*byte) || byte[1] == '=' ||
                                               *byte == '=' || byte[2] == '=')) ||
           (byte >= other && byte < other + strlen("X-Other: 1\r\n"));
}

/* Any bit that flips breaks a signature in simple form. */
START_TEST(test_bits)
{
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) message = NULL;

    draft.header_form = draft.body_form = BARID_CANONICAL_SIMPLE;
    draft.oversigned = fields_default;
    message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    for (gsize at = 0; at < message->len; at++) {
        if (is_loose(message, at))
            continue;
        for (guint bit = 0; bit < 8; bit++) {
            BaridSignatureReason reason;

            message->str[at] = (gchar)(message->str[at] ^ (1 << bit));
            reason = verify(message, ed25519.record);
            ck_assert_msg(reason != BARID_SIGNATURE_PASS, "byte %zu, bit %u: %s", at, bit,
                          message->str);
            message->str[at] = (gchar)(message->str[at] ^ (1 << bit));
        }
    }
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_PASS);
}
END_TEST

/* --- which fields are meant --- */

static BaridSignatureReason
verify_with(const GString *message, gsize at, const gchar *insert)
{
    g_autoptr(GString) changed = g_string_new_len(message->str, (gssize)message->len);

    g_string_insert(changed, (gssize)at, insert);
    return verify(changed, ed25519.record);
}

/* Names mean fields from the bottom up: a field above what is signed goes unnoticed unless it
 * is oversigned; one below never. */
START_TEST(test_selection)
{
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) loose =
        sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    g_autoptr(GString) tight = NULL;
    gsize end = (gsize)(strstr(loose->str, "\r\n\r\n") - loose->str) + 2;

    draft.oversigned = fields_default;
    tight = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    ck_assert_int_eq(verify_with(loose, 0, "Subject: new\r\n"), BARID_SIGNATURE_PASS);
    ck_assert_int_eq(verify_with(loose, end, "Subject: new\r\n"), BARID_SIGNATURE_FAILED);
    ck_assert_int_eq(verify_with(loose, 0, "X-New: 1\r\n"), BARID_SIGNATURE_PASS);
    ck_assert_int_eq(verify_with(tight, 0, "Subject: new\r\n"), BARID_SIGNATURE_FAILED);
    ck_assert_int_eq(verify_with(tight, 0, "From: x@other.example\r\n"), BARID_SIGNATURE_FAILED);
    ck_assert_int_eq(verify_with(tight, 0, "X-New: 1\r\n"), BARID_SIGNATURE_PASS);
}
END_TEST

START_TEST(test_names)
{
    static const gchar *const oversigned[] = {"Reply-To", "From", NULL};
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) message = NULL;
    const gchar *names;

    draft.oversigned = oversigned;
    message = sign(&draft, &ed25519, BARID_SLICE_LITERAL("From: a\r\nTo: b\r\nTo: c\r\n\r\n"));
    names = strstr(message->str, "h=");
    ck_assert(names != NULL && g_str_has_prefix(names, "h=From:From:To:To:Reply-To;"));
}
END_TEST

/* What stands in "i=" cannot end the tag (RFC 6376 section 2.11). */
START_TEST(test_quoted)
{
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) message = NULL;

    draft.identity = "a;b=c d@example.org";
    message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    ck_assert(strstr(message->str, "i=a=3Bb=3Dc=20d@example.org;") != NULL);
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_PASS);
}
END_TEST

/* --- body lengths, times, numbers --- */

START_TEST(test_body_length)
{
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) message = NULL;
    BaridSlice slice;
    g_autoptr(BaridVerifier) verifier = NULL;
    g_autoptr(BaridHeaderIndex) header = NULL;

    draft.says_length = TRUE;
    message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    ck_assert(strstr(message->str, " l=6;") != NULL);
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_PASS);
    g_string_append(message, "more\r\n");
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_PARTIAL_BODY);
    ck_assert_str_eq(barid_signature_reason_get_result(BARID_SIGNATURE_PARTIAL_BODY), "policy");
    slice = barid_slice(message->str, message->len);
    verifier = verifier_read(BARID_SIGNATURE_DKIM, slice);
    header = barid_header_index_new(slice);
    /* Another record of the name does not make it worse. */
    ck_assert_int_eq(barid_verifier_verify(verifier, 0, barid_slice_from_text(ed25519.record),
                                           header),
                     BARID_SIGNATURE_PARTIAL_BODY);
    ck_assert_int_eq(barid_verifier_verify(verifier, 0, barid_slice_from_text(rsa.record), header),
                     BARID_SIGNATURE_PARTIAL_BODY);
    barid_verifier_free(verifier);
    verifier = verifier_read(BARID_SIGNATURE_DKIM, slice);
    barid_verifier_allow_partial_body(verifier);
    ck_assert_int_eq(barid_verifier_verify(verifier, 0, barid_slice_from_text(ed25519.record),
                                           header),
                     BARID_SIGNATURE_PASS);
    *strstr(message->str, "body") = 'B';
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_BODY_CHANGED);
}
END_TEST

START_TEST(test_tags)
{
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) message = NULL;

    draft.expires_s = draft.made_s + 60;
    draft.wants_reports = TRUE;
    draft.third_party = "author.example";
    message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    ck_assert(strstr(message->str, "t=1764000000; x=1764000060;") != NULL);
    ck_assert(strstr(message->str, "r=y;") != NULL);
    ck_assert(strstr(message->str, "atps=author.example; atpsh=sha256;") != NULL);
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_PASS);
    draft.third_party_hash = "sha1";
    g_string_free(message, TRUE);
    message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    ck_assert(strstr(message->str, "atps=author.example; atpsh=sha1;") != NULL);
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_PASS);
    draft.expires_s = draft.made_s - 1;
    draft.made_s = 0;
    g_string_free(message, TRUE);
    message = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    ck_assert(strstr(message->str, "t=1764") == NULL);
    ck_assert_int_eq(verify(message, ed25519.record), BARID_SIGNATURE_EXPIRED);
}
END_TEST

/* RFC 6541 sections 4.3, 4.4. The hashes are those of "example.com". */
START_TEST(test_third_party)
{
    static const struct {
        const gchar *tags, *name;
    } rows[] = {
        {"atps=author.example; atpsh=sha256",
         "un42n5xov642kxrxrqiyanhcoupgql5lt4wtbkyt2ijflbwodfdq._atps.author.example"},
        {"atps=author.example; atpsh=sha1",
         "bsvpesvrudbtiqganl7jtx4ymns3a6a7._atps.author.example"},
        {"atps=author.example; atpsh=none", "example.com._atps.author.example"},
        {"atps=author.example; atpsh=md5", NULL},
        {"atps=author.example", NULL},
        {"atps=a..b; atpsh=none", NULL},
        {"atpsh=none", NULL},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree gchar *field = g_strdup_printf(
            "DKIM-Signature: v=1; a=ed25519-sha256; d=Example.com; s=s; h=From; %s;\r\n"
            " bh=Ck5SoRNWUpSR4X0COv7R5ub2pUTtl6xz4dTFz++ji4M=; b=AAAA\r\n", rows[i].tags);
        BaridVerifier *verifier = barid_verifier_new(BARID_SIGNATURE_DKIM);
        const BaridSignature *signature;

        barid_verifier_field(verifier, barid_slice_from_text("DKIM-Signature"),
                             barid_slice_from_text(field));
        signature = barid_verifier_get_signature(verifier, 0);
        ck_assert_int_eq(barid_signature_get_reason(signature), BARID_SIGNATURE_PENDING);
        ck_assert_pstr_eq(barid_signature_get_third_party_name(signature), rows[i].name);
        barid_verifier_free(verifier);
    }
}
END_TEST

START_TEST(test_third_party_record)
{
    static const struct {
        const gchar *record;
        gboolean permits;
    } rows[] = {
        {"v=ATPS1", TRUE},          {"v=ATPS1; d=Signer.example;", TRUE},
        {"d=signer.example", FALSE}, {"v=ATPS1; d=other.example", FALSE},
        {"v=ATPS2", FALSE},         {"v=ATPS1; d=", FALSE},
        {"", FALSE},                {"v=ATPS1; v=ATPS1", FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_assert_msg(barid_third_party_record_permits(barid_slice_from_text(rows[i].record),
                                                       "signer.example") == rows[i].permits,
                      "%s", rows[i].record);
}
END_TEST

/* Two signatures, of which the upper one covers the lower one. */
START_TEST(test_several)
{
    static const gchar *const fields[] = {"From", "DKIM-Signature", NULL};
    BaridSignatureDraft draft = draft_of(&rsa);
    g_autoptr(GString) first = sign(&draft, &rsa, barid_slice_from_text(MESSAGE));
    g_autoptr(GString) second = NULL;
    BaridSlice slice;

    draft = draft_of(&ed25519);
    draft.fields = fields;
    second = sign(&draft, &ed25519, barid_slice(first->str, first->len));
    slice = barid_slice(second->str, second->len);
    ck_assert_int_eq(verify_at(slice, 0, ed25519.record), BARID_SIGNATURE_PASS);
    ck_assert_int_eq(verify_at(slice, 1, rsa.record), BARID_SIGNATURE_PASS);
}
END_TEST

/* Of 200 the first ten are verified; each is told of. */
START_TEST(test_many)
{
    BaridSignatureDraft draft = draft_of(&ed25519);
    g_autoptr(GString) one = sign(&draft, &ed25519, barid_slice_from_text(MESSAGE));
    g_autoptr(GString) many = g_string_new(NULL);
    g_autoptr(BaridVerifier) verifier = NULL;
    gsize len = (gsize)(strstr(one->str, "\r\nFrom:") - one->str) + 2;

    for (guint i = 0; i < 200; i++)
        g_string_append_len(many, one->str, (gssize)len);
    g_string_append(many, MESSAGE);
    verifier = verifier_read(BARID_SIGNATURE_DKIM, barid_slice(many->str, many->len));
    ck_assert_uint_eq(barid_verifier_get_n_signatures(verifier), 200);
    for (guint i = 0; i < 200; i++)
        ck_assert_int_eq(barid_signature_get_reason(barid_verifier_get_signature(verifier, i)),
                         i < BARID_SIGNATURES_MAX ? BARID_SIGNATURE_PENDING
                                                  : BARID_SIGNATURE_TOO_MANY);
}
END_TEST

/* --- results as text --- */

START_TEST(test_results)
{
    static const gchar text[] =
        "DKIM-Signature: " MUST "i=joe@a.example; x=1\r\nDKIM-Signature: v=1\r\n" MESSAGE;
    g_autoptr(BaridVerifier) verifier =
        verifier_read(BARID_SIGNATURE_DKIM, barid_slice_from_text(text));
    g_autoptr(GString) lines = g_string_new(NULL);
    BaridSignatureResult result;
    BaridSlice rest;

    for (guint i = 0; i < 2; i++)
        barid_signature_append_result(barid_verifier_get_signature(verifier, i), lines);
    ck_assert_str_eq(lines->str,
                     "neutral a.example s rsa-sha256 joe@a.example AAAA "
                     "the signature has expired\n"
                     "neutral - - - - - the signature lacks a tag\n");
    rest = barid_slice(lines->str, lines->len);
    ck_assert(barid_signature_results_next(&rest, &result));
    ck_assert(barid_slice_equal_text(result.mark, "AAAA"));
    ck_assert(barid_slice_equal_text(result.reason, "the signature has expired"));
    ck_assert(barid_signature_results_next(&rest, &result));
    ck_assert(barid_slice_equal_text(result.result, "neutral") && result.domain.len == 0);
    ck_assert(!barid_signature_results_next(&rest, &result));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("signature");
    TCase *tcase = tcase_create("all");

    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_rfc8463);
    tcase_add_test(tcase, test_rfc6376);
    tcase_add_loop_test(tcase, test_field, 0, G_N_ELEMENTS(field_rows));
    tcase_add_loop_test(tcase, test_key, 0, G_N_ELEMENTS(key_rows));
    tcase_add_loop_test(tcase, test_key_size, 0, G_N_ELEMENTS(size_rows));
    tcase_add_test(tcase, test_several_records);
    tcase_add_loop_test(tcase, test_round_trip, 0, G_N_ELEMENTS(messages));
    tcase_add_test(tcase, test_bits);
    tcase_add_test(tcase, test_selection);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_quoted);
    tcase_add_test(tcase, test_body_length);
    tcase_add_test(tcase, test_tags);
    tcase_add_test(tcase, test_third_party);
    tcase_add_test(tcase, test_third_party_record);
    tcase_add_test(tcase, test_several);
    tcase_add_test(tcase, test_many);
    tcase_add_test(tcase, test_results);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
