/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking with the supervisor while serving. Fibers send their wishes themselves; what comes
 * back is read on the main thread, which wakes them.
 */
#include "worker/worker-private.h"

#include <unistd.h>

#include "base/error-domain.h"

enum { TALK_ANSWER_MAX = 16 * 1024 * 1024 };

/* --- reload --- */

void
worker_request_stop(gpointer worker)
{
    const Worker *self = worker;

    ipc_send(self->ipc_end, IPC_WANT_STOP, BARID_SLICE_EMPTY, -1, NULL);
}

static gboolean
talk_set_reload(Worker *self, WorkerWait *wait)
{
    gboolean is_free;

    g_mutex_lock(&self->lock);
    is_free = self->reload == NULL && !self->draining && !self->stopping;
    if (is_free)
        self->reload = wait;
    g_mutex_unlock(&self->lock);
    return is_free;
}

gboolean
worker_request_reload(gpointer worker, guint *out_number, GError **error)
{
    Worker *self = worker;
    WorkerWait wait = {.ok = FALSE};

    fiber_completion_init(&wait.completion);
    if (!talk_set_reload(self, &wait)) {
        g_set_error_literal(error, CONTROL_ERROR, BARID_ERROR_BUSY,
                            "a reload or stop is under way already");
        return FALSE;
    }
    if (!ipc_send(self->ipc_end, IPC_WANT_RELOAD, BARID_SLICE_EMPTY, -1, NULL))
        worker_end_waits(self);
    fiber_completion_wait(&wait.completion);
    if (wait.ok)
        *out_number = (guint)g_ascii_strtoull(wait.text, NULL, 10);
    else
        g_set_error(error, CONTROL_ERROR, BARID_ERROR_INVALID,
                    "nothing was changed, the server goes on as it was:\n%s",
                    g_strchomp(wait.text));
    g_free(wait.text);
    return wait.ok;
}

static void
talk_end_reload(Worker *self, gboolean ok, const gchar *text)
{
    WorkerWait *wait;

    g_mutex_lock(&self->lock);
    wait = g_steal_pointer(&self->reload);
    g_mutex_unlock(&self->lock);
    if (wait == NULL)
        return;
    wait->ok = ok;
    wait->text = g_strdup(text);
    fiber_completion_signal(&wait->completion);
}

/* --- questions to older workers --- */

static WorkerWait *
talk_find_question(Worker *self, const gchar *id)
{
    for (guint i = 0; i < self->questions->len; i++) {
        WorkerWait *wait = g_ptr_array_index(self->questions, i);

        if (strcmp(wait->id, id) == 0)
            return wait;
    }
    return NULL;
}

GPtrArray *
worker_ask_draining(gpointer worker, const gchar *request_json)
{
    Worker *self = worker;
    g_autofree gchar *id = NULL;
    g_autoptr(GByteArray) payload = g_byte_array_new();
    WorkerWait wait = {.answers = g_ptr_array_new_with_free_func(g_free)};

    fiber_completion_init(&wait.completion);
    g_mutex_lock(&self->lock);
    wait.id = id = g_strdup_printf("%u", ++self->last_question);
    g_ptr_array_add(self->questions, &wait);
    g_mutex_unlock(&self->lock);
    g_byte_array_append(payload, (const guint8 *)id, (guint)strlen(id) + 1);
    g_byte_array_append(payload, (const guint8 *)request_json, (guint)strlen(request_json));
    if (payload->len > IPC_PAYLOAD_MAX ||
        !ipc_send(self->ipc_end, IPC_ASK, barid_slice(payload->data, payload->len), -1, NULL))
        worker_end_waits(self);
    fiber_completion_wait(&wait.completion);
    return wait.answers;
}

static void
talk_take_answer(Worker *self, IpcMessage *message)
{
    int fd = ipc_message_take_fd(message);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : ipc_map_sealed(fd, NULL);
    gsize len = 0;
    const gchar *text = bytes == NULL ? NULL : g_bytes_get_data(bytes, &len);
    WorkerWait *wait;

    if (fd >= 0)
        close(fd);
    if (text == NULL || len > TALK_ANSWER_MAX)
        return;
    g_mutex_lock(&self->lock);
    wait = talk_find_question(self, ipc_message_get_text(message, 0));
    if (wait != NULL)
        g_ptr_array_add(wait->answers, g_strndup(text, len));
    g_mutex_unlock(&self->lock);
}

static void
talk_end_question(Worker *self, const gchar *id)
{
    WorkerWait *wait;

    g_mutex_lock(&self->lock);
    wait = talk_find_question(self, id);
    if (wait != NULL)
        g_ptr_array_remove_fast(self->questions, wait);
    g_mutex_unlock(&self->lock);
    if (wait != NULL)
        fiber_completion_signal(&wait->completion);
}

void
worker_end_waits(Worker *self)
{
    talk_end_reload(self, FALSE, "the supervisor is gone");
    for (;;) {
        g_autofree gchar *id = NULL;

        g_mutex_lock(&self->lock);
        if (self->questions->len > 0)
            id = g_strdup(((WorkerWait *)g_ptr_array_index(self->questions, 0))->id);
        g_mutex_unlock(&self->lock);
        if (id == NULL)
            return;
        talk_end_question(self, id);
    }
}

/* --- questions of a younger worker --- */

typedef struct {
    Worker *worker;
    const gchar *id, *request;
} TalkQuestion;

static void
talk_answer(gpointer data)
{
    const TalkQuestion *question = data;
    g_autofree gchar *answer = control_run(question->worker->control, question->request);
    int fd = ipc_seal("barid-answer", barid_slice_from_text(answer), NULL);

    ipc_send(question->worker->ipc_end, IPC_ANSWER,
             barid_slice(question->id, strlen(question->id) + 1), fd, NULL);
    if (fd >= 0)
        close(fd);
}

/* Any of the threads that serve may end now: the main thread answers, in a loop of its own. */
static void
talk_take_question(Worker *self, const IpcMessage *message)
{
    TalkQuestion question = {self, ipc_message_get_text(message, 0),
                             ipc_message_get_text(message, 1)};
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    if (scheduler == NULL)
        return;
    fiber_group_init(&group, scheduler);
    if (fiber_group_spawn(&group, talk_answer, &question, NULL)) {
        scheduler_stop(scheduler);
        scheduler_run(scheduler);
    }
    scheduler_free(scheduler);
}

/* --- messages --- */

gboolean
worker_take_message(Worker *self)
{
    g_auto(IpcMessage) message = {0};

    if (!ipc_receive(self->ipc_end, &message, NULL) || message.type == IPC_STOP)
        return FALSE;
    switch (message.type) {
    case IPC_DRAIN:
        worker_begin_drain(self);
        break;
    case IPC_ADOPT:
        queue_adopt(self->queue);
        break;
    case IPC_RELOADED:
        talk_end_reload(self, strcmp(ipc_message_get_text(&message, 0), "ok") == 0,
                        ipc_message_get_text(&message, 1));
        break;
    case IPC_ASK:
        talk_take_question(self, &message);
        break;
    case IPC_ANSWER:
        talk_take_answer(self, &message);
        break;
    case IPC_ANSWERED:
        talk_end_question(self, ipc_message_get_text(&message, 0));
        break;
    default:
        break;
    }
    return TRUE;
}
