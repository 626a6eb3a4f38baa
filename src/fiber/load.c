/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber/load.h"

void
load_sleep(Load *self, gint64 now_us)
{
    atomic_store_explicit(&self->since_us, -now_us, memory_order_relaxed);
}

void
load_turn(Load *self, gint64 now_us)
{
    gint64 since_us = atomic_load_explicit(&self->since_us, memory_order_relaxed);
    gint64 length_us = now_us - self->start_us;

    if (since_us < 0)
        self->idle_us += now_us + since_us;
    atomic_store_explicit(&self->since_us, now_us, memory_order_relaxed);
    if (length_us < LOAD_PERIOD_US)
        return;
    /* A sleep that began before the period is cut there: it was all asleep. */
    atomic_store_explicit(&self->permille,
                          (guint)(1000 - MIN(self->idle_us, length_us) * 1000 / length_us),
                          memory_order_relaxed);
    self->start_us = now_us;
    self->idle_us = 0;
}

guint
load_get(const Load *self, gint64 now_us)
{
    gint64 since_us = atomic_load_explicit(&self->since_us, memory_order_relaxed);

    if (now_us - ABS(since_us) >= LOAD_PERIOD_US)
        return since_us <= 0 ? 0 : 1000;
    return atomic_load_explicit(&self->permille, memory_order_relaxed);
}
