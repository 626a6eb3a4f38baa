/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tests/store-suite.h"

#include "base/clock.h"

static BaridStore *(*suite_make)(void);
static void (*suite_drop)(BaridStore *store);

static gint64 suite_now_ms;

static gint64
suite_clock(gpointer data G_GNUC_UNUSED)
{
    return suite_now_ms * 1000;
}

static BaridStore *
suite_open(void)
{
    static const ClockSource source = {suite_clock, suite_clock, NULL};
    BaridStore *store;

    suite_now_ms = 1000000;
    clock_set_source(&source);
    store = suite_make();
    ck_assert_ptr_nonnull(store);
    return store;
}

static void
suite_close(BaridStore *store)
{
    suite_drop(store);
    clock_set_source(NULL);
}

/* NULL when there is none. */
static gchar *
suite_get(BaridStore *store, const gchar *key)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) value = NULL;
    gsize len;
    const gchar *data;

    ck_assert_msg(barid_store_get(store, barid_slice_from_text(key), &value, &error), "%s",
                  error == NULL ? "" : error->message);
    if (value == NULL)
        return NULL;
    data = g_bytes_get_data(value, &len);
    return g_strndup(data == NULL ? "" : data, len);
}

static void
suite_expect(BaridStore *store, const gchar *key, const gchar *expected)
{
    g_autofree gchar *got = suite_get(store, key);

    ck_assert_msg(g_strcmp0(got, expected) == 0, "%s: \"%s\", not \"%s\"", key, got, expected);
}

static void
suite_set(BaridStore *store, const gchar *key, const gchar *value, gint64 lifetime_ms)
{
    ck_assert(barid_store_set(store, barid_slice_from_text(key), barid_slice_from_text(value),
                              lifetime_ms, NULL));
}

static gint64
suite_touch(BaridStore *store, const gchar *key, gint64 lifetime_ms)
{
    gint64 age_ms = -1;

    ck_assert(barid_store_touch(store, barid_slice_from_text(key), lifetime_ms, &age_ms, NULL));
    return age_ms;
}

static gint64
suite_add(BaridStore *store, const gchar *key, gint64 delta, gint64 lifetime_ms)
{
    gint64 value = -1;

    ck_assert(barid_store_add(store, barid_slice_from_text(key), delta, lifetime_ms, &value, NULL));
    return value;
}

START_TEST(test_set_and_get)
{
    BaridStore *store = suite_open();

    suite_expect(store, "a", NULL);
    suite_set(store, "a", "1", 0);
    suite_set(store, "b", "2", 0);
    suite_expect(store, "a", "1");
    suite_expect(store, "b", "2");
    suite_set(store, "a", "another", 0);
    suite_expect(store, "a", "another");
    suite_set(store, "a", "", 0);
    suite_expect(store, "a", "");
    ck_assert(barid_store_remove(store, BARID_SLICE_LITERAL("a"), NULL));
    suite_expect(store, "a", NULL);
    ck_assert(barid_store_remove(store, BARID_SLICE_LITERAL("a"), NULL));
    suite_expect(store, "b", "2");
    suite_close(store);
}
END_TEST

START_TEST(test_bytes)
{
    BaridStore *store = suite_open();
    const BaridSlice key = BARID_SLICE_LITERAL("k\0\xff'\"--");
    const BaridSlice value = BARID_SLICE_LITERAL("\0\x01\xfe\0");
    g_autoptr(GBytes) got = NULL;

    ck_assert(barid_store_set(store, key, value, 0, NULL));
    suite_expect(store, "k", NULL);
    ck_assert(barid_store_get(store, key, &got, NULL));
    ck_assert_ptr_nonnull(got);
    ck_assert(barid_slice_equal(barid_slice(g_bytes_get_data(got, NULL), g_bytes_get_size(got)),
                                value));
    suite_close(store);
}
END_TEST

START_TEST(test_expiry)
{
    BaridStore *store = suite_open();

    suite_set(store, "a", "1", 1000);
    suite_set(store, "b", "2", 0);
    suite_now_ms += 999;
    suite_expect(store, "a", "1");
    suite_now_ms += 1;
    suite_expect(store, "a", NULL);
    suite_now_ms += G_GINT64_CONSTANT(100000000000);
    suite_expect(store, "b", "2");
    suite_set(store, "c", "3", G_MAXINT64);
    suite_now_ms += 100000;
    suite_expect(store, "c", "3");
    suite_close(store);
}
END_TEST

START_TEST(test_touch)
{
    BaridStore *store = suite_open();

    ck_assert_int_eq(suite_touch(store, "a", 1000), 0);
    suite_now_ms += 600;
    ck_assert_int_eq(suite_touch(store, "a", 1000), 600);
    suite_now_ms += 600;
    ck_assert_int_eq(suite_touch(store, "a", 1000), 1200); /* it lives from the last touch */
    suite_expect(store, "a", "");
    suite_now_ms += 1000;
    ck_assert_int_eq(suite_touch(store, "a", 1000), 0); /* over: begins anew */
    suite_now_ms -= 500;
    ck_assert_int_eq(suite_touch(store, "a", 5000), 0); /* a clock set back is no negative age */
    suite_close(store);
}
END_TEST

START_TEST(test_add)
{
    BaridStore *store = suite_open();

    ck_assert_int_eq(suite_add(store, "n", 1, 1000), 1);
    suite_now_ms += 600;
    ck_assert_int_eq(suite_add(store, "n", 5, 1000), 6);
    suite_expect(store, "n", "6");
    ck_assert_int_eq(suite_add(store, "n", -7, 1000), -1);
    suite_now_ms += 400; /* the first change counts, not the last */
    ck_assert_int_eq(suite_add(store, "n", 1, 1000), 1);
    ck_assert_int_eq(suite_add(store, "m", 2, 0), 2);
    suite_now_ms += 1000000;
    ck_assert_int_eq(suite_add(store, "m", 2, 0), 4);
    ck_assert_int_eq(suite_add(store, "big", G_MAXINT64, 0), G_MAXINT64);
    ck_assert_int_eq(suite_add(store, "big", 1, 0), G_MAXINT64);
    suite_close(store);
}
END_TEST

START_TEST(test_mixed_use)
{
    BaridStore *store = suite_open();

    suite_set(store, "k", "text", 0);
    ck_assert_int_eq(suite_add(store, "k", 3, 0), 3); /* a text is no number */
    suite_expect(store, "k", "3");
    suite_set(store, "k", "again", 0);
    suite_expect(store, "k", "again");
    suite_now_ms += 10;
    ck_assert_int_eq(suite_touch(store, "k", 0), 10);
    suite_expect(store, "k", "again");
    suite_close(store);
}
END_TEST

START_TEST(test_limits)
{
    BaridStore *store = suite_open();
    g_autofree gchar *key = g_strnfill(BARID_STORE_KEY_MAX + 1, 'k');
    g_autofree gchar *value = g_strnfill(BARID_STORE_VALUE_MAX + 1, 'v');
    g_autoptr(GError) error = NULL;

    ck_assert(!barid_store_set(store, barid_slice_from_text(key), BARID_SLICE_EMPTY, 0, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_TOO_LARGE);
    g_clear_error(&error);
    ck_assert(!barid_store_set(store, BARID_SLICE_LITERAL("k"), barid_slice_from_text(value), 0,
                               &error));
    ck_assert_int_eq(error->code, BARID_ERROR_TOO_LARGE);
    g_clear_error(&error);
    ck_assert(!barid_store_set(store, BARID_SLICE_LITERAL("k"), BARID_SLICE_EMPTY, -1, &error));
    ck_assert_int_eq(error->code, BARID_ERROR_INVALID);
    key[BARID_STORE_KEY_MAX] = '\0';
    value[BARID_STORE_VALUE_MAX] = '\0';
    suite_set(store, key, value, 0);
    suite_expect(store, key, value);
    suite_close(store);
}
END_TEST

enum { SUITE_THREADS = 4, SUITE_ADDS = 500 };

static gpointer
suite_add_often(gpointer data)
{
    gint64 value;

    for (guint i = 0; i < SUITE_ADDS; i++) {
        if (!barid_store_add(data, BARID_SLICE_LITERAL("shared"), 1, 0, &value, NULL))
            return GINT_TO_POINTER(1);
    }
    return NULL;
}

START_TEST(test_threads)
{
    BaridStore *store = suite_open();
    GThread *threads[SUITE_THREADS];

    for (guint i = 0; i < SUITE_THREADS; i++)
        threads[i] = g_thread_new("add", suite_add_often, store);
    for (guint i = 0; i < SUITE_THREADS; i++)
        ck_assert_ptr_null(g_thread_join(threads[i]));
    ck_assert_int_eq(suite_add(store, "shared", 0, 0), SUITE_THREADS * SUITE_ADDS);
    suite_close(store);
}
END_TEST

void
store_suite_add(TCase *tcase, BaridStore *(*make)(void), void (*drop)(BaridStore *store))
{
    suite_make = make;
    suite_drop = drop;
    tcase_add_test(tcase, test_set_and_get);
    tcase_add_test(tcase, test_bytes);
    tcase_add_test(tcase, test_expiry);
    tcase_add_test(tcase, test_touch);
    tcase_add_test(tcase, test_add);
    tcase_add_test(tcase, test_mixed_use);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_threads);
}
