/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of the spool: headers of segments and records. doc/spool-format.md is the
 * same for people. Pure: no files here.
 *
 * Each life of a segment has a random key that stands in its file name, its header and
 * each of its records. So a record of an earlier life, or one that a sender hides inside
 * a message, is never taken for a record of this segment.
 */
#ifndef SPOOL_RECORD_H
#define SPOOL_RECORD_H

#include <barid/slice.h>

/* Batches begin at multiples of this, so that a page with acknowledged bytes is never
 * written again. */
#define SPOOL_PAGE 4096
/* Records within a batch begin at multiples of this. */
#define SPOOL_ALIGN 8
#define SPOOL_SEGMENT_HEADER 64
#define SPOOL_RECORD_HEADER 64
#define SPOOL_VERSION 1

typedef enum {
    SPOOL_RECORD_ADD = 1,
    SPOOL_RECORD_STATE = 2,
    SPOOL_RECORD_REMOVE = 3,
    SPOOL_RECORD_SEAL = 4, /* nothing follows in this segment */
    SPOOL_RECORD_VOID = 5, /* the segment with key (id) does not count from (file_bytes) on */
} SpoolRecordType;

enum {
    SPOOL_RECORD_LARGE = 1 << 0,     /* the body is a file of its own */
    SPOOL_RECORD_BATCH_END = 1 << 1, /* the next record begins on a new page */
};

typedef struct {
    guint64 id;
    guint8 type;
    guint8 flags;
    guint32 envelope_len, state_len, prefix_len, body_len;
    guint64 file_bytes; /* LARGE: size of the file */
    guint32 file_crc;   /* LARGE: CRC-32C of the file */
    guint32 payload_crc;
} SpoolRecordHeader;

typedef struct {
    guint32 generation;
    guint64 key;
    guint64 segment_bytes;
    gint64 time_ms;
} SpoolSegmentHeader;

void spool_record_encode(const SpoolRecordHeader *header, guint64 key, goffset offset,
                         guint8 out_bytes[SPOOL_RECORD_HEADER]);
/* FALSE unless the bytes are a whole header written for this place of the segment with
 * this key, with lengths inside the limits. */
gboolean spool_record_decode(const guint8 bytes[SPOOL_RECORD_HEADER], guint64 key,
                             goffset offset, SpoolRecordHeader *out_header);
/* Bytes from the header to the end of the payload, without padding. */
guint64 spool_record_get_size(const SpoolRecordHeader *header);
/* Whether the bytes can be the start of a record: the cheap half of decoding. */
gboolean spool_record_looks_right(const guint8 *bytes, guint64 key);

void spool_segment_header_encode(const SpoolSegmentHeader *header,
                                 guint8 out_bytes[SPOOL_SEGMENT_HEADER]);
gboolean spool_segment_header_decode(const guint8 bytes[SPOOL_SEGMENT_HEADER],
                                     SpoolSegmentHeader *out_header);

/* "GGGGGGGG-KKKKKKKKKKKKKKKK.seg"; length with NUL. */
#define SPOOL_SEGMENT_NAME_MAX 40
void spool_segment_name_format(guint32 generation, guint64 key,
                               gchar out_name[SPOOL_SEGMENT_NAME_MAX]);
gboolean spool_segment_name_parse(const gchar *name, guint32 *out_generation, guint64 *out_key);
/* "ID.msg": the body of a large message. */
#define SPOOL_FILE_NAME_MAX 24
void spool_file_name_format(guint64 id, gchar out_name[SPOOL_FILE_NAME_MAX]);
gboolean spool_file_name_parse(const gchar *name, guint64 *out_id);

static inline guint64
spool_align(guint64 value, guint64 unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

#endif
