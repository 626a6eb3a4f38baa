/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store driver "sqlite": one database file, one connection, used by one helper thread
 * at a time. Write-ahead logging without a flush per change: what the last moments
 * before a power failure wrote may be lost, the file itself stays sound.
 */
#include <inttypes.h>
#include <libintl.h>

#include <barid/barid.h>
#include <glib/gstdio.h>
#include <sqlite3.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

/* The layout of the file, in its user_version. */
#define SCHEMA_VERSION 1

/* Expired entries that one clean-up takes at most, so that nobody waits long for it. */
#define CLEANUP_ROWS_MAX 1000

typedef struct {
    gchar *path;
    gint64 busy_timeout_ms;
    gint64 cleanup_ms;
    gint64 max_size_bytes;
} SqliteSettings;

static const BaridSetting store_settings[] = {
    BARID_SETTING_PATH("path", SqliteSettings, path, NULL, N_("The database file."),
                       BARID_SETTING_PATH_WRITE),
    BARID_SETTING_DURATION("busy-timeout", SqliteSettings, busy_timeout_ms, "5s",
                           N_("How long to wait for another program that uses the file.")),
    BARID_SETTING_DURATION("cleanup", SqliteSettings, cleanup_ms, "1min",
                           N_("How often expired entries are removed.")),
    BARID_SETTING_SIZE("max-size", SqliteSettings, max_size_bytes, "1G",
                       N_("How large the file may grow.")),
    BARID_SETTING_END,
};

typedef enum {
    SQLITE_GET,
    SQLITE_SET,
    SQLITE_REMOVE,
    SQLITE_TOUCH,
    SQLITE_ADD,
    SQLITE_CLEANUP,
    SQLITE_N_STATEMENTS,
} SqliteStatement;

/* ?1 key, ?2 now, ?3 expiry, ?4 value or number. An entry that is over counts as none. */
#define IS_OVER "(expires <> 0 AND expires <= ?2)"

static const gchar *const statement_texts[SQLITE_N_STATEMENTS] = {
    [SQLITE_GET] = "SELECT value, number FROM entries "
                   "WHERE key = ?1 AND NOT " IS_OVER,
    [SQLITE_SET] = "INSERT INTO entries (key, first, expires, value) VALUES (?1, ?2, ?3, ?4) "
                   "ON CONFLICT (key) DO UPDATE SET first = ?2, expires = ?3, value = ?4, "
                   "number = NULL",
    [SQLITE_REMOVE] = "DELETE FROM entries WHERE key = ?1",
    [SQLITE_TOUCH] = "INSERT INTO entries (key, first, expires) VALUES (?1, ?2, ?3) "
                     "ON CONFLICT (key) DO UPDATE SET "
                     "first = CASE WHEN " IS_OVER " THEN ?2 ELSE first END, "
                     "value = CASE WHEN " IS_OVER " THEN NULL ELSE value END, "
                     "number = CASE WHEN " IS_OVER " THEN NULL ELSE number END, "
                     "expires = ?3 RETURNING first",
    [SQLITE_ADD] = "INSERT INTO entries (key, first, expires, number) VALUES (?1, ?2, ?3, ?4) "
                   "ON CONFLICT (key) DO UPDATE SET "
                   "number = CASE WHEN " IS_OVER " OR number IS NULL THEN ?4 "
                   "WHEN ?4 > 0 AND number > 9223372036854775807 - ?4 THEN 9223372036854775807 "
                   "WHEN ?4 < 0 AND number < -9223372036854775807 - 1 - ?4 "
                   "THEN -9223372036854775807 - 1 "
                   "ELSE number + ?4 END, "
                   "first = CASE WHEN " IS_OVER " OR number IS NULL THEN ?2 ELSE first END, "
                   "expires = CASE WHEN " IS_OVER " OR number IS NULL THEN ?3 ELSE expires END, "
                   "value = NULL RETURNING number",
    [SQLITE_CLEANUP] = "DELETE FROM entries WHERE key IN (SELECT key FROM entries "
                       "WHERE expires <> 0 AND expires <= ?2 LIMIT ?4)",
};

typedef struct {
    GMutex lock; /* only on helper threads, never while a fiber waits */
    sqlite3 *database;
    sqlite3_stmt *statements[SQLITE_N_STATEMENTS];
    gint64 cleanup_ms;
    gint64 next_cleanup_ms;
} SqliteStore;

/* --- errors --- */

static void
sqlite_set_error(sqlite3 *database, int result, const gchar *what, GError **error)
{
    BaridErrorCode code = BARID_ERROR_IO;

    if (result == SQLITE_BUSY || result == SQLITE_LOCKED)
        code = BARID_ERROR_BUSY;
    else if (result == SQLITE_FULL)
        code = BARID_ERROR_NO_SPACE;
    g_set_error(error, BARID_ERROR, (gint)code, "%s: %s", what,
                database == NULL ? sqlite3_errstr(result) : sqlite3_errmsg(database));
}

/* --- opening --- */

static gboolean
sqlite_exec(sqlite3 *database, const gchar *text, GError **error)
{
    int result = sqlite3_exec(database, text, NULL, NULL, NULL);

    if (result == SQLITE_OK)
        return TRUE;
    sqlite_set_error(database, result, _("preparing the database"), error);
    return FALSE;
}

static gboolean
sqlite_read_number(sqlite3 *database, const gchar *text, gint64 *out_number, GError **error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, text, -1, &statement, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *out_number = sqlite3_column_int64(statement, 0);
    else
        sqlite_set_error(database, result, _("reading the database"), error);
    sqlite3_finalize(statement);
    return result == SQLITE_ROW;
}

static gboolean
sqlite_make_schema(sqlite3 *database, GError **error)
{
    gint64 version = 0;

    /* The version is read under the lock that the tables are made under: two programs may
     * open a new file at once. */
    if (!sqlite_exec(database, "BEGIN IMMEDIATE", error) ||
        !sqlite_read_number(database, "PRAGMA user_version", &version, error))
        return FALSE;
    if (version > SCHEMA_VERSION) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_UNSUPPORTED,
                    _("the database has layout %" PRId64 "; this version knows up to %d"), version,
                    SCHEMA_VERSION);
        return FALSE;
    }
    if (version == 0 &&
        !sqlite_exec(database,
                     "CREATE TABLE entries (key BLOB PRIMARY KEY, first INTEGER NOT NULL, "
                     "expires INTEGER NOT NULL, value BLOB, number INTEGER) WITHOUT ROWID;"
                     "CREATE INDEX entries_expires ON entries (expires) WHERE expires <> 0;"
                     "PRAGMA user_version = 1",
                     error))
        return FALSE;
    return sqlite_exec(database, "COMMIT", error);
}

static gboolean
sqlite_limit_size(sqlite3 *database, gint64 max_size_bytes, GError **error)
{
    g_autofree gchar *text = NULL;
    gint64 page_bytes = 0;

    if (!sqlite_read_number(database, "PRAGMA page_size", &page_bytes, error))
        return FALSE;
    text = g_strdup_printf("PRAGMA max_page_count = %" G_GINT64_FORMAT,
                           MAX(max_size_bytes / MAX(page_bytes, 1), 16));
    return sqlite_exec(database, text, error);
}

static gboolean
sqlite_prepare(SqliteStore *self, GError **error)
{
    for (guint i = 0; i < SQLITE_N_STATEMENTS; i++) {
        int result = sqlite3_prepare_v3(self->database, statement_texts[i], -1,
                                        SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL);

        if (result != SQLITE_OK) {
            sqlite_set_error(self->database, result, _("preparing a statement"), error);
            return FALSE;
        }
    }
    return TRUE;
}

/* (*out_database) is to be closed on failure, too. */
static gboolean
sqlite_connect(const gchar *path, int flags, gint64 busy_timeout_ms, sqlite3 **out_database,
               GError **error)
{
    int result = sqlite3_open_v2(path, out_database,
                                 flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

    if (result != SQLITE_OK) {
        sqlite_set_error(*out_database, result, _("opening the database"), error);
        return FALSE;
    }
    sqlite3_extended_result_codes(*out_database, 0);
    sqlite3_busy_timeout(*out_database, (int)MIN(busy_timeout_ms, G_MAXINT));
    return TRUE;
}

static gboolean
sqlite_set_up(SqliteStore *self, const SqliteSettings *settings, GError **error)
{
    return sqlite_make_schema(self->database, error) &&
           sqlite_limit_size(self->database, settings->max_size_bytes, error) &&
           sqlite_prepare(self, error);
}

static gboolean
sqlite_open_file(SqliteStore *self, const SqliteSettings *settings, GError **error)
{
    g_autofree gchar *folder = g_path_get_dirname(settings->path);

    if (g_mkdir_with_parents(folder, 0700) != 0) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_IO, _("cannot make the folder \"%s\""), folder);
        return FALSE;
    }
    return sqlite_connect(settings->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                          settings->busy_timeout_ms, &self->database, error) &&
           sqlite_exec(self->database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                       error) &&
           sqlite_set_up(self, settings, error);
}

/* --- a copy --- */

/* Neither the file nor those beside it are written, and none is made: with a log, the index of
 * whoever uses the file is read, without one nobody has changed anything. */
static gchar *
copy_dup_source(const gchar *path)
{
    g_autofree gchar *escaped = g_uri_escape_string(path, "/", FALSE);
    g_autofree gchar *log = g_strconcat(path, "-wal", NULL);

    return g_strdup_printf("file:%s?mode=ro&%s", escaped,
                           g_file_test(log, G_FILE_TEST_EXISTS) ? "readonly_shm=1"
                                                                : "immutable=1");
}

/* At one go, so that the copy is of one moment. */
static gboolean
copy_run(sqlite3 *from, sqlite3 *to, GError **error)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

    if (backup != NULL)
        sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
    if (backup != NULL && sqlite3_errcode(to) == SQLITE_OK)
        return TRUE;
    sqlite_set_error(to, sqlite3_errcode(to), "copying the database", error);
    return FALSE;
}

static gboolean
copy_make(SqliteStore *self, const SqliteSettings *settings, const gchar *path, GError **error)
{
    g_autofree gchar *source = copy_dup_source(settings->path);
    sqlite3 *from = NULL;
    gboolean ok;

    g_remove(path); /* what an earlier copy has left */
    if (!sqlite_connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0, &self->database,
                        error) ||
        !sqlite_exec(self->database, "PRAGMA synchronous = OFF", error))
        return FALSE;
    if (!g_file_test(settings->path, G_FILE_TEST_EXISTS))
        return TRUE;
    ok = sqlite_connect(source, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                        settings->busy_timeout_ms, &from, error) &&
         copy_run(from, self->database, error);
    sqlite3_close(from);
    /* The file says that it has a log, which the copy needs no more. */
    return ok && sqlite_exec(self->database, "PRAGMA journal_mode = MEMORY", error);
}

static void
sqlite_close(gpointer data)
{
    SqliteStore *self = data;

    for (guint i = 0; i < SQLITE_N_STATEMENTS; i++)
        sqlite3_finalize(self->statements[i]);
    sqlite3_close(self->database);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static SqliteStore *
sqlite_new(const SqliteSettings *settings)
{
    SqliteStore *self = g_new0(SqliteStore, 1);

    g_mutex_init(&self->lock);
    self->cleanup_ms = settings->cleanup_ms;
    return self;
}

static gpointer
sqlite_open_copy(const gchar *name, const void *settings, const gchar *folder, GError **error)
{
    const SqliteSettings *read = settings;
    SqliteStore *self = sqlite_new(read);
    g_autofree gchar *file = g_strconcat(name, ".sqlite-copy", NULL);
    g_autofree gchar *path = g_build_filename(folder, file, NULL);

    if (!copy_make(self, read, path, error) || !sqlite_set_up(self, read, error)) {
        g_prefix_error(error, "%s: ", read->path);
        sqlite_close(self);
        return NULL;
    }
    return self;
}

static gpointer
sqlite_open(const gchar *name, const void *settings, GError **error)
{
    const SqliteSettings *read = settings;
    SqliteStore *self = sqlite_new(read);

    if (!sqlite_open_file(self, read, error)) {
        g_prefix_error(error, "store %s: %s: ", name, read->path);
        sqlite_close(self);
        return NULL;
    }
    return self;
}

/* --- one call --- */

typedef struct {
    SqliteStore *store;
    SqliteStatement statement;
    BaridSlice key;
    gint64 now_ms, expires_ms;
    BaridSlice value; /* of SET */
    gint64 delta;     /* of ADD */
    GBytes *found;    /* of GET */
    gint64 number;    /* what RETURNING gave */
    gboolean ok;
    GError *error;
} SqliteCall;

static int
call_bind_bytes(sqlite3_stmt *statement, int index, BaridSlice slice)
{
    /* A NULL pointer would be the database's NULL. */
    return sqlite3_bind_blob64(statement, index, slice.len == 0 ? (const void *)"" : slice.data,
                               slice.len, SQLITE_STATIC);
}

static void
call_bind(const SqliteCall *call, sqlite3_stmt *statement)
{
    /* A statement takes only the parameters it has; the others are out of its range. */
    call_bind_bytes(statement, 1, call->key);
    sqlite3_bind_int64(statement, 2, call->now_ms);
    sqlite3_bind_int64(statement, 3, call->expires_ms);
    if (call->statement == SQLITE_SET)
        call_bind_bytes(statement, 4, call->value);
    else
        sqlite3_bind_int64(statement, 4, call->delta);
}

static void
call_take_row(SqliteCall *call, sqlite3_stmt *statement)
{
    if (call->statement != SQLITE_GET) {
        call->number = sqlite3_column_int64(statement, 0);
    } else if (sqlite3_column_type(statement, 1) != SQLITE_NULL) {
        gint64 number = sqlite3_column_int64(statement, 1);
        gchar *text = g_strdup_printf("%" G_GINT64_FORMAT, number);

        call->found = g_bytes_new_take(text, strlen(text));
    } else {
        const void *bytes = sqlite3_column_blob(statement, 0);

        call->found = g_bytes_new(bytes, (gsize)sqlite3_column_bytes(statement, 0));
    }
}

static int
call_step(SqliteCall *call)
{
    sqlite3_stmt *statement = call->store->statements[call->statement];
    int result;

    call_bind(call, statement);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        call_take_row(call, statement);
        result = sqlite3_step(statement);
    }
    if (result != SQLITE_DONE)
        sqlite_set_error(call->store->database, result, "the store's database", &call->error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

/* A clean-up that fails is tried again with the next one; nobody waits for it. */
static void
store_clean_up(SqliteStore *self, gint64 now_ms)
{
    SqliteCall cleanup = {
        .store = self,
        .statement = SQLITE_CLEANUP,
        .now_ms = now_ms,
        .delta = CLEANUP_ROWS_MAX,
    };

    if (now_ms < self->next_cleanup_ms)
        return;
    self->next_cleanup_ms = now_ms + self->cleanup_ms;
    call_step(&cleanup);
    /* More is left: go on with the next call. */
    if (cleanup.error == NULL && sqlite3_changes(self->database) >= CLEANUP_ROWS_MAX)
        self->next_cleanup_ms = now_ms;
    g_clear_error(&cleanup.error);
}

static void
call_run(gpointer data)
{
    SqliteCall *call = data;

    g_mutex_lock(&call->store->lock);
    call->ok = call_step(call) == SQLITE_DONE;
    if (call->statement != SQLITE_REMOVE)
        store_clean_up(call->store, call->now_ms);
    g_mutex_unlock(&call->store->lock);
}

static BARID_SUSPENDS gboolean
call_make(SqliteCall *call, GError **error)
{
    if (!barid_offload(call_run, call, error)) {
        g_clear_error(&call->error);
        g_clear_pointer(&call->found, g_bytes_unref);
        return FALSE;
    }
    if (!call->ok)
        g_propagate_error(error, call->error);
    return call->ok;
}

/* --- the driver --- */

static gboolean
sqlite_get(gpointer self, BaridSlice key, gint64 now_ms, GBytes **out_value, GError **error)
{
    SqliteCall call = {.store = self, .statement = SQLITE_GET, .key = key, .now_ms = now_ms};

    if (!call_make(&call, error))
        return FALSE;
    *out_value = call.found;
    return TRUE;
}

static gboolean
sqlite_set(gpointer self, BaridSlice key, BaridSlice value, gint64 now_ms, gint64 expires_ms,
           GError **error)
{
    SqliteCall call = {.store = self, .statement = SQLITE_SET, .key = key, .now_ms = now_ms,
                       .expires_ms = expires_ms, .value = value};

    return call_make(&call, error);
}

static gboolean
sqlite_remove(gpointer self, BaridSlice key, GError **error)
{
    SqliteCall call = {.store = self, .statement = SQLITE_REMOVE, .key = key};

    return call_make(&call, error);
}

static gboolean
sqlite_touch(gpointer self, BaridSlice key, gint64 now_ms, gint64 expires_ms,
             gint64 *out_first_ms, GError **error)
{
    SqliteCall call = {.store = self, .statement = SQLITE_TOUCH, .key = key, .now_ms = now_ms,
                       .expires_ms = expires_ms};

    if (!call_make(&call, error))
        return FALSE;
    *out_first_ms = call.number;
    return TRUE;
}

static gboolean
sqlite_add(gpointer self, BaridSlice key, gint64 delta, gint64 now_ms, gint64 expires_ms,
           gint64 *out_value, GError **error)
{
    SqliteCall call = {.store = self, .statement = SQLITE_ADD, .key = key, .now_ms = now_ms,
                       .expires_ms = expires_ms, .delta = delta};

    if (!call_make(&call, error))
        return FALSE;
    *out_value = call.number;
    return TRUE;
}

static const BaridStoreDriver driver = {
    .struct_size = sizeof(BaridStoreDriver),
    .settings = store_settings,
    .settings_size = sizeof(SqliteSettings),
    .open = sqlite_open,
    .close = sqlite_close,
    .get = sqlite_get,
    .set = sqlite_set,
    .remove = sqlite_remove,
    .touch = sqlite_touch,
    .add = sqlite_add,
    .open_copy = sqlite_open_copy,
};

static const BaridProvider providers[] = {
    {BARID_PROVIDER_STORE, "sqlite", &driver},
    {BARID_PROVIDER_END, NULL, NULL},
};

BARID_MODULE_DEFINE(sqlite) = {
    BARID_MODULE_HEADER,
    .name = "sqlite",
    .version = PACKAGE_VERSION,
    .summary = N_("Keeps stores in SQLite files"),
    .needs = BARID_USES_FILES,
    .providers = providers,
};
