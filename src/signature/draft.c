/* SPDX-License-Identifier: Apache-2.0 */
/* Making signature fields (RFC 6376 section 5). */
#include "signature/signature-private.h"

/* Words of a value are not longer than this, if that can be helped: it is folded at blanks. */
enum { WORD_CHARS = 64 };

/* --- what is signed --- */

static gboolean
names_has(const gchar *const *names, const gchar *name)
{
    for (guint i = 0; names != NULL && names[i] != NULL; i++) {
        if (g_ascii_strcasecmp(names[i], name) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The names so far, with colons between them, and blanks where they may be folded. */
typedef struct {
    GString *text;
    gsize word; /* where the last word begins */
} NameList;

/* A name once for each field, and once more where no further one shall be added (section
 * 8.15). */
static void
names_append(NameList *self, const gchar *name, guint count)
{
    for (guint i = 0; i < count; i++) {
        if (self->text->len > 0)
            g_string_append_c(self->text, ':');
        if (self->text->len - self->word + strlen(name) > WORD_CHARS) {
            g_string_append_c(self->text, ' ');
            self->word = self->text->len;
        }
        g_string_append(self->text, name);
    }
}

static gchar *
draft_dup_names(const BaridSignatureDraft *self, const BaridHeaderIndex *header)
{
    NameList names = {.text = g_string_new(NULL)};

    for (guint i = 0; self->fields[i] != NULL; i++) {
        const gchar *name = self->fields[i];
        guint count = header_index_count(header, barid_slice_from_text(name));

        names_append(&names, name, count + (names_has(self->oversigned, name) ? 1 : 0));
    }
    for (guint i = 0; self->oversigned != NULL && self->oversigned[i] != NULL; i++) {
        const gchar *name = self->oversigned[i];
        guint count = header_index_count(header, barid_slice_from_text(name));

        if (!names_has(self->fields, name))
            names_append(&names, name, count + 1);
    }
    return g_string_free(names.text, FALSE);
}

/* --- the field --- */

static const gchar *
draft_get_form(BaridCanonicalForm form)
{
    return form == BARID_CANONICAL_RELAXED ? "relaxed" : "simple";
}

/* DKIM-Quoted-Printable (RFC 6376 section 2.11). */
static void
append_quoted(GString *text, const gchar *value)
{
    for (; *value != '\0'; value++) {
        if (*value > ' ' && *value < 0x7f && *value != ';' && *value != '=')
            g_string_append_c(text, *value);
        else
            g_string_append_printf(text, "=%02X", (guint)(guint8)*value);
    }
}

static void
draft_add_owner(const BaridSignatureDraft *self, GString *text)
{
    if (self->kind == BARID_SIGNATURE_ARC_MESSAGE)
        g_string_append_printf(text, "i=%u;", self->instance);
    else
        g_string_append(text, "v=1;");
    g_string_append_printf(text, " a=%s; c=%s/%s; d=%s; s=%s;", self->algorithm,
                           draft_get_form(self->header_form), draft_get_form(self->body_form),
                           self->domain, self->selector);
    if (self->kind == BARID_SIGNATURE_ARC_MESSAGE || self->identity == NULL)
        return;
    g_string_append(text, " i=");
    append_quoted(text, self->identity);
    g_string_append_c(text, ';');
}

static void
draft_add_options(const BaridSignatureDraft *self, GString *text, guint64 body_bytes)
{
    if (self->made_s > 0)
        g_string_append_printf(text, " t=%" G_GINT64_FORMAT ";", self->made_s);
    if (self->expires_s > 0)
        g_string_append_printf(text, " x=%" G_GINT64_FORMAT ";", self->expires_s);
    if (self->says_length)
        g_string_append_printf(text, " l=%" G_GUINT64_FORMAT ";", body_bytes);
    if (self->wants_reports)
        g_string_append(text, " r=y;");
    if (self->third_party != NULL)
        g_string_append_printf(text, " atps=%s; atpsh=%s;", self->third_party,
                               self->third_party_hash == NULL ? "sha256"
                                                              : self->third_party_hash);
}

/* What is signed is the field as it will stand there, folded, but for what follows "b=". */
static void
draft_hash(const BaridSignatureDraft *self, const BaridHeaderIndex *header, const gchar *names,
           const gchar *value, guint8 *out_digest)
{
    g_auto(Buffer) whole = {0};
    HeaderField own = {.name = BARID_SLICE_EMPTY};
    HeaderIter iter;

    buffer_init(&whole, HEADER_BYTES_MAX);
    header_append(&whole, signature_kind_get_field(self->kind), barid_slice_from_text(value));
    header_iter_init(&iter, buffer_get_slice(&whole));
    header_iter_next(&iter, &own);
    header_index_hash(header, self->header_form, barid_slice_from_text(names), &own,
                      BARID_SLICE_EMPTY, out_digest);
}

gchar *
barid_signature_draft_write(const BaridSignatureDraft *self, const BaridHeaderIndex *header,
                            const guint8 *body_digest, guint64 body_bytes, guint8 *out_digest)
{
    g_autofree gchar *names = draft_dup_names(self, header);
    g_autofree gchar *body_hash = g_base64_encode(body_digest, BARID_DIGEST_BYTES);
    GString *text = g_string_new(NULL);

    draft_add_owner(self, text);
    draft_add_options(self, text, body_bytes);
    g_string_append_printf(text, " h=%s; bh=%s; b=", names, body_hash);
    draft_hash(self, header, names, text->str, out_digest);
    return g_string_free(text, FALSE);
}

/* White space inside the value of "b=" counts for nothing: it is where the field is folded. */
gchar *
barid_signature_complete(const gchar *value, BaridSlice bytes)
{
    g_autofree gchar *base64 = g_base64_encode(bytes.data, bytes.len);
    GString *text = g_string_new(value);

    for (gsize at = 0; base64[at] != '\0'; at += MIN(strlen(base64 + at), WORD_CHARS))
        g_string_append_printf(text, " %.*s", WORD_CHARS, base64 + at);
    return g_string_free(text, FALSE);
}
