/* SPDX-License-Identifier: Apache-2.0 */
/* Modules: what they are, what their hooks did and what that cost, what they may do. */
#include "baridctl/show.h"

#include <inttypes.h>

#include "baridctl/ctl.h"

static void
modules_show_all(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {
        {N_("MODULE"), TABLE_LEFT}, {N_("VERSION"), TABLE_LEFT},  {N_("PACKAGE"), TABLE_LEFT},
        {N_("STATE"), TABLE_LEFT},  {N_("MODE"), TABLE_LEFT},     {N_("ON-ERROR"), TABLE_LEFT},
        {N_("SUMMARY"), TABLE_LEFT}, {NULL, TABLE_LEFT}};
    g_auto(Table) table = {0};

    table_init(&table, columns);
    for (guint i = 0; i < show_get_n(answer, "modules"); i++) {
        JsonObject *module = show_get_nth(answer, "modules", i);
        const gchar *version = show_get_text(module, "version");
        const gchar *package = show_get_text(module, "package");

        table_add(&table, show_get_text(module, "name"));
        table_add(&table, version == NULL ? "-" : version);
        table_add(&table, package == NULL ? "-" : package);
        table_add(&table, show_get_text(module, "state"));
        table_add(&table, show_get_text(module, "mode"));
        table_add(&table, show_get_text(module, "on_error"));
        table_add(&table, show_get_summary(module));
    }
    show_table_or(self, &table, _("No module is loaded."));
}

/* The time that one of (calls) took in the mean; a hook that was not called has none. */
static void
modules_add_time(Table *table, JsonObject *hook, const gchar *key, gint64 calls)
{
    gint64 mean_us = calls == 0 ? 0 : show_get_integer(hook, key) / calls;
    g_autofree gchar *text = mean_us < 10000
                                 ? g_strdup_printf("%" PRId64 " us", mean_us)
                                 : g_strdup_printf("%" PRId64 " ms", mean_us / 1000);

    table_add(table, calls == 0 ? "-" : text);
}

static void
modules_add_hook(Table *table, JsonObject *module, JsonObject *hook)
{
    gint64 calls = show_get_integer(hook, "calls");
    g_autofree gchar *stack =
        g_strdup_printf("%" PRId64 " KiB", show_get_integer(hook, "stack_own_bytes") / 1024);

    table_add(table, show_get_text(module, "name"));
    table_add(table, show_get_text(hook, "stage"));
    table_add(table, show_get_text(hook, "phase"));
    table_add_integer(table, calls);
    table_add_integer(table, show_get_integer(hook, "errors"));
    table_add_integer(table, show_get_integer(hook, "defers"));
    table_add_integer(table, show_get_integer(hook, "rejects"));
    modules_add_time(table, hook, "computing_us", calls);
    modules_add_time(table, hook, "waiting_us", calls);
    table_add(table, calls == 0 ? "-" : stack);
}

static void
modules_show_hooks(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {
        {N_("HOOK OF"), TABLE_LEFT},  {N_("STAGE"), TABLE_LEFT},   {N_("PHASE"), TABLE_LEFT},
        {N_("CALLS"), TABLE_RIGHT},   {N_("ERRORS"), TABLE_RIGHT}, {N_("DEFERS"), TABLE_RIGHT},
        {N_("REJECTS"), TABLE_RIGHT}, {N_("COMPUTES"), TABLE_RIGHT},
        {N_("WAITS"), TABLE_RIGHT},   {N_("STACK"), TABLE_RIGHT},  {NULL, TABLE_LEFT}};
    g_auto(Table) table = {0};

    table_init(&table, columns);
    for (guint i = 0; i < show_get_n(answer, "modules"); i++) {
        JsonObject *module = show_get_nth(answer, "modules", i);

        for (guint n = 0; n < show_get_n(module, "hooks"); n++)
            modules_add_hook(&table, module, show_get_nth(module, "hooks", n));
    }
    if (table.cells->len == 0)
        return;
    fputc('\n', self->out);
    show_table(self, &table);
}

static void
modules_show_needs(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {{N_("MODULE"), TABLE_LEFT}, {N_("NEEDS"), TABLE_LEFT},
                                          {NULL, TABLE_LEFT}};
    g_auto(Table) table = {0};

    table_init(&table, columns);
    for (guint i = 0; i < show_get_n(answer, "modules"); i++) {
        JsonObject *module = show_get_nth(answer, "modules", i);
        g_autofree gchar *needs = show_dup_list(module, "needs");

        table_add(&table, show_get_text(module, "name"));
        table_add(&table, *needs == '\0' ? "-" : needs);
    }
    if (table.cells->len == 0)
        return;
    fputc('\n', self->out);
    show_table(self, &table);
}

void
show_modules(const Show *self, JsonObject *answer)
{
    modules_show_all(self, answer);
    modules_show_hooks(self, answer);
    modules_show_needs(self, answer);
}

void
show_module_order(const Show *self, JsonObject *answer)
{
    static const TableColumn columns[] = {{N_("STAGE"), TABLE_LEFT}, {N_("PHASE"), TABLE_LEFT},
                                          {N_("MODULE"), TABLE_LEFT}, {N_("WHY HERE"), TABLE_LEFT},
                                          {NULL, TABLE_LEFT}};
    g_auto(Table) table = {0};

    table_init(&table, columns);
    for (guint i = 0; i < show_get_n(answer, "hooks"); i++) {
        JsonObject *hook = show_get_nth(answer, "hooks", i);

        table_add(&table, show_get_text(hook, "stage"));
        table_add(&table, show_get_text(hook, "phase"));
        table_add(&table, show_get_text(hook, "module"));
        table_add(&table, show_get_text(hook, "why"));
    }
    show_table_or(self, &table, _("No module that is loaded has a hook: nothing but the server "
                                  "itself decides."));
}
