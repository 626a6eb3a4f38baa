/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one message file, with the line ends that the administrator wants. */
#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { WRITE_BUFFER_BYTES = 64 * 1024 };

typedef struct {
    int fd;
    guint8 *buffer;
    gsize len;
    gint64 size_bytes;
    gboolean drops_cr;
    gboolean cr_waits; /* a CR ended what was seen so far */
} MaildirWriter;

static gboolean
writer_flush(MaildirWriter *self)
{
    for (gsize done = 0; done < self->len;) {
        gssize put = write(self->fd, self->buffer + done, self->len - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return FALSE;
        done += (gsize)put;
    }
    self->size_bytes += (gint64)self->len;
    self->len = 0;
    return TRUE;
}

static gboolean
writer_put(MaildirWriter *self, const guint8 *data, gsize len)
{
    while (len > 0) {
        gsize part = MIN(len, WRITE_BUFFER_BYTES - self->len);

        memcpy(self->buffer + self->len, data, part);
        self->len += part;
        data += part;
        len -= part;
        if (self->len == WRITE_BUFFER_BYTES && !writer_flush(self))
            return FALSE;
    }
    return TRUE;
}

/* Only the CR of a CRLF goes; one that stands alone is content. */
static gboolean
writer_put_lines(MaildirWriter *self, BaridSlice slice)
{
    const guint8 *at = slice.data;
    gsize left = slice.len;

    while (left > 0) {
        const guint8 *cr;
        gsize run;

        if (self->cr_waits) {
            self->cr_waits = FALSE;
            if (*at != '\n' && !writer_put(self, (const guint8 *)"\r", 1))
                return FALSE;
        }
        cr = memchr(at, '\r', left);
        run = cr == NULL ? left : (gsize)(cr - at);
        if (!writer_put(self, at, run))
            return FALSE;
        self->cr_waits = cr != NULL;
        run += cr != NULL;
        at += run;
        left -= run;
    }
    return TRUE;
}

static gboolean
writer_put_slice(MaildirWriter *self, BaridSlice slice)
{
    return self->drops_cr ? writer_put_lines(self, slice)
                          : writer_put(self, slice.data, slice.len);
}

static gboolean
writer_run(MaildirWriter *self, const MaildirMessage *message)
{
    if (!writer_put_slice(self, message->fields))
        return FALSE;
    for (guint i = 0; i < message->n_pieces; i++) {
        if (!writer_put_slice(self, message->pieces[i]))
            return FALSE;
    }
    if (self->cr_waits && !writer_put(self, (const guint8 *)"\r", 1))
        return FALSE;
    return writer_flush(self) && fdatasync(self->fd) == 0;
}

gboolean
maildir_write(int tmp_fd, const gchar *name, const MaildirMessage *message,
              gint64 *out_size_bytes)
{
    g_autofree guint8 *buffer = g_malloc(WRITE_BUFFER_BYTES);
    MaildirWriter writer = {.buffer = buffer, .drops_cr = message->line_ends == MAILDIR_LF};
    gboolean written;
    int saved;

    writer.fd = openat(tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (writer.fd < 0)
        return FALSE;
    written = writer_run(&writer, message);
    saved = errno;
    /* Some file systems report a full disk only here. */
    if (close(writer.fd) != 0 && written) {
        written = FALSE;
        saved = errno;
    }
    if (!written) {
        unlinkat(tmp_fd, name, 0);
        errno = saved;
        return FALSE;
    }
    *out_size_bytes = writer.size_bytes;
    return TRUE;
}
