/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module for tests: from inside the worker it tries what a confined process must not be
 * able to do ("baridctl probe WHAT ARGUMENT"); its hooks misbehave when a recipient's local
 * part or a header field says so, its command and its transport whenever they are used so.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barid/barid.h>

typedef struct {
    gchar *crash_at_start; /* "yes": the start does not survive */
    gchar *hang_at_start;  /* "yes": it never returns */
} ProbeSettings;

static const BaridSetting probe_settings[] = {
    BARID_SETTING_TEXT("crash-at-start", ProbeSettings, crash_at_start, "no",
                       N_("Whether the start crashes.")),
    BARID_SETTING_TEXT("hang-at-start", ProbeSettings, hang_at_start, "no",
                       N_("Whether the start never returns.")),
    BARID_SETTING_END,
};

/* --- attempts: 0, or an errno --- */

static int
probe_open(const gchar *path, int flags)
{
    int fd = open(path, flags, 0600);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int
probe_run(const gchar *program)
{
    char *const arguments[] = {(char *)(guintptr)program, NULL};
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return errno;
    if (pid == 0) {
        execv(program, arguments);
        _exit(errno);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int
probe_exec(const gchar *program)
{
    char *const arguments[] = {(char *)(guintptr)program, NULL};

    execv(program, arguments);
    return errno;
}

/* By (flags) of socket(2); with (fast) data goes with the handshake. */
static int
probe_reach(const gchar *port, int flags, gboolean fast)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((guint16)g_ascii_strtoull(port, NULL, 10)),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    const struct sockaddr *target = (const struct sockaddr *)&address;
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    gboolean ok;
    int result;

    if (fd < 0)
        return errno;
    ok = fast ? sendto(fd, "x", 1, MSG_FASTOPEN, target, sizeof address) == 1
              : connect(fd, target, sizeof address) == 0;
    result = ok ? 0 : errno;
    close(fd);
    return result;
}

static int
probe_setuid(const gchar *uid)
{
    return setuid((uid_t)g_ascii_strtoull(uid, NULL, 10)) == 0 ? 0 : errno;
}

static int
probe_try(const gchar *what, const gchar *argument)
{
    if (strcmp(what, "read") == 0)
        return probe_open(argument, O_RDONLY);
    if (strcmp(what, "write") == 0)
        return probe_open(argument, O_WRONLY | O_CREAT);
    if (strcmp(what, "run") == 0)
        return probe_run(argument);
    if (strcmp(what, "exec") == 0)
        return probe_exec(argument);
    if (strcmp(what, "connect") == 0)
        return probe_reach(argument, 0, FALSE);
    if (strcmp(what, "connect-at-once") == 0)
        return probe_reach(argument, SOCK_NONBLOCK, FALSE);
    if (strcmp(what, "send-at-once") == 0)
        return probe_reach(argument, 0, TRUE);
    if (strcmp(what, "crash") == 0)
        abort();
    if (strcmp(what, "setuid") == 0)
        return probe_setuid(argument);
    return EINVAL;
}

static gchar *
probe_command(BaridCommandCall *call, gpointer state G_GNUC_UNUSED,
              GError **error G_GNUC_UNUSED)
{
    int result = probe_try(barid_command_get_arg(call, 0), barid_command_get_arg(call, 1));

    return g_strdup_printf("{\"errno\":%d,\"message\":\"%s\"}", result, g_strerror(result));
}

static const BaridCommand probe_commands[] = {
    {"probe", "probe WHAT ARGUMENT", N_("Try what must not work."), probe_command, NULL, 2, 2},
    {NULL, NULL, NULL, NULL, NULL, 0, 0},
};

/* --- misbehaviour --- */

static gboolean
probe_is(const BaridRecipient *rcpt, const gchar *word)
{
    BaridSlice address = barid_recipient_get_address(rcpt);

    return address.len > strlen(word) && memcmp(address.data, word, strlen(word)) == 0;
}

static BaridVerdict
probe_rcpt(BaridTransaction *txn, const BaridRecipient *rcpt,
           gpointer state G_GNUC_UNUSED)
{
    volatile guint64 count = 0;

    if (probe_is(rcpt, "crash@"))
        *(volatile int *)(guintptr)count = 1;
    if (probe_is(rcpt, "abort@"))
        abort();
    while (probe_is(rcpt, "hang@"))
        count++;
    if (probe_is(rcpt, "connect@") && socket(AF_INET, SOCK_STREAM, 0) >= 0)
        return barid_reject(txn, 550, "5.7.1", "reached", "there is a network");
    if (probe_is(rcpt, "run@") && probe_run("/bin/true") == 0)
        return barid_reject(txn, 550, "5.7.1", "reached", "there are programs");
    return BARID_CONTINUE;
}

static const gchar probe_started[] = "the state that start gives";

static gpointer
probe_stream_begin(BaridTransaction *txn, gpointer state)
{
    if (state != probe_started)
        abort(); /* called without having been started */
    return txn;
}

static void
probe_stream_field(gpointer stream G_GNUC_UNUSED, BaridSlice name,
                   BaridSlice value G_GNUC_UNUSED, BaridSlice whole G_GNUC_UNUSED)
{
    if (barid_slice_equal_nocase(name, BARID_SLICE_LITERAL("X-Crash")))
        abort();
}

static BaridVerdict
probe_message(BaridTransaction *txn G_GNUC_UNUSED, gpointer state G_GNUC_UNUSED)
{
    return BARID_CONTINUE;
}

static const BaridStreamHook probe_stream = {
    .struct_size = sizeof(BaridStreamHook),
    .begin = probe_stream_begin,
    .field = probe_stream_field,
};

static const BaridHook probe_hooks[] = {
    BARID_HOOK_RCPT(probe_rcpt, BARID_PHASE_AUTHORISE),
    BARID_HOOK_MESSAGE(probe_message, BARID_PHASE_INSPECT, .stream = &probe_stream),
    BARID_HOOK_END,
};

static gpointer
probe_transport_open(const void *settings, GError **error G_GNUC_UNUSED)
{
    return (gpointer)(guintptr)settings;
}

static void
probe_transport_close(gpointer self G_GNUC_UNUSED)
{
}

static void
probe_transport_deliver(gpointer self G_GNUC_UNUSED, BaridAttempt *attempt G_GNUC_UNUSED)
{
    abort();
}

static const BaridTransportDriver probe_transport = {
    .struct_size = sizeof(BaridTransportDriver),
    .open = probe_transport_open,
    .close = probe_transport_close,
    .deliver = probe_transport_deliver,
};

static const BaridProvider probe_providers[] = {
    {BARID_PROVIDER_TRANSPORT, "probe", &probe_transport},
    {BARID_PROVIDER_END, NULL, NULL},
};

static gboolean
probe_start(BaridStart *start G_GNUC_UNUSED, const void *settings, gpointer *out_state,
            GError **error G_GNUC_UNUSED)
{
    const ProbeSettings *self = settings;

    if (strcmp(self->crash_at_start, "yes") == 0)
        abort();
    while (strcmp(self->hang_at_start, "yes") == 0)
        pause();
    *out_state = (gpointer)(guintptr)probe_started;
    return TRUE;
}

BARID_MODULE_DEFINE(probe) = {
    BARID_MODULE_HEADER,
    .name = "probe",
    .summary = N_("Tries what a module must not be able to do"),
    .needs = BARID_READS_ENVELOPE | BARID_READS_HEADERS | BARID_MAY_DEFER | BARID_MAY_REJECT,
    .settings = probe_settings,
    .settings_size = sizeof(ProbeSettings),
    .hooks = probe_hooks,
    .providers = probe_providers,
    .commands = probe_commands,
    .start = probe_start,
};
