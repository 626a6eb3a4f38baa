/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module under test: linked in, configured from text, with stores, on a clock that
 * the test sets. Sessions and transactions are made up.
 */
#ifndef MODULE_FIXTURE_H
#define MODULE_FIXTURE_H

#include "host/host.h"
#include "store/store.h"

typedef struct {
    ConfigFiles *files;
    ConfigProblems *problems;
    ConfigTree *tree;
    SettingsContext context;
    Host *host;
    StoreSet *stores;
    gchar *problem; /* what the configuration or the start said, or NULL */
} ModuleFixture;

/* (config) also may hold [store NAME] sections. */
void module_fixture_init(ModuleFixture *self, const BaridModule *module, const gchar *config);
void module_fixture_clear(ModuleFixture *self);
/* Sets the clock that everything reads; it stands still otherwise. */
void module_fixture_set_now(gint64 now_ms);

/* A session from (ip) with one transaction. */
typedef struct {
    ModuleFixture *fixture;
    Arena *arena, *txn_arena;
    BaridSession session;
    BaridTransaction txn;
    HostOutcome outcome; /* of the last stage */
} ModuleSession;

void module_session_init(ModuleSession *self, ModuleFixture *fixture, const gchar *ip);
void module_session_clear(ModuleSession *self);
/* Each runs the stage's hooks and returns the reply code, 0 when nothing was decided. */
guint module_session_connect(ModuleSession *self);
guint module_session_mail(ModuleSession *self, const gchar *sender);
guint module_session_rcpt(ModuleSession *self, const gchar *address);
/* One of the explanation's inputs of the last decision, or NULL. */
const gchar *module_session_get_input(const BaridScope *scope, const gchar *key);

#endif
