/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/tests/name-server.h"

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct NameServerFake {
    NameServerScript script;
    int udp, tcp, stop[2];
    GThread *thread;
    gchar address[32];
    _Atomic guint n_asked;
};

/* Who asked last, for name_server_fake_send_also(). */
static _Thread_local int also_fd;
static _Thread_local struct sockaddr_in also_peer;

static void
asked_read(Asked *self, const guint8 *bytes, gsize len)
{
    gsize at = 12, out = 0;

    self->bytes = bytes;
    self->len = len;
    self->wants_ad = (bytes[3] & 0x20) != 0;
    self->has_edns = bytes[11] == 1;
    while (at < len && bytes[at] != 0 && out + bytes[at] + 1u < sizeof self->name) {
        if (out > 0)
            self->name[out++] = '.';
        memcpy(self->name + out, bytes + at + 1, bytes[at]);
        out += bytes[at];
        at += bytes[at] + 1u;
    }
    self->name[out] = '\0';
    self->type = (guint)(bytes[at + 1] << 8 | bytes[at + 2]);
}

static void
name_server_fake_answer(NameServerFake *self, const guint8 *query, gsize len, gboolean via_tcp,
                        Wire *wire)
{
    Asked asked = {.via_tcp = via_tcp};

    asked_read(&asked, query, len);
    asked.number = atomic_fetch_add(&self->n_asked, 1);
    wire->len = 0;
    self->script(&asked, wire);
}

static void
name_server_fake_serve_udp(NameServerFake *self, Wire *wire)
{
    guint8 query[1024];
    socklen_t peer_len = sizeof also_peer;
    gssize len = recvfrom(self->udp, query, sizeof query, 0, (struct sockaddr *)&also_peer,
                          &peer_len);

    if (len <= 12)
        return;
    also_fd = self->udp;
    name_server_fake_answer(self, query, (gsize)len, FALSE, wire);
    if (wire->len > 0)
        sendto(self->udp, wire->bytes, wire->len, 0, (struct sockaddr *)&also_peer, peer_len);
}

void
name_server_fake_send_also(const Wire *wire)
{
    sendto(also_fd, wire->bytes, wire->len, 0, (struct sockaddr *)&also_peer, sizeof also_peer);
}

/* One question a connection. A reply that is silence closes it. */
static void
name_server_fake_serve_tcp(NameServerFake *self, Wire *wire)
{
    int fd = accept(self->tcp, NULL, NULL);
    guint8 query[1024];
    gssize len = recv(fd, query, sizeof query, 0);

    if (len > 14) {
        guint8 length[2];

        name_server_fake_answer(self, query + 2, (gsize)len - 2, TRUE, wire);
        length[0] = (guint8)(wire->len >> 8);
        length[1] = (guint8)wire->len;
        if (wire->len > 0 && send(fd, length, 2, MSG_NOSIGNAL) == 2)
            send(fd, wire->bytes, wire->len, MSG_NOSIGNAL);
    }
    close(fd);
}

static gpointer
name_server_fake_main(gpointer data)
{
    NameServerFake *self = data;
    Wire *wire = g_new0(Wire, 1);

    for (;;) {
        struct pollfd fds[] = {
            {.fd = self->udp, .events = POLLIN},
            {.fd = self->tcp, .events = POLLIN},
            {.fd = self->stop[0], .events = POLLIN},
        };

        poll(fds, 3, -1);
        if (fds[2].revents != 0)
            break;
        if (fds[0].revents != 0)
            name_server_fake_serve_udp(self, wire);
        if (fds[1].revents != 0)
            name_server_fake_serve_tcp(self, wire);
    }
    g_free(wire);
    return NULL;
}

/* The same port for both; another is taken when it is not free. */
static gboolean
name_server_fake_bind(NameServerFake *self)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;

    self->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    self->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(self->tcp, (struct sockaddr *)&name, len) == 0 && listen(self->tcp, 16) == 0 &&
        getsockname(self->tcp, (struct sockaddr *)&name, &len) == 0 &&
        bind(self->udp, (struct sockaddr *)&name, len) == 0) {
        g_snprintf(self->address, sizeof self->address, "127.0.0.1:%u", ntohs(name.sin_port));
        return TRUE;
    }
    close(self->udp);
    close(self->tcp);
    return FALSE;
}

NameServerFake *
name_server_fake_new(NameServerScript script)
{
    NameServerFake *self = g_new0(NameServerFake, 1);

    self->script = script;
    while (!name_server_fake_bind(self))
        continue;
    ck_assert_int_eq(pipe(self->stop), 0);
    self->thread = g_thread_new("name-server", name_server_fake_main, self);
    return self;
}

void
name_server_fake_free(NameServerFake *self)
{
    if (self == NULL)
        return;
    ck_assert_int_eq(write(self->stop[1], "x", 1), 1);
    g_thread_join(self->thread);
    close(self->udp);
    close(self->tcp);
    close(self->stop[0]);
    close(self->stop[1]);
    g_free(self);
}

const gchar *
name_server_fake_get_address(const NameServerFake *self)
{
    return self->address;
}

guint
name_server_fake_get_n_asked(const NameServerFake *self)
{
    return atomic_load(&self->n_asked);
}
