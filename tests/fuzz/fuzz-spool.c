/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a segment file. The scan of it must end, stay inside it, and give only
 * records whose bytes are what their checksums say. The key is taken from the segment's
 * header, or is fixed when that is damaged.
 */
#include <stdint.h>
#include <string.h>

#include "base/crc32c.h"
#include "queue/spool/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gssize
read_input(gpointer source, void *buffer, gsize len, goffset offset)
{
    const BaridSlice *input = source;
    gsize part;

    if ((gsize)offset >= input->len)
        return 0;
    part = MIN(len, input->len - (gsize)offset);
    memcpy(buffer, input->data + offset, part);
    return (gssize)part;
}

static void
check_record(const SpoolRecord *record, goffset last_end, gsize size)
{
    guint32 crc = crc32c_update(0, record->envelope.data, record->envelope.len);

    crc = crc32c_update(crc, record->state.data, record->state.len);
    crc = crc32c_update(crc, record->prefix.data, record->prefix.len);
    crc = crc32c_update(crc, record->body.data, record->body.len);
    g_assert(crc == record->header.payload_crc);
    g_assert(record->offset >= last_end);
    g_assert((guint64)record->offset + spool_record_get_size(&record->header) <= size);
}

/* Gives the first record right checksums, so that the fuzzer gets past them. */
static void
mend_record(guint8 *bytes, gsize size, guint64 key)
{
    guint8 *record = bytes + SPOOL_SEGMENT_HEADER;
    SpoolRecordHeader header = {0};
    guint32 lengths[4];
    gsize left = size - SPOOL_SEGMENT_HEADER - SPOOL_RECORD_HEADER;

    memcpy(lengths, record + 32, sizeof lengths);
    header.id = 1;
    header.type = record[24];
    header.flags = record[25];
    header.envelope_len = (guint32)MIN(lengths[0], left / 4);
    header.state_len = (guint32)MIN(lengths[1], left / 4);
    header.prefix_len = (guint32)MIN(lengths[2], left / 4);
    header.body_len = (guint32)MIN(lengths[3], left / 4);
    header.payload_crc =
        crc32c_update(0, record + SPOOL_RECORD_HEADER,
                      (gsize)spool_record_get_size(&header) - SPOOL_RECORD_HEADER);
    spool_record_encode(&header, key, SPOOL_SEGMENT_HEADER, record);
}

static void
scan_input(const BaridSlice *input, guint64 key)
{
    SpoolScan scan;
    SpoolRecord record;
    SpoolScanResult result;
    goffset last_end = SPOOL_SEGMENT_HEADER;

    spool_scan_init(&scan, read_input, (gpointer)(guintptr)input, key, (goffset)input->len);
    while ((result = spool_scan_next(&scan, &record)) != SPOOL_SCAN_END) {
        if (result == SPOOL_SCAN_MORE)
            continue;
        if (result == SPOOL_SCAN_RECORD)
            check_record(&record, last_end, input->len);
        else
            g_assert(record.offset >= last_end && record.size > 0);
        last_end = record.offset + (goffset)record.size;
    }
    spool_scan_clear(&scan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree guint8 *bytes = g_memdup2(data, size);
    BaridSlice input = barid_slice(bytes, size);
    SpoolSegmentHeader header = {.key = G_GUINT64_CONSTANT(0x0123456789abcdef)};

    if (size >= SPOOL_SEGMENT_HEADER)
        (void)spool_segment_header_decode(data, &header);
    scan_input(&input, header.key);
    if (size >= SPOOL_SEGMENT_HEADER + SPOOL_RECORD_HEADER &&
        data[SPOOL_SEGMENT_HEADER + 26] != 0) {
        mend_record(bytes, size, header.key);
        scan_input(&input, header.key);
    }
    return 0;
}
