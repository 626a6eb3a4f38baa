/* SPDX-License-Identifier: Apache-2.0 */
/* The writing end of the log: group commit. */
#include <errno.h>
#include <limits.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/error-domain.h"
#include "queue/spool/spool-core.h"

static const guint8 log_zeros[SPOOL_PAGE];

/* Short writes are continued; (pieces) is used up on the way. */
static gboolean
write_all(Spool *self, struct iovec *pieces, guint n_pieces, goffset offset)
{
    while (n_pieces > 0) {
        gssize written = self->disk->pwritev(self->disk, self->active->fd, pieces,
                                             (int)MIN(n_pieces, (guint)IOV_MAX), offset);

        if (written <= 0) {
            errno = written == 0 ? EIO : errno;
            return FALSE;
        }
        offset += written;
        while (n_pieces > 0 && (gsize)written >= pieces->iov_len) {
            written -= (gssize)pieces->iov_len;
            pieces++;
            n_pieces--;
        }
        if (n_pieces > 0) {
            pieces->iov_base = (guint8 *)pieces->iov_base + written;
            pieces->iov_len -= (gsize)written;
        }
    }
    return TRUE;
}

static void
add_piece(Spool *self, const void *data, gsize len)
{
    struct iovec piece = {.iov_base = (void *)(guintptr)data, .iov_len = len};

    if (len > 0)
        g_array_append_val(self->pieces, piece);
}

static void
add_draft_pieces(Spool *self, SpoolDraft *draft)
{
    gsize padding = (gsize)(spool_align(spool_record_get_size(&draft->header), SPOOL_ALIGN) -
                            spool_record_get_size(&draft->header));

    spool_record_encode(&draft->header, self->active->key, draft->offset, draft->bytes);
    add_piece(self, draft->bytes, sizeof draft->bytes);
    for (guint i = 0; i < G_N_ELEMENTS(draft->parts); i++)
        add_piece(self, draft->parts[i].data, draft->parts[i].len);
    add_piece(self, log_zeros, padding);
}

static SpoolDraft *
get_draft(Spool *self, guint i)
{
    return &g_array_index(self->drafts, SpoolDraft, i);
}

/* Writes the whole batch with one system call (or a few) and one flush. The last page is
 * filled with zeros, so that the kernel need not read it first. Returns 0 or an errno;
 * (*out_end) is where the next batch begins. */
static int
write_batch(Spool *self, goffset *out_end)
{
    SpoolSegment *segment = self->active;
    guint8 header[SPOOL_SEGMENT_HEADER];
    goffset start = segment->end;
    goffset at = start;

    g_array_set_size(self->pieces, 0);
    if (start == 0) {
        SpoolSegmentHeader first = {
            .generation = segment->generation,
            .key = segment->key,
            .segment_bytes = (guint64)segment->size,
            .time_ms = clock_wall_ms(),
        };

        spool_segment_header_encode(&first, header);
        add_piece(self, header, sizeof header);
        at = SPOOL_SEGMENT_HEADER;
    }
    get_draft(self, self->drafts->len - 1)->header.flags |= SPOOL_RECORD_BATCH_END;
    for (guint i = 0; i < self->drafts->len; i++) {
        SpoolDraft *draft = get_draft(self, i);

        draft->offset = at;
        at += (goffset)spool_align(spool_record_get_size(&draft->header), SPOOL_ALIGN);
        add_draft_pieces(self, draft);
    }
    *out_end = (goffset)spool_align((guint64)at, SPOOL_PAGE);
    add_piece(self, log_zeros, (gsize)(*out_end - at));
    if (!write_all(self, (struct iovec *)(void *)self->pieces->data, self->pieces->len, start))
        return errno;
    self->n_syncs++;
    return self->disk->fdatasync(self->disk, segment->fd) == 0 ? 0 : errno;
}

/* What a flush that failed has left on the disk is unknown, and asking again would say
 * "done" without being true. So the segment ends before the failed batch: it is cut there
 * if the disk allows, and the next segment says that the rest does not count. */
static void
abandon_active(Spool *self)
{
    SpoolSegment *segment = self->active;
    SpoolVoid tail = {.key = segment->key, .offset = segment->end};

    g_array_append_val(self->voids, tail);
    segment->is_void = TRUE;
    (void)self->disk->truncate(self->disk, segment->fd, segment->end);
    segment->size = segment->end;
    self->active = NULL;
}

static void
fail_draft(SpoolDraft *draft, int why)
{
    if (draft->error != NULL && *draft->error == NULL)
        error_set_errno(draft->error, SPOOL_ERROR, why, "cannot write to the spool");
}

static void
remove_message(Spool *self, const SpoolDraft *draft)
{
    gchar name[SPOOL_FILE_NAME_MAX];

    /* Large messages are the rare case, but only the record knows; the attempt to unlink
     * a file that is not there would cost every removal a system call. */
    if (draft->ref->has_file) {
        spool_file_name_format(draft->header.id, name);
        (void)self->disk->unlink(self->disk, self->folder_fd, name);
    }
    spool_segment_guard(self->active, draft->header.id, draft->ref->segment);
    spool_detach(self, draft->ref);
}

static void
apply_draft_without_ref(Spool *self, const SpoolDraft *draft)
{
    if (draft->header.type == SPOOL_RECORD_REMOVE)
        spool_segment_guard(self->active, draft->header.id, draft->guarded);
    else if (draft->header.type == SPOOL_RECORD_VOID)
        spool_segment_bind(self->active, self->active->generation - 1);
}

static void
apply_draft(Spool *self, const SpoolDraft *draft)
{
    SpoolRef *ref = draft->ref;
    guint64 size = spool_record_get_size(&draft->header);

    if (ref == NULL) {
        apply_draft_without_ref(self, draft);
        return;
    }
    self->n_changes++;
    if (draft->header.type == SPOOL_RECORD_ADD) {
        if (ref->segment != 0) {
            spool_segment_bind(self->active, ref->segment);
            spool_detach(self, ref);
        }
        spool_attach(self, ref, self->active, draft->offset, size);
        ref->has_file = (draft->header.flags & SPOOL_RECORD_LARGE) != 0;
    } else if (ref->segment == 0) {
        /* Only a caller's STATE and REMOVE come here, and they have an error of their own. */
        g_set_error(draft->error, SPOOL_ERROR, BARID_ERROR_NOT_FOUND,
                    "the message is not in the spool");
    } else if (draft->header.type == SPOOL_RECORD_STATE) {
        spool_set_state(self, ref, self->active, draft->offset, size);
    } else {
        remove_message(self, draft);
    }
}

static void
clear_batch(Spool *self)
{
    g_array_set_size(self->drafts, 0);
    self->batch_bytes = 0;
}

gboolean
spool_log_flush(Spool *self)
{
    goffset end = 0;
    int why;

    if (self->drafts->len == 0)
        return TRUE;
    why = write_batch(self, &end);
    if (why != 0) {
        for (guint i = 0; i < self->drafts->len; i++)
            fail_draft(get_draft(self, i), why);
        abandon_active(self);
        clear_batch(self);
        return FALSE;
    }
    self->active->end = end;
    for (guint i = 0; i < self->drafts->len; i++) {
        if (get_draft(self, i)->header.type == SPOOL_RECORD_VOID)
            g_array_remove_index(self->voids, 0);
        apply_draft(self, get_draft(self, i));
    }
    clear_batch(self);
    return TRUE;
}

static void
push_draft(Spool *self, const SpoolDraft *draft)
{
    g_array_append_vals(self->drafts, draft, 1);
    self->batch_bytes += spool_align(spool_record_get_size(&draft->header), SPOOL_ALIGN);
}

/* One page stays free for the seal. */
static gboolean
has_room(const Spool *self, guint64 size)
{
    guint64 start = MAX((guint64)self->active->end, (guint64)SPOOL_SEGMENT_HEADER);

    return spool_align(start + self->batch_bytes + size, SPOOL_PAGE) + SPOOL_PAGE <=
           (guint64)self->active->size;
}

/* The first batch of a segment tells which ends of earlier segments do not count. */
static void
push_voids(Spool *self)
{
    for (guint i = 0; i < self->voids->len; i++) {
        const SpoolVoid *tail = &g_array_index(self->voids, SpoolVoid, i);
        SpoolDraft draft = {
            .header = {.id = tail->key,
                       .type = SPOOL_RECORD_VOID,
                       .file_bytes = (guint64)tail->offset},
        };

        push_draft(self, &draft);
    }
}

/* Only what makes room or tells of it may use up the last of it: otherwise a full disk could
 * not be emptied. */
static gboolean
begin_segment_for(Spool *self, guint8 type, guint64 need, GError **error)
{
    return type == SPOOL_RECORD_ADD ? spool_begin_segment(self, need, error)
                                    : spool_begin_any_segment(self, need, error);
}

static gboolean
make_room(Spool *self, guint8 type, guint64 size, GError **error)
{
    if (self->active != NULL && has_room(self, size))
        return TRUE;
    (void)spool_log_flush(self);
    if (self->active != NULL && has_room(self, size))
        return TRUE;
    if (self->active != NULL)
        spool_log_seal(self);
    if (!begin_segment_for(self, type, size + self->voids->len * SPOOL_RECORD_HEADER, error))
        return FALSE;
    push_voids(self);
    return TRUE;
}

void
spool_log_append(Spool *self, SpoolDraft *draft)
{
    g_autoptr(GError) error = NULL;
    guint32 crc = 0;

    for (guint i = 0; i < G_N_ELEMENTS(draft->parts); i++)
        crc = crc32c_update(crc, draft->parts[i].data, draft->parts[i].len);
    draft->header.payload_crc = crc;
    /* What comes before may fail only while room is made, and shares the batch's fate later. */
    if (make_room(self, draft->header.type,
                  spool_align(spool_record_get_size(&draft->header), SPOOL_ALIGN), &error) &&
        (draft->after == NULL || *draft->after == NULL))
        push_draft(self, draft);
    else if (error == NULL)
        g_set_error_literal(draft->error, SPOOL_ERROR, BARID_ERROR_FAILED,
                            "what must come before it could not be written");
    else if (draft->error != NULL && *draft->error == NULL)
        *draft->error = g_steal_pointer(&error);
}

/* Advice for readers, not a promise: with it, damage to the last record is told apart
 * from a torn tail. So it is not waited for, and its failure harms nothing. */
void
spool_log_seal(Spool *self)
{
    SpoolSegment *segment = self->active;
    SpoolRecordHeader header = {
        .type = SPOOL_RECORD_SEAL,
        .flags = SPOOL_RECORD_BATCH_END,
    };
    guint8 page[SPOOL_RECORD_HEADER];
    struct iovec piece = {.iov_base = page, .iov_len = SPOOL_RECORD_HEADER};

    if (segment->end > 0 && segment->end + SPOOL_RECORD_HEADER <= segment->size) {
        spool_record_encode(&header, segment->key, segment->end, page);
        (void)write_all(self, &piece, 1, segment->end);
    }
    self->active = NULL;
}

gboolean
spool_log_void(Spool *self)
{
    GError *ignored = NULL;

    if (!spool_begin_any_segment(self, self->voids->len * SPOOL_RECORD_HEADER, &ignored)) {
        g_clear_error(&ignored);
        return FALSE;
    }
    push_voids(self);
    return spool_log_flush(self);
}
