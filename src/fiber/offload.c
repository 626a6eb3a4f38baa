/* SPDX-License-Identifier: Apache-2.0 */
/* barid_offload(): blocking work on a pool of helper threads. */
#include <barid/runtime.h>

#include "base/blame.h"
#include "fiber/fiber.h"

enum { OFFLOAD_THREADS_MAX = 16 };

typedef struct {
    BaridOffloadFunc func;
    gpointer data;
    guint32 label; /* whose work it is */
    FiberCompletion completion;
} Offload;

static void
offload_run(gpointer item, gpointer data G_GNUC_UNUSED)
{
    Offload *offload = item;
    BlameSlot *slot = blame_get_slot();

    atomic_store_explicit(&slot->may_block, TRUE, memory_order_relaxed);
    blame_enter(slot, offload->label);
    offload->func(offload->data);
    blame_enter(slot, 0);
    fiber_completion_signal(&offload->completion);
}

static GThreadPool *
offload_get_pool(void)
{
    static gsize pool;

    if (g_once_init_enter(&pool)) {
        GThreadPool *made = g_thread_pool_new(offload_run, NULL, OFFLOAD_THREADS_MAX, FALSE, NULL);

        g_once_init_leave(&pool, (gsize)made);
    }
    return (GThreadPool *)pool;
}

gboolean
barid_offload(BaridOffloadFunc func, gpointer data, GError **error)
{
    Offload offload = {.func = func, .data = data, .label = fiber_get_label()};

    if (fiber_get_current() == NULL) {
        func(data); /* a plain thread may block */
        return TRUE;
    }
    fiber_completion_init(&offload.completion);
    g_thread_pool_push(offload_get_pool(), &offload, NULL);
    fiber_completion_wait(&offload.completion);
    if (fiber_deadline_get_left() <= 0) {
        g_set_error_literal(error, FIBER_ERROR, BARID_ERROR_TIMEOUT,
                            "the work took longer than its deadline");
        return FALSE;
    }
    return TRUE;
}
