/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ServiceManager: tells the service manager that started us how we are, by the protocol of
 * sd_notify(3): a datagram of KEY=VALUE lines to the socket named in NOTIFY_SOCKET. Never waits
 * and never fails the caller: what the manager has no room for is sent a little later, in order,
 * and that it cannot be reached is one warning.
 *
 * A status is one line for people; of a longer text the first line is taken.
 */
#ifndef SERVICE_MANAGER_H
#define SERVICE_MANAGER_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <glib.h>

typedef struct ServiceManager ServiceManager;

/* What the variables say; each may be NULL. */
typedef struct {
    const gchar *notify_socket, *watchdog_usec, *watchdog_pid;
} ServiceManagerText;

/* The path of a socket, or "@NAME" of the abstract kind. FALSE for anything else. */
gboolean service_manager_parse_address(const gchar *text, struct sockaddr_un *out_name,
                                       socklen_t *out_len);
/* Within how many microseconds the process (own_pid) has to give a sign of life, again and
 * again; 0 when nobody waits for one. FALSE when that cannot be understood. */
gboolean service_manager_parse_watchdog(const ServiceManagerText *text, pid_t own_pid,
                                        gint64 *out_limit_us);

/* Takes the variables from the environment, so that no worker has them. Without them, what is
 * told goes nowhere. */
ServiceManager *service_manager_new(void);
/* The same when nothing is to be told: removes the variables only. */
ServiceManager *service_manager_new_silent(void);
void service_manager_free(ServiceManager *self);

/* We serve: for the first time, or as before or otherwise after a reload. */
void service_manager_tell_ready(ServiceManager *self, const gchar *status);
void service_manager_tell_reloading(ServiceManager *self, const gchar *status);
/* The last thing that is told but for a status. */
void service_manager_tell_stopping(ServiceManager *self, const gchar *status);
void service_manager_tell_status(ServiceManager *self, const gchar *status);

/* When service_manager_do_due() has to be called, by clock_monotonic_ms(); G_MAXINT64: never. */
gint64 service_manager_get_due_ms(const ServiceManager *self);
/* Gives the sign of life, and sends what waits. */
void service_manager_do_due(ServiceManager *self, gint64 now_ms);

#endif
