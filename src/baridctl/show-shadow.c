/* SPDX-License-Identifier: Apache-2.0 */
/* What shadows would have treated differently. */
#include "baridctl/show.h"

#include <inttypes.h>

#include "baridctl/ctl.h"

static void
shadow_put(const Show *self, JsonObject *object, const gchar *key, const gchar *before,
           const gchar *after)
{
    const gchar *text = show_get_text(object, key);

    if (text == NULL || *text == '\0')
        return;
    fputs(before, self->out);
    show_put(self, text);
    fputs(after, self->out);
}

/* An empty value is seen. */
static void
shadow_put_value(const Show *self, JsonObject *object, const gchar *key)
{
    const gchar *text = show_get_text(object, key);

    show_put(self, text == NULL || *text == '\0' ? "\"\"" : text);
}

static void
shadow_put_change(const Show *self, JsonObject *change)
{
    fprintf(self->out, "  %8" PRId64 "  ", show_get_integer(change, "count"));
    shadow_put(self, change, "where", "", ": ");
    shadow_put_value(self, change, "from");
    fputs(" -> ", self->out);
    shadow_put_value(self, change, "to");
    fputc('\n', self->out);
}

static void
shadow_put_head(const Show *self, JsonObject *shadow)
{
    fputs(self->bold, self->out);
    if (g_strcmp0(show_get_text(shadow, "kind"), "module") == 0) {
        shadow_put(self, shadow, "name", _("module "), "");
    } else {
        shadow_put(self, shadow, "section", "[", "] ");
        shadow_put(self, shadow, "key", "", ".shadow");
    }
    fprintf(self->out, "%s  %s# %s:%" PRId64 "%s\n", self->plain, self->dim,
            show_get_text(shadow, "file"), show_get_integer(shadow, "line"), self->plain);
    shadow_put(self, shadow, "value", _("  is     "), "\n");
    shadow_put(self, shadow, "shadow", _("  tries  "), "\n");
}

static void
shadow_put_counts(const Show *self, JsonObject *shadow)
{
    gint64 n_other = show_get_integer(shadow, "other_changes");

    shadow_put_head(self, shadow);
    fprintf(self->out,
            _("  evaluated %" PRId64 " times, %s%" PRId64 " different%s\n"),
            show_get_integer(shadow, "evaluated"),
            show_get_integer(shadow, "different") > 0 ? self->bad : self->good,
            show_get_integer(shadow, "different"), self->plain);
    for (guint i = 0; i < show_get_n(shadow, "changes"); i++)
        shadow_put_change(self, show_get_nth(shadow, "changes", i));
    if (n_other > 0)
        fprintf(self->out, _("  %8" PRId64 "  of other kinds\n"), n_other);
    fputc('\n', self->out);
}

static void
shadow_put_difference(const Show *self, JsonObject *difference)
{
    gboolean is_setting = g_strcmp0(show_get_text(difference, "kind"), "setting") == 0;

    fputs("    ", self->out);
    shadow_put(self, difference, "stage", "", "  ");
    shadow_put(self, difference, "source", "", "");
    if (is_setting)
        shadow_put(self, difference, "key", " ", "");
    shadow_put(self, difference, "subject", _(" for "), "");
    fputs(": ", self->out);
    if (is_setting) {
        shadow_put_value(self, difference, "from");
        fputs(" -> ", self->out);
    }
    shadow_put_value(self, difference, "to");
    if (!is_setting)
        shadow_put(self, difference, "reason", " (", ")");
    fputc('\n', self->out);
}

static void
shadow_put_case(const Show *self, JsonObject *each)
{
    shadow_put(self, each, "time", "  ", " ");
    shadow_put(self, each, "kind", "", " ");
    shadow_put(self, each, "id", self->bold, self->plain);
    shadow_put(self, each, "sender", _(" from <"), ">");
    shadow_put(self, each, "remote_ip", _(" by "), "");
    fputc('\n', self->out);
    for (guint i = 0; i < show_get_n(each, "differences"); i++)
        shadow_put_difference(self, show_get_nth(each, "differences", i));
}

void
show_shadow_report(const Show *self, JsonObject *answer)
{
    guint n_cases = show_get_n(answer, "cases");

    if (show_get_n(answer, "shadows") == 0)
        fputs(_("Nothing is tried as a shadow: no setting has KEY.shadow, no module mode = shadow."
                "\n\n"), self->out);
    else
        shadow_put(self, answer, "counted_since", _("Counted since "), "\n\n");
    for (guint i = 0; i < show_get_n(answer, "shadows"); i++)
        shadow_put_counts(self, show_get_nth(answer, "shadows", i));
    if (n_cases > 0)
        fprintf(self->out, "%s%s%s\n", self->bold,
                _("What would have been treated differently, newest first"), self->plain);
    for (guint i = 0; i < n_cases; i++)
        shadow_put_case(self, show_get_nth(answer, "cases", i));
    if (show_get_bool(answer, "truncated"))
        fputs(_("There may be more; --limit N shows and --scan N looks at more.\n"), self->out);
}
