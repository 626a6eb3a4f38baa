/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What modules make of their settings, found out by starting them in a process that ends right
 * after: one that crashes or hangs there is a problem of the configuration like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/i18n.h"
#include "host/host-private.h"

/* What the process tells: a letter, a text, and NUL. */
#define TRY_STARTS 'S' /* the module's name */
#define TRY_FAILED 'F' /* why the last one did */

static void
try_tell(int fd, gchar what, const gchar *text)
{
    g_autofree gchar *record = g_strdup_printf("%c%s", what, text);
    gsize len = strlen(record) + 1;

    for (gsize sent = 0; sent < len;) {
        gssize part = write(fd, record + sent, len - sent);

        if (part < 0)
            _exit(EXIT_FAILURE);
        sent += (gsize)part;
    }
}

/* An alarm ends it when a module does not come back. */
G_GNUC_NORETURN static void
try_run(Host *self, gint64 patience_ms, int fd)
{
    signal(SIGALRM, SIG_DFL);
    for (guint i = 0; i < self->modules->len; i++) {
        HostModule *module = g_ptr_array_index(self->modules, i);
        g_autoptr(GError) error = NULL;

        try_tell(fd, TRY_STARTS, module->module->name);
        alarm((guint)CLAMP(patience_ms / 1000, 1, G_MAXINT));
        if (!host_start_module(module, &error))
            try_tell(fd, TRY_FAILED, error == NULL ? _("it does not say why") : error->message);
    }
    _exit(EXIT_SUCCESS);
}

static void
try_listen(int fd, GString *out_records)
{
    gchar block[1024];
    gssize got;

    while ((got = read(fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR))
        g_string_append_len(out_records, block, MAX(got, 0));
}

static void
try_report(SettingsContext *context, const gchar *module, const gchar *message)
{
    ConfigSection *section = config_tree_find(context->tree, "module", module);

    config_section_report(section, context->problems, NULL, "%s", message);
}

/* Gives the module that was started last, or NULL; borrowed from (records). */
static const gchar *
try_report_failures(SettingsContext *context, const GString *records)
{
    const gchar *module = NULL;

    for (const gchar *at = records->str; at < records->str + records->len; at += strlen(at) + 1) {
        if (*at == TRY_STARTS)
            module = at + 1;
        else if (module != NULL)
            try_report(context, module, at + 1);
    }
    return module;
}

void
host_try_start(Host *self, SettingsContext *context, gint64 patience_ms)
{
    g_autoptr(GString) records = g_string_new(NULL);
    g_autofree gchar *message = NULL;
    const gchar *last;
    int ends[2], status = 0;
    pid_t child;

    if (self->modules->len == 0 || pipe2(ends, O_CLOEXEC) != 0)
        return;
    child = fork();
    if (child == 0)
        try_run(self, patience_ms, ends[1]);
    close(ends[1]);
    if (child > 0)
        try_listen(ends[0], records);
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    last = try_report_failures(context, records);
    if (WIFSIGNALED(status))
        message = WTERMSIG(status) == SIGALRM
                      ? g_strdup(_("it does not come back from its start"))
                      : g_strdup_printf(_("it crashes at its start (signal %d)"),
                                        WTERMSIG(status));
    if (last != NULL && message != NULL)
        try_report(context, last, message);
}
