/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <barid/runtime.h>

static gint64
clock_system_monotonic(gpointer data G_GNUC_UNUSED)
{
    return g_get_monotonic_time();
}

static gint64
clock_system_wall(gpointer data)
{
    const gint64 *offset_us = data;

    return g_get_real_time() + (offset_us == NULL ? 0 : *offset_us);
}

static const ClockSource clock_system = {clock_system_monotonic, clock_system_wall, NULL};
static ClockSource clock_source = {clock_system_monotonic, clock_system_wall, NULL};
static gint64 clock_offset_us;

static _Thread_local struct {
    gboolean turning;
    gint64 monotonic_ms;
    gint64 wall_ms;
} clock_reading;

void
clock_set_source(const ClockSource *source)
{
    clock_source = source == NULL ? clock_system : *source;
    clock_reading.turning = FALSE;
}

void
clock_set_wall(gint64 wall_ms)
{
    static const ClockSource shifted = {clock_system_monotonic, clock_system_wall,
                                        &clock_offset_us};

    clock_offset_us = wall_ms * 1000 - g_get_real_time();
    clock_set_source(&shifted);
}

gint64
clock_turn(void)
{
    gint64 monotonic_us = clock_source.monotonic_us(clock_source.data);

    clock_reading.turning = TRUE;
    clock_reading.monotonic_ms = monotonic_us / 1000;
    clock_reading.wall_ms = clock_source.wall_us(clock_source.data) / 1000;
    return monotonic_us;
}

gint64
clock_monotonic_ms(void)
{
    if (clock_reading.turning)
        return clock_reading.monotonic_ms;
    return clock_source.monotonic_us(clock_source.data) / 1000;
}

gint64
clock_wall_ms(void)
{
    if (clock_reading.turning)
        return clock_reading.wall_ms;
    return clock_source.wall_us(clock_source.data) / 1000;
}

gint64
clock_monotonic_us(void)
{
    return clock_source.monotonic_us(clock_source.data);
}

gint64
barid_now_ms(void)
{
    return clock_wall_ms();
}

gint64
barid_monotonic_ms(void)
{
    return clock_monotonic_ms();
}
