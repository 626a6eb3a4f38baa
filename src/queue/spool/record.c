/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/spool/record.h"

#include "base/crc32c.h"
#include "queue/queue-id.h"
#include "queue/spool/spool.h"

static const guint8 record_magic[4] = {'B', 'r', 'R', '1'};
static const guint8 segment_magic[8] = {'B', 'A', 'R', 'I', 'D', 'S', 'P', 'L'};

static void
put_u32(guint8 *at, guint32 value)
{
    value = GUINT32_TO_LE(value);
    memcpy(at, &value, sizeof value);
}

static void
put_u64(guint8 *at, guint64 value)
{
    value = GUINT64_TO_LE(value);
    memcpy(at, &value, sizeof value);
}

static guint32
get_u32(const guint8 *at)
{
    guint32 value;

    memcpy(&value, at, sizeof value);
    return GUINT32_FROM_LE(value);
}

static guint64
get_u64(const guint8 *at)
{
    guint64 value;

    memcpy(&value, at, sizeof value);
    return GUINT64_FROM_LE(value);
}

void
spool_record_encode(const SpoolRecordHeader *header, guint64 key, goffset offset,
                    guint8 out_bytes[SPOOL_RECORD_HEADER])
{
    memset(out_bytes, 0, SPOOL_RECORD_HEADER);
    memcpy(out_bytes, record_magic, sizeof record_magic);
    put_u64(out_bytes + 8, key);
    put_u64(out_bytes + 16, header->id);
    out_bytes[24] = header->type;
    out_bytes[25] = header->flags;
    put_u32(out_bytes + 28, header->payload_crc);
    put_u32(out_bytes + 32, header->envelope_len);
    put_u32(out_bytes + 36, header->state_len);
    put_u32(out_bytes + 40, header->prefix_len);
    put_u32(out_bytes + 44, header->body_len);
    put_u64(out_bytes + 48, header->file_bytes);
    put_u32(out_bytes + 56, header->file_crc);
    put_u32(out_bytes + 60, (guint32)(offset / SPOOL_ALIGN));
    put_u32(out_bytes + 4, crc32c_update(0, out_bytes + 8, SPOOL_RECORD_HEADER - 8));
}

guint64
spool_record_get_size(const SpoolRecordHeader *header)
{
    return (guint64)SPOOL_RECORD_HEADER + header->envelope_len + header->state_len +
           header->prefix_len + header->body_len;
}

gboolean
spool_record_looks_right(const guint8 *bytes, guint64 key)
{
    return memcmp(bytes, record_magic, sizeof record_magic) == 0 && get_u64(bytes + 8) == key;
}

gboolean
spool_record_decode(const guint8 bytes[SPOOL_RECORD_HEADER], guint64 key, goffset offset,
                    SpoolRecordHeader *out_header)
{
    SpoolRecordHeader header;

    if (!spool_record_looks_right(bytes, key) ||
        get_u32(bytes + 4) != crc32c_update(0, bytes + 8, SPOOL_RECORD_HEADER - 8) ||
        get_u32(bytes + 60) != (guint32)(offset / SPOOL_ALIGN))
        return FALSE;
    header = (SpoolRecordHeader){
        .id = get_u64(bytes + 16),
        .type = bytes[24],
        .flags = bytes[25],
        .payload_crc = get_u32(bytes + 28),
        .envelope_len = get_u32(bytes + 32),
        .state_len = get_u32(bytes + 36),
        .prefix_len = get_u32(bytes + 40),
        .body_len = get_u32(bytes + 44),
        .file_bytes = get_u64(bytes + 48),
        .file_crc = get_u32(bytes + 56),
    };
    if (spool_record_get_size(&header) > SPOOL_RECORD_MAX)
        return FALSE;
    *out_header = header;
    return TRUE;
}

void
spool_segment_header_encode(const SpoolSegmentHeader *header,
                            guint8 out_bytes[SPOOL_SEGMENT_HEADER])
{
    memset(out_bytes, 0, SPOOL_SEGMENT_HEADER);
    memcpy(out_bytes, segment_magic, sizeof segment_magic);
    put_u32(out_bytes + 8, SPOOL_VERSION);
    put_u64(out_bytes + 16, header->generation);
    put_u64(out_bytes + 24, header->key);
    put_u64(out_bytes + 32, header->segment_bytes);
    put_u64(out_bytes + 40, (guint64)header->time_ms);
    put_u32(out_bytes + 12, crc32c_update(0, out_bytes + 16, SPOOL_SEGMENT_HEADER - 16));
}

gboolean
spool_segment_header_decode(const guint8 bytes[SPOOL_SEGMENT_HEADER],
                            SpoolSegmentHeader *out_header)
{
    if (memcmp(bytes, segment_magic, sizeof segment_magic) != 0 ||
        get_u32(bytes + 8) != SPOOL_VERSION ||
        get_u32(bytes + 12) != crc32c_update(0, bytes + 16, SPOOL_SEGMENT_HEADER - 16) ||
        get_u64(bytes + 16) > G_MAXUINT32)
        return FALSE;
    *out_header = (SpoolSegmentHeader){
        .generation = (guint32)get_u64(bytes + 16),
        .key = get_u64(bytes + 24),
        .segment_bytes = get_u64(bytes + 32),
        .time_ms = (gint64)get_u64(bytes + 40),
    };
    return TRUE;
}

void
spool_segment_name_format(guint32 generation, guint64 key, gchar out_name[SPOOL_SEGMENT_NAME_MAX])
{
    g_snprintf(out_name, SPOOL_SEGMENT_NAME_MAX, "%08x-%016" G_GINT64_MODIFIER "x.seg",
               generation, key);
}

/* Exactly (n_digits) lower-case hexadecimal digits. */
static gboolean
parse_hex(const gchar *text, guint n_digits, guint64 *out_value)
{
    guint64 value = 0;

    for (guint i = 0; i < n_digits; i++) {
        if (!g_ascii_isxdigit(text[i]) || g_ascii_isupper(text[i]))
            return FALSE;
        value = value << 4 | (guint64)g_ascii_xdigit_value(text[i]);
    }
    *out_value = value;
    return TRUE;
}

gboolean
spool_segment_name_parse(const gchar *name, guint32 *out_generation, guint64 *out_key)
{
    guint64 generation, key;

    if (strlen(name) != 29 || !parse_hex(name, 8, &generation) || name[8] != '-' ||
        !parse_hex(name + 9, 16, &key) || strcmp(name + 25, ".seg") != 0 || generation == 0)
        return FALSE;
    *out_generation = (guint32)generation;
    *out_key = key;
    return TRUE;
}

void
spool_file_name_format(guint64 id, gchar out_name[SPOOL_FILE_NAME_MAX])
{
    gchar text[QUEUE_ID_TEXT_LEN + 1];

    g_snprintf(out_name, SPOOL_FILE_NAME_MAX, "%s.msg", queue_id_format(id, text));
}

gboolean
spool_file_name_parse(const gchar *name, guint64 *out_id)
{
    gchar again[SPOOL_FILE_NAME_MAX];
    guint64 id;

    if (strlen(name) != QUEUE_ID_TEXT_LEN + 4 ||
        !queue_id_parse(barid_slice(name, QUEUE_ID_TEXT_LEN), &id))
        return FALSE;
    spool_file_name_format(id, again);
    if (strcmp(name, again) != 0)
        return FALSE;
    *out_id = id;
    return TRUE;
}
