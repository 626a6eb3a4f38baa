/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check looks at: a made-up session, and perhaps a message in it, as the server's own
 * hooks see them. Whatever a module's configuration says, here it is enabled.
 */
#ifndef CHECK_SUBJECT_H
#define CHECK_SUBJECT_H

#include "base/buffer.h"
#include "baridctl/check.h"
#include "host/scope.h"

#define CHECK_MESSAGE_MAX (256 * 1024 * 1024)

/* A message in a file. */
typedef struct {
    gchar *text;
    BaridSlice original; /* the text, as it is in the file */
    Buffer message;      /* the same with CRLF at the end of each line */
    gboolean has_crlf;   /* the file's lines end so, too */
} CheckMessage;

typedef struct {
    CheckRuntime runtime;
    Arena *arena;
    BaridSession session;
    BaridTransaction txn;
    CheckMessage message;
    gboolean has_client, has_message;
} CheckSubject;

/* Reads a file, or standard input when (path) is "-". On failure the message is to be cleared
 * all the same. */
gboolean check_message_read(CheckMessage *self, const gchar *path, GError **error);
void check_message_clear(CheckMessage *self);
/* A time such as 2026-11-24T12:00:00Z, or seconds since the epoch; from then on the process's
 * clock starts there. */
gboolean check_set_time(const gchar *text, GError **error);

/* Appends a setting with its value in quotes. FALSE when (text) can be none. */
gboolean check_append_setting(GString *config, const gchar *key, const gchar *text);

/* Takes --ip, --helo, --mail-from, --now and --dns as far as they are given, and a message
 * unless (path) is NULL. (config) enables modules. On failure the subject is to be cleared all
 * the same. */
gboolean check_subject_init(CheckSubject *self, const Options *options, const gchar *path,
                            const gchar *config, GError **error);
void check_subject_clear(CheckSubject *self);
/* Whether --ip, --helo and --mail-from are all given; says (usage) otherwise. */
gboolean check_subject_has_client(const Options *options, const gchar *usage);
/* Runs the stages from CONNECT to MAIL as far as there is a client, and the message's ones. */
gboolean check_subject_run(CheckSubject *self, GError **error);
/* "pass", "neutral" or "none". */
gboolean check_result_is_fine(const gchar *result);
/* A finding, or NULL where there is nothing to tell. */
const gchar *check_subject_get(CheckSubject *self, const gchar *name);
/* The value of a field that a hook has added, or NULL. */
const gchar *check_subject_get_added(const CheckSubject *self, const gchar *field);
/* The members of "check arc" into an open object. */
void check_arc_put(CheckSubject *self, JsonWriter *writer);
/* The members of "check iprev" into an open object. */
void check_iprev_put(CheckSubject *self, JsonWriter *writer);
/* The members of "check spf" into an open object. */
void check_spf_put(CheckSubject *self, JsonWriter *writer);
/* The array of "check dkim". */
void check_dkim_put_signatures(CheckSubject *self, JsonWriter *writer, const gchar *key);
/* The members of "check dmarc" without those of SPF and DKIM, into an open object. */
void check_dmarc_put(CheckSubject *self, JsonWriter *writer);
/* With --explain, and for people: each step that hooks took, with what was looked up. */
void check_subject_explain(const CheckSubject *self, const Options *options);
/* Why a hook could not do its work, or NULL. */
const gchar *check_subject_get_problem(const CheckSubject *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CheckMessage, check_message_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CheckSubject, check_subject_clear)

#endif
