/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "fiber/load.h"

typedef struct {
    const gchar *what;
    gint64 work_us, sleep_us; /* in turns, until (end_us) */
    gint64 end_us, look_us;   /* when it is read, after the end */
    guint permille;
} LoadRow;

static const LoadRow loads[] = {
    {"before any turn", 0, 0, 0, 1000000, 0},
    {"the first period is not over", 30, 70, 40000, 0, 0},
    {"a third", 1000, 2000, 600000, 0, 333},
    {"always awake", 100, 0, 600000, 0, 1000},
    {"nearly always asleep", 10, 9990, 600000, 0, 1},
    {"one long sleep counts for no more than its period", 10, 400000, 800020, 0, 0},
    {"hangs", 1000, 2000, 600000, LOAD_PERIOD_US, 1000},
    {"has not hung for a period yet", 1000, 2000, 600000, LOAD_PERIOD_US - 1, 333},
};

START_TEST(test_load)
{
    const LoadRow *row = &loads[_i];
    Load load = {0};
    gint64 now_us = 1;

    for (gint64 end_us = now_us + row->end_us; now_us < end_us;) {
        load_turn(&load, now_us);
        now_us += row->work_us;
        if (row->sleep_us > 0) {
            load_sleep(&load, now_us);
            now_us += row->sleep_us;
        }
        load_turn(&load, now_us);
    }
    ck_assert_msg(ABS((gint)load_get(&load, now_us + row->look_us) - (gint)row->permille) <= 1,
                  "%s: %u", row->what, load_get(&load, now_us + row->look_us));
}
END_TEST

START_TEST(test_sleeps)
{
    Load load = {0};

    for (gint64 now_us = 1; now_us < 200000; now_us += 100)
        load_turn(&load, now_us);
    load_sleep(&load, 200000);
    ck_assert_uint_eq(load_get(&load, 200000 + LOAD_PERIOD_US - 1), 1000);
    ck_assert_uint_eq(load_get(&load, 200000 + LOAD_PERIOD_US), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("load");
    TCase *tcase = tcase_create("load");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, test_load, 0, G_N_ELEMENTS(loads));
    tcase_add_test(tcase, test_sleeps);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
