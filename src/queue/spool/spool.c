/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "queue/spool/marks.h"
#include "queue/spool/spool-core.h"

#define LOCK_NAME "lock"
/* Levels of folders that opening may have made. */
#define PARENTS_MAX 4
/* Of opening a folder that somebody else is removing. */
#define OPEN_TRIES 8

ERROR_DOMAIN_DEFINE(spool_error_quark, "barid-spool")

void
spool_options_set_defaults(SpoolOptions *out_options)
{
    *out_options = (SpoolOptions){
        .segment_bytes = 64 * 1024 * 1024,
        .large_bytes = 256 * 1024,
        .spare_segments = 2,
        .compact_percent = 25,
        .reserve_bytes = 256 * 1024 * 1024,
    };
}

/* A new folder is there after loss of power only when its parents know of it. Parents that
 * may not be opened are somebody else's, and were there before. */
static void
sync_parents(const Spool *self)
{
    int fd = openat(self->folder_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (guint i = 0; fd >= 0 && i < PARENTS_MAX; i++) {
        int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        (void)fsync(fd);
        (void)close(fd);
        fd = parent;
    }
    if (fd >= 0)
        (void)close(fd);
}

/* Whether the locked file still has its name: else the folder was removed by the one who
 * had the lock before. */
static gboolean
lock_counts(const Spool *self)
{
    struct stat info;

    return fstat(self->lock_fd, &info) == 0 && info.st_nlink > 0;
}

static gboolean
try_open_folder(Spool *self, GError **error)
{
    gboolean is_new = !g_file_test(self->folder, G_FILE_TEST_IS_DIR);

    if (g_mkdir_with_parents(self->folder, 0700) != 0) {
        error_set_errno(error, SPOOL_ERROR, errno, "cannot make the spool \"%s\"", self->folder);
        return FALSE;
    }
    self->folder_fd = open(self->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->folder_fd >= 0)
        self->lock_fd = openat(self->folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0) {
        error_set_errno(error, SPOOL_ERROR, errno, "cannot open the spool \"%s\"", self->folder);
        return FALSE;
    }
    if (is_new)
        sync_parents(self);
    if (flock(self->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            g_set_error(error, SPOOL_ERROR, BARID_ERROR_BUSY,
                        "the spool \"%s\" is in use by another process", self->folder);
        else
            error_set_errno(error, SPOOL_ERROR, errno, "cannot lock the spool \"%s\"",
                            self->folder);
        return FALSE;
    }
    return TRUE;
}

static void
close_folder(Spool *self)
{
    if (self->folder_fd >= 0)
        (void)close(self->folder_fd);
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd);
    self->folder_fd = self->lock_fd = -1;
}

/* Opens (or makes) the folder, and takes the lock that lives as long as its descriptor. */
static gboolean
open_folder(Spool *self, GError **error)
{
    for (guint tries = 1;; tries++) {
        g_autoptr(GError) why = NULL;

        if (try_open_folder(self, &why) && lock_counts(self))
            return TRUE;
        close_folder(self);
        if (why != NULL && (why->code != BARID_ERROR_NOT_FOUND || tries == OPEN_TRIES)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}

static void
spool_free(Spool *self)
{
    spool_replay_free(self->replay);
    g_ptr_array_free(self->segments, TRUE);
    g_ptr_array_free(self->spares, TRUE);
    g_ptr_array_free(self->old_marks, TRUE);
    g_ptr_array_free(self->orphans, TRUE);
    g_array_free(self->drafts, TRUE);
    g_array_free(self->pieces, TRUE);
    g_array_free(self->voids, TRUE);
    g_string_free(self->damage, TRUE);
    close_folder(self);
    g_free(self->folder);
    g_free(self);
}

Spool *
spool_open(SpoolDisk *disk, const gchar *folder, const SpoolOptions *options, GError **error)
{
    Spool *self = g_new0(Spool, 1);

    self->disk = disk == NULL ? spool_disk_get_system() : disk;
    self->options = *options;
    self->options.segment_bytes =
        (gsize)spool_align(MAX(options->segment_bytes, 4 * (gsize)SPOOL_PAGE), SPOOL_PAGE);
    self->folder = g_strdup(folder);
    self->folder_fd = self->lock_fd = -1;
    self->segments = g_ptr_array_new_with_free_func((GDestroyNotify)spool_segment_free);
    self->spares = g_ptr_array_new_with_free_func(g_free);
    self->old_marks = g_ptr_array_new_with_free_func(g_free);
    self->orphans = g_ptr_array_new_with_free_func(g_free);
    self->drafts = g_array_new(FALSE, FALSE, sizeof(SpoolDraft));
    self->pieces = g_array_new(FALSE, FALSE, sizeof(struct iovec));
    self->voids = g_array_new(FALSE, FALSE, sizeof(SpoolVoid));
    self->damage = g_string_new(NULL);
    if (!open_folder(self, error) || !spool_list_folder(self, error) ||
        !spool_replay_new(self, error)) {
        spool_free(self);
        return NULL;
    }
    (void)spool_look_at_space(self);
    return self;
}

void
spool_leave(Spool *self)
{
    if (self->active != NULL) {
        SpoolSegment *last = self->active;

        spool_log_seal(self);
        (void)self->disk->fdatasync(self->disk, last->fd);
    }
    g_ptr_array_set_size(self->segments, 0);
    self->active = NULL;
    spool_marks_leave(self);
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd);
    self->lock_fd = -1;
}

void
spool_close(Spool *self)
{
    if (self == NULL)
        return;
    spool_leave(self);
    spool_free(self);
}

/* Oldest first, each leaving made durable, for the reason that spool_reclaim() has. */
static gboolean
remove_segments(Spool *self)
{
    for (guint i = 0; i < self->segments->len; i++) {
        const SpoolSegment *segment = g_ptr_array_index(self->segments, i);
        gchar name[SPOOL_SEGMENT_NAME_MAX];

        spool_segment_name_format(segment->generation, segment->key, name);
        if (self->disk->unlink(self->disk, self->folder_fd, name) != 0 ||
            self->disk->sync_folder(self->disk, self->folder_fd) != 0)
            return FALSE;
    }
    return TRUE;
}

void
spool_remove(Spool *self)
{
    if (remove_segments(self)) {
        for (guint i = 0; i < self->spares->len; i++)
            (void)self->disk->unlink(self->disk, self->folder_fd,
                                     g_ptr_array_index(self->spares, i));
        spool_marks_forget(self);
        spool_marks_leave(self);
        (void)self->disk->unlink(self->disk, self->folder_fd, LOCK_NAME);
        (void)rmdir(self->folder);
    }
    g_ptr_array_set_size(self->segments, 0);
    self->active = NULL;
    spool_leave(self);
}

int
spool_make_file(Spool *self, GError **error)
{
    int fd;

    if (atomic_load(&self->free_bytes) < self->options.reserve_bytes) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_NO_SPACE, "the spool's disk is nearly full");
        return -1;
    }
    fd = self->disk->open(self->disk, self->folder_fd, ".", O_TMPFILE | O_RDWR);
    if (fd < 0)
        error_set_errno(error, SPOOL_ERROR, errno, "cannot make a file in the spool");
    return fd;
}

guint64
spool_get_free_bytes(Spool *self)
{
    return atomic_load(&self->free_bytes);
}

guint64
spool_get_damaged_bytes(const Spool *self)
{
    return self->damaged_bytes;
}

const gchar *
spool_get_damage_report(const Spool *self)
{
    return self->damage->len == 0 ? NULL : self->damage->str;
}

void
spool_get_stats(const Spool *self, SpoolStats *out_stats)
{
    *out_stats = (SpoolStats){
        .n_segments = self->segments->len,
        .n_spare = self->spares->len,
        .live_bytes = self->live_bytes,
        .n_syncs = self->n_syncs,
        .n_changes = self->n_changes,
    };
    for (guint i = 0; i < self->segments->len; i++) {
        const SpoolSegment *segment = g_ptr_array_index(self->segments, i);

        out_stats->total_bytes += (guint64)segment->size;
    }
}
