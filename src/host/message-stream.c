/* SPDX-License-Identifier: Apache-2.0 */
#include "host/message-stream.h"

#include "base/clock.h"
#include "host/host-private.h"
#include "mime/header-splitter.h"

/* One hook's stream. */
typedef struct StreamEntry {
    struct StreamEntry *next;
    const HostHook *hook;
    const BaridStreamHook *functions;
    HookCall call; /* what the functions may ask for is checked as in the hook itself */
    gpointer stream;
    gint64 wall_us;
} StreamEntry;

struct MessageStream {
    StreamEntry *entries;
    HeaderSplitter splitter;
};

/* --- calls --- */

typedef struct {
    HookCallOuter outer;
    gint64 start_us;
} StreamCall;

static StreamCall
stream_enter(StreamEntry *entry)
{
    StreamCall call = {
        .outer = hook_call_enter(&entry->call),
        .start_us = clock_monotonic_us(),
    };

    return call;
}

static void
stream_leave(StreamEntry *entry, const StreamCall *call)
{
    hook_call_leave(&call->outer);
    entry->wall_us += clock_monotonic_us() - call->start_us;
}

static void
stream_put_field(const HeaderField *field, gpointer data)
{
    const MessageStream *self = data;

    for (StreamEntry *entry = self->entries; entry != NULL; entry = entry->next) {
        StreamCall call;

        if (entry->functions->field == NULL)
            continue;
        call = stream_enter(entry);
        entry->functions->field(entry->stream, field->name, field->value, field->whole);
        stream_leave(entry, &call);
    }
}

static void
stream_put_body(BaridSlice block, gpointer data)
{
    const MessageStream *self = data;

    for (StreamEntry *entry = self->entries; entry != NULL; entry = entry->next) {
        StreamCall call;

        if (entry->functions->body == NULL)
            continue;
        call = stream_enter(entry);
        entry->functions->body(entry->stream, block);
        stream_leave(entry, &call);
    }
}

/* --- beginning --- */

/* A condition on what is not known before the message is complete is asked at its end only. */
static gboolean
stream_is_wanted(const HostHook *hook, BaridTransaction *txn)
{
    const HostModule *module = hook->module;
    const BaridRule *when = module->common.when;
    gboolean is_wanted;

    if (hook->hook->stream == NULL || host_module_why_out(module) != NULL)
        return FALSE;
    if (when == NULL || barid_rule_get_known(when) >= BARID_KNOWN_MESSAGE)
        return TRUE;
    /* It is asked once more before the hook runs. */
    txn->scope.without_shadows = TRUE;
    is_wanted = barid_rule_get_bool(when, txn);
    txn->scope.without_shadows = FALSE;
    return is_wanted;
}

static StreamEntry *
stream_begin_one(Host *host, const HostHook *hook, BaridTransaction *txn)
{
    Arena *arena = txn->scope.arena;
    StreamEntry *entry = arena_new0(arena, StreamEntry);
    StreamCall call;

    entry->hook = hook;
    entry->functions = hook->hook->stream;
    entry->call = (HookCall){.host = host, .module = hook->module, .hook = hook->hook,
                             .scope = &txn->scope};
    entry->call.edits_tail = &entry->call.edits;
    call = stream_enter(entry);
    entry->stream = entry->functions->begin(txn, hook->module->state);
    stream_leave(entry, &call);
    if (entry->stream == NULL)
        return NULL;
    if (entry->functions->free != NULL)
        arena_on_reset(arena, entry->functions->free, entry->stream);
    return entry;
}

static void
stream_clear_splitter(gpointer splitter)
{
    header_splitter_clear(splitter);
}

MessageStream *
message_stream_begin(Host *host, BaridTransaction *txn)
{
    const GArray *hooks = host->stages[BARID_STAGE_MESSAGE];
    StreamEntry *entries = NULL, **tail = &entries;
    HeaderSplitterSink sink = {.field = stream_put_field, .body = stream_put_body};
    MessageStream *self;

    for (guint i = 0; i < hooks->len; i++) {
        const HostHook *hook = &g_array_index(hooks, HostHook, i);

        if (!stream_is_wanted(hook, txn))
            continue;
        *tail = stream_begin_one(host, hook, txn);
        if (*tail != NULL)
            tail = &(*tail)->next;
    }
    if (entries == NULL)
        return NULL;
    self = arena_new0(txn->scope.arena, MessageStream);
    self->entries = entries;
    sink.data = self;
    header_splitter_init(&self->splitter, &sink);
    arena_on_reset(txn->scope.arena, stream_clear_splitter, &self->splitter);
    return self;
}

void
message_stream_feed(MessageStream *self, BaridSlice block)
{
    header_splitter_feed(&self->splitter, block);
}

void
message_stream_end(MessageStream *self)
{
    header_splitter_finish(&self->splitter);
    for (StreamEntry *entry = self->entries; entry != NULL; entry = entry->next) {
        if (entry->functions->end != NULL) {
            StreamCall call = stream_enter(entry);

            entry->functions->end(entry->stream);
            stream_leave(entry, &call);
        }
        counter_add(entry->hook->counters[HOOK_COUNT_WALL_US], (guint64)entry->wall_us);
    }
}

/* --- the hook --- */

gpointer
message_stream_get(const MessageStream *self, const BaridHook *hook)
{
    const StreamEntry *entry = self == NULL ? NULL : self->entries;

    while (entry != NULL && entry->hook->hook != hook)
        entry = entry->next;
    return entry == NULL ? NULL : entry->stream;
}

gpointer
barid_transaction_get_stream(BaridTransaction *txn)
{
    const HookCall *call = hook_call_get_current();

    g_return_val_if_fail(call != NULL, NULL);
    return message_stream_get(txn->stream, call->hook);
}

void
message_stream_run(Host *host, BaridTransaction *txn)
{
    txn->stream = message_stream_begin(host, txn);
    if (txn->stream == NULL)
        return;
    message_stream_feed(txn->stream, txn->message);
    message_stream_end(txn->stream);
}
