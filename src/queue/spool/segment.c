/* SPDX-License-Identifier: Apache-2.0 */
/* Segments as files: listed, begun, recycled, reclaimed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/chance.h"
#include "base/clock.h"
#include "base/error-domain.h"
#include "queue/spool/spool-core.h"

#define SPARE_NAME_PREFIX "spare-"

void
spool_segment_free(SpoolSegment *segment)
{
    if (segment == NULL)
        return;
    if (segment->fd >= 0)
        (void)close(segment->fd);
    if (segment->guards != NULL)
        g_array_unref(segment->guards);
    if (segment->states != NULL)
        g_ptr_array_unref(segment->states);
    g_free(segment);
}

void
spool_segment_guard(SpoolSegment *segment, guint64 id, guint32 generation)
{
    SpoolGuard guard = {id, generation};

    if (generation == segment->generation)
        return;
    if (segment->guards == NULL)
        segment->guards = g_array_new(FALSE, FALSE, sizeof(SpoolGuard));
    g_array_append_val(segment->guards, guard);
}

void
spool_segment_bind(SpoolSegment *segment, guint32 generation)
{
    if (generation < segment->generation)
        segment->bound_to = MAX(segment->bound_to, generation);
}

/* Generations may have holes, where beginning a segment failed. */
SpoolSegment *
spool_find_segment(const Spool *self, guint32 generation)
{
    guint low = 0, high = self->segments->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        SpoolSegment *segment = g_ptr_array_index(self->segments, middle);

        if (segment->generation == generation)
            return segment;
        if (segment->generation < generation)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

guint64
spool_look_at_space(Spool *self)
{
    struct statvfs space;

    if (fstatvfs(self->folder_fd, &space) == 0)
        atomic_store(&self->free_bytes, (guint64)space.f_bavail * space.f_frsize);
    return atomic_load(&self->free_bytes);
}

static gboolean
list_segment(Spool *self, const gchar *name, guint32 generation, guint64 key, GError **error)
{
    SpoolSegment *segment = g_new0(SpoolSegment, 1);
    struct stat info;

    segment->generation = generation;
    segment->key = key;
    segment->fd = self->disk->open(self->disk, self->folder_fd, name, O_RDWR);
    if (segment->fd < 0 || fstat(segment->fd, &info) != 0) {
        error_set_errno(error, SPOOL_ERROR, errno, "cannot open the spool segment \"%s\"", name);
        spool_segment_free(segment);
        return FALSE;
    }
    segment->size = info.st_size;
    segment->end = info.st_size;
    g_ptr_array_add(self->segments, segment);
    self->last_generation = MAX(self->last_generation, generation);
    return TRUE;
}

static gint
compare_segments(gconstpointer a, gconstpointer b)
{
    const SpoolSegment *const *left = a, *const *right = b;

    return (*left)->generation < (*right)->generation ? -1 : 1;
}

gboolean
spool_list_folder(Spool *self, GError **error)
{
    int fd = openat(self->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    gboolean ok = folder != NULL;
    const struct dirent *entry;

    if (!ok) {
        error_set_errno(error, SPOOL_ERROR, errno, "cannot list the spool \"%s\"", self->folder);
        if (fd >= 0)
            (void)close(fd);
        return FALSE;
    }
    while (ok && (entry = readdir(folder)) != NULL) {
        guint32 generation;
        guint64 key;

        if (spool_segment_name_parse(entry->d_name, &generation, &key))
            ok = list_segment(self, entry->d_name, generation, key, error);
        else if (g_str_has_prefix(entry->d_name, SPARE_NAME_PREFIX))
            g_ptr_array_add(self->spares, g_strdup(entry->d_name));
        else if (spool_marks_is_name(entry->d_name))
            g_ptr_array_add(self->old_marks, g_strdup(entry->d_name));
    }
    (void)closedir(folder);
    g_ptr_array_sort(self->segments, compare_segments);
    return ok;
}

/* The last spare that has the usual size, renamed to (name); -1 when there is none. */
static int
open_spare(Spool *self, const gchar *name)
{
    while (self->spares->len > 0) {
        g_autofree gchar *spare =
            g_ptr_array_steal_index(self->spares, self->spares->len - 1);
        struct stat info;
        int fd;

        if (self->disk->rename(self->disk, self->folder_fd, spare, name) != 0)
            continue;
        fd = self->disk->open(self->disk, self->folder_fd, name, O_RDWR);
        if (fd >= 0 && fstat(fd, &info) == 0 &&
            info.st_size == (goffset)self->options.segment_bytes)
            return fd;
        if (fd >= 0)
            (void)close(fd);
        (void)self->disk->unlink(self->disk, self->folder_fd, name);
    }
    return -1;
}

/* A new file of (size) allocated bytes; -1 with errno. */
static int
make_file(Spool *self, const gchar *name, goffset size)
{
    int fd = self->disk->open(self->disk, self->folder_fd, name, O_RDWR | O_CREAT | O_EXCL);
    int why;

    if (fd < 0)
        return -1;
    if (self->disk->allocate(self->disk, fd, size) == 0)
        return fd;
    why = errno;
    (void)close(fd);
    (void)self->disk->unlink(self->disk, self->folder_fd, name);
    errno = why;
    return -1;
}

/* Besides the records: the header's page and one for the seal. */
static goffset
get_least_size(guint64 need)
{
    return (goffset)(spool_align(need, SPOOL_PAGE) + 2 * SPOOL_PAGE);
}

static gboolean
begin_segment(Spool *self, goffset size, GError **error)
{
    SpoolSegment *segment = g_new0(SpoolSegment, 1);
    gchar name[SPOOL_SEGMENT_NAME_MAX];

    segment->generation = ++self->last_generation;
    segment->key = chance_u64();
    segment->size = size;
    segment->fd = -1;
    spool_segment_name_format(segment->generation, segment->key, name);
    if (size == (goffset)self->options.segment_bytes)
        segment->fd = open_spare(self, name);
    if (segment->fd < 0)
        segment->fd = make_file(self, name, size);
    if (segment->fd < 0 || self->disk->sync_folder(self->disk, self->folder_fd) != 0) {
        error_set_errno(error, SPOOL_ERROR, errno, "cannot begin a spool segment in \"%s\"",
                        self->folder);
        if (segment->fd >= 0)
            (void)self->disk->unlink(self->disk, self->folder_fd, name);
        spool_segment_free(segment);
        return FALSE;
    }
    self->folder_is_dirty = FALSE;
    self->active = segment;
    g_ptr_array_add(self->segments, segment);
    (void)spool_look_at_space(self);
    return TRUE;
}

gboolean
spool_begin_segment(Spool *self, guint64 need, GError **error)
{
    goffset size = MAX((goffset)self->options.segment_bytes, get_least_size(need));

    return begin_segment(self, size, error);
}

gboolean
spool_begin_any_segment(Spool *self, guint64 need, GError **error)
{
    const goffset sizes[] = {(goffset)self->options.segment_bytes, SPOOL_SMALL_SEGMENT, 0};
    GError *full = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_clear_error(&full);
        if (begin_segment(self, MAX(sizes[i], get_least_size(need)), &full))
            return TRUE;
        if (!g_error_matches(full, SPOOL_ERROR, BARID_ERROR_NO_SPACE))
            break;
    }
    g_propagate_error(error, full);
    return FALSE;
}

static gboolean
is_recyclable(const Spool *self, const SpoolSegment *segment)
{
    return !segment->is_void && segment->size == (goffset)self->options.segment_bytes &&
           self->spares->len < self->options.spare_segments;
}

/* The leaving of one segment is made durable before the next one leaves and before its
 * file is used again: otherwise, after loss of power, an old message could be there again
 * without the record that ended it. */
gboolean
spool_reclaim(Spool *self, guint index)
{
    SpoolSegment *segment = g_ptr_array_index(self->segments, index);
    gchar name[SPOOL_SEGMENT_NAME_MAX];
    g_autofree gchar *spare = NULL;

    g_assert(segment != self->active && segment->refs == NULL);
    if (self->folder_is_dirty && self->disk->sync_folder(self->disk, self->folder_fd) != 0)
        return FALSE;
    self->folder_is_dirty = FALSE;
    spool_segment_name_format(segment->generation, segment->key, name);
    if (is_recyclable(self, segment)) {
        spare = g_strdup_printf(SPARE_NAME_PREFIX "%08x.seg", segment->generation);
        if (self->disk->rename(self->disk, self->folder_fd, name, spare) != 0)
            return FALSE;
        g_ptr_array_add(self->spares, g_steal_pointer(&spare));
    } else if (self->disk->unlink(self->disk, self->folder_fd, name) != 0) {
        return FALSE;
    }
    spool_segment_free(g_ptr_array_steal_index(self->segments, index));
    self->n_left++;
    self->folder_is_dirty = self->disk->sync_folder(self->disk, self->folder_fd) != 0;
    (void)spool_look_at_space(self);
    return !self->folder_is_dirty;
}

void
spool_trim_spares(Spool *self)
{
    while (self->spares->len > self->options.spare_segments) {
        g_autofree gchar *name = g_ptr_array_steal_index(self->spares, self->spares->len - 1);

        (void)self->disk->unlink(self->disk, self->folder_fd, name);
    }
}

/* While nobody waits: the next segment's allocation is the slowest part of its begin. */
gboolean
spool_prepare_spare(Spool *self)
{
    g_autofree gchar *name = NULL;
    int fd;

    if (self->spares->len > 0 || self->options.spare_segments == 0 || self->active == NULL ||
        self->active->end < self->active->size / 2 ||
        spool_look_at_space(self) < self->options.reserve_bytes + self->options.segment_bytes)
        return FALSE;
    name = g_strdup_printf(SPARE_NAME_PREFIX "%08x.new.seg", self->last_generation);
    fd = make_file(self, name, (goffset)self->options.segment_bytes);
    if (fd < 0)
        return FALSE;
    (void)close(fd);
    g_ptr_array_add(self->spares, g_steal_pointer(&name));
    return TRUE;
}
