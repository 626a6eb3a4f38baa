/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "conf/rule-reasons.h"
#include "conf/settings.h"

typedef struct {
    gboolean flag;
    gint64 number, size, duration, bounded, unset;
    BaridRate rate;
    gchar *text;
    gint word;
    gchar **list;
    GArray *durations;
    gchar *path;
    gchar *secret;
    gpointer store;
    gchar **networks;
    BaridRule *condition;
    BaridRule *count, *level, *volume, *pause;
    BaridRule *waits, *names;
} Fruit;

static const gchar *const fruit_words[] = {"apple", "pear", "plum", NULL};

static const BaridSetting fruit_settings[] = {
    BARID_SETTING_BOOL("flag", Fruit, flag, "no", "A flag."),
    BARID_SETTING_INTEGER("number", Fruit, number, "7", "A number.", 0, 0),
    BARID_SETTING_INTEGER("bounded", Fruit, bounded, "-3", "A bounded number.", -5, 10),
    BARID_SETTING_INTEGER("unset", Fruit, unset, "", "Nothing.", 0, 0),
    BARID_SETTING_SIZE("size", Fruit, size, "10M", "A size."),
    BARID_SETTING_DURATION("duration", Fruit, duration, "5min", "A duration."),
    BARID_SETTING_RATE("rate", Fruit, rate, "25/1h", "A rate."),
    BARID_SETTING_TEXT("text", Fruit, text, "hello", "A text."),
    BARID_SETTING_ENUM("word", Fruit, word, "pear", "A word.", fruit_words),
    BARID_SETTING_LIST("list", Fruit, list, "a, b", "A list."),
    BARID_SETTING_DURATIONS("durations", Fruit, durations, "1min, 2h", "Some durations."),
    BARID_SETTING_PATH("path", Fruit, path, "spool", "A path.", BARID_SETTING_PATH_WRITE),
    BARID_SETTING_SECRET("secret", Fruit, secret, "", "A secret."),
    BARID_SETTING_STORE("store", Fruit, store, "", "A store."),
    BARID_SETTING_NETWORKS("networks", Fruit, networks, "127.0.0.0/8, ::1", "Networks."),
    BARID_SETTING_CONDITION("condition", Fruit, condition, "", "A condition.",
                            BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_INTEGER("count", Fruit, count, "1", "A rule.", BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_INTEGER_IN("level", Fruit, level, "1", "A bounded rule.",
                                  BARID_KNOWN_ALWAYS, 1, 10),
    BARID_SETTING_RULE_SIZE_IN("volume", Fruit, volume, "1K", "A bounded size.",
                               BARID_KNOWN_ALWAYS, 1024, 1024 * 1024),
    BARID_SETTING_RULE_DURATION_IN("pause", Fruit, pause, "1min", "A bounded duration.",
                                   BARID_KNOWN_ALWAYS, 1000, 3600000),
    BARID_SETTING_RULE_DURATIONS("waits", Fruit, waits, "1min, 2h", "Some waits.",
                                 BARID_SETTING_NEEDS_ENTRY, BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_LIST("names", Fruit, names, "apple", "Some names.", fruit_words,
                            BARID_KNOWN_ALWAYS),
    BARID_SETTING_END,
};

typedef struct {
    ConfigFiles *files;
    ConfigProblems *problems;
    ConfigTree *tree;
    SettingsContext context;
    Fruit fruit;
    gboolean is_valid;
    gchar *text;
} Bound;

static gpointer
resolve_store(const gchar *text, gpointer data, GError **error)
{
    if (strcmp(text, "main") == 0)
        return data;
    g_set_error(error, BARID_ERROR, BARID_ERROR_NOT_FOUND, "there is no store %s", text);
    return NULL;
}

static void
bound_init(Bound *self, const gchar *line)
{
    g_autofree gchar *text = g_strdup_printf("[fruit]\n%s\n", line);

    memset(self, 0, sizeof *self);
    self->files = config_files_new_text("f", text);
    self->problems = config_problems_new();
    self->tree = config_tree_parse(self->files, self->problems);
    settings_context_init(&self->context, self->tree, self->problems, "/var/lib/barid");
    self->is_valid = settings_bind(&self->context, config_tree_find(self->tree, "fruit", NULL),
                                   "fruit", fruit_settings, sizeof(BaridSetting), &self->fruit);
    self->text = config_problems_to_text(self->problems);
}

static void
bound_clear(Bound *self)
{
    static const Fruit empty;

    settings_clear(fruit_settings, sizeof(BaridSetting), &self->fruit);
    ck_assert_int_eq(memcmp(&self->fruit, &empty, sizeof empty), 0);
    settings_context_clear(&self->context);
    config_tree_free(self->tree);
    config_problems_free(self->problems);
    config_files_free(self->files);
    g_free(self->text);
}

START_TEST(test_defaults)
{
    Bound bound;

    bound_init(&bound, "");
    ck_assert_str_eq(bound.text, "");
    ck_assert(bound.is_valid);
    ck_assert(!bound.fruit.flag);
    ck_assert_int_eq(bound.fruit.number, 7);
    ck_assert_int_eq(bound.fruit.bounded, -3);
    ck_assert_int_eq(bound.fruit.unset, 0);
    ck_assert_int_eq(bound.fruit.size, 10 << 20);
    ck_assert_int_eq(bound.fruit.duration, 300000);
    ck_assert_int_eq(bound.fruit.rate.count, 25);
    ck_assert_int_eq(bound.fruit.rate.period_ms, 3600000);
    ck_assert_str_eq(bound.fruit.text, "hello");
    ck_assert_int_eq(bound.fruit.word, 1);
    ck_assert_uint_eq(g_strv_length(bound.fruit.list), 2);
    ck_assert_uint_eq(bound.fruit.durations->len, 2);
    ck_assert_int_eq(g_array_index(bound.fruit.durations, gint64, 1), 7200000);
    ck_assert_str_eq(bound.fruit.path, "/var/lib/barid/spool");
    ck_assert_ptr_null(bound.fruit.secret);
    ck_assert_ptr_null(bound.fruit.store);
    ck_assert_uint_eq(g_strv_length(bound.fruit.networks), 2);
    ck_assert_ptr_null(bound.fruit.condition);
    bound_clear(&bound);
}
END_TEST

START_TEST(test_values)
{
    Bound bound;

    settings_set_resolver(BARID_TYPE_STORE, resolve_store, (gpointer)"store");
    bound_init(&bound,
               "flag = yes\nnumber = 9\nbounded = 10\nsize = 1K\nduration = 0\nrate = none\n"
               "text = \"a \\\"b\\\"\"\nword = plum\nlist =\ndurations = 1s\n"
               "path = ../x//y\nsecret = \"s3\"\nstore = main\nnetworks = 10.0.0.0/8");
    ck_assert_str_eq(bound.text, "");
    ck_assert(bound.is_valid);
    ck_assert(bound.fruit.flag);
    ck_assert_int_eq(bound.fruit.number, 9);
    ck_assert_int_eq(bound.fruit.bounded, 10);
    ck_assert_int_eq(bound.fruit.size, 1024);
    ck_assert_int_eq(bound.fruit.duration, 0);
    ck_assert_int_eq(bound.fruit.rate.count, 0);
    ck_assert_str_eq(bound.fruit.text, "a \"b\"");
    ck_assert_int_eq(bound.fruit.word, 2);
    ck_assert_ptr_nonnull(bound.fruit.list);
    ck_assert_ptr_null(bound.fruit.list[0]);
    ck_assert_uint_eq(bound.fruit.durations->len, 1);
    ck_assert_str_eq(bound.fruit.path, "/var/lib/x/y");
    ck_assert_str_eq(bound.fruit.secret, "s3");
    ck_assert_str_eq(bound.fruit.store, "store");
    ck_assert_str_eq(bound.fruit.networks[0], "10.0.0.0/8");
    bound_clear(&bound);
    settings_set_resolver(BARID_TYPE_STORE, NULL, NULL);
}
END_TEST

static const struct {
    const gchar *line;
    const gchar *problem;
} bad_rows[] = {
    {"flag = maybe", "f:2:8: [fruit] flag: write yes or no\n    flag = maybe\n           ^~~~~\n"},
    {"flag = true", "write yes or no"},
    {"flag =", "write yes or no"},
    {"number = -1", "the number must not be negative"},
    {"number = 1K", "a number is expected: write a whole number such as 25"},
    {"number =", "a value is expected"},
    {"bounded = 11", "f:2:11: [fruit] bounded: the value must be from -5 to 10"},
    {"bounded = -6", "the value must be from -5 to 10"},
    {"size = 5MB", "the unit is not known here: write a size such as 512K"},
    {"size = 99999999999G", "the number is too large"},
    {"duration = 5", "write a duration such as 30s, 5min, 2h or 7d"},
    {"duration = 5 min", "write a duration"},
    {"rate = 5", "write a rate such as 25/1h or 10/s, or none"},
    {"word = grape", "f:2:8: [fruit] word: write one of: apple, pear, plum"},
    {"list = a,,b", "an entry of the list is empty"},
    {"list = \"a", "the closing \" is missing"},
    {"durations = 1s, 2x, 3s", "f:2:17: [fruit] durations: the unit is not known here"},
    {"networks = 10.0.0.0/8,\n  192.0.2.1/24", "f:3:3: [fruit] networks: write an address"},
    {"store = main", "stores are not available in this version"},
    {"text = \"a\" b", "f:2:12: [fruit] text: text after the closing quote"},
    {"secret = \"\\q\"", "f:2:11: [fruit] secret: after \\ inside quotes"},
    {"count = -1", "f:2:9: [fruit] count: the number must not be negative"},
    {"level = 11", "f:2:9: [fruit] level: the value must be from 1 to 10"},
    {"level = if \"a\" == \"b\" then 0 else 3",
     "f:2:28: [fruit] level: the value must be from 1 to 10"},
    {"level = if \"a\" == \"b\" then 3 else\n  11",
     "f:3:3: [fruit] level: the value must be from 1 to 10"},
    {"volume = if \"a\" == \"b\" then 2M else 1K",
     "f:2:29: [fruit] volume: the value must be from 1K to 1M\n"
     "    volume = if \"a\" == \"b\" then 2M else 1K\n"
     "                                ^~\n"},
    {"pause = if \"a\" == \"b\" then 1h else if \"c\" == \"d\" then 500ms else 1s",
     "f:2:55: [fruit] pause: the value must be from 1s to 1h"},
    {"waits = 1min, 2x", "f:2:15: [fruit] waits: the unit is not known here: write durations"},
    {"waits = if 1 == 2 then 1min, 5 else 3h", "f:2:30: [fruit] waits: "},
    {"waits = if 1 == 2 then 1min,, 5s else 3h", "f:2:29: [fruit] waits: an entry of the list"},
    {"waits =", "f:2:8: [fruit] waits: a value is expected here"},
    {"waits = if 1 == 2 then none else 3h", "f:2:24: [fruit] waits: at least one entry"},
    {"names = if 1 == 2 then apple, grape else pear",
     "f:2:31: [fruit] names: write some of: apple, pear, plum; or none"},
    {"names = apple, \"pe", "closing"},
    {"number.shadow = 8", "f:2:1: [fruit] number.shadow: number takes no rule, so that nothing"},
    {"level.shadow = 11", "f:2:16: [fruit] level.shadow: the value must be from 1 to 10"},
    {"level.shadow = if x then 1 else 2", "f:2:19: [fruit] level.shadow: there is no variable x"},
    {"volume.shadow = 5min", "f:2:17: [fruit] volume.shadow: the unit is not known here"},
    {"condition.shadow = 1 < 2", "f:2:1: [fruit] condition.shadow: there is nothing to compare"},
    {"level = 11\nlevel.shadow = 3", "f:2:9: [fruit] level: the value must be from 1 to 10"},
    {"tetx = a", NULL},
};

START_TEST(test_bad)
{
    Bound bound;

    bound_init(&bound, bad_rows[_i].line);
    if (bad_rows[_i].problem == NULL) {
        g_autofree gchar *text = NULL;

        config_tree_report_unknown(bound.tree, bound.problems);
        text = config_problems_to_text(bound.problems);
        ck_assert_ptr_nonnull(strstr(text, "there is no setting tetx; did you mean text?"));
    } else {
        ck_assert(!bound.is_valid);
        ck_assert_msg(strstr(bound.text, bad_rows[_i].problem) != NULL, "%s", bound.text);
        ck_assert_uint_eq(config_problems_get_count(bound.problems), 1);
    }
    bound_clear(&bound);
}
END_TEST

START_TEST(test_all_problems)
{
    Bound bound;

    bound_init(&bound, "flag = x\nnumber = x\nlist = a,,b,,c\nnetworks = x, y, ::1");
    ck_assert_uint_eq(config_problems_get_count(bound.problems), 6);
    bound_clear(&bound);
    /* Each branch of a rule, and the bounds themselves are allowed. */
    bound_init(&bound, "level = if \"a\" == \"b\" then 0 else if \"c\" == \"d\" then 11 else -1");
    ck_assert_uint_eq(config_problems_get_count(bound.problems), 3);
    bound_clear(&bound);
    bound_init(&bound, "level = if \"a\" == \"b\" then 1 else 10\nvolume = 1M\npause = 1s");
    ck_assert_msg(bound.is_valid, "%s", bound.text);
    bound_clear(&bound);
}
END_TEST

static const EffectiveSetting *
find_effective(const SettingsContext *context, const gchar *key)
{
    for (guint i = 0; i < context->effective->len; i++) {
        const EffectiveSetting *effective = g_ptr_array_index(context->effective, i);

        if (strcmp(effective->key, key) == 0)
            return effective;
    }
    return NULL;
}

START_TEST(test_effective)
{
    g_autoptr(GString) json = g_string_new(NULL);
    JsonWriter writer;
    Bound bound;

    bound_init(&bound, "number = 8 # eight\nsecret = hush");
    ck_assert_uint_eq(bound.context.effective->len, G_N_ELEMENTS(fruit_settings) - 1);
    ck_assert_str_eq(find_effective(&bound.context, "number")->value, "8");
    ck_assert_uint_eq(find_effective(&bound.context, "number")->position.line, 2);
    ck_assert_str_eq(find_effective(&bound.context, "number")->section, "fruit");
    ck_assert_str_eq(find_effective(&bound.context, "size")->value, "10M");
    ck_assert_ptr_null(find_effective(&bound.context, "size")->position.file);
    ck_assert_str_eq(find_effective(&bound.context, "secret")->value, "(secret)");
    ck_assert_ptr_eq(find_effective(&bound.context, "flag")->setting, &fruit_settings[0]);
    json_writer_init(&writer, json);
    json_writer_begin_object(&writer, NULL);
    settings_effective_to_json(&bound.context, &writer);
    json_writer_end_object(&writer);
    ck_assert_ptr_null(strstr(json->str, "hush"));
    ck_assert_ptr_nonnull(strstr(json->str, "\"value\":\"8\",\"file\":\"f\",\"line\":2,"));
    bound_clear(&bound);
}
END_TEST

START_TEST(test_mandatory)
{
    static const BaridSetting table[] = {
        BARID_SETTING_TEXT("host", Fruit, text, NULL, "The host's name."),
        BARID_SETTING_END,
    };
    g_autoptr(ConfigFiles) files = config_files_new_text("f", "\n[host]\n");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    g_autofree gchar *text = NULL;
    SettingsContext context;
    Fruit fruit = {0};

    settings_context_init(&context, tree, problems, NULL);
    ck_assert(!settings_bind(&context, config_tree_find(tree, "host", NULL), "host", table,
                             sizeof(BaridSetting), &fruit));
    ck_assert(!settings_bind(&context, NULL, "module x", table, sizeof(BaridSetting), &fruit));
    text = config_problems_to_text(problems);
    ck_assert_ptr_nonnull(strstr(text, "f:2:1: [host] host: this setting is needed"));
    ck_assert_msg(g_str_has_suffix(text, "\n    [host]\n    ^~~~~~\n"), "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "[module x] host: this setting is needed"));
    settings_clear(table, sizeof(BaridSetting), &fruit);
    settings_context_clear(&context);
}
END_TEST

typedef struct {
    BaridRule *condition, *flag, *number, *size, *duration, *text, *empty;
} Ruled;

static const BaridSetting ruled_settings[] = {
    BARID_SETTING_CONDITION("condition", Ruled, condition, "yes or no", "A.", BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_BOOL("flag", Ruled, flag, "if yes then no else yes", "B.",
                            BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_INTEGER("number", Ruled, number, "7", "C.", BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_SIZE("size", Ruled, size, "", "D.", BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_DURATION("duration", Ruled, duration, "1h", "E.", BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_TEXT("text", Ruled, text, "\"a b\"", "F.", BARID_KNOWN_ALWAYS),
    BARID_SETTING_RULE_TEXT("empty", Ruled, empty, "", "G.", BARID_KNOWN_ALWAYS),
    BARID_SETTING_END,
};

static const struct {
    const gchar *text;
    gboolean condition, flag;
    gint64 number, size, duration;
    const gchar *value;
    const gchar *problem; /* NULL for none */
} ruled_rows[] = {
    {"", TRUE, FALSE, 7, 0, 3600000, "a b", NULL},
    {"condition = no\nflag = yes\nnumber = if 1 < 2 then 3 else 4\nsize =\nduration = 0\n"
     "text = if \"x\" in list \"l\" then in\n  else out\n[list l]\nentries = x, y\n",
     FALSE, TRUE, 3, 0, 0, "in", NULL},
    {"number = if 1 < 2 then 3\n", TRUE, FALSE, 0, 0, 3600000, "a b",
     "f:2:25: [r] number: the rule has no else"},
    {"text = \"open\n", TRUE, FALSE, 7, 0, 3600000, "", "f:2:8: [r] the closing \" is missing"},
    {"number =\n", TRUE, FALSE, 0, 0, 3600000, "a b", "a value is expected here"},
};

START_TEST(test_rules)
{
    g_autofree gchar *config = g_strconcat("[r]\n", ruled_rows[_i].text, NULL);
    g_autoptr(ConfigFiles) files = config_files_new_text("f", config);
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = config_tree_parse(files, problems);
    g_autofree gchar *text = NULL;
    g_autofree gchar *value = NULL;
    g_autofree gchar *empty = NULL;
    SettingsContext context;
    Ruled ruled = {0};
    gboolean is_valid;

    settings_context_init(&context, tree, problems, NULL);
    is_valid = settings_bind(&context, config_tree_find(tree, "r", NULL), "r", ruled_settings,
                             sizeof(BaridSetting), &ruled);
    text = config_problems_to_text(problems);
    value = barid_rule_eval_text(ruled.text, NULL);
    empty = barid_rule_eval_text(ruled.empty, NULL);
    ck_assert_msg(is_valid == (ruled_rows[_i].problem == NULL), "%s", text);
    ck_assert_uint_eq(config_problems_get_count(problems), is_valid ? 0 : 1);
    if (!is_valid)
        ck_assert_msg(strstr(text, ruled_rows[_i].problem) != NULL, "%s", text);
    ck_assert_int_eq(barid_rule_eval_bool(ruled.condition, NULL), ruled_rows[_i].condition);
    ck_assert_int_eq(barid_rule_eval_bool(ruled.flag, NULL), ruled_rows[_i].flag);
    ck_assert_int_eq(barid_rule_eval_integer(ruled.number, NULL), ruled_rows[_i].number);
    ck_assert_int_eq(barid_rule_eval_size(ruled.size, NULL), ruled_rows[_i].size);
    ck_assert_int_eq(barid_rule_eval_duration(ruled.duration, NULL), ruled_rows[_i].duration);
    ck_assert_str_eq(value, ruled_rows[_i].value);
    ck_assert_str_eq(empty, "");
    settings_clear(ruled_settings, sizeof(BaridSetting), &ruled);
    ck_assert_ptr_null(ruled.text);
    settings_context_clear(&context);
}
END_TEST

/* --- shadows --- */

static guint n_noted;
static gboolean shadows_allowed;

static gboolean
allow_shadow(const BaridScope *scope)
{
    (void)scope;
    return shadows_allowed;
}

static void
note_shadow(BaridScope *scope, const RuleShadowDifference *difference)
{
    (void)scope;
    n_noted++;
    ck_assert_str_eq(difference->area, "fruit");
    ck_assert_str_eq(difference->key, "volume");
    ck_assert_str_eq(difference->value, "2K");
    ck_assert_str_eq(difference->shadow_value, "3K");
    ck_assert_uint_eq(difference->rule.line, 2);
    ck_assert_uint_eq(difference->shadow_rule.line, 3);
    ck_assert_uint_eq(difference->shadow_rule.column, 40);
}

static gchar *
dup_tally(const BaridRule *rule)
{
    g_autoptr(GString) json = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, json);
    json_writer_begin_object(&writer, NULL);
    tally_write(rule_get_shadow_tally(rule), &writer);
    json_writer_end_object(&writer);
    return g_string_free(g_steal_pointer(&json), FALSE);
}

START_TEST(test_lists)
{
    const gchar *const *names;
    const gint64 *ms;
    Bound bound;

    bound_init(&bound, "waits = if 1 == 2 then 1s else 2s, 3min ,\n  4h\n"
                       "names = if 1 == 1 then \"pear\" , PLUM else none");
    ck_assert_msg(bound.is_valid, "%s", bound.text);
    ck_assert_uint_eq(barid_rule_eval_durations(bound.fruit.waits, NULL, &ms), 3);
    ck_assert_int_eq(ms[0], 2000);
    ck_assert_int_eq(ms[1], 180000);
    ck_assert_int_eq(ms[2], 14400000);
    names = barid_rule_eval_list(bound.fruit.names, NULL);
    ck_assert_str_eq(names[0], "pear");
    ck_assert_str_eq(names[1], "plum");
    ck_assert_ptr_null(names[2]);
    bound_clear(&bound);
    bound_init(&bound, "names =\nnames.shadow = pear, plum\nwaits.shadow = 1min, 2h");
    ck_assert_msg(bound.is_valid, "%s", bound.text);
    ck_assert_uint_eq(barid_rule_eval_durations(bound.fruit.waits, NULL, &ms), 2);
    ck_assert_ptr_null(barid_rule_eval_list(bound.fruit.names, NULL)[0]);
    bound.text = (g_free(bound.text), dup_tally(bound.fruit.names));
    ck_assert_ptr_nonnull(strstr(bound.text, "\"from\":\"none\",\"to\":\"pear, plum\""));
    bound.text = (g_free(bound.text), dup_tally(bound.fruit.waits));
    ck_assert_ptr_nonnull(strstr(bound.text, "\"evaluated\":1,\"different\":0"));
    bound_clear(&bound);
}
END_TEST

START_TEST(test_shadow)
{
    g_autofree gchar *tally = NULL;
    const RuleReasons *reasons;
    Bound bound;

    bound_init(&bound, "volume = 2K\n"
                       "volume.shadow = if 1 == 2 then 2K else if 1 == 1 then 3K else 2K\n"
                       "count = if 1 == 1 then 4 else 5\ncount.shadow = 4");
    ck_assert_msg(bound.is_valid, "%s", bound.text);
    ck_assert_ptr_null(rule_get_shadow(bound.fruit.level));
    rule_shadow_register(allow_shadow, note_shadow);
    n_noted = 0;
    shadows_allowed = TRUE;
    ck_assert_int_eq(barid_rule_eval_size(bound.fruit.volume, NULL), 2048);
    ck_assert_int_eq(rule_eval_explained(bound.fruit.volume, NULL, NULL, &reasons), 2048);
    ck_assert_uint_eq(reasons->position.line, 2);
    ck_assert_uint_eq(reasons->branch, 0);
    ck_assert_str_eq(reasons->setting, "fruit volume");
    shadows_allowed = FALSE;
    ck_assert_int_eq(barid_rule_eval_size(bound.fruit.volume, NULL), 2048);
    ck_assert_uint_eq(n_noted, 2);
    tally = dup_tally(bound.fruit.volume);
    ck_assert_str_eq(tally, "{\"evaluated\":2,\"different\":2,\"changes\":[{\"from\":\"2K\","
                            "\"to\":\"3K\",\"count\":2}],\"other_changes\":0}");
    shadows_allowed = TRUE;
    ck_assert_int_eq(barid_rule_eval_integer(bound.fruit.count, NULL), 4);
    ck_assert_uint_eq(n_noted, 2);
    g_free(tally);
    tally = dup_tally(bound.fruit.count);
    ck_assert_ptr_nonnull(strstr(tally, "\"evaluated\":1,\"different\":0,\"changes\":[]"));
    ck_assert_str_eq(find_effective(&bound.context, "count")->shadow, "4");
    ck_assert_uint_eq(find_effective(&bound.context, "count")->shadow_position.line, 5);
    ck_assert_ptr_null(find_effective(&bound.context, "level")->shadow);
    ck_assert_ptr_eq(find_effective(&bound.context, "level")->rule, bound.fruit.level);
    rule_shadow_register(NULL, NULL);
    config_tree_report_unknown(bound.tree, bound.problems);
    ck_assert_uint_eq(config_problems_get_count(bound.problems), 0);
    bound_clear(&bound);
}
END_TEST

START_TEST(test_types)
{
    ck_assert(settings_type_is_rule(BARID_TYPE_CONDITION));
    ck_assert(settings_type_is_rule(BARID_TYPE_RULE_TEXT));
    ck_assert(!settings_type_is_rule(BARID_TYPE_NETWORKS));
    ck_assert_str_eq(settings_type_describe(&fruit_settings[4]), "size");
    ck_assert_str_eq(settings_type_describe(&fruit_settings[5]), "duration");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_values);
    tcase_add_loop_test(tcase, test_bad, 0, G_N_ELEMENTS(bad_rows));
    tcase_add_test(tcase, test_all_problems);
    tcase_add_test(tcase, test_effective);
    tcase_add_test(tcase, test_mandatory);
    tcase_add_loop_test(tcase, test_rules, 0, G_N_ELEMENTS(ruled_rows));
    tcase_add_test(tcase, test_lists);
    tcase_add_test(tcase, test_shadow);
    tcase_add_test(tcase, test_types);
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
