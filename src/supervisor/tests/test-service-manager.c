/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "supervisor/service-manager.h"

/* --- the environment --- */

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
    const gchar *text;
    gsize len; /* of the name without its family; 0: it is none */
} address_rows[] = {
    {"/run/notify", 12},     {"@notify", 7},        {"", 0},         {"/", 0},
    {"@", 0},                {"notify", 0},         {"../notify", 0}, {"vsock:2:1234", 0},
    {"/" HUNDRED "012345", 108}, {"/" HUNDRED "0123456", 0},
    {"@" HUNDRED "0123456", 108}, {"@" HUNDRED "01234567", 0},
};

START_TEST(test_address)
{
    struct sockaddr_un name;
    socklen_t len = 0;
    const gchar *text = address_rows[_i].text;
    gboolean ok = service_manager_parse_address(text, &name, &len);

    ck_assert_msg(ok == (address_rows[_i].len > 0), "%s", text);
    if (!ok)
        return;
    ck_assert_uint_eq(len, G_STRUCT_OFFSET(struct sockaddr_un, sun_path) + address_rows[_i].len);
    ck_assert_int_eq(name.sun_path[0], text[0] == '@' ? '\0' : '/');
    ck_assert_int_eq(memcmp(name.sun_path + 1, text + 1, strlen(text) - 1), 0);
}
END_TEST

static const struct {
    const gchar *usec, *pid;
    gboolean ok;
    gint64 limit_us;
} watchdog_rows[] = {
    {NULL, NULL, TRUE, 0},
    {NULL, "77", TRUE, 0},
    {"30000000", NULL, TRUE, 30000000},
    {"30000000", "77", TRUE, 30000000},
    {"30000000", "78", TRUE, 0},
    {"9223372036854775807", "77", TRUE, G_MAXINT64},
    {"18446744073709551615", "77", FALSE, -1},
    {"0", "77", FALSE, -1},
    {"-1", "77", FALSE, -1},
    {"", "77", FALSE, -1},
    {"soon", NULL, FALSE, -1},
    {"30s", NULL, FALSE, -1},
    {"30000000", "", FALSE, -1},
    {"30000000", "0", FALSE, -1},
    {"30000000", "-77", FALSE, -1},
    {"30000000", "me", FALSE, -1},
};

START_TEST(test_watchdog)
{
    const ServiceManagerText text = {NULL, watchdog_rows[_i].usec, watchdog_rows[_i].pid};
    gint64 limit_us = -1;

    ck_assert_int_eq(service_manager_parse_watchdog(&text, 77, &limit_us), watchdog_rows[_i].ok);
    ck_assert_int_eq(limit_us, watchdog_rows[_i].limit_us);
}
END_TEST

/* --- what is told --- */

typedef struct {
    gchar *folder, *path;
    int fd;
    gint64 now_us;
    guint n_warnings;
} Manager;

static gint64
manager_now(gpointer data)
{
    return ((const Manager *)data)->now_us;
}

static void
manager_count_warning(BaridLogLevel level, const gchar *line G_GNUC_UNUSED, gpointer data)
{
    ((Manager *)data)->n_warnings += level == BARID_LOG_WARNING ? 1 : 0;
}

static void
manager_begin(Manager *self, const gchar *watchdog_usec)
{
    const ClockSource source = {manager_now, manager_now, self};
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    *self = (Manager){.folder = g_dir_make_tmp("barid-XXXXXX", NULL), .now_us = 1000000};
    self->path = g_build_filename(self->folder, "notify", NULL);
    g_strlcpy(name.sun_path, self->path, sizeof name.sun_path);
    self->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(self->fd, (struct sockaddr *)&name, sizeof name), 0);
    g_setenv("NOTIFY_SOCKET", self->path, TRUE);
    if (watchdog_usec != NULL)
        g_setenv("WATCHDOG_USEC", watchdog_usec, TRUE);
    clock_set_source(&source);
    log_set_tap(manager_count_warning, self);
}

static void
manager_end(Manager *self)
{
    log_set_tap(NULL, NULL);
    clock_set_source(NULL);
    close(self->fd);
    unlink(self->path);
    rmdir(self->folder);
    g_free(self->folder);
    g_free(self->path);
}

/* Fails when the next message is another one; (wanted) NULL: when there is one. */
static void
manager_expect(Manager *self, const gchar *wanted)
{
    gchar text[1024];
    gssize len = recv(self->fd, text, sizeof text - 1, 0);

    if (wanted == NULL) {
        ck_assert_msg(len < 0 && errno == EAGAIN, "%.*s", (int)len, text);
        return;
    }
    ck_assert_msg(len > 0, "instead of %s there is nothing", wanted);
    text[len] = '\0';
    ck_assert_str_eq(text, wanted);
}

START_TEST(test_life)
{
    Manager manager;
    g_autofree gchar *ready = NULL;
    ServiceManager *self;

    manager_begin(&manager, NULL);
    ready = g_strdup_printf("READY=1\nMAINPID=%d\nSTATUS=generation 1 serves\n", (int)getpid());
    self = service_manager_new();
    ck_assert_ptr_null(g_getenv("NOTIFY_SOCKET"));
    service_manager_tell_ready(self, "generation 1 serves");
    manager_expect(&manager, ready);
    manager.now_us = 7654321;
    service_manager_tell_reloading(self, "a");
    manager_expect(&manager, "RELOADING=1\nMONOTONIC_USEC=7654321\nSTATUS=a\n");
    service_manager_tell_status(self, "barid.conf:1: this\nbarid.conf:2: that\n");
    manager_expect(&manager, "STATUS=barid.conf:1: this\n");
    service_manager_tell_status(self, "bad \xff text\r\nREADY=1");
    manager_expect(&manager, "STATUS=bad \xef\xbf\xbd text\n");
    service_manager_tell_stopping(self, "b");
    manager_expect(&manager, "STOPPING=1\nSTATUS=b\n");
    service_manager_tell_ready(self, "c");
    service_manager_tell_reloading(self, "c");
    manager_expect(&manager, NULL);
    ck_assert_int_eq(service_manager_get_due_ms(self), G_MAXINT64);
    ck_assert_uint_eq(manager.n_warnings, 0);
    service_manager_free(self);
    manager_end(&manager);
}
END_TEST

/* Cut between characters. */
START_TEST(test_long_status)
{
    Manager manager;
    g_autoptr(GString) text = g_string_new("x");
    g_autoptr(GString) wanted = g_string_new("STATUS=x");
    ServiceManager *self;

    manager_begin(&manager, NULL);
    self = service_manager_new();
    for (guint i = 0; i < 200; i++) {
        g_string_append(text, "\xc3\xa4");
        if (i < 119)
            g_string_append(wanted, "\xc3\xa4");
    }
    g_string_append(wanted, "...\n");
    service_manager_tell_status(self, text->str);
    manager_expect(&manager, wanted->str);
    service_manager_free(self);
    manager_end(&manager);
}
END_TEST

START_TEST(test_signs_of_life)
{
    Manager manager;
    ServiceManager *self;

    manager_begin(&manager, "10000000");
    self = service_manager_new();
    ck_assert_ptr_null(g_getenv("WATCHDOG_USEC"));
    service_manager_do_due(self, 1000);
    manager_expect(&manager, "WATCHDOG=1\n");
    ck_assert_int_eq(service_manager_get_due_ms(self), 6000);
    service_manager_do_due(self, 5999);
    manager_expect(&manager, NULL);
    service_manager_do_due(self, 6000);
    manager_expect(&manager, "WATCHDOG=1\n");
    ck_assert_int_eq(service_manager_get_due_ms(self), 11000);
    service_manager_free(self);
    manager_end(&manager);
}
END_TEST

/* What it has no room for comes later, in order; it does not hold us up. */
START_TEST(test_no_room)
{
    Manager manager;
    ServiceManager *self;
    guint n_told = 0, n_got = 0;
    gchar text[64];
    gssize len;

    manager_begin(&manager, NULL);
    self = service_manager_new();
    while (service_manager_get_due_ms(self) == G_MAXINT64) {
        ck_assert_uint_lt(n_told, 100000); /* the kernel's limit is some hundreds at most */
        g_snprintf(text, sizeof text, "%u", n_told++);
        service_manager_tell_status(self, text);
    }
    g_snprintf(text, sizeof text, "%u", n_told++);
    service_manager_tell_status(self, text);
    ck_assert_int_eq(service_manager_get_due_ms(self), 1100);
    while ((len = recv(manager.fd, text, sizeof text - 1, 0)) > 0) {
        text[len] = '\0';
        ck_assert_uint_eq(strtoul(text + strlen("STATUS="), NULL, 10), n_got++);
    }
    service_manager_do_due(self, 1099);
    manager_expect(&manager, NULL);
    service_manager_do_due(self, 1100);
    while ((len = recv(manager.fd, text, sizeof text - 1, 0)) > 0) {
        text[len] = '\0';
        ck_assert_uint_eq(strtoul(text + strlen("STATUS="), NULL, 10), n_got++);
    }
    ck_assert_uint_eq(n_got, n_told);
    ck_assert_int_eq(service_manager_get_due_ms(self), G_MAXINT64);
    service_manager_free(self);
    manager_end(&manager);
}
END_TEST

/* One that never reads costs a bounded amount. */
START_TEST(test_never_read)
{
    Manager manager;
    ServiceManager *self;
    guint n_got = 0;
    gchar text[64];

    manager_begin(&manager, NULL);
    self = service_manager_new();
    for (guint i = 0; i < 5000; i++)
        service_manager_tell_status(self, "still there");
    for (gint64 now_ms = 1100; service_manager_get_due_ms(self) != G_MAXINT64; now_ms += 100) {
        while (recv(manager.fd, text, sizeof text, 0) > 0)
            n_got++;
        service_manager_do_due(self, now_ms);
    }
    while (recv(manager.fd, text, sizeof text, 0) > 0)
        n_got++;
    ck_assert_uint_lt(n_got, 5000);
    service_manager_free(self);
    manager_end(&manager);
}
END_TEST

START_TEST(test_unreachable)
{
    Manager manager;
    ServiceManager *self;

    manager_begin(&manager, "1000000");
    unlink(manager.path);
    self = service_manager_new();
    service_manager_tell_ready(self, "a");
    service_manager_tell_status(self, "b");
    service_manager_do_due(self, 1000);
    ck_assert_uint_eq(manager.n_warnings, 1);
    service_manager_free(self);
    g_setenv("NOTIFY_SOCKET", "vsock:2:1", TRUE);
    self = service_manager_new();
    service_manager_tell_ready(self, "a");
    ck_assert_uint_eq(manager.n_warnings, 2);
    ck_assert_int_eq(service_manager_get_due_ms(self), G_MAXINT64);
    service_manager_free(self);
    manager_end(&manager);
}
END_TEST

START_TEST(test_silent)
{
    Manager manager;
    ServiceManager *self;

    manager_begin(&manager, "1000000");
    g_setenv("WATCHDOG_PID", "1", TRUE);
    self = service_manager_new_silent();
    ck_assert_ptr_null(g_getenv("NOTIFY_SOCKET"));
    ck_assert_ptr_null(g_getenv("WATCHDOG_USEC"));
    ck_assert_ptr_null(g_getenv("WATCHDOG_PID"));
    service_manager_tell_ready(self, "a");
    service_manager_do_due(self, 1000);
    manager_expect(&manager, NULL);
    service_manager_free(self);
    manager_end(&manager);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("service-manager");
    TCase *cases = tcase_create("service-manager");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_address, 0, G_N_ELEMENTS(address_rows));
    tcase_add_loop_test(cases, test_watchdog, 0, G_N_ELEMENTS(watchdog_rows));
    tcase_add_test(cases, test_life);
    tcase_add_test(cases, test_long_status);
    tcase_add_test(cases, test_signs_of_life);
    tcase_add_test(cases, test_no_room);
    tcase_add_test(cases, test_never_read);
    tcase_add_test(cases, test_unreachable);
    tcase_add_test(cases, test_silent);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
