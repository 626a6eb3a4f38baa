/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/blame.h"
#include "base/clock.h"
#include "base/json-writer.h"
#include "base/log.h"
#include "base/text.h"
#include "sim/folder.h"
#include "sim/sandbox.h"

enum {
    SUITE_JOBS_MAX = 64,
    SUITE_FILE_BYTES_MAX = 512 * 1024 * 1024,
    SUITE_LOG_LINES = 15, /* of a script's own log, beside its failure */
    SUITE_LOG_BYTES = 16 * 1024,
    SUITE_RESULT_BYTES_MAX = 64 * 1024 * 1024,
    /* Of a script's process. */
    SUITE_RESULT_FD = 3,
    SUITE_NAMES_FD = 4,
};

/* One script's process, and what it leaves. */
typedef struct {
    const gchar *path;
    pid_t pid; /* 0 before the start and after the end */
    int result_fd, log_fd;
    gchar *folder; /* its own */
    gint64 started_ms, duration_ms;
    int status;
    gboolean timed_out, ended;
} SuiteJob;

/* --- finding scripts --- */

static gint
suite_compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const gchar *const *)a, *(const gchar *const *)b);
}

GPtrArray *
suite_find_scripts(const gchar *config_path, GError **error)
{
    g_autofree gchar *parent = g_path_get_dirname(config_path);
    g_autofree gchar *folder = g_build_filename(parent, "tests.d", NULL);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &cause);
    const gchar *name;

    if (dir == NULL && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return g_steal_pointer(&paths);
    if (dir == NULL) {
        g_set_error_literal(error, DIALOGUE_ERROR, BARID_ERROR_FAILED, cause->message);
        return NULL;
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (name[0] != '.' && g_str_has_suffix(name, ".dialogue"))
            g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
    }
    g_ptr_array_sort(paths, suite_compare_paths);
    return g_steal_pointer(&paths);
}

/* --- what a script's process says --- */

static void
suite_append_yaml(GString *out, const gchar *key, const gchar *value)
{
    if (value == NULL)
        return;
    g_string_append_printf(out, "%s: \"", key);
    for (const gchar *p = value; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            g_string_append_printf(out, "\\%c", *p);
        else if (*p == '\n')
            g_string_append(out, "\\n");
        else if ((guchar)*p < 0x20)
            g_string_append_printf(out, "\\x%02x", (guint)(guchar)*p);
        else
            g_string_append_c(out, *p);
    }
    g_string_append(out, "\"\n");
}

static void
suite_append_lines(GString *out, const gchar *key, gchar *const *lines, gsize n)
{
    if (n == 0)
        return;
    g_string_append_printf(out, "%s: |\n", key);
    for (gsize i = 0; i < n; i++)
        g_string_append_printf(out, "  %s\n", lines[i]);
}

static void
suite_append_failure(GString *out, const gchar *path, const DialogueFailure *failure)
{
    g_autofree gchar *at = failure->line == 0 ? g_strdup(path)
                                              : g_strdup_printf("%s:%u", path, failure->line);

    suite_append_yaml(out, "- at", at);
    suite_append_yaml(out, "  step", failure->step);
    if (failure->expected == NULL) {
        suite_append_yaml(out, "  message", failure->message);
        return;
    }
    suite_append_yaml(out, "  expected", failure->expected);
    suite_append_yaml(out, "  got", failure->got);
}

static void
suite_write_failure(JsonWriter *writer, const gchar *path, const DialogueFailure *failure)
{
    json_writer_begin_object(writer, NULL);
    json_writer_text(writer, "file", path);
    json_writer_integer(writer, "line", failure->line);
    json_writer_text(writer, "step", failure->step);
    json_writer_text(writer, "message", failure->message);
    json_writer_text(writer, "expected", failure->expected);
    json_writer_text(writer, "got", failure->got);
    json_writer_end_object(writer);
}

static void
suite_write_report(JsonWriter *writer, const gchar *path, const DialogueReport *report)
{
    json_writer_begin_array(writer, "failures");
    for (guint i = 0; i < report->failures->len; i++)
        suite_write_failure(writer, path, g_ptr_array_index(report->failures, i));
    json_writer_end_array(writer);
    json_writer_begin_array(writer, "session");
    for (guint i = 0; i < report->session->len; i++)
        json_writer_text(writer, NULL, g_ptr_array_index(report->session, i));
    json_writer_end_array(writer);
    if (report->world != NULL)
        json_writer_raw(writer, "world", report->world);
    if (report->outcomes->len == 0)
        return;
    json_writer_begin_array(writer, "outcomes");
    for (guint i = 0; i < report->outcomes->len; i++)
        json_writer_raw(writer, NULL, g_ptr_array_index(report->outcomes, i));
    json_writer_end_array(writer);
}

/* Both forms of a report: YAML, NUL, JSON. */
static GString *
suite_format_report(const gchar *path, const DialogueReport *report)
{
    GString *out = g_string_new("failures:\n");
    g_autoptr(GString) json = g_string_new(NULL);
    JsonWriter writer;

    for (guint i = 0; i < report->failures->len; i++)
        suite_append_failure(out, path, g_ptr_array_index(report->failures, i));
    suite_append_lines(out, "session", (gchar *const *)report->session->pdata,
                       report->session->len);
    json_writer_init(&writer, json);
    suite_write_report(&writer, path, report);
    g_string_append_c(out, '\0');
    g_string_append_len(out, json->str, (gssize)json->len);
    return out;
}

static gboolean
suite_write_all(int fd, const GString *bytes)
{
    for (gsize done = 0; done < bytes->len;) {
        gssize n = write(fd, bytes->str + done, bytes->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        done += (gsize)n;
    }
    return TRUE;
}

/* --- a script's process --- */

/* Both get out of the way first: they may have each other's number. */
static void
suite_keep_descriptors(int result_fd, int *names_fd)
{
    int result = fcntl(result_fd, F_DUPFD, SUITE_NAMES_FD + 1);
    int names = *names_fd < 0 ? -1 : fcntl(*names_fd, F_DUPFD, SUITE_NAMES_FD + 1);

    dup2(result, SUITE_RESULT_FD);
    if (names >= 0)
        *names_fd = dup2(names, SUITE_NAMES_FD);
    close_range(names >= 0 ? SUITE_NAMES_FD + 1 : SUITE_NAMES_FD, ~0u, 0);
}

/* It has no descriptor of the parent's but the one that names are asked for at, which may be none,
 * does not outlive it, and cannot fill the memory with what it writes. */
static void
suite_become_child(const SuiteJob *job, pid_t parent, int *out_result_fd, int *names_fd)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
    const struct rlimit size = {SUITE_FILE_BYTES_MAX, SUITE_FILE_BYTES_MAX};
    const struct rlimit no_core = {0, 0};
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (guint i = 0; i < G_N_ELEMENTS(fatal); i++)
        signal(fatal[i], SIG_DFL);
    blame_forget_page();
    if (!sandbox_enter())
        barid_log(BARID_LOG_DEBUG, "sandbox.none", "error", g_strerror(errno), NULL);
    setrlimit(RLIMIT_FSIZE, &size);
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(null_fd, STDIN_FILENO);
    dup2(job->log_fd, STDOUT_FILENO);
    dup2(job->log_fd, STDERR_FILENO);
    suite_keep_descriptors(job->result_fd, names_fd);
    *out_result_fd = SUITE_RESULT_FD;
}

static void G_GNUC_NORETURN
suite_run_child(const SuiteOptions *options, const SuiteJob *job, pid_t parent)
{
    ReplaySources sources = {.proxy_fd = -1};
    DialogueOptions dialogue = {.path = job->path,
                                .folder = job->folder,
                                .base = options->files,
                                .state_dir = options->state_dir};
    g_auto(DialogueReport) report = {.failures = NULL};
    g_autoptr(GString) text = NULL;
    int fd;

    if (options->replay != NULL) {
        sources = *options->replay;
        dialogue.replay = &sources;
    }
    suite_become_child(job, parent, &fd, &sources.proxy_fd);
    dialogue_run(&dialogue, &report);
    fflush(NULL);
    if (report.failures->len + report.outcomes->len == 0 && report.world == NULL)
        _exit(EXIT_SUCCESS);
    text = suite_format_report(job->path, &report);
    if (!suite_write_all(fd, text))
        _exit(2);
    _exit(report.failures->len == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static gboolean
suite_start(const SuiteOptions *options, SuiteJob *job)
{
    pid_t parent = getpid();

    job->started_ms = clock_monotonic_ms();
    job->folder = g_dir_make_tmp("barid-test-XXXXXX", NULL);
    job->result_fd = memfd_create("barid-test-result", MFD_CLOEXEC);
    job->log_fd = memfd_create("barid-test-log", MFD_CLOEXEC);
    if (job->folder == NULL || job->result_fd < 0 || job->log_fd < 0)
        return FALSE;
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0)
        suite_run_child(options, job, parent);
    return job->pid > 0;
}

/* --- the end of a script --- */

static gchar *
suite_read(int fd, gsize limit, gsize *out_len)
{
    struct stat info;
    gsize size = fd >= 0 && fstat(fd, &info) == 0 ? (gsize)info.st_size : 0;
    gsize n = MIN(size, limit);
    gchar *bytes = g_malloc0(n + 1);
    gssize got = n == 0 ? 0 : pread(fd, bytes, n, (off_t)(size - n));

    *out_len = got < 0 ? 0 : (gsize)got;
    bytes[*out_len] = '\0';
    return bytes;
}

/* The last lines of the script's log. */
static void
suite_append_log(GString *out, const SuiteJob *job)
{
    gsize len;
    g_autofree gchar *bytes = suite_read(job->log_fd, SUITE_LOG_BYTES, &len);
    g_auto(GStrv) lines = NULL;
    guint n;

    g_strchomp(bytes);
    if (*bytes == '\0')
        return;
    lines = g_strsplit(bytes, "\n", -1);
    n = g_strv_length(lines);
    for (guint i = 0; i < n; i++) {
        gchar *shown = text_escape(barid_slice_from_text(lines[i]), 400);

        g_free(lines[i]);
        lines[i] = shown;
    }
    suite_append_lines(out, "log", lines + (n - MIN(n, SUITE_LOG_LINES)),
                       MIN(n, SUITE_LOG_LINES));
}

static gchar *
suite_describe_end(const SuiteJob *job, const SuiteOptions *options)
{
    if (job->timed_out)
        return g_strdup_printf("it did not end within %" G_GINT64_FORMAT " ms",
                               options->time_limit_ms);
    if (job->started_ms == 0)
        return g_strdup("it was not run: the tests together took too long");
    if (job->pid == 0 && !job->ended)
        return g_strdup("it could not be started");
    if (WIFSIGNALED(job->status))
        return g_strdup_printf("it crashed: signal %d (%s)", WTERMSIG(job->status),
                               g_strsignal(WTERMSIG(job->status)));
    return g_strdup_printf("it ended with status %d", WEXITSTATUS(job->status));
}

/* For a process that has left no report: why. */
static GString *
suite_format_end(const SuiteJob *job, const SuiteOptions *options)
{
    DialogueFailure failure = {.message = suite_describe_end(job, options)};
    DialogueReport report = {g_ptr_array_new(), g_ptr_array_new(), g_ptr_array_new(), NULL};
    GString *out;

    g_ptr_array_add(report.failures, &failure);
    out = suite_format_report(job->path, &report);
    g_free(failure.message);
    dialogue_report_clear(&report);
    return out;
}

static void
suite_tell(const SuiteJob *job, const SuiteOptions *options, guint index, SuiteVisitor visit,
           gpointer data)
{
    SuiteResult result = {.path = job->path, .duration_ms = job->duration_ms};
    g_autoptr(GString) details = g_string_new(NULL);
    g_autoptr(GString) both = NULL;
    gsize len;
    g_autofree gchar *said = suite_read(job->result_fd, SUITE_RESULT_BYTES_MAX, &len);

    result.ok = job->ended && !job->timed_out && job->status == 0;
    if (!result.ok && (len == 0 || job->timed_out || strlen(said) == len))
        both = suite_format_end(job, options);
    else
        both = g_string_new_len(said, (gssize)len);
    if (!result.ok) {
        g_string_append(details, both->str);
        suite_append_log(details, job);
    }
    result.details = details->str;
    result.json = both->len == 0 ? "\"failures\":[],\"session\":[]"
                                 : both->str + strlen(both->str) + 1;
    visit(&result, index, data);
}

static void
suite_job_clear(SuiteJob *job)
{
    if (job->result_fd >= 0)
        close(job->result_fd);
    if (job->log_fd >= 0)
        close(job->log_fd);
    sim_remove_folder(job->folder);
    g_free(job->folder);
    job->result_fd = job->log_fd = -1;
    job->folder = NULL;
}

/* --- all of them --- */

typedef struct {
    const SuiteOptions *options;
    SuiteJob *jobs;
    guint n, n_started, n_running, n_told, n_failed;
    gint64 started_ms;
    int interrupted_by; /* a signal; 0 without */
} Suite;

static gboolean
suite_is_out_of_time(const Suite *self)
{
    return self->options->total_limit_ms > 0 &&
           clock_monotonic_ms() - self->started_ms >= self->options->total_limit_ms;
}

static void
suite_start_more(Suite *self, guint jobs)
{
    while (self->n_started < self->n && self->n_running < jobs && !suite_is_out_of_time(self)) {
        SuiteJob *job = &self->jobs[self->n_started++];

        if (suite_start(self->options, job))
            self->n_running++;
    }
}

static SuiteJob *
suite_find(Suite *self, pid_t pid)
{
    for (guint i = 0; i < self->n_started; i++) {
        if (self->jobs[i].pid == pid)
            return &self->jobs[i];
    }
    return NULL;
}

static void
suite_reap(Suite *self)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        SuiteJob *job = suite_find(self, pid);

        if (job == NULL)
            continue;
        job->pid = 0;
        job->ended = TRUE;
        job->status = status;
        job->duration_ms = clock_monotonic_ms() - job->started_ms;
        self->n_running--;
    }
}

/* Kills what takes too long; milliseconds until the next one might. */
static gint64
suite_check_time(Suite *self)
{
    gint64 now_ms = clock_monotonic_ms();
    gint64 least_ms = 1000;

    for (guint i = 0; i < self->n_started; i++) {
        SuiteJob *job = &self->jobs[i];
        gint64 left_ms = job->started_ms + self->options->time_limit_ms - now_ms;

        if (job->pid == 0)
            continue;
        if (left_ms > 0 && !suite_is_out_of_time(self)) {
            least_ms = MIN(least_ms, left_ms);
            continue;
        }
        job->timed_out = TRUE;
        kill(job->pid, SIGKILL);
    }
    return least_ms;
}

static void
suite_tell_ended(Suite *self, SuiteVisitor visit, gpointer data)
{
    while (self->n_told < self->n_started && self->jobs[self->n_told].pid == 0) {
        SuiteJob *job = &self->jobs[self->n_told];

        self->n_failed += !job->ended || job->timed_out || job->status != 0;
        suite_tell(job, self->options, self->n_told++, visit, data);
        suite_job_clear(job);
    }
}

static void
suite_wait(Suite *self, const sigset_t *signals, gint64 wait_ms)
{
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    int signo = sigtimedwait(signals, NULL, &wait);

    if (signo > 0 && signo != SIGCHLD)
        self->interrupted_by = signo;
}

/* Of a suite that was interrupted. */
static void
suite_end_job(SuiteJob *job)
{
    if (job->pid > 0) {
        kill(job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0);
    }
    suite_job_clear(job);
}

static guint
suite_get_jobs(const SuiteOptions *options)
{
    guint jobs = options->jobs == 0 ? g_get_num_processors() : options->jobs;

    return CLAMP(jobs, 1, SUITE_JOBS_MAX);
}

guint
suite_run(const SuiteOptions *options, const GPtrArray *paths, SuiteVisitor visit, gpointer data)
{
    Suite self = {.options = options, .n = paths->len, .started_ms = clock_monotonic_ms()};
    sigset_t signals, old;

    self.jobs = g_new0(SuiteJob, MAX(paths->len, 1));
    for (guint i = 0; i < paths->len; i++)
        self.jobs[i] =
            (SuiteJob){.path = g_ptr_array_index(paths, i), .result_fd = -1, .log_fd = -1};
    /* A child's end may come between a look and the wait: blocked, it is not lost. Neither are
     * the folders, when somebody has waited long enough. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &old);
    while (self.n_told < self.n && self.interrupted_by == 0) {
        gint64 wait_ms;

        suite_start_more(&self, suite_get_jobs(options));
        wait_ms = suite_check_time(&self);
        suite_reap(&self);
        suite_tell_ended(&self, visit, data);
        if (self.n_running == 0 && suite_is_out_of_time(&self))
            self.n_started = self.n; /* those that are left are told as they are */
        else if (self.n_running > 0 && self.n_told < self.n)
            suite_wait(&self, &signals, wait_ms);
    }
    for (guint i = self.n_told; i < self.n; i++)
        suite_end_job(&self.jobs[i]);
    g_free(self.jobs);
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (self.interrupted_by != 0)
        raise(self.interrupted_by);
    return self.n_failed;
}

void
suite_append_tap(GString *out, const SuiteResult *result, guint index)
{
    g_autofree gchar *name = g_path_get_basename(result->path);
    g_auto(GStrv) lines = NULL;

    g_string_append_printf(out, "%s %u - %s\n", result->ok ? "ok" : "not ok", index + 1, name);
    if (result->ok)
        return;
    lines = g_strsplit(result->details, "\n", -1);
    g_string_append(out, "  ---\n");
    for (guint i = 0; lines[i] != NULL; i++) {
        if (*lines[i] != '\0')
            g_string_append_printf(out, "  %s\n", lines[i]);
    }
    g_string_append(out, "  ...\n");
}
