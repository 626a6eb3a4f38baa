/* SPDX-License-Identifier: Apache-2.0 */
/* The spool against a hash table: thousands of random changes on tiny segments. The
 * invariant under test is that of spool-core.h: nothing removed comes back, nothing that
 * lives is lost, whatever was reclaimed, compacted and recycled between. */
#include <check.h>
#include <stdlib.h>

#include "base/chance.h"
#include "queue/spool/reader.h"
#include "queue/spool/tests/fixture.h"

#define MODEL_STEPS 4000
#define MODEL_CHANGES 8

static const struct {
    const gchar *what;
    guint add_percent, remove_percent, tidy_percent, spares, compact;
} model_rows[] = {
    {"balanced", 30, 28, 20, 2, 25},     {"short queue", 25, 50, 30, 1, 25},
    {"no spares", 30, 30, 40, 0, 50},    {"seldom tidied", 25, 25, 2, 2, 25},
    {"eager compaction", 30, 30, 40, 3, 90}, {"states mostly", 10, 9, 30, 2, 25},
    {"never copied", 30, 29, 40, 2, 0},
};

/* A message takes part in a batch once, so that its entry is there when it is applied. */
static FixtureEntry *
pick(Fixture *fixture, SpoolChange **changes, guint n)
{
    FixtureEntry *entry = fixture_get_any(fixture, chance_below(1u << 30));

    for (guint i = 0; i < n && entry != NULL; i++) {
        if (changes[i]->ref == &entry->ref)
            return NULL;
    }
    return entry;
}

static SpoolChange *
make_change(Fixture *fixture, guint row, SpoolChange **changes, guint n)
{
    guint chance = chance_below(100);
    FixtureEntry *entry;

    if (chance < model_rows[row].add_percent)
        return chance_below(20) == 0
                   ? fixture_make_large(fixture, chance_below(8000))
                   : fixture_make_add(fixture, chance_below(80), chance_below(20),
                                      chance_below(3000));
    entry = pick(fixture, changes, n);
    if (entry == NULL)
        return NULL;
    if (chance < model_rows[row].add_percent + model_rows[row].remove_percent)
        return fixture_make_remove(entry);
    return fixture_make_state(entry, chance_below(60));
}

static void
commit_some(Fixture *fixture, guint row)
{
    SpoolChange *changes[MODEL_CHANGES];
    guint n_wanted = 1 + chance_below(MODEL_CHANGES);
    guint n = 0;

    for (guint i = 0; i < n_wanted; i++) {
        SpoolChange *change = make_change(fixture, row, changes, n);

        if (change != NULL)
            changes[n++] = change;
    }
    ck_assert_uint_eq(fixture_commit(fixture, changes, n), n);
}

static gboolean
count_message(const SpoolReaderMessage *message, gpointer data)
{
    Fixture *fixture = data;
    FixtureEntry *entry = g_hash_table_lookup(fixture->entries, &message->id);
    gsize len;
    const guint8 *state;

    ck_assert_ptr_nonnull(entry);
    state = g_bytes_get_data(entry->state, &len);
    ck_assert(barid_slice_equal(message->state, barid_slice(state, len)));
    ck_assert_uint_eq(message->content_bytes, g_bytes_get_size(entry->content));
    return TRUE;
}

/* The offline reader judges the log in another order, and must agree. */
static void
check_reader(Fixture *fixture)
{
    g_autoptr(SpoolReader) reader = spool_reader_open(fixture->folder, NULL);
    SpoolReaderSummary summary;

    ck_assert_ptr_nonnull(reader);
    spool_reader_get_summary(reader, &summary);
    ck_assert_uint_eq(summary.n_messages, g_hash_table_size(fixture->entries));
    ck_assert_uint_eq(summary.n_damages, 0);
    ck_assert(spool_reader_visit(reader, count_message, fixture, NULL));
}

START_TEST(test_model)
{
    Fixture *fixture = fixture_new(NULL);
    guint n_reopened = 0;

    chance_set_seed((guint64)_i + 1);
    fixture->options.spare_segments = model_rows[(gsize)_i % G_N_ELEMENTS(model_rows)].spares;
    fixture->options.compact_percent = model_rows[(gsize)_i % G_N_ELEMENTS(model_rows)].compact;
    fixture_reopen(fixture);
    for (guint i = 0; i < MODEL_STEPS; i++) {
        guint chance = chance_below(1000);

        if (chance < 4) {
            check_reader(fixture);
            fixture_reopen(fixture);
            ck_assert_ptr_null(spool_get_damage_report(fixture->spool));
            n_reopened++;
        } else if (chance < 10 * model_rows[(gsize)_i % G_N_ELEMENTS(model_rows)].tidy_percent) {
            (void)spool_tidy(fixture->spool);
        } else {
            commit_some(fixture, (guint)((gsize)_i % G_N_ELEMENTS(model_rows)));
        }
    }
    ck_assert_uint_gt(n_reopened, 2);
    fixture_check(fixture);
    fixture_reopen(fixture);
    fixture_free(fixture);
    chance_unset_seed();
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("spool-model");
    TCase *tcase = tcase_create("model");

    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, test_model, 0, 2 * G_N_ELEMENTS(model_rows));
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
