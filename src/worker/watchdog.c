/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/watchdog.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/blame.h"
#include "base/log.h"

enum {
    WATCHDOG_LOOK_MS = 1000,
    WATCHDOG_WARN_MS = 3000,
    WATCHDOG_STACK = 64 * 1024, /* the kernel alone may write 12 KiB to it */
};

static const int watchdog_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
static gint64 watchdog_limit_ms;
static BlameSlot *watchdog_starting; /* of the thread on which modules start */

/* --- crashes --- */

/* The signal comes again, with its usual effect, when the handler returns. */
static G_GNUC_UNUSED void /* sanitizers have handlers of their own */
watchdog_on_crash(int number G_GNUC_UNUSED)
{
    blame_accuse_thread(BLAME_CRASH);
}

void
watchdog_catch_crashes(void)
{
#ifndef BARID_SANITIZE
    struct sigaction action = {.sa_handler = watchdog_on_crash,
                               .sa_flags = SA_ONSTACK | (int)SA_RESETHAND};

    for (gsize i = 0; i < G_N_ELEMENTS(watchdog_signals); i++)
        sigaction(watchdog_signals[i], &action, NULL);
#endif
}

void
watchdog_prepare_thread(void)
{
    static _Thread_local guint8 *memory;
    stack_t stack = {.ss_size = WATCHDOG_STACK};
    sigset_t set;

    if (memory == NULL)
        memory = g_malloc(WATCHDOG_STACK);
    stack.ss_sp = memory;
    sigaltstack(&stack, NULL);
    /* A fault whose signal is blocked ends the process without a word. */
    sigemptyset(&set);
    for (gsize i = 0; i < G_N_ELEMENTS(watchdog_signals); i++)
        sigaddset(&set, watchdog_signals[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* --- modules that never come back --- */

static gint64
watchdog_get_least(gint64 limit_ms)
{
    return MAX(limit_ms, WATCHDOG_WARN_MS + WATCHDOG_LOOK_MS);
}

/* Between modules the server itself may take its time. */
static void
watchdog_on_alarm(int number G_GNUC_UNUSED)
{
    guint32 label = atomic_load_explicit(&watchdog_starting->label, memory_order_relaxed);

    if (label == 0) {
        alarm(1);
        return;
    }
    blame_accuse(label, BLAME_HANG);
    abort();
}

/* The main loop does not look yet: it is what waits. */
void
watchdog_begin_start(gint64 limit_ms)
{
    struct sigaction action = {.sa_handler = watchdog_on_alarm};

    watchdog_starting = blame_get_slot();
    sigaction(SIGALRM, &action, NULL);
    alarm((guint)(watchdog_get_least(limit_ms) / 1000));
}

void
watchdog_end_start(void)
{
    alarm(0);
}

static gboolean
watchdog_look(gpointer data G_GNUC_UNUSED)
{
    gint64 stuck_ms = 0;
    guint32 label = blame_find_stuck(WATCHDOG_LOOK_MS, WATCHDOG_WARN_MS, &stuck_ms);
    gchar seconds[16];

    if (label == 0)
        return G_SOURCE_CONTINUE;
    g_snprintf(seconds, sizeof seconds, "%u", (guint)(stuck_ms / 1000));
    if (stuck_ms < watchdog_limit_ms) {
        if (stuck_ms < WATCHDOG_WARN_MS + WATCHDOG_LOOK_MS)
            barid_log(BARID_LOG_WARNING, "module.slow", "module", blame_get_name(label),
                      "seconds", seconds, NULL);
        return G_SOURCE_CONTINUE;
    }
    barid_log(BARID_LOG_ERROR, "module.stuck", "module", blame_get_name(label), "seconds", seconds,
              NULL);
    blame_accuse(label, BLAME_HANG);
    log_stop();
    abort();
}

void
watchdog_start(gint64 limit_ms)
{
    watchdog_limit_ms = watchdog_get_least(limit_ms);
    g_timeout_add(WATCHDOG_LOOK_MS, watchdog_look, NULL);
}
