/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/queue.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error-domain.h"

enum { ARRIVAL_FIRST_BYTES = 8 * 1024 };

void
arrival_init(Arrival *self, struct Queue *queue, gsize memory_bytes, gsize limit_bytes)
{
    *self = (Arrival){.queue = queue, .memory_bytes = memory_bytes, .limit_bytes = limit_bytes,
                      .fd = -1};
    buffer_init(&self->memory, memory_bytes);
}

static void
arrival_drop(Arrival *self)
{
    buffer_clear(&self->memory);
    if (self->map != NULL)
        munmap(self->map, self->len);
    self->map = NULL;
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

void
arrival_clear(Arrival *self)
{
    arrival_drop(self);
    g_clear_error(&self->error);
}

static gboolean
arrival_fail(Arrival *self, int errnum)
{
    error_set_errno(&self->error, SPOOL_ERROR, errnum, "cannot store the message");
    arrival_drop(self);
    return FALSE;
}

static gboolean
arrival_write(Arrival *self, BaridSlice bytes)
{
    while (bytes.len > 0) {
        gssize written = write(self->fd, bytes.data, bytes.len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return arrival_fail(self, written < 0 ? errno : ENOSPC);
        bytes.data += written;
        bytes.len -= (gsize)written;
    }
    return TRUE;
}

static gboolean
arrival_spill(Arrival *self)
{
    if (self->queue != NULL)
        self->fd = queue_make_file(self->queue, &self->error);
    else
        self->fd = memfd_create("barid-message", MFD_CLOEXEC);
    if (self->fd < 0) {
        if (self->error == NULL)
            return arrival_fail(self, errno);
        arrival_drop(self);
        return FALSE;
    }
    if (!arrival_write(self, buffer_get_slice(&self->memory)))
        return FALSE;
    buffer_clear(&self->memory);
    return TRUE;
}

gboolean
arrival_append(Arrival *self, BaridSlice bytes)
{
    if (self->error != NULL || self->too_large)
        return FALSE;
    if (self->limit_bytes != 0 && bytes.len > self->limit_bytes - self->len) {
        self->too_large = TRUE;
        arrival_drop(self);
        return FALSE;
    }
    if (self->fd < 0) {
        if (self->memory.data == NULL &&
            buffer_reserve(&self->memory, MIN(ARRIVAL_FIRST_BYTES, self->memory_bytes)) == NULL)
            return arrival_fail(self, ENOMEM);
        if (buffer_append(&self->memory, bytes.data, bytes.len)) {
            self->len += bytes.len;
            return TRUE;
        }
        if (!arrival_spill(self))
            return FALSE;
    }
    if (!arrival_write(self, bytes))
        return FALSE;
    self->len += bytes.len;
    return TRUE;
}

gboolean
arrival_finish(Arrival *self, BaridSlice *out_message, GError **error)
{
    if (self->error != NULL) {
        g_propagate_error(error, g_error_copy(self->error));
        return FALSE;
    }
    g_assert(!self->too_large);
    if (self->fd < 0) {
        *out_message = buffer_get_slice(&self->memory);
        return TRUE;
    }
    self->map = mmap(NULL, self->len, PROT_READ, MAP_PRIVATE, self->fd, 0);
    if (self->map == MAP_FAILED) {
        self->map = NULL;
        arrival_fail(self, errno);
        g_propagate_error(error, g_error_copy(self->error));
        return FALSE;
    }
    *out_message = barid_slice(self->map, self->len);
    return TRUE;
}
