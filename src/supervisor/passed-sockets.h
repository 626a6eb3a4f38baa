/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PassedSockets: listening sockets that a service manager made and passed at the start
 * (sd_listen_fds(3), systemd.socket(5)). They stay open as long as the supervisor lives, whether
 * a listener uses them or not: the manager goes on listening on them, and a reload may bring the
 * listener.
 */
#ifndef PASSED_SOCKETS_H
#define PASSED_SOCKETS_H

#include <sys/types.h>

#include <glib.h>

typedef struct {
    int fd;
    gchar *name;    /* FileDescriptorName=, or "" */
    gchar *address; /* "IP:PORT", the path of a unix socket, or "@NAME" */
    /* "0.0.0.0:PORT" for one of "[::]:PORT" that takes IPv4 as well; else NULL. */
    gchar *ipv4_address;
    gboolean is_unix;
    gboolean is_control; /* taken for the control socket */
} PassedSocket;

typedef GArray PassedSockets; /* of PassedSocket */

/* An address that a listener asks for. */
typedef struct {
    const gchar *listener;
    const gchar *address; /* as above */
    gboolean is_unix;
    enum {
        LISTEN_WISH_BIND,
        LISTEN_WISH_PASSED,  /* a passed socket has this address */
        LISTEN_WISH_REPLACED /* the listener has sockets by its name in place of this address */
    } fate;                  /* filled in by passed_sockets_match() */
} ListenWish;

/* What the variables of sd_listen_fds(3) say; each may be NULL. */
typedef struct {
    const gchar *pid, *fds, *names;
} PassedText;

/* How many descriptors there are for the process (own_pid), with (*out_names) of as many texts,
 * the caller's, NULL without names. (*out_problem) is NULL, or what is wrong; the count is 0 then,
 * unless only the names are wrong. */
guint passed_sockets_parse(const PassedText *text, pid_t own_pid, gchar ***out_names,
                           const gchar **out_problem);
/* Looks at an open descriptor. FALSE, with the reason, when it is no listening socket of TCP or
 * of a unix stream; TRUE fills in all but the name. */
gboolean passed_socket_inspect(PassedSocket *self, int fd, const gchar **out_reason);
/* Takes the variables from the environment, so that no worker has them, and the descriptors that
 * they tell of. What is wrong is logged and closed. To be called before anything is opened. */
PassedSockets *passed_sockets_new(void);
/* The same when none is to be used: removes the variables only. */
PassedSockets *passed_sockets_new_empty(void);
void passed_sockets_free(PassedSockets *self);

/* The descriptor of the unix socket with this path, which stays ours, for the control socket;
 * -1 when there is none. */
int passed_sockets_find_control(PassedSockets *self, const gchar *path);
/* Gives each socket to a listener: one that asks for exactly its address, else one that asks for
 * the IPv4 part of it, else one that has its name and asks for addresses of its kind. Returns
 * for each the wish that it is for, or NULL; the array is the caller's. */
ListenWish **passed_sockets_match(const PassedSockets *self, ListenWish *wishes, guint n_wishes);

#endif
