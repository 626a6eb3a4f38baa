/* SPDX-License-Identifier: Apache-2.0 */
/* What is damaged is reported, and copied aside for whoever wants to look at it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/spool/spool-core.h"

#define DAMAGE_FOLDER "damaged"
#define DAMAGE_LINES_MAX 64

void
spool_note_damage(Spool *self, guint64 len, const gchar *format, ...)
{
    va_list args;

    self->damaged_bytes += len;
    self->n_damages++;
    if (self->n_damages > DAMAGE_LINES_MAX)
        return;
    if (self->damage->len > 0)
        g_string_append(self->damage, "; ");
    if (self->n_damages == DAMAGE_LINES_MAX) {
        g_string_append(self->damage, "and more");
        return;
    }
    va_start(args, format);
    g_string_append_vprintf(self->damage, format, args);
    va_end(args);
}

/* Best effort: what cannot be read is left out as zeros, and a full disk ends the copy. */
static void
copy_bytes(Spool *self, int from, int to, goffset start, guint64 len)
{
    guint8 page[SPOOL_PAGE / 2];

    for (guint64 done = 0; done < len; done += sizeof page) {
        gsize part = (gsize)MIN(len - done, (guint64)sizeof page);
        struct iovec piece = {.iov_base = page, .iov_len = part};
        gssize got = self->disk->pread(self->disk, from, page, part, start + (goffset)done);

        if (got < (gssize)part)
            memset(page + MAX(got, 0), 0, part - (gsize)MAX(got, 0));
        if (self->disk->pwritev(self->disk, to, &piece, 1, (goffset)done) < 0)
            return;
    }
}

void
spool_set_aside(Spool *self, const SpoolSegment *segment, goffset start, guint64 len,
                const gchar *why)
{
    gchar name[64];
    int fd;

    spool_note_damage(self, len,
                      "segment %08x: %" G_GUINT64_FORMAT " bytes at offset %" G_GOFFSET_FORMAT
                      " are damaged: %s",
                      segment->generation, len, start, why);
    /* The name follows from the place, so that a second start makes no second copy. */
    g_snprintf(name, sizeof name, DAMAGE_FOLDER "/%08x-%08" G_GINT64_MODIFIER "x.bin",
               segment->generation, (guint64)start);
    if (mkdirat(self->folder_fd, DAMAGE_FOLDER, 0700) != 0 && errno != EEXIST)
        return;
    fd = self->disk->open(self->disk, self->folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0)
        return;
    copy_bytes(self, segment->fd, fd, start, len);
    (void)close(fd);
}
