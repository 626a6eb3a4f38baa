/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogue scripts: sessions and deliveries as an administrator or a developer writes them
 * down, run by the code of the worker over connections in memory, on a virtual clock, with
 * name servers, next hops and mailboxes of the script, in a folder of its own. barid-dialogue(5)
 * describes the language; the tables of words are in dialogue.c.
 *
 * Nothing outside the folder is written, nothing outside the process is reached: stores are
 * in memory, paths that the configuration would write are below the folder, transports note
 * what they get, and connections lead to the script's peers.
 */
#ifndef DIALOGUE_H
#define DIALOGUE_H

#include <barid/store.h>

#include "conf/config-file.h"

#define DIALOGUE_ERROR (dialogue_error_quark())
GQuark dialogue_error_quark(void);

/* What a replay may ask about names, besides what its records hold. */
typedef struct {
    const gchar *zone; /* text as for a ZoneResolver, which then holds instead; or NULL */
    int proxy_fd;      /* of a NameProxy; -1 without */
} ReplaySources;

typedef struct {
    const gchar *path;       /* the script */
    const gchar *folder;     /* an empty one, the caller's to remove: all files are there */
    const ConfigFiles *base; /* what the script's own configuration is added to */
    const gchar *state_dir;  /* where relative files of the configuration are read; NULL: in
                              * the script's folder */
    /* For tests of modules; all may be NULL or 0. */
    const gchar *module_dir; /* where modules are looked for first */
    const gchar *module;     /* whose transports are called themselves */
    const BaridStoreDriver *store_driver; /* what keeps the stores, with its settings */
    const void *store_settings;
    gint64 dns_latency_ms;   /* how long each answer takes */
    /* Of a replay, or NULL: names are looked up there, and stores hold what they hold now. */
    const ReplaySources *replay;
} DialogueOptions;

/* One expectation that was not met, or why the script could not go on. */
typedef struct {
    guint line;      /* of the script; 0 for none */
    gchar *step;     /* the line's text, or NULL */
    gchar *message;
    gchar *expected; /* NULL where (message) says it all */
    gchar *got;
} DialogueFailure;

typedef struct {
    GPtrArray *failures; /* of DialogueFailure *, in order; empty when all is well */
    GPtrArray *session;  /* of gchar *: what was said last before the first failure */
    GPtrArray *outcomes; /* of gchar *: JSON objects, what was answered to a replay */
    gchar *world;        /* a JSON object: what a replay has found around it; else NULL */
} DialogueReport;

/* Runs the script in this process, whose clock, network and randomness are the script's for
 * that time: once in a process, before any thread is there. (*out_report) is for
 * dialogue_report_clear(). */
void dialogue_run(const DialogueOptions *options, DialogueReport *out_report);
void dialogue_report_clear(DialogueReport *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DialogueReport, dialogue_report_clear)

#endif
