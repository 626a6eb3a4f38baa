/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a module may ask of the runtime: work that blocks, the clock, randomness,
 * counters and the log. All of it is replaceable, so that tests control it.
 */
#ifndef BARID_RUNTIME_H
#define BARID_RUNTIME_H

#include <barid/slice.h>

/* Runs (func) on a helper thread and waits for it. Use it for everything that blocks
 * (files, databases, other libraries' look-ups). (func) always runs to its end: when
 * the deadline passes first, the call still waits, then fails with
 * BARID_ERROR_TIMEOUT, so (data) may live on the caller's stack. */
typedef void (*BaridOffloadFunc)(gpointer data);
BARID_SUSPENDS gboolean barid_offload(BaridOffloadFunc func, gpointer data, GError **error);

/* Suspends the calling fiber. FALSE when cancelled or past the deadline. */
BARID_SUSPENDS gboolean barid_sleep(gint64 duration_ms, GError **error);

/* Milliseconds since the epoch; the same within one turn of the worker's loop. */
gint64 barid_now_ms(void);
/* Milliseconds of a clock that never jumps. */
gint64 barid_monotonic_ms(void);
/* Fills (buffer) with random bytes fit for keys. */
void barid_random(void *buffer, gsize len);

typedef enum {
    BARID_LOG_ERROR,
    BARID_LOG_WARNING,
    BARID_LOG_NOTICE,
    BARID_LOG_INFO,
    BARID_LOG_DEBUG,
    BARID_LOG_TRACE,
} BaridLogLevel;

/* One event: (event) is a stable dotted id, then pairs of const gchar * key and value,
 * ended by NULL. Values are copied and made printable. Never give it credentials. */
void barid_log(BaridLogLevel level, const gchar *event, ...) G_GNUC_NULL_TERMINATED;

#endif
