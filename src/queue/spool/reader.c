/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/spool/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/error-domain.h"
#include "base/i18n.h"
#include "queue/spool/scan.h"

#define READER_CHUNK (256 * 1024)

typedef struct {
    gchar name[SPOOL_SEGMENT_NAME_MAX];
    guint32 generation;
    guint64 key;
    int fd;
    goffset size;
    goffset void_start; /* records from here on do not count */
} ReaderSegment;

/* Where a record is. */
typedef struct {
    const ReaderSegment *segment; /* NULL for none */
    goffset offset;
    SpoolRecordHeader header;
} ReaderPlace;

typedef struct {
    guint64 id;
    ReaderPlace add, state;
} ReaderMessage;

struct SpoolReader {
    int folder_fd;
    GPtrArray *segments;  /* ReaderSegment, oldest first */
    GHashTable *messages; /* id -> ReaderMessage */
    SpoolReaderSummary summary;
    GString *report;
};

static void
reader_segment_free(gpointer data)
{
    ReaderSegment *segment = data;

    (void)close(segment->fd);
    g_free(segment);
}

void
spool_reader_close(SpoolReader *self)
{
    if (self == NULL)
        return;
    g_ptr_array_free(self->segments, TRUE);
    g_hash_table_destroy(self->messages);
    g_string_free(self->report, TRUE);
    if (self->folder_fd >= 0)
        (void)close(self->folder_fd);
    g_free(self);
}

G_GNUC_PRINTF(3, 4) static void
note(SpoolReader *self, guint64 len, const gchar *format, ...)
{
    va_list args;

    self->summary.damaged_bytes += len;
    self->summary.n_damages++;
    va_start(args, format);
    g_string_append_vprintf(self->report, format, args);
    va_end(args);
    g_string_append_c(self->report, '\n');
}

/* A segment that is gone again was reclaimed meanwhile, with all that it said. */
static void
open_segment(SpoolReader *self, const gchar *name, guint32 generation, guint64 key)
{
    int fd = openat(self->folder_fd, name, O_RDONLY | O_CLOEXEC);
    ReaderSegment *segment;
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0) {
        if (errno != ENOENT)
            note(self, 0, "segment %08x: cannot be opened: %s", generation, g_strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    segment = g_new0(ReaderSegment, 1);
    g_strlcpy(segment->name, name, sizeof segment->name);
    segment->generation = generation;
    segment->key = key;
    segment->fd = fd;
    segment->size = info.st_size;
    segment->void_start = G_MAXINT64;
    g_ptr_array_add(self->segments, segment);
}

static gint
compare_segments(gconstpointer a, gconstpointer b)
{
    const ReaderSegment *const *left = a, *const *right = b;

    return (*left)->generation < (*right)->generation ? -1 : 1;
}

static gboolean
list_segments(SpoolReader *self, const gchar *path, GError **error)
{
    DIR *folder;
    const struct dirent *entry;
    int fd;

    self->folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = self->folder_fd < 0 ? -1 : openat(self->folder_fd, ".", O_RDONLY | O_CLOEXEC);
    folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        error_set_errno(error, SPOOL_ERROR, errno, _("cannot open the spool \"%s\""), path);
        if (fd >= 0)
            (void)close(fd);
        return FALSE;
    }
    while ((entry = readdir(folder)) != NULL) {
        guint32 generation;
        guint64 key;

        if (spool_segment_name_parse(entry->d_name, &generation, &key))
            open_segment(self, entry->d_name, generation, key);
    }
    (void)closedir(folder);
    g_ptr_array_sort(self->segments, compare_segments);
    return TRUE;
}

static gssize
read_segment(gpointer data, void *buffer, gsize len, goffset offset)
{
    const ReaderSegment *segment = data;
    gssize got;

    do {
        got = pread(segment->fd, buffer, len, offset);
    } while (got < 0 && errno == EINTR);
    return got;
}

static void
apply_void(SpoolReader *self, const SpoolRecordHeader *header)
{
    for (guint i = 0; i < self->segments->len; i++) {
        ReaderSegment *segment = g_ptr_array_index(self->segments, i);

        if (segment->key == header->id)
            segment->void_start = (goffset)header->file_bytes;
    }
}

static gboolean
has_left(SpoolReader *self, const ReaderSegment *segment)
{
    struct stat named, opened;

    return fstatat(self->folder_fd, segment->name, &named, AT_SYMLINK_NOFOLLOW) != 0 ||
           fstat(segment->fd, &opened) != 0 || named.st_ino != opened.st_ino;
}

static void
note_gap(SpoolReader *self, const ReaderSegment *segment, const SpoolRecord *gap)
{
    if (gap->offset < segment->void_start && !has_left(self, segment))
        note(self, gap->size,
             "segment %08x: %" G_GUINT64_FORMAT " bytes at offset %" G_GOFFSET_FORMAT
             " are no valid record",
             segment->generation, gap->size, gap->offset);
}

/* Reads one segment into places, in the order of the log. */
static void
read_places(SpoolReader *self, ReaderSegment *segment, GArray *out_places)
{
    SpoolScan scan;
    SpoolRecord record;
    SpoolScanResult result;

    spool_scan_init(&scan, read_segment, segment, segment->key, segment->size);
    while ((result = spool_scan_next(&scan, &record)) != SPOOL_SCAN_END) {
        ReaderPlace place = {segment, record.offset, record.header};

        if (result == SPOOL_SCAN_GAP)
            note_gap(self, segment, &record);
        if (result != SPOOL_SCAN_RECORD || record.offset >= segment->void_start)
            continue;
        self->summary.n_records++;
        self->summary.record_bytes += record.size;
        if (record.header.type == SPOOL_RECORD_VOID)
            apply_void(self, &record.header);
        else
            g_array_append_val(out_places, place);
    }
    if (scan.has_torn)
        self->summary.n_tails++;
    if (scan.unreadable_bytes > 0)
        note(self, scan.unreadable_bytes, "segment %08x: %" G_GUINT64_FORMAT
             " bytes cannot be read", segment->generation, scan.unreadable_bytes);
    spool_scan_clear(&scan);
}

static void
apply_place(SpoolReader *self, const ReaderPlace *place)
{
    guint64 id = place->header.id;
    ReaderMessage *message = g_hash_table_lookup(self->messages, &id);

    switch (place->header.type) {
    case SPOOL_RECORD_ADD:
        if (message == NULL) {
            message = g_new0(ReaderMessage, 1);
            message->id = id;
            g_hash_table_insert(self->messages, &message->id, message);
        }
        message->add = *place;
        message->state = *place;
        break;
    case SPOOL_RECORD_STATE:
        if (message != NULL)
            message->state = *place;
        break;
    case SPOOL_RECORD_REMOVE:
        g_hash_table_remove(self->messages, &id);
        break;
    default:
        break;
    }
}

/* A state whose ADD was damaged stands for nothing; neither does one that is older than a
 * copy of its message, which carries the state itself. */
static void
read_all(SpoolReader *self)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);

    /* Youngest first, because a VOID stands in a younger segment than what it speaks of. */
    for (guint i = self->segments->len; i > 0; i--) {
        GArray *places = g_array_new(FALSE, FALSE, sizeof(ReaderPlace));

        read_places(self, g_ptr_array_index(self->segments, i - 1), places);
        g_ptr_array_add(all, places);
    }
    for (guint i = all->len; i > 0; i--) {
        const GArray *places = g_ptr_array_index(all, i - 1);

        for (guint j = 0; j < places->len; j++)
            apply_place(self, &g_array_index(places, ReaderPlace, j));
    }
}

static gboolean
has_file(const ReaderMessage *message)
{
    return (message->add.header.flags & SPOOL_RECORD_LARGE) != 0;
}

static void
check_files(SpoolReader *self)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->messages);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ReaderMessage *message = value;
        gchar name[SPOOL_FILE_NAME_MAX];
        struct stat info;

        if (!has_file(message))
            continue;
        spool_file_name_format(message->id, name);
        if (fstatat(self->folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            (guint64)info.st_size == message->add.header.file_bytes)
            continue;
        note(self, message->add.header.file_bytes,
             "the content \"%s\" is missing or has another size", name);
        g_hash_table_iter_remove(&iter);
    }
}

SpoolReader *
spool_reader_open(const gchar *folder, GError **error)
{
    g_autoptr(SpoolReader) self = g_new0(SpoolReader, 1);

    self->folder_fd = -1;
    self->segments = g_ptr_array_new_with_free_func(reader_segment_free);
    self->messages = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    self->report = g_string_new(NULL);
    if (!list_segments(self, folder, error))
        return NULL;
    read_all(self);
    check_files(self);
    self->summary.n_segments = self->segments->len;
    self->summary.n_messages = g_hash_table_size(self->messages);
    return g_steal_pointer(&self);
}

void
spool_reader_get_summary(const SpoolReader *self, SpoolReaderSummary *out_summary)
{
    *out_summary = self->summary;
}

const gchar *
spool_reader_get_report(const SpoolReader *self)
{
    return self->report->len == 0 ? NULL : self->report->str;
}

/* Reads a record again, and checks it again: the segment may have been recycled. */
static gboolean
read_place(const ReaderPlace *place, guint8 **out_bytes, SpoolRecord *out_record, GError **error)
{
    gsize size = (gsize)spool_record_get_size(&place->header);
    g_autofree guint8 *bytes = g_malloc(size);
    SpoolRecordHeader header;
    gsize done = 0;

    while (done < size) {
        gssize got = read_segment((gpointer)(guintptr)place->segment, bytes + done, size - done,
                                  place->offset + (goffset)done);

        if (got <= 0)
            break;
        done += (gsize)got;
    }
    if (done < size || !spool_record_decode(bytes, place->segment->key, place->offset, &header) ||
        spool_record_get_size(&header) != size ||
        !spool_record_open(&header, barid_slice(bytes + SPOOL_RECORD_HEADER,
                                                size - SPOOL_RECORD_HEADER), out_record)) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_INVALID,
                    _("segment %08x: the record at offset %" PRId64 " can no longer be read"),
                    place->segment->generation, (gint64)place->offset);
        return FALSE;
    }
    *out_bytes = g_steal_pointer(&bytes);
    return TRUE;
}

static gboolean
visit_message(const ReaderMessage *message, SpoolReaderVisitor visit, gpointer data,
              gboolean *out_goes_on, GError **error)
{
    g_autofree guint8 *add_bytes = NULL, *state_bytes = NULL;
    SpoolRecord add, state;

    if (!read_place(&message->add, &add_bytes, &add, error) ||
        !read_place(&message->state, &state_bytes, &state, error))
        return FALSE;
    *out_goes_on = visit(
        &(SpoolReaderMessage){
            .id = message->id,
            .envelope = add.envelope,
            .state = state.state,
            .content_bytes =
                add.prefix.len + (has_file(message) ? add.header.file_bytes : add.body.len),
            .has_file = has_file(message),
            .generation = message->add.segment->generation,
            .offset = message->add.offset,
        },
        data);
    return TRUE;
}

static gint
compare_ids(gconstpointer a, gconstpointer b)
{
    const ReaderMessage *const *left = a, *const *right = b;

    return (*left)->id < (*right)->id ? -1 : 1;
}

gboolean
spool_reader_visit(SpoolReader *self, SpoolReaderVisitor visit, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    gboolean goes_on = TRUE;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->messages);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(sorted, value);

    g_ptr_array_sort(sorted, compare_ids);
    for (guint i = 0; i < sorted->len && goes_on; i++) {
        if (!visit_message(g_ptr_array_index(sorted, i), visit, data, &goes_on, error))
            return FALSE;
    }
    return TRUE;
}

/* Gives the file's pieces to (sink), if any, and its checksum. FALSE at a read error. */
static gboolean
walk_file(int fd, guint64 len, SpoolReaderSink sink, gpointer data, guint32 *out_crc)
{
    g_autofree guint8 *buffer = g_malloc(READER_CHUNK);
    gboolean goes_on = TRUE;
    guint32 crc = 0;

    for (guint64 done = 0; done < len && goes_on;) {
        gssize got = pread(fd, buffer, (gsize)MIN(len - done, (guint64)READER_CHUNK),
                           (goffset)done);

        if (got <= 0)
            return FALSE;
        crc = crc32c_update(crc, buffer, (gsize)got);
        goes_on = sink == NULL || sink(barid_slice(buffer, (gsize)got), data);
        done += (guint64)got;
    }
    *out_crc = crc;
    return TRUE;
}

/* The open and verified content file; -1 with (error). */
static int
open_file(SpoolReader *self, const ReaderMessage *message, GError **error)
{
    const SpoolRecordHeader *header = &message->add.header;
    gchar name[SPOOL_FILE_NAME_MAX];
    guint32 crc = 0;
    int fd;

    spool_file_name_format(message->id, name);
    fd = openat(self->folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(error, SPOOL_ERROR, errno, _("cannot open the content \"%s\""), name);
        return -1;
    }
    if (walk_file(fd, header->file_bytes, NULL, NULL, &crc) && crc == header->file_crc)
        return fd;
    g_set_error(error, SPOOL_ERROR, BARID_ERROR_INVALID, _("the content \"%s\" is damaged"), name);
    (void)close(fd);
    return -1;
}

gboolean
spool_reader_copy_content(SpoolReader *self, QueueId id, SpoolReaderSink sink, gpointer data,
                          GError **error)
{
    const ReaderMessage *message = g_hash_table_lookup(self->messages, &id);
    g_autofree guint8 *bytes = NULL;
    SpoolRecord record;
    guint32 crc;
    gboolean ok = TRUE;
    int fd = -1;

    if (message == NULL) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_NOT_FOUND, _("no such message in the spool"));
        return FALSE;
    }
    if (!read_place(&message->add, &bytes, &record, error))
        return FALSE;
    if (has_file(message) && (fd = open_file(self, message, error)) < 0)
        return FALSE;
    if ((record.prefix.len == 0 || sink(record.prefix, data)) &&
        (record.body.len == 0 || sink(record.body, data)) && fd >= 0)
        ok = walk_file(fd, record.header.file_bytes, sink, data, &crc);
    if (!ok)
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_IO,
                    _("cannot read the content of the message"));
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

void
spool_reader_verify_files(SpoolReader *self)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->messages);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ReaderMessage *message = value;
        g_autoptr(GError) error = NULL;
        int fd;

        if (!has_file(message))
            continue;
        fd = open_file(self, message, &error);
        if (fd >= 0)
            (void)close(fd);
        else
            note(self, message->add.header.file_bytes, "%s", error->message);
    }
}
