/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "baridctl/ctl.h"
#include "base/error-domain.h"
#include "base/json-writer.h"
#include "base/paths.h"

ERROR_DOMAIN_DEFINE(client_error_quark, "baridctl-client-error")

gchar *
client_dup_socket_path(const Options *options)
{
    const gchar *named = options_get(options, "socket");
    g_autofree gchar *folder = NULL;

    if (named != NULL)
        return g_strdup(named);
    folder = paths_dup_runtime_dir(options_get(options, "state"));
    return g_build_filename(folder, "barid.sock", NULL);
}

gchar *
client_dup_request(const Options *options)
{
    const gchar *const *words = options_get_words(options);
    g_autoptr(GString) out = g_string_new(NULL);
    const OptionKind *kind;
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "verb", words[0]);
    json_writer_begin_array(&writer, "args");
    for (words++; *words != NULL; words++)
        json_writer_text(&writer, NULL, *words);
    json_writer_end_array(&writer);
    json_writer_begin_object(&writer, "options");
    for (guint i = 0; (kind = options_get_given(options, i)) != NULL; i++) {
        if (kind->is_local)
            continue;
        if (kind->value == NULL)
            json_writer_bool(&writer, kind->name, TRUE);
        else
            json_writer_text(&writer, kind->name, options_get(options, kind->name));
    }
    json_writer_end_object(&writer);
    if (!options_has(options, "json"))
        json_writer_bool(&writer, "human", TRUE);
    json_writer_end_object(&writer);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* -1 with the error, and with errno. */
static int
client_connect(const gchar *path, GError **error)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd;
    int reason;

    if (strlen(path) >= sizeof name.sun_path) {
        g_set_error(error, CLIENT_ERROR, BARID_ERROR_INVALID,
                    _("the socket's path %s is longer than the system allows"), path);
        errno = ENOENT;
        return -1;
    }
    memcpy(name.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    reason = errno;
    g_set_error(error, CLIENT_ERROR, BARID_ERROR_CLOSED,
                _("no server answers at %s: %s (is barid running? --state DIR or --socket FILE "
                  "name another)"), path, g_strerror(reason));
    if (fd >= 0)
        close(fd);
    errno = reason;
    return -1;
}

gboolean
client_has_server(const Options *options)
{
    g_autofree gchar *path = client_dup_socket_path(options);
    int fd = client_connect(path, NULL);
    gboolean is_absent = fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED);

    if (fd >= 0)
        close(fd);
    return !is_absent;
}

FILE *
client_open(const Options *options, GError **error)
{
    g_autofree gchar *path = client_dup_socket_path(options);
    g_autofree gchar *request = client_dup_request(options);
    int fd = client_connect(path, error);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r+");

    if (stream == NULL) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    /* A server that turns us away has said why: so a failure here is found by reading. */
    fputs(request, stream);
    fputc('\n', stream);
    fflush(stream);
    return stream;
}

gchar *
client_read_line(FILE *stream, GError **error)
{
    char *line = NULL;
    size_t room = 0;
    gssize len = getline(&line, &room, stream);
    gchar *copy = NULL;

    if (len > 0) {
        if (line[len - 1] == '\n')
            len--;
        copy = g_strndup(line, (gsize)len);
    } else if (ferror(stream)) {
        g_set_error(error, CLIENT_ERROR, BARID_ERROR_IO,
                    _("the server's answer cannot be read: %s"), g_strerror(errno));
    }
    free(line);
    return copy;
}

gchar *
client_ask(const Options *where, const gchar *const *words, GError **error)
{
    static const gchar *const named[] = {"socket", "state"};
    g_auto(Options) options = {0};
    gchar *line;
    FILE *stream;

    if (!options_parse(&options, words, error))
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(named); i++) {
        if (options_has(where, named[i]))
            g_hash_table_replace(options.values, g_strdup(named[i]),
                                 g_strdup(options_get(where, named[i])));
    }
    stream = client_open(&options, error);
    if (stream == NULL)
        return NULL;
    line = client_read_line(stream, error);
    fclose(stream);
    if (line == NULL && error != NULL && *error == NULL)
        g_set_error_literal(error, CLIENT_ERROR, BARID_ERROR_CLOSED,
                            _("the server closed the connection without an answer"));
    return line;
}
