/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile configuration text and packed configurations: parse, read every value in each of
 * its forms, report what is unknown, print the problems. */
#include <stdint.h>

#include "base/json-writer.h"
#include "conf/config-tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
fuzz_read_value(ConfigValue *value, ConfigProblems *problems)
{
    BaridSlice raw = config_value_get_raw(value);

    config_value_get_text(value, problems);
    config_value_get_list(value, problems);
    for (gsize offset = 0; offset <= raw.len + 1; offset += 7) {
        ConfigPosition position = config_value_locate(value, offset);

        g_assert(position.line > 0 && position.column > 0);
        g_assert(config_value_get_source_line(value, offset) != NULL);
    }
    config_value_report(value, problems, raw.len, 3, "end");
}

static void
fuzz_read_section(ConfigTree *tree, ConfigSection *section, ConfigProblems *problems)
{
    for (guint i = 0; i < config_section_get_n_keys(section); i += 2) {
        const gchar *key = config_section_get_key(section, i);

        config_tree_declare(tree, config_section_get_label(section), key);
        fuzz_read_value(config_section_use(section, key), problems);
    }
}

static void
fuzz_print(ConfigProblems *problems)
{
    g_autofree gchar *text = config_problems_to_text(problems);
    g_autoptr(GString) json = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, json);
    json_writer_begin_object(&writer, NULL);
    config_problems_to_json(problems, &writer);
    json_writer_end_object(&writer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const gchar *const kinds[] = {"queue", "listener", "module", "a"};
    g_autoptr(ConfigFiles) packed = config_files_unpack(barid_slice(data, len), NULL);
    g_autoptr(ConfigFiles) files = config_files_new_text("first", "[queue]\nmax = 1\n");
    g_autoptr(ConfigProblems) problems = config_problems_new();
    g_autoptr(ConfigTree) tree = NULL;

    config_files_append(files, "f", barid_slice(data, len));
    tree = config_tree_parse(packed != NULL ? packed : files, problems);
    for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
        ConfigSection *section;

        for (guint i = 0; (section = config_tree_get_nth(tree, kinds[k], i)) != NULL; i++)
            fuzz_read_section(tree, section, problems);
    }
    config_tree_report_unknown(tree, problems);
    fuzz_print(problems);
    return 0;
}
