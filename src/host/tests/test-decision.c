/* SPDX-License-Identifier: Apache-2.0 */
/* Decision: what a record of decisions looks like as JSON. */
#include <check.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>

#include "host/decision.h"

/* What was explained under (key) as texts with "|" between them; NULL without it. */
static gchar *
dup_input(JsonObject *inputs, const gchar *key)
{
    JsonNode *node = json_object_get_member(inputs, key);
    GString *out;
    JsonArray *texts;

    if (node == NULL)
        return NULL;
    if (!JSON_NODE_HOLDS_ARRAY(node))
        return g_strdup(json_node_get_string(node));
    out = g_string_new(NULL);
    texts = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(texts); i++)
        g_string_append_printf(out, "%s%s", i == 0 ? "" : "|",
                               json_array_get_string_element(texts, i));
    return g_string_free(out, FALSE);
}

/* Strict readers keep one value of a key that an object has twice. */
START_TEST(test_inputs_with_equal_keys)
{
    static const gchar *const rows[][2] = {
        {"dkim.signature", "a: pass"}, {"dns a TXT", "1 record"}, {"dkim.signature", "b: fail"},
        {"other", "x"},                {"dkim.signature", ""},    {"dns a TXT", "1 record"},
    };
    g_autoptr(Arena) arena = arena_new(1024);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree gchar *signatures = NULL;
    g_autofree gchar *answers = NULL;
    g_autofree gchar *other = NULL;
    DecisionRecord record = {.count = 0};
    Decision *entry = decision_record_add(&record, arena, "dkim", BARID_STAGE_MESSAGE);
    JsonObject *inputs;
    JsonWriter writer;

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        decision_add_input(entry, arena, rows[i][0], rows[i][1]);
    json_writer_init(&writer, out);
    decision_write(entry, &writer);
    ck_assert(json_parser_load_from_data(parser, out->str, -1, NULL));
    inputs = json_object_get_object_member(json_node_get_object(json_parser_get_root(parser)),
                                           "inputs");
    ck_assert_uint_eq(json_object_get_size(inputs), 3);
    signatures = dup_input(inputs, "dkim.signature");
    answers = dup_input(inputs, "dns a TXT");
    other = dup_input(inputs, "other");
    ck_assert_str_eq(signatures, "a: pass|b: fail|");
    ck_assert_str_eq(answers, "1 record|1 record");
    ck_assert_str_eq(other, "x");
    ck_assert_ptr_nonnull(strstr(out->str, "\"inputs\":{\"dkim.signature\":[\"a: pass\","
                                           "\"b: fail\",\"\"],\"dns a TXT\":["));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("decision");
    TCase *cases = tcase_create("decision");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(cases, test_inputs_with_equal_keys);
    suite_add_tcase(suite, cases);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
