/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for people: JSON objects as tables and sentences. */
#ifndef SHOW_H
#define SHOW_H

#include <json-glib/json-glib.h>
#include <stdio.h>

#include "baridctl/table.h"

typedef struct {
    FILE *out;
    const gchar *bold, *good, *bad, *dim, *plain; /* "" where there are no colours */
} Show;

/* Colours when (out) is a terminal that wants them. */
void show_init(Show *self, FILE *out);
/* The answer to (verb), by its kind. */
void show_answer(const Show *self, const gchar *verb, JsonObject *answer);
/* Messages with recipients, decisions and attempts; sessions with decisions. */
void show_message(const Show *self, JsonObject *message);
void show_explanation(const Show *self, JsonObject *answer);
void show_trace_record(const Show *self, JsonObject *record);

void show_shadow_report(const Show *self, JsonObject *answer);
void show_modules(const Show *self, JsonObject *answer);
void show_module_order(const Show *self, JsonObject *answer);

/* --- members that may be missing --- */
const gchar *show_get_text(JsonObject *object, const gchar *key);
gint64 show_get_integer(JsonObject *object, const gchar *key);
gboolean show_get_bool(JsonObject *object, const gchar *key);
JsonObject *show_get_object(JsonObject *object, const gchar *key);
/* Number of objects in the array under (key), and one of them; NULL when it is none. */
guint show_get_n(JsonObject *object, const gchar *key);
JsonObject *show_get_nth(JsonObject *object, const gchar *key, guint index);
/* What it is for, in the caller's language where the server's text has been translated. */
const gchar *show_get_summary(JsonObject *object);
/* The texts under (key) with commas between; caller owns it. */
gchar *show_dup_list(JsonObject *object, const gchar *key);
void show_table(const Show *self, const Table *table);
/* The same, or (when_empty): titles above nothing look like an answer that was cut off. */
void show_table_or(const Show *self, const Table *table, const gchar *when_empty);
/* Prints (text), which came from elsewhere, without control characters. */
void show_put(const Show *self, const gchar *text);
/* The same for a text of several lines. */
void show_text(const Show *self, const gchar *text);

#endif
