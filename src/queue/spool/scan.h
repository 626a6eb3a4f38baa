/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SpoolScan: reads one segment from the front, record by record, over any source of
 * bytes. It is the core of replay, of the offline reader and of the fuzz target, and
 * knows no files.
 *
 * What is not a valid record is a gap: searched through in steps of 8 bytes for the next
 * valid record. A gap with a valid record after it is damage; a gap up to the end is the
 * tail, which was never acknowledged or never written.
 */
#ifndef SPOOL_SCAN_H
#define SPOOL_SCAN_H

#include "queue/spool/record.h"

/* Reads like pread(2): fewer bytes than asked only at the end, -1 when unreadable. */
typedef gssize (*SpoolScanRead)(gpointer data, void *buffer, gsize len, goffset offset);

typedef struct {
    SpoolScanRead read;
    gpointer data;
    guint64 key;
    goffset size;         /* of the segment */
    goffset pos;
    goffset gap_start;    /* -1 outside a gap */
    guint8 *window;
    gsize window_len, window_capacity;
    goffset window_start;
    guint64 unreadable_bytes;
    gboolean is_sealed;   /* the end was marked: there is no tail */
    gboolean has_torn;    /* the tail begins with a record's header */
} SpoolScan;

typedef enum {
    SPOOL_SCAN_RECORD, /* (*out_record) is valid until the next call */
    SPOOL_SCAN_GAP,    /* (offset) and (size) of (*out_record) tell where */
    SPOOL_SCAN_MORE,   /* still searching: a bounded piece of work is done */
    SPOOL_SCAN_END,    /* out->offset is where the tail begins */
} SpoolScanResult;

typedef struct {
    goffset offset;
    guint64 size; /* with padding to SPOOL_ALIGN */
    SpoolRecordHeader header;
    BaridSlice envelope, state, prefix, body;
} SpoolRecord;

void spool_scan_init(SpoolScan *self, SpoolScanRead read, gpointer data, guint64 key,
                     goffset size);
void spool_scan_clear(SpoolScan *self);
SpoolScanResult spool_scan_next(SpoolScan *self, SpoolRecord *out_record);

/* Splits (payload), which follows a decoded header; FALSE when the checksum differs. */
gboolean spool_record_open(const SpoolRecordHeader *header, BaridSlice payload,
                           SpoolRecord *out_record);

#endif
