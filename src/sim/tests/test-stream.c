/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a streaming hook sees is the message, however it was cut on its way: the module
 * "judge" hashes what it is given and refuses a message that is another in the end. Scripts
 * are made here, one transaction for each place to cut at.
 */
#include <check.h>
#include <stdlib.h>

#include "base/log.h"
#include "sim/dialogue.h"
#include "sim/folder.h"

static const gchar base_config[] =
    "[listener smtp]\n"
    "address = 127.0.0.1:2525\n"
    "tls = none\n"
    "[domain example.org]\n"
    "transport = judge\n"
    "[user alice]\n"
    "addresses = alice@example.org\n"
    "[module judge]\n"
    "enabled = yes\n";

/* As lines of DATA, dots stuffed; and as it is. */
static const struct {
    const gchar *what;
    const gchar *lines;
    const gchar *message;
    const gchar *streamed;
} rows[] = {
    {"folds and dots", "A: 1\r\nB: two\r\n folded\r\n\r\n..dot\r\n...\r\nbody\r\n",
     "A: 1\r\nB: two\r\n folded\r\n\r\n.dot\r\n..\r\nbody\r\n", "2 fields, 16 bytes"},
    {"no body", "A: 1\r\n", "A: 1\r\n", "1 fields, 0 bytes"},
    {"empty body", "A: 1\r\n\r\n", "A: 1\r\n\r\n", "1 fields, 0 bytes"},
    {"a line that is no field", "A: 1\r\nwhat is that\r\nB: 2\r\n",
     "A: 1\r\nwhat is that\r\nB: 2\r\n", "1 fields, 20 bytes"},
};

static void
put_raw(GString *script, const gchar *text, gsize len)
{
    g_string_append(script, "C-raw: ");
    for (gsize i = 0; i < len; i++) {
        if (text[i] == '\r')
            g_string_append(script, "\\r");
        else if (text[i] == '\n')
            g_string_append(script, "\\n");
        else
            g_string_append_c(script, text[i]);
    }
    g_string_append_c(script, '\n');
}

static void
put_begin(GString *script)
{
    g_string_append(script, "C: MAIL FROM:<s@client.example.net>\nS: 250\n"
                            "C: RCPT TO:<alice@example.org>\nS: 250\n");
}

/* Time passes between the parts, so that the server has taken the first before the second. */
static void
put_parts(GString *script, const gchar *text, gsize len, gsize cut)
{
    if (cut > 0) {
        put_raw(script, text, cut);
        g_string_append(script, "wait: 1ms\n");
    }
    if (cut < len)
        put_raw(script, text + cut, len - cut);
}

static void
put_data(GString *script, const gchar *lines, gsize cut)
{
    g_autofree gchar *text = g_strconcat(lines, ".\r\n", NULL);

    put_begin(script);
    g_string_append(script, "C: DATA\nS: 354\n");
    put_parts(script, text, strlen(text), cut);
    g_string_append(script, "S: 250 2.0.0\n");
}

static void
put_bdat_in_one(GString *script, const gchar *message, gsize cut)
{
    gsize len = strlen(message);

    put_begin(script);
    g_string_append_printf(script, "C: BDAT %zu LAST\n", len);
    put_parts(script, message, len, cut);
    g_string_append(script, "S: 250 2.0.0\n");
}

static void
put_bdat_in_two(GString *script, const gchar *message, gsize cut)
{
    gsize len = strlen(message);

    put_begin(script);
    g_string_append_printf(script, "C: BDAT %zu\n", cut);
    if (cut > 0)
        put_raw(script, message, cut);
    g_string_append_printf(script, "S: 250 2.6.0\nC: BDAT %zu LAST\n", len - cut);
    if (cut < len)
        put_raw(script, message + cut, len - cut);
    g_string_append(script, "S: 250 2.0.0\n");
}

static void
run_script(const GString *script)
{
    g_autofree gchar *folder = g_dir_make_tmp("barid-script-XXXXXX", NULL);
    g_autofree gchar *path = g_build_filename(folder, "script", NULL);
    g_autoptr(ConfigFiles) base = config_files_new_text("base", base_config);
    g_auto(DialogueReport) report = {.failures = NULL};

    ck_assert(g_file_set_contents(path, script->str, (gssize)script->len, NULL));
    dialogue_run(&(DialogueOptions){.path = path, .folder = folder, .base = base}, &report);
    sim_remove_folder(folder);
    if (report.failures->len > 0) {
        const DialogueFailure *failure = g_ptr_array_index(report.failures, 0);

        ck_abort_msg("line %u: %.600s", failure->line, failure->message);
    }
}

START_TEST(test_every_cut)
{
    g_autoptr(GString) script =
        g_string_new("connect\nS: 220\nC: EHLO client.example.net\nS-all: 250\n");

    for (gsize cut = 0; cut <= strlen(rows[_i].lines) + 2; cut++)
        put_data(script, rows[_i].lines, cut);
    for (gsize cut = 0; cut <= strlen(rows[_i].message); cut++) {
        put_bdat_in_one(script, rows[_i].message, cut);
        put_bdat_in_two(script, rows[_i].message, cut);
    }
    g_string_append_printf(script, "queued: \"streamed\":\"%s\"\n", rows[_i].streamed);
    run_script(script);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("stream");
    TCase *cases = tcase_create("stream");
    SRunner *runner = srunner_create(suite);
    int failed;

    log_set_level(BARID_LOG_WARNING);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, test_every_cut, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
