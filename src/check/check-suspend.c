/* SPDX-License-Identifier: Apache-2.0 */
/* Disturbing the module wherever it waits. */
#include "check/check-private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/blame.h"
#include "base/clock.h"
#include "check/check-memory.h"
#include "host/host-private.h"
#include "sim/virtual-clock.h"

enum {
    SUSPEND_DELAY_MS = 1000,
    SUSPEND_PROVIDER_MS = 30000, /* has no limit of its own */
    /* A call whose waits all fail at once and that still goes on is caught in a loop. */
    SUSPEND_WAITS_MAX = 10000,
    /* What is lost is lost each time; what is made once, or grows now and then
     * (a thread of a pool, a table), is not. */
    SUSPEND_ROUNDS = 12,
};

/* --- what comes in between --- */

/* (call) is NULL in a provider: a transport delivers, or a store answers. */
static void
disturber_name_place(BaridCheck *check, const HookCall *call)
{
    const gchar *where = call == NULL         ? "as a provider"
                         : call->hook == NULL ? "in a command"
                                              : decision_stage_name(call->hook->stage);

    g_free(check->disturber.place);
    check->disturber.place = g_strdup_printf("%s %s%s", check->module,
                                             call == NULL || call->hook == NULL ? "" : "at ",
                                             where);
}

static void
disturber_move_clock(gint64 ms)
{
    virtual_clock_advance(ms);
    clock_turn();
}

static void
disturber_cancel(BaridCheck *check, const HookCall *call)
{
    /* A provider may be at work for either. */
    if (check->dialogue.outbound != NULL &&
        (call == NULL || scope_get_attempt(call->scope) != NULL))
        outbound_cancel_thread(check->dialogue.outbound, check->dialogue.scheduler);
    if (call == NULL || scope_get_attempt(call->scope) == NULL)
        fiber_group_cancel(&check->dialogue.sessions);
}

/* How long until the time of the call is over. */
static gint64
disturber_get_patience(const HookCall *call)
{
    gint64 left_ms = fiber_deadline_get_left();

    return call != NULL             ? call->module->common.timeout_ms
           : left_ms != G_MAXINT64 ? left_ms
                                    : SUSPEND_PROVIDER_MS;
}

static void
disturber_come(BaridCheck *check, const HookCall *call)
{
    CheckDisturber *self = &check->disturber;

    self->came = TRUE;
    self->call = call;
    disturber_name_place(check, call);
    switch (self->kind) {
    case BARID_CHECK_DELAY:
        /* Not so long that its time is over. */
        disturber_move_clock(MIN(SUSPEND_DELAY_MS, fiber_deadline_get_left() / 2));
        break;
    case BARID_CHECK_TIMEOUT:
        disturber_move_clock(disturber_get_patience(call));
        break;
    case BARID_CHECK_CANCEL:
        disturber_cancel(check, call);
        break;
    default:
        break;
    }
}

/* There is nobody to return to. */
static void
disturber_give_up(const BaridCheck *check)
{
    fprintf(stderr, "the module waits again and again although each wait fails (%s, wait %u)\n",
            check->disturber.place, check->disturber.target);
    abort();
}

static void
disturber_see_wait(gpointer local, gpointer data)
{
    BaridCheck *check = data;
    CheckDisturber *self = &check->disturber;
    const HookCall *call = local;

    if (call != NULL ? strcmp(call->module->module->name, check->module) != 0
                     : strcmp(blame_get_name(fiber_get_label()), check->module) != 0)
        return;
    self->n_points++;
    if (self->n_points == self->target)
        disturber_come(check, call);
    else if (check_is_upset(check) && self->call == call && self->n_waits_since < G_MAXUINT &&
             ++self->n_waits_since > SUSPEND_WAITS_MAX)
        disturber_give_up(check);
}

void
check_watch(BaridCheck *self)
{
    scheduler_set_wait_witness(self->dialogue.scheduler, disturber_see_wait, self);
}

BaridCheckDisturbance
barid_check_get_disturbance(const BaridCheck *self)
{
    return self->disturber.came ? self->disturber.kind : BARID_CHECK_UNDISTURBED;
}

/* --- one run --- */

typedef struct {
    const BaridCheckSetup *setup;
    BaridCheckTest test;
    gconstpointer data;
    BaridCheckDisturbance kind;
    guint target;
    guint n_points;
    gchar *place;
} SuspendRun;

/* Whether the server is as it should be afterwards. */
static void
suspend_check_server(BaridCheck *check)
{
    if (check->disturber.kind == BARID_CHECK_CANCEL && check->disturber.came &&
        check->dialogue.sessions.cancelled && check->dialogue.sessions.n_members > 0)
        check_complain(check, NULL, 0, "the session does not end");
    else if (*barid_check_connect(check, .ip = NULL) == '\0')
        check_complain(check, NULL, 0, "another client gets no answer");
}

static void
suspend_run(SuspendRun *self)
{
    BaridCheck *check = barid_check_new(self->setup);

    if (check == NULL)
        return;
    check->disturber.kind = self->kind;
    check->disturber.target = self->target;
    self->test(check, self->data);
    self->n_points = check->disturber.n_points;
    if (self->target > 0 && !check->disturber.came)
        check_complain(check, NULL, 0, "the test did not come to wait %u: it is not the same "
                       "each time", self->target);
    if (self->target > 0)
        suspend_check_server(check);
    g_free(self->place);
    self->place = g_strdup(check->disturber.place);
    barid_check_free(check);
}

static void
suspend_complain_memory(const SuspendRun *self, gsize bytes)
{
    g_autofree gchar *message = g_strdup_printf(
        "%" G_GSIZE_FORMAT " bytes are left over after %s at wait %u (%s)", bytes,
        check_disturbance_names[self->kind], self->target,
        self->place == NULL ? "undisturbed" : self->place);

    check_give(self->setup, message);
}

/* Until a run gives back all that it took; when none does, the least is what is lost. */
static void
suspend_run_all_rounds(SuspendRun *self)
{
    gsize lost = G_MAXSIZE;

    for (guint round = 0; round < SUSPEND_ROUNDS; round++) {
        gint64 before = check_memory_get_used();
        gint64 grown;

        suspend_run(self);
        grown = check_memory_get_used() - before;
        if (grown <= 0)
            return;
        lost = MIN(lost, (gsize)grown);
    }
    suspend_complain_memory(self, lost);
}

guint
barid_check_each_suspension(const BaridCheckSetup *setup, BaridCheckTest test, gconstpointer data)
{
    SuspendRun run = {.setup = setup, .test = test, .data = data};
    guint n_points;

    suspend_run_all_rounds(&run);
    n_points = run.n_points;
    for (guint kind = BARID_CHECK_DELAY; kind <= BARID_CHECK_CANCEL; kind++) {
        for (guint target = 1; target <= n_points; target++) {
            run.kind = (BaridCheckDisturbance)kind;
            run.target = target;
            suspend_run_all_rounds(&run);
        }
    }
    g_free(run.place);
    return n_points;
}
