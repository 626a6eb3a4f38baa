/* SPDX-License-Identifier: Apache-2.0 */
/* smtp-count PORT: a sink for bench-relay.py. It takes every message, keeps nothing, and
 * counts. For each byte that it reads from stdin it prints: messages first_s last_s, the
 * last two by the monotonic clock, since it was asked last; then it counts anew. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

enum { EVENTS_MAX = 64, READ_MAX = 65536, LINE_MAX_BYTES = 1024, BACKLOG = 1024 };

typedef struct {
    int fd;
    gboolean in_data;
    guint n_matched; /* bytes of the end of data seen */
    gchar line[LINE_MAX_BYTES];
    gsize len;
    GString *replies;
} Session;

typedef struct {
    int epoll_fd;
    guint n_messages;
    gdouble first_s, last_s;
} Count;

static const gchar end_of_data[] = "\r\n.\r\n";

static void G_GNUC_NORETURN
die(const gchar *what)
{
    fprintf(stderr, "smtp-count: %s: %s\n", what, g_strerror(errno));
    exit(1);
}

static gdouble
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (gdouble)now.tv_sec + (gdouble)now.tv_nsec / 1e9;
}

static void
watch(Count *count, int fd, gpointer data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

    if (epoll_ctl(count->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void
session_take_line(Session *session)
{
    session->line[session->len] = '\0';
    if (g_ascii_strncasecmp(session->line, "EHLO", 4) == 0) {
        g_string_append(session->replies, "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
    } else if (g_ascii_strncasecmp(session->line, "DATA", 4) == 0) {
        g_string_append(session->replies, "354 go on\r\n");
        session->in_data = TRUE;
        session->n_matched = 2; /* the line's end is that of the last line before the dot, too */
    } else if (g_ascii_strncasecmp(session->line, "QUIT", 4) == 0) {
        g_string_append(session->replies, "221 2.0.0 bye\r\n");
    } else {
        g_string_append(session->replies, "250 2.0.0 ok\r\n");
    }
    session->len = 0;
}

/* The bytes of the message that are there; 0 left when it goes on. */
static gsize
session_skip_data(Session *session, Count *count, const gchar *bytes, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        const gchar *cr;

        if (session->n_matched == 0) {
            cr = memchr(bytes + i, '\r', len - i);
            if (cr == NULL)
                return len;
            i = (gsize)(cr - bytes);
        }
        if (bytes[i] == end_of_data[session->n_matched])
            session->n_matched++;
        else
            session->n_matched = bytes[i] == '\r' ? 1 : 0;
        if (session->n_matched < strlen(end_of_data))
            continue;
        session->in_data = FALSE;
        g_string_append(session->replies, "250 2.0.0 taken\r\n");
        count->last_s = now_s();
        if (count->n_messages++ == 0)
            count->first_s = count->last_s;
        return i + 1;
    }
    return len;
}

static void
session_take(Session *session, Count *count, const gchar *bytes, gsize len)
{
    while (len > 0) {
        gsize used = 1;

        if (session->in_data)
            used = session_skip_data(session, count, bytes, len);
        else if (*bytes == '\n')
            session_take_line(session);
        else if (session->len < LINE_MAX_BYTES - 1)
            session->line[session->len++] = *bytes;
        bytes += used;
        len -= used;
    }
}

static gboolean
session_answer(Session *session)
{
    const gchar *text = session->replies->str;
    gsize len = session->replies->len;

    while (len > 0) {
        gssize sent = send(session->fd, text, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return FALSE;
        text += sent;
        len -= (gsize)sent;
    }
    g_string_truncate(session->replies, 0);
    return TRUE;
}

static void
session_close(Session *session)
{
    close(session->fd);
    g_string_free(session->replies, TRUE);
    g_free(session);
}

static void
session_on_event(Session *session, Count *count)
{
    static gchar buffer[READ_MAX];
    gssize got = recv(session->fd, buffer, sizeof buffer, 0);

    if (got > 0) {
        session_take(session, count, buffer, (gsize)got);
        if (session_answer(session))
            return;
    }
    session_close(session);
}

static void
session_open(Count *count, int listen_fd)
{
    int fd = accept(listen_fd, NULL, NULL);
    int one = 1;
    Session *session;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    session = g_new0(Session, 1);
    session->fd = fd;
    session->replies = g_string_new("220 sink ESMTP\r\n");
    watch(count, fd, session);
    if (!session_answer(session))
        session_close(session);
}

static int
listen_on(guint16 port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0)
        die("listen");
    return fd;
}

static void
tell(Count *count)
{
    gchar byte;

    if (read(STDIN_FILENO, &byte, 1) <= 0)
        exit(0);
    printf("%u %.6f %.6f\n", count->n_messages, count->first_s, count->last_s);
    fflush(stdout);
    count->n_messages = 0;
}

int
main(int argc, char **argv)
{
    Count count = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    int listen_fd;

    if (argc != 2) {
        fputs("usage: smtp-count PORT\n", stderr);
        return 2;
    }
    listen_fd = listen_on((guint16)g_ascii_strtoull(argv[1], NULL, 10));
    watch(&count, listen_fd, &listen_fd);
    watch(&count, STDIN_FILENO, NULL);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(count.epoll_fd, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                tell(&count);
            else if (events[i].data.ptr == &listen_fd)
                session_open(&count, listen_fd);
            else
                session_on_event(events[i].data.ptr, &count);
        }
    }
}
