/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/spool/scan.h"

#include "base/crc32c.h"

#define SCAN_WINDOW (1024 * 1024)

void
spool_scan_init(SpoolScan *self, SpoolScanRead read, gpointer data, guint64 key, goffset size)
{
    *self = (SpoolScan){
        .read = read,
        .data = data,
        .key = key,
        .size = size,
        .pos = SPOOL_SEGMENT_HEADER,
        .gap_start = -1,
    };
}

void
spool_scan_clear(SpoolScan *self)
{
    g_clear_pointer(&self->window, g_free);
    self->window_len = 0;
}

/* Fills the window, page by page where the whole cannot be read: one bad sector must not
 * hide its neighbours. What is unreadable becomes zeros, which are never a record. */
static void
scan_fill(SpoolScan *self, goffset start, gsize len)
{
    gssize got = self->read(self->data, self->window, len, start);
    gsize done = got < 0 ? 0 : (gsize)got;

    self->window_start = start;
    self->window_len = len;
    while (done < len) {
        gsize part = MIN((gsize)SPOOL_PAGE, len - done);

        got = self->read(self->data, self->window + done, part, start + (goffset)done);
        if (got == 0) {
            /* The file ends before its announced size. */
            memset(self->window + done, 0, len - done);
            return;
        }
        if (got < 0) {
            memset(self->window + done, 0, part);
            self->unreadable_bytes += part;
            got = (gssize)part;
        }
        done += (gsize)got;
    }
}

/* Gives (len) bytes at (pos), or NULL past the end of the segment. */
static const guint8 *
scan_fetch(SpoolScan *self, goffset pos, gsize len)
{
    goffset window_end = self->window_start + (goffset)self->window_len;

    if ((goffset)len > self->size - pos)
        return NULL;
    if (pos < self->window_start || pos + (goffset)len > window_end) {
        gsize want = MIN(MAX(len, (gsize)SCAN_WINDOW), (gsize)(self->size - pos));

        if (want > self->window_capacity) {
            self->window = g_realloc(self->window, want);
            self->window_capacity = want;
        }
        scan_fill(self, pos, want);
    }
    return self->window + (pos - self->window_start);
}

gboolean
spool_record_open(const SpoolRecordHeader *header, BaridSlice payload, SpoolRecord *out_record)
{
    const guint8 *at = payload.data;

    if (payload.len != spool_record_get_size(header) - SPOOL_RECORD_HEADER ||
        crc32c_update(0, payload.data, payload.len) != header->payload_crc)
        return FALSE;
    out_record->header = *header;
    out_record->size = spool_align(spool_record_get_size(header), SPOOL_ALIGN);
    out_record->envelope = barid_slice(at, header->envelope_len);
    out_record->state = barid_slice(at + header->envelope_len, header->state_len);
    at += (gsize)header->envelope_len + header->state_len;
    out_record->prefix = barid_slice(at, header->prefix_len);
    out_record->body = barid_slice(at + header->prefix_len, header->body_len);
    return TRUE;
}

/* The record at the present place, whole and right. Sets (*out_has_header) when at least
 * its header is. */
static gboolean
scan_take_record(SpoolScan *self, SpoolRecord *out_record, gboolean *out_has_header)
{
    const guint8 *bytes = scan_fetch(self, self->pos, SPOOL_RECORD_HEADER);
    SpoolRecordHeader header;
    gsize size;

    *out_has_header = FALSE;
    if (bytes == NULL || !spool_record_decode(bytes, self->key, self->pos, &header))
        return FALSE;
    *out_has_header = TRUE;
    size = (gsize)spool_record_get_size(&header);
    bytes = scan_fetch(self, self->pos, size);
    if (bytes == NULL ||
        !spool_record_open(&header,
                           barid_slice(bytes + SPOOL_RECORD_HEADER, size - SPOOL_RECORD_HEADER),
                           out_record))
        return FALSE;
    out_record->offset = self->pos;
    return TRUE;
}

/* Looks for the next valid record, a window at a time. */
static SpoolScanResult
scan_search(SpoolScan *self, SpoolRecord *out_record)
{
    gsize looked = 0;

    for (; looked < SCAN_WINDOW; looked += SPOOL_ALIGN, self->pos += SPOOL_ALIGN) {
        const guint8 *bytes = scan_fetch(self, self->pos, SPOOL_RECORD_HEADER);
        gboolean has_header;

        if (bytes == NULL) {
            *out_record = (SpoolRecord){.offset = self->gap_start};
            return SPOOL_SCAN_END;
        }
        if (spool_record_looks_right(bytes, self->key) &&
            scan_take_record(self, out_record, &has_header)) {
            *out_record = (SpoolRecord){
                .offset = self->gap_start,
                .size = (guint64)(self->pos - self->gap_start),
            };
            self->gap_start = -1;
            self->has_torn = FALSE;
            return SPOOL_SCAN_GAP;
        }
    }
    return SPOOL_SCAN_MORE;
}

SpoolScanResult
spool_scan_next(SpoolScan *self, SpoolRecord *out_record)
{
    gboolean has_header;

    if (self->gap_start >= 0)
        return scan_search(self, out_record);
    if (self->is_sealed || self->size - self->pos < SPOOL_RECORD_HEADER) {
        *out_record = (SpoolRecord){.offset = self->pos};
        return SPOOL_SCAN_END;
    }
    if (!scan_take_record(self, out_record, &has_header)) {
        self->gap_start = self->pos;
        self->has_torn = has_header;
        self->pos += SPOOL_ALIGN;
        return scan_search(self, out_record);
    }
    self->pos += (goffset)out_record->size;
    if ((out_record->header.flags & SPOOL_RECORD_BATCH_END) != 0)
        self->pos = (goffset)spool_align((guint64)self->pos, SPOOL_PAGE);
    self->is_sealed = out_record->header.type == SPOOL_RECORD_SEAL;
    return SPOOL_SCAN_RECORD;
}
