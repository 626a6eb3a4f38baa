/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destinations that are suspended, remembered in a file beside the main spool folder, one a
 * line. The queue that may dispatch writes it, whole and by a rename; one that waits for the
 * main folder reads it again when it looks for folders, so that nothing is forgotten over a
 * hand-over.
 */
#include "base/clock.h"
#include "queue/queue-private.h"

enum { SUSPENDED_MAX = 10000 };

static gchar *
suspended_dup_path(const Queue *self)
{
    return g_strconcat(self->options.folder, ".suspended", NULL);
}

static void
suspended_collect(const DestinationState *state, gpointer data)
{
    if (state->is_suspended)
        g_ptr_array_add(data, g_strdup(state->key));
}

static GPtrArray *
suspended_dup_keys(const Queue *self)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

    destinations_visit(self->destinations, suspended_collect, keys);
    return keys;
}

static void
suspended_apply(Queue *self, gchar **wanted)
{
    g_autoptr(GPtrArray) keys = suspended_dup_keys(self);

    for (guint i = 0; i < keys->len; i++) {
        const gchar *key = g_ptr_array_index(keys, i);

        if (!g_strv_contains((const gchar *const *)wanted, key))
            destinations_resume(self->destinations, key, clock_wall_ms());
    }
    for (guint i = 0; wanted[i] != NULL; i++) {
        if (*wanted[i] != '\0')
            destinations_suspend(self->destinations, wanted[i]);
    }
}

void
queue_suspended_read(Queue *self)
{
    g_autofree gchar *path = suspended_dup_path(self);
    g_autofree gchar *text = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error) &&
        !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        /* What is known stays so. */
        barid_log(BARID_LOG_ERROR, "queue.suspended-unread", "error", error->message, NULL);
        return;
    }
    lines = g_strsplit(text == NULL ? "" : text, "\n", SUSPENDED_MAX + 1);
    suspended_apply(self, lines);
}

gboolean
queue_suspended_write(Queue *self, GError **error)
{
    g_autofree gchar *path = suspended_dup_path(self);
    g_autoptr(GPtrArray) keys = suspended_dup_keys(self);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) why = NULL;

    if (keys->len > SUSPENDED_MAX) {
        g_set_error(error, QUEUE_ERROR, BARID_ERROR_TOO_LARGE,
                    "more than %d destinations cannot be suspended", SUSPENDED_MAX);
        return FALSE;
    }
    for (guint i = 0; i < keys->len; i++)
        g_string_append_printf(text, "%s\n", (const gchar *)g_ptr_array_index(keys, i));
    if (g_file_set_contents_full(path, text->str, (gssize)text->len,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                 0600, &why))
        return TRUE;
    g_set_error_literal(error, QUEUE_ERROR, BARID_ERROR_IO, why->message);
    return FALSE;
}
