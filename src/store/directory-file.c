/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver "file": one line an entry,
 *
 *   user NAME HASH [ADDRESS[,ADDRESS...]]     HASH "-" allows no log-in
 *   alias ADDRESS TARGET[,TARGET...]
 *   map PATTERN TARGET[,TARGET...]
 *
 * and comments that begin with "#". A changed file replaces the table as a whole; while
 * it is broken the old table stays in force.
 */
#include "store/directory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/error-domain.h"
#include "base/i18n.h"
#include "base/text.h"

enum { FILE_CHECK_MS = 1000 };

/* --- the text --- */

static gboolean
file_is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t';
}

static gboolean
file_is_in_word(guint8 byte)
{
    return !file_is_blank(byte);
}

/* Takes bytes up to (stop) or a blank, both only outside of quotes. */
static BaridSlice
file_take_until(Cursor *cursor, guint8 stop)
{
    gsize start = cursor_get_offset(cursor);
    gboolean quoted = FALSE;
    gint byte;

    while ((byte = cursor_peek(cursor)) >= 0) {
        if (!quoted && (byte == stop || file_is_blank((guint8)byte)))
            break;
        if (byte == '"')
            quoted = !quoted;
        cursor_next(cursor);
        if (quoted && byte == '\\')
            cursor_next(cursor);
    }
    return cursor_get_since(cursor, start);
}

static BaridSlice
file_take_word(Cursor *cursor)
{
    cursor_take_while(cursor, file_is_blank);
    return file_take_until(cursor, ' ');
}

static gboolean
file_refuse(GError **error, const gchar *reason)
{
    g_set_error_literal(error, DIRECTORY_ERROR, BARID_ERROR_INVALID, reason);
    return FALSE;
}

/* "A,B,C" to the end of the line. */
static gboolean
file_take_addresses(Cursor *cursor, GArray *out_addresses, GError **error)
{
    cursor_take_while(cursor, file_is_blank);
    if (cursor_is_end(cursor))
        return TRUE;
    do {
        BaridSlice address = file_take_until(cursor, ',');

        if (address.len == 0)
            return file_refuse(error, _("there is an empty address in the list"));
        if (out_addresses->len >= DIRECTORY_TARGETS_MAX)
            return file_refuse(error, _("a line may hold 1000 addresses"));
        g_array_append_val(out_addresses, address);
    } while (cursor_accept(cursor, ','));
    cursor_take_while(cursor, file_is_blank);
    if (!cursor_is_end(cursor))
        return file_refuse(error, _("addresses are separated by commas without blanks"));
    return TRUE;
}

static gboolean
file_add_user(DirectoryTable *table, Cursor *cursor, GArray *addresses, GError **error)
{
    BaridSlice name = file_take_word(cursor);
    BaridSlice hash = file_take_word(cursor);

    if (hash.len == 0)
        return file_refuse(error, _("write: user NAME HASH ADDRESS[,ADDRESS...]"));
    if (barid_slice_equal_text(hash, "-"))
        hash = BARID_SLICE_EMPTY;
    return file_take_addresses(cursor, addresses, error) &&
           directory_table_add_user(table, name, hash,
                                    (const BaridSlice *)(gconstpointer)addresses->data,
                                    addresses->len, error);
}

static gboolean
file_add_alias(DirectoryTable *table, Cursor *cursor, GArray *addresses, GError **error)
{
    BaridSlice address = file_take_word(cursor);

    return file_take_addresses(cursor, addresses, error) &&
           directory_table_add_alias(table, address,
                                     (const BaridSlice *)(gconstpointer)addresses->data,
                                     addresses->len, error);
}

/* A pattern has blanks and quotes of its own kind: it goes up to the next blank. */
static gboolean
file_add_map(DirectoryTable *table, Cursor *cursor, GArray *addresses, GError **error)
{
    BaridSlice pattern;

    cursor_take_while(cursor, file_is_blank);
    pattern = cursor_take_while(cursor, file_is_in_word);
    return file_take_addresses(cursor, addresses, error) &&
           directory_table_add_map(table, pattern,
                                   (const BaridSlice *)(gconstpointer)addresses->data,
                                   addresses->len, error);
}

static gboolean
file_add_line(DirectoryTable *table, BaridSlice line, GError **error)
{
    Cursor cursor = cursor_new(line);
    g_autoptr(GArray) addresses = g_array_new(FALSE, FALSE, sizeof(BaridSlice));
    BaridSlice kind;

    cursor_take_while(&cursor, file_is_blank);
    if (cursor_is_end(&cursor) || cursor_peek(&cursor) == '#')
        return TRUE;
    kind = file_take_word(&cursor);
    if (barid_slice_equal_text(kind, "user"))
        return file_add_user(table, &cursor, addresses, error);
    if (barid_slice_equal_text(kind, "alias"))
        return file_add_alias(table, &cursor, addresses, error);
    if (barid_slice_equal_text(kind, "map"))
        return file_add_map(table, &cursor, addresses, error);
    return file_refuse(error, _("a line begins with \"user\", \"alias\", \"map\" or \"#\""));
}

static gboolean
file_is_in_line(guint8 byte)
{
    return byte != '\n';
}

DirectoryTable *
directory_file_parse(BaridSlice text, const gchar *name, GError **error)
{
    g_autoptr(DirectoryTable) table = directory_table_new();
    Cursor cursor = cursor_new(text);

    if (text.len > 0 && !g_utf8_validate_len((const gchar *)text.data, text.len, NULL)) {
        g_set_error(error, DIRECTORY_ERROR, BARID_ERROR_INVALID, _("%s: it is not UTF-8 text"),
                    name);
        return NULL;
    }
    for (guint line_number = 1; !cursor_is_end(&cursor); line_number++) {
        BaridSlice line = cursor_take_while(&cursor, file_is_in_line);

        cursor_accept(&cursor, '\n');
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (!file_add_line(table, line, error)) {
            g_prefix_error(error, "%s:%u: ", name, line_number);
            return NULL;
        }
    }
    return g_steal_pointer(&table);
}

/* --- the file --- */

/* What tells one state of the file from another. */
typedef struct {
    gint64 seconds, nanoseconds;
    guint64 size, inode;
} FileState;

typedef struct {
    gchar *path;
    GMutex lock; /* guards what follows; held for moments only */
    DirectoryTable *table;
    FileState state;
    gint64 next_check_ms;
} DirectoryFile;

static FileState
file_state_from_stat(const struct stat *info)
{
    return (FileState){
        .seconds = info->st_mtim.tv_sec,
        .nanoseconds = info->st_mtim.tv_nsec,
        .size = (guint64)info->st_size,
        .inode = info->st_ino,
    };
}

static gboolean
file_state_equal(const FileState *a, const FileState *b)
{
    return a->seconds == b->seconds && a->nanoseconds == b->nanoseconds && a->size == b->size &&
           a->inode == b->inode;
}

static gboolean
file_read_all(int fd, gsize size, GByteArray *out_bytes, const gchar *path, GError **error)
{
    g_byte_array_set_size(out_bytes, (guint)size);
    for (gsize done = 0; done < size;) {
        gssize got = read(fd, out_bytes->data + done, size - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error_set_errno(error, DIRECTORY_ERROR, errno, "%s", path);
            return FALSE;
        }
        if (got == 0) {
            g_byte_array_set_size(out_bytes, (guint)done);
            break;
        }
        done += (gsize)got;
    }
    return TRUE;
}

/* NULL without an error when the file is as (known) says. */
static DirectoryTable *
file_load_fd(int fd, const gchar *path, const FileState *known, FileState *out_state,
             GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    struct stat info;

    if (fstat(fd, &info) != 0) {
        error_set_errno(error, DIRECTORY_ERROR, errno, "%s", path);
        return NULL;
    }
    *out_state = file_state_from_stat(&info);
    if (known != NULL && file_state_equal(known, out_state))
        return NULL;
    if (!S_ISREG(info.st_mode) || (info.st_mode & S_IWOTH) != 0 ||
        info.st_size > DIRECTORY_FILE_BYTES_MAX) {
        g_set_error(error, DIRECTORY_ERROR, BARID_ERROR_DENIED,
                    _("%s: it must be a plain file of at most 64M that not everybody may write"),
                    path);
        return NULL;
    }
    if (!file_read_all(fd, (gsize)info.st_size, bytes, path, error))
        return NULL;
    return directory_file_parse(barid_slice(bytes->data, bytes->len), path, error);
}

static DirectoryTable *
file_load(const gchar *path, const FileState *known, FileState *out_state, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    DirectoryTable *table;

    if (fd < 0) {
        error_set_errno(error, DIRECTORY_ERROR, errno, "%s", path);
        return NULL;
    }
    table = file_load_fd(fd, path, known, out_state, error);
    close(fd);
    return table;
}

typedef struct {
    const gchar *path;
    FileState known, state;
    DirectoryTable *table;
    GError *error;
} FileReload;

static void
file_reload_run(gpointer data)
{
    FileReload *reload = data;

    reload->state = reload->known;
    reload->table = file_load(reload->path, &reload->known, &reload->state, &reload->error);
}

static void
file_reload_end(DirectoryFile *self, FileReload *reload)
{
    g_mutex_lock(&self->lock);
    /* A broken state is remembered too, so that it is reported once and not every second. */
    self->state = reload->state;
    if (reload->table != NULL) {
        DirectoryTable *old = self->table;

        self->table = g_steal_pointer(&reload->table);
        reload->table = old;
    }
    g_mutex_unlock(&self->lock);
    if (reload->error != NULL)
        barid_log(BARID_LOG_ERROR, "directory.file-broken", "path", self->path, "error",
                  reload->error->message, NULL);
    else if (reload->table != NULL)
        barid_log(BARID_LOG_NOTICE, "directory.reloaded", "path", self->path, NULL);
    g_clear_error(&reload->error);
    directory_table_unref(reload->table);
}

/* Takes the turn of looking at the file, at most once a second for all threads. */
static gboolean
file_take_check(DirectoryFile *self, FileReload *reload)
{
    gint64 now_ms = clock_monotonic_ms();
    gboolean due;

    g_mutex_lock(&self->lock);
    due = now_ms >= self->next_check_ms;
    if (due) {
        self->next_check_ms = now_ms + FILE_CHECK_MS;
        *reload = (FileReload){.path = self->path, .known = self->state};
    }
    g_mutex_unlock(&self->lock);
    return due;
}

static BARID_SUSPENDS DirectoryTable *
file_get_table(DirectoryFile *self)
{
    DirectoryTable *table;
    FileReload reload;

    if (file_take_check(self, &reload)) {
        barid_offload(file_reload_run, &reload, NULL);
        file_reload_end(self, &reload);
    }
    g_mutex_lock(&self->lock);
    table = directory_table_ref(self->table);
    g_mutex_unlock(&self->lock);
    return table;
}

static gboolean
file_find_address(gpointer self, BaridSlice key, Arena *arena, DirectoryEntry *out_entry,
                  GError **error G_GNUC_UNUSED)
{
    g_autoptr(DirectoryTable) table = file_get_table(self);

    directory_table_find_address(table, key, arena, out_entry);
    return TRUE;
}

static gboolean
file_find_mapped(gpointer self, BaridSlice key, Arena *arena, DirectoryEntry *out_entry,
                 GError **error G_GNUC_UNUSED)
{
    g_autoptr(DirectoryTable) table = file_get_table(self);

    directory_table_find_mapped(table, key, arena, out_entry);
    return TRUE;
}

static gboolean
file_find_user(gpointer self, BaridSlice name, Arena *arena, DirectoryUser *out_user,
               GError **error G_GNUC_UNUSED)
{
    g_autoptr(DirectoryTable) table = file_get_table(self);

    directory_table_find_user(table, name, arena, out_user);
    return TRUE;
}

static void
file_close(gpointer data)
{
    DirectoryFile *self = data;

    directory_table_unref(self->table);
    g_mutex_clear(&self->lock);
    g_free(self->path);
    g_free(self);
}

gpointer
directory_file_open(const gchar *path, GError **error)
{
    FileState state;
    DirectoryTable *table = file_load(path, NULL, &state, error);
    DirectoryFile *self;

    if (table == NULL)
        return NULL;
    self = g_new0(DirectoryFile, 1);
    g_mutex_init(&self->lock);
    self->path = g_strdup(path);
    self->table = table;
    self->state = state;
    self->next_check_ms = clock_monotonic_ms() + FILE_CHECK_MS;
    return self;
}

const DirectoryDriver directory_file_driver = {
    .find_address = file_find_address,
    .find_user = file_find_user,
    .find_mapped = file_find_mapped,
    .close = file_close,
};
