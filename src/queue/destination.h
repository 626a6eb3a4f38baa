/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destinations: how many deliveries go to one place at once and how fast, and who waits for
 * it. A place at its limit, or suspended, keeps what comes further in a line of its own, by
 * priority and then first come first served; nobody else is held up and nothing is polled.
 * A place that could not be reached is down: all wait but one at a time, who probes it after
 * ever longer pauses. A pure structure of the queue's thread: it is told the time.
 */
#ifndef DESTINATION_H
#define DESTINATION_H

#include <barid/setting.h>

#include "queue/queue-id.h"
#include "queue/schedule.h"

#define DESTINATION_PAUSE_FACTOR_MAX 10

typedef struct Destinations Destinations;
typedef struct Destination Destination;

/* What a delivery found out about its destination. */
typedef enum {
    DESTINATION_UNKNOWN,   /* it did not come so far, or it needed nobody */
    DESTINATION_REACHED,   /* somebody was ready to take mail, whatever he said of this */
    DESTINATION_UNREACHED, /* nobody was */
} DestinationReach;

typedef struct {
    const gchar *key;  /* borrowed for the call */
    guint concurrency; /* 0: no limit */
    BaridRate rate;    /* count 0: no limit */
} DestinationLimits;

/* What waits: a message's domain. */
typedef struct {
    QueueId id;
    guint domain;
    gint priority;
} DestinationJob;

/* (pause_ms) is how long one that is down is left alone at first; it is doubled with each
 * probe that fails, up to DESTINATION_PAUSE_FACTOR_MAX times. 0: none is ever down. */
Destinations *destinations_new(gint64 pause_ms);
void destinations_free(Destinations *self);

/* Lets (job) go: the result is where it goes, for destinations_leave(). NULL when it has to
 * wait, and stands in line now. Who comes fresh goes behind those who wait. */
Destination *destinations_enter(Destinations *self, const DestinationLimits *limits,
                                const DestinationJob *job, gint64 now_ms);
/* The same for one whom destinations_next() has just called. */
Destination *destinations_enter_called(Destinations *self, const DestinationLimits *limits,
                                       const DestinationJob *job, gint64 now_ms);
/* A delivery has ended. (reason) says to people why nobody was reached, or is NULL. */
void destinations_leave(Destinations *self, Destination *destination, DestinationReach reach,
                        const gchar *reason, gint64 now_ms);
/* Probes (key) now, when it is down. */
void destinations_probe(Destinations *self, const gchar *key, gint64 now_ms);

/* The next of those in line who may go, by turns among the destinations; it is in no line
 * any more. FALSE when there is none. */
gboolean destinations_next(Destinations *self, gint64 now_ms, DestinationJob *out_job);
/* When somebody in line may go: now, at a time, or SCHEDULE_NEVER (when a delivery ends). */
gint64 destinations_get_next_ms(const Destinations *self);
gboolean destinations_is_waiting(const Destinations *self, QueueId id, guint domain);
/* Takes one out of its line; TRUE when it stood there. */
gboolean destinations_forget(Destinations *self, QueueId id, guint domain);
guint destinations_get_n_waiting(const Destinations *self);

/* Lets nobody go to (key) until it is resumed. FALSE when it was so already. */
gboolean destinations_suspend(Destinations *self, const gchar *key);
gboolean destinations_resume(Destinations *self, const gchar *key, gint64 now_ms);
typedef struct {
    const gchar *key;
    guint n_active, n_waiting;
    gboolean is_suspended;
    gint64 probe_ms;          /* when it is probed next; 0 when it is not down */
    const gchar *down_reason; /* NULL when it is not */
} DestinationState;

/* FALSE when nothing is known of (key). The reason is borrowed. */
gboolean destinations_get_state(const Destinations *self, const gchar *key,
                                DestinationState *out_state);

/* Calls (visit) for each that is busy, has somebody in line, is suspended or down. */
typedef void (*DestinationVisitor)(const DestinationState *state, gpointer data);
void destinations_visit(const Destinations *self, DestinationVisitor visit, gpointer data);

#endif
