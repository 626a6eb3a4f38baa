/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include <barid/tag-list.h>

/* (tags) lists "name=value|" of each. */
static const struct {
    const gchar *what;
    const gchar *text;
    BaridTagListResult result;
    const gchar *tags;
    gsize error_offset;
} lists[] = {
    {"nothing", "", BARID_TAG_LIST_OK, "", 0},
    {"blanks", " \r\n\t ", BARID_TAG_LIST_OK, "", 0},
    {"one", "v=DKIM1", BARID_TAG_LIST_OK, "v=DKIM1|", 0},
    {"closed", "v=1; a=b;", BARID_TAG_LIST_OK, "v=1|a=b|", 0},
    {"blanks around", " v = 1 ;\r\n\ta\t=\tb c \r\n ; ", BARID_TAG_LIST_OK, "v=1|a=b c|", 0},
    {"empty values", "p=;q= ;r=", BARID_TAG_LIST_OK, "p=|q=|r=|", 0},
    {"equals in a value", "b=ab==;c=d=e", BARID_TAG_LIST_OK, "b=ab==|c=d=e|", 0},
    {"names", "a_1=x;A=y;a=z", BARID_TAG_LIST_OK, "a_1=x|A=y|a=z|", 0},
    {"UTF-8", "d=b\xc3\xbc.example", BARID_TAG_LIST_OK, "d=b\xc3\xbc.example|", 0},
    {"twice", "a=1; b=2; a=3", BARID_TAG_LIST_DUPLICATE, "a=1|b=2|", 11},
    {"no name", "=x", BARID_TAG_LIST_BAD_NAME, "", 0},
    {"nothing between", "a=1;;b=2", BARID_TAG_LIST_BAD_NAME, "a=1|", 4},
    {"name begins with a digit", "1a=x", BARID_TAG_LIST_BAD_NAME, "", 0},
    {"name with a dash", "a-b=x", BARID_TAG_LIST_NO_EQUALS, "", 1},
    {"no equals", "a=1; b", BARID_TAG_LIST_NO_EQUALS, "a=1|", 6},
    {"words", "this is no list", BARID_TAG_LIST_NO_EQUALS, "", 5},
    {"control character", "a=1\x01", BARID_TAG_LIST_BAD_VALUE, "", 3},
};

START_TEST(test_list)
{
    g_autoptr(GString) found = g_string_new(NULL);
    BaridTagList list;
    BaridTagListResult result = barid_tag_list_parse(barid_slice_from_text(lists[_i].text), &list);

    ck_assert_msg(result == lists[_i].result, "%s", lists[_i].what);
    for (guint i = 0; i < list.n_tags; i++)
        g_string_append_printf(found, "%.*s=%.*s|", (int)list.tags[i].name.len,
                               (const gchar *)list.tags[i].name.data,
                               (int)list.tags[i].value.len,
                               (const gchar *)list.tags[i].value.data);
    ck_assert_str_eq(found->str, lists[_i].tags);
    if (lists[_i].result != BARID_TAG_LIST_OK)
        ck_assert_msg(list.error_offset == lists[_i].error_offset, "%s: at %u", lists[_i].what,
                      (guint)list.error_offset);
}
END_TEST

START_TEST(test_find)
{
    BaridTagList list;

    ck_assert_int_eq(barid_tag_list_parse(BARID_SLICE_LITERAL("a=1; b= \r\n x ; e="), &list),
                     BARID_TAG_LIST_OK);
    ck_assert(barid_slice_equal_text(barid_tag_list_get(&list, "b"), "x"));
    ck_assert(barid_slice_equal_text(barid_tag_list_find(&list, "b")->around, " \r\n x "));
    ck_assert_ptr_null(barid_tag_list_find(&list, "B"));
    ck_assert_ptr_nonnull(barid_tag_list_find(&list, "e"));
    ck_assert_uint_eq(barid_tag_list_get(&list, "none").len, 0);
}
END_TEST

START_TEST(test_too_many)
{
    g_autoptr(GString) text = g_string_new(NULL);
    BaridTagList list;

    for (guint i = 0; i < BARID_TAG_LIST_MAX; i++)
        g_string_append_printf(text, "a%u=%u;", i, i);
    ck_assert_int_eq(barid_tag_list_parse(barid_slice(text->str, text->len), &list),
                     BARID_TAG_LIST_OK);
    g_string_append(text, "x=1");
    ck_assert_int_eq(barid_tag_list_parse(barid_slice(text->str, text->len), &list),
                     BARID_TAG_LIST_TOO_MANY);
}
END_TEST

static const struct {
    const gchar *value, *items;
} items[] = {
    {"", ""}, {"from", "from|"}, {" from : to\r\n :\tdate", "from|to|date|"},
    {"a::b:", "a||b||"}, {":", "||"},
};

START_TEST(test_items)
{
    g_autoptr(GString) found = g_string_new(NULL);
    BaridTagItems rest = barid_tag_items(barid_slice_from_text(items[_i].value));
    BaridSlice item;

    while (barid_tag_items_next(&rest, ':', &item))
        g_string_append_printf(found, "%.*s|", (int)item.len, (const gchar *)item.data);
    ck_assert_str_eq(found->str, items[_i].items);
}
END_TEST

static const struct {
    const gchar *value;
    gboolean ok;
    guint64 number;
} numbers[] = {
    {"0", TRUE, 0}, {"999999999999", TRUE, 999999999999}, {"007", TRUE, 7}, {"", FALSE, 0},
    {"1000000000000", FALSE, 0}, {"-1", FALSE, 0}, {"+1", FALSE, 0}, {"1 ", FALSE, 0},
    {"0x1", FALSE, 0},
};

START_TEST(test_number)
{
    guint64 number = 0;

    BaridSlice value = barid_slice_from_text(numbers[_i].value);

    ck_assert_int_eq(barid_tag_value_parse_number(value, &number), numbers[_i].ok);
    ck_assert_uint_eq(number, numbers[_i].number);
}
END_TEST

/* (bytes) NULL: it is refused. */
static const struct {
    const gchar *value, *bytes;
} codes[] = {
    {"", ""}, {"YQ==", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}, {"YW\r\n Jj\tZA =\r\n =", "abcd"},
    {"+/+/", "\xfb\xff\xbf"}, {"YQ", NULL}, {"YQ=", NULL}, {"Y===", NULL}, {"=", NULL},
    {"YQ=A", NULL}, {"YQ==YQ==", NULL}, {"YQ===", NULL},
    {"YWI==", NULL}, {"Y-Jj", NULL}, {"YWJj=", NULL},
    {"YWJj====", NULL}, {"YWI=\xff", NULL},
};

START_TEST(test_base64)
{
    const gchar *wanted = codes[_i].bytes;
    BaridSlice value = barid_slice_from_text(codes[_i].value);
    guint8 out[4];
    gsize len = 0;
    gboolean ok = barid_tag_value_decode_base64(value, out, sizeof out, &len);

    ck_assert_msg(ok == (wanted != NULL), "%s", codes[_i].value);
    if (wanted != NULL)
        ck_assert(barid_slice_equal_text(barid_slice(out, len), wanted));
}
END_TEST

/* What does not fit is refused, not cut. */
START_TEST(test_base64_room)
{
    guint8 out[4] = {0};
    gsize len = 0;

    ck_assert(barid_tag_value_decode_base64(BARID_SLICE_LITERAL("YWJjZA=="), out, 4, &len));
    ck_assert_uint_eq(len, 4);
    ck_assert(!barid_tag_value_decode_base64(BARID_SLICE_LITERAL("YWJjZGU="), out, 4, &len));
    ck_assert(!barid_tag_value_decode_base64(BARID_SLICE_LITERAL("YWJj"), out, 2, &len));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tag-list");
    TCase *cases = tcase_create("tag-list");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_list, 0, G_N_ELEMENTS(lists));
    tcase_add_test(cases, test_find);
    tcase_add_test(cases, test_too_many);
    tcase_add_loop_test(cases, test_items, 0, G_N_ELEMENTS(items));
    tcase_add_loop_test(cases, test_number, 0, G_N_ELEMENTS(numbers));
    tcase_add_loop_test(cases, test_base64, 0, G_N_ELEMENTS(codes));
    tcase_add_test(cases, test_base64_room);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
