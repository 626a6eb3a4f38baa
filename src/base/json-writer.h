/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JsonWriter: writes one JSON document into a GString as it goes, without a tree. The
 * writer keeps the commas; the caller keeps the nesting. Bytes that are not UTF-8 are
 * written as U+FFFD, so that hostile input still gives a valid document.
 */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include <barid/slice.h>

typedef struct {
    GString *out;
    gboolean needs_comma;
} JsonWriter;

/* Writes to the end of (out), which the caller keeps. */
void json_writer_init(JsonWriter *self, GString *out);
/* Every value takes (key) inside an object and NULL inside an array. */
void json_writer_begin_object(JsonWriter *self, const gchar *key);
void json_writer_end_object(JsonWriter *self);
void json_writer_begin_array(JsonWriter *self, const gchar *key);
void json_writer_end_array(JsonWriter *self);
/* NULL writes null. */
void json_writer_text(JsonWriter *self, const gchar *key, const gchar *value);
void json_writer_slice(JsonWriter *self, const gchar *key, BaridSlice value);
void json_writer_integer(JsonWriter *self, const gchar *key, gint64 value);
void json_writer_bool(JsonWriter *self, const gchar *key, gboolean value);
/* RFC 3339 in UTC with milliseconds; 0 writes null. */
void json_writer_time(JsonWriter *self, const gchar *key, gint64 wall_ms);
/* (document) is JSON already. */
void json_writer_raw(JsonWriter *self, const gchar *key, const gchar *document);

#endif
