/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue: durable messages, their schedule, and what becomes of them.
 *
 * One thread owns the spool, the index and the schedule. Sessions hand messages to it and
 * wait until they are on stable storage; everything that arrives while one flush is under
 * way shares the next. Due messages go out as jobs, one for each message and domain, and
 * come back with results. Retry, notices, expiry and history are decided here.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "base/address.h"
#include "base/json-writer.h"
#include "fiber/fiber.h"
#include "queue/arrival.h"
#include "queue/destination.h"
#include "queue/envelope.h"
#include "queue/history.h"
#include "queue/queue-options.h"
#include "queue/spool/marks.h"

#define QUEUE_ERROR (queue_error_quark())
GQuark queue_error_quark(void);

typedef struct Queue Queue;
typedef struct QueueEntry QueueEntry;

/* What one attempt did for one recipient. Texts are the job's (its arena). */
typedef struct {
    gboolean done;
    RecipientStatus status; /* PENDING means deferred */
    const gchar *code;      /* "2.0.0" */
    const gchar *text;
    const gchar *remote;    /* host that said (text), or NULL for local reasons */
    RecipientManner manner; /* when DELIVERED */
    const gchar *peer;      /* when PENDING and in doubt: who may have it, or NULL */
} QueueResult;

/* One message to one domain. Belongs to the dispatcher until queue_job_finish(). */
typedef struct QueueJob {
    struct QueueJob *next; /* the queue's own use */
    SchedulerPost post;    /* for the dispatcher's hand-over */
    QueueEntry *entry;
    Arena *arena;
    Envelope envelope;
    SpoolContent *content;
    BaridSlice pieces[2];  /* what is delivered: the content's prefix and body, unless replaced */
    guint domain;
    guint n_attempts;      /* before this one */
    guint n_notices;       /* of delay, so far */
    gint64 expires_ms;
    const gchar *last_status, *last_error; /* of the attempt before; NULL without one */
    const gchar *route, *prefer; /* sent there by hand; peer left in doubt; or NULL */
    guint n_recipients;
    const guint *recipients; /* indices in the envelope: those still pending */
    QueueResult *results;    /* one for each of them */
    const gchar *mx;         /* the host that was tried last, or NULL; for rules, as its address */
    Address remote, local;
    GString *transcript;     /* timed lines, without content */
    GString *decisions;      /* about it: JSON objects, separated by commas; or NULL */
    DestinationReach reach;  /* what the attempt found out about the destination */
    gboolean untouched;      /* given back without an attempt: nothing is counted */
    gint64 started_ms;
    SpoolMark *mark;         /* the queue's own use */
    Destination *destination; /* the queue's own use */
} QueueJob;

/* Called on the queue's thread; must not block. */
typedef void (*QueueDispatch)(QueueJob *job, gpointer data);

/* Opens the spool and history; nothing runs yet. */
Queue *queue_new(const QueueOptions *options, GError **error);
/* Starts the thread; replay goes on in the background. */
void queue_start(Queue *self, QueueDispatch dispatch, gpointer data);
/* Dispatches nothing more when it returns; jobs under way may still finish. From a plain
 * thread. */
void queue_suspend(Queue *self);
/* Commits what is in hand and ends the thread. All jobs must be finished. */
void queue_stop(Queue *self);
void queue_free(Queue *self);
/* A nameless file for a message that is still arriving; any thread. The caller closes it. */
int queue_make_file(Queue *self, GError **error);
/* Looks for spool folders that nobody holds any more: the main one, when this queue could
 * not have it yet, and side folders. Any thread. */
void queue_adopt(Queue *self);
/* Gives up the main folder and all others but a side folder, for messages of sessions that
 * go on, once the jobs under way have ended; then calls (done) on the queue's thread.
 * After queue_suspend(). */
void queue_hand_over(Queue *self, void (*done)(gpointer data), gpointer data);

/* Makes a message durable. (envelope) gets its id from the caller (queue_id_new). FALSE
 * with a temporary error when it is not stored. Never cut short by the deadline. */
typedef struct {
    Envelope *envelope;
    gboolean held;
    BaridSlice prefix, body;
    int body_fd; /* -1 without */
    gsize body_fd_bytes;
} QueueSubmission;
BARID_SUSPENDS gboolean queue_submit(Queue *self, const QueueSubmission *submission,
                                     GError **error);
/* To be called before the end of the content may reach (peer), an endpoint: when the process
 * ends before the job's results are durable, the next one knows that the attempt is in
 * doubt. Cheap, never waits; the thread that has the job. */
void queue_job_mark(const QueueJob *job, const gchar *peer);
/* Gives a job back with its results. Any thread. */
void queue_job_finish(Queue *self, QueueJob *job);
/* Appends a session's record to the history. Any thread; does not wait. */
void queue_note_session(Queue *self, const gchar *session_id, gchar *document_taken);

/* --- looking in and acting, from fibers --- */

typedef struct {
    const gchar *sender, *recipient, *domain; /* case-insensitive substrings; NULL any */
    const gchar *message_id;                  /* likewise */
    const gchar *remote_ip;                   /* exactly */
    const gchar *status;                      /* "held", "queued", "active", or NULL */
    gint64 before_ms, after_ms;               /* of arrival; 0 any */
    QueueId id;                               /* 0 any */
    guint limit;                              /* 0 any */
    const gchar *noted; /* the records of decisions and attempts hold this; NULL any */
    guint newest;       /* of all that the rest allows, only so many; newest first; 0 all */
} QueueFilter;

typedef enum {
    QUEUE_RETRY,   /* due now */
    QUEUE_HOLD,
    QUEUE_RELEASE,
    QUEUE_CANCEL,  /* removed without a DSN */
} QueueAction;

/* Number of messages acted on; each change is durable when the call returns. */
BARID_SUSPENDS guint queue_act(Queue *self, QueueAction action, const QueueFilter *filter);
BARID_SUSPENDS guint queue_count(Queue *self, const QueueFilter *filter);
/* Writes "messages": [...], one object each; the second form with recipients, attempts and
 * decisions. */
BARID_SUSPENDS void queue_write_list(Queue *self, const QueueFilter *filter, JsonWriter *writer);
BARID_SUSPENDS void queue_write_details(Queue *self, const QueueFilter *filter,
                                        JsonWriter *writer);
/* The stored message, or NULL. */
BARID_SUSPENDS SpoolContent *queue_open_content(Queue *self, QueueId id, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Queue, queue_free)

#endif
