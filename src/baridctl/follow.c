/* SPDX-License-Identifier: Apache-2.0 */
/* "trace": follows what the server tells, over a reload too. The worker that drains says so,
 * and goes on telling of the sessions it still has; its successor is followed beside it. */
#include "baridctl/online.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "baridctl/client.h"
#include "baridctl/show.h"

/* A worker that drains lasts for minutes: so many reloads in that time are followed. */
enum { FOLLOW_MAX = 16, FOLLOW_READ_BYTES = 64 * 1024 };

typedef struct {
    FILE *stream;  /* read by its descriptor only */
    GString *text; /* that no line end has come for */
} Source;

typedef struct {
    const Options *options;
    Show show;
    Source sources[FOLLOW_MAX];
    guint n_sources;
    CtlStatus status;
} Follow;

static void
follow_add(Follow *self, FILE *stream)
{
    self->sources[self->n_sources++] = (Source){stream, g_string_new(NULL)};
}

static void
follow_remove(Follow *self, guint index)
{
    fclose(self->sources[index].stream);
    g_string_free(self->sources[index].text, TRUE);
    self->sources[index] = self->sources[--self->n_sources];
}

/* Without a successor the server stops. */
static void
follow_successor(Follow *self)
{
    FILE *stream = self->n_sources < FOLLOW_MAX ? client_open(self->options, NULL) : NULL;

    if (stream != NULL)
        follow_add(self, stream);
}

static void
follow_take_line(Follow *self, const gchar *line)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonNode *root = NULL;
    JsonObject *record;

    if (json_parser_load_from_data(parser, line, -1, NULL))
        root = json_parser_get_root(parser);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
        self->status = CTL_INTERNAL;
        return;
    }
    record = json_node_get_object(root);
    if (json_object_has_member(record, "error"))
        self->status = online_take_answer(self->options, "trace", line);
    else if (json_object_has_member(record, "draining"))
        follow_successor(self);
    else if (options_has(self->options, "json"))
        puts(line);
    else
        show_trace_record(&self->show, record);
    fflush(stdout);
}

/* FALSE when the other side has closed. */
static gboolean
follow_read(Follow *self, guint index)
{
    GString *text = self->sources[index].text;
    gsize before = text->len;
    gchar *end;
    gssize len;

    g_string_set_size(text, before + FOLLOW_READ_BYTES);
    len = read(fileno(self->sources[index].stream), text->str + before, FOLLOW_READ_BYTES);
    g_string_truncate(text, before + (gsize)MAX(len, 0));
    if (len <= 0)
        return len < 0 && errno == EINTR;
    while (self->status == CTL_DONE && (end = memchr(text->str, '\n', text->len)) != NULL) {
        g_autofree gchar *line = g_strndup(text->str, (gsize)(end - text->str));

        g_string_erase(text, 0, end - text->str + 1);
        follow_take_line(self, line);
    }
    return TRUE;
}

CtlStatus
follow_run(const Options *options, FILE *stream)
{
    Follow self = {.options = options, .status = CTL_DONE};

    show_init(&self.show, stdout);
    follow_add(&self, stream);
    while (self.status == CTL_DONE && self.n_sources > 0) {
        struct pollfd fds[FOLLOW_MAX];
        guint n_fds = self.n_sources;

        for (guint i = 0; i < n_fds; i++)
            fds[i] = (struct pollfd){.fd = fileno(self.sources[i].stream), .events = POLLIN};
        if (poll(fds, n_fds, -1) < 0 && errno != EINTR)
            self.status = CTL_INTERNAL;
        /* From the end: what is removed is replaced by the last. */
        for (guint i = n_fds; i-- > 0 && self.status == CTL_DONE;) {
            if (fds[i].revents != 0 && !follow_read(&self, i))
                follow_remove(&self, i);
        }
    }
    while (self.n_sources > 0)
        follow_remove(&self, self.n_sources - 1);
    return self.status;
}
