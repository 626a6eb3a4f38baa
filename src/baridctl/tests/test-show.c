/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for people: what is said, and what is not. */
#include <check.h>
#include <stdlib.h>

#include "baridctl/show.h"

static gchar *
show_to_text(const gchar *verb, const gchar *json)
{
    Show show = {.bold = "", .good = "", .bad = "", .dim = "", .plain = ""};
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_from_string(json, &error);
    char *text = NULL;
    size_t len = 0;
    gchar *copy;

    ck_assert_msg(node != NULL, "%s: %s", json, error != NULL ? error->message : "");
    show.out = open_memstream(&text, &len);
    show_answer(&show, verb, json_node_get_object(node));
    (void)fclose(show.out);
    copy = g_strdup(text);
    free(text);
    return copy;
}

#define RULE(verdict) \
    "\"decisions\":[{\"stage\":\"rcpt\",\"source\":\"m\",\"verdict\":\"" verdict \
    "\",\"file\":\"f.conf\",\"line\":7}]"
#define LOOK_UP(verdict) \
    "\"decisions\":[{\"stage\":\"rcpt\",\"source\":\"rule\",\"verdict\":\"" verdict \
    "\",\"reason\":\"look-up-failed\",\"file\":\"f.conf\",\"line\":7}]"
#define NOT_WANTED(stage) \
    "{\"stage\":\"" stage "\",\"source\":\"m\",\"verdict\":\"continue\"," \
    "\"reason\":\"not-wanted\"}"
#define MESSAGE(status, recipient, attempts, decisions)                                  \
    "{\"messages\":[{\"id\":\"x\",\"status\":\"" status "\",\"recipients\":[{\"address\":" \
    "\"a@b\",\"status\":\"" recipient "\",\"attempts\":" attempts "}]," decisions "}]}"

static const struct {
    const gchar *what;
    const gchar *verb;
    const gchar *answer;
    const gchar *wanted;   /* or NULL */
    const gchar *unwanted; /* or NULL */
} rows[] = {
    {"no remedy for a delivered message", "explain",
     MESSAGE("delivered", "delivered", "1", RULE("continue")), "Message x", "What would change it"},
    {"nor for one not tried yet", "explain", MESSAGE("queued", "pending", "0", RULE("continue")),
     "Message x", "What would change it"},
    {"a deferred one can be tried", "explain", MESSAGE("queued", "pending", "1", RULE("continue")),
     "queue retry x", "f.conf:7 decided"},
    {"a held one can be released", "explain", MESSAGE("held", "pending", "0", RULE("hold")),
     "queue release x", NULL},
    {"its module is named", "explain", MESSAGE("held", "pending", "0", RULE("hold")),
     "the module m decided: barid-m(5)", "come again"},
    {"a deferral is not the end", "explain",
     "{\"sessions\":[{\"id\":\"s\"," RULE("defer") "}]}",
     "come again later", NULL},
    {"the rules that a module asked", "explain",
     "{\"sessions\":[{\"id\":\"s\",\"decisions\":[{\"stage\":\"mail\",\"source\":\"m\","
     "\"verdict\":\"reject\",\"file\":\"f.conf\",\"line\":7,\"rules\":[{\"setting\":\"module m k\","
     "\"value\":\"strict\",\"file\":\"f.conf\",\"line\":8}]}]}]}",
     "the setting \"module m k\" gave strict, at f.conf:8; another branch", NULL},
    {"its rule is named", "explain", MESSAGE("held", "pending", "0", LOOK_UP("hold")),
     "the rule at f.conf:7 decided", "the module"},
    {"who had nothing to say", "explain", MESSAGE("held", "pending", "0", RULE("continue")),
     "(not shown: 1 that let it go on", "f.conf:7"},
    {"unless it took long", "explain",
     "{\"sessions\":[{\"id\":\"s\",\"decisions\":[{\"stage\":\"mail\",\"source\":\"m\","
     "\"verdict\":\"continue\",\"duration_us\":100000}]}]}",
     "continue, which took 100 ms\n", "not shown"},
    {"a module that is not wanted, once", "explain",
     "{\"sessions\":[{\"id\":\"s\",\"decisions\":[" NOT_WANTED("ehlo") "," NOT_WANTED("mail")
     "]}]}",
     "mail      m          continue: not-wanted", "ehlo"},
    {"a failed one is gone", "explain", MESSAGE("failed", "failed", "1", RULE("continue")),
     "nothing: it has left the queue", NULL},
    {"a cancelled one", "explain", MESSAGE("cancelled", "pending", "0", RULE("continue")),
     "an administrator removed it", NULL},
    {"a session that was refused", "explain",
     "{\"sessions\":[{\"id\":\"s\"," RULE("reject") "}]}", "What would change it", NULL},
    {"a session that was not", "explain", "{\"sessions\":[{\"id\":\"s\"," RULE("continue") "}]}",
     "Session s", "What would change it"},
    {"the search was cut", "explain",
     "{\"sessions\":[{\"id\":\"s\"}],\"truncated\":true,\"scanned\":500}",
     "Only the newest 500 records", NULL},
    {"the search was not cut", "explain",
     "{\"sessions\":[{\"id\":\"s\"}],\"truncated\":false,\"scanned\":500}", NULL, "Only"},
    {"no hooks", "modules order", "{\"hooks\":[]}", "No module that is loaded has a hook", "STAGE"},
    {"hooks", "modules order", "{\"hooks\":[{\"module\":\"m\",\"stage\":\"rcpt\"}]}", "STAGE",
     "No module"},
    {"no modules", "modules", "{\"modules\":[]}", "No module is loaded", "MODE"},
    {"what modules' hooks cost", "modules",
     "{\"modules\":[{\"name\":\"m\",\"hooks\":["
     "{\"stage\":\"rcpt\",\"phase\":\"early\",\"calls\":3,"
     "\"rejects\":2,\"computing_us\":60,\"waiting_us\":90000,\"stack_own_bytes\":4096}]}]}",
     "early      3       0       0        2     20 us  30 ms  4 KiB", NULL},
    {"a hook that was never called", "modules list",
     "{\"modules\":[{\"name\":\"m\",\"hooks\":[{\"stage\":\"rcpt\",\"calls\":0}]}]}",
     "-      -      -", "KiB"},
    {"a module without hooks", "modules list", "{\"modules\":[{\"name\":\"m\",\"hooks\":[]}]}", "m",
     "CALLS"},
    {"a module's version and package", "modules",
     "{\"modules\":["
     "{\"name\":\"m\",\"version\":\"2.3\",\"package\":\"p-m\",\"state\":\"running\"}]}",
     "m       2.3      p-m      running", NULL},
    {"what a module needs", "modules",
     "{\"modules\":[{\"name\":\"m\",\"needs\":[\"reads-body\",\"may-reject\"]}]}",
     "m       reads-body, may-reject", NULL},
    {"a socket of the service manager", "status",
     "{\"listeners\":[{\"name\":\"l\",\"addresses\":[\"a:1\",\"b:2\"],\"passed\":[\"b:2\"]}]}",
     "listens on   a:1, b:2 (l)\n             of the service manager: b:2\n", NULL},
    {"only sockets of its own", "status",
     "{\"listeners\":[{\"name\":\"l\",\"addresses\":[\"a:1\"],\"passed\":[]}]}",
     "listens on   a:1 (l)\n", "service manager"},
};

START_TEST(test_show)
{
    g_autofree gchar *text = show_to_text(rows[_i].verb, rows[_i].answer);

    if (rows[_i].wanted != NULL)
        ck_assert_msg(strstr(text, rows[_i].wanted) != NULL, "%s: no \"%s\" in:\n%s",
                      rows[_i].what, rows[_i].wanted, text);
    if (rows[_i].unwanted != NULL)
        ck_assert_msg(strstr(text, rows[_i].unwanted) == NULL, "%s: \"%s\" in:\n%s",
                      rows[_i].what, rows[_i].unwanted, text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("show");
    TCase *cases = tcase_create("show");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_show, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
