/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tests/module-fixture.h"

#include <check.h>

#include "base/clock.h"
#include "base/text.h"

static _Atomic gint64 fixture_now_ms;

static gint64
fixture_clock(gpointer data G_GNUC_UNUSED)
{
    return fixture_now_ms * 1000;
}

void
module_fixture_set_now(gint64 now_ms)
{
    fixture_now_ms = now_ms;
}

void
module_fixture_init(ModuleFixture *self, const BaridModule *module, const gchar *config)
{
    static const ClockSource source = {fixture_clock, fixture_clock, NULL};
    g_autoptr(GError) error = NULL;

    memset(self, 0, sizeof *self);
    fixture_now_ms = 1000000000;
    clock_set_source(&source);
    self->files = config_files_new_text("f", config);
    self->problems = config_problems_new();
    self->tree = config_tree_parse(self->files, self->problems);
    self->host = host_new(NULL);
    settings_context_init(&self->context, self->tree, self->problems, NULL);
    ck_assert(host_add_module(self->host, module, NULL));
    self->stores = store_set_new(&self->context, self->host);
    if (!host_bind(self->host, &self->context) || config_problems_get_count(self->problems) > 0)
        self->problem = config_problems_to_text(self->problems);
    else if (!store_set_open(self->stores, &error) || !host_start(self->host, &error))
        self->problem = g_strdup(error->message);
}

void
module_fixture_clear(ModuleFixture *self)
{
    host_free(self->host);
    store_set_free(self->stores);
    settings_context_clear(&self->context);
    config_tree_free(self->tree);
    config_problems_free(self->problems);
    config_files_free(self->files);
    g_free(self->problem);
    clock_set_source(NULL);
}

/* --- sessions --- */

void
module_session_init(ModuleSession *self, ModuleFixture *fixture, const gchar *ip)
{
    memset(self, 0, sizeof *self);
    self->fixture = fixture;
    self->arena = arena_new(1024);
    scope_init(&self->session.scope, SCOPE_SESSION, self->arena, NULL, NULL);
    ck_assert(address_parse_ip(barid_slice_from_text(ip), &self->session.remote));
    ck_assert(address_parse_ip(BARID_SLICE_LITERAL("192.0.2.99"), &self->session.local));
    self->session.listener = "smtp";
}

static void
module_session_end_transaction(ModuleSession *self)
{
    if (self->txn_arena == NULL)
        return;
    g_ptr_array_free(self->txn.recipients, TRUE);
    g_clear_pointer(&self->txn_arena, arena_free);
}

void
module_session_clear(ModuleSession *self)
{
    module_session_end_transaction(self);
    arena_free(self->arena);
}

typedef struct {
    ModuleSession *session;
    BaridStage stage;
    BaridScope *scope;
    const BaridRecipient *rcpt;
} StageRun;

static void
stage_run_body(gpointer data)
{
    StageRun *run = data;

    host_run(run->session->fixture->host, run->stage, run->scope, run->rcpt,
             &run->session->outcome);
}

static guint
module_session_run(ModuleSession *self, BaridStage stage, BaridScope *scope,
                   const BaridRecipient *rcpt)
{
    StageRun run = {self, stage, scope, rcpt};
    Scheduler *scheduler = scheduler_new(NULL);
    FiberGroup group;

    fiber_group_init(&group, scheduler);
    ck_assert(fiber_group_spawn(&group, stage_run_body, &run, NULL));
    scheduler_stop(scheduler);
    scheduler_run(scheduler);
    scheduler_free(scheduler);
    return self->outcome.verdict >= BARID_DEFER ? self->outcome.code : 0;
}

guint
module_session_connect(ModuleSession *self)
{
    return module_session_run(self, BARID_STAGE_CONNECT, &self->session.scope, NULL);
}

guint
module_session_mail(ModuleSession *self, const gchar *sender)
{
    BaridSlice text = barid_slice_from_text(sender);
    gssize at = text_find_last(text, '@');

    module_session_end_transaction(self);
    self->txn_arena = arena_new(1024);
    memset(&self->txn, 0, sizeof self->txn);
    scope_init(&self->txn.scope, SCOPE_TRANSACTION, self->txn_arena, &self->session.scope, NULL);
    self->txn.session = &self->session;
    self->txn.recipients = g_ptr_array_new();
    self->txn.sender = arena_dup_slice(self->txn_arena, text);
    self->txn.sender_canonical = arena_dup_lower(self->txn_arena, text);
    if (at >= 0)
        self->txn.sender_domain = barid_slice(self->txn.sender_canonical.data + at + 1,
                                              text.len - (gsize)at - 1);
    self->txn.edits_tail = &self->txn.edits;
    return module_session_run(self, BARID_STAGE_MAIL, &self->txn.scope, NULL);
}

guint
module_session_rcpt(ModuleSession *self, const gchar *address)
{
    BaridSlice text = barid_slice_from_text(address);
    gssize at = text_find_last(text, '@');
    BaridRecipient *rcpt = arena_new0(self->txn_arena, BaridRecipient);
    guint code;

    rcpt->address = arena_dup_slice(self->txn_arena, text);
    rcpt->canonical = arena_dup_lower(self->txn_arena, text);
    if (at >= 0)
        rcpt->domain = barid_slice(rcpt->canonical.data + at + 1, text.len - (gsize)at - 1);
    self->txn.current = rcpt;
    code = module_session_run(self, BARID_STAGE_RCPT, &self->txn.scope, rcpt);
    if (code == 0)
        g_ptr_array_add(self->txn.recipients, rcpt);
    return code;
}

const gchar *
module_session_get_input(const BaridScope *scope, const gchar *key)
{
    if (scope->decisions.last == NULL)
        return NULL;
    for (const DecisionInput *input = scope->decisions.last->inputs; input != NULL;
         input = input->next) {
        if (strcmp(input->key, key) == 0)
            return input->value;
    }
    return NULL;
}
