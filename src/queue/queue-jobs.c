/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: what goes out, and what comes back. Retry, expiry and notices are decided here. */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "queue/attempt-facts.h"
#include "queue/queue-doubt.h"
#include "queue/queue-notify.h"

enum {
    JOB_UNREADABLE_RETRY_MS = 60000,
    JOB_PUT_BACK_MS = 1000,
    JOB_DISPATCH_STEP = 256,
    JOB_FRESH_SHARE = 4, /* one of so many slots is kept for first attempts */
    JOB_IN_DOUBT_WAIT = 3, /* times the usual wait */
    STATE_EXPIRY_NOTES = 16, /* domains of a message whose expiry is explained */
};

typedef enum { JOB_FRESH, JOB_CALLED } JobTurn;
typedef void (*JobLook)(Queue *self, QueueEntry *entry, SpoolContent *content,
                        const Envelope *envelope, DeliveryState *state, guint domain);

/* Which rule says when the domain is given up; what has its default needs no record. A constant
 * says the same of all domains. */
static void
state_note_expiry(const Envelope *envelope, guint domain, gint64 expire_ms,
                  const RuleReasons *why, Arena *arena, GString *decisions)
{
    Decision entry = {
        .source = "queue",
        .stage = BARID_STAGE_QUEUED,
        .verdict = BARID_CONTINUE,
        .reason = "expire",
        .wall_ms = clock_wall_ms(),
    };
    g_autofree gchar *expire = NULL;
    JsonWriter writer;

    if (why == NULL || g_strcmp0(why->position.file, "default") == 0 ||
        domain >= STATE_EXPIRY_NOTES || (why->value == NULL && domain > 0))
        return;
    expire = units_format_duration(expire_ms);
    if (why->value != NULL)
        entry.subject = arena_dup_slice_text(arena, envelope->domains[domain]);
    decision_add_input(&entry, arena, "expire", expire);
    decision_set_reasons(&entry, arena, why);
    if (decisions->len > 0)
        g_string_append_c(decisions, ',');
    json_writer_init(&writer, decisions);
    decision_write(&entry, &writer);
}

void
queue_state_init(const Queue *self, const Envelope *envelope, Arena *arena, gboolean held,
                 GString *decisions, DeliveryState *out_state)
{
    *out_state = (DeliveryState){.held = held};
    out_state->domains = arena_alloc(arena, sizeof(DomainState) * MAX(envelope->n_domains, 1));
    out_state->recipients =
        arena_alloc(arena, sizeof(RecipientState) * MAX(envelope->n_recipients, 1));
    for (guint i = 0; i < envelope->n_domains; i++) {
        DomainState *domain = &out_state->domains[i];
        const RuleReasons *why;
        const gint64 *notify_ms;
        gint64 expire_ms;
        guint n_notify;
        BaridAttempt facts;

        domain->next_ms = envelope->created_ms;
        attempt_facts_fill(&facts, envelope, i, arena);
        expire_ms = rule_eval_explained(self->options.expire, &facts.scope, arena, &why);
        domain->expires_ms = envelope->created_ms + expire_ms;
        if (decisions != NULL)
            state_note_expiry(envelope, i, expire_ms, why, arena, decisions);
        n_notify = barid_rule_get_durations(self->options.notify, &facts, &notify_ms);
        /* A notification is never notified about (RFC 3461 section 6.2). */
        if (n_notify > 0 && envelope->sender.len > 0)
            domain->notify_ms = envelope->created_ms + notify_ms[0];
    }
    for (guint i = 0; i < envelope->n_recipients; i++) {
        RecipientState *rcpt = &out_state->recipients[i];

        if (!envelope->recipients[i].is_expanded)
            continue;
        rcpt->status = RECIPIENT_DELIVERED;
        rcpt->manner = RECIPIENT_MANNER_EXPANDED;
        rcpt->last_ms = envelope->created_ms;
    }
}

/* --- going out --- */

static void
job_free(QueueJob *job)
{
    spool_content_unref(job->content);
    spool_mark_free(job->mark);
    g_string_free(job->transcript, TRUE);
    if (job->decisions != NULL)
        g_string_free(job->decisions, TRUE);
    arena_free(job->arena);
    g_free(job);
}

static guint
job_pick_recipients(QueueJob *job, const DeliveryState *state)
{
    guint *picked = arena_alloc(job->arena, sizeof(guint) * job->envelope.n_recipients);
    guint count = 0;

    for (guint i = 0; i < job->envelope.n_recipients; i++) {
        if (job->envelope.recipients[i].domain == job->domain &&
            state->recipients[i].status == RECIPIENT_PENDING)
            picked[count++] = i;
    }
    job->recipients = picked;
    job->n_recipients = count;
    job->results = arena_alloc(job->arena, sizeof(QueueResult) * MAX(count, 1));
    return count;
}

/* NULL when empty. */
static const gchar *
job_dup_text(QueueJob *job, BaridSlice text)
{
    return text.len == 0 ? NULL : arena_dup_slice_text(job->arena, text);
}

void
queue_get_limits(Queue *self, const Envelope *envelope, const DeliveryState *state, guint domain,
                 DestinationLimits *out_limits)
{
    BaridSlice name = envelope->domains[domain];
    BaridSlice route = state->domains[domain].route;
    DestinationState known;

    *out_limits = (DestinationLimits){
        .key = arena_dup_slice_text(self->turn, name),
    };
    /* A suspended domain keeps its mail back whatever the next hop, but for what an
     * administrator sends another way. */
    if (self->describe != NULL &&
        (route.len > 0 ||
         !destinations_get_state(self->destinations, out_limits->key, &known) ||
         !known.is_suspended))
        self->describe(envelope, domain, route, self->turn, out_limits, self->describe_data);
}

/* Where the domain's mail goes, and whether it may now; NULL when it has to stand in line. */
static Destination *
job_enter(Queue *self, QueueEntry *entry, const Envelope *envelope, const DeliveryState *state,
          guint domain, JobTurn turn)
{
    DestinationJob waits = {entry->ref.id, domain, entry->priority};
    DestinationLimits limits;
    Destination *destination;

    queue_get_limits(self, envelope, state, domain, &limits);
    destination = turn == JOB_FRESH ? destinations_enter(self->destinations, &limits, &waits,
                                                         clock_wall_ms())
                                    : destinations_enter_called(self->destinations, &limits,
                                                                &waits, clock_wall_ms());
    if (destination == NULL)
        entry->n_waiting++;
    return destination;
}

/* What became of the attempt before, for rules. */
static void
job_note_last(QueueJob *job, const DeliveryState *state)
{
    const RecipientState *recipient = &state->recipients[job->recipients[0]];

    job->last_status = job_dup_text(job, recipient->code);
    job->last_error = job_dup_text(job, recipient->text);
}

/* A destination that is down: whoever waits for it and was not tried himself learns why. */
static void
job_note_down(Queue *self, const QueueEntry *entry, const Envelope *envelope,
              DeliveryState *state, guint domain)
{
    DestinationLimits limits;
    DestinationState known;

    if (entry->n_waiting == 0 ||
        !destinations_is_waiting(self->destinations, entry->ref.id, domain))
        return;
    queue_get_limits(self, envelope, state, domain, &limits);
    if (!destinations_get_state(self->destinations, limits.key, &known) ||
        known.down_reason == NULL)
        return;
    for (guint i = 0; i < envelope->n_recipients; i++) {
        RecipientState *rcpt = &state->recipients[i];

        if (envelope->recipients[i].domain != domain || rcpt->status != RECIPIENT_PENDING ||
            rcpt->code.len > 0)
            continue;
        rcpt->code = BARID_SLICE_LITERAL("4.4.1");
        rcpt->text = barid_slice_from_text(arena_dup_text(self->turn, known.down_reason));
    }
}

static void
job_start(Queue *self, QueueEntry *entry, SpoolContent *content, const DeliveryState *state,
          guint domain, Destination *destination)
{
    QueueJob *job = g_new0(QueueJob, 1);

    job->arena = arena_new(1024);
    job->entry = entry;
    job->content = spool_content_ref(content);
    job->pieces[0] = spool_content_get_prefix(content);
    job->pieces[1] = spool_content_get_body(content);
    job->domain = domain;
    job->n_attempts = state->domains[domain].n_attempts;
    job->n_notices = state->domains[domain].n_notices;
    job->expires_ms = state->domains[domain].expires_ms;
    job->route = job_dup_text(job, state->domains[domain].route);
    job->prefer = job_dup_text(job, state->domains[domain].peer);
    job->transcript = g_string_new(NULL);
    job->started_ms = clock_wall_ms();
    if (!envelope_parse(spool_content_get_envelope(content), job->arena, &job->envelope) ||
        job_pick_recipients(job, state) == 0) {
        destinations_leave(self->destinations, destination, DESTINATION_UNKNOWN, NULL,
                           clock_wall_ms());
        job_free(job);
        return;
    }
    job_note_last(job, state);
    job->mark = spool_mark_new(queue_entry_get_spool(self, entry));
    job->destination = destination;
    entry->n_jobs++;
    self->n_active++;
    self->n_retrying += job->n_attempts > 0 ? 1u : 0u;
    self->dispatch(job, self->dispatch_data);
}

static void
job_store_state(Queue *self, QueueEntry *entry, const Envelope *envelope,
                const DeliveryState *state)
{
    g_auto(Buffer) bytes = {0};
    SpoolChange *change;

    buffer_init(&bytes, SPOOL_ENVELOPE_MAX);
    if (!delivery_state_write(state, envelope, &bytes))
        return;
    queue_entry_set_state(entry, buffer_get_slice(&bytes));
    change = queue_add_change(self, SPOOL_STATE, entry);
    /* The entry may change again before the commit. */
    change->state = arena_dup_slice(self->turn, buffer_get_slice(&bytes));
    change->after = queue_get_notice(self, entry);
    queue_entry_schedule(self, entry, envelope, state);
}

/* In case that the notice cannot be written, and the message has to stay. */
static void
job_keep_state(QueueEntry *entry, const Envelope *envelope, const DeliveryState *state)
{
    g_auto(Buffer) bytes = {0};

    buffer_init(&bytes, SPOOL_ENVELOPE_MAX);
    if (delivery_state_write(state, envelope, &bytes))
        queue_entry_set_state(entry, buffer_get_slice(&bytes));
}

static gboolean
job_all_final(const Envelope *envelope, const DeliveryState *state)
{
    for (guint i = 0; i < envelope->n_recipients; i++) {
        if (state->recipients[i].status == RECIPIENT_PENDING)
            return FALSE;
    }
    return TRUE;
}

static gboolean
job_domain_has_pending(const Envelope *envelope, const DeliveryState *state, guint domain)
{
    for (guint i = 0; i < envelope->n_recipients; i++) {
        if (envelope->recipients[i].domain == domain &&
            state->recipients[i].status == RECIPIENT_PENDING)
            return TRUE;
    }
    return FALSE;
}

/* What must be told is told in the same batch as what happened. */
static void
job_settle(Queue *self, QueueEntry *entry, const Envelope *envelope, DeliveryState *state,
           const SpoolContent *content, guint what)
{
    const SpoolChange *notice;

    queue_notify(self, envelope, state, content, what);
    if (!job_all_final(envelope, state)) {
        job_store_state(self, entry, envelope, state);
        return;
    }
    if (!entry->is_remembered)
        queue_remember(self, envelope, state, content, "finished");
    entry->is_remembered = 1;
    notice = queue_get_notice(self, entry);
    if (notice != NULL)
        job_keep_state(entry, envelope, state);
    queue_add_change(self, SPOOL_REMOVE, entry)->after = notice;
    queue_entry_remove(self, entry);
}

/* QU10: the last error becomes final; what was never tried says so. */
static void
job_expire_domain(const Envelope *envelope, DeliveryState *state, guint domain)
{
    for (guint i = 0; i < envelope->n_recipients; i++) {
        RecipientState *rcpt = &state->recipients[i];

        if (envelope->recipients[i].domain != domain || rcpt->status != RECIPIENT_PENDING)
            continue;
        rcpt->status = RECIPIENT_FAILED;
        rcpt->last_ms = clock_wall_ms();
        if (rcpt->code.len == 0) {
            rcpt->code = BARID_SLICE_LITERAL("4.4.7");
            rcpt->text = BARID_SLICE_LITERAL("delivery time expired");
        }
    }
}

static void
job_note_late(const Queue *self, const Envelope *envelope, guint index, DomainState *domain,
              gint64 now_ms)
{
    const gint64 *notify_ms;
    guint n_notify;
    BaridAttempt facts;

    attempt_facts_fill(&facts, envelope, index, self->turn);
    facts.n_retries = domain->n_attempts;
    n_notify = barid_rule_get_durations(self->options.notify, &facts, &notify_ms);
    domain->n_notices++;
    domain->notify_ms = domain->n_notices < n_notify ? now_ms + notify_ms[domain->n_notices] : 0;
}

static void
job_start_if_let(Queue *self, QueueEntry *entry, SpoolContent *content, const Envelope *envelope,
                 const DeliveryState *state, guint domain, JobTurn turn)
{
    Destination *destination = job_enter(self, entry, envelope, state, domain, turn);

    if (destination != NULL)
        job_start(self, entry, content, state, domain, destination);
}

/* One domain of a message was called out of its line. Much may have happened meanwhile. */
static void
job_resume(Queue *self, QueueEntry *entry, SpoolContent *content, const Envelope *envelope,
           DeliveryState *state, guint domain)
{
    if (domain < envelope->n_domains && state->domains[domain].next_ms <= clock_wall_ms() &&
        job_domain_has_pending(envelope, state, domain))
        job_start_if_let(self, entry, content, envelope, state, domain, JOB_CALLED);
    queue_entry_schedule(self, entry, envelope, state);
}

/* Looks at each domain of a message that is due. */
static void
job_look(Queue *self, QueueEntry *entry, SpoolContent *content, const Envelope *envelope,
         DeliveryState *state, guint unused G_GNUC_UNUSED)
{
    gint64 now_ms = clock_wall_ms();
    guint what = entry->is_untold || job_all_final(envelope, state) ? NOTIFY_FINAL : 0;

    entry->is_untold = 0;
    for (guint i = 0; i < envelope->n_domains; i++) {
        DomainState *domain = &state->domains[i];

        if (!job_domain_has_pending(envelope, state, i))
            continue;
        if (domain->expires_ms <= now_ms ||
            (domain->notify_ms != 0 && domain->notify_ms <= now_ms))
            job_note_down(self, entry, envelope, state, i);
        if (domain->expires_ms <= now_ms) {
            job_expire_domain(envelope, state, i);
            what |= NOTIFY_FINAL;
        } else if (domain->notify_ms != 0 && domain->notify_ms <= now_ms) {
            what |= NOTIFY_LATE;
        }
    }
    if (what != 0) {
        queue_notify(self, envelope, state, content, what);
        for (guint i = 0; i < envelope->n_domains; i++) {
            DomainState *domain = &state->domains[i];

            if (domain->notify_ms != 0 && domain->notify_ms <= now_ms)
                job_note_late(self, envelope, i, domain, now_ms);
        }
        job_settle(self, entry, envelope, state, content, 0);
    }
    for (guint i = 0; i < envelope->n_domains; i++) {
        if (state->domains[i].next_ms <= now_ms && job_domain_has_pending(envelope, state, i) &&
            !(entry->n_waiting > 0 &&
              destinations_is_waiting(self->destinations, entry->ref.id, i)))
            job_start_if_let(self, entry, content, envelope, state, i, JOB_FRESH);
    }
    if (!job_all_final(envelope, state))
        queue_entry_schedule(self, entry, envelope, state);
}

/* What is parsed borrows its texts, and the entry's bytes are replaced on the way. */
static BaridSlice
job_copy_state(const QueueEntry *entry, Arena *arena)
{
    return arena_dup_slice(arena, barid_slice(entry->state, entry->state_len));
}

/* Calls (func) with the message read back; what cannot be read is put off. */
static void
job_dispatch(Queue *self, QueueEntry *entry, JobLook func, guint domain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolContent) content = queue_entry_read(self, entry, &error);
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    Envelope envelope;
    DeliveryState state;

    if (content != NULL &&
        envelope_parse(spool_content_get_envelope(content), self->turn, &envelope)) {
        if (!delivery_state_parse(job_copy_state(entry, self->turn), &envelope, self->turn,
                                  &state))
            queue_state_init(self, &envelope, self->turn, entry->held, NULL, &state);
        func(self, entry, content, &envelope, &state, domain);
        return;
    }
    barid_log(BARID_LOG_ERROR, "queue.unreadable", "queue-id", queue_id_format(entry->ref.id, id),
              "error", error != NULL ? error->message : "the envelope is damaged", NULL);
    /* The spool has set its damaged record aside: nothing is left to be tried again. */
    if (g_error_matches(error, SPOOL_ERROR, BARID_ERROR_NOT_FOUND)) {
        queue_entry_remove(self, entry);
        return;
    }
    schedule_put(&self->schedule, &entry->item, clock_wall_ms() + JOB_UNREADABLE_RETRY_MS, 0);
}

static gboolean
job_dispatch_called(Queue *self)
{
    DestinationJob job;
    QueueEntry *entry;

    if (!destinations_next(self->destinations, clock_wall_ms(), &job))
        return FALSE;
    entry = queue_find(self, job.id);
    if (entry == NULL)
        return TRUE;
    entry->n_waiting--;
    /* Once released it is due again. */
    if (!entry->held)
        job_dispatch(self, entry, job_resume, job.domain);
    return TRUE;
}

static gboolean
job_dispatch_scheduled(Queue *self)
{
    ScheduleItem *item = schedule_pop(&self->schedule, queue_get_who(self));

    if (item == NULL)
        return FALSE;
    job_dispatch(self, (QueueEntry *)(void *)((guint8 *)item - G_STRUCT_OFFSET(QueueEntry, item)),
                 job_look, 0);
    return TRUE;
}

ScheduleWho
queue_get_who(const Queue *self)
{
    guint kept = self->options.concurrency / JOB_FRESH_SHARE;

    return self->n_retrying + kept < self->options.concurrency ? SCHEDULE_ANY
                                                               : SCHEDULE_FRESH_ONLY;
}

/* By turns from the lines of destinations and from what has become due, so that neither
 * starves the other. What only moves into a line does not count as active: the number is
 * bounded, for submissions wait meanwhile. */
void
queue_dispatch_due(Queue *self)
{
    gboolean goes_on = TRUE;

    schedule_advance(&self->schedule, clock_wall_ms());
    for (guint i = 0; goes_on && i < JOB_DISPATCH_STEP; i++) {
        goes_on = FALSE;
        if (self->n_active < self->options.concurrency)
            goes_on = job_dispatch_called(self);
        if (self->n_active < self->options.concurrency)
            goes_on = job_dispatch_scheduled(self) || goes_on;
    }
}

/* --- coming back --- */

/* Why the next attempt is when it is, among the attempt's decisions. */
static void
job_note_retry(QueueJob *job, gint64 wait_ms, guint times, const RuleReasons *why)
{
    Decision entry = {
        .source = "queue",
        .stage = BARID_STAGE_RESULT,
        .verdict = BARID_DEFER,
        .reason = times > 1 ? "retry-in-doubt" : "retry",
        .wall_ms = clock_wall_ms(),
    };
    g_autofree gchar *wait = units_format_duration(wait_ms);
    JsonWriter writer;

    if (job->decisions == NULL)
        job->decisions = g_string_new(NULL);
    if (job->decisions->len > 0)
        g_string_append_c(job->decisions, ',');
    decision_add_input(&entry, job->arena, "wait",
                       times > 1 ? arena_printf(job->arena, "%u times %s", times, wait) : wait);
    decision_add_input(&entry, job->arena, "attempts",
                       arena_printf(job->arena, "%u", job->n_attempts + 1));
    decision_set_reasons(&entry, job->arena, why);
    json_writer_init(&writer, job->decisions);
    decision_write(&entry, &writer);
}

/* How long to wait after the attempt; the rule knows what has become of it. */
static gint64
job_get_retry_ms(const Queue *self, QueueJob *job, const DeliveryState *state,
                 const RuleReasons **out_why)
{
    guint n_attempts = state->domains[job->domain].n_attempts;
    const gint64 *retry_ms;
    guint n_retry;
    BaridAttempt facts;

    attempt_facts_fill(&facts, &job->envelope, job->domain, job->arena);
    facts.n_retries = n_attempts;
    facts.n_notices = job->n_notices;
    facts.expires_ms = job->expires_ms;
    facts.mx = job->mx;
    facts.remote = job->remote;
    facts.local = job->local;
    for (guint i = 0; i < job->n_recipients; i++) {
        const RecipientState *rcpt = &state->recipients[job->recipients[i]];

        if (rcpt->status == RECIPIENT_PENDING && facts.last_status == NULL) {
            facts.last_status = job_dup_text(job, rcpt->code);
            facts.last_error = job_dup_text(job, rcpt->text);
        }
    }
    n_retry = rule_eval_durations_explained(self->options.retry, &facts.scope, job->arena,
                                            &retry_ms, out_why);
    return n_retry == 0 ? JOB_UNREADABLE_RETRY_MS : retry_ms[MIN(n_attempts, n_retry) - 1];
}

static void
job_apply_result(RecipientState *rcpt, const QueueResult *result)
{
    rcpt->last_ms = clock_wall_ms();
    rcpt->in_doubt = FALSE;
    if (!result->done) {
        rcpt->code = BARID_SLICE_LITERAL("4.3.0");
        rcpt->text = BARID_SLICE_LITERAL("the attempt ended without a result");
        rcpt->remote = BARID_SLICE_EMPTY;
        return;
    }
    rcpt->status = (guint8)result->status;
    rcpt->manner = (guint8)result->manner;
    rcpt->in_doubt = result->peer != NULL;
    rcpt->code = barid_slice_from_text(result->code);
    rcpt->text = barid_slice_from_text(result->text);
    rcpt->remote = barid_slice_from_text(result->remote);
}

static void
job_log(const QueueJob *job, guint index)
{
    static const gchar *const events[] = {"delivery.deferred", "delivery.delivered",
                                          "delivery.failed"};
    const EnvelopeRecipient *rcpt = &job->envelope.recipients[job->recipients[index]];
    const QueueResult *result = &job->results[index];
    g_autofree gchar *address = NULL;
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    gchar ms[24];

    if (!log_is_enabled(BARID_LOG_INFO))
        return;
    address = text_escape(rcpt->address, 320);
    g_snprintf(ms, sizeof ms, "%" G_GINT64_FORMAT, clock_wall_ms() - job->started_ms);
    barid_log(BARID_LOG_INFO, events[MIN(result->status, RECIPIENT_FAILED)], "queue-id",
              queue_id_format(job->envelope.id, id), "rcpt", address, "status", result->code,
              "text", result->text, "ms", ms, NULL);
}

/* Of the record of one attempt; what is beyond is left out, the count of it told. */
enum {
    ATTEMPT_RESULTS_BYTES = ENVELOPE_ATTEMPTS_BYTES_MAX / 4,
    ATTEMPT_DECISIONS_BYTES = ENVELOPE_ATTEMPTS_BYTES_MAX / 8,
    ATTEMPT_TRANSCRIPT_BYTES = ENVELOPE_ATTEMPTS_BYTES_MAX / 8, /* each may become six */
};

static void
job_write_result(const QueueJob *job, guint index, JsonWriter *writer)
{
    const QueueResult *result = &job->results[index];

    json_writer_begin_object(writer, NULL);
    json_writer_slice(writer, "recipient",
                      job->envelope.recipients[job->recipients[index]].address);
    json_writer_text(writer, "status", result->code);
    json_writer_text(writer, "text", result->text);
    if (result->remote != NULL)
        json_writer_text(writer, "remote", result->remote);
    if (result->peer != NULL)
        json_writer_bool(writer, "in_doubt", TRUE);
    json_writer_end_object(writer);
}

static void
job_write_results(const QueueJob *job, JsonWriter *writer)
{
    gsize end = writer->out->len + ATTEMPT_RESULTS_BYTES;
    guint n = 0;

    json_writer_begin_array(writer, "results");
    for (; n < job->n_recipients && writer->out->len < end; n++)
        job_write_result(job, n, writer);
    json_writer_end_array(writer);
    if (n < job->n_recipients)
        json_writer_integer(writer, "results_left_out", job->n_recipients - n);
}

/* The end of a transcript is what explains the results. */
static void
job_write_transcript(const QueueJob *job, JsonWriter *writer)
{
    const GString *text = job->transcript;
    gsize start = text->len > ATTEMPT_TRANSCRIPT_BYTES ? text->len - ATTEMPT_TRANSCRIPT_BYTES : 0;
    const gchar *line = start == 0 ? NULL : strchr(text->str + start, '\n');

    json_writer_text(writer, "transcript",
                     line != NULL ? line + 1 : text->str + start);
}

static void
job_write_attempt(const QueueJob *job, JsonWriter *writer)
{
    json_writer_begin_object(writer, NULL);
    json_writer_time(writer, "time", job->started_ms);
    json_writer_slice(writer, "domain", job->envelope.domains[job->domain]);
    json_writer_integer(writer, "number", (gint64)job->n_attempts + 1);
    json_writer_integer(writer, "duration_ms", clock_wall_ms() - job->started_ms);
    job_write_results(job, writer);
    if (job->decisions != NULL && job->decisions->len < ATTEMPT_DECISIONS_BYTES) {
        json_writer_begin_array(writer, "decisions");
        json_writer_raw(writer, NULL, job->decisions->str);
        json_writer_end_array(writer);
    }
    job_write_transcript(job, writer);
    json_writer_end_object(writer);
}

/* Behind the first of (attempts), JSON objects with commas between them, and its comma. */
static gsize
job_measure_oldest(BaridSlice attempts)
{
    gboolean in_text = FALSE;
    guint depth = 0;

    for (gsize i = 0; i < attempts.len; i++) {
        guint8 byte = attempts.data[i];

        if (in_text && byte == '\\')
            i++;
        else if (byte == '"')
            in_text = !in_text;
        else if (!in_text && (byte == '{' || byte == '['))
            depth++;
        else if (!in_text && (byte == '}' || byte == ']') && --depth == 0)
            return MIN(i + 2, attempts.len);
    }
    return attempts.len;
}

/* The oldest make room for the newest; their numbers tell that they were there. */
static BaridSlice
job_append_attempt(const QueueJob *job, const DeliveryState *state)
{
    g_autoptr(GString) out = g_string_new(NULL);
    BaridSlice older = state->attempts;
    JsonWriter writer;
    guint8 *all;

    json_writer_init(&writer, out);
    job_write_attempt(job, &writer);
    while (older.len > 0 && older.len + 1 + out->len > ENVELOPE_ATTEMPTS_BYTES_MAX) {
        gsize oldest = job_measure_oldest(older);

        older = barid_slice(older.data + oldest, older.len - oldest);
    }
    if (older.len == 0)
        return arena_dup_slice(job->arena, barid_slice(out->str, out->len));
    all = arena_alloc(job->arena, older.len + 1 + out->len);
    memcpy(all, older.data, older.len);
    all[older.len] = ',';
    memcpy(all + older.len + 1, out->str, out->len);
    return barid_slice(all, older.len + 1 + out->len);
}

static void
job_apply(Queue *self, QueueJob *job, DeliveryState *state)
{
    DomainState *domain = &state->domains[job->domain];
    const RuleReasons *why;
    gint64 wait_ms;
    guint wait = 1;

    domain->peer = BARID_SLICE_EMPTY;
    for (guint i = 0; i < job->n_recipients; i++) {
        /* Time for the peer to finish what it may be doing; then it is asked first. */
        if (job->results[i].peer != NULL) {
            wait = JOB_IN_DOUBT_WAIT;
            domain->peer = barid_slice_from_text(job->results[i].peer);
            counter_add(self->n_in_doubt, 1);
        }
        job_apply_result(&state->recipients[job->recipients[i]], &job->results[i]);
        job_log(job, i);
        counter_add(self->n_results[state->recipients[job->recipients[i]].status], 1);
    }
    if (domain->n_attempts < G_MAXUINT16)
        domain->n_attempts++;
    wait_ms = job_get_retry_ms(self, job, state, &why);
    domain->next_ms = clock_wall_ms() + wait * wait_ms;
    if (job_domain_has_pending(&job->envelope, state, job->domain))
        job_note_retry(job, wait_ms, wait, why);
    state->attempts = job_append_attempt(job, state);
}

gboolean
queue_take_doubt(Queue *self, const Envelope *envelope, DeliveryState *state,
                 const QueueDoubt *doubt)
{
    g_autoptr(GString) transcript = g_string_new("the server ended before an answer was noted");
    QueueJob job = {
        .arena = self->turn,
        .envelope = *envelope,
        .domain = doubt->domain,
        .n_attempts = doubt->n_attempts,
        .transcript = transcript,
        .started_ms = doubt->started_ms,
    };

    if (doubt->domain >= envelope->n_domains ||
        state->domains[doubt->domain].n_attempts != doubt->n_attempts ||
        job_pick_recipients(&job, state) == 0)
        return FALSE;
    for (guint i = 0; i < job.n_recipients; i++)
        job.results[i] = (QueueResult){.done = TRUE, .status = RECIPIENT_PENDING, .code = "4.3.0",
                                       .text = "interrupted before the answer was noted",
                                       .peer = doubt->peer};
    job_apply(self, &job, state);
    if (job.decisions != NULL)
        g_string_free(job.decisions, TRUE);
    return TRUE;
}

/* What the first recipient was told; NULL when nothing was said. */
static const gchar *
job_get_reason(const QueueJob *job)
{
    return job->n_recipients > 0 && job->results[0].done ? job->results[0].text : NULL;
}

/* Nobody had room for it, or the server stops: due again soon, or at the next start. */
static void
job_put_back(Queue *self, QueueJob *job)
{
    QueueEntry *entry = job->entry;

    if (queue_find(self, job->envelope.id) != entry) {
        if (entry->n_jobs == 0)
            g_ptr_array_add(self->gone, entry);
    } else if (entry->n_jobs == 0 && !entry->held) {
        schedule_put(&self->schedule, &entry->item, clock_wall_ms() + JOB_PUT_BACK_MS,
                     entry->priority);
    }
    job_free(job);
}

void
queue_take_result(Queue *self, QueueJob *job)
{
    QueueEntry *entry = job->entry;
    DeliveryState state;

    self->n_active--;
    self->n_retrying -= job->n_attempts > 0 ? 1u : 0u;
    entry->n_jobs--;
    /* Its mark stands until the results are durable. */
    if (job->mark != NULL)
        g_ptr_array_add(self->marks, g_steal_pointer(&job->mark));
    destinations_leave(self->destinations, job->destination, job->reach, job_get_reason(job),
                       clock_wall_ms());
    if (job->untouched) {
        job_put_back(self, job);
        return;
    }
    if (!delivery_state_parse(job_copy_state(entry, job->arena), &job->envelope, job->arena,
                              &state))
        queue_state_init(self, &job->envelope, job->arena, entry->held, NULL, &state);
    job_apply(self, job, &state);
    if (queue_find(self, job->envelope.id) != entry) {
        /* Cancelled meanwhile: the last job frees it. */
        if (entry->n_jobs == 0)
            g_ptr_array_add(self->gone, entry);
    } else {
        self->settling = job;
        job_settle(self, entry, &job->envelope, &state, job->content, NOTIFY_FINAL);
        self->settling = NULL;
    }
    job_free(job);
}
