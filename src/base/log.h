/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log records: one line of key=value pairs each, built on the caller's stack and handed
 * through a lock-free ring to one writer thread, so that logging costs a session no
 * system call. When the ring is full, records are dropped and counted; the next record
 * that fits says how many.
 *
 * The public call is barid_log() in <barid/runtime.h>.
 */
#ifndef LOG_H
#define LOG_H

#include <barid/runtime.h>

/* Longest line; what is longer is cut and marked. */
#define LOG_LINE_MAX 1000

/* Receives whole lines on the writer thread, or at once before log_start(). */
typedef void (*LogSink)(const gchar *lines, gsize len, gpointer data);

/* Starts the writer thread. (sink) NULL writes to the descriptor (fd). */
void log_start(LogSink sink, gpointer data, int fd);
/* Writes what is left and ends the thread. */
void log_stop(void);
/* Records above (level) are dropped at the call. */
void log_set_level(BaridLogLevel level);
BaridLogLevel log_get_level(void);
/* Name of the level, or NULL; and back, FALSE when unknown. */
const gchar *log_level_name(BaridLogLevel level);
gboolean log_level_parse(const gchar *name, BaridLogLevel *out_level);
/* Sees every record as it is made, before the level is applied; for tests and "trace".
 * NULL removes it. Called on the logging thread. */
typedef void (*LogTap)(BaridLogLevel level, const gchar *line, gpointer data);
void log_set_tap(LogTap tap, gpointer data);
gboolean log_has_tap(void);

/* Whether anybody sees records of (level), so that they are worth making. */
static inline gboolean
log_is_enabled(BaridLogLevel level)
{
    return level <= log_get_level() || log_has_tap();
}

#endif
