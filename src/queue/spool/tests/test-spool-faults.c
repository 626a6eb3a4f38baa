/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/spool/reader.h"
#include "queue/spool/tests/faulty-disk.h"
#include "queue/spool/tests/fixture.h"

/* The bytes of the youngest segment, and where they are. */
typedef struct {
    gchar *path;
    gchar *bytes;
    gsize len;
} Image;

static Image
take_image(Fixture *fixture)
{
    Image image = {.path = fixture_get_segment_path(fixture)};

    ck_assert(g_file_get_contents(image.path, &image.bytes, &image.len, NULL));
    return image;
}

static void
put_image(const Image *image, gsize len)
{
    (void)g_unlink(image->path);
    ck_assert(g_file_set_contents_full(image->path, image->bytes, (gssize)len,
                                       G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static void
clear_image(Image *image)
{
    g_free(image->path);
    g_free(image->bytes);
}

static void
expect_reader(Fixture *fixture, guint n_messages, gboolean is_damaged)
{
    g_autoptr(SpoolReader) reader = spool_reader_open(fixture->folder, NULL);
    SpoolReaderSummary summary;

    ck_assert_ptr_nonnull(reader);
    spool_reader_get_summary(reader, &summary);
    ck_assert_uint_eq(summary.n_messages, n_messages);
    ck_assert_int_eq(summary.n_damages > 0, is_damaged);
}

/* Three batches on pages 0, 1, 2; the third is cut off at each of its bytes. */
START_TEST(test_torn_tail)
{
    Fixture *fixture = fixture_new(NULL);
    gsize whole = 2 * 4096 + 64 + 30 + 8 + 500;
    Image image;

    for (guint i = 0; i < 3; i++)
        fixture_do(fixture, fixture_make_add(fixture, 30, 8, 500));
    image = take_image(fixture);
    fixture_close(fixture);
    for (gsize cut = 2 * 4096; cut < whole + 40; cut++) {
        put_image(&image, cut);
        ck_assert_uint_eq(fixture_probe(fixture), cut >= whole ? 3 : 2);
        ck_assert_uint_eq(fixture->damaged_bytes, 0);
        expect_reader(fixture, fixture->n_given, FALSE);
    }
    clear_image(&image);
    fixture_free(fixture);
}
END_TEST

/* The same, when what was not written are old bytes of the file. */
START_TEST(test_torn_tail_over_old_bytes)
{
    Fixture *fixture = fixture_new(NULL);
    gsize whole = 2 * 4096 + 64 + 30 + 8 + 500;
    Image image;

    for (guint i = 0; i < 3; i++)
        fixture_do(fixture, fixture_make_add(fixture, 30, 8, 500));
    image = take_image(fixture);
    fixture_close(fixture);
    for (gsize cut = whole; cut-- > 2 * 4096;) {
        image.bytes[cut] = (gchar)~image.bytes[cut];
        put_image(&image, image.len);
        ck_assert_uint_eq(fixture_probe(fixture), 2);
        ck_assert_uint_eq(fixture->damaged_bytes, 0);
    }
    clear_image(&image);
    fixture_free(fixture);
}
END_TEST

/* Five records in one page, and the seal. Row (_i) is the bit that is flipped. */
START_TEST(test_bit_flips)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolChange *changes[4];
    gsize used = 64 + 4 * 248;
    Image image;

    for (guint i = 0; i < 4; i++)
        changes[i] = fixture_make_add(fixture, 20, 10, 150);
    ck_assert_uint_eq(fixture_commit(fixture, changes, 4), 4);
    fixture_close(fixture);
    image = take_image(fixture);
    for (gsize at = 0; at < 4096 + 64; at++) {
        guint expected = at >= 64 && at < used && (at - 64) % 248 < 244 ? 3 : 4;

        image.bytes[at] ^= (gchar)(1 << _i);
        put_image(&image, image.len);
        image.bytes[at] ^= (gchar)(1 << _i);
        ck_assert_msg(fixture_probe(fixture) == expected, "byte %" G_GSIZE_FORMAT, at);
        ck_assert_msg((fixture->damaged_bytes > 0) == (expected == 3 || at < 64),
                      "byte %" G_GSIZE_FORMAT, at);
    }
    clear_image(&image);
    fixture_free(fixture);
}
END_TEST

START_TEST(test_set_aside)
{
    Fixture *fixture = fixture_new(NULL);
    g_autofree gchar *aside = g_build_filename(fixture->folder, "damaged", NULL);
    g_autofree gchar *aside_file = NULL, *bytes = NULL;
    gsize len = 0;
    Image image;

    for (guint i = 0; i < 3; i++)
        fixture_do(fixture, fixture_make_add(fixture, 20, 10, 150));
    fixture_close(fixture);
    image = take_image(fixture);
    image.bytes[4096 + 100] ^= 1;
    put_image(&image, image.len);
    ck_assert_uint_eq(fixture_probe(fixture), 2);
    /* Up to the next valid record, once, however often the spool is opened. */
    ck_assert_uint_eq(fixture->damaged_bytes, 4096);
    ck_assert_uint_eq(fixture_probe(fixture), 2);
    aside_file = g_build_filename(aside, "00000001-00001000.bin", NULL);
    ck_assert(g_file_get_contents(aside_file, &bytes, &len, NULL));
    ck_assert_uint_eq(len, 4096);
    ck_assert(memcmp(bytes, image.bytes + 4096, len) == 0);
    expect_reader(fixture, 2, TRUE);
    fixture_free(fixture);
    clear_image(&image);
}
END_TEST

static gboolean
commit_one(Fixture *fixture, SpoolChange *change)
{
    return fixture_commit(fixture, &change, 1) == 1;
}

static FixtureEntry *
get_stored(Fixture *fixture, GRand *rand)
{
    FixtureEntry *entry = fixture_get_any(fixture, g_rand_int(rand));

    return entry == NULL || entry->ref.segment == 0 ? NULL : entry;
}

/* One random step of a server's life; what fails is noted in the model. */
static void
step(Fixture *fixture, GRand *rand)
{
    FixtureEntry *entry = get_stored(fixture, rand);
    SpoolChange *changes[6];
    guint n = 0;

    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
    case 1:
        for (n = 0; n < 1 + (guint)g_rand_int_range(rand, 0, 5); n++)
            changes[n] = fixture_make_add(fixture, 30, 8,
                                          (gsize)g_rand_int_range(rand, 0, 2500));
        break;
    case 2:
        changes[n++] = fixture_make_large(fixture, (gsize)g_rand_int_range(rand, 0, 9000));
        break;
    case 3:
    case 4:
        if (entry != NULL)
            changes[n++] = fixture_make_state(entry, (gsize)g_rand_int_range(rand, 0, 50));
        break;
    case 5:
    case 6:
        if (entry != NULL)
            changes[n++] = fixture_make_remove(entry);
        break;
    default:
        (void)spool_tidy(fixture->spool);
        break;
    }
    if (n > 0)
        (void)fixture_commit(fixture, changes, n);
}

/* Loses power after each operation in turn: everything acknowledged is there, byte for
 * byte, and nothing that was removed. */
START_TEST(test_power_loss)
{
    gboolean has_stopped = TRUE;

    for (gint stop = 0; has_stopped && stop < 600; stop++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)(_i * 1000 + stop % 3));
        Fixture *fixture = fixture_new(NULL);
        FaultyDisk *faulty;

        fixture->options.spare_segments = 1;
        fixture_close(fixture);
        faulty = faulty_disk_new(fixture->folder);
        fixture->disk = faulty_disk_get_disk(faulty);
        fixture_open(fixture);
        fixture_replay(fixture);
        faulty_disk_stop_after(faulty, stop);
        for (guint i = 0; i < 60; i++)
            step(fixture, rand);
        has_stopped = faulty_disk_has_stopped(faulty);
        fixture_close(fixture);
        faulty_disk_lose_power(faulty, rand);
        fixture->disk = NULL;
        fixture_open(fixture);
        fixture_replay(fixture);
        fixture_check(fixture);
        ck_assert_uint_eq(fixture->n_given, g_hash_table_size(fixture->entries));
        /* And it goes on from there. */
        fixture_do(fixture, fixture_make_add(fixture, 10, 10, 100));
        fixture_reopen(fixture);
        fixture_free(fixture);
        faulty_disk_free(faulty);
    }
    ck_assert(!has_stopped);
}
END_TEST

static const struct {
    const gchar *what;
    void (*arm)(FaultyDisk *disk, gint after);
} fault_rows[] = {
    {"flush", faulty_disk_fail_sync},
    {"flush of the folder", faulty_disk_fail_folder_sync},
};

/* One flush fails: what was reported as failed is not there afterwards, without any crash. */
START_TEST(test_failed_sync)
{
    for (gint after = 0; after < 40; after++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)after);
        Fixture *fixture = fixture_new(NULL);
        FaultyDisk *faulty = faulty_disk_new(fixture->folder);
        GHashTableIter iter;
        gpointer value;

        fixture_close(fixture);
        fixture->disk = faulty_disk_get_disk(faulty);
        fixture_open(fixture);
        fixture_replay(fixture);
        fault_rows[_i].arm(faulty, after);
        for (guint i = 0; i < 60; i++)
            step(fixture, rand);
        g_hash_table_iter_init(&iter, fixture->entries);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            FixtureEntry *entry = value;

            if (entry->may_be_there && entry->ref.segment == 0) {
                g_hash_table_iter_remove(&iter);
                continue;
            }
            entry->may_be_there = entry->may_be_gone = FALSE;
            g_clear_pointer(&entry->other_states, g_ptr_array_unref);
        }
        fixture_reopen(fixture);
        fixture_free(fixture);
        faulty_disk_free(faulty);
    }
}
END_TEST

START_TEST(test_failed_write)
{
    for (gint after = 0; after < 12; after++) {
        Fixture *fixture = fixture_new(NULL);
        FaultyDisk *faulty = faulty_disk_new(fixture->folder);
        guint n_done = 0;

        fixture_close(fixture);
        fixture->disk = faulty_disk_get_disk(faulty);
        fixture_open(fixture);
        fixture_replay(fixture);
        faulty_disk_fail_write(faulty, after, (gsize)_i);
        for (guint i = 0; i < 12; i++)
            n_done += commit_one(fixture, fixture_make_add(fixture, 30, 8, 1500)) ? 1 : 0;
        ck_assert_uint_ge(n_done, 11);
        fixture_close(fixture);
        fixture_open(fixture);
        fixture_replay(fixture);
        ck_assert_uint_eq(fixture->n_given, n_done);
        fixture_check(fixture);
        fixture_free(fixture);
        faulty_disk_free(faulty);
    }
}
END_TEST

START_TEST(test_short_writes)
{
    static const gsize lengths[] = {1, 7, 64, 100, 511, 4096, 5000};
    Fixture *fixture = fixture_new(NULL);
    FaultyDisk *faulty = faulty_disk_new(fixture->folder);
    SpoolChange *changes[5];

    fixture_close(fixture);
    fixture->disk = faulty_disk_get_disk(faulty);
    fixture_open(fixture);
    fixture_replay(fixture);
    faulty_disk_shorten_writes(faulty, lengths[_i]);
    for (guint i = 0; i < 5; i++)
        changes[i] = fixture_make_add(fixture, 30 + i, 8, 500 * i);
    ck_assert_uint_eq(fixture_commit(fixture, changes, 5), 5);
    fixture_reopen(fixture);
    ck_assert_uint_eq(fixture->n_given, 5);
    fixture_free(fixture);
    faulty_disk_free(faulty);
}
END_TEST

START_TEST(test_disk_full)
{
    Fixture *fixture = fixture_new(NULL);
    FaultyDisk *faulty = faulty_disk_new(fixture->folder);
    guint n_done = 0;
    SpoolChange *add;

    fixture_close(fixture);
    fixture->disk = faulty_disk_get_disk(faulty);
    fixture_open(fixture);
    fixture_replay(fixture);
    faulty_disk_limit_space(faulty, _i * 7000);
    for (guint i = 0; i < 40; i++)
        n_done += commit_one(fixture, fixture_make_add(fixture, 30, 8, 1500)) ? 1 : 0;
    ck_assert_uint_lt(n_done, 40);
    add = fixture_make_add(fixture, 30, 8, 1500);
    spool_commit(fixture->spool, &add, 1);
    ck_assert(g_error_matches(add->error, SPOOL_ERROR, BARID_ERROR_NO_SPACE));
    ck_assert(barid_error_is_temporary(add->error));
    g_clear_error(&add->error);
    /* Space comes back. */
    faulty_disk_limit_space(faulty, -1);
    fixture_do(fixture, add);
    fixture_close(fixture);
    fixture_open(fixture);
    fixture_replay(fixture);
    ck_assert_uint_eq(fixture->n_given, n_done + 1);
    fixture_check(fixture);
    fixture_free(fixture);
    faulty_disk_free(faulty);
}
END_TEST

/* With the active segment full and no room for another, messages are refused, and those that
 * are there can still be removed; that makes room. */
/* The add that found no room is in the model, too. */
static FixtureEntry *
get_added(Fixture *fixture)
{
    guint n = 0;

    while (fixture_get_any(fixture, n)->ref.segment == 0)
        n++;
    return fixture_get_any(fixture, n);
}

START_TEST(test_full_disk_can_be_emptied)
{
    Fixture *fixture = fixture_new(NULL);
    FaultyDisk *faulty = faulty_disk_new(fixture->folder);
    guint n_left;

    fixture_close(fixture);
    fixture->disk = faulty_disk_get_disk(faulty);
    fixture->options.segment_bytes = 256 * 1024;
    fixture_open(fixture);
    fixture_replay(fixture);
    /* Two segments, and half of one. */
    faulty_disk_limit_space(faulty, 5 * 128 * 1024);
    while (commit_one(fixture, fixture_make_add(fixture, 30, 8, 700)))
        ;
    n_left = g_hash_table_size(fixture->entries);
    ck_assert_uint_gt(n_left, 10);
    for (guint i = 0; i < 8; i++) {
        ck_assert(commit_one(fixture, fixture_make_state(get_added(fixture), 900)));
        ck_assert(commit_one(fixture, fixture_make_remove(get_added(fixture))));
    }
    fixture_reopen(fixture);
    fixture_free(fixture);
    faulty_disk_free(faulty);
}
END_TEST

/* A page that cannot be read costs what is on it, not its neighbours. */
START_TEST(test_unreadable)
{
    Fixture *fixture = fixture_new(NULL);
    FaultyDisk *faulty = faulty_disk_new(fixture->folder);

    for (guint i = 0; i < 3; i++)
        fixture_do(fixture, fixture_make_add(fixture, 30, 8, 1500));
    fixture_close(fixture);
    fixture->disk = faulty_disk_get_disk(faulty);
    faulty_disk_fail_read(faulty, 0);
    /* The whole fails, the pages do not. */
    ck_assert_uint_eq(fixture_probe(fixture), 3);
    ck_assert_uint_eq(fixture->damaged_bytes, 0);
    fixture_free(fixture);
    faulty_disk_free(faulty);
}
END_TEST

/* A recycled file is full of records of its former life; none of them comes back. */
START_TEST(test_recycled)
{
    Fixture *fixture = fixture_new(NULL);
    SpoolStats before, after;
    Image image;

    fixture->options.spare_segments = 4;
    fixture_reopen(fixture);
    for (guint i = 0; i < 12; i++)
        fixture_do(fixture, fixture_make_add(fixture, 30, 8, 300));
    for (guint i = 0; i < 12; i++)
        fixture_do(fixture, fixture_make_remove(fixture_get_any(fixture, 0)));
    while (spool_tidy(fixture->spool))
        continue;
    spool_get_stats(fixture->spool, &before);
    ck_assert_uint_eq(before.n_spare, 4);
    fixture_do(fixture, fixture_make_add(fixture, 30, 8, 6000));
    fixture_do(fixture, fixture_make_add(fixture, 30, 8, 100));
    spool_get_stats(fixture->spool, &after);
    ck_assert_uint_lt(after.n_spare, before.n_spare);
    /* As a crash leaves it: without the seal. */
    image = take_image(fixture);
    fixture_close(fixture);
    put_image(&image, image.len);
    ck_assert_uint_eq(fixture_probe(fixture), 2);
    ck_assert_uint_eq(fixture->damaged_bytes, 0);
    clear_image(&image);
    fixture_free(fixture);
}
END_TEST

#define KILL_CONTENT 3000

/* Adds messages and tells each one that is done, until it is killed. */
G_GNUC_NORETURN static void
live_until_killed(const gchar *folder, int tell_fd)
{
    SpoolOptions options;
    g_autofree guint8 *content = g_malloc0(KILL_CONTENT);
    Spool *spool;

    spool_options_set_defaults(&options);
    options.segment_bytes = 64 * 1024;
    options.reserve_bytes = 0;
    spool = spool_open(NULL, folder, &options, NULL);
    for (;;) {
        /* Never ended: the process dies with it. */
        SpoolRef *ref = g_new0(SpoolRef, 1);
        SpoolChange add = {.kind = SPOOL_ADD, .ref = ref, .body_fd = -1};
        SpoolChange *changes[] = {&add};

        ref->id = queue_id_new();
        add.envelope = barid_slice(&ref->id, sizeof ref->id);
        add.body = barid_slice(content, ref->id % KILL_CONTENT);
        spool_commit(spool, changes, 1);
        if (add.error != NULL || write(tell_fd, &ref->id, sizeof ref->id) < 0)
            _exit(1);
    }
}

static SpoolRef *
visit_survivor(QueueId id, BaridSlice envelope, BaridSlice state, gsize content_bytes,
               gpointer data)
{
    ck_assert(barid_slice_equal(envelope, barid_slice(&id, sizeof id)));
    ck_assert_uint_eq(state.len, 0);
    ck_assert_uint_eq(content_bytes, id % KILL_CONTENT);
    g_hash_table_add(data, g_memdup2(&id, sizeof id));
    return NULL;
}

/* What a process has told to be done is there after kill -9, at whatever moment. */
START_TEST(test_kill)
{
    Fixture *fixture = fixture_new(NULL);
    g_autoptr(GHashTable) found = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(QueueId));
    gboolean finished = FALSE;
    int ends[2];
    QueueId id;
    pid_t child;

    fixture_close(fixture);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0)
        live_until_killed(fixture->folder, ends[1]);
    (void)close(ends[1]);
    while (read(ends[0], &id, sizeof id) == (gssize)sizeof id) {
        g_array_append_val(told, id);
        if (told->len == 20 + 7 * (guint)_i)
            ck_assert_int_eq(kill(child, SIGKILL), 0);
    }
    (void)close(ends[0]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_uint_ge(told->len, 20);
    fixture_open(fixture);
    while (!finished)
        ck_assert(spool_replay_step(fixture->spool, 100, visit_survivor, found, &finished, NULL));
    for (guint i = 0; i < told->len; i++)
        ck_assert(g_hash_table_contains(found, &g_array_index(told, QueueId, i)));
    ck_assert_uint_le(g_hash_table_size(found), told->len + 1);
    ck_assert_ptr_null(spool_get_damage_report(fixture->spool));
    fixture_free(fixture);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("spool-faults");
    TCase *tcase = tcase_create("faults");

    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, test_torn_tail);
    tcase_add_test(tcase, test_torn_tail_over_old_bytes);
    tcase_add_loop_test(tcase, test_bit_flips, 0, 8);
    tcase_add_test(tcase, test_set_aside);
    tcase_add_loop_test(tcase, test_power_loss, 0, 4);
    tcase_add_loop_test(tcase, test_failed_sync, 0, G_N_ELEMENTS(fault_rows));
    tcase_add_loop_test(tcase, test_failed_write, 0, 3);
    tcase_add_loop_test(tcase, test_short_writes, 0, 7);
    tcase_add_loop_test(tcase, test_disk_full, 0, 8);
    tcase_add_test(tcase, test_full_disk_can_be_emptied);
    tcase_add_test(tcase, test_unreadable);
    tcase_add_test(tcase, test_recycled);
    tcase_add_loop_test(tcase, test_kill, 0, 10);
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
