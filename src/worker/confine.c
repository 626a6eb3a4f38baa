/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/error-domain.h"
#include "base/log.h"
#include "worker/landlock.h"

ERROR_DOMAIN_DEFINE(confine_error_quark, "barid-confine-error")

enum { CONFINE_WAITS_MAX = 1000 }; /* of a millisecond, for threads that are ending */

/* --- privileges --- */

static gboolean
confine_drop_capabilities(GError **error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    /* What cannot be bounded (we have no capability to do it) cannot be gained either. */
    for (gint capability = 0; capability <= CAP_LAST_CAP; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) == 0)
        return TRUE;
    error_set_errno(error, CONFINE_ERROR, errno, "cannot give up capabilities");
    return FALSE;
}

/* Memory holds keys and mail: it must not end in a file, nor be read by a debugger. */
static gboolean
confine_keep_memory(GError **error)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        return TRUE;
    error_set_errno(error, CONFINE_ERROR, errno, "cannot give up privileges");
    return FALSE;
}

/* --- system calls --- */

/* What the C library, GLib, GnuTLS, SQLite and this program use. Names that the kernel or
 * libseccomp does not know are passed over. */
static const gchar *const confine_calls[] = {
    /* memory and threads */
    "brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "mlock", "munlock", "msync",
    "membarrier", "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq",
    "set_tid_address", "arch_prctl", "sched_yield", "sched_getaffinity", "sched_setaffinity",
    "sched_getparam", "sched_getscheduler", "getcpu", "exit", "exit_group", "restart_syscall",
    /* signals */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "rt_sigpending",
    "sigaltstack", "signalfd4", "pause",
    /* time */
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    "timerfd_create", "timerfd_settime", "timerfd_gettime",
    /* descriptors */
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev",
    "pwritev2", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "lseek", "pipe", "pipe2",
    "eventfd2", "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait",
    "epoll_pwait", "epoll_pwait2", "memfd_create", "sendfile", "splice", "inotify_init1",
    "inotify_add_watch", "inotify_rm_watch",
    /* files */
    "open", "openat", "openat2", "creat", "access", "faccessat", "faccessat2", "stat", "lstat",
    "fstat", "newfstatat", "statx", "statfs", "fstatfs", "getdents64", "getcwd", "readlink",
    "readlinkat", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat",
    "renameat2", "link", "linkat", "symlinkat", "ftruncate", "truncate", "fallocate", "fadvise64",
    "fsync", "fdatasync", "sync_file_range", "flock", "chmod", "fchmod", "fchmodat", "chown",
    "fchown", "fchownat", "utimensat", "umask", "readahead", "copy_file_range",
    /* network; what makes sockets, connects and sends has rules of its own */
    "bind", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "recvfrom", "recvmsg", "recvmmsg", "shutdown", "socketpair",
    /* the process itself */
    "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getgroups",
    "getresuid", "getresgid", "getpgrp", "getpgid", "getsid", "getrusage", "getrlimit",
    "prlimit64", "prctl", "capget", "uname", "sysinfo", "getrandom", "times",
};

static const int confine_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
/* Not TIOCSTI: the log may be an administrator's terminal. */
static const unsigned long confine_requests[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX};

/* Calls that send, and which of their arguments the flags are: none may connect on the way
 * (RFC 7413), past what limits connect(). */
static const struct {
    const gchar *name;
    guint flags;
} confine_sending[] = {{"sendto", 3}, {"sendmsg", 2}, {"sendmmsg", 3}};

static int
confine_add_network(scmp_filter_ctx filter, guint32 for_connect)
{
    int result = seccomp_rule_add(filter, for_connect, SCMP_SYS(connect), 0);

    for (gsize i = 0; result == 0 && i < G_N_ELEMENTS(confine_families); i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)confine_families[i]));
    for (gsize i = 0; result == 0 && i < G_N_ELEMENTS(confine_sending); i++)
        result = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(confine_sending[i].name), 1,
            SCMP_CMP(confine_sending[i].flags, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
    return result;
}

static int
confine_add_rules(scmp_filter_ctx filter, guint32 for_connect)
{
    pid_t self = getpid();
    int result = confine_add_network(filter, for_connect);

    for (gsize i = 0; result == 0 && i < G_N_ELEMENTS(confine_calls); i++) {
        int number = seccomp_syscall_resolve_name(confine_calls[i]);

        if (number >= 0)
            result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    }
    for (gsize i = 0; result == 0 && i < G_N_ELEMENTS(confine_requests); i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, confine_requests[i]));
    /* Threads, but no processes; clone3() hides its flags, and the C library does without. */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    /* For abort(). */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)self));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)self));
    return result;
}

/* Unknown calls fail as if the kernel did not have them: libraries have other ways then,
 * and a kernel's new call does not kill the server. */
static G_GNUC_UNUSED gboolean /* where sanitizers need calls of their own */
confine_limit_calls(guint32 for_connect, int *out_gate_fd, GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int result = filter == NULL ? -ENOMEM : confine_add_rules(filter, for_connect);

    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0)
        result = seccomp_load(filter);
    if (result == 0 && for_connect == SCMP_ACT_NOTIFY)
        result = MIN(*out_gate_fd = seccomp_notify_fd(filter), 0);
    if (filter != NULL)
        seccomp_release(filter);
    if (result == 0)
        return TRUE;
    error_set_errno(error, CONFINE_ERROR, -result, "cannot limit system calls");
    return FALSE;
}

/* --- files and ports --- */

static const gchar *const confine_readable[] = {
    /* Name services, time zones, certificates, random numbers; libraries of these. */
    "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
    "/etc/services", "/etc/localtime", "/etc/ssl", "/etc/ld.so.cache", "/etc/passwd", "/etc/group",
    "/usr/lib", "/usr/share/zoneinfo", "/usr/share/locale", "/usr/share/dns", "/lib", "/lib64",
    "/usr/lib64", "/dev/null", "/dev/urandom", "/dev/random", "/proc/self", "/proc/sys/vm",
    "/sys/devices/system/cpu",
};

/* Where everything lies: a setting that names a file there does not open all of it. */
static const gchar *const confine_wide[] = {"/", "/etc", "/home", "/opt", "/root", "/run", "/srv",
                                            "/tmp", "/usr", "/var", "/var/lib", "/var/tmp"};

/* The folder of a file, since files are replaced by renaming. */
static gchar *
confine_dup_beneath(const gchar *path)
{
    g_autofree gchar *folder = g_path_get_dirname(path);

    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return g_strdup(path);
    for (gsize i = 0; i < G_N_ELEMENTS(confine_wide); i++) {
        if (strcmp(folder, confine_wide[i]) == 0)
            return g_strdup(path);
    }
    return g_steal_pointer(&folder);
}

static void
confine_add_setting(Landlock *landlock, const EffectiveSetting *setting, const gchar *state_dir)
{
    g_autofree gchar *path = NULL;
    g_autofree gchar *beneath = NULL;

    if (setting->setting->type != BARID_TYPE_PATH || setting->value == NULL ||
        *setting->value == '\0')
        return;
    path = g_canonicalize_filename(setting->value, state_dir);
    beneath = confine_dup_beneath(path);
    if ((setting->setting->flags & BARID_SETTING_PATH_WRITE) != 0)
        landlock_allow_changes(landlock, beneath);
    else
        landlock_allow_reading(landlock, beneath);
}

/* Their files are read again when they change. */
static void
confine_add_lists(Landlock *landlock, const RuleLists *lists)
{
    g_auto(GStrv) paths = rule_lists_dup_paths(lists);

    for (gchar **path = paths; *path != NULL; path++) {
        g_autofree gchar *beneath = confine_dup_beneath(*path);

        landlock_allow_reading(landlock, beneath);
    }
}

static void
confine_add_port(GByteArray *ports, const gchar *text)
{
    gsize len = strspn(text, "0123456789");

    /* Without a port the default counts, which "connect-ports" has. */
    if (len == 0)
        return;
    g_byte_array_append(ports, (const guint8 *)text, (guint)len);
    g_byte_array_append(ports, (const guint8 *)"", 1);
}

/* The ports in "NAME:PORT, [ADDRESS]:PORT", or a port alone. */
static void
confine_add_addresses(GByteArray *ports, const EffectiveSetting *setting)
{
    g_auto(GStrv) items = NULL;

    if ((setting->setting->flags & BARID_SETTING_CONNECTS) == 0 || setting->value == NULL)
        return;
    items = g_strsplit(setting->value, ",", -1);
    for (gchar **item = items; *item != NULL; item++) {
        const gchar *colon = strrchr(g_strstrip(*item), ':');

        if (colon == NULL && g_ascii_isdigit(**item))
            confine_add_port(ports, *item);
        else if (colon != NULL && strchr(colon, ']') == NULL)
            confine_add_port(ports, colon + 1);
    }
}

static void
confine_list_ports(const ConfineOptions *options, GByteArray *ports)
{
    const GPtrArray *effective = options->settings->effective;

    for (guint i = 0; i < effective->len; i++)
        confine_add_addresses(ports, g_ptr_array_index(effective, i));
    for (const gchar *const *port = options->connect_ports; *port != NULL; port++)
        confine_add_port(ports, *port);
}

static void
confine_allow_ports(Landlock *landlock, const GByteArray *ports)
{
    for (guint i = 0; i < ports->len;) {
        const gchar *text = (const gchar *)ports->data + i;

        landlock_allow_connecting(landlock, (guint)g_ascii_strtoull(text, NULL, 10));
        i += (guint)strlen(text) + 1;
    }
}

static gboolean
confine_limit_files(const ConfineOptions *options, const GByteArray *ports,
                    gboolean *out_knows_ports, GError **error)
{
    g_autoptr(Landlock) landlock = landlock_new();
    const GPtrArray *effective = options->settings->effective;

    if (landlock == NULL) {
        barid_log(BARID_LOG_WARNING, "confine.no-landlock", "error", g_strerror(errno), NULL);
        return TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(confine_readable); i++)
        landlock_allow_reading(landlock, confine_readable[i]);
    landlock_allow_changes(landlock, options->state_dir);
    confine_add_lists(landlock, options->settings->lists);
    for (guint i = 0; i < effective->len; i++)
        confine_add_setting(landlock, g_ptr_array_index(effective, i), options->state_dir);
    confine_allow_ports(landlock, ports);
    *out_knows_ports = landlock_knows_ports(landlock);
    return landlock_enforce(landlock, error);
}

/* --- all --- */

static guint
confine_count_threads(void)
{
    g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
    guint count = 0;

    while (tasks != NULL && g_dir_read_name(tasks) != NULL)
        count++;
    return count;
}

/* A thread that was joined may stay on the kernel's list for a moment. */
static gboolean
confine_is_alone(void)
{
    for (guint waits = 0; confine_count_threads() > 1; waits++) {
        if (waits == CONFINE_WAITS_MAX)
            return FALSE;
        g_usleep(1000);
    }
    return TRUE;
}

/* Who watches over connect(): Landlock, the supervisor, or nobody. */
static G_GNUC_UNUSED guint32 /* as above */
confine_choose_connect(const ConfineOptions *options, gboolean knows_ports)
{
    if (knows_ports)
        return SCMP_ACT_ALLOW;
    if (options->has_gate)
        return SCMP_ACT_NOTIFY;
    barid_log(BARID_LOG_WARNING, "confine.any-port", "reason",
              "neither Landlock nor a supervisor that is root limits connections", NULL);
    return SCMP_ACT_ALLOW;
}

gboolean
confine_process(const ConfineOptions *options, GByteArray *out_ports, int *out_gate_fd,
                GError **error)
{
    gboolean knows_ports = FALSE;

    *out_gate_fd = -1;
    if (options->level == CONFINE_NONE) {
        barid_log(BARID_LOG_WARNING, "confine.off", NULL);
        return TRUE;
    }
    if (!confine_is_alone()) {
        g_set_error_literal(error, CONFINE_ERROR, BARID_ERROR_FAILED,
                            "a module has started a thread before the server was confined");
        return FALSE;
    }
    if (!confine_drop_capabilities(error) || !confine_keep_memory(error))
        return FALSE;
    confine_list_ports(options, out_ports);
    if (options->level == CONFINE_FULL &&
        !confine_limit_files(options, out_ports, &knows_ports, error))
        return FALSE;
#ifdef BARID_SANITIZE
    return TRUE; /* sanitizers look at the process in ways that a server has no need of */
#else
    return confine_limit_calls(confine_choose_connect(options, knows_ports), out_gate_fd, error);
#endif
}
