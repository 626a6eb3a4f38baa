/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of barid-check share. The dialogue runner does the work: each call is a step
 * of a dialogue, made in a fiber of the client's, while the caller's thread is the server's. */
#ifndef CHECK_PRIVATE_H
#define CHECK_PRIVATE_H

#include <barid/check.h>

#include "sim/dialogue-private.h"
#include "sim/fake-store.h"

/* What a run of barid_check_each_suspension() does to the module. */
typedef struct {
    BaridCheckDisturbance kind;
    guint target;     /* the point where it comes; they count from 1; 0 for none */
    guint n_points;   /* seen so far */
    gboolean came;
    gconstpointer call; /* the call of the module that it came to */
    guint n_waits_since; /* waits of that call */
    gchar *place;     /* "example at rcpt" */
} CheckDisturber;

struct BaridCheck {
    BaridCheckSetup setup;
    gchar *module_dir, *module;
    gchar *folder;
    ConfigFiles *files;
    FakeStoreControl stores;
    DialogueOptions options;
    DialogueReport report;
    Dialogue dialogue;
    DialogueStep answered; /* a step that follows each of ours */
    gchar *reply;
    gboolean is_gone;   /* the connection has ended */
    guint n_calls;
    CheckDisturber disturber;
};

typedef void (*CheckFunc)(BaridCheck *self, gpointer data);

/* A check that has not begun; only check_free_parts() follows when (*error) is set. */
BaridCheck *check_new(const BaridCheckSetup *setup, GError **error);
/* Ends all that runs. */
void check_stop(BaridCheck *self);
/* Runs (func) in a fiber of the client's until it returns and the server rests. */
void check_enter(BaridCheck *self, CheckFunc func, gpointer data);
/* In such a fiber: one step; FALSE when it failed, which is in the report. */
BARID_SUSPENDS gboolean check_step(BaridCheck *self, const gchar *word, const gchar *text,
                                   const gchar *block);
/* Tells what is in the report, which is empty then. (file) may be NULL. */
void check_tell(BaridCheck *self, const gchar *file, gint line);
/* By BaridCheckDisturbance, for people. */
extern const gchar *const check_disturbance_names[];
/* Hands (message) to whom the setup names, or aborts. */
void check_give(const BaridCheckSetup *setup, const gchar *message);
/* Tells one failure, with what was said last. */
void check_complain(BaridCheck *self, const gchar *file, gint line, const gchar *format, ...)
    G_GNUC_PRINTF(4, 5);
/* After a disturbance that changes what is answered, expectations do not count. */
gboolean check_is_upset(const BaridCheck *self);
/* check-suspend.c: lets the disturber see the module wait. */
void check_watch(BaridCheck *self);

#endif
