/* SPDX-License-Identifier: Apache-2.0 */
/* Records of messages and sessions, read back from the JSON that the queue and the history
 * give. */
#ifndef CONTROL_RECORD_H
#define CONTROL_RECORD_H

#include <json-glib/json-glib.h>

#include "base/json-writer.h"

/* The member's text, or NULL; (record) is an object. */
const gchar *record_get_text(JsonNode *record, const gchar *key);
gboolean record_is_true(JsonNode *record, const gchar *key);
/* The elements of the member that are objects; none without it. Caller unrefs the array. */
GPtrArray *record_get_objects(JsonNode *record, const gchar *key);
/* When it was over, else when it began; 0 when it does not say. */
gint64 record_get_time(JsonNode *record);
/* Whether it is about a session, not a message. */
gboolean record_is_session(JsonNode *record);
/* The array under (key) of the members that were written behind the "{" of (text), or NULL;
 * caller owns it. */
JsonArray *record_parse_array(GString *text, const gchar *key);
void record_write_all(const GPtrArray *records, JsonWriter *writer, const gchar *key);

#endif
