/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include <barid/network.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/civil.h"
#include "base/counter.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/json-writer.h"
#include "base/log.h"
#include "base/tally.h"
#include "base/text.h"
#include "base/units.h"
#include "base/wire.h"
#include <barid/error.h>

static const struct {
    const gchar *text;
    UnitsResult result;
    gint64 value;
} size_rows[] = {
    {"0", UNITS_OK, 0},          {"17", UNITS_OK, 17},
    {"10K", UNITS_OK, 10240},    {"3M", UNITS_OK, 3 << 20},
    {"2G", UNITS_OK, 2LL << 30}, {"", UNITS_EMPTY, 0},
    {"K", UNITS_BAD_NUMBER, 0},  {"10k", UNITS_BAD_UNIT, 0},
    {"10 K", UNITS_BAD_UNIT, 0}, {"9223372036854775807G", UNITS_OVERFLOW, 0},
    {"99999999999999999999", UNITS_OVERFLOW, 0}, {"-1", UNITS_BAD_NUMBER, 0},
};

START_TEST(test_size)
{
    gint64 value = 0;
    UnitsResult result =
        units_parse_size(barid_slice_from_text(size_rows[_i].text), &value);

    ck_assert_msg(result == size_rows[_i].result, "%s", size_rows[_i].text);
    ck_assert_int_eq(value, size_rows[_i].value);
    if (result == UNITS_OK) {
        g_autofree gchar *text = units_format_size(value);
        ck_assert_str_eq(text, size_rows[_i].text);
    }
}
END_TEST

static const struct {
    const gchar *text;
    UnitsResult result;
    gint64 count, period_ms;
} rate_rows[] = {
    {"none", UNITS_OK, 0, 0},        {"25/1h", UNITS_OK, 25, 3600000},
    {"10/s", UNITS_OK, 10, 1000},    {"0/s", UNITS_BAD_NUMBER, 0, 0},
    {"1/0", UNITS_BAD_NUMBER, 0, 0}, {"1", UNITS_BAD_UNIT, 0, 0},
    {"1/x", UNITS_BAD_UNIT, 0, 0},   {"x/1h", UNITS_BAD_NUMBER, 0, 0},
};

START_TEST(test_rate)
{
    BaridRate rate = {0, 0};
    UnitsResult result = units_parse_rate(barid_slice_from_text(rate_rows[_i].text), &rate);

    ck_assert_msg(result == rate_rows[_i].result, "%s", rate_rows[_i].text);
    ck_assert_int_eq(rate.count, rate_rows[_i].count);
    ck_assert_int_eq(rate.period_ms, rate_rows[_i].period_ms);
}
END_TEST

static const struct {
    const gchar *network, *ip;
    gboolean valid, contains;
} network_rows[] = {
    {"192.0.2.0/24", "192.0.2.77", TRUE, TRUE},   {"192.0.2.0/24", "192.0.3.1", TRUE, FALSE},
    {"192.0.2.0/24", "::ffff:192.0.2.1", TRUE, TRUE},
    {"2001:db8::/33", "2001:db8:7fff::1", TRUE, TRUE},
    {"2001:db8::/33", "2001:db8:8000::1", TRUE, FALSE},
    {"192.0.2.1/24", "192.0.2.1", FALSE, FALSE},  {"0.0.0.0/0", "198.51.100.1", TRUE, TRUE},
    {"0.0.0.0/0", "::1", TRUE, FALSE},            {"1.2.3/8", "1.2.3.4", FALSE, FALSE},
    {"192.0.2.0/33", "192.0.2.1", FALSE, FALSE},  {"198.51.100.7", "198.51.100.7", TRUE, TRUE},
};

START_TEST(test_network)
{
    Network network;
    Address address;

    ck_assert(address_parse_ip(barid_slice_from_text(network_rows[_i].ip), &address) ||
              !network_rows[_i].valid);
    ck_assert_msg(network_parse(barid_slice_from_text(network_rows[_i].network), &network) ==
                      network_rows[_i].valid,
                  "%s", network_rows[_i].network);
    if (network_rows[_i].valid)
        ck_assert_int_eq(network_contains(&network, &address), network_rows[_i].contains);
}
END_TEST

START_TEST(test_address_port)
{
    Address address;
    gchar text[ADDRESS_TEXT_MAX];

    ck_assert(address_parse(BARID_SLICE_LITERAL("[2001:db8::1]:25"), &address));
    ck_assert_str_eq(address_format(&address, text), "[2001:db8::1]:25");
    ck_assert(address_parse(BARID_SLICE_LITERAL("127.0.0.1:2525"), &address));
    ck_assert_str_eq(address_format(&address, text), "127.0.0.1:2525");
    ck_assert(!address_parse(BARID_SLICE_LITERAL("2001:db8::1:25"), &address));
    ck_assert(!address_parse(BARID_SLICE_LITERAL("127.0.0.1:65536"), &address));
    ck_assert(!address_parse(BARID_SLICE_LITERAL("127.0.0.1"), &address));
}
END_TEST

START_TEST(test_crc32c)
{
    /* RFC 3720 appendix B.4. */
    guint8 zeros[32] = {0};
    guint8 rising[32];

    for (guint8 i = 0; i < 32; i++)
        rising[i] = i;
    ck_assert_uint_eq(crc32c_update(0, zeros, 32), 0x8a9136aau);
    ck_assert_uint_eq(crc32c_update(0, rising, 32), 0x46dd794eu);
    ck_assert_uint_eq(crc32c_update(crc32c_update(0, rising, 5), rising + 5, 27), 0x46dd794eu);
}
END_TEST

/* What is long goes another way than what is short. */
START_TEST(test_crc32c_long)
{
    enum { LEN = 3500 };
    guint8 data[LEN];
    guint32 in_pieces = 0;

    for (gsize i = 0; i < LEN; i++)
        data[i] = (guint8)(i * i >> 4);
    for (gsize i = 0; i < LEN; i += 100)
        in_pieces = crc32c_update(in_pieces, data + i, 100);
    for (gsize cut = 0; cut < LEN; cut++)
        ck_assert_uint_eq(crc32c_update(crc32c_update(0, data, cut), data + cut, LEN - cut),
                          in_pieces);
}
END_TEST

static void
count_call(gpointer data)
{
    ++*(guint *)data;
}

START_TEST(test_arena)
{
    g_autoptr(Arena) arena = arena_new(64);
    guint calls = 0;

    for (guint i = 0; i < 1000; i++) {
        guint8 *memory = arena_alloc(arena, 100);

        for (guint j = 0; j < 100; j++)
            ck_assert_uint_eq(memory[j], 0);
        memset(memory, 0xff, 100);
    }
    arena_on_reset(arena, count_call, &calls);
    arena_on_reset(arena, count_call, &calls);
    arena_reset(arena);
    ck_assert_uint_eq(calls, 2);
    ck_assert_str_eq(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
}
END_TEST

START_TEST(test_buffer_limit)
{
    g_auto(Buffer) buffer = {0};

    buffer_init(&buffer, 10);
    ck_assert(buffer_append(&buffer, "12345678", 8));
    ck_assert(!buffer_append(&buffer, "abc", 3));
    ck_assert_uint_eq(buffer.len, 8);
    buffer_consume(&buffer, 7);
    ck_assert(buffer_append(&buffer, "abcdefghi", 9));
    ck_assert(barid_slice_equal_text(buffer_get_slice(&buffer), "8abcdefghi"));
}
END_TEST

START_TEST(test_wire)
{
    g_auto(Buffer) buffer = {0};
    Cursor cursor;
    guint64 u64;
    guint16 u16;
    BaridSlice slice;

    buffer_init(&buffer, 1000);
    ck_assert(wire_put_u64(&buffer, 0x0123456789abcdefu));
    ck_assert(wire_put_counted(&buffer, BARID_SLICE_LITERAL("barid")));
    cursor = cursor_new(buffer_get_slice(&buffer));
    ck_assert(cursor_take_u64(&cursor, &u64));
    ck_assert_uint_eq(u64, 0x0123456789abcdefu);
    ck_assert(cursor_take_counted(&cursor, &slice));
    ck_assert(barid_slice_equal_text(slice, "barid"));
    ck_assert(!cursor_take_u16(&cursor, &u16));
    ck_assert(cursor_is_end(&cursor));
}
END_TEST

START_TEST(test_json)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter json;

    json_writer_init(&json, out);
    json_writer_begin_object(&json, NULL);
    json_writer_text(&json, "a", "q\"\\\n");
    json_writer_slice(&json, "b", barid_slice("x\xff\0y", 4));
    json_writer_begin_array(&json, "c");
    json_writer_integer(&json, NULL, -5);
    json_writer_integer(&json, NULL, 0);
    json_writer_integer(&json, NULL, G_MININT64);
    json_writer_integer(&json, NULL, G_MAXINT64);
    json_writer_bool(&json, NULL, TRUE);
    json_writer_end_array(&json);
    json_writer_time(&json, "t", 1700000000123);
    json_writer_time(&json, "n", 0);
    /* Two characters, a surrogate, a character that is cut off by the end. */
    json_writer_slice(&json, "u", barid_slice("\xc3\xa9\xf0\x9f\x93\xa7\xed\xa0\x80\xe2\x82", 11));
    json_writer_end_object(&json);
    ck_assert_str_eq(out->str,
                     "{\"a\":\"q\\\"\\\\\\u000a\",\"b\":\"x\\ufffd\\u0000y\",\"c\":[-5,0,"
                     "-9223372036854775808,9223372036854775807,true],"
                     "\"t\":\"2023-11-14T22:13:20.123Z\",\"n\":null,"
                     "\"u\":\"\xc3\xa9\xf0\x9f\x93\xa7\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"}");
}
END_TEST

typedef struct {
    gint64 wall_ms;
    const gchar *text;
} CivilRow;

START_TEST(test_civil)
{
    static const CivilRow rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1709208000007, "2024-02-29T12:00:00.007Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {G_MAXINT64, "9999-12-31T23:59:59.999Z"},
        {G_MININT64, "0000-01-01T00:00:00.000Z"},
    };
    gchar text[CIVIL_TIME_LEN + 1];

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_assert_str_eq(civil_format_time(rows[i].wall_ms, text), rows[i].text);
    for (gint64 days = -800000; days < 800000; days += 97)
        ck_assert_int_eq(civil_days_from_date(civil_date_from_days(days)), days);
}
END_TEST

START_TEST(test_text)
{
    static const gchar *const words[] = {"enabled", "timeout", "order", NULL};
    g_autofree gchar *escaped = text_escape(BARID_SLICE_LITERAL("a\r\nb\\"), 100);
    g_autofree gchar *cut = text_escape(BARID_SLICE_LITERAL("abcdef"), 3);

    ck_assert_str_eq(escaped, "a\\x0d\\x0ab\\\\");
    ck_assert_str_eq(cut, "abc...");
    ck_assert_uint_eq(text_distance("timeout", "tiemout"), 1);
    ck_assert_uint_eq(text_distance("", "abc"), 3);
    ck_assert_str_eq(text_nearest("tmeout", words), "timeout");
    ck_assert_ptr_null(text_nearest("zzzzzz", words));
    ck_assert(barid_slice_equal_text(text_trim(BARID_SLICE_LITERAL(" \t x ")), "x"));
}
END_TEST

START_TEST(test_errors)
{
    g_autoptr(GError) temporary = g_error_new_literal(BARID_ERROR, BARID_ERROR_TIMEOUT, "t");
    g_autoptr(GError) permanent = g_error_new_literal(BARID_ERROR, BARID_ERROR_INVALID, "p");
    g_autoptr(GError) foreign = g_error_new_literal(g_quark_from_string("other"), 0, "f");

    ck_assert(barid_error_is_temporary(temporary));
    ck_assert(!barid_error_is_temporary(permanent));
    ck_assert(barid_error_is_temporary(foreign));
    ck_assert(!barid_error_is_temporary(NULL));
    ck_assert_ptr_null(barid_slice_dup_text(barid_slice("a\0b", 3), NULL));
    ck_assert_ptr_null(barid_slice_dup_text(BARID_SLICE_LITERAL("\xff"), NULL));
}
END_TEST

static gpointer
count_thread(gpointer data)
{
    for (guint i = 0; i < 1000; i++)
        counter_add(*(CounterId *)data, 1);
    return NULL;
}

START_TEST(test_counters)
{
    CounterId id = counter_register("test.count");
    GThread *threads[4];

    ck_assert_uint_eq(counter_register("test.count"), id);
    for (guint i = 0; i < 4; i++)
        threads[i] = g_thread_new("count", count_thread, &id);
    for (guint i = 0; i < 4; i++)
        g_thread_join(threads[i]);
    ck_assert_uint_eq(counter_get(id), 4000);
}
END_TEST

static void
collect_lines(const gchar *lines, gsize len, gpointer data)
{
    g_string_append_len(data, lines, (gssize)len);
}

static void
tap_count(BaridLogLevel level G_GNUC_UNUSED, const gchar *line G_GNUC_UNUSED, gpointer data)
{
    (*(guint *)data)++;
}

/* Who looks before making a record must look for the tap, too: "trace" sees all levels. */
/* What was counted in two places is one: nothing is lost or counted twice. */
START_TEST(test_tally)
{
    g_autoptr(Tally) first = tally_new();
    g_autoptr(Tally) sum = tally_new();
    g_autoptr(GString) text = g_string_new(NULL);
    JsonWriter writer;

    ck_assert(tally_is_empty(first));
    tally_note(first);
    tally_note(first);
    tally_note_change(first, "rcpt", "yes", "no");
    tally_copy(first, sum);
    tally_copy(first, sum);
    ck_assert(!tally_is_empty(first));
    tally_move(first, sum);
    ck_assert(tally_is_empty(first));
    tally_move(first, sum);
    tally_note_change(sum, NULL, "yes", "no");
    tally_add_other(sum, 4);
    json_writer_init(&writer, text);
    json_writer_begin_object(&writer, NULL);
    tally_write(sum, &writer);
    json_writer_end_object(&writer);
    ck_assert_str_eq(text->str,
                     "{\"evaluated\":6,\"different\":8,\"changes\":["
                     "{\"where\":\"rcpt\",\"from\":\"yes\",\"to\":\"no\",\"count\":3},"
                     "{\"from\":\"yes\",\"to\":\"no\",\"count\":1}],\"other_changes\":4}");
    /* Past the bound the kinds are not told apart; their number is. */
    for (guint i = 0; i < 2 * TALLY_CHANGES_MAX; i++) {
        g_autofree gchar *to = g_strdup_printf("to %u", i);

        tally_note_change(first, NULL, "from", to);
    }
    g_string_truncate(text, 0);
    json_writer_init(&writer, text);
    json_writer_begin_object(&writer, NULL);
    tally_move(first, sum);
    tally_write(sum, &writer);
    json_writer_end_object(&writer);
    ck_assert_ptr_nonnull(strstr(text->str, "\"different\":72,"));
    ck_assert_ptr_nonnull(strstr(text->str, "\"other_changes\":38}"));
}
END_TEST

START_TEST(test_log_tap)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    guint seen = 0;

    log_set_level(BARID_LOG_ERROR);
    ck_assert(!log_is_enabled(BARID_LOG_INFO));
    log_set_tap(tap_count, &seen);
    ck_assert(log_is_enabled(BARID_LOG_DEBUG));
    log_start(collect_lines, lines, -1);
    barid_log(BARID_LOG_DEBUG, "a.b", NULL);
    log_stop();
    ck_assert_uint_eq(seen, 1);
    ck_assert_str_eq(lines->str, ""); /* the level is the log's alone */
    log_set_tap(NULL, NULL);
    ck_assert(!log_is_enabled(BARID_LOG_INFO));
    log_set_level(BARID_LOG_INFO);
}
END_TEST

static gpointer
log_many(gpointer data G_GNUC_UNUSED)
{
    for (guint i = 0; i < 300; i++)
        barid_log(BARID_LOG_INFO, "test.many", "n", "x y", NULL);
    return NULL;
}

START_TEST(test_log)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    GThread *threads[4];
    guint count = 0;

    log_start(collect_lines, lines, -1);
    for (guint i = 0; i < 4; i++)
        threads[i] = g_thread_new("log", log_many, NULL);
    for (guint i = 0; i < 4; i++)
        g_thread_join(threads[i]);
    barid_log(BARID_LOG_DEBUG, "test.hidden", NULL);
    barid_log(BARID_LOG_WARNING, "test.escape", "v", "a\"\n", "w", "\\\x7f\xc3\xa9 b", NULL);
    log_stop();
    for (const gchar *p = lines->str; (p = strstr(p, " info test.many n=\"x y\"\n")) != NULL; p++)
        count++;
    ck_assert_uint_eq(count, 1200);
    ck_assert_ptr_null(strstr(lines->str, "test.hidden"));
    ck_assert_ptr_nonnull(strstr(lines->str, "warning test.escape v=\"a\\\"\\x0a\" "
                                 "w=\"\\\\\\x7f\xc3\xa9 b\"\n"));
}
END_TEST

typedef struct {
    const gchar *what;
    const gchar *ip;
    guint v4, v6;
    const gchar *network; /* NULL when there is none */
} MaskRow;

static const MaskRow mask_rows[] = {
    {"IPv4", "192.0.2.77", 24, 64, "192.0.2.0/24"},
    {"odd length", "192.0.2.77", 26, 64, "192.0.2.64/26"},
    {"whole address", "192.0.2.77", 32, 64, "192.0.2.77/32"},
    {"nothing", "192.0.2.77", 0, 64, "0.0.0.0/0"},
    {"IPv6", "2001:db8:1:2:3::4", 24, 64, "2001:db8:1:2::/64"},
    {"IPv4 in IPv6", "::ffff:192.0.2.77", 24, 64, "192.0.2.0/24"},
    {"too long", "192.0.2.77", 33, 64, NULL},
    {"IPv6 too long", "2001:db8::1", 24, 129, NULL},
    {"no address", "example.org", 24, 64, NULL},
    {"no text", "", 24, 64, NULL},
};

START_TEST(test_networks_of_modules)
{
    const MaskRow *row = &mask_rows[_i];
    g_autofree gchar *network = barid_network_of(row->ip, row->v4, row->v6);
    gchar list[] = "198.51.100.0/24";
    gchar *networks[] = {list, network, NULL};

    ck_assert_msg(g_strcmp0(network, row->network) == 0, "%s: %s", row->what, network);
    ck_assert_msg(barid_networks_contain(networks, row->ip) == (row->network != NULL), "%s",
                  row->what);
    networks[1] = NULL;
    ck_assert(!barid_networks_contain(networks, row->ip));
    ck_assert(barid_networks_contain(networks, "198.51.100.7"));
    ck_assert(!barid_networks_contain(NULL, row->ip));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base");
    TCase *cases = tcase_create("base");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_size, 0, G_N_ELEMENTS(size_rows));
    tcase_add_loop_test(cases, test_rate, 0, G_N_ELEMENTS(rate_rows));
    tcase_add_loop_test(cases, test_network, 0, G_N_ELEMENTS(network_rows));
    tcase_add_test(cases, test_address_port);
    tcase_add_test(cases, test_crc32c);
    tcase_add_test(cases, test_crc32c_long);
    tcase_add_test(cases, test_arena);
    tcase_add_test(cases, test_buffer_limit);
    tcase_add_test(cases, test_wire);
    tcase_add_test(cases, test_json);
    tcase_add_test(cases, test_civil);
    tcase_add_test(cases, test_text);
    tcase_add_test(cases, test_errors);
    tcase_add_test(cases, test_counters);
    tcase_add_test(cases, test_tally);
    tcase_add_test(cases, test_log);
    tcase_add_test(cases, test_log_tap);
    tcase_add_loop_test(cases, test_networks_of_modules, 0, G_N_ELEMENTS(mask_rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
