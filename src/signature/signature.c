/* SPDX-License-Identifier: Apache-2.0 */
/* Signature fields (RFC 6376 section 3.5) and what becomes of them. */
#include "signature/signature-private.h"

#include <barid/tag-list.h>

enum { DOMAIN_BYTES_MAX = 253, LABEL_BYTES_MAX = 63, IDENTITY_BYTES_MAX = 1024 };

/* --- values --- */

static gchar *
dup_value(BaridSlice value)
{
    return g_strndup((const gchar *)value.data, value.len);
}

static gboolean
is_domain_byte(guint8 byte)
{
    return g_ascii_isalnum(byte) || byte == '-' || byte == '_' || byte >= 0x80;
}

/* Labels with dots between them, as A-labels or in UTF-8 (RFC 8616 section 3). */
static gboolean
is_domain(BaridSlice value)
{
    gsize label = 0;

    if (value.len == 0 || value.len > DOMAIN_BYTES_MAX ||
        !g_utf8_validate((const gchar *)value.data, (gssize)value.len, NULL))
        return FALSE;
    for (gsize i = 0; i < value.len; i++) {
        gboolean ends = value.data[i] == '.';

        if (ends ? label == 0 : !is_domain_byte(value.data[i]) || label == LABEL_BYTES_MAX)
            return FALSE;
        label = ends ? 0 : label + 1;
    }
    return label > 0;
}

static gboolean
is_within(BaridSlice domain, BaridSlice parent)
{
    gsize extra;

    if (domain.len < parent.len)
        return FALSE;
    extra = domain.len - parent.len;
    return barid_slice_equal_nocase(barid_slice(domain.data + extra, parent.len), parent) &&
           (extra == 0 || domain.data[extra - 1] == '.');
}

static BaridSlice
get_identity_domain(BaridSlice identity)
{
    gsize at = identity.len;

    while (at > 0 && identity.data[at - 1] != '@')
        at--;
    return at == 0 ? BARID_SLICE_EMPTY : barid_slice(identity.data + at, identity.len - at);
}

/* Printable and without blanks, so that it can stand in findings. */
static gboolean
is_identity(BaridSlice value)
{
    if (value.len > IDENTITY_BYTES_MAX ||
        !g_utf8_validate((const gchar *)value.data, (gssize)value.len, NULL))
        return FALSE;
    for (gsize i = 0; i < value.len; i++) {
        if (value.data[i] <= ' ' || value.data[i] == 0x7f)
            return FALSE;
    }
    return is_domain(get_identity_domain(value));
}

/* --- tags --- */

/* Signatures of ARC have no version (RFC 8617 section 4.1.2). */
static BaridSignatureReason
parse_required(BaridSignature *self, const BaridTagList *tags)
{
    static const gchar *const required[] = {"a", "b", "bh", "d", "h", "s"};
    gboolean has_version = self->kind == BARID_SIGNATURE_DKIM;

    for (guint i = 0; i < G_N_ELEMENTS(required); i++) {
        if (barid_tag_list_get(tags, required[i]).len == 0)
            return BARID_SIGNATURE_TAG_MISSING;
    }
    if (barid_tag_list_get(tags, has_version ? "v" : "i").len == 0)
        return BARID_SIGNATURE_TAG_MISSING;
    if (has_version ? !barid_slice_equal_text(barid_tag_list_get(tags, "v"), "1")
                    : barid_tag_list_find(tags, "v") != NULL)
        return BARID_SIGNATURE_VERSION;
    self->hole = barid_tag_list_find(tags, "b")->around;
    return BARID_SIGNATURE_PENDING;
}

BaridSignatureReason
signature_algorithm_parse(BaridSlice word, SignatureAlgorithm *out)
{
    if (barid_slice_equal_text(word, "rsa-sha1"))
        return BARID_SIGNATURE_SHA1;
    *out = SIGNATURE_RSA;
    if (barid_slice_equal_text(word, "rsa-sha256"))
        return BARID_SIGNATURE_PENDING;
    *out = SIGNATURE_ED25519;
    return barid_slice_equal_text(word, "ed25519-sha256") ? BARID_SIGNATURE_PENDING
                                                          : BARID_SIGNATURE_ALGORITHM;
}

static BaridSignatureReason
parse_algorithm(BaridSignature *self, const BaridTagList *tags)
{
    return signature_algorithm_parse(barid_tag_list_get(tags, "a"), &self->method);
}

static gboolean
parse_form(BaridSlice word, BaridCanonicalForm *out)
{
    *out = barid_slice_equal_text(word, "relaxed") ? BARID_CANONICAL_RELAXED
                                                   : BARID_CANONICAL_SIMPLE;
    return *out == BARID_CANONICAL_RELAXED || barid_slice_equal_text(word, "simple");
}

/* "relaxed" is "relaxed/simple"; both are simple without the tag. */
static BaridSignatureReason
parse_canonical(BaridSignature *self, const BaridTagList *tags)
{
    const BaridTag *tag = barid_tag_list_find(tags, "c");
    BaridSlice header = BARID_SLICE_EMPTY, body = BARID_SLICE_LITERAL("simple");
    BaridTagItems items;

    if (tag == NULL)
        return BARID_SIGNATURE_PENDING;
    items = barid_tag_items(tag->value);
    barid_tag_items_next(&items, '/', &header);
    barid_tag_items_next(&items, '/', &body);
    return items.has_ended && parse_form(header, &self->header_form) &&
                   parse_form(body, &self->body_form)
               ? BARID_SIGNATURE_PENDING
               : BARID_SIGNATURE_CANONICAL;
}

static BaridSignatureReason
parse_hashes(BaridSignature *self, const BaridTagList *tags)
{
    gsize n_bytes;

    return barid_tag_value_decode_base64(barid_tag_list_get(tags, "bh"), self->body_hash,
                                         sizeof self->body_hash, &n_bytes) &&
                   n_bytes == BARID_DIGEST_BYTES &&
                   barid_tag_value_decode_base64(barid_tag_list_get(tags, "b"), self->bytes,
                                                 sizeof self->bytes, &self->n_bytes) &&
                   self->n_bytes > 0
               ? BARID_SIGNATURE_PENDING
               : BARID_SIGNATURE_MALFORMED;
}

static BaridSignatureReason
parse_names(BaridSignature *self, const BaridTagList *tags)
{
    BaridTagItems items = barid_tag_items(barid_tag_list_get(tags, "h"));
    gboolean has_from = FALSE;
    BaridSlice name;

    self->names = barid_tag_list_get(tags, "h");
    while (barid_tag_items_next(&items, ':', &name)) {
        if (!header_name_is_valid(name))
            return BARID_SIGNATURE_MALFORMED;
        has_from |= barid_slice_equal_nocase(name, BARID_SLICE_LITERAL("From"));
        /* RFC 8617 section 4.1.2. */
        if (self->kind == BARID_SIGNATURE_ARC_MESSAGE &&
            barid_slice_equal_nocase(name, BARID_SLICE_LITERAL("ARC-Seal")))
            return BARID_SIGNATURE_SEAL;
    }
    return has_from ? BARID_SIGNATURE_PENDING : BARID_SIGNATURE_FROM;
}

/* "i=" of DKIM is who signs for the domain, of ARC the number of a set. */
static BaridSignatureReason
parse_identity(BaridSignature *self, const BaridTagList *tags)
{
    const BaridTag *tag = barid_tag_list_find(tags, "i");
    guint64 instance;

    if (self->kind == BARID_SIGNATURE_ARC_MESSAGE) {
        if (!barid_tag_value_parse_number(tag->value, &instance) || instance == 0 ||
            instance > SIGNATURE_INSTANCE_MAX)
            return BARID_SIGNATURE_MALFORMED;
        self->instance = (guint)instance;
        tag = NULL;
    }
    if (tag == NULL) {
        self->identity = g_strconcat("@", self->domain, NULL);
        return BARID_SIGNATURE_PENDING;
    }
    if (!is_identity(tag->value))
        return BARID_SIGNATURE_MALFORMED;
    if (!is_within(get_identity_domain(tag->value), barid_slice_from_text(self->domain)))
        return BARID_SIGNATURE_IDENTITY;
    self->identity = dup_value(tag->value);
    return BARID_SIGNATURE_PENDING;
}

static BaridSignatureReason
parse_owner(BaridSignature *self, const BaridTagList *tags)
{
    if (self->domain == NULL || self->selector == NULL)
        return BARID_SIGNATURE_MALFORMED;
    self->key_name = g_strconcat(self->selector, "._domainkey.", self->domain, NULL);
    return parse_identity(self, tags);
}

static gboolean
parse_number(const BaridTagList *tags, const gchar *name, guint64 *out)
{
    const BaridTag *tag = barid_tag_list_find(tags, name);

    return tag == NULL || barid_tag_value_parse_number(tag->value, out);
}

/* A signature cannot expire before it is made. */
static BaridSignatureReason
parse_numbers(BaridSignature *self, const BaridTagList *tags)
{
    guint64 made = 0, expires = 0;

    if (!parse_number(tags, "l", &self->limit) || !parse_number(tags, "t", &made) ||
        !parse_number(tags, "x", &expires))
        return BARID_SIGNATURE_MALFORMED;
    if (barid_tag_list_find(tags, "x") != NULL && expires <= made)
        return BARID_SIGNATURE_EXPIRED;
    self->expires_s = (gint64)expires;
    return BARID_SIGNATURE_PENDING;
}

static BaridSignatureReason
parse_query(BaridSignature *self G_GNUC_UNUSED, const BaridTagList *tags)
{
    const BaridTag *tag = barid_tag_list_find(tags, "q");
    BaridTagItems items;
    BaridSlice item;

    if (tag == NULL)
        return BARID_SIGNATURE_PENDING;
    items = barid_tag_items(tag->value);
    while (barid_tag_items_next(&items, ':', &item)) {
        if (barid_slice_equal_text(item, "dns/txt"))
            return BARID_SIGNATURE_PENDING;
    }
    return BARID_SIGNATURE_QUERY;
}

/* RFC 6541 section 4.2: what is wrong there leaves the signature as it is. */
static BaridSignatureReason
parse_third_party(BaridSignature *self, const BaridTagList *tags)
{
    BaridSlice third_party = barid_tag_list_get(tags, "atps");

    if (is_domain(third_party)) {
        self->third_party = dup_value(third_party);
        self->third_party_name = signature_third_party_dup_name(
            self->domain, self->third_party, barid_tag_list_get(tags, "atpsh"));
    }
    return BARID_SIGNATURE_PENDING;
}

/* What says whose it is, for people: known even where something else is wrong. */
static void
parse_labels(BaridSignature *self, const BaridTagList *tags)
{
    BaridSlice domain = barid_tag_list_get(tags, "d");
    BaridSlice selector = barid_tag_list_get(tags, "s");
    BaridSlice algorithm = barid_tag_list_get(tags, "a");
    BaridSlice mark = barid_tag_list_get(tags, "b");
    gsize n = 0;

    if (is_domain(domain))
        self->domain = dup_value(domain);
    if (is_domain(selector))
        self->selector = dup_value(selector);
    if (is_domain(algorithm))
        self->algorithm = dup_value(algorithm);
    for (gsize i = 0; i < mark.len && n + 1 < sizeof self->mark; i++) {
        if (g_ascii_isalnum(mark.data[i]) || mark.data[i] == '+' || mark.data[i] == '/')
            self->mark[n++] = (gchar)mark.data[i];
    }
}

static BaridSignatureReason
parse_tags(BaridSignature *self)
{
    static BaridSignatureReason (*const steps[])(BaridSignature *, const BaridTagList *) = {
        parse_required, parse_algorithm, parse_canonical, parse_owner,
        parse_names,    parse_hashes,    parse_numbers,   parse_query,
        parse_third_party,
    };
    BaridTagList tags;

    if (barid_tag_list_parse(self->field.value, &tags) != BARID_TAG_LIST_OK)
        return BARID_SIGNATURE_MALFORMED;
    parse_labels(self, &tags);
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        BaridSignatureReason reason = steps[i](self, &tags);

        if (reason != BARID_SIGNATURE_PENDING)
            return reason;
    }
    return BARID_SIGNATURE_PENDING;
}

const gchar *
signature_kind_get_field(BaridSignatureKind kind)
{
    return kind == BARID_SIGNATURE_DKIM ? "DKIM-Signature" : "ARC-Message-Signature";
}

BaridSignature *
signature_parse(BaridSignatureKind kind, BaridSlice whole)
{
    BaridSignature *self = g_new0(BaridSignature, 1);
    HeaderIter iter;

    self->kind = kind;
    self->limit = G_MAXUINT64;
    self->copy = g_memdup2(whole.data, whole.len);
    header_iter_init(&iter, barid_slice(self->copy, whole.len));
    self->reason = header_iter_next(&iter, &self->field) == HEADER_FIELD
                       ? parse_tags(self)
                       : BARID_SIGNATURE_MALFORMED;
    return self;
}

void
signature_free(BaridSignature *self)
{
    if (self == NULL)
        return;
    g_free(self->domain);
    g_free(self->selector);
    g_free(self->identity);
    g_free(self->algorithm);
    g_free(self->key_name);
    g_free(self->third_party);
    g_free(self->third_party_name);
    g_free(self->copy);
    g_free(self);
}

/* --- getters --- */

BaridSignatureReason
barid_signature_get_reason(const BaridSignature *self)
{
    return self->reason;
}

const gchar *
barid_signature_get_domain(const BaridSignature *self)
{
    return self->domain;
}

const gchar *
barid_signature_get_selector(const BaridSignature *self)
{
    return self->selector;
}

const gchar *
barid_signature_get_algorithm(const BaridSignature *self)
{
    return self->algorithm;
}

const gchar *
barid_signature_get_identity(const BaridSignature *self)
{
    return self->identity;
}

const gchar *
barid_signature_get_mark(const BaridSignature *self)
{
    return self->mark;
}

guint
barid_signature_get_instance(const BaridSignature *self)
{
    return self->instance;
}

gboolean
barid_signature_is_testing(const BaridSignature *self)
{
    return self->testing;
}

const gchar *
barid_signature_get_key_name(const BaridSignature *self)
{
    return self->key_name;
}

const gchar *
barid_signature_get_third_party(const BaridSignature *self)
{
    return self->third_party;
}

const gchar *
barid_signature_get_third_party_name(const BaridSignature *self)
{
    return self->third_party_name;
}
