/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: from a line of JSON to a verb, its words and its options. A request is
 * untrusted: its length, nesting and types are checked before anybody looks at it.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "control/control.h"

/* Requests are flat; deeper nesting is refused before it is parsed. */
#define REQUEST_DEPTH_MAX 4
/* Words behind a verb. */
#define REQUEST_ARGS_MAX 4096

/* Errors of this domain mean that the request was put wrongly; those of CONTROL_ERROR
 * that it could not be done. */
#define REQUEST_ERROR (request_error_quark())
GQuark request_error_quark(void);

typedef struct {
    JsonParser *parser;
    GPtrArray *words; /* the verb's words and the arguments, NULL at the end */
    JsonObject *options;
    gboolean is_for_people; /* "human": a module's command may answer with a text */
} RequestText;

gboolean request_text_parse(RequestText *self, BaridSlice line, GError **error);
void request_text_clear(RequestText *self);
/* Whether (usage) names the option "--NAME". */
gboolean request_usage_has_option(const gchar *usage, const gchar *name);
/* FALSE when an option is given that the verb's usage does not name. */
gboolean request_check_options(const ControlVerb *verb, JsonObject *options, GError **error);

/* --- for handlers --- */

/* The option's text; NULL when it is absent. */
gboolean request_get_text(const ControlRequest *self, const gchar *name, const gchar **out_text,
                          GError **error);
/* An RFC 3339 time, or a duration that is counted back from now; 0 when absent. */
gboolean request_get_time(const ControlRequest *self, const gchar *name, gint64 *out_wall_ms,
                          GError **error);
gboolean request_get_count(const ControlRequest *self, const gchar *name, guint fallback,
                           guint *out_count, GError **error);
/* Present and not false. */
gboolean request_has(const ControlRequest *self, const gchar *name);
guint request_get_n_args(const ControlRequest *self);
/* FALSE unless the number of arguments is within the bounds. */
gboolean request_check_n_args(const ControlRequest *self, guint minimum, guint maximum,
                              GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RequestText, request_text_clear)

#endif
