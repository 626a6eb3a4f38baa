/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/service-manager.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

enum {
    STATUS_BYTES_MAX = 240,
    WAITING_MAX = 16, /* messages; there are a few in a life */
    RETRY_MS = 100,
};

struct ServiceManager {
    int fd; /* -1 when there is nobody to tell */
    gchar *address; /* as it was given */
    struct sockaddr_un name;
    socklen_t name_len;
    gint64 watchdog_ms; /* between signs of life; 0 without */
    gint64 sign_due_ms, retry_due_ms;
    GQueue waiting; /* of gchar *: there was no room for them */
    gboolean is_stopping;
    gboolean is_unreachable; /* and that was said */
};

/* --- the environment --- */

gboolean
service_manager_parse_address(const gchar *text, struct sockaddr_un *out_name, socklen_t *out_len)
{
    /* The name of an abstract socket has no NUL behind it: each byte counts. */
    gsize len = strlen(text) + (text[0] == '/' ? 1 : 0);

    if ((text[0] != '/' && text[0] != '@') || text[1] == '\0' || len > sizeof out_name->sun_path)
        return FALSE;
    *out_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out_name->sun_path, text, len);
    if (text[0] == '@')
        out_name->sun_path[0] = '\0';
    *out_len = (socklen_t)(G_STRUCT_OFFSET(struct sockaddr_un, sun_path) + len);
    return TRUE;
}

gboolean
service_manager_parse_watchdog(const ServiceManagerText *text, pid_t own_pid,
                               gint64 *out_limit_us)
{
    gint64 limit_us, pid = own_pid;

    if (text->watchdog_usec == NULL) {
        *out_limit_us = 0;
        return TRUE;
    }
    if (text->watchdog_pid != NULL &&
        (units_parse_integer(barid_slice_from_text(text->watchdog_pid), &pid) != UNITS_OK ||
         pid <= 0))
        return FALSE;
    if (units_parse_integer(barid_slice_from_text(text->watchdog_usec), &limit_us) != UNITS_OK ||
        limit_us <= 0)
        return FALSE;
    *out_limit_us = pid == own_pid ? limit_us : 0;
    return TRUE;
}

static void
service_manager_warn(const ServiceManager *self, const gchar *reason)
{
    barid_log(BARID_LOG_WARNING, "service-manager.unreachable", "socket", self->address, "reason",
              reason, NULL);
}

static void
service_manager_open(ServiceManager *self, const ServiceManagerText *text)
{
    gint64 limit_us;

    self->address = g_strdup(text->notify_socket);
    if (!service_manager_parse_address(text->notify_socket, &self->name, &self->name_len)) {
        service_manager_warn(self, "NOTIFY_SOCKET is not a path or @NAME");
        return;
    }
    self->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0)
        service_manager_warn(self, g_strerror(errno));
    if (!service_manager_parse_watchdog(text, getpid(), &limit_us))
        barid_log(BARID_LOG_WARNING, "service-manager.no-watchdog", "reason",
                  "WATCHDOG_USEC and WATCHDOG_PID are not a time and the number of a process",
                  NULL);
    /* Half of it, as sd_watchdog_enabled(3) advises. */
    else if (limit_us > 0)
        self->watchdog_ms = MAX(limit_us / 2 / 1000, 1);
}

ServiceManager *
service_manager_new_silent(void)
{
    ServiceManager *self = g_new0(ServiceManager, 1);

    self->fd = -1;
    g_queue_init(&self->waiting);
    g_unsetenv("NOTIFY_SOCKET");
    g_unsetenv("WATCHDOG_USEC");
    g_unsetenv("WATCHDOG_PID");
    return self;
}

ServiceManager *
service_manager_new(void)
{
    g_autofree gchar *notify_socket = g_strdup(g_getenv("NOTIFY_SOCKET"));
    g_autofree gchar *watchdog_usec = g_strdup(g_getenv("WATCHDOG_USEC"));
    g_autofree gchar *watchdog_pid = g_strdup(g_getenv("WATCHDOG_PID"));
    const ServiceManagerText text = {notify_socket, watchdog_usec, watchdog_pid};
    ServiceManager *self = service_manager_new_silent();

    if (notify_socket != NULL && *notify_socket != '\0')
        service_manager_open(self, &text);
    return self;
}

void
service_manager_free(ServiceManager *self)
{
    if (self->fd >= 0)
        close(self->fd);
    g_queue_clear_full(&self->waiting, g_free);
    g_free(self->address);
    g_free(self);
}

/* --- sending --- */

/* FALSE when there is no room. */
static gboolean
service_manager_try(ServiceManager *self, const gchar *message)
{
    if (sendto(self->fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&self->name, self->name_len) >= 0)
        return TRUE;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EINTR)
        return FALSE;
    if (!self->is_unreachable)
        service_manager_warn(self, g_strerror(errno));
    self->is_unreachable = TRUE;
    return TRUE;
}

static void
service_manager_send_waiting(ServiceManager *self)
{
    while (!g_queue_is_empty(&self->waiting) &&
           service_manager_try(self, g_queue_peek_head(&self->waiting)))
        g_free(g_queue_pop_head(&self->waiting));
    self->retry_due_ms = clock_monotonic_ms() + RETRY_MS;
}

static void
service_manager_send(ServiceManager *self, const gchar *message)
{
    /* A manager that never reads has no use for more. */
    if (self->fd < 0 || g_queue_get_length(&self->waiting) >= WAITING_MAX)
        return;
    g_queue_push_tail(&self->waiting, g_strdup(message));
    service_manager_send_waiting(self);
}

/* --- what is told --- */

static gchar *
service_manager_dup_line(const gchar *text)
{
    g_autofree gchar *valid = g_utf8_make_valid(text, -1);
    gsize len = strcspn(valid, "\r\n");
    const gchar *end;

    valid[len] = '\0';
    if (len <= STATUS_BYTES_MAX)
        return g_steal_pointer(&valid);
    end = g_utf8_find_prev_char(valid, valid + STATUS_BYTES_MAX + 1);
    return g_strdup_printf("%.*s...", (int)(end - valid), valid);
}

static void
service_manager_tell(ServiceManager *self, const gchar *state, const gchar *status)
{
    g_autofree gchar *line = service_manager_dup_line(status);
    g_autofree gchar *message = g_strconcat(state, "STATUS=", line, "\n", NULL);

    service_manager_send(self, message);
}

void
service_manager_tell_ready(ServiceManager *self, const gchar *status)
{
    g_autofree gchar *state = g_strdup_printf("READY=1\nMAINPID=%d\n", (int)getpid());

    /* It would not believe that we stop. */
    if (!self->is_stopping)
        service_manager_tell(self, state, status);
}

/* The time tells the end of this reload from that of an earlier one. */
void
service_manager_tell_reloading(ServiceManager *self, const gchar *status)
{
    g_autofree gchar *state = g_strdup_printf(
        "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT "\n", clock_monotonic_us());

    if (!self->is_stopping)
        service_manager_tell(self, state, status);
}

void
service_manager_tell_stopping(ServiceManager *self, const gchar *status)
{
    self->is_stopping = TRUE;
    service_manager_tell(self, "STOPPING=1\n", status);
}

void
service_manager_tell_status(ServiceManager *self, const gchar *status)
{
    service_manager_tell(self, "", status);
}

/* --- time --- */

gint64
service_manager_get_due_ms(const ServiceManager *self)
{
    gint64 due_ms = G_MAXINT64;

    if (self->fd >= 0 && self->watchdog_ms > 0)
        due_ms = self->sign_due_ms;
    if (self->waiting.length > 0)
        due_ms = MIN(due_ms, self->retry_due_ms);
    return due_ms;
}

void
service_manager_do_due(ServiceManager *self, gint64 now_ms)
{
    if (!g_queue_is_empty(&self->waiting) && now_ms >= self->retry_due_ms)
        service_manager_send_waiting(self);
    if (self->fd < 0 || self->watchdog_ms == 0 || now_ms < self->sign_due_ms)
        return;
    self->sign_due_ms = now_ms + self->watchdog_ms;
    /* A late sign is worth nothing: the next one comes in time. */
    if (g_queue_is_empty(&self->waiting))
        (void)service_manager_try(self, "WATCHDOG=1\n");
}
