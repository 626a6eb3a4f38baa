/* SPDX-License-Identifier: Apache-2.0 */
#include "net/acceptor.h"

#include <errno.h>
#include <unistd.h>

AcceptorResult
acceptor_next(int listen_fd, int *out_fd, Address *out_remote, Address *out_local)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    int fd;

    do {
        fd = accept4(listen_fd, (struct sockaddr *)&name, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM
                   ? ACCEPTOR_EXHAUSTED
                   : ACCEPTOR_NONE;
    *out_fd = fd;
    if (out_remote != NULL)
        address_from_sockaddr(&name, out_remote);
    len = sizeof name;
    if (out_local != NULL && getsockname(fd, (struct sockaddr *)&name, &len) == 0)
        address_from_sockaddr(&name, out_local);
    return ACCEPTOR_TAKEN;
}

void
acceptor_turn_away(int fd, const gchar *text)
{
    gssize ignored = send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)ignored;
    close(fd);
}
