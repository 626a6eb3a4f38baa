/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files "history-NNNNNNNN.jsonl" of increasing number. A line is
 *
 *     TIME ID DOCUMENT
 *
 * with the time in milliseconds of wall clock. The newest file grows until it holds an
 * eighth of what may be kept; trimming removes whole files, oldest first. The index keeps
 * 16 bytes a record: where its line is, and a hash of its id; the line decides. A file that
 * is not written to any more gets 4 bytes a record besides at its first look-up: the records
 * in the order of their hashes. So a look-up goes over one file only, the newest.
 *
 * Two processes may write to one folder while the older drains: each locks the file that it
 * writes to, and a file that is locked is somebody else's.
 */
#include "queue/history.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/error-domain.h"
#include "base/units.h"

#define HISTORY_ERROR (history_error_quark())
#define HISTORY_PREFIX "history-"
#define HISTORY_SUFFIX ".jsonl"
#define HISTORY_FILE_MIN (64 * 1024)
#define HISTORY_BUFFER (64 * 1024)
#define HISTORY_LINE_MAX (1024 * 1024)
#define HISTORY_ID_MAX 64
/* Time, two blanks and the end of line beside id and document. */
#define HISTORY_LINE_EXTRA 32

GQuark history_error_quark(void);
ERROR_DOMAIN_DEFINE(history_error_quark, "barid-history")

typedef struct {
    guint32 id_hash;
    guint32 len; /* of the line, without its end */
    guint64 offset;
} HistoryRecord;

typedef struct {
    guint number;
    int fd;
    gsize bytes;     /* written or buffered */
    gint64 first_ms, last_ms; /* of its records; 0 when there is none */
    GArray *records; /* HistoryRecord, oldest first */
    guint32 *by_hash; /* their numbers by hash, newest first in each; NULL before a look-up */
} HistoryFile;

struct History {
    gchar *folder;
    HistoryOptions options;
    GPtrArray *files; /* HistoryFile, oldest first */
    HistoryFile *own; /* the one that is written to, or NULL */
    GString *pending; /* lines of it that are not written yet */
    gsize total_bytes;
    guint last_number;
};

static void
history_file_free(gpointer data)
{
    HistoryFile *file = data;

    if (file->fd >= 0)
        (void)close(file->fd);
    g_array_free(file->records, TRUE);
    g_free(file->by_hash);
    g_free(file);
}

static gchar *
get_path(const History *self, guint number)
{
    return g_strdup_printf("%s/" HISTORY_PREFIX "%08u" HISTORY_SUFFIX, self->folder, number);
}

static gint
compare_files(gconstpointer a, gconstpointer b)
{
    const HistoryFile *left = *(HistoryFile *const *)a, *right = *(HistoryFile *const *)b;

    return left->number < right->number ? -1 : left->number > right->number ? 1 : 0;
}

static HistoryFile *
open_file(History *self, guint number, int flags, GError **error)
{
    g_autofree gchar *path = get_path(self, number);
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600);
    HistoryFile *file;

    if (fd < 0) {
        error_set_errno(error, HISTORY_ERROR, errno, "cannot open \"%s\"", path);
        return NULL;
    }
    file = g_new0(HistoryFile, 1);
    file->number = number;
    file->fd = fd;
    file->records = g_array_new(FALSE, FALSE, sizeof(HistoryRecord));
    g_ptr_array_add(self->files, file);
    g_ptr_array_sort(self->files, compare_files);
    self->last_number = MAX(self->last_number, number);
    return file;
}

static guint32
hash_id(BaridSlice id)
{
    guint32 hash = 2166136261u; /* FNV-1a */

    for (gsize i = 0; i < id.len; i++)
        hash = (hash ^ id.data[i]) * 16777619u;
    return hash;
}

static gboolean
is_not_blank(guint8 byte)
{
    return byte != ' ';
}

/* Splits a line; FALSE for one that is damaged. */
static gboolean
parse_line(BaridSlice line, gint64 *out_ms, BaridSlice *out_id, BaridSlice *out_document)
{
    Cursor cursor = cursor_new(line);
    BaridSlice time = cursor_take_while(&cursor, is_not_blank);

    if (!cursor_accept(&cursor, ' ') || units_parse_integer(time, out_ms) != UNITS_OK)
        return FALSE;
    *out_id = cursor_take_while(&cursor, is_not_blank);
    if (out_id->len == 0 || out_id->len > HISTORY_ID_MAX || !cursor_accept(&cursor, ' '))
        return FALSE;
    *out_document = cursor_get_rest(&cursor);
    return out_document->len >= 2 && out_document->data[0] == '{' &&
           out_document->data[out_document->len - 1] == '}' &&
           memchr(out_document->data, '\0', out_document->len) == NULL;
}

static void
note_time(HistoryFile *file, gint64 time_ms)
{
    file->first_ms = file->first_ms == 0 ? time_ms : MIN(file->first_ms, time_ms);
    file->last_ms = MAX(file->last_ms, time_ms);
}

static void
index_line(HistoryFile *file, BaridSlice line, guint64 offset)
{
    HistoryRecord record = {.len = (guint32)line.len, .offset = offset};
    BaridSlice id, document;
    gint64 time_ms;

    if (line.len > HISTORY_LINE_MAX || !parse_line(line, &time_ms, &id, &document))
        return;
    record.id_hash = hash_id(id);
    note_time(file, time_ms);
    g_array_append_val(file->records, record);
}

/* What was added since the last time. */
static gboolean
read_file(History *self, HistoryFile *file, GError **error)
{
    g_autoptr(GMappedFile) map = g_mapped_file_new_from_fd(file->fd, FALSE, error);
    BaridSlice bytes;
    gsize start = file->bytes;

    if (map == NULL)
        return FALSE;
    bytes = barid_slice(g_mapped_file_get_contents(map), g_mapped_file_get_length(map));
    while (start < bytes.len) {
        const guint8 *end = memchr(bytes.data + start, '\n', bytes.len - start);
        gsize stop = end == NULL ? bytes.len : (gsize)(end - bytes.data);

        index_line(file, barid_slice(bytes.data + start, stop - start), start);
        start = stop + 1;
    }
    self->total_bytes -= file->bytes;
    file->bytes = bytes.len;
    self->total_bytes += file->bytes;
    g_clear_pointer(&file->by_hash, g_free);
    return TRUE;
}

static gboolean
lock_file(const HistoryFile *file)
{
    return flock(file->fd, LOCK_EX | LOCK_NB) == 0;
}

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
    guint left = *(const guint *)a, right = *(const guint *)b;

    return left < right ? -1 : left > right ? 1 : 0;
}

static gboolean
parse_name(const gchar *name, guint *out_number)
{
    BaridSlice digits = barid_slice(name + strlen(HISTORY_PREFIX), 8);
    gint64 number;

    if (strlen(name) != strlen(HISTORY_PREFIX HISTORY_SUFFIX) + 8 ||
        !g_str_has_prefix(name, HISTORY_PREFIX) || !g_str_has_suffix(name, HISTORY_SUFFIX) ||
        units_parse_integer(digits, &number) != UNITS_OK || number < 0)
        return FALSE;
    *out_number = (guint)number;
    return TRUE;
}

static HistoryFile *
find_file(const History *self, guint number)
{
    for (guint i = 0; i < self->files->len; i++) {
        HistoryFile *file = g_ptr_array_index(self->files, i);

        if (file->number == number)
            return file;
    }
    return NULL;
}

/* One that the other process has removed meanwhile is no error. */
static gboolean
read_number(History *self, guint number, GError **error)
{
    g_autoptr(GError) why = NULL;
    HistoryFile *file = find_file(self, number);

    if (file == self->own && file != NULL)
        return TRUE;
    if (file == NULL)
        file = open_file(self, number, 0, &why);
    if (g_error_matches(why, HISTORY_ERROR, BARID_ERROR_NOT_FOUND))
        return TRUE;
    if (why != NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return read_file(self, file, error);
}

/* The tail of a file that was being written when the machine stopped is ended, so that
 * the next line does not join it. */
static void
take_last_file(History *self)
{
    HistoryFile *file =
        self->files->len == 0 ? NULL : g_ptr_array_index(self->files, self->files->len - 1);
    gchar last = '\n';

    if (file == NULL || !lock_file(file))
        return;
    self->own = file;
    if (file->bytes > 0 && pread(file->fd, &last, 1, (goffset)file->bytes - 1) == 1 &&
        last != '\n' && write(file->fd, "\n", 1) == 1) {
        file->bytes++;
        self->total_bytes++;
    }
}

static gboolean
read_folder(History *self, GError **error)
{
    g_autoptr(GDir) folder = g_dir_open(self->folder, 0, error);
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint));
    const gchar *name;

    if (folder == NULL)
        return FALSE;
    while ((name = g_dir_read_name(folder)) != NULL) {
        guint number;

        if (g_str_has_prefix(name, HISTORY_PREFIX) && parse_name(name, &number))
            g_array_append_val(numbers, number);
    }
    g_array_sort(numbers, compare_numbers);
    for (guint i = 0; i < numbers->len; i++) {
        if (!read_number(self, g_array_index(numbers, guint, i), error))
            return FALSE;
    }
    return TRUE;
}

History *
history_open(const gchar *folder, const HistoryOptions *options, GError **error)
{
    g_autoptr(History) self = g_new0(History, 1);

    self->folder = g_strdup(folder);
    self->options = *options;
    self->files = g_ptr_array_new_with_free_func(history_file_free);
    self->pending = g_string_new(NULL);
    if (g_mkdir_with_parents(folder, 0700) != 0) {
        error_set_errno(error, HISTORY_ERROR, errno, "cannot make \"%s\"", folder);
        return NULL;
    }
    if (!read_folder(self, error))
        return NULL;
    take_last_file(self);
    return g_steal_pointer(&self);
}

gboolean
history_refresh(History *self, GError **error)
{
    return read_folder(self, error);
}

/* Takes what was not written out of the index: the disk refused it. */
static void
forget_pending(History *self)
{
    HistoryFile *file = self->own;
    struct stat info;
    guint n = file->records->len;

    if (fstat(file->fd, &info) != 0)
        info.st_size = 0;
    while (n > 0) {
        const HistoryRecord *record = &g_array_index(file->records, HistoryRecord, n - 1);

        if (record->offset + record->len < (guint64)info.st_size)
            break;
        n--;
    }
    g_array_set_size(file->records, n);
    self->total_bytes -= file->bytes;
    file->bytes = (gsize)info.st_size;
    self->total_bytes += file->bytes;
    g_string_truncate(self->pending, 0);
}

gboolean
history_flush(History *self, GError **error)
{
    const HistoryFile *file = self->own;
    gsize done = 0;

    while (done < self->pending->len) {
        gssize written = write(file->fd, self->pending->str + done, self->pending->len - done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            error_set_errno(error, HISTORY_ERROR, errno, "cannot write the history");
            forget_pending(self);
            return FALSE;
        }
        done += (gsize)written;
    }
    g_string_truncate(self->pending, 0);
    return TRUE;
}

void
history_close(History *self)
{
    if (self == NULL)
        return;
    (void)history_flush(self, NULL);
    g_ptr_array_free(self->files, TRUE);
    g_string_free(self->pending, TRUE);
    g_free(self->folder);
    g_free(self);
}

static gsize
get_file_limit(const History *self)
{
    return MAX(self->options.max_bytes / 8, (gsize)HISTORY_FILE_MIN);
}

static gboolean
number_is_taken(const History *self, guint number)
{
    g_autofree gchar *path = get_path(self, number);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* The file to write to: age needs files that end, too, so one is not longer than an eighth
 * of the age either. */
static HistoryFile *
get_writable(History *self, gint64 now_ms, GError **error)
{
    HistoryFile *file = self->own;

    if (file != NULL && file->bytes < get_file_limit(self) &&
        (file->first_ms == 0 || now_ms - file->first_ms <= self->options.max_age_ms / 8))
        return file;
    if (file != NULL && !history_flush(self, error))
        return NULL;
    /* Numbers may have been taken by the other process. */
    while (number_is_taken(self, self->last_number + 1))
        self->last_number++;
    file = open_file(self, self->last_number + 1, O_CREAT | O_EXCL, error);
    if (file != NULL) {
        (void)lock_file(file);
        self->own = file;
    }
    return file;
}

static gboolean
is_valid(BaridSlice id, BaridSlice document)
{
    return id.len > 0 && id.len <= HISTORY_ID_MAX && memchr(id.data, ' ', id.len) == NULL &&
           memchr(id.data, '\n', id.len) == NULL && document.len >= 2 &&
           document.len <= HISTORY_LINE_MAX - HISTORY_ID_MAX - HISTORY_LINE_EXTRA &&
           document.data[0] == '{' && document.data[document.len - 1] == '}' &&
           memchr(document.data, '\n', document.len) == NULL;
}

gboolean
history_append(History *self, const gchar *id, gint64 now_ms, const gchar *document,
               GError **error)
{
    BaridSlice id_text = barid_slice_from_text(id);
    HistoryFile *file;
    gsize before;
    HistoryRecord record;

    if (!is_valid(id_text, barid_slice_from_text(document))) {
        g_set_error(error, HISTORY_ERROR, BARID_ERROR_INVALID, "not a record of history");
        return FALSE;
    }
    file = get_writable(self, now_ms, error);
    if (file == NULL)
        return FALSE;
    before = self->pending->len;
    g_string_append_printf(self->pending, "%" G_GINT64_FORMAT " %s ", now_ms, id);
    g_string_append(self->pending, document);
    record = (HistoryRecord){
        .id_hash = hash_id(id_text),
        .len = (guint32)(self->pending->len - before),
        .offset = file->bytes,
    };
    g_string_append_c(self->pending, '\n');
    g_array_append_val(file->records, record);
    file->bytes += record.len + 1;
    note_time(file, now_ms);
    self->total_bytes += record.len + 1;
    return self->pending->len < HISTORY_BUFFER || history_flush(self, error);
}

static gboolean
read_line(const HistoryFile *file, const HistoryRecord *record, GString *line)
{
    g_string_set_size(line, record->len);
    return pread(file->fd, line->str, record->len, (goffset)record->offset) ==
           (gssize)record->len;
}

/* Returns FALSE when the visitor has enough. A line that changed since it was read is
 * passed over. */
static gboolean
visit_record(const HistoryFile *file, const HistoryRecord *record, BaridSlice wanted,
             GString *line, HistoryVisitor visit, gpointer data)
{
    BaridSlice id, document;
    gint64 time_ms;

    if (!read_line(file, record, line) ||
        !parse_line(barid_slice(line->str, line->len), &time_ms, &id, &document) ||
        (wanted.len > 0 && !barid_slice_equal(id, wanted)))
        return TRUE;
    /* The document reaches to the end of the line, where the string has its NUL. */
    return visit((const gchar *)document.data, data);
}

/* --- by id --- */

static const HistoryRecord *
get_record(const HistoryFile *file, guint index)
{
    return &g_array_index(file->records, HistoryRecord, index);
}

static gint
compare_by_hash(gconstpointer a, gconstpointer b, gpointer data)
{
    const HistoryFile *file = data;
    guint32 left = *(const guint32 *)a, right = *(const guint32 *)b;
    guint32 left_hash = get_record(file, left)->id_hash;
    guint32 right_hash = get_record(file, right)->id_hash;

    if (left_hash != right_hash)
        return left_hash < right_hash ? -1 : 1;
    return left > right ? -1 : left < right ? 1 : 0;
}

static void
sort_by_hash(HistoryFile *file)
{
    file->by_hash = g_new(guint32, MAX(file->records->len, 1));
    for (guint i = 0; i < file->records->len; i++)
        file->by_hash[i] = i;
    g_qsort_with_data(file->by_hash, (gint)file->records->len, sizeof(guint32), compare_by_hash,
                      file);
}

/* The first in (by_hash) whose hash is not less. */
static guint
find_first(const HistoryFile *file, guint32 hash)
{
    guint low = 0, high = file->records->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (get_record(file, file->by_hash[middle])->id_hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef struct {
    BaridSlice wanted;
    guint32 hash;
    GString *line;
    HistoryVisitor visit;
    gpointer data;
} HistoryLookup;

/* Both return FALSE when the visitor has enough. */

static gboolean
look_up_in_sorted(HistoryFile *file, const HistoryLookup *lookup)
{
    if (file->by_hash == NULL)
        sort_by_hash(file);
    for (guint i = find_first(file, lookup->hash); i < file->records->len; i++) {
        const HistoryRecord *record = get_record(file, file->by_hash[i]);

        if (record->id_hash != lookup->hash)
            break;
        if (!visit_record(file, record, lookup->wanted, lookup->line, lookup->visit,
                          lookup->data))
            return FALSE;
    }
    return TRUE;
}

static gboolean
look_up_in_newest(const HistoryFile *file, const HistoryLookup *lookup)
{
    for (guint i = file->records->len; i > 0; i--) {
        const HistoryRecord *record = get_record(file, i - 1);

        if (record->id_hash == lookup->hash &&
            !visit_record(file, record, lookup->wanted, lookup->line, lookup->visit,
                          lookup->data))
            return FALSE;
    }
    return TRUE;
}

static void
history_look_up(History *self, BaridSlice id, HistoryVisitor visit, gpointer data)
{
    g_autoptr(GString) line = g_string_new(NULL);
    HistoryLookup lookup = {id, hash_id(id), line, visit, data};

    for (guint i = self->files->len; i > 0; i--) {
        HistoryFile *file = g_ptr_array_index(self->files, i - 1);
        gboolean goes_on = file == self->own ? look_up_in_newest(file, &lookup)
                                             : look_up_in_sorted(file, &lookup);

        if (!goes_on)
            return;
    }
}

/* --- all --- */

/* The file of the walk, or the next older one; NULL at the end. */
static const HistoryFile *
walk_find_file(const History *self, HistoryWalk *walk, gint64 since_ms)
{
    for (guint i = self->files->len; i > 0; i--) {
        const HistoryFile *file = g_ptr_array_index(self->files, i - 1);

        if (walk->begun && (file->number > walk->file ||
                            (file->number == walk->file && walk->left == 0)))
            continue;
        if (file->records->len == 0 || file->last_ms < since_ms)
            continue;
        if (!walk->begun || file->number != walk->file) {
            walk->file = file->number;
            walk->left = file->records->len;
        }
        walk->begun = TRUE;
        return file;
    }
    return NULL;
}

gboolean
history_walk(History *self, HistoryWalk *walk, guint max_records, gint64 since_ms,
             HistoryVisitor visit, gpointer data)
{
    g_autoptr(GString) line = g_string_new(NULL);

    (void)history_flush(self, NULL);
    for (guint i = 0; i < max_records; i++) {
        const HistoryFile *file = walk_find_file(self, walk, since_ms);

        if (file == NULL)
            return FALSE;
        walk->left = MIN(walk->left, file->records->len) - 1;
        walk->n_visited++;
        if (!visit_record(file, get_record(file, walk->left), BARID_SLICE_EMPTY, line, visit,
                          data))
            break;
    }
    return walk_find_file(self, walk, since_ms) != NULL;
}

void
history_visit(History *self, const gchar *id, HistoryVisitor visit, gpointer data)
{
    HistoryWalk walk = {0};

    (void)history_flush(self, NULL);
    if (id != NULL)
        history_look_up(self, barid_slice_from_text(id), visit, data);
    else
        history_walk(self, &walk, G_MAXUINT, 0, visit, data);
}

static void
drop_oldest(History *self)
{
    HistoryFile *file = g_ptr_array_steal_index(self->files, 0);
    g_autofree gchar *path = get_path(self, file->number);

    if (file == self->own) {
        g_string_truncate(self->pending, 0);
        self->own = NULL;
    }
    self->total_bytes -= file->bytes;
    (void)g_unlink(path);
    history_file_free(file);
}

void
history_trim(History *self, gint64 now_ms)
{
    while (self->files->len > 0) {
        const HistoryFile *oldest = g_ptr_array_index(self->files, 0);
        gboolean is_old = now_ms - oldest->last_ms > self->options.max_age_ms;
        gboolean is_much = self->total_bytes > self->options.max_bytes && self->files->len > 1;

        if (!is_old && !is_much)
            return;
        drop_oldest(self);
    }
}
