/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue/spool/marks.h"
#include "queue/spool/reader.h"
#include "queue/spool/tests/fixture.h"

static const struct {
    const gchar *what;
    gsize envelope, state, content;
} add_rows[] = {
    {"ordinary", 300, 60, 4096},
    {"nothing at all", 0, 0, 0},
    {"no content", 100, 8, 0},
    {"no state", 100, 0, 500},
    {"odd sizes", 101, 7, 1003},
    {"larger than a segment", 100, 10, 100 * 1000},
    {"exactly fills", 0, 0, 4096 * 3 - 128},
};

START_TEST(test_add_and_reopen)
{
    Fixture *fixture = fixture_new(NULL);

    fixture_do(fixture, fixture_make_add(fixture, add_rows[_i].envelope, add_rows[_i].state,
                                         add_rows[_i].content));
    fixture_check(fixture);
    fixture_reopen(fixture);
    ck_assert_msg(fixture->n_given == 1, "%s", add_rows[_i].what);
    ck_assert_ptr_null(spool_get_damage_report(fixture->spool));
    fixture_reopen(fixture);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_batch)
{
    Fixture *fixture = fixture_new(NULL);
    g_autofree SpoolChange **changes = g_new(SpoolChange *, 3000);
    SpoolStats stats;

    fixture->options.segment_bytes = 4 * 1024 * 1024;
    fixture_close(fixture);
    fixture_open(fixture);
    for (guint i = 0; i < 3000; i++)
        changes[i] = fixture_make_add(fixture, 50 + i % 9, i % 5, i % 300);
    /* More pieces than one system call takes. */
    ck_assert_uint_eq(fixture_commit(fixture, changes, 3000), 3000);
    spool_get_stats(fixture->spool, &stats);
    ck_assert_uint_eq(stats.n_syncs, 1);
    ck_assert_uint_eq(stats.n_changes, 3000);
    fixture_check(fixture);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 3000);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_batch_over_segments)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolChange *changes[100];

    for (guint i = 0; i < G_N_ELEMENTS(changes); i++)
        changes[i] = fixture_make_add(fixture, 50, 5, 1500);
    ck_assert_uint_eq(fixture_commit(fixture, changes, 100), 100);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 100);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_state_and_remove)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolStats stats;

    for (guint i = 0; i < 20; i++)
        fixture_do(fixture, fixture_make_add(fixture, 100, 20, 900));
    for (guint i = 0; i < 30; i++)
        fixture_do(fixture, fixture_make_state(fixture_get_any(fixture, i * 7), i));
    fixture_reopen(fixture);
    for (guint i = 0; i < 10; i++)
        fixture_do(fixture, fixture_make_remove(fixture_get_any(fixture, i * 3)));
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 10);
    for (guint i = 0; i < 10; i++)
        fixture_do(fixture, fixture_make_remove(fixture_get_any(fixture, 0)));
    spool_get_stats(fixture->spool, &stats);
    ck_assert_uint_eq(stats.live_bytes, 0);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 0);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_changes_of_one_message_in_one_batch)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolChange *add = fixture_make_add(fixture, 10, 10, 10);
    FixtureEntry *entry = (FixtureEntry *)(void *)add->ref;
    SpoolChange *changes[] = {add, fixture_make_state(entry, 30), fixture_make_state(entry, 31)};

    ck_assert_uint_eq(fixture_commit(fixture, changes, 3), 3);
    ck_assert_uint_eq(g_bytes_get_size(entry->state), 31);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 1);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_large)
{
    Fixture *fixture = fixture_new(NULL);
    g_autoptr(SpoolContent) content = NULL;
    FixtureEntry *entry;
    BaridSlice body;
    guint sum = 0;

    fixture_do(fixture, fixture_make_large(fixture, 300 * 1000));
    fixture_do(fixture, fixture_make_large(fixture, 0));
    fixture_reopen(fixture);
    entry = fixture_get_any(fixture, 0);
    if (g_bytes_get_size(entry->content) == 0)
        entry = fixture_get_any(fixture, 1);
    content = spool_read(fixture->spool, &entry->ref, NULL);
    ck_assert_ptr_nonnull(content);
    fixture_do(fixture, fixture_make_remove(entry));
    /* The mapping outlives the message. */
    body = spool_content_get_body(content);
    for (gsize i = 0; i < body.len; i++)
        sum += body.data[i];
    ck_assert_uint_ne(sum, 0);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 1);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_lock)
{
    Fixture *fixture = fixture_new(NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(spool_open(NULL, fixture->folder, &fixture->options, &error));
    ck_assert(g_error_matches(error, SPOOL_ERROR, BARID_ERROR_BUSY));
    fixture_free(fixture);
}
END_TEST

START_TEST(test_refusals)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolRef ref = {.id = queue_id_new()};
    static const guint8 byte = 'x';
    SpoolChange too_large = {.kind = SPOOL_ADD,
                             .ref = &ref,
                             .envelope = {&byte, SPOOL_ENVELOPE_MAX + 1},
                             .body_fd = -1};
    SpoolChange unknown = {.kind = SPOOL_STATE, .ref = &ref, .body_fd = -1};
    SpoolRef good_ref = {.id = queue_id_new()};
    SpoolChange good = {.kind = SPOOL_ADD, .ref = &good_ref, .body = {&byte, 1}, .body_fd = -1};
    SpoolChange *changes[] = {&too_large, &unknown, &good};

    spool_commit(fixture->spool, changes, 3);
    ck_assert(g_error_matches(too_large.error, SPOOL_ERROR, BARID_ERROR_TOO_LARGE));
    ck_assert(g_error_matches(unknown.error, SPOOL_ERROR, BARID_ERROR_NOT_FOUND));
    ck_assert_ptr_null(good.error);
    ck_assert_uint_ne(good_ref.segment, 0);
    g_clear_error(&too_large.error);
    g_clear_error(&unknown.error);
    ck_assert_ptr_null(spool_read(fixture->spool, &ref, NULL));
    fixture_free(fixture);
}
END_TEST

START_TEST(test_reserve)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolChange *add;
    g_autoptr(GError) error = NULL;

    fixture_do(fixture, fixture_make_add(fixture, 10, 10, 10));
    fixture->options.reserve_bytes = (gsize)1 << 60;
    fixture_reopen(fixture);
    add = fixture_make_add(fixture, 10, 10, 10);
    ck_assert_uint_eq(fixture_commit(fixture, &add, 1), 0);
    ck_assert_int_eq(spool_make_file(fixture->spool, &error), -1);
    ck_assert(g_error_matches(error, SPOOL_ERROR, BARID_ERROR_NO_SPACE));
    /* What tells of mail that is here, and what frees space, goes on. */
    fixture_reopen(fixture);
    add = fixture_make_add(fixture, 10, 10, 10);
    add->takes_reserve = TRUE;
    fixture_do(fixture, add);
    fixture_do(fixture, fixture_make_state(fixture_get_any(fixture, 0), 5));
    fixture_do(fixture, fixture_make_remove(fixture_get_any(fixture, 0)));
    fixture_free(fixture);
}
END_TEST

static SpoolRef *
refuse(QueueId id, BaridSlice envelope, BaridSlice state, gsize content_bytes, gpointer data)
{
    (void)id;
    (void)envelope;
    (void)state;
    (void)content_bytes;
    ++*(guint *)data;
    return NULL;
}

/* Messages that the caller does not want stay on the disk, through compaction too. */
START_TEST(test_unwanted_stay)
{
    Fixture *fixture = fixture_new(NULL);
    gboolean finished = FALSE;
    guint n_seen = 0;

    for (guint i = 0; i < 30; i++)
        fixture_do(fixture, fixture_make_add(fixture, 10, 10, 2000));
    for (guint i = 0; i < 28; i++)
        fixture_do(fixture, fixture_make_remove(fixture_get_any(fixture, i)));
    fixture_close(fixture);
    fixture_open(fixture);
    while (!finished)
        ck_assert(spool_replay_step(fixture->spool, 5, refuse, &n_seen, &finished, NULL));
    ck_assert_uint_eq(n_seen, 2);
    while (spool_tidy(fixture->spool))
        continue;
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 2);
    fixture_free(fixture);
}
END_TEST

/* Commits go on while the replay reads older segments. */
START_TEST(test_commit_during_replay)
{
    Fixture *fixture = fixture_new(NULL);

    for (guint i = 0; i < 10; i++)
        fixture_do(fixture, fixture_make_add(fixture, 10, 10, 2000));
    fixture_close(fixture);
    fixture_open(fixture);
    fixture_do(fixture, fixture_make_add(fixture, 20, 10, 2000));
    fixture_replay(fixture);
    ck_assert_uint_eq(fixture->n_given, 10);
    fixture_check(fixture);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 11);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_tidy_reclaims)
{
    Fixture *fixture = fixture_new(NULL);
    FixtureEntry *keeper;
    SpoolStats stats;
    guint n_most = 0;

    fixture_reopen(fixture);
    fixture_do(fixture, fixture_make_add(fixture, 10, 10, 2000));
    keeper = fixture_get_any(fixture, 0);
    fixture_do(fixture, fixture_make_state(keeper, 25));
    for (guint i = 0; i < 400; i++) {
        SpoolChange *add = fixture_make_add(fixture, 10, 10, 2000);
        FixtureEntry *entry = (FixtureEntry *)(void *)add->ref;

        fixture_do(fixture, add);
        fixture_do(fixture, fixture_make_remove(entry));
        while (spool_tidy(fixture->spool))
            continue;
        spool_get_stats(fixture->spool, &stats);
        n_most = MAX(n_most, stats.n_segments + stats.n_spare);
    }
    /* One message that stays does not hold back the log. */
    ck_assert_uint_le(n_most, 12);
    fixture_check(fixture);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 1);
    fixture_free(fixture);
}
END_TEST

/* Messages that stay, in a spool that does not compact; the number of its segments then. */
static guint
add_keepers(Fixture *fixture, FixtureEntry **keepers, guint n_keepers)
{
    SpoolStats stats;

    fixture->options.compact_percent = 0;
    fixture_reopen(fixture);
    for (guint i = 0; i < n_keepers; i++) {
        SpoolChange *add = fixture_make_add(fixture, 10, 10, 2000);

        keepers[i] = (FixtureEntry *)(void *)add->ref;
        fixture_do(fixture, add);
    }
    spool_get_stats(fixture->spool, &stats);
    return stats.n_segments;
}

/* Traffic beside messages that stay, of which every sixth, from (first) on, ends now and then:
 * in a segment that leaves before the one where it began. */
static guint
run_beside_keepers(Fixture *fixture, FixtureEntry **keepers, guint first)
{
    SpoolStats stats;
    guint n_most = 0;

    for (guint i = 0; i < 300; i++) {
        SpoolChange *add = fixture_make_add(fixture, 10, 10, 2000);
        FixtureEntry *entry = (FixtureEntry *)(void *)add->ref;

        fixture_do(fixture, add);
        if (i % 30 == 29)
            fixture_do(fixture, fixture_make_remove(keepers[i / 30 * 6 + first]));
        fixture_do(fixture, fixture_make_remove(entry));
        while (spool_tidy(fixture->spool))
            continue;
        spool_get_stats(fixture->spool, &stats);
        n_most = MAX(n_most, stats.n_segments);
    }
    return n_most;
}

START_TEST(test_dead_segments_leave_early)
{
    Fixture *fixture = fixture_new(NULL);
    FixtureEntry *keepers[60];
    guint n_keeping = add_keepers(fixture, keepers, G_N_ELEMENTS(keepers));

    ck_assert_uint_le(run_beside_keepers(fixture, keepers, 0), n_keeping + 3);
    fixture_check(fixture);
    /* What guards what is known after a replay, too. */
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 50);
    ck_assert_uint_le(run_beside_keepers(fixture, keepers, 1), n_keeping + 4);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 40);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 40);
    fixture_free(fixture);
}
END_TEST

/* The same when messages that stay are tried now and then: their newest states move on. */
START_TEST(test_few_states_move_on)
{
    Fixture *fixture = fixture_new(NULL);
    FixtureEntry *keepers[20];
    guint n_keeping = add_keepers(fixture, keepers, G_N_ELEMENTS(keepers));
    SpoolStats stats;
    guint n_most = 0;

    for (guint i = 0; i < 300; i++) {
        SpoolChange *add = fixture_make_add(fixture, 10, 10, 2000);
        FixtureEntry *entry = (FixtureEntry *)(void *)add->ref;

        fixture_do(fixture, add);
        fixture_do(fixture, fixture_make_remove(entry));
        if (i % 20 == 0)
            fixture_do(fixture, fixture_make_state(keepers[i / 20], 30));
        while (spool_tidy(fixture->spool))
            continue;
        spool_get_stats(fixture->spool, &stats);
        n_most = MAX(n_most, stats.n_segments);
    }
    ck_assert_uint_le(n_most, n_keeping + 3);
    fixture_check(fixture);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, G_N_ELEMENTS(keepers));
    fixture_check(fixture);
    fixture_free(fixture);
}
END_TEST

static gboolean
append_piece(BaridSlice piece, gpointer data)
{
    g_byte_array_append(data, piece.data, (guint)piece.len);
    return TRUE;
}

/* The offline reader gives the same bytes, beside a server that has the lock. */
START_TEST(test_reader)
{
    Fixture *fixture = fixture_new(NULL);
    g_autoptr(SpoolReader) reader = NULL;
    g_autoptr(GError) error = NULL;
    SpoolReaderSummary summary;
    GHashTableIter iter;
    gpointer value;

    for (guint i = 0; i < 20; i++)
        fixture_do(fixture, fixture_make_add(fixture, 40, 10, 700 * i));
    fixture_do(fixture, fixture_make_large(fixture, 600 * 1000));
    fixture_do(fixture, fixture_make_state(fixture_get_any(fixture, 3), 20));
    fixture_do(fixture, fixture_make_remove(fixture_get_any(fixture, 8)));
    reader = spool_reader_open(fixture->folder, NULL);
    ck_assert_ptr_nonnull(reader);
    spool_reader_verify_files(reader);
    ck_assert_ptr_null(spool_reader_get_report(reader));
    spool_reader_get_summary(reader, &summary);
    ck_assert_uint_eq(summary.n_messages, 20);
    g_hash_table_iter_init(&iter, fixture->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const FixtureEntry *entry = value;
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        gsize len;
        const guint8 *content = g_bytes_get_data(entry->content, &len);

        ck_assert(spool_reader_copy_content(reader, entry->id, append_piece, bytes, NULL));
        ck_assert(barid_slice_equal(barid_slice(bytes->data, bytes->len),
                                    barid_slice(content, len)));
    }
    ck_assert(!spool_reader_copy_content(reader, 1, append_piece, NULL, &error));
    ck_assert(g_error_matches(error, SPOOL_ERROR, BARID_ERROR_NOT_FOUND));
    fixture_free(fixture);
}
END_TEST

static gchar *
get_file_path(Fixture *fixture, QueueId id)
{
    gchar text[QUEUE_ID_TEXT_LEN + 1];

    return g_strdup_printf("%s/%s.msg", fixture->folder, queue_id_format(id, text));
}

static const struct {
    const gchar *what;
    gssize keep;        /* bytes of the file that stay; -1 removes it */
    gboolean is_given;  /* by the replay, which looks at the size only */
} file_rows[] = {
    {"missing", -1, FALSE},
    {"cut", 4000, FALSE},
    {"changed", 8750, TRUE},
};

START_TEST(test_damaged_file)
{
    Fixture *fixture = fixture_new(NULL);
    g_autofree gchar *path = NULL, *bytes = NULL;
    g_autoptr(SpoolReader) reader = NULL;
    g_autoptr(GError) error = NULL;
    FixtureEntry *entry;
    gboolean finished = FALSE;
    guint n_seen = 0;
    gsize len;

    fixture_do(fixture, fixture_make_large(fixture, 10000));
    entry = fixture_get_any(fixture, 0);
    path = get_file_path(fixture, entry->id);
    ck_assert(g_file_get_contents(path, &bytes, &len, NULL));
    ck_assert_uint_eq(len, 8750);
    bytes[20] ^= 1;
    ck_assert_int_eq(g_unlink(path), 0);
    if (file_rows[_i].keep >= 0)
        ck_assert(g_file_set_contents(path, bytes, file_rows[_i].keep, NULL));
    ck_assert_ptr_null(spool_read(fixture->spool, &entry->ref, &error));
    ck_assert_msg(error->code == (file_rows[_i].keep < 0 ? BARID_ERROR_NOT_FOUND
                                                         : BARID_ERROR_INVALID),
                  "%s", error->message);
    reader = spool_reader_open(fixture->folder, NULL);
    spool_reader_verify_files(reader);
    ck_assert_ptr_nonnull(spool_reader_get_report(reader));
    fixture_close(fixture);
    fixture_open(fixture);
    while (!finished)
        ck_assert(spool_replay_step(fixture->spool, 5, refuse, &n_seen, &finished, NULL));
    ck_assert_msg(n_seen == (file_rows[_i].is_given ? 1 : 0), "%s", file_rows[_i].what);
    ck_assert_int_eq(spool_get_damage_report(fixture->spool) != NULL, n_seen == 0);
    fixture_free(fixture);
}
END_TEST

/* A file without a message is what a crash leaves, and goes. */
START_TEST(test_left_over_file)
{
    Fixture *fixture = fixture_new(NULL);
    g_autofree gchar *path = get_file_path(fixture, 77);

    ck_assert(g_file_set_contents(path, "x", 1, NULL));
    fixture_do(fixture, fixture_make_large(fixture, 10000));
    fixture_reopen(fixture);
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
    ck_assert_ptr_null(spool_get_damage_report(fixture->spool));
    fixture_free(fixture);
}
END_TEST

/* Damage met while the oldest segment is emptied: the message is set aside and reported,
 * its neighbours move on, and the log can be shortened. */
START_TEST(test_damage_in_compaction)
{
    Fixture *fixture = fixture_new(NULL);
    g_autofree gchar *path = NULL, *bytes = NULL;
    FixtureEntry *lost;
    g_autoptr(GError) error = NULL;
    SpoolStats stats;
    gsize len;

    fixture->options.compact_percent = 90;
    fixture_reopen(fixture);
    fixture_do(fixture, fixture_make_add(fixture, 10, 10, 500));
    lost = fixture_get_any(fixture, 0);
    path = fixture_get_segment_path(fixture);
    fixture_do(fixture, fixture_make_add(fixture, 10, 10, 500));
    fixture_do(fixture, fixture_make_add(fixture, 10, 10, 500));
    fixture_do(fixture, fixture_make_add(fixture, 10, 10, 500));
    ck_assert(g_file_get_contents(path, &bytes, &len, NULL));
    bytes[200] ^= 1;
    {
        FILE *file = fopen(path, "r+");

        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(bytes, 1, 300, file), 300);
        ck_assert_int_eq(fclose(file), 0);
    }
    while (spool_tidy(fixture->spool))
        continue;
    spool_get_stats(fixture->spool, &stats);
    ck_assert_uint_eq(stats.n_segments, 1);
    ck_assert_ptr_nonnull(spool_get_damage_report(fixture->spool));
    ck_assert_ptr_null(spool_read(fixture->spool, &lost->ref, &error));
    ck_assert(g_error_matches(error, SPOOL_ERROR, BARID_ERROR_NOT_FOUND));
    g_hash_table_remove(fixture->entries, &lost->id);
    fixture_check(fixture);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 3);
    fixture_free(fixture);
}
END_TEST

static gpointer
read_content(gpointer data)
{
    SpoolContent *content = data;
    BaridSlice body = spool_content_get_body(content);
    guint sum = 0;

    for (gsize i = 0; i < body.len; i++)
        sum = sum * 31 + body.data[i];
    spool_content_unref(content);
    return GUINT_TO_POINTER(sum);
}

/* Content is the same for a reader on another thread, whatever becomes of the segment. */
START_TEST(test_content_outlives_segment)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolContent *content;
    GThread *thread;
    FixtureEntry *entry;
    gpointer first;

    fixture_reopen(fixture);
    fixture_do(fixture, fixture_make_add(fixture, 10, 10, 3000));
    entry = fixture_get_any(fixture, 0);
    content = spool_read(fixture->spool, &entry->ref, NULL);
    ck_assert_ptr_nonnull(content);
    first = read_content(spool_content_ref(content));
    fixture_do(fixture, fixture_make_remove(entry));
    thread = g_thread_new("reader", read_content, content);
    for (guint i = 0; i < 30; i++) {
        fixture_do(fixture, fixture_make_add(fixture, 10, 10, 3000));
        fixture_do(fixture, fixture_make_remove(fixture_get_any(fixture, 0)));
        (void)spool_tidy(fixture->spool);
    }
    ck_assert_ptr_eq(g_thread_join(thread), first);
    fixture_free(fixture);
}
END_TEST

/* --- marks --- */

/* The file of marks under a second name: it is left when the spool is closed, as it is by a
 * process that was killed. */
static void
keep_marks(const gchar *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autofree gchar *kept = g_build_filename(folder, "kept.marks", NULL);
    const gchar *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree gchar *path = g_build_filename(folder, name, NULL);

        if (g_str_has_suffix(name, ".marks")) {
            ck_assert_int_eq(link(path, kept), 0);
            return;
        }
    }
    ck_abort_msg("there is no file of marks");
}

static void
collect_mark(QueueId id, BaridSlice data, gpointer out)
{
    g_string_append_printf(out, "%u %.*s, ", (guint)id, (int)data.len, (const gchar *)data.data);
}

static gchar *
list_marks(const Fixture *fixture)
{
    GString *out = g_string_new(NULL);

    spool_marks_visit(fixture->spool, collect_mark, out);
    return g_string_free(out, FALSE);
}

START_TEST(test_marks)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolMark *marks[100];
    g_autofree gchar *left = NULL, *forgotten = NULL;
    SpoolMark *again;

    for (guint i = 0; i < G_N_ELEMENTS(marks); i++)
        marks[i] = spool_mark_new(fixture->spool);
    spool_mark_write(marks[0], 1, BARID_SLICE_LITERAL("replaced"));
    spool_mark_write(marks[0], 2, BARID_SLICE_LITERAL("first"));
    spool_mark_write(marks[99], 3, BARID_SLICE_LITERAL("last"));
    spool_mark_write(NULL, 4, BARID_SLICE_LITERAL("nowhere"));
    /* A slot that was given back is used again; its mark stands until then. */
    spool_mark_free(marks[99]);
    spool_mark_free(marks[0]);
    again = spool_mark_new(fixture->spool);
    spool_mark_write(again, 5, BARID_SLICE_LITERAL(""));
    keep_marks(fixture->folder);
    fixture_close(fixture);
    /* A next hop may take longer than the folder is ours. */
    spool_mark_write(again, 6, BARID_SLICE_LITERAL("late"));
    spool_mark_free(again);
    for (guint i = 1; i < 99; i++)
        spool_mark_free(marks[i]);
    fixture_open(fixture);
    left = list_marks(fixture);
    ck_assert_str_eq(left, "6 late, 3 last, ");
    spool_marks_forget(fixture->spool);
    fixture_reopen(fixture);
    forgotten = list_marks(fixture);
    ck_assert_str_eq(forgotten, "");
    fixture_free(fixture);
}
END_TEST

static const struct {
    const gchar *what;
    gsize at;
    guint8 byte;
} mark_rows[] = {
    {"its checksum", 0, 0xff},
    {"a length beyond all bounds", 6, 0xff},
    {"a length within bounds", 4, 3},
    {"its id", 9, 0xff},
    {"its data", 17, 0xff},
};

START_TEST(test_damaged_mark)
{
    Fixture *fixture = fixture_new(NULL);
    g_autofree gchar *path = g_build_filename(fixture->folder, "kept.marks", NULL);
    g_autofree gchar *left = NULL;
    SpoolMark *mark = spool_mark_new(fixture->spool);
    FILE *file;

    spool_mark_write(mark, 1, BARID_SLICE_LITERAL("data"));
    spool_mark_free(mark);
    keep_marks(fixture->folder);
    file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, (long)mark_rows[_i].at, SEEK_SET), 0);
    ck_assert_int_eq(fputc(mark_rows[_i].byte, file), mark_rows[_i].byte);
    ck_assert_int_eq(fclose(file), 0);
    fixture_reopen(fixture);
    left = list_marks(fixture);
    ck_assert_msg(*left == '\0', "%s: %s", mark_rows[_i].what, left);
    spool_marks_forget(fixture->spool);
    fixture_free(fixture);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("spool");
    TCase *tcase = tcase_create("spool");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_add_and_reopen, 0, G_N_ELEMENTS(add_rows));
    tcase_add_test(tcase, test_batch);
    tcase_add_test(tcase, test_batch_over_segments);
    tcase_add_test(tcase, test_state_and_remove);
    tcase_add_test(tcase, test_changes_of_one_message_in_one_batch);
    tcase_add_test(tcase, test_large);
    tcase_add_test(tcase, test_lock);
    tcase_add_test(tcase, test_refusals);
    tcase_add_test(tcase, test_reserve);
    tcase_add_test(tcase, test_unwanted_stay);
    tcase_add_test(tcase, test_commit_during_replay);
    tcase_add_test(tcase, test_tidy_reclaims);
    tcase_add_test(tcase, test_dead_segments_leave_early);
    tcase_add_test(tcase, test_few_states_move_on);
    tcase_add_test(tcase, test_reader);
    tcase_add_loop_test(tcase, test_damaged_file, 0, G_N_ELEMENTS(file_rows));
    tcase_add_test(tcase, test_left_over_file);
    tcase_add_test(tcase, test_damage_in_compaction);
    tcase_add_test(tcase, test_content_outlives_segment);
    tcase_add_test(tcase, test_marks);
    tcase_add_loop_test(tcase, test_damaged_mark, 0, G_N_ELEMENTS(mark_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
