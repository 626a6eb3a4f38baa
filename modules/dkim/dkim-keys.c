/* SPDX-License-Identifier: Apache-2.0 */
#include "dkim-keys.h"

#include <sys/stat.h>

struct DkimKey {
    gatomicrefcount references;
    BaridPrivateKey *key;
    gint64 read_ms; /* monotonic */
};

struct DkimKeys {
    GMutex lock;
    GHashTable *keys; /* of "PLACE NAME" to DkimKey */
};

/* --- one key --- */

static DkimKey *
key_new(BaridSlice text, GError **error)
{
    BaridPrivateKey *key = barid_private_key_new(text, error);
    DkimKey *self;

    if (key == NULL)
        return NULL;
    self = g_new0(DkimKey, 1);
    g_atomic_ref_count_init(&self->references);
    self->key = key;
    self->read_ms = barid_monotonic_ms();
    return self;
}

DkimKey *
dkim_key_ref(DkimKey *self)
{
    g_atomic_ref_count_inc(&self->references);
    return self;
}

void
dkim_key_unref(DkimKey *self)
{
    if (!g_atomic_ref_count_dec(&self->references))
        return;
    barid_private_key_free(self->key);
    g_free(self);
}

BaridPrivateKey *
dkim_key_get(const DkimKey *self)
{
    return self->key;
}

static void
key_warn_of_mode(const gchar *path)
{
    struct stat file;

    if (stat(path, &file) == 0 && (file.st_mode & (S_IROTH | S_IWOTH)) != 0)
        barid_log(BARID_LOG_WARNING, "dkim.key-exposed", "path", path, NULL);
}

static DkimKey *
key_read_file(const gchar *path, GError **error)
{
    g_autofree gchar *text = NULL;
    g_autoptr(GError) reason = NULL;
    DkimKey *self;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, &reason)) {
        g_set_error(error, BARID_ERROR,
                    g_error_matches(reason, G_FILE_ERROR, G_FILE_ERROR_NOENT)
                        ? BARID_ERROR_NOT_FOUND
                        : BARID_ERROR_FAILED,
                    "%s", reason->message);
        return NULL;
    }
    self = key_new(barid_slice(text, len), error);
    explicit_bzero(text, len);
    if (self == NULL)
        g_prefix_error(error, "%s: ", path);
    else
        key_warn_of_mode(path);
    return self;
}

DkimKey *
dkim_key_read(const DkimKeyPlace *place, GError **error)
{
    if (place->text != NULL)
        return key_new(barid_slice_from_text(place->text), error);
    return key_read_file(place->file, error);
}

/* --- looking up --- */

typedef struct {
    const gchar *path;
    DkimKey *key;
    GError *error;
} FolderRead;

static void
folder_read(gpointer data)
{
    FolderRead *read = data;

    read->key = key_read_file(read->path, &read->error);
}

static DkimKey *
lookup_in_folder(const gchar *folder, const gchar *name, GError **error)
{
    g_autofree gchar *path = g_strconcat(folder, "/", name, ".pem", NULL);
    FolderRead read = {.path = path};

    if (!barid_offload(folder_read, &read, error)) {
        g_clear_pointer(&read.key, dkim_key_unref);
        g_clear_error(&read.error);
        return NULL;
    }
    if (read.error != NULL)
        g_propagate_error(error, read.error);
    return read.key;
}

static DkimKey *
lookup_in_store(BaridStore *store, const gchar *name, GError **error)
{
    GBytes *found = NULL;
    g_autofree guint8 *bytes = NULL;
    DkimKey *self;
    gsize len;

    if (!barid_store_get(store, barid_slice_from_text(name), &found, error))
        return NULL;
    if (found == NULL) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_NOT_FOUND, "the store has no key \"%s\"",
                    name);
        return NULL;
    }
    bytes = g_bytes_unref_to_data(found, &len);
    self = key_new(barid_slice(bytes, len), error);
    explicit_bzero(bytes, len);
    if (self == NULL)
        g_prefix_error(error, "%s: ", name);
    return self;
}

/* --- what was looked up --- */

DkimKeys *
dkim_keys_new(void)
{
    DkimKeys *self = g_new0(DkimKeys, 1);

    g_mutex_init(&self->lock);
    self->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                       (GDestroyNotify)dkim_key_unref);
    return self;
}

void
dkim_keys_free(DkimKeys *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->keys);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static DkimKey *
keys_find(DkimKeys *self, const gchar *id)
{
    DkimKey *key;

    g_mutex_lock(&self->lock);
    key = g_hash_table_lookup(self->keys, id);
    if (key != NULL && barid_monotonic_ms() - key->read_ms > DKIM_KEYS_LIFETIME_MS) {
        g_hash_table_remove(self->keys, id);
        key = NULL;
    }
    if (key != NULL)
        dkim_key_ref(key);
    g_mutex_unlock(&self->lock);
    return key;
}

/* A server of so many domains reads them anew now and then. */
static void
keys_add(DkimKeys *self, const gchar *id, DkimKey *key)
{
    g_mutex_lock(&self->lock);
    if (g_hash_table_size(self->keys) >= DKIM_KEYS_MAX)
        g_hash_table_remove_all(self->keys);
    g_hash_table_replace(self->keys, g_strdup(id), dkim_key_ref(key));
    g_mutex_unlock(&self->lock);
}

DkimKey *
dkim_keys_lookup(DkimKeys *self, const DkimKeyPlace *place, const gchar *name, GError **error)
{
    g_autofree gchar *id =
        g_strdup_printf("%p %s", place->store == NULL ? (gconstpointer)place->folder
                                                      : (gconstpointer)place->store, name);
    DkimKey *key = keys_find(self, id);

    if (key != NULL)
        return key;
    key = place->store == NULL ? lookup_in_folder(place->folder, name, error)
                               : lookup_in_store(place->store, name, error);
    if (key != NULL)
        keys_add(self, id, key);
    return key;
}
