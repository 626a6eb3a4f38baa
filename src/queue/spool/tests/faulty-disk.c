/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/spool/tests/faulty-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* One inode. The descriptor kept open keeps its number from being used again. */
typedef struct {
    ino_t inode;
    int fd;
    GByteArray *durable;
} FaultyFile;

/* A change to the folder: (name) is (file) from now on, or nothing. */
typedef struct {
    gchar *name;
    FaultyFile *file;
    gboolean is_joined; /* to the next change: both happen or neither */
} FaultyNaming;

struct FaultyDisk {
    SpoolDisk disk;
    SpoolDisk *real;
    gchar *folder;
    int folder_fd;
    GPtrArray *files;
    GHashTable *names;  /* durable: name -> FaultyFile */
    GPtrArray *namings; /* since then */
    gint write_in, sync_in, folder_sync_in, read_in, stop_in;
    gsize torn_bytes, write_max;
    gint64 space;
};

static FaultyDisk *
get_self(SpoolDisk *disk)
{
    return (FaultyDisk *)(void *)disk;
}

static gboolean
fires(gint *counter)
{
    return *counter >= 0 && (*counter)-- == 0;
}

/* Counts an operation that changes something; FALSE once the power is gone. */
static gboolean
has_power(FaultyDisk *self)
{
    if (self->stop_in == 0) {
        errno = EIO;
        return FALSE;
    }
    if (self->stop_in > 0)
        self->stop_in--;
    return TRUE;
}

static int
fail(int why)
{
    errno = why;
    return -1;
}

static GByteArray *
read_whole(int fd)
{
    GByteArray *bytes = g_byte_array_new();
    struct stat info;

    if (fstat(fd, &info) == 0) {
        g_byte_array_set_size(bytes, (guint)info.st_size);
        if (info.st_size > 0 && pread(fd, bytes->data, bytes->len, 0) != (gssize)bytes->len)
            g_error("cannot read back");
    }
    return bytes;
}

static void
file_free(gpointer data)
{
    FaultyFile *file = data;

    (void)close(file->fd);
    g_byte_array_unref(file->durable);
    g_free(file);
}

static void
naming_free(gpointer data)
{
    FaultyNaming *naming = data;

    g_free(naming->name);
    g_free(naming);
}

static FaultyFile *
find_file(FaultyDisk *self, int fd)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return NULL;
    for (guint i = 0; i < self->files->len; i++) {
        FaultyFile *file = g_ptr_array_index(self->files, i);

        if (file->inode == info.st_ino)
            return file;
    }
    return NULL;
}

static FaultyFile *
track(FaultyDisk *self, int fd)
{
    FaultyFile *file = find_file(self, fd);
    gchar path[40];
    struct stat info;

    if (file != NULL)
        return file;
    file = g_new0(FaultyFile, 1);
    if (fstat(fd, &info) != 0)
        g_error("cannot stat");
    file->inode = info.st_ino;
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    file->fd = open(path, O_RDWR | O_CLOEXEC);
    file->durable = read_whole(file->fd);
    g_ptr_array_add(self->files, file);
    return file;
}

static void
name_file(FaultyDisk *self, const gchar *name, FaultyFile *file, gboolean is_joined)
{
    FaultyNaming *naming = g_new(FaultyNaming, 1);

    *naming = (FaultyNaming){g_strdup(name), file, is_joined};
    g_ptr_array_add(self->namings, naming);
}

static int
faulty_open(SpoolDisk *disk, int dir_fd, const gchar *name, int flags)
{
    FaultyDisk *self = get_self(disk);
    struct stat info;
    gboolean is_new = fstatat(dir_fd, name, &info, 0) != 0;
    FaultyFile *file;
    int fd;

    if ((flags & (O_CREAT | O_TMPFILE)) != 0 && !has_power(self))
        return -1;
    fd = self->real->open(self->real, dir_fd, name, flags);
    if (fd < 0)
        return -1;
    file = track(self, fd);
    if (is_new && strchr(name, '/') == NULL)
        name_file(self, name, file, FALSE);
    return fd;
}

static gssize
limited_write(FaultyDisk *self, int fd, const struct iovec *pieces, int n_pieces, goffset offset,
              gsize limit)
{
    gsize done = 0;

    for (int i = 0; i < n_pieces && done < limit; i++) {
        gsize part = MIN(pieces[i].iov_len, limit - done);

        if (pwrite(fd, pieces[i].iov_base, part, offset + (goffset)done) != (gssize)part)
            return -1;
        done += part;
    }
    (void)self;
    return (gssize)done;
}

static gssize
faulty_pwritev(SpoolDisk *disk, int fd, const struct iovec *pieces, int n_pieces, goffset offset)
{
    FaultyDisk *self = get_self(disk);

    if (!has_power(self))
        return -1;
    if (fires(&self->write_in)) {
        (void)limited_write(self, fd, pieces, n_pieces, offset, self->torn_bytes);
        return fail(EIO);
    }
    if (self->write_max > 0)
        return limited_write(self, fd, pieces, n_pieces, offset, self->write_max);
    return self->real->pwritev(self->real, fd, pieces, n_pieces, offset);
}

static gssize
faulty_pread(SpoolDisk *disk, int fd, void *buffer, gsize len, goffset offset)
{
    FaultyDisk *self = get_self(disk);

    if (fires(&self->read_in))
        return fail(EIO);
    return self->real->pread(self->real, fd, buffer, len, offset);
}

static int
faulty_fdatasync(SpoolDisk *disk, int fd)
{
    FaultyDisk *self = get_self(disk);
    FaultyFile *file = find_file(self, fd);

    if (!has_power(self))
        return -1;
    if (fires(&self->sync_in))
        return fail(EIO);
    g_byte_array_unref(file->durable);
    file->durable = read_whole(file->fd);
    return 0;
}

static void
apply_naming(GHashTable *names, const FaultyNaming *naming)
{
    if (naming->file == NULL)
        g_hash_table_remove(names, naming->name);
    else
        g_hash_table_insert(names, g_strdup(naming->name), naming->file);
}

static int
faulty_sync_folder(SpoolDisk *disk, int dir_fd)
{
    FaultyDisk *self = get_self(disk);

    (void)dir_fd;
    if (!has_power(self))
        return -1;
    if (fires(&self->folder_sync_in))
        return fail(EIO);
    for (guint i = 0; i < self->namings->len; i++)
        apply_naming(self->names, g_ptr_array_index(self->namings, i));
    g_ptr_array_set_size(self->namings, 0);
    return 0;
}

static int
faulty_allocate(SpoolDisk *disk, int fd, goffset len)
{
    FaultyDisk *self = get_self(disk);

    if (!has_power(self))
        return -1;
    if (self->space >= 0 && len > self->space)
        return fail(ENOSPC);
    if (self->space >= 0)
        self->space -= len;
    return self->real->allocate(self->real, fd, len);
}

static int
faulty_truncate(SpoolDisk *disk, int fd, goffset len)
{
    FaultyDisk *self = get_self(disk);

    return has_power(self) ? self->real->truncate(self->real, fd, len) : -1;
}

static int
faulty_unlink(SpoolDisk *disk, int dir_fd, const gchar *name)
{
    FaultyDisk *self = get_self(disk);

    if (!has_power(self) || self->real->unlink(self->real, dir_fd, name) != 0)
        return -1;
    name_file(self, name, NULL, FALSE);
    return 0;
}

static int
faulty_rename(SpoolDisk *disk, int dir_fd, const gchar *from, const gchar *to)
{
    FaultyDisk *self = get_self(disk);
    int fd = openat(dir_fd, from, O_RDONLY | O_CLOEXEC);
    FaultyFile *file;

    if (fd < 0)
        return -1;
    file = track(self, fd);
    (void)close(fd);
    if (!has_power(self) || self->real->rename(self->real, dir_fd, from, to) != 0)
        return -1;
    name_file(self, from, NULL, TRUE);
    name_file(self, to, file, FALSE);
    return 0;
}

static int
faulty_link(SpoolDisk *disk, int fd, int dir_fd, const gchar *name)
{
    FaultyDisk *self = get_self(disk);

    if (!has_power(self) || self->real->link(self->real, fd, dir_fd, name) != 0)
        return -1;
    name_file(self, name, track(self, fd), FALSE);
    return 0;
}

FaultyDisk *
faulty_disk_new(const gchar *folder)
{
    FaultyDisk *self = g_new0(FaultyDisk, 1);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const gchar *name;

    self->disk = (SpoolDisk){
        .open = faulty_open,
        .pwritev = faulty_pwritev,
        .pread = faulty_pread,
        .fdatasync = faulty_fdatasync,
        .sync_folder = faulty_sync_folder,
        .allocate = faulty_allocate,
        .truncate = faulty_truncate,
        .unlink = faulty_unlink,
        .rename = faulty_rename,
        .link = faulty_link,
    };
    self->real = spool_disk_get_system();
    self->folder = g_strdup(folder);
    self->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    self->files = g_ptr_array_new_with_free_func(file_free);
    self->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->namings = g_ptr_array_new_with_free_func(naming_free);
    self->write_in = self->sync_in = self->folder_sync_in = self->read_in = self->stop_in = -1;
    self->space = -1;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        int fd = openat(self->folder_fd, name, O_RDWR | O_CLOEXEC);

        if (fd >= 0) {
            g_hash_table_insert(self->names, g_strdup(name), track(self, fd));
            (void)close(fd);
        }
    }
    if (dir != NULL)
        g_dir_close(dir);
    return self;
}

void
faulty_disk_free(FaultyDisk *self)
{
    g_ptr_array_free(self->namings, TRUE);
    g_hash_table_destroy(self->names);
    g_ptr_array_free(self->files, TRUE);
    (void)close(self->folder_fd);
    g_free(self->folder);
    g_free(self);
}

SpoolDisk *
faulty_disk_get_disk(FaultyDisk *self)
{
    return &self->disk;
}

void
faulty_disk_fail_write(FaultyDisk *self, gint after, gsize torn_bytes)
{
    self->write_in = after;
    self->torn_bytes = torn_bytes;
}

void
faulty_disk_fail_sync(FaultyDisk *self, gint after)
{
    self->sync_in = after;
}

void
faulty_disk_fail_folder_sync(FaultyDisk *self, gint after)
{
    self->folder_sync_in = after;
}

void
faulty_disk_fail_read(FaultyDisk *self, gint after)
{
    self->read_in = after;
}

void
faulty_disk_shorten_writes(FaultyDisk *self, gsize len)
{
    self->write_max = len;
}

void
faulty_disk_limit_space(FaultyDisk *self, gint64 bytes)
{
    self->space = bytes;
}

void
faulty_disk_stop_after(FaultyDisk *self, gint operations)
{
    self->stop_in = operations;
}

gboolean
faulty_disk_has_stopped(const FaultyDisk *self)
{
    return self->stop_in == 0;
}

/* Of the sectors that differ from the durable state, some made it. */
static GByteArray *
survive(const FaultyFile *file, GRand *rand)
{
    GByteArray *now = read_whole(file->fd);
    GByteArray *bytes = g_byte_array_new();
    gsize len = g_rand_boolean(rand) ? now->len : file->durable->len;

    for (gsize at = 0; at < len; at += FAULTY_SECTOR) {
        const GByteArray *from = g_rand_boolean(rand) ? now : file->durable;
        gsize part = MIN((gsize)FAULTY_SECTOR, len - at);
        guint8 sector[FAULTY_SECTOR] = {0};

        if (at < from->len)
            memcpy(sector, from->data + at, MIN(part, from->len - at));
        g_byte_array_append(bytes, sector, (guint)part);
    }
    g_byte_array_unref(now);
    return bytes;
}

/* Of the unsynced changes to the folder either the first few happened, as with a journal,
 * or any of them; a rename is whole. */
static void
apply_some_namings(FaultyDisk *self, GRand *rand)
{
    gboolean is_journal = g_rand_boolean(rand);
    guint n_first = (guint)g_rand_int_range(rand, 0, (gint)self->namings->len + 1);

    for (guint i = 0; i < self->namings->len; i++) {
        const FaultyNaming *naming = g_ptr_array_index(self->namings, i);
        gboolean happens = is_journal ? i < n_first : g_rand_boolean(rand);

        if (happens)
            apply_naming(self->names, naming);
        if (naming->is_joined) {
            i++;
            if (happens)
                apply_naming(self->names, g_ptr_array_index(self->namings, i));
        }
    }
}

void
faulty_disk_lose_power(FaultyDisk *self, GRand *rand)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(self->folder, 0, NULL);
    GHashTableIter iter;
    gpointer name, file;
    const gchar *old;

    apply_some_namings(self, rand);
    while ((old = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(found, g_build_filename(self->folder, old, NULL));
    g_dir_close(dir);
    /* The descriptors still read what had the names. */
    for (guint i = 0; i < found->len; i++)
        (void)g_unlink(g_ptr_array_index(found, i));
    g_hash_table_iter_init(&iter, self->names);
    while (g_hash_table_iter_next(&iter, &name, &file)) {
        g_autoptr(GByteArray) bytes = survive(file, rand);
        g_autofree gchar *path = g_build_filename(self->folder, name, NULL);

        if (!g_file_set_contents_full(path, (const gchar *)bytes->data, (gssize)bytes->len,
                                      G_FILE_SET_CONTENTS_NONE, 0600, NULL))
            g_error("cannot write back");
    }
}
