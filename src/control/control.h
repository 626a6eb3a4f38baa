/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control: the command registry and its unix socket. A request is one JSON object on one
 * line: {"verb": "queue list", "args": ["..."], "options": {"sender": "..."}}; the answer
 * is one JSON object on one line; "trace" answers with one object a line until either
 * side closes. Each request runs in a fiber. The verbs are data: name, usage, summary,
 * handler.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <json-glib/json-glib.h>

#include "control/generation.h"
#include "control/merge.h"

/* A request may be this long. */
#define CONTROL_REQUEST_MAX (64 * 1024)

typedef struct Control Control;
typedef struct ControlVerb ControlVerb;

typedef struct {
    const ControlVerb *verb;
    const gchar *const *args; /* NULL-terminated words behind the verb */
    JsonObject *options;      /* never NULL */
} ControlRequest;

/* Whether a younger process serves, and answers for this one. */
gboolean control_is_draining(const Control *self);

typedef struct {
    Generation *generation;
    Queue *queue;
    Outbound *outbound;
    guint generation_number;
    gint64 started_ms;
    /* Asks the supervisor; any thread. */
    void (*request_stop)(gpointer data);
    /* Waits for a younger worker to serve, or not: what is wrong is in the error, line by
     * line. (*out_number) is the new generation's. */
    gboolean (*request_reload)(gpointer data, guint *out_number, GError **error);
    /* The answers of workers that still drain, as JSON texts; the caller owns the array. */
    GPtrArray *(*ask_draining)(gpointer data, const gchar *request_json);
    gpointer request_data;
} ControlServices;

/* A verb: writes members into the open object of the answer, or fails. May suspend. */
typedef gboolean (*ControlHandler)(Control *self, const ControlRequest *request,
                                   JsonWriter *writer, GError **error);
struct ControlVerb {
    const gchar *verb; /* "queue list" */
    const gchar *usage; /* names every option that the verb takes */
    const gchar *summary;
    ControlHandler handler;
    MergeKind merge; /* with the answers of workers that drain */
};

/* All verbs, ended by a NULL verb; modules' commands are found beside them. */
const ControlVerb *control_get_verbs(void);
/* The verb that (words) begin with, the longest first; NULL when there is none of the
 * core's. (*out_n_words) are used up by it. */
const ControlVerb *control_find_verb(const gchar *const *words, guint *out_n_words);
/* For people: that (words) begin with no verb, and the nearest one; caller owns it. */
gchar *control_describe_unknown(const gchar *const *words);

Control *control_new(const ControlServices *services);
const ControlServices *control_get_services(const Control *self);
/* Runs one request that is already parsed; the answer is the caller's. Never NULL: an
 * error is {"error": "...", "code": "..."}. From a fiber. */
BARID_SUSPENDS gchar *control_run(Control *self, const gchar *request_json);
/* Serves connections of the listening unix socket (fd), which stays the caller's. On the
 * scheduler's thread. */
gboolean control_listen(Control *self, Scheduler *scheduler, int fd, GError **error);
/* Accepts no more connections, ends those where nothing is asked, and traces. On the
 * scheduler's thread, as the next. */
void control_drain(Control *self);
/* Ends all connections. */
void control_cancel(Control *self);
/* All fibers must have ended. */
void control_free(Control *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Control, control_free)

#endif
