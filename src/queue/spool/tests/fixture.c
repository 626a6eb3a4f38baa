/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/spool/tests/fixture.h"

#include <check.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* What a change in flight says, until its result is known. */
typedef struct {
    SpoolChange change;
    FixtureEntry *entry;
    GBytes *state;
} FixtureChange;

GBytes *
fixture_bytes(guint32 seed, gsize len)
{
    guint8 *bytes = g_malloc(len + 1);
    guint32 state = seed * 2654435761u + 1;

    for (gsize i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (guint8)(state >> 24);
    }
    return g_bytes_new_take(bytes, len);
}

static BaridSlice
get_slice(GBytes *bytes)
{
    gsize len = 0;
    const guint8 *data = g_bytes_get_data(bytes, &len);

    return barid_slice(data, len);
}

static void
entry_free(gpointer data)
{
    FixtureEntry *entry = data;

    g_bytes_unref(entry->envelope);
    g_bytes_unref(entry->state);
    g_bytes_unref(entry->content);
    g_clear_pointer(&entry->other_states, g_ptr_array_unref);
    g_free(entry);
}

static int
sync_nothing(SpoolDisk *self, int fd)
{
    (void)self;
    (void)fd;
    return 0;
}

/* The page cache survives the end of a process, and tests that take the power away use the
 * faulty disk: waiting for a real one proves nothing. */
static SpoolDisk *
get_quick_disk(void)
{
    static SpoolDisk disk;

    disk = *spool_disk_get_system();
    disk.fdatasync = sync_nothing;
    disk.sync_folder = sync_nothing;
    return &disk;
}

void
fixture_open(Fixture *self)
{
    g_autoptr(GError) error = NULL;

    self->spool = spool_open(self->disk == NULL ? get_quick_disk() : self->disk, self->folder,
                             &self->options, &error);
    ck_assert_msg(self->spool != NULL, "%s", error == NULL ? "" : error->message);
}

Fixture *
fixture_new(SpoolDisk *disk)
{
    Fixture *self = g_new0(Fixture, 1);

    self->folder = g_dir_make_tmp("barid-spool-XXXXXX", NULL);
    ck_assert_ptr_nonnull(self->folder);
    self->disk = disk;
    spool_options_set_defaults(&self->options);
    self->options.segment_bytes = 16 * 1024;
    self->options.reserve_bytes = 0;
    self->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, entry_free);
    fixture_open(self);
    return self;
}

void
fixture_remove_folder(const gchar *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const gchar *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree gchar *path = g_build_filename(folder, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            fixture_remove_folder(path);
        else
            (void)g_unlink(path);
    }
    if (dir != NULL)
        g_dir_close(dir);
    (void)g_rmdir(folder);
}

void
fixture_close(Fixture *self)
{
    GHashTableIter iter;
    gpointer value;

    spool_close(self->spool);
    self->spool = NULL;
    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        FixtureEntry *entry = value;

        entry->ref = (SpoolRef){.id = entry->id};
        entry->was_given = FALSE;
    }
}

void
fixture_free(Fixture *self)
{
    fixture_close(self);
    fixture_remove_folder(self->folder);
    g_hash_table_destroy(self->entries);
    g_free(self->folder);
    g_free(self);
}

static gboolean
is_other_state(const FixtureEntry *entry, BaridSlice state)
{
    for (guint i = 0; entry->other_states != NULL && i < entry->other_states->len; i++) {
        if (barid_slice_equal(state, get_slice(g_ptr_array_index(entry->other_states, i))))
            return TRUE;
    }
    return FALSE;
}

static SpoolRef *
visit(QueueId id, BaridSlice envelope, BaridSlice state, gsize content_bytes, gpointer data)
{
    Fixture *self = data;
    FixtureEntry *entry = g_hash_table_lookup(self->entries, &id);

    ck_assert_msg(entry != NULL, "a message that nobody added, or that was removed");
    ck_assert_msg(!entry->was_given, "given twice");
    ck_assert(barid_slice_equal(envelope, get_slice(entry->envelope)));
    ck_assert_uint_eq(content_bytes, g_bytes_get_size(entry->content));
    if (!barid_slice_equal(state, get_slice(entry->state))) {
        ck_assert(is_other_state(entry, state));
        g_bytes_unref(entry->state);
        entry->state = g_bytes_new(state.data, state.len);
    }
    g_clear_pointer(&entry->other_states, g_ptr_array_unref);
    entry->was_given = TRUE;
    entry->may_be_there = entry->may_be_gone = FALSE;
    self->n_given++;
    return &entry->ref;
}

static gboolean
is_dropped(gpointer key, gpointer value, gpointer data)
{
    const FixtureEntry *entry = value;

    (void)key;
    (void)data;
    return !entry->was_given && (entry->may_be_there || entry->may_be_gone);
}

void
fixture_replay(Fixture *self)
{
    gboolean finished = FALSE;

    self->n_given = 0;
    while (!finished) {
        g_autoptr(GError) error = NULL;

        ck_assert(spool_replay_step(self->spool, 7, visit, self, &finished, &error));
    }
    (void)g_hash_table_foreach_remove(self->entries, is_dropped, NULL);
}

static void
check_content(Fixture *self, const FixtureEntry *entry)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolContent) content = spool_read(self->spool, &entry->ref, &error);
    BaridSlice whole = get_slice(entry->content);
    BaridSlice prefix, body;

    ck_assert_msg(content != NULL, "%s", error == NULL ? "" : error->message);
    prefix = spool_content_get_prefix(content);
    body = spool_content_get_body(content);
    ck_assert_uint_eq(prefix.len + body.len, whole.len);
    ck_assert(barid_slice_equal(prefix, barid_slice(whole.data, prefix.len)));
    ck_assert(barid_slice_equal(body, barid_slice(whole.data + prefix.len, body.len)));
    ck_assert(barid_slice_equal(spool_content_get_envelope(content), get_slice(entry->envelope)));
}

void
fixture_check(Fixture *self)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        FixtureEntry *entry = value;

        ck_assert_msg(entry->was_given || entry->ref.segment != 0, "a message is missing");
        check_content(self, entry);
    }
}

static SpoolRef *
visit_probe(QueueId id, BaridSlice envelope, BaridSlice state, gsize content_bytes, gpointer data)
{
    Fixture *self = data;
    FixtureEntry *entry = g_hash_table_lookup(self->entries, &id);

    ck_assert_ptr_nonnull(entry);
    ck_assert(!entry->was_given);
    ck_assert(barid_slice_equal(envelope, get_slice(entry->envelope)));
    ck_assert(barid_slice_equal(state, get_slice(entry->state)));
    ck_assert_uint_eq(content_bytes, g_bytes_get_size(entry->content));
    entry->was_given = TRUE;
    self->n_given++;
    return &entry->ref;
}

guint
fixture_probe(Fixture *self)
{
    gboolean finished = FALSE;
    GHashTableIter iter;
    gpointer value;

    self->n_given = 0;
    fixture_open(self);
    while (!finished)
        ck_assert(spool_replay_step(self->spool, 1000, visit_probe, self, &finished, NULL));
    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((FixtureEntry *)value)->was_given)
            check_content(self, value);
    }
    self->damaged_bytes = spool_get_damaged_bytes(self->spool);
    fixture_close(self);
    return self->n_given;
}

void
fixture_reopen(Fixture *self)
{
    fixture_close(self);
    fixture_open(self);
    fixture_replay(self);
    ck_assert_uint_eq(self->n_given, g_hash_table_size(self->entries));
    fixture_check(self);
}

static FixtureEntry *
make_entry(Fixture *self, gsize envelope_len, gsize state_len, gsize content_len)
{
    FixtureEntry *entry = g_new0(FixtureEntry, 1);
    guint32 seed;

    (void)self;
    entry->id = queue_id_new();
    entry->ref.id = entry->id;
    seed = (guint32)entry->id;
    entry->envelope = fixture_bytes(seed, envelope_len);
    entry->state = fixture_bytes(seed + 1, state_len);
    entry->content = fixture_bytes(seed + 2, content_len);
    return entry;
}

static FixtureChange *
make_change(FixtureEntry *entry, SpoolChangeKind kind)
{
    FixtureChange *change = g_new0(FixtureChange, 1);

    change->entry = entry;
    change->change = (SpoolChange){.kind = kind, .ref = &entry->ref, .body_fd = -1};
    return change;
}

SpoolChange *
fixture_make_add(Fixture *self, gsize envelope_len, gsize state_len, gsize content_len)
{
    FixtureEntry *entry = make_entry(self, envelope_len, state_len, content_len);
    FixtureChange *made = make_change(entry, SPOOL_ADD);
    BaridSlice content = get_slice(entry->content);

    made->change.envelope = get_slice(entry->envelope);
    made->change.state = get_slice(entry->state);
    made->change.prefix = barid_slice(content.data, content.len / 4);
    made->change.body =
        barid_slice(content.data + content.len / 4, content.len - content.len / 4);
    return &made->change;
}

SpoolChange *
fixture_make_large(Fixture *self, gsize content_len)
{
    FixtureEntry *entry = make_entry(self, 40, 10, content_len);
    FixtureChange *made = make_change(entry, SPOOL_ADD);
    BaridSlice content = get_slice(entry->content);
    gsize prefix_len = content.len / 8;
    g_autoptr(GError) error = NULL;

    made->change.envelope = get_slice(entry->envelope);
    made->change.state = get_slice(entry->state);
    made->change.prefix = barid_slice(content.data, prefix_len);
    made->change.body_fd = spool_make_file(self->spool, &error);
    made->change.body_fd_bytes = content.len - prefix_len;
    if (made->change.body_fd >= 0) {
        struct iovec piece = {(guint8 *)(guintptr)content.data + prefix_len,
                              content.len - prefix_len};
        SpoolDisk *disk = self->disk == NULL ? get_quick_disk() : self->disk;

        (void)disk->pwritev(disk, made->change.body_fd, &piece, 1, 0);
    }
    return &made->change;
}

SpoolChange *
fixture_make_state(FixtureEntry *entry, gsize state_len)
{
    FixtureChange *made = make_change(entry, SPOOL_STATE);

    made->state = fixture_bytes(g_bytes_hash(entry->state) + 17, state_len);
    made->change.state = get_slice(made->state);
    return &made->change;
}

SpoolChange *
fixture_make_remove(FixtureEntry *entry)
{
    return &make_change(entry, SPOOL_REMOVE)->change;
}

static void
apply_done(Fixture *self, FixtureChange *made)
{
    FixtureEntry *entry = made->entry;

    if (made->change.kind == SPOOL_ADD) {
        g_hash_table_insert(self->entries, &entry->id, entry);
    } else if (made->change.kind == SPOOL_STATE) {
        g_bytes_unref(entry->state);
        entry->state = g_bytes_ref(made->state);
        g_clear_pointer(&entry->other_states, g_ptr_array_unref);
    } else {
        g_hash_table_remove(self->entries, &entry->id);
    }
}

/* A change that failed may hold all the same after a crash; not more than that. */
static void
apply_failed(Fixture *self, FixtureChange *made)
{
    FixtureEntry *entry = made->entry;

    if (made->change.kind == SPOOL_ADD) {
        entry->may_be_there = TRUE;
        g_hash_table_insert(self->entries, &entry->id, entry);
    } else if (made->change.kind == SPOOL_STATE) {
        if (entry->other_states == NULL)
            entry->other_states = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
        g_ptr_array_add(entry->other_states, g_bytes_ref(made->state));
    } else {
        entry->may_be_gone = TRUE;
    }
}

guint
fixture_commit(Fixture *self, SpoolChange **changes, guint n)
{
    guint n_done = 0;

    spool_commit(self->spool, changes, n);
    for (guint i = 0; i < n; i++) {
        FixtureChange *made = (FixtureChange *)(void *)changes[i];

        if (made->change.error == NULL) {
            apply_done(self, made);
            n_done++;
        } else {
            apply_failed(self, made);
        }
        g_clear_error(&made->change.error);
        if (made->change.body_fd >= 0)
            (void)close(made->change.body_fd);
        if (made->state != NULL)
            g_bytes_unref(made->state);
        g_free(made);
    }
    return n_done;
}

void
fixture_do(Fixture *self, SpoolChange *change)
{
    ck_assert_uint_eq(fixture_commit(self, &change, 1), 1);
}

FixtureEntry *
fixture_get_any(Fixture *self, guint32 chance)
{
    guint n = g_hash_table_size(self->entries);
    guint skip = n == 0 ? 0 : chance % n;
    GHashTableIter iter;
    gpointer value = NULL;

    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (skip-- == 0)
            return value;
    }
    return NULL;
}

gchar *
fixture_get_segment_path(Fixture *self)
{
    GDir *dir = g_dir_open(self->folder, 0, NULL);
    g_autofree gchar *best = NULL;
    const gchar *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (!g_str_has_suffix(name, ".seg") || g_str_has_prefix(name, "spare-"))
            continue;
        if (best == NULL || strcmp(name, best) > 0) {
            g_free(best);
            best = g_strdup(name);
        }
    }
    if (dir != NULL)
        g_dir_close(dir);
    ck_assert_ptr_nonnull(best);
    return g_build_filename(self->folder, best, NULL);
}
