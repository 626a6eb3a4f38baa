/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/deaths.h"

#include "base/blame.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    /* So many deaths within so long contain the module that is to blame. */
    DEATHS_MAX = 3,
    DEATHS_WITHIN_MS = 10 * 60 * 1000,
};

/* A worker that a module brought down. */
typedef struct {
    gint64 at_ms;
    gchar module[BLAME_NAME_BYTES];
} Death;

struct Deaths {
    GArray *deaths;       /* of Death, oldest first */
    GPtrArray *contained; /* of gchar *: modules */
};

Deaths *
deaths_new(void)
{
    Deaths *self = g_new0(Deaths, 1);

    self->deaths = g_array_new(FALSE, FALSE, sizeof(Death));
    self->contained = g_ptr_array_new_with_free_func(g_free);
    return self;
}

void
deaths_free(Deaths *self)
{
    g_array_free(self->deaths, TRUE);
    g_ptr_array_free(self->contained, TRUE);
    g_free(self);
}

const GPtrArray *
deaths_get_contained(const Deaths *self)
{
    return self->contained;
}

void
deaths_forget(Deaths *self)
{
    g_ptr_array_set_size(self->contained, 0);
    g_array_set_size(self->deaths, 0);
}

static gboolean
deaths_is_contained(const Deaths *self, const gchar *module)
{
    for (guint i = 0; i < self->contained->len; i++) {
        if (strcmp(g_ptr_array_index(self->contained, i), module) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
deaths_count(Deaths *self, const gchar *module)
{
    Death death = {.at_ms = clock_monotonic_ms()};
    guint count = 0;

    g_strlcpy(death.module, module, sizeof death.module);
    g_array_append_val(self->deaths, death);
    while (g_array_index(self->deaths, Death, 0).at_ms < death.at_ms - DEATHS_WITHIN_MS)
        g_array_remove_index(self->deaths, 0);
    for (guint i = 0; i < self->deaths->len; i++)
        count += strcmp(g_array_index(self->deaths, Death, i).module, module) == 0 ? 1 : 0;
    if (count >= DEATHS_MAX && !deaths_is_contained(self, module))
        g_ptr_array_add(self->contained, g_strdup(module));
}

/* What the module that is to blame has done, or NULL; (out_module) holds BLAME_NAME_BYTES. */
static const gchar *
deaths_find_guilt(const WorkerProcess *worker, gchar *out_module)
{
    switch (worker->blame_fd < 0 ? BLAME_NOBODY : blame_read(worker->blame_fd, out_module)) {
    case BLAME_HANG:
        return "it did not come back";
    case BLAME_CRASH:
        return "it crashed";
    default:
        return NULL;
    }
}

void
deaths_note(Deaths *self, const WorkerProcess *worker, const gchar *how)
{
    gchar module[BLAME_NAME_BYTES];
    const gchar *guilt = deaths_find_guilt(worker, module);

    if (guilt == NULL) {
        barid_log(BARID_LOG_ERROR, "worker.died", "how", how, NULL);
        return;
    }
    barid_log(BARID_LOG_ERROR, "worker.died", "how", how, "module", module, "reason", guilt, NULL);
    deaths_count(self, module);
}

gchar *
deaths_describe_failed_start(const WorkerProcess *worker, const gchar *how)
{
    gchar module[BLAME_NAME_BYTES];
    const gchar *guilt = deaths_find_guilt(worker, module);

    return guilt == NULL
               ? g_strdup_printf("the new worker ended at its start: %s", how)
               : g_strdup_printf("the new worker ended at its start: %s, because of module %s: %s",
                                 how, module, guilt);
}
