/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RuleList: one named list, its entries and its file. When it is used, and at most once in
 * RULE_LIST_LOOK_MS, somebody looks whether the file is another one; it is then read in a
 * thread of the lists' own and takes the old one's place as a whole. A file that vanished or
 * has a bad line leaves what is in force as it is, and is logged.
 *
 * Look-ups come from all threads, take no lock and never wait.
 */
#ifndef RULE_LIST_FILE_H
#define RULE_LIST_FILE_H

#include "conf/rule-language.h"
#include "conf/rule-set.h"

/* How long a file may be another one before anybody looks. */
#define RULE_LIST_LOOK_MS 1000
/* A list's file may hold this much. */
#define RULE_LIST_FILE_MAX (256 * 1024 * 1024)

typedef struct RuleList RuleList;

/* Reads files beside the threads that ask; one for all lists of a configuration. */
typedef struct RuleListReader RuleListReader;
RuleListReader *rule_list_reader_new(void);
/* Waits until it has nothing to do. */
void rule_list_reader_wait(RuleListReader *self);
void rule_list_reader_free(RuleListReader *self);

/* (path) may be NULL; (reader) is borrowed. */
RuleList *rule_list_new(const gchar *name, RuleSetKind kind, const gchar *path,
                        RuleListReader *reader);
/* Not while its reader is at work. */
void rule_list_free(RuleList *self);
/* Adds an entry that stands in the configuration; NULL or the reason, which the caller owns. */
gchar *rule_list_add(RuleList *self, const gchar *entry);
/* Ends the adding: reads the file for the first time. FALSE with an error for the file as a
 * whole; bad lines are problems. */
gboolean rule_list_load(RuleList *self, ConfigProblems *problems, GError **error);

const gchar *rule_list_get_path(const RuleList *self);
RuleSetKind rule_list_get_kind(const RuleList *self);
/* Most groups of its patterns, now or in a file to come. */
guint rule_list_get_groups(const RuleList *self);
/* (value) is an address for networks, else a text. */
gboolean rule_list_has(RuleList *self, const RuleValue *value, RuleCaptures *out_captures);

#endif
