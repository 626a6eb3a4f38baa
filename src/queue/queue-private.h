/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the queue share. Everything here belongs to the queue's thread. */
#ifndef QUEUE_PRIVATE_H
#define QUEUE_PRIVATE_H

#include <stdatomic.h>

#include "base/counter.h"
#include "queue/queue-destinations.h"
#include "queue/queue-place.h"
#include "queue/schedule.h"

/* What other threads leave in the inbox. */
typedef struct QueueTask {
    struct QueueTask *next;
    enum { QUEUE_TASK_SUBMIT, QUEUE_TASK_RESULT, QUEUE_TASK_CALL, QUEUE_TASK_NOTE } kind;
} QueueTask;

typedef struct {
    QueueTask task;
    FiberCompletion completion;
    SpoolChange change;
    QueueEntry *entry;
} QueueSubmitTask;

typedef struct {
    QueueTask task;
    QueueJob *job;
} QueueResultTask;

typedef struct {
    QueueTask task;
    FiberCompletion completion;
    void (*func)(Queue *queue, gpointer data);
    gpointer data;
} QueueCallTask;

typedef struct {
    QueueTask task;
    gchar *id;
    gchar *document;
} QueueNoteTask;

/* One queued message in the index: small, since there may be very many. What it says in
 * full is in the spool. */
struct QueueEntry {
    SpoolRef ref;
    ScheduleItem item;
    guint8 *state; /* the stored delivery state */
    guint32 state_len;
    guint32 size_kib;
    guint16 n_jobs;
    guint16 n_waiting; /* domains in a destination's line */
    guint held : 1;
    guint is_untold : 1;     /* a notice about it could not be written */
    guint is_remembered : 1; /* it is in the history, though it is still here */
    gint8 priority;
    guint8 place; /* index of the folder it is in */
};

struct Queue {
    QueueOptions options;
    gchar *folder;
    QueuePlace *places[QUEUE_PLACES_MAX];
    QueuePlace *own;            /* our side folder, or NULL */
    guint home;                 /* index of the one that new messages go to */
    guint n_guests;             /* places besides home */
    gboolean home_is_main, released;
    _Atomic(Spool *) home_spool; /* for other threads */
    gint64 look_ms;             /* when to look for folders next */
    _Atomic gboolean look_now;
    _Atomic gboolean handing_over;
    void (*handed_over)(gpointer data);
    gpointer handed_over_data;
    GPtrArray *left_spools;     /* of Spool *: given up, still asked for files */
    GPtrArray *left_entries;    /* of QueueEntry *: linked in a spool, not ours any more */
    History *history;
    GThread *thread;
    int wake_fd;
    _Atomic(QueueTask *) inbox;
    _Atomic gboolean sleeping;
    _Atomic gboolean stopping;
    _Atomic gboolean suspended;
    GMutex lock;   /* of the next two */
    GCond changed;
    gboolean is_suspended;
    GHashTable *index; /* QueueId -> QueueEntry, keyed by a pointer into the entry */
    Schedule schedule;
    Destinations *destinations;
    QueueDescribe describe;
    gpointer describe_data;
    guint n_active, n_held;
    guint n_retrying;          /* of the active: not at their first attempt */
    _Atomic guint n_messages;   /* of the index; other threads ask for the quota */
    _Atomic guint64 bytes_kib;
    gboolean replayed;
    CounterId n_results[3], n_dsns, n_in_doubt; /* results by RecipientStatus */
    guint n_untidied; /* changes since the last housekeeping */
    QueueDispatch dispatch;
    gpointer dispatch_data;
    const QueueJob *settling; /* the job whose results are taken in, for its transcript */
    /* Of the turn at hand. */
    Arena *turn;
    GPtrArray *changes; /* of SpoolChange * */
    GPtrArray *signals; /* of FiberCompletion * */
    GPtrArray *gone;    /* of QueueEntry *: to be freed when their removal is durable */
    GPtrArray *stuck;   /* of QueueEntry *: whose removal could not be written */
    GPtrArray *marks;   /* of SpoolMark *: of jobs whose results are in the commit */
    GPtrArray *born;    /* of QueueNotice *: to be scheduled when durable */
};

/* A change that lives until the turn's commit. */
SpoolChange *queue_add_change(Queue *self, SpoolChangeKind kind, QueueEntry *entry);
QueueEntry *queue_find(Queue *self, QueueId id);
/* Every entry is made and freed by these two: it is not from the heap. */
QueueEntry *queue_entry_new(QueueId id);
void queue_entry_free(QueueEntry *entry);
void queue_entry_set_state(QueueEntry *entry, BaridSlice state);
/* Puts the entry where its state says. */
void queue_entry_schedule(Queue *self, QueueEntry *entry, const Envelope *envelope,
                          const DeliveryState *state);
void queue_entry_insert(Queue *self, QueueEntry *entry, const Envelope *envelope,
                        const DeliveryState *state);
/* Out of index and schedule; freed after the commit. */
void queue_entry_remove(Queue *self, QueueEntry *entry);

/* queue-jobs.c */
void queue_dispatch_due(Queue *self);
/* Who may go now: a part of the slots is kept for fresh mail, however many hosts that do not
 * answer the retries wait for. */
ScheduleWho queue_get_who(const Queue *self);
/* When there is something to do next, by the wall clock; 0: now; or SCHEDULE_NEVER. */
gint64 queue_get_next_ms(Queue *self);
void queue_take_result(Queue *self, QueueJob *job);
/* Where a domain of a message goes and what is allowed there; texts in the turn's arena. */
void queue_get_limits(Queue *self, const Envelope *envelope, const DeliveryState *state,
                      guint domain, DestinationLimits *out_limits);
/* Fills in a fresh state; why it expires is added to (decisions), JSON objects, unless NULL. */
void queue_state_init(const Queue *self, const Envelope *envelope, Arena *arena, gboolean held,
                      GString *decisions, DeliveryState *out_state);

/* queue-history.c */
void queue_remember(Queue *self, const Envelope *envelope, const DeliveryState *state,
                    const SpoolContent *content, const gchar *outcome);
/* The header as the client sent it, when the history is to have it. */
void queue_write_header(const Queue *self, const SpoolContent *content, JsonWriter *writer);
void queue_write_message(const Envelope *envelope, const DeliveryState *state,
                         const gchar *status, JsonWriter *writer);
const gchar *queue_entry_get_status(const QueueEntry *entry);

/* queue-suspended.c: which destinations are suspended, in memory as in the file. */
void queue_suspended_read(Queue *self);
gboolean queue_suspended_write(Queue *self, GError **error);

/* Runs (func) on the queue's thread and waits. */
BARID_SUSPENDS void queue_call(Queue *self, void (*func)(Queue *queue, gpointer data),
                               gpointer data);

#endif
