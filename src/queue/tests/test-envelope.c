/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "queue/envelope.h"

static EnvelopeRecipient three[] = {
    {.address = BARID_SLICE_LITERAL("a@Example.org")},
    {.address = BARID_SLICE_LITERAL("b@example.net")},
    {.address = BARID_SLICE_LITERAL("c@EXAMPLE.ORG")},
};

static Envelope
make_envelope(guint n_recipients)
{
    return (Envelope){
        .id = queue_id_new(),
        .created_ms = clock_wall_ms(),
        .flags = ENVELOPE_UTF8,
        .priority = -3,
        .size_bytes = 100,
        .sender = BARID_SLICE_LITERAL("s@example.com"),
        .decisions = BARID_SLICE_LITERAL("[{\"verdict\":\"continue\"}]"),
        .session_id = BARID_SLICE_LITERAL("s1"),
        .n_recipients = n_recipients,
        .recipients = three,
    };
}

START_TEST(test_round_trip)
{
    g_autoptr(Arena) arena = arena_new(100);
    Envelope envelope = make_envelope(G_N_ELEMENTS(three));
    Envelope again;
    g_auto(Buffer) bytes = {0};

    buffer_init(&bytes, 100000);
    ck_assert(envelope_write(&envelope, &bytes));
    ck_assert(envelope_parse(buffer_get_slice(&bytes), arena, &again));
    ck_assert_uint_eq(again.id, envelope.id);
    ck_assert_int_eq(again.priority, -3);
    ck_assert_uint_eq(again.n_recipients, 3);
    ck_assert_uint_eq(again.n_domains, 2);
    ck_assert(barid_slice_equal_text(again.domains[0], "example.org"));
    ck_assert_uint_eq(again.recipients[2].domain, 0);
    ck_assert(barid_slice_equal(again.decisions, envelope.decisions));
    /* No cut and no longer text is an envelope. */
    for (gsize len = 0; len < bytes.len; len++)
        ck_assert(!envelope_parse(barid_slice(bytes.data, len), arena, &again));
    ck_assert(buffer_append(&bytes, "x", 1));
    ck_assert(!envelope_parse(buffer_get_slice(&bytes), arena, &again));
}
END_TEST

/* Version 2 holds the modules' areas; version 1 is still written and read without them. */
START_TEST(test_saved)
{
    g_autoptr(Arena) arena = arena_new(100);
    Envelope envelope = make_envelope(G_N_ELEMENTS(three));
    Envelope again;
    g_auto(Buffer) old = {0};
    g_auto(Buffer) bytes = {0};

    buffer_init(&old, 100000);
    buffer_init(&bytes, 100000);
    ck_assert(envelope_write(&envelope, &old));
    ck_assert_uint_eq(old.data[0], 1);
    ck_assert(envelope_parse(buffer_get_slice(&old), arena, &again));
    ck_assert_uint_eq(again.saved.len, 0);
    envelope.saved = BARID_SLICE_LITERAL("areas");
    ck_assert(envelope_write(&envelope, &bytes));
    ck_assert_uint_eq(bytes.data[0], 2);
    ck_assert_uint_eq(bytes.len, old.len + 4 + 5);
    ck_assert(envelope_parse(buffer_get_slice(&bytes), arena, &again));
    ck_assert(barid_slice_equal_text(again.saved, "areas"));
    ck_assert_uint_eq(again.n_recipients, 3);
    for (gsize len = 0; len < bytes.len; len++)
        ck_assert(!envelope_parse(barid_slice(bytes.data, len), arena, &again));
    bytes.data[0] = 3;
    ck_assert(!envelope_parse(buffer_get_slice(&bytes), arena, &again));
}
END_TEST

START_TEST(test_lying_count)
{
    g_autoptr(Arena) arena = arena_new(100);
    Envelope envelope = make_envelope(0);
    Envelope again;
    g_auto(Buffer) bytes = {0};

    buffer_init(&bytes, 100000);
    ck_assert(envelope_write(&envelope, &bytes));
    /* The count is the last word: 4 thousand million recipients in no bytes. */
    memset(bytes.data + bytes.len - 4, 0xff, 4);
    ck_assert(!envelope_parse(buffer_get_slice(&bytes), arena, &again));
    ck_assert_uint_lt(arena_get_size(arena), 100000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("envelope");
    TCase *cases = tcase_create("envelope");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, test_round_trip);
    tcase_add_test(cases, test_saved);
    tcase_add_test(cases, test_lying_count);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
