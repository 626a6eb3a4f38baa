/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blame: whose code runs on each thread, in a page that two processes share. It outlives a
 * crash, so the one who watches knows whom to name. Writing costs two stores; a label is a
 * number given to a name once.
 */
#ifndef BLAME_H
#define BLAME_H

#include <stdatomic.h>

#include <barid/error.h>

#define BLAME_THREADS_MAX 64
#define BLAME_NAMES_MAX 256
#define BLAME_NAME_BYTES 48

typedef enum { BLAME_NOBODY, BLAME_CRASH, BLAME_HANG } BlameReason;

/* One thread's; labels are 0 while none of the named runs. */
typedef struct {
    _Alignas(64) _Atomic guint32 label;
    _Atomic guint32 turn; /* changes whenever the thread goes on to something else */
    _Atomic guint32 may_block; /* it is there to wait: the watchdog lets it be */
} BlameSlot;

/* --- the process that is watched --- */

/* Uses the page in (fd), of blame_new_page(), from now on. Before the threads. */
gboolean blame_use_page(int fd, GError **error);
/* In a forked process: what it does is nobody's business. Before its threads. */
void blame_forget_page(void);
/* The label of (name); 0 when there are too many. Main thread. */
guint32 blame_label(const gchar *name);
/* The calling thread's slot; never NULL. */
BlameSlot *blame_get_slot(void);
/* Says that (label), or nobody with 0, runs on this thread now; the result ran before. */
static inline guint32
blame_enter(BlameSlot *slot, guint32 label)
{
    guint32 before = atomic_load_explicit(&slot->label, memory_order_relaxed);

    atomic_store_explicit(&slot->label, label, memory_order_relaxed);
    return before;
}

/* The watchdog, called every (interval_ms): the label of a thread that has computed for one
 * and the same for (limit_ms) or longer, and how long; 0 when there is none. */
guint32 blame_find_stuck(gint64 interval_ms, gint64 limit_ms, gint64 *out_ms);
const gchar *blame_get_name(guint32 label);
/* Writes down who is to blame; the first word counts. From signal handlers, too. */
void blame_accuse(guint32 label, BlameReason reason);
void blame_accuse_thread(BlameReason reason);

/* --- the process that watches --- */

/* A page in a memory file; -1 on failure. */
int blame_new_page(GError **error);
/* Who was accused; (out_name) holds BLAME_NAME_BYTES. */
BlameReason blame_read(int fd, gchar *out_name);

#endif
