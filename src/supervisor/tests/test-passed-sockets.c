/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"
#include "supervisor/passed-sockets.h"

/* --- the environment --- */

static const struct {
    const gchar *what, *pid, *fds, *names;
    guint count;
    const gchar *last_name; /* NULL: there are none */
    gboolean has_problem;
} parse_rows[] = {
    {"nothing", NULL, NULL, NULL, 0, NULL, FALSE},
    {"no process", NULL, "1", NULL, 0, NULL, FALSE},
    {"no number", "77", NULL, "smtp", 0, NULL, FALSE},
    {"another process", "78", "1", NULL, 0, NULL, FALSE},
    {"another process with nonsense", "78", "x", NULL, 0, NULL, FALSE},
    {"one", "77", "1", NULL, 1, NULL, FALSE},
    {"none", "77", "0", "", 0, NULL, FALSE},
    {"named", "77", "2", "smtp:submission", 2, "submission", FALSE},
    {"empty name", "77", "2", "smtp:", 2, "", FALSE},
    {"empty process", "", "1", NULL, 0, NULL, TRUE},
    {"process of letters", "seven", "1", NULL, 0, NULL, TRUE},
    {"process with more", "77 ", "1", NULL, 0, NULL, TRUE},
    {"negative process", "-77", "1", NULL, 0, NULL, TRUE},
    {"process 0", "0", "1", NULL, 0, NULL, TRUE},
    {"huge process", "99999999999999999999", "1", NULL, 0, NULL, TRUE},
    {"a process that would wrap around", "4294967373", "1", NULL, 0, NULL, FALSE},
    {"empty number", "77", "", NULL, 0, NULL, TRUE},
    {"number of letters", "77", "two", NULL, 0, NULL, TRUE},
    {"number with more", "77", "2x", NULL, 0, NULL, TRUE},
    {"negative number", "77", "-1", NULL, 0, NULL, TRUE},
    {"most", "77", "1024", NULL, 1024, NULL, FALSE},
    {"too many", "77", "1025", NULL, 0, NULL, TRUE},
    {"huge number", "77", "4294967297", NULL, 0, NULL, TRUE},
    {"number that is too long", "77", "99999999999999999999", NULL, 0, NULL, TRUE},
    {"more names than sockets", "77", "2", "a:b:c", 2, NULL, TRUE},
    {"fewer names than sockets", "77", "3", "a:b", 3, NULL, TRUE},
    {"no names", "77", "1", "", 1, NULL, TRUE},
    {"a name of colons", "77", "1", "::::", 1, NULL, TRUE},
};

START_TEST(test_parse)
{
    const PassedText text = {parse_rows[_i].pid, parse_rows[_i].fds, parse_rows[_i].names};
    g_auto(GStrv) names = NULL;
    const gchar *problem;
    guint count = passed_sockets_parse(&text, 77, &names, &problem);

    ck_assert_msg(count == parse_rows[_i].count, "%s: %u", parse_rows[_i].what, count);
    ck_assert_msg((problem != NULL) == parse_rows[_i].has_problem, "%s: %s", parse_rows[_i].what,
                  problem);
    ck_assert_pstr_eq(names == NULL ? NULL : names[count - 1], parse_rows[_i].last_name);
}
END_TEST

/* --- looking at one --- */

static int
make_socket(int family, int type, gboolean does_listen, int only_v6)
{
    int fd = socket(family, type, 0);
    Address address = {.is_v6 = family == AF_INET6};
    struct sockaddr_storage name;
    socklen_t len = address_to_sockaddr(&address, &name);

    ck_assert_int_ge(fd, 0);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    if (family == AF_UNIX) {
        struct sockaddr_un *un = (struct sockaddr_un *)(void *)&name;

        un->sun_family = AF_UNIX;
        len = sizeof un->sun_family; /* the kernel chooses a name in the abstract */
    }
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, len), 0);
    if (does_listen)
        ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static const struct {
    const gchar *what;
    int family, type;
    gboolean does_listen;
    int only_v6;
    const gchar *prefix; /* of the address; NULL: it is refused */
    gboolean has_ipv4;
    const gchar *reason;
} inspect_rows[] = {
    {"IPv4", AF_INET, SOCK_STREAM, TRUE, 0, "0.0.0.0:", FALSE, NULL},
    {"IPv6", AF_INET6, SOCK_STREAM, TRUE, 1, "[::]:", FALSE, NULL},
    {"both", AF_INET6, SOCK_STREAM, TRUE, 0, "[::]:", TRUE, NULL},
    {"unix", AF_UNIX, SOCK_STREAM, TRUE, 0, "@", FALSE, NULL},
    {"datagrams", AF_INET, SOCK_DGRAM, FALSE, 0, NULL, FALSE, "stream"},
    {"packets", AF_UNIX, SOCK_SEQPACKET, TRUE, 0, NULL, FALSE, "stream"},
    {"one that does not listen", AF_INET, SOCK_STREAM, FALSE, 0, NULL, FALSE, "listen"},
    {"a unix one that does not listen", AF_UNIX, SOCK_STREAM, FALSE, 0, NULL, FALSE, "listen"},
};

START_TEST(test_inspect)
{
    int fd = make_socket(inspect_rows[_i].family, inspect_rows[_i].type,
                         inspect_rows[_i].does_listen, inspect_rows[_i].only_v6);
    const gchar *what = inspect_rows[_i].what, *reason = NULL;
    PassedSocket found = {.fd = -1};
    gboolean ok = passed_socket_inspect(&found, fd, &reason);

    ck_assert_msg(ok == (inspect_rows[_i].prefix != NULL), "%s: %s", what, reason);
    if (ok) {
        ck_assert_int_eq(found.fd, fd);
        ck_assert_msg(g_str_has_prefix(found.address, inspect_rows[_i].prefix), "%s: %s", what,
                      found.address);
        ck_assert_msg((found.ipv4_address != NULL) == inspect_rows[_i].has_ipv4, "%s", what);
        ck_assert_int_eq(found.is_unix, inspect_rows[_i].family == AF_UNIX);
    } else {
        ck_assert_int_eq(found.fd, -1);
        ck_assert_msg(strstr(reason, inspect_rows[_i].reason) != NULL, "%s: %s", what, reason);
    }
    if (inspect_rows[_i].has_ipv4)
        ck_assert_str_eq(strrchr(found.ipv4_address, ':'), strrchr(found.address, ':'));
    g_free(found.address);
    g_free(found.ipv4_address);
    close(fd);
}
END_TEST

START_TEST(test_inspect_others)
{
    PassedSocket found;
    const gchar *reason = NULL;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert(!passed_socket_inspect(&found, ends[0], &reason));
    ck_assert_str_eq(reason, "it is not a socket");
    close(ends[0]);
    close(ends[1]);
    ck_assert(!passed_socket_inspect(&found, ends[0], &reason));
}
END_TEST

/* A path that fills its field has no NUL behind it. */
START_TEST(test_inspect_long_path)
{
    g_autofree gchar *folder = g_dir_make_tmp("barid-XXXXXX", NULL);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    g_autofree gchar *path = NULL;
    PassedSocket found;
    const gchar *reason;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    path = g_strdup_printf("%s/%0*d", folder,
                           (int)(sizeof name.sun_path - strlen(folder) - 1), 0);
    memcpy(name.sun_path, path, sizeof name.sun_path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert(passed_socket_inspect(&found, fd, &reason));
    ck_assert_str_eq(found.address, path);
    g_free(found.address);
    close(fd);
    unlink(path);
    rmdir(folder);
}
END_TEST

/* --- whose they are --- */

enum { SOCKETS = 2, WISHES = 4 };

/* Sockets are NAME=ADDRESS, wishes LISTENER=ADDRESS; what begins with a slash is a unix socket.
 * A socket "[::]+" takes IPv4 as well. */
static const struct {
    const gchar *what;
    const gchar *sockets[SOCKETS], *wishes[WISHES];
    const gchar *owners[SOCKETS]; /* the wish, or NULL */
    const gchar *fates;           /* b, p or r a wish */
} match_rows[] = {
    {"no socket", {NULL}, {"smtp=127.0.0.1:25"}, {NULL}, "b"},
    {"no wish", {"smtp=127.0.0.1:25"}, {NULL}, {NULL}, ""},
    {"by the address",
     {"=127.0.0.1:25"},
     {"smtp=127.0.0.1:25", "submission=127.0.0.1:587"},
     {"smtp=127.0.0.1:25"},
     "pb"},
    {"each by its address, whatever the name",
     {"barid.socket=127.0.0.1:587", "barid.socket=127.0.0.1:25"},
     {"smtp=127.0.0.1:25", "submission=127.0.0.1:587"},
     {"submission=127.0.0.1:587", "smtp=127.0.0.1:25"},
     "pp"},
    {"another port",
     {"other=127.0.0.1:26"},
     {"smtp=127.0.0.1:25"},
     {NULL},
     "b"},
    {"the same port of another address",
     {"other=127.0.0.2:25"},
     {"smtp=127.0.0.1:25"},
     {NULL},
     "b"},
    {"by the name, in place of its addresses",
     {"smtp=192.0.2.1:25"},
     {"smtp=127.0.0.1:25", "smtp=[::1]:25", "submission=127.0.0.1:587"},
     {"smtp=127.0.0.1:25"},
     "rrb"},
    {"the address counts more than the name",
     {"smtp=127.0.0.1:587"},
     {"smtp=127.0.0.1:25", "submission=127.0.0.1:587"},
     {"submission=127.0.0.1:587"},
     "bp"},
    {"one by its address, one by its name",
     {"smtp=192.0.2.1:25", "smtp=127.0.0.1:25"},
     {"smtp=127.0.0.1:25", "smtp=[::1]:25"},
     {"smtp=127.0.0.1:25", "smtp=127.0.0.1:25"},
     "pr"},
    {"the same in another order",
     {"smtp=127.0.0.1:25", "smtp=192.0.2.1:25"},
     {"smtp=127.0.0.1:25", "smtp=[::1]:25"},
     {"smtp=127.0.0.1:25", "smtp=127.0.0.1:25"},
     "pr"},
    {"a named one beside an address that is bound as ever",
     {"smtp=127.0.0.1:25"},
     {"smtp=127.0.0.1:25", "smtp=[::1]:25"},
     {"smtp=127.0.0.1:25"},
     "pb"},
    {"no name is the name of no listener", {"=192.0.2.1:25"}, {"smtp=127.0.0.1:25"}, {NULL}, "b"},
    {"both families for both addresses",
     {"=[::]+:25"},
     {"smtp=0.0.0.0:25", "smtp=[::]:25"},
     {"smtp=[::]:25"},
     "pp"},
    {"both families for one", {"=[::]+:25"}, {"smtp=0.0.0.0:25"}, {"smtp=0.0.0.0:25"}, "p"},
    {"IPv6 alone", {"=[::]:25"}, {"smtp=0.0.0.0:25", "smtp=[::]:25"}, {"smtp=[::]:25"}, "bp"},
    {"both families cannot be two listeners",
     {"=[::]+:25"},
     {"four=0.0.0.0:25", "six=[::]:25"},
     {"six=[::]:25"},
     "bp"},
    {"both families are no other port", {"=[::]+:25"}, {"smtp=0.0.0.0:26"}, {NULL}, "b"},
    {"unix by the path",
     {"=/run/barid/submit.sock"},
     {"local=/run/barid/submit.sock"},
     {"local=/run/barid/submit.sock"},
     "p"},
    {"unix by the name",
     {"local=/run/other.sock"},
     {"local=127.0.0.1:25", "local=/run/barid/submit.sock"},
     {"local=/run/barid/submit.sock"},
     "br"},
    {"a unix socket by the name of another kind",
     {"smtp=/run/other.sock"},
     {"smtp=127.0.0.1:25"},
     {NULL},
     "b"},
    {"TCP by the name of a unix socket",
     {"local=127.0.0.1:25"},
     {"local=/run/barid/submit.sock"},
     {NULL},
     "b"},
};

static PassedSocket
make_passed(const gchar *text)
{
    g_auto(GStrv) words = g_strsplit(text, "=", 2);
    gchar *plus = strchr(words[1], '+');
    PassedSocket passed = {.fd = -1, .name = g_strdup(words[0]), .is_unix = words[1][0] == '/'};

    if (plus != NULL) {
        passed.ipv4_address = g_strconcat("0.0.0.0", plus + 1, NULL);
        memmove(plus, plus + 1, strlen(plus + 1) + 1);
    }
    passed.address = g_strdup(words[1]);
    return passed;
}

START_TEST(test_match)
{
    PassedSockets *sockets = g_array_new(FALSE, FALSE, sizeof(PassedSocket));
    ListenWish wishes[WISHES];
    g_autofree ListenWish **owners = NULL;
    g_auto(GStrv) kept = g_new0(gchar *, WISHES + 1);
    const gchar *what = match_rows[_i].what;
    guint n_wishes = 0;

    for (guint i = 0; i < SOCKETS && match_rows[_i].sockets[i] != NULL; i++) {
        PassedSocket passed = make_passed(match_rows[_i].sockets[i]);

        g_array_append_val(sockets, passed);
    }
    for (; n_wishes < WISHES && match_rows[_i].wishes[n_wishes] != NULL; n_wishes++) {
        gchar *text = kept[n_wishes] = g_strdup(match_rows[_i].wishes[n_wishes]);
        gchar *equals = strchr(text, '=');

        *equals = '\0';
        wishes[n_wishes] = (ListenWish){text, equals + 1, equals[1] == '/', LISTEN_WISH_BIND};
    }
    owners = passed_sockets_match(sockets, wishes, n_wishes);
    for (guint i = 0; i < sockets->len; i++) {
        g_autofree gchar *owner =
            owners[i] == NULL ? NULL
                              : g_strdup_printf("%s=%s", owners[i]->listener, owners[i]->address);

        ck_assert_msg(g_strcmp0(owner, match_rows[_i].owners[i]) == 0, "%s: socket %u: %s", what,
                      i, owner);
    }
    ck_assert_uint_eq(n_wishes, strlen(match_rows[_i].fates));
    for (guint i = 0; i < n_wishes; i++)
        ck_assert_msg("bpr"[wishes[i].fate] == match_rows[_i].fates[i], "%s: wish %u: %c", what, i,
                      "bpr"[wishes[i].fate]);
    for (guint i = 0; i < sockets->len; i++) {
        PassedSocket *each = &g_array_index(sockets, PassedSocket, i);

        g_free(each->name);
        g_free(each->address);
        g_free(each->ipv4_address);
    }
    g_array_free(sockets, TRUE);
}
END_TEST

START_TEST(test_control)
{
    PassedSockets *sockets = g_array_new(FALSE, FALSE, sizeof(PassedSocket));
    PassedSocket passed = make_passed("local=/run/barid/barid.sock");
    ListenWish wish = {"local", "/run/barid/submit.sock", TRUE, LISTEN_WISH_BIND};
    g_autofree ListenWish **owners = NULL;

    passed.fd = 7;
    g_array_append_val(sockets, passed);
    ck_assert_int_eq(passed_sockets_find_control(sockets, "/run/barid/other.sock"), -1);
    ck_assert_int_eq(passed_sockets_find_control(sockets, "/run/barid/barid.sock"), 7);
    owners = passed_sockets_match(sockets, &wish, 1);
    ck_assert_ptr_null(owners[0]);
    ck_assert_int_eq(wish.fate, LISTEN_WISH_BIND);
    g_free(passed.name);
    g_free(passed.address);
    g_array_free(sockets, TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("passed-sockets");
    TCase *cases = tcase_create("passed-sockets");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_parse, 0, G_N_ELEMENTS(parse_rows));
    tcase_add_loop_test(cases, test_inspect, 0, G_N_ELEMENTS(inspect_rows));
    tcase_add_test(cases, test_inspect_others);
    tcase_add_test(cases, test_inspect_long_path);
    tcase_add_loop_test(cases, test_match, 0, G_N_ELEMENTS(match_rows));
    tcase_add_test(cases, test_control);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
