/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of hooks: by phase, then by "after" and "before", then by name. The
 * administrator's "order = after NAME, before NAME, first, last" comes on top. A cycle is
 * an error.
 */
#include "base/i18n.h"
#include "host/host-private.h"

typedef struct {
    HostHook hook;
    BaridPhase phase; /* the hook's, or an earlier one of a hook that must follow it */
    guint n_before; /* hooks that must still come first */
    gboolean placed;
    GString *why;
} OrderItem;

static gboolean
order_words_contain(const gchar *words, const gchar *name)
{
    g_auto(GStrv) split = NULL;

    if (words == NULL)
        return FALSE;
    split = g_strsplit(words, " ", -1);
    return g_strv_contains((const gchar *const *)split, name);
}

static gboolean
order_key_says(const HostModule *module, const gchar *relation, const gchar *name)
{
    g_autofree gchar *wanted = g_strdup_printf("%s %s", relation, name);

    return module->common.order != NULL &&
           g_strv_contains((const gchar *const *)module->common.order, wanted);
}

static gboolean
order_key_has(const HostModule *module, const gchar *word)
{
    return module->common.order != NULL &&
           g_strv_contains((const gchar *const *)module->common.order, word);
}

/* Whether (a) must run before (b), and the reason. */
static const gchar *
order_relation(const HostHook *a, const HostHook *b)
{
    const gchar *name_a = a->module->module->name;
    const gchar *name_b = b->module->module->name;

    if (a->module == b->module)
        return NULL;
    if (order_key_says(a->module, "before", name_b) || order_key_says(b->module, "after", name_a))
        return "configured";
    if (order_key_says(b->module, "before", name_a) || order_key_says(a->module, "after", name_b))
        return NULL; /* the administrator wins over the tables */
    if (a->hook->phase != b->hook->phase)
        return NULL; /* a preference, see order_pull_forward() */
    if (order_key_has(a->module, "first") && !order_key_has(b->module, "first"))
        return "configured first";
    if (order_key_has(b->module, "last") && !order_key_has(a->module, "last"))
        return "configured last";
    if (order_words_contain(a->hook->before, name_b) || order_words_contain(b->hook->after, name_a))
        return "declared";
    return NULL;
}

static gint
order_compare_names(gconstpointer a, gconstpointer b)
{
    const OrderItem *left = a;
    const OrderItem *right = b;

    return strcmp(left->hook.module->module->name, right->hook.module->module->name);
}

static void
order_collect(Host *self, BaridStage stage, GArray *items)
{
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);
        const BaridHook *hook;

        for (guint n = 0; (hook = host_module_get_hook(module->module, n)) != NULL; n++) {
            OrderItem item = {.hook = {.module = module, .hook = hook}};

            if (hook->stage != stage)
                continue;
            item.phase = hook->phase;
            item.why = g_string_new(NULL);
            g_array_append_val(items, item);
        }
    }
    g_array_sort(items, order_compare_names);
}

static void
order_count(GArray *items)
{
    for (guint b = 0; b < items->len; b++) {
        OrderItem *later = &g_array_index(items, OrderItem, b);

        for (guint a = 0; a < items->len; a++) {
            OrderItem *earlier = &g_array_index(items, OrderItem, a);
            const gchar *why = order_relation(&earlier->hook, &later->hook);

            if (why == NULL)
                continue;
            later->n_before++;
            g_string_append_printf(later->why, "%safter %s (%s)", later->why->len > 0 ? ", " : "",
                                   earlier->hook.module->module->name, why);
        }
    }
}

/* What is configured to stand before a hook of an earlier phase moves there with it, so
 * that a word of the administrator never meets the order of phases head on. */
static void
order_pull_forward(GArray *items)
{
    for (guint round = 0; round < items->len; round++) {
        for (guint a = 0; a < items->len; a++) {
            OrderItem *earlier = &g_array_index(items, OrderItem, a);

            for (guint b = 0; b < items->len; b++) {
                const OrderItem *later = &g_array_index(items, OrderItem, b);

                if (later->phase < earlier->phase &&
                    order_relation(&earlier->hook, &later->hook) != NULL)
                    earlier->phase = later->phase;
            }
        }
    }
}

static OrderItem *
order_next(GArray *items)
{
    OrderItem *best = NULL;

    for (guint i = 0; i < items->len; i++) {
        OrderItem *item = &g_array_index(items, OrderItem, i);

        if (item->placed || item->n_before > 0)
            continue;
        if (best == NULL || item->phase < best->phase)
            best = item;
    }
    return best;
}

static void
order_place(GArray *items, OrderItem *item)
{
    item->placed = TRUE;
    for (guint i = 0; i < items->len; i++) {
        OrderItem *other = &g_array_index(items, OrderItem, i);

        if (order_relation(&item->hook, &other->hook) != NULL)
            other->n_before--;
    }
}

const gchar *
order_phase_name(BaridPhase phase)
{
    static const gchar *const names[BARID_N_PHASES] = {
        "early", "identify", "authorise", "inspect", "modify", "late",
    };

    return names[MIN(phase, BARID_N_PHASES - 1)];
}

static void
order_register_counters(HostHook *hook)
{
    static const gchar *const names[HOOK_N_COUNTS] = {
        "calls",          "errors",  "defers",     "rejects",
        "other-verdicts", "wall-us", "waiting-us", "dns-questions",
    };

    for (guint i = 0; i < HOOK_N_COUNTS; i++) {
        g_autofree gchar *name =
            g_strdup_printf("module.%s.%s.%s.%s", hook->module->module->name,
                            decision_stage_name(hook->hook->stage),
                            order_phase_name(hook->hook->phase), names[i]);

        hook->counters[i] = counter_register(g_intern_string(name));
    }
}

static gboolean
order_stage(Host *self, BaridStage stage, GError **error)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(OrderItem));
    gboolean ok = TRUE;

    order_collect(self, stage, items);
    order_count(items);
    order_pull_forward(items);
    for (guint i = 0; i < items->len; i++) {
        OrderItem *item = order_next(items);

        if (item == NULL) {
            ok = FALSE;
            break;
        }
        order_place(items, item);
        item->hook.why = g_strdup(item->why->len > 0 ? item->why->str : "by phase and name");
        order_register_counters(&item->hook);
        item->hook.stack = g_new0(HookStack, 1);
        g_array_append_val(self->stages[stage], item->hook);
    }
    if (!ok) {
        g_autoptr(GString) names = g_string_new(NULL);

        for (guint i = 0; i < items->len; i++) {
            const OrderItem *item = &g_array_index(items, OrderItem, i);

            if (!item->placed)
                g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "",
                                       item->hook.module->module->name);
        }
        g_set_error(error, HOST_ERROR, BARID_ERROR_INVALID,
                    _("the order of the %s hooks goes in a circle: %s"), decision_stage_name(stage),
                    names->str);
    }
    for (guint i = 0; i < items->len; i++)
        g_string_free(g_array_index(items, OrderItem, i).why, TRUE);
    return ok;
}

gboolean
host_order_hooks(Host *self, GError **error)
{
    host_clear_hooks(self);
    for (guint stage = 0; stage < BARID_N_STAGES; stage++) {
        if (!order_stage(self, (BaridStage)stage, error))
            return FALSE;
    }
    return TRUE;
}

void
host_clear_hooks(Host *self)
{
    for (guint stage = 0; stage < BARID_N_STAGES; stage++) {
        for (guint i = 0; i < self->stages[stage]->len; i++) {
            HostHook *hook = &g_array_index(self->stages[stage], HostHook, i);

            g_free((gchar *)(guintptr)hook->why);
            g_free(hook->stack);
        }
        g_array_set_size(self->stages[stage], 0);
    }
}
