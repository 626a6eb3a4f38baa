/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/virtual-clock.h"

#include <stdatomic.h>

#include "base/clock.h"

/* Other threads (the queue's) read it, too. */
static _Atomic gint64 virtual_monotonic_us;
static _Atomic gint64 virtual_wall_offset_us;

enum { VIRTUAL_START_US = 3600 };

static gint64
virtual_read_monotonic(gpointer data G_GNUC_UNUSED)
{
    return atomic_load(&virtual_monotonic_us);
}

static gint64
virtual_read_wall(gpointer data G_GNUC_UNUSED)
{
    return atomic_load(&virtual_monotonic_us) + atomic_load(&virtual_wall_offset_us);
}

static void
virtual_set_offset(gint64 wall_ms)
{
    atomic_store(&virtual_wall_offset_us, wall_ms * 1000 - atomic_load(&virtual_monotonic_us));
}

void
virtual_clock_set_wall(gint64 wall_ms)
{
    virtual_set_offset(wall_ms);
    clock_turn();
}

void
virtual_clock_install(gint64 wall_ms)
{
    static const ClockSource source = {virtual_read_monotonic, virtual_read_wall, NULL};

    atomic_store(&virtual_monotonic_us, (gint64)VIRTUAL_START_US * G_USEC_PER_SEC);
    virtual_set_offset(wall_ms);
    clock_set_source(&source);
}

void
virtual_clock_remove(void)
{
    clock_set_source(NULL);
}

static void
virtual_advance_to(gint64 monotonic_ms, gpointer data G_GNUC_UNUSED)
{
    atomic_store(&virtual_monotonic_us, monotonic_ms * 1000);
}

void
virtual_clock_drive(Scheduler *scheduler)
{
    scheduler_set_virtual(scheduler, virtual_advance_to, NULL);
}

void
virtual_clock_advance(gint64 ms)
{
    atomic_fetch_add(&virtual_monotonic_us, ms * 1000);
}
