/* SPDX-License-Identifier: Apache-2.0 */
/* A file of slots. Nothing here waits for the disk. */
#include "queue/spool/marks.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/chance.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "queue/spool/spool-core.h"

#define MARKS_SUFFIX ".marks"

enum {
    MARK_BYTES = 256,
    MARK_HEADER = 16,
    MARK_FILE_MIN = 64, /* slots that a new file has room for */
    MARKS_MAX = 1 << 20, /* slots of a file that are read */
};

G_STATIC_ASSERT(MARK_HEADER + SPOOL_MARK_MAX <= MARK_BYTES);

/* Lives as long as one of its slots is in use: a message may be cancelled, and its folder
 * left, while a next hop is still busy with it. */
struct SpoolMarks {
    SpoolDisk *disk;
    gchar *name;
    int fd;
    guint n_slots;
    GArray *free; /* of guint: slots that were given back */
    guint n_refs; /* of the spool and its marks; the owner thread's */
};

struct SpoolMark {
    SpoolMarks *file;
    guint slot;
};

gboolean
spool_marks_is_name(const gchar *name)
{
    return g_str_has_suffix(name, MARKS_SUFFIX);
}

/* --- writing --- */

static void
marks_unref(SpoolMarks *self)
{
    if (self == NULL || --self->n_refs > 0)
        return;
    (void)close(self->fd);
    g_array_free(self->free, TRUE);
    g_free(self->name);
    g_free(self);
}

static SpoolMarks *
marks_make(const Spool *spool)
{
    g_autofree gchar *name =
        g_strdup_printf("%016" G_GINT64_MODIFIER "x" MARKS_SUFFIX, chance_u64());
    int fd = spool->disk->open(spool->disk, spool->folder_fd, name, O_RDWR | O_CREAT | O_EXCL);
    SpoolMarks *self;

    if (fd < 0)
        return NULL;
    /* So that a disk that gets full later still takes the first of them. */
    (void)spool->disk->allocate(spool->disk, fd, MARK_FILE_MIN * MARK_BYTES);
    self = g_new0(SpoolMarks, 1);
    self->disk = spool->disk;
    self->name = g_steal_pointer(&name);
    self->fd = fd;
    self->free = g_array_new(FALSE, FALSE, sizeof(guint));
    self->n_refs = 1;
    return self;
}

SpoolMark *
spool_mark_new(Spool *spool)
{
    SpoolMarks *file = spool->marks != NULL ? spool->marks : marks_make(spool);
    SpoolMark *self;

    spool->marks = file;
    if (file == NULL)
        return NULL;
    self = g_new0(SpoolMark, 1);
    self->file = file;
    file->n_refs++;
    if (file->free->len > 0) {
        self->slot = g_array_index(file->free, guint, file->free->len - 1);
        g_array_set_size(file->free, file->free->len - 1);
    } else {
        self->slot = file->n_slots++;
    }
    return self;
}

void
spool_mark_free(SpoolMark *self)
{
    if (self == NULL)
        return;
    g_array_append_val(self->file->free, self->slot);
    marks_unref(self->file);
    g_free(self);
}

static void
put_le(guint8 *at, guint64 value, guint n_bytes)
{
    for (guint i = 0; i < n_bytes; i++)
        at[i] = (guint8)(value >> (8 * i));
}

void
spool_mark_write(const SpoolMark *self, QueueId id, BaridSlice data)
{
    guint8 block[MARK_BYTES] = {0};
    struct iovec piece = {.iov_base = block, .iov_len = sizeof block};

    if (self == NULL)
        return;
    g_assert(data.len <= SPOOL_MARK_MAX);
    put_le(block + 4, data.len, 4);
    put_le(block + 8, id, 8);
    memcpy(block + MARK_HEADER, data.data, data.len);
    put_le(block, crc32c_update(0, block + 4, MARK_HEADER - 4 + data.len), 4);
    (void)self->file->disk->pwritev(self->file->disk, self->file->fd, &piece, 1,
                                    (goffset)self->slot * MARK_BYTES);
}

void
spool_marks_leave(Spool *spool)
{
    if (spool->marks != NULL)
        (void)spool->disk->unlink(spool->disk, spool->folder_fd, spool->marks->name);
    marks_unref(g_steal_pointer(&spool->marks));
}

/* --- what others left --- */

static void
marks_read_block(const guint8 *block, SpoolMarkVisitor visitor, gpointer data)
{
    Cursor cursor = cursor_new(barid_slice(block, MARK_BYTES));
    guint32 crc, len;
    BaridSlice bytes;
    guint64 id;

    if (cursor_take_u32(&cursor, &crc) && cursor_take_u32(&cursor, &len) &&
        cursor_take_u64(&cursor, &id) && len <= SPOOL_MARK_MAX &&
        cursor_take(&cursor, len, &bytes) &&
        crc32c_update(0, block + 4, MARK_HEADER - 4 + len) == crc)
        visitor(id, bytes, data);
}

void
spool_marks_visit(const Spool *spool, SpoolMarkVisitor visitor, gpointer data)
{
    guint8 block[MARK_BYTES];

    for (guint i = 0; i < spool->old_marks->len; i++) {
        const gchar *name = g_ptr_array_index(spool->old_marks, i);
        int fd = spool->disk->open(spool->disk, spool->folder_fd, name, O_RDONLY);

        for (guint slot = 0; fd >= 0 && slot < MARKS_MAX; slot++) {
            if (spool->disk->pread(spool->disk, fd, block, sizeof block,
                                   (goffset)slot * MARK_BYTES) != (gssize)sizeof block)
                break;
            marks_read_block(block, visitor, data);
        }
        if (fd >= 0)
            (void)close(fd);
    }
}

void
spool_marks_forget(Spool *spool)
{
    for (guint i = 0; i < spool->old_marks->len; i++)
        (void)spool->disk->unlink(spool->disk, spool->folder_fd,
                                  g_ptr_array_index(spool->old_marks, i));
    g_ptr_array_set_size(spool->old_marks, 0);
}
