/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sim/dialogue-private.h"

#include "base/chance.h"
#include "base/clock.h"
#include "base/error-domain.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/queue-destinations.h"
#include "queue/queue-stats.h"
#include "queue/schedule.h"
#include "sim/judge.h"
#include "sim/virtual-clock.h"
#include "sim/zone-resolver.h"

ERROR_DOMAIN_DEFINE(dialogue_error_quark, "barid-dialogue-error")

enum {
    DIALOGUE_SAID_MAX = 12,     /* lines shown beside a failure */
    DIALOGUE_FAILURES_MAX = 50,
    DIALOGUE_RECORDS_MAX = 1000,
    DIALOGUE_QUIET_TURNS = 4,   /* answers of the queue in a row that it has nothing to do */
    DIALOGUE_NAP_MAX_MS = 1000,
};

/* --- failing --- */

static void
dialogue_failure_free(gpointer data)
{
    DialogueFailure *self = data;

    g_free(self->step);
    g_free(self->message);
    g_free(self->expected);
    g_free(self->got);
    g_free(self);
}

static DialogueFailure *
dialogue_add_failure(Dialogue *self, gchar *message_taken)
{
    const DialogueStep *step = dialogue_get_step(self);
    DialogueFailure *failure = g_new0(DialogueFailure, 1);

    failure->message = message_taken;
    if (step != NULL) {
        failure->line = step->number;
        failure->step = g_strdup(step->line);
    }
    if (self->report->failures->len == 0) {
        for (GList *at = self->said.head; at != NULL; at = at->next)
            g_ptr_array_add(self->report->session, g_strdup(at->data));
    }
    g_ptr_array_add(self->report->failures, failure);
    return failure;
}

const DialogueStep *
dialogue_get_step(const Dialogue *self)
{
    return self->script.steps != NULL && self->at < self->script.steps->len
               ? g_ptr_array_index(self->script.steps, self->at)
               : NULL;
}

gboolean
dialogue_fail(Dialogue *self, const gchar *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!self->is_over)
        dialogue_add_failure(self, g_strdup_vprintf(format, args));
    va_end(args);
    self->is_over = TRUE;
    return FALSE;
}

gboolean
dialogue_differ(Dialogue *self, const gchar *expected, const gchar *got)
{
    DialogueFailure *failure = dialogue_add_failure(
        self, g_strdup_printf("expected \"%s\", got \"%s\"", expected, got));

    failure->expected = g_strdup(expected);
    failure->got = g_strdup(got);
    self->is_over = self->report->failures->len >= DIALOGUE_FAILURES_MAX;
    return !self->is_over;
}

void
dialogue_note(Dialogue *self, const gchar *who, const gchar *text)
{
    const DialogueStep *step = dialogue_get_step(self);

    g_queue_push_tail(&self->said, g_strdup_printf("%4u  %s: %s", step == NULL ? 0 : step->number,
                                                   who, text));
    if (self->said.length > DIALOGUE_SAID_MAX)
        g_free(g_queue_pop_head(&self->said));
}

void
dialogue_report_clear(DialogueReport *self)
{
    g_clear_pointer(&self->failures, g_ptr_array_unref);
    g_clear_pointer(&self->session, g_ptr_array_unref);
    g_clear_pointer(&self->outcomes, g_ptr_array_unref);
    g_clear_pointer(&self->world, g_free);
}

/* --- texts --- */

GString *
dialogue_unescape(const gchar *text)
{
    GString *out = g_string_new(NULL);

    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            g_string_append_c(out, *text);
            continue;
        }
        switch (*++text) {
        case 'r':
            g_string_append_c(out, '\r');
            break;
        case 'n':
            g_string_append_c(out, '\n');
            break;
        case 't':
            g_string_append_c(out, '\t');
            break;
        case '0':
            g_string_append_c(out, '\0');
            break;
        case 'x':
            if (!g_ascii_isxdigit(text[1]) || !g_ascii_isxdigit(text[2]))
                break;
            g_string_append_c(out, (gchar)(g_ascii_xdigit_value(text[1]) * 16 +
                                           g_ascii_xdigit_value(text[2])));
            text += 2;
            break;
        default:
            g_string_append_c(out, *text);
            break;
        }
        if (*text == '\0')
            break;
    }
    return out;
}

gboolean
dialogue_matches(const gchar *pattern, const gchar *text)
{
    g_autofree gchar *open = g_strconcat("*", pattern, "*", NULL);

    return g_pattern_match_simple(open, text);
}

/* --- clients --- */

DialogueClient *
dialogue_add_client(Dialogue *self, const gchar *name)
{
    DialogueClient *client = g_new0(DialogueClient, 1);

    client->name = g_strdup(name);
    client->address = (Address){.bytes = {127, 0, 0, 1}, .port = 40000};
    if (self->client != NULL) {
        client->address = self->client->address;
        client->listener = self->client->listener;
    }
    witness_init(&client->witness);
    if (self->client != NULL)
        client->witness.keeps_records = self->client->witness.keeps_records;
    g_ptr_array_add(self->clients, client);
    return client;
}

static void
dialogue_client_free(gpointer data)
{
    DialogueClient *client = data;

    witness_clear(&client->witness);
    g_free(client->name);
    g_free(client->helo);
    g_free(client->unread);
    g_free(client);
}

static void
dialogue_see(InboundEvent event, BaridScope *scope, gpointer data)
{
    Dialogue *self = data;

    if (event == INBOUND_SESSION_BEGINS) {
        witness_see(event, scope, &self->served->witness);
        return;
    }
    for (guint i = 0; i < self->clients->len; i++) {
        DialogueClient *client = g_ptr_array_index(self->clients, i);

        if (client->witness.session == scope_get_session(scope))
            witness_see(event, scope, &client->witness);
    }
}

static void
dialogue_take_record(BaridLogLevel level G_GNUC_UNUSED, const gchar *line, gpointer data)
{
    Dialogue *self = data;

    g_mutex_lock(&self->log_lock);
    g_queue_push_tail(&self->log, g_strdup(line));
    if (self->log.length > DIALOGUE_RECORDS_MAX)
        g_free(g_queue_pop_head(&self->log));
    g_mutex_unlock(&self->log_lock);
}

/* --- running the steps --- */

static const DialogueWordRow *
dialogue_find_word(const gchar *word)
{
    const DialogueWordRow *const tables[] = {dialogue_talk_words, dialogue_check_words,
                                             dialogue_replay_words};

    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const DialogueWordRow *row = tables[i]; row->word != NULL; row++) {
            if (strcmp(row->word, word) == 0)
                return row;
        }
    }
    return NULL;
}

static const gchar *
dialogue_find_nearest_word(const gchar *word)
{
    const DialogueWordRow *const tables[] = {dialogue_talk_words, dialogue_check_words};
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const DialogueWordRow *row = tables[i]; row->word != NULL; row++)
            g_ptr_array_add(names, (gpointer)(guintptr)row->word);
    }
    g_ptr_array_add(names, NULL);
    return text_nearest(word, (const gchar *const *)names->pdata);
}

gboolean
dialogue_run_step(Dialogue *self, const DialogueStep *step)
{
    const DialogueWordRow *row = dialogue_find_word(step->word);
    const gchar *nearest;

    if (row != NULL && step->block != NULL && !row->has_block)
        return dialogue_fail(self, "\"%s\" takes no indented lines", step->word);
    if (row != NULL)
        return row->run(self, step->text);
    nearest = dialogue_find_nearest_word(step->word);
    return dialogue_fail(self, "there is no word \"%s\"%s%s%s", step->word,
                         nearest == NULL ? "" : "; did you mean \"",
                         nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

static gboolean
dialogue_client_was_told_more(const DialogueClient *client)
{
    return client->stream != NULL &&
           (client->unread != NULL ||
            stream_get_input(client->stream).len > client->reader.pending);
}

static void
dialogue_expect_nothing_more(Dialogue *self)
{
    for (guint i = 0; i < self->clients->len && self->report->failures->len == 0; i++) {
        const DialogueClient *client = g_ptr_array_index(self->clients, i);

        if (dialogue_client_was_told_more(client))
            dialogue_fail(self, "there are replies that nobody expected%s%s",
                          *client->name == '\0' ? "" : ", to ", client->name);
    }
}

static void
dialogue_main(gpointer data)
{
    Dialogue *self = data;

    for (self->at = 0; self->at < self->script.steps->len; self->at++) {
        if (!dialogue_run_step(self, g_ptr_array_index(self->script.steps, self->at)))
            break;
    }
    self->at = MIN(self->at, self->script.steps->len - 1);
    dialogue_expect_nothing_more(self);
    dialogue_leave(self);
}

void
dialogue_leave(Dialogue *self)
{
    for (guint i = 0; i < self->clients->len; i++)
        g_clear_pointer(&((DialogueClient *)g_ptr_array_index(self->clients, i))->stream,
                        stream_free);
    if (self->outbound != NULL && self->delivers) {
        outbound_cancel_thread(self->outbound, self->scheduler);
        outbound_drain_thread(self->outbound, self->scheduler);
    }
    fiber_group_cancel(&self->sessions);
    fiber_group_cancel(&self->group);
}

/* --- delivery --- */

static gboolean
dialogue_open_queue(Dialogue *self, GError **error)
{
    QueueOptions *options = &self->queue_options;

    generation_get_queue_options(self->generation, options);
    options->folder = self->spool;
    options->history_folder = self->history;
    options->disk = sim_disk_get_disk(self->disk);
    options->spool.segment_bytes = 8 * 1024 * 1024;
    options->spool.reserve_bytes = 0;
    self->queue = queue_new(options, error);
    if (self->queue == NULL)
        return FALSE;
    inbound_set_queue(self->generation->inbound, self->queue);
    return TRUE;
}

/* A transport of the module that is tested is called itself. */
static gpointer
dialogue_open_transport(const gchar *name, gpointer data, const BaridTransportDriver **out_driver)
{
    Dialogue *self = data;
    HostModule *module;

    if (self->options->module != NULL &&
        host_find_provider(self->generation->host, BARID_PROVIDER_TRANSPORT, name, &module) !=
            NULL &&
        strcmp(host_module_get_name(module), self->options->module) == 0)
        return NULL;
    return mailbox_log_open(name, &self->mailboxes, out_driver);
}

Outbound *
dialogue_get_outbound(Dialogue *self)
{
    OutboundServices services = {.queue = self->queue,
                                 .stand_in = dialogue_open_transport,
                                 .stand_in_data = self};
    g_autoptr(GError) error = NULL;

    if (self->outbound != NULL)
        return self->outbound;
    generation_fill_outbound(self->generation, &services);
    self->outbound = outbound_new(&services, &error);
    if (self->outbound == NULL)
        dialogue_fail(self, "delivery: %s", error->message);
    return self->outbound;
}

gboolean
dialogue_start_delivery(Dialogue *self)
{
    g_autoptr(GError) error = NULL;

    queue_stop(self->queue);
    queue_free(g_steal_pointer(&self->queue));
    g_clear_pointer(&self->outbound, outbound_free);
    if (!dialogue_open_queue(self, &error))
        return dialogue_fail(self, "the queue: %s", error->message);
    if (dialogue_get_outbound(self) == NULL)
        return FALSE;
    outbound_add_thread(self->outbound, self->scheduler);
    generation_tell_own(self->generation, self->outbound);
    queue_set_describe(self->queue, outbound_describe, self->outbound);
    queue_start(self->queue, outbound_dispatch, self->outbound);
    self->delivers = TRUE;
    return TRUE;
}

/* When something is due next; G_MAXINT64 for never. */
static gint64
dialogue_get_next_due(Dialogue *self)
{
    QueueStats stats;

    queue_get_stats(self->queue, &stats);
    return stats.replaying || stats.n_active > 0 ? 0
           : stats.next_ms == SCHEDULE_NEVER     ? G_MAXINT64
                                                 : stats.next_ms;
}

/* Deliveries go on while this fiber naps; a nap moves the clock only when all others wait, and
 * grows so that a long wait of theirs takes few of them. What the queue's thread has under way
 * is here before: it is dispatched between two answers. */
static gboolean
dialogue_nap_while_active(Dialogue *self)
{
    for (gint64 nap_ms = 1; outbound_get_n_active(self->outbound) > 0;
         nap_ms = MIN(nap_ms * 2, DIALOGUE_NAP_MAX_MS)) {
        for (guint i = 0; i < 2; i++) {
            dialogue_get_next_due(self);
            fiber_yield();
        }
        if (outbound_get_n_active(self->outbound) > 0 && !barid_sleep(nap_ms, NULL))
            return FALSE;
    }
    return TRUE;
}

/* Each question is answered by the queue's thread between two turns of its own, and nothing
 * is due for good once it says so several times. */
gboolean
dialogue_settle(Dialogue *self)
{
    guint n_quiet = 0;

    if (!self->delivers)
        return TRUE;
    for (guint i = 0; i < DIALOGUE_TURNS_MAX && n_quiet < DIALOGUE_QUIET_TURNS; i++) {
        n_quiet = dialogue_get_next_due(self) > clock_wall_ms() ? n_quiet + 1 : 0;
        if (!dialogue_nap_while_active(self))
            return FALSE;
        fiber_yield();
    }
    return n_quiet >= DIALOGUE_QUIET_TURNS ||
           dialogue_fail(self, "the queue never comes to rest");
}

gboolean
dialogue_wait(Dialogue *self, gint64 ms)
{
    gint64 end_ms = clock_wall_ms() + ms;
    g_autoptr(GError) error = NULL;

    while (self->delivers && dialogue_settle(self)) {
        gint64 next_ms = dialogue_get_next_due(self);

        if (next_ms >= end_ms)
            break;
        if (next_ms > clock_wall_ms() && !barid_sleep(next_ms - clock_wall_ms(), &error))
            return dialogue_fail(self, "%s", error->message);
    }
    if (clock_wall_ms() < end_ms && !barid_sleep(end_ms - clock_wall_ms(), &error))
        return dialogue_fail(self, "%s", error->message);
    return !self->is_over && dialogue_settle(self);
}

/* --- setting up --- */

static gboolean
dialogue_make_generation(Dialogue *self, GError **error)
{
    static const BaridModule *const linked[] = {&judge_LTX_barid_module, NULL};
    const DialogueOptions *given = self->options;
    g_autoptr(ConfigFiles) files = config_files_copy(given->base);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autofree gchar *text = NULL;
    const GenerationOptions options = {
        .files = files,
        .state_dir = given->state_dir == NULL ? given->folder : given->state_dir,
        .scratch_dir = given->folder,
        .linked = linked,
        .resolver = self->resolver,
        .store_driver = given->store_driver,
        .store_settings = given->store_settings,
        .copies_stores = given->replay != NULL,
        .module_dir = given->module_dir,
    };

    config_files_append(files, given->path, barid_slice_from_text(self->script.config->str));
    config_files_append(files, given->path, barid_slice_from_text(self->script.lists->str));
    self->generation = generation_new(&options, problems);
    if (self->generation != NULL)
        return generation_start(self->generation, error);
    text = config_problems_to_text(problems);
    g_set_error(error, DIALOGUE_ERROR, BARID_ERROR_INVALID, "%s", g_strchomp(text));
    return FALSE;
}

static gboolean
dialogue_make_resolver(Dialogue *self, GError **error)
{
    if (self->options->replay == NULL) {
        self->resolver = zone_resolver_new_distant(self->script.dns->str,
                                                   self->options->dns_latency_ms, error);
        return self->resolver != NULL;
    }
    self->names = replay_names_new(self->options->replay, error);
    if (self->names != NULL)
        self->resolver = replay_names_get_resolver(self->names);
    return self->names != NULL;
}

gboolean
dialogue_set_up(Dialogue *self, GError **error)
{
    self->spool = g_build_filename(self->options->folder, "spool", NULL);
    self->history = g_build_filename(self->options->folder, "history", NULL);
    self->disk = sim_disk_new();
    if (!dialogue_make_resolver(self, error) || !dialogue_make_generation(self, error) ||
        !dialogue_open_queue(self, error))
        return FALSE;
    directories_set_skeleton_password(self->generation->directories, "policy-test");
    inbound_set_witness(self->generation->inbound, dialogue_see, self);
    self->scheduler = scheduler_new(error);
    return self->scheduler != NULL;
}

void
dialogue_clear(Dialogue *self)
{
    inbound_thread_free(self->inbound);
    queue_free(self->queue);
    outbound_free(self->outbound);
    peers_free(self->peers);
    scheduler_free(self->scheduler);
    sim_disk_free(self->disk);
    generation_free(self->generation);
    if (self->names == NULL)
        dns_resolver_free(self->resolver);
    replay_names_free(self->names);
    g_clear_object(&self->answers);
    g_ptr_array_unref(self->lost_stores);
    mailbox_log_clear(&self->mailboxes);
    g_ptr_array_unref(self->clients);
    if (self->script.steps != NULL)
        dialogue_script_clear(&self->script);
    log_set_tap(NULL, NULL);
    g_queue_clear_full(&self->said, g_free);
    g_queue_clear_full(&self->log, g_free);
    g_mutex_clear(&self->log_lock);
    g_free(self->spool);
    g_free(self->history);
}

/* The first listener is the one that scripts mean, unless there is one of this name. */
static InboundListener *
dialogue_find_listener(const Dialogue *self)
{
    Inbound *inbound = self->generation->inbound;
    InboundListener *found = inbound_find_listener(inbound, "smtp");

    if (found == NULL && inbound_get_n_listeners(inbound) > 0)
        found = inbound_get_listener(inbound, 0);
    return found;
}

void
dialogue_begin(Dialogue *self)
{
    virtual_clock_install(1767225600000); /* 2026-01-01 */
    virtual_clock_drive(self->scheduler);
    chance_set_seed(1);
    self->inbound = inbound_thread_new(self->generation->inbound, self->scheduler);
    self->client->listener = dialogue_find_listener(self);
    queue_start(self->queue, NULL, NULL);
    queue_suspend(self->queue);
    fiber_group_init(&self->group, self->scheduler);
    fiber_group_init(&self->sessions, self->scheduler);
    self->peers = peers_new(&self->mailboxes, self->resolver, &self->group);
    connector_set_dial(peers_dial, self->peers);
}

void
dialogue_end(Dialogue *self)
{
    if (self->queue != NULL)
        queue_stop(self->queue);
    connector_set_dial(NULL, NULL);
    chance_unset_seed();
    virtual_clock_remove();
}

/* Whether the script asks for a configuration that is refused, for this reason. */
static gboolean
dialogue_expects_refusal(Dialogue *self, const gchar *why)
{
    guint n_asked = 0;

    if (self->script.steps == NULL || self->queue != NULL)
        return FALSE;
    for (self->at = 0; self->at < self->script.steps->len; self->at++) {
        const DialogueStep *step = dialogue_get_step(self);

        if (strcmp(step->word, "config-refused") != 0)
            continue;
        n_asked++;
        if (!dialogue_matches(step->text, why))
            dialogue_differ(self, step->text, why);
    }
    return n_asked > 0;
}

static void
dialogue_play(Dialogue *self)
{
    g_autoptr(GError) error = NULL;

    dialogue_begin(self);
    if (fiber_group_spawn(&self->group, dialogue_main, self, &error)) {
        scheduler_stop(self->scheduler);
        scheduler_run(self->scheduler);
    } else {
        dialogue_fail(self, "%s", error->message);
    }
    dialogue_end(self);
    if (self->names != NULL)
        dialogue_tell_world(self);
}

void
dialogue_init(Dialogue *self, const DialogueOptions *options, DialogueReport *report)
{
    *self = (Dialogue){.options = options, .report = report};
    report->failures = g_ptr_array_new_with_free_func(dialogue_failure_free);
    report->session = g_ptr_array_new_with_free_func(g_free);
    report->outcomes = g_ptr_array_new_with_free_func(g_free);
    g_queue_init(&self->said);
    g_queue_init(&self->log);
    g_mutex_init(&self->log_lock);
    self->clients = g_ptr_array_new_with_free_func(dialogue_client_free);
    self->lost_stores = g_ptr_array_new_with_free_func(g_free);
    self->client = dialogue_add_client(self, "");
    mailbox_log_init(&self->mailboxes);
    log_set_tap(dialogue_take_record, self);
    self->at = G_MAXUINT; /* no step yet */
}

void
dialogue_run(const DialogueOptions *options, DialogueReport *out_report)
{
    Dialogue self;
    g_autoptr(GError) error = NULL;

    dialogue_init(&self, options, out_report);
    if (dialogue_script_read(&self.script, options->path, &error) &&
        dialogue_set_up(&self, &error))
        dialogue_play(&self);
    else if (!dialogue_expects_refusal(&self, error->message))
        dialogue_fail(&self, "%s", error->message);
    dialogue_clear(&self);
}
