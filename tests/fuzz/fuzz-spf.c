/* SPDX-License-Identifier: Apache-2.0 */
/* SPF records: whatever is taken can be expanded, within its bounds, and terms stand in order. */
#include "modules/spf/spf-macro.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static const SpfMacroValues values = {
    .sender = "\"a b\"@sender.example",
    .domain = "x.y.example",
    .ip = "2001:db8::1",
    .helo = "",
    .receiver = "mx.example.org",
    .now_s = G_MAXINT64,
};

static void
check_domain(BaridSlice spec)
{
    g_autofree gchar *name = NULL;

    g_assert(spf_macro_is_valid(spec, SPF_MACRO_DOMAIN));
    name = spf_macro_expand_domain(spec, &values);
    g_assert(strlen(name) <= 253 || strchr(name, '.') == NULL);
}

static void
check_term(const SpfTerm *term, BaridSlice record, const guint8 **behind)
{
    g_assert(strchr("+-~?", term->qualifier) != NULL);
    g_assert(term->text.data >= *behind &&
             term->text.data + term->text.len <= record.data + record.len);
    *behind = term->text.data + term->text.len;
    g_assert(term->prefix4 <= 32 || term->prefix4 == SPF_NO_PREFIX);
    g_assert(term->prefix6 <= 128 || term->prefix6 == SPF_NO_PREFIX);
    if (term->domain.len > 0)
        check_domain(term->domain);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    BaridSlice text = barid_slice(data, size);
    g_auto(SpfRecord) record = {NULL};
    g_autoptr(GError) error = NULL;
    const guint8 *behind = data;

    if (spf_macro_is_valid(text, SPF_MACRO_EXPLANATION))
        g_free(spf_macro_expand(text, &values));
    if (!spf_record_is(text))
        return 0;
    if (!spf_record_parse(text, &record, &error)) {
        g_assert(error != NULL && g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    for (guint i = 0; i < record.terms->len; i++)
        check_term(&g_array_index(record.terms, SpfTerm, i), text, &behind);
    if (record.has_redirect)
        check_domain(record.redirect);
    if (record.has_explain)
        check_domain(record.explain);
    return 0;
}
