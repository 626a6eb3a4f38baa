/* SPDX-License-Identifier: Apache-2.0 */
/* smtp-load: a client for bench-server.py.
 *
 *   smtp-load send PORT SESSIONS MESSAGES EACH SIZE [WORD...]   EACH messages a connection
 *   smtp-load idle PORT SESSIONS plain|tls            EHLO, then silence until stdin ends
 *
 * "send" prints: messages seconds p50_us p99_us max_us, the last three of the time between
 * the final dot and its reply. Its words: "tls" (STARTTLS first), "recipients=N" (of each
 * message), "domain=NAME" (theirs), "places=N" (instead, messages go to N domains by turns,
 * each an address literal of 127.0.0.0/8 that no other has), "source=ADDRESS" (which it comes
 * from), "content=FILE" (instead of one of SIZE; its lines end with CRLF, none begins with a
 * dot). "idle" prints "ready" when all sessions have said EHLO. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

enum { SENDERS_A_SOURCE = 2000, REPLY_MAX = 2048, EVENTS_MAX = 64 };

typedef enum { GREETING, PLAIN_EHLO, STARTTLS, HANDSHAKE, EHLO, MAIL, RCPT, DATA, DOT, QUIT } Step;

typedef struct {
    int fd;
    Step step;
    gnutls_session_t tls; /* or NULL */
    guint sent;   /* messages on this connection */
    guint number; /* of the message at hand */
    guint n_rcpt; /* recipients said */
    gchar reply[REPLY_MAX];
    gsize len;
    gint64 dot_ns;
} Client;

typedef struct {
    guint16 port;
    guint n_messages, each, size;
    guint n_recipients, n_places;
    const gchar *domain;
    gnutls_certificate_credentials_t trust; /* NULL: in the clear */
    guint started, done;
    int epoll_fd;
    gchar *content;
    gsize content_len;
    const gchar *content_file;
    guint32 source; /* address in host's byte order; 0: any */
    gint64 *waits_ns;
} Load;

static gint64
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void G_GNUC_NORETURN
die(const gchar *what)
{
    fprintf(stderr, "smtp-load: %s: %s\n", what, g_strerror(errno));
    exit(1);
}

/* From the address (source), in host's byte order; 0: any. */
static int
connect_from(guint16 port, guint32 source)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (source > 0) {
        address.sin_addr.s_addr = htonl(source);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
            die("bind");
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect");
    return fd;
}

/* --- send --- */

static void
say(const Client *client, const gchar *text, gsize len)
{
    while (len > 0) {
        gssize sent = client->tls != NULL ? gnutls_record_send(client->tls, text, len)
                                          : send(client->fd, text, len, MSG_NOSIGNAL);

        if (sent < 0)
            die("send");
        text += sent;
        len -= (gsize)sent;
    }
}

static void
say_text(const Client *client, const gchar *text)
{
    say(client, text, strlen(text));
}

/* What is there, without waiting; -1 when nothing is. */
static gssize
hear(const Client *client, gchar *buffer, gsize size)
{
    gssize got;

    if (client->tls == NULL)
        return recv(client->fd, buffer, size, 0);
    got = gnutls_record_recv(client->tls, buffer, size);
    return got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED ? -1 : MAX(got, 0);
}

static ssize_t
pull_now(gnutls_transport_ptr_t fd, void *data, size_t len)
{
    return recv((int)(gintptr)fd, data, len, MSG_DONTWAIT);
}

static void
client_begin_tls(const Load *load, Client *client)
{
    gnutls_init(&client->tls, GNUTLS_CLIENT);
    gnutls_set_default_priority(client->tls);
    gnutls_credentials_set(client->tls, GNUTLS_CRD_CERTIFICATE, load->trust);
    gnutls_transport_set_int(client->tls, client->fd);
    gnutls_transport_set_pull_function(client->tls, pull_now);
    client->step = HANDSHAKE;
}

static void
client_shake_hands(Client *client)
{
    int code = gnutls_handshake(client->tls);

    if (code < 0 && gnutls_error_is_fatal(code)) {
        fprintf(stderr, "smtp-load: %s\n", gnutls_strerror(code));
        exit(1);
    }
    if (code < 0)
        return;
    client->step = EHLO;
    say_text(client, "EHLO client.example.net\r\n");
}

static void
client_open(Load *load, Client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    *client = (Client){.fd = connect_from(load->port, load->source)};
    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0)
        die("epoll_ctl");
}

static void
client_begin_message(Load *load, Client *client)
{
    if (load->started == load->n_messages || client->sent == load->each) {
        client->step = QUIT;
        say_text(client, "QUIT\r\n");
        return;
    }
    client->number = load->started++;
    client->sent++;
    client->n_rcpt = 0;
    client->step = MAIL;
    say_text(client, "MAIL FROM:<bench@example.net>\r\n");
}

/* Many places take turns, so that each has as many messages as any other. */
static void
client_say_rcpt(const Load *load, Client *client)
{
    gchar line[320];
    guint place = load->n_places > 0 ? client->number % load->n_places : 0;

    if (load->n_places > 0)
        g_snprintf(line, sizeof line, "RCPT TO:<r%u@[127.%u.%u.%u]>\r\n", client->n_rcpt,
                   1 + place / 62500, place / 250 % 250, 1 + place % 250);
    else
        g_snprintf(line, sizeof line, "RCPT TO:<%s%.0u@%s>\r\n",
                   client->n_rcpt == 0 ? "alice" : "r", client->n_rcpt, load->domain);
    client->n_rcpt++;
    client->step = RCPT;
    say_text(client, line);
}

static void
client_close(Load *load, Client *client)
{
    if (client->tls != NULL)
        gnutls_deinit(client->tls);
    close(client->fd);
    client->fd = -1;
    if (load->started < load->n_messages)
        client_open(load, client);
}

static void
client_say_ehlo(const Load *load, Client *client)
{
    client->step = load->trust != NULL ? PLAIN_EHLO : EHLO;
    say_text(client, "EHLO client.example.net\r\n");
}

static void
client_on_reply(Load *load, Client *client)
{
    gchar expected = client->step == DATA ? '3' : '2';

    if (client->reply[0] != expected) {
        fprintf(stderr, "smtp-load: step %d: %.*s\n", (int)client->step, (int)client->len,
                client->reply);
        exit(1);
    }
    client->len = 0;
    switch (client->step) {
    case GREETING:
        client_say_ehlo(load, client);
        return;
    case PLAIN_EHLO:
        client->step = STARTTLS;
        say_text(client, "STARTTLS\r\n");
        return;
    case STARTTLS:
        client_begin_tls(load, client);
        client_shake_hands(client);
        return;
    case HANDSHAKE:
        return;
    case MAIL:
        client_say_rcpt(load, client);
        return;
    case RCPT:
        if (client->n_rcpt < load->n_recipients) {
            client_say_rcpt(load, client);
            return;
        }
        client->step = DATA;
        say_text(client, "DATA\r\n");
        return;
    case DATA:
        client->step = DOT;
        say(client, load->content, load->content_len);
        client->dot_ns = now_ns();
        return;
    case DOT:
        load->waits_ns[load->done++] = now_ns() - client->dot_ns;
        client_begin_message(load, client);
        return;
    case EHLO:
        client_begin_message(load, client);
        return;
    case QUIT:
        client_close(load, client);
        return;
    }
}

/* The last line of a reply has a space behind its code (RFC 5321 section 4.2.1). */
static gboolean
reply_is_whole(const gchar *reply, gsize len)
{
    gsize start = len;

    if (len < 5 || reply[len - 1] != '\n')
        return FALSE;
    for (start = len - 1; start > 0 && reply[start - 1] != '\n'; start--)
        continue;
    return len - start > 4 && reply[start + 3] == ' ';
}

static void
client_on_event(Load *load, Client *client)
{
    gssize got;

    if (client->step == HANDSHAKE) {
        client_shake_hands(client);
        return;
    }
    got = hear(client, client->reply + client->len, REPLY_MAX - client->len);
    if (got == 0 || (got < 0 && client->tls == NULL))
        die("the server closed");
    if (got < 0)
        return; /* a record of TLS that is no text */
    client->len += (gsize)got;
    if (reply_is_whole(client->reply, client->len))
        client_on_reply(load, client);
}

static int
compare_ns(gconstpointer a, gconstpointer b)
{
    gint64 difference = *(const gint64 *)a - *(const gint64 *)b;

    return difference < 0 ? -1 : difference > 0;
}

static GString *
make_text(guint size)
{
    GString *text = g_string_new("From: <bench@example.net>\r\nTo: <alice@example.org>\r\n"
                                 "Subject: bench\r\n\r\n");

    while (text->len + 80 < size)
        g_string_append(text, "The quick brown fox jumps over the lazy dog, and does so again "
                              "and again.\r\n");
    return text;
}

static void
load_make_content(Load *load)
{
    g_autoptr(GError) error = NULL;
    GString *text;

    if (load->content_file != NULL) {
        g_autofree gchar *content = NULL;

        if (!g_file_get_contents(load->content_file, &content, NULL, &error)) {
            fprintf(stderr, "smtp-load: %s\n", error->message);
            exit(1);
        }
        text = g_string_new(content);
    } else {
        text = make_text(load->size);
    }
    g_string_append(text, ".\r\n");
    load->content_len = text->len;
    load->content = g_string_free(text, FALSE);
}

static void
load_report(const Load *load, gint64 spent_ns)
{
    qsort(load->waits_ns, load->done, sizeof *load->waits_ns, compare_ns);
    printf("%u %.3f %.0f %.0f %.0f\n", load->done, (gdouble)spent_ns / 1e9,
           (gdouble)load->waits_ns[load->done / 2] / 1e3,
           (gdouble)load->waits_ns[(guint64)load->done * 99 / 100] / 1e3,
           (gdouble)load->waits_ns[load->done - 1] / 1e3);
}

static void
run_send(Load *load, guint n_sessions)
{
    g_autofree Client *clients = g_new0(Client, n_sessions);
    gint64 start_ns = now_ns();

    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load->waits_ns = g_new0(gint64, load->n_messages + 1);
    load_make_content(load);
    for (guint i = 0; i < n_sessions; i++)
        client_open(load, &clients[i]);
    while (load->done < load->n_messages) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(load->epoll_fd, events, EVENTS_MAX, 60000);

        if (count <= 0)
            die("the server is silent");
        for (int i = 0; i < count; i++)
            client_on_event(load, events[i].data.ptr);
    }
    load_report(load, now_ns() - start_ns);
    g_free(load->waits_ns);
    g_free(load->content);
}

/* --- idle --- */

static void
await_reply(int fd)
{
    gchar reply[REPLY_MAX];
    gsize len = 0;

    do {
        gssize got = recv(fd, reply + len, sizeof reply - len, 0);

        if (got <= 0)
            die("the server closed");
        len += (gsize)got;
    } while (!reply_is_whole(reply, len));
    if (reply[0] != '2') {
        fprintf(stderr, "smtp-load: %.*s\n", (int)len, reply);
        exit(1);
    }
}

static void
greet(int fd)
{
    await_reply(fd);
    if (send(fd, "EHLO client.example.net\r\n", 25, MSG_NOSIGNAL) != 25)
        die("send");
    await_reply(fd);
}

/* Sessions are never ended: the process is. */
static void
begin_tls(int fd, gnutls_certificate_credentials_t trust)
{
    gnutls_session_t session;
    gchar reply[REPLY_MAX];
    int code;

    if (send(fd, "STARTTLS\r\n", 10, MSG_NOSIGNAL) != 10)
        die("send");
    await_reply(fd);
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, trust);
    gnutls_transport_set_int(session, fd);
    do {
        code = gnutls_handshake(session);
    } while (code < 0 && !gnutls_error_is_fatal(code));
    if (code < 0)
        die(gnutls_strerror(code));
    gnutls_record_send(session, "EHLO client.example.net\r\n", 25);
    do {
        code = (int)gnutls_record_recv(session, reply, sizeof reply);
    } while (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED);
    if (code <= 0)
        die("no answer to EHLO");
}

static void
run_idle(guint16 port, guint n_sessions, gboolean tls)
{
    gnutls_certificate_credentials_t trust;
    gchar byte;

    gnutls_certificate_allocate_credentials(&trust);
    for (guint i = 0; i < n_sessions; i++) {
        /* One address has too few ports for many sessions. */
        int fd = connect_from(port, INADDR_LOOPBACK + 1 + i / SENDERS_A_SOURCE);

        greet(fd);
        if (tls)
            begin_tls(fd, trust);
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

static guint
number(const gchar *text)
{
    return (guint)g_ascii_strtoull(text, NULL, 10);
}

static void
load_take_word(Load *load, const gchar *word)
{
    if (strcmp(word, "tls") == 0)
        gnutls_certificate_allocate_credentials(&load->trust);
    else if (g_str_has_prefix(word, "recipients="))
        load->n_recipients = number(word + strlen("recipients="));
    else if (g_str_has_prefix(word, "places="))
        load->n_places = number(word + strlen("places="));
    else if (g_str_has_prefix(word, "domain="))
        load->domain = word + strlen("domain=");
    else if (g_str_has_prefix(word, "source="))
        load->source = ntohl(inet_addr(word + strlen("source=")));
    else if (g_str_has_prefix(word, "content="))
        load->content_file = word + strlen("content=");
}

int
main(int argc, char **argv)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (argc >= 7 && strcmp(argv[1], "send") == 0) {
        Load load = {
            .port = (guint16)number(argv[2]),
            .n_messages = number(argv[4]),
            .each = number(argv[5]),
            .size = number(argv[6]),
            .n_recipients = 1,
            .domain = "example.org",
        };

        for (int i = 7; i < argc; i++)
            load_take_word(&load, argv[i]);
        run_send(&load, number(argv[3]));
    } else if (argc == 5 && strcmp(argv[1], "idle") == 0) {
        run_idle((guint16)number(argv[2]), number(argv[3]), strcmp(argv[4], "tls") == 0);
    } else {
        fputs("usage: smtp-load send PORT SESSIONS MESSAGES EACH SIZE [WORD...]\n"
              "       smtp-load idle PORT SESSIONS plain|tls\n",
              stderr);
        return 2;
    }
    return 0;
}
