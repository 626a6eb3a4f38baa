/* SPDX-License-Identifier: Apache-2.0 */
/* A queue with a spool in a folder of its own, whose deliveries are answered by the test. */
#ifndef QUEUE_FIXTURE_H
#define QUEUE_FIXTURE_H

#include "fiber/fiber.h"
#include "queue/queue-scan.h"

typedef struct {
    gchar *folder, *spool, *history;
    Queue *queue;
    Scheduler *scheduler;
    BaridRule *retry, *notify, *expire, *dsn_return;
    QueueOptions options;
    guint n_jobs, n_notices;
    guint fail_first; /* attempts that are deferred */
    guint n_lines;    /* of each attempt's transcript */
    RecipientStatus then;
    enum { MARKS_NONE, MARKS_AND_IS_KILLED, MARKS_AND_RETURNS } marks;
    gchar *prefer;  /* of the last job */
    QueueId marked;
    gchar *history_text;
    gint64 jump_us; /* the clock goes on by this after the first job */
    GMutex lock;
    GPtrArray *kept; /* retries that get no answer; NULL: all get one */
    const gchar *keeps; /* of this domain first attempts do not, either; NULL: they do */
    GString *dsns; /* content of messages with a null sender */
} Fixture;

/* Two domains; the case of letters does not make a third. */
extern const gchar *const three[];
/* How far the clock that jumps is ahead; atomic. */
extern gint64 jumped_us;

gint64 jumping_wall_us(gpointer data);
gint64 jumping_monotonic_us(gpointer data);

/* The rule is the caller's. */
BaridRule *make_rule(const gchar *text, BaridSettingType type);
Envelope make_envelope(Arena *arena, const gchar *sender, const gchar *const *recipients,
                       guint notify);

void fixture_set_up(Fixture *fixture);
void fixture_tear_down(Fixture *fixture);
/* A queue by the options, after the one before was freed. */
void fixture_open(Fixture *fixture);
/* What became of an attempt, as the fixture has it. */
void fixture_answer(Fixture *fixture, QueueJob *job);
/* Runs (func) with the fixture in a fiber, once for each scheduler. */
void fixture_run(Fixture *fixture, FiberFunc func);
void run_with_queue(FiberFunc func);
BARID_SUSPENDS QueueId submit(Fixture *fixture, const gchar *sender,
                              const gchar *const *recipients, guint notify, gboolean held);
BARID_SUSPENDS void wait_until_empty(Fixture *fixture);

#endif
