/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NameProxy: a process that asks a real name server for simulations, whose own process has no
 * network and a clock of its own. What it was asked once it answers the same way ever after, so
 * that runs which are compared see the same.
 */
#ifndef NAME_PROXY_H
#define NAME_PROXY_H

#include <sys/types.h>

#include "dns/resolver.h"

typedef struct {
    pid_t pid;
    int fd; /* where it is asked, by one process at a time */
} NameProxy;

/* Starts one for (server), an address such as "127.0.0.1:53". The process must have one thread.
 * Errors are those of dns_resolver_new(), IO. */
gboolean name_proxy_start(NameProxy *self, const gchar *server, GError **error);
void name_proxy_stop(NameProxy *self);

/* Waits for the answer without suspending: no time passes on a virtual clock. As dns_lookup(). */
DnsAnswer *name_proxy_ask(int fd, const gchar *name, DnsType type, GError **error);

#endif
