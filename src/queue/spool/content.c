/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading stored content. Records are read into memory, not mapped: a read error is then
 * an error and not a signal, the checksum holds for what the reader sees, and the segment
 * may be recycled at any time. Files of large messages are mapped, after their bytes were
 * verified by reading; an unlinked file stays as long as its mapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/error-domain.h"
#include "queue/spool/spool-core.h"

struct SpoolContent {
    gatomicrefcount refs;
    guint8 *bytes; /* the whole record */
    SpoolRecord record;
    void *map;
    gsize map_len;
};

/* Reads up to (len) bytes; fewer only where the file ends. -1 with (error). */
static gssize
read_most(SpoolDisk *disk, int fd, guint8 *buffer, gsize len, goffset offset, GError **error)
{
    gsize done = 0;

    while (done < len) {
        gssize got = disk->pread(disk, fd, buffer + done, len - done, offset + (goffset)done);

        if (got < 0) {
            error_set_errno(error, SPOOL_ERROR, errno, "cannot read the spool");
            return -1;
        }
        if (got == 0)
            break;
        done += (gsize)got;
    }
    return (gssize)done;
}

gboolean
spool_read_record(Spool *self, guint32 generation, guint32 offset, guint32 size,
                  guint8 **out_bytes, SpoolRecord *out_record, GError **error)
{
    const SpoolSegment *segment = spool_find_segment(self, generation);
    goffset at = (goffset)offset * SPOOL_ALIGN;
    gsize len = (gsize)size * SPOOL_ALIGN;
    gsize room = MAX(len, (gsize)SPOOL_RECORD_HEADER);
    g_autofree guint8 *bytes = g_malloc(room);
    SpoolRecordHeader header;
    SpoolRecord record;
    gssize got;

    g_assert(segment != NULL);
    got = read_most(self->disk, segment->fd, bytes, len, at, error);
    if (got < 0)
        return FALSE;
    /* A file cut after the payload lacks the padding; it reads as zeros. */
    memset(bytes + got, 0, room - (gsize)got);
    if (!spool_record_decode(bytes, segment->key, at, &header) ||
        spool_align(spool_record_get_size(&header), SPOOL_ALIGN) != len ||
        !spool_record_open(&header,
                           barid_slice(bytes + SPOOL_RECORD_HEADER,
                                       (gsize)spool_record_get_size(&header) - SPOOL_RECORD_HEADER),
                           &record)) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_INVALID,
                    "the record at offset %" G_GOFFSET_FORMAT " of spool segment %08x is damaged",
                    at, generation);
        return FALSE;
    }
    record.offset = at;
    *out_record = record;
    *out_bytes = g_steal_pointer(&bytes);
    return TRUE;
}

gboolean
spool_file_checksum(SpoolDisk *disk, int fd, guint64 len, guint32 *out_crc, GError **error)
{
    gsize capacity = (gsize)MIN(len, (guint64)1024 * 1024);
    g_autofree guint8 *buffer = g_malloc(MAX(capacity, (gsize)1));
    guint32 crc = 0;

    for (guint64 done = 0; done < len;) {
        gsize part = (gsize)MIN(len - done, (guint64)capacity);
        gssize got = read_most(disk, fd, buffer, part, (goffset)done, error);

        if (got < 0)
            return FALSE;
        if (got < (gssize)part) {
            g_set_error(error, SPOOL_ERROR, BARID_ERROR_INVALID,
                        "the content of a message is shorter than it should be");
            return FALSE;
        }
        crc = crc32c_update(crc, buffer, part);
        done += part;
    }
    *out_crc = crc;
    return TRUE;
}

static gboolean
map_file(SpoolContent *content, int fd, GError **error)
{
    gsize len = (gsize)content->record.header.file_bytes;

    if (len == 0)
        return TRUE;
    content->map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
    if (content->map == MAP_FAILED) {
        content->map = NULL;
        error_set_errno(error, SPOOL_ERROR, errno, "cannot map the content of a message");
        return FALSE;
    }
    content->map_len = len;
    content->record.body = barid_slice(content->map, len);
    return TRUE;
}

static gboolean
open_file(Spool *self, SpoolContent *content, GError **error)
{
    const SpoolRecordHeader *header = &content->record.header;
    gchar name[SPOOL_FILE_NAME_MAX];
    guint32 crc = 0;
    gboolean ok;
    int fd;

    spool_file_name_format(header->id, name);
    fd = self->disk->open(self->disk, self->folder_fd, name, O_RDONLY);
    if (fd < 0) {
        error_set_errno(error, SPOOL_ERROR, errno, "cannot open the content \"%s\"", name);
        return FALSE;
    }
    ok = spool_file_checksum(self->disk, fd, header->file_bytes, &crc, error);
    if (ok && crc != header->file_crc) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_INVALID, "the content \"%s\" is damaged",
                    name);
        ok = FALSE;
    }
    ok = ok && map_file(content, fd, error);
    (void)close(fd);
    return ok;
}

int
spool_open_body(Spool *self, const SpoolRef *ref, GError **error)
{
    gchar name[SPOOL_FILE_NAME_MAX];
    int fd;

    if (!ref->has_file)
        return -1;
    spool_file_name_format(ref->id, name);
    fd = self->disk->open(self->disk, self->folder_fd, name, O_RDONLY);
    if (fd < 0)
        error_set_errno(error, SPOOL_ERROR, errno, "cannot open the content \"%s\"", name);
    return fd;
}

SpoolContent *
spool_read(Spool *self, const SpoolRef *ref, GError **error)
{
    g_autoptr(SpoolContent) content = NULL;

    if (ref->segment == 0) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_NOT_FOUND, "the message is not in the spool");
        return NULL;
    }
    content = g_new0(SpoolContent, 1);
    g_atomic_ref_count_init(&content->refs);
    if (!spool_read_record(self, ref->segment, ref->offset, ref->size, &content->bytes,
                           &content->record, error))
        return NULL;
    if ((content->record.header.flags & SPOOL_RECORD_LARGE) != 0 &&
        !open_file(self, content, error))
        return NULL;
    return g_steal_pointer(&content);
}

SpoolContent *
spool_content_ref(SpoolContent *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

void
spool_content_unref(SpoolContent *self)
{
    if (self == NULL || !g_atomic_ref_count_dec(&self->refs))
        return;
    if (self->map != NULL)
        (void)munmap(self->map, self->map_len);
    g_free(self->bytes);
    g_free(self);
}

BaridSlice
spool_content_get_prefix(const SpoolContent *self)
{
    return self->record.prefix;
}

BaridSlice
spool_content_get_body(const SpoolContent *self)
{
    return self->record.body;
}

BaridSlice
spool_content_get_envelope(const SpoolContent *self)
{
    return self->record.envelope;
}
