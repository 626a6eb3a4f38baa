/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: from the segments that were there at the start to the caller's index.
 *
 * Segments are read youngest first, each from its front, and its records are then judged
 * last to first. So what is met first about a message is the newest: a REMOVE ends it
 * before its ADD is met, a STATE waits for it, and every older copy is passed over. Each
 * message is given as soon as its ADD is met, and only one segment's envelopes are held in
 * memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "queue/spool/spool-core.h"

/* A search step looks through a window of a mebibyte: as much work as this many records. */
#define REPLAY_SEARCH_COST 200

/* What is known of a message before its ADD is met. */
typedef struct {
    guint64 id;
    gboolean is_settled; /* given or removed: older records do not count */
    gboolean is_removed;
    guint32 settled_in;  /* generation of the record that did it */
    guint32 state_segment;
    goffset state_offset;
    guint64 state_size;
    gsize state_len;
    guint8 state[];
} ReplayFate;

typedef struct {
    guint64 key; /* of the segment */
    goffset offset;
} ReplayVoid;

/* A record of the segment at hand; its bytes are in (meta). */
typedef struct {
    SpoolRecordHeader header;
    goffset offset;
    gsize meta_start;
} ReplayRecord;

struct SpoolReplay {
    guint left;           /* segments with smaller index are still to be read */
    SpoolSegment *segment; /* the one at hand, or NULL */
    gboolean is_scanning; /* else its records are being judged */
    SpoolScan scan;
    GArray *records;      /* ReplayRecord */
    GByteArray *meta;     /* envelopes and states */
    GHashTable *fates;    /* id -> ReplayFate */
    GHashTable *voids;    /* key -> ReplayVoid */
    GHashTable *files;    /* ids of "ID.msg" files that no message was found for yet */
    gboolean has_damage;
};

/* The files of large messages as they are before any commit. */
static gboolean
list_files(Spool *self, GHashTable *files, GError **error)
{
    int fd = openat(self->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (folder == NULL) {
        error_set_errno(error, SPOOL_ERROR, errno, "cannot list the spool \"%s\"", self->folder);
        if (fd >= 0)
            (void)close(fd);
        return FALSE;
    }
    while ((entry = readdir(folder)) != NULL) {
        guint64 id;

        if (spool_file_name_parse(entry->d_name, &id))
            g_hash_table_add(files, g_memdup2(&id, sizeof id));
    }
    (void)closedir(folder);
    return TRUE;
}

gboolean
spool_replay_new(Spool *self, GError **error)
{
    SpoolReplay *replay = g_new0(SpoolReplay, 1);

    replay->left = self->segments->len;
    replay->records = g_array_new(FALSE, FALSE, sizeof(ReplayRecord));
    replay->meta = g_byte_array_new();
    replay->fates = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    replay->voids = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    replay->files = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    self->replay = replay;
    return list_files(self, replay->files, error);
}

void
spool_replay_free(SpoolReplay *self)
{
    if (self == NULL)
        return;
    spool_scan_clear(&self->scan);
    g_array_free(self->records, TRUE);
    g_byte_array_free(self->meta, TRUE);
    g_hash_table_destroy(self->fates);
    g_hash_table_destroy(self->voids);
    g_hash_table_destroy(self->files);
    g_free(self);
}

static gssize
read_segment(gpointer data, void *buffer, gsize len, goffset offset)
{
    const Spool *self = data;

    return self->disk->pread(self->disk, self->replay->segment->fd, buffer, len, offset);
}

/* After a crash, records may be visible that the disk does not have yet; deciding by them
 * and losing them later would be wrong. Costs nothing for a segment that is clean. */
static void
begin_segment(Spool *self)
{
    SpoolReplay *replay = self->replay;
    SpoolSegment *segment = g_ptr_array_index(self->segments, --replay->left);

    if (self->disk->fdatasync(self->disk, segment->fd) != 0)
        spool_note_damage(self, 0, "segment %08x: cannot be flushed", segment->generation);
    replay->segment = segment;
    replay->is_scanning = TRUE;
    spool_scan_init(&replay->scan, read_segment, self, segment->key, segment->size);
    g_array_set_size(replay->records, 0);
    g_byte_array_set_size(replay->meta, 0);
}

static void
remember_void(SpoolReplay *replay, const SpoolRecordHeader *header)
{
    ReplayVoid *tail = g_new(ReplayVoid, 1);

    *tail = (ReplayVoid){.key = header->id, .offset = (goffset)header->file_bytes};
    g_hash_table_replace(replay->voids, &tail->key, tail);
}

static gboolean
is_void(const SpoolReplay *replay, goffset offset)
{
    const ReplayVoid *tail = g_hash_table_lookup(replay->voids, &replay->segment->key);

    return tail != NULL && offset >= tail->offset;
}

static void
keep_record(SpoolReplay *replay, const SpoolRecord *record)
{
    ReplayRecord kept = {
        .header = record->header,
        .offset = record->offset,
        .meta_start = replay->meta->len,
    };

    if (is_void(replay, record->offset))
        return;
    if (record->header.type == SPOOL_RECORD_VOID) {
        remember_void(replay, &record->header);
        spool_segment_bind(replay->segment, replay->segment->generation - 1);
        return;
    }
    if (record->envelope.len > 0)
        g_byte_array_append(replay->meta, record->envelope.data, (guint)record->envelope.len);
    if (record->state.len > 0)
        g_byte_array_append(replay->meta, record->state.data, (guint)record->state.len);
    g_array_append_val(replay->records, kept);
}

static void
note_gap(Spool *self, goffset start, guint64 len)
{
    if (is_void(self->replay, start))
        return;
    self->replay->has_damage = TRUE;
    spool_set_aside(self, self->replay->segment, start, len, "not a valid record");
}

/* The header says nothing that the file's name does not; but when it is not what it should
 * be while records follow, somebody ought to know. */
static void
check_header(Spool *self)
{
    const SpoolSegment *segment = self->replay->segment;
    guint8 bytes[SPOOL_SEGMENT_HEADER] = {0};
    SpoolSegmentHeader header;

    (void)self->disk->pread(self->disk, segment->fd, bytes, sizeof bytes, 0);
    if (!spool_segment_header_decode(bytes, &header) ||
        header.generation != segment->generation || header.key != segment->key)
        note_gap(self, 0, SPOOL_SEGMENT_HEADER);
}

static void
end_scan(Spool *self, goffset tail)
{
    SpoolReplay *replay = self->replay;

    if (replay->records->len > 0)
        check_header(self);
    /* The tail was never acknowledged, except for what cannot even be read. */
    if (replay->scan.unreadable_bytes > 0) {
        replay->has_damage = TRUE;
        if (tail < replay->segment->size && !replay->scan.is_sealed)
            note_gap(self, tail, (guint64)(replay->segment->size - tail));
        else
            spool_note_damage(self, replay->scan.unreadable_bytes,
                              "segment %08x: parts cannot be read",
                              replay->segment->generation);
    }
    spool_scan_clear(&replay->scan);
    replay->is_scanning = FALSE;
}

/* One piece of scanning; returns its cost in records. */
static guint
scan_some(Spool *self)
{
    SpoolRecord record;

    switch (spool_scan_next(&self->replay->scan, &record)) {
    case SPOOL_SCAN_RECORD:
        keep_record(self->replay, &record);
        return 1;
    case SPOOL_SCAN_GAP:
        note_gap(self, record.offset, record.size);
        return 1;
    case SPOOL_SCAN_MORE:
        return REPLAY_SEARCH_COST;
    case SPOOL_SCAN_END:
        end_scan(self, record.offset);
        return 1;
    }
    g_assert_not_reached();
}

static ReplayFate *
set_fate(SpoolReplay *replay, guint64 id, BaridSlice state)
{
    ReplayFate *fate = g_malloc0(sizeof *fate + state.len);

    fate->id = id;
    fate->state_len = state.len;
    if (state.len > 0)
        memcpy(fate->state, state.data, state.len);
    g_hash_table_replace(replay->fates, &fate->id, fate);
    return fate;
}

static void
settle(SpoolReplay *replay, const SpoolRecordHeader *header)
{
    ReplayFate *fate = set_fate(replay, header->id, BARID_SLICE_EMPTY);

    fate->is_settled = TRUE;
    fate->is_removed = header->type == SPOOL_RECORD_REMOVE;
    fate->settled_in = replay->segment->generation;
}

/* An ADD that does not count any more: what makes it so must not leave before it. */
static void
guard_add(Spool *self, const ReplayFate *fate)
{
    SpoolSegment *segment = spool_find_segment(self, fate->settled_in);
    guint32 generation = self->replay->segment->generation;

    g_assert(segment != NULL);
    if (fate->is_removed)
        spool_segment_guard(segment, fate->id, generation);
    else
        spool_segment_bind(segment, generation);
}

static gboolean
file_is_there(Spool *self, const ReplayRecord *record)
{
    gchar name[SPOOL_FILE_NAME_MAX];
    struct stat info;

    if ((record->header.flags & SPOOL_RECORD_LARGE) == 0)
        return TRUE;
    spool_file_name_format(record->header.id, name);
    (void)g_hash_table_remove(self->replay->files, &record->header.id);
    if (fstatat(self->folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        (guint64)info.st_size == record->header.file_bytes)
        return TRUE;
    self->replay->has_damage = TRUE;
    spool_note_damage(self, record->header.file_bytes,
                      "the content \"%s\" of a message is missing or has another size", name);
    return FALSE;
}

static void
judge_add(Spool *self, const ReplayRecord *record, const ReplayFate *fate, SpoolVisitor visitor,
          gpointer data)
{
    const SpoolRecordHeader *header = &record->header;
    const guint8 *meta = self->replay->meta->data + record->meta_start;
    BaridSlice state = barid_slice(meta + header->envelope_len, header->state_len);
    gboolean is_large = (header->flags & SPOOL_RECORD_LARGE) != 0;
    SpoolRef *ref;

    if (fate != NULL)
        state = barid_slice(fate->state, fate->state_len);
    ref = visitor(header->id, barid_slice(meta, header->envelope_len), state,
                  header->prefix_len + (is_large ? (gsize)header->file_bytes : header->body_len),
                  data);
    if (ref == NULL) {
        ref = g_new0(SpoolRef, 1);
        g_ptr_array_add(self->orphans, ref);
    }
    *ref = (SpoolRef){.id = header->id, .has_file = is_large ? 1 : 0};
    spool_attach(self, ref, self->replay->segment, record->offset, spool_record_get_size(header));
    if (fate != NULL)
        spool_set_state(self, ref, spool_find_segment(self, fate->state_segment),
                        fate->state_offset, fate->state_size);
}

static void
judge(Spool *self, const ReplayRecord *record, SpoolVisitor visitor, gpointer data)
{
    SpoolReplay *replay = self->replay;
    guint64 id = record->header.id;
    ReplayFate *fate = g_hash_table_lookup(replay->fates, &id);

    queue_id_advance_past(id);
    if (fate != NULL && fate->is_settled) {
        if (record->header.type == SPOOL_RECORD_ADD)
            guard_add(self, fate);
        return;
    }
    if (record->header.type == SPOOL_RECORD_ADD) {
        if (file_is_there(self, record))
            judge_add(self, record, fate, visitor, data);
        settle(replay, &record->header);
    } else if (record->header.type == SPOOL_RECORD_REMOVE) {
        settle(replay, &record->header);
    } else if (fate == NULL) {
        fate = set_fate(replay, id,
                        barid_slice(replay->meta->data + record->meta_start,
                                    record->header.state_len));
        fate->state_segment = replay->segment->generation;
        fate->state_offset = record->offset;
        fate->state_size = spool_record_get_size(&record->header);
    }
}

/* One record, last to first. */
static void
judge_one(Spool *self, SpoolVisitor visitor, gpointer data)
{
    SpoolReplay *replay = self->replay;
    guint last = replay->records->len - 1;
    ReplayRecord record = g_array_index(replay->records, ReplayRecord, last);

    g_array_set_size(replay->records, last);
    if (record.header.type == SPOOL_RECORD_ADD || record.header.type == SPOOL_RECORD_STATE ||
        record.header.type == SPOOL_RECORD_REMOVE)
        judge(self, &record, visitor, data);
}

/* A content file without a message is what a crash left between the file and its record,
 * or between the end of the message and the end of the file. But where records were
 * damaged it may be all that is left of a message, and is kept. */
static void
settle_file(Spool *self, guint64 id)
{
    gchar name[SPOOL_FILE_NAME_MAX];
    g_autofree gchar *aside = NULL;

    spool_file_name_format(id, name);
    if (!self->replay->has_damage) {
        (void)self->disk->unlink(self->disk, self->folder_fd, name);
        return;
    }
    aside = g_strdup_printf("damaged/%s", name);
    (void)mkdirat(self->folder_fd, "damaged", 0700);
    if (self->disk->rename(self->disk, self->folder_fd, name, aside) == 0)
        spool_note_damage(self, 0, "the content \"%s\" has no message", name);
}

static void
finish(Spool *self)
{
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, self->replay->files);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        settle_file(self, *(const guint64 *)id);
    /* What could not be read may be readable another time: then it must not lack its end. */
    for (guint i = 0; self->replay->has_damage && i < self->segments->len; i++) {
        SpoolSegment *segment = g_ptr_array_index(self->segments, i);

        spool_segment_bind(segment, segment->generation - 1);
    }
    g_clear_pointer(&self->replay, spool_replay_free);
}

gboolean
spool_replay_step(Spool *self, guint max_records, SpoolVisitor visitor, gpointer data,
                  gboolean *out_finished, GError **error)
{
    (void)error;
    for (guint done = 0; self->replay != NULL && done < max_records;) {
        SpoolReplay *replay = self->replay;

        if (replay->segment == NULL && replay->left == 0) {
            finish(self);
        } else if (replay->segment == NULL) {
            begin_segment(self);
        } else if (replay->is_scanning) {
            done += scan_some(self);
        } else if (replay->records->len > 0) {
            judge_one(self, visitor, data);
            done++;
        } else {
            replay->segment = NULL;
        }
    }
    *out_finished = self->replay == NULL;
    return TRUE;
}
