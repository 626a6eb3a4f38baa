/* SPDX-License-Identifier: Apache-2.0 */
#include "dmarc-suffix.h"

typedef enum {
    RULE_NAME = 1,      /* "co.uk" */
    RULE_WILDCARD = 2,  /* "*.ck" */
    RULE_EXCEPTION = 4, /* "!www.ck" */
} RuleKind;

struct DmarcSuffixes {
    GHashTable *rules; /* normalised name, without "*." or "!" -> RuleKind bits */
};

static void
add_rule(DmarcSuffixes *self, const gchar *rule)
{
    RuleKind kind = *rule == '!' ? RULE_EXCEPTION
                    : g_str_has_prefix(rule, "*.") ? RULE_WILDCARD
                                                   : RULE_NAME;
    gchar *name = barid_dns_dup_name(rule + (kind == RULE_EXCEPTION  ? 1
                                             : kind == RULE_WILDCARD ? 2
                                                                     : 0), NULL);
    guint known;

    if (name == NULL)
        return;
    known = GPOINTER_TO_UINT(g_hash_table_lookup(self->rules, name));
    g_hash_table_replace(self->rules, name, GUINT_TO_POINTER(known | kind));
}

DmarcSuffixes *
dmarc_suffixes_new(const gchar *text)
{
    DmarcSuffixes *self = g_new0(DmarcSuffixes, 1);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    self->rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; lines[i] != NULL; i++) {
        /* A rule ends at the first blank. */
        lines[i][strcspn(lines[i], " \t\r")] = '\0';
        if (*lines[i] != '\0' && !g_str_has_prefix(lines[i], "//"))
            add_rule(self, lines[i]);
    }
    return self;
}

void
dmarc_suffixes_free(DmarcSuffixes *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->rules);
    g_free(self);
}

guint
dmarc_suffixes_get_n_rules(const DmarcSuffixes *self)
{
    return g_hash_table_size(self->rules);
}

static gboolean
has_rule(const DmarcSuffixes *self, const gchar *name, RuleKind kind)
{
    return name != NULL &&
           (GPOINTER_TO_UINT(g_hash_table_lookup(self->rules, name)) & kind) != 0;
}

/* From the longest name on, so that the first rule that fits is the one that prevails. Without
 * any, the last label is the suffix. */
const gchar *
dmarc_suffixes_get_organization(const DmarcSuffixes *self, const gchar *domain)
{
    const gchar *below = domain;

    for (const gchar *at = domain; at != NULL;) {
        const gchar *dot = strchr(at, '.');
        const gchar *parent = dot == NULL ? NULL : dot + 1;

        if (has_rule(self, at, RULE_EXCEPTION))
            return at;
        if (has_rule(self, at, RULE_NAME) || has_rule(self, parent, RULE_WILDCARD) ||
            parent == NULL)
            return below;
        below = at;
        at = parent;
    }
    return below;
}
