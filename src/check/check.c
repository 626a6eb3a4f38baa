/* SPDX-License-Identifier: Apache-2.0 */
#include "check/check-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/blame.h"
#include "base/error-domain.h"
#include "base/log.h"
#include "sim/folder.h"

/* Answers take so long that everything that is asked for has to be waited for. */
enum { CHECK_LATENCY_MS = 1 };

static const gchar check_config[] =
    "[server]\n"
    "hostname = mx.example.org\n"
    "[listener smtp]\n"
    "address = 127.0.0.1:2525\n"
    "[listener plain]\n"
    "address = 127.0.0.1:2526\n"
    "tls = none\n"
    "[listener lmtp]\n"
    "address = 127.0.0.1:2424\n"
    "protocol = lmtp\n"
    "[module judge]\n"
    "enabled = yes\n"
    "[domain example.org]\n"
    "transport = mailbox\n"
    "[user postmaster]\n"
    "addresses = postmaster@example.org\n"
    "[user alice]\n"
    "addresses = alice@example.org\n"
    "[user bob]\n"
    "addresses = bob@example.org\n";

/* --- failures --- */

const gchar *const check_disturbance_names[] = {"nothing", "a delay", "a timeout",
                                                "a cancellation"};

static void
check_abort(const gchar *message, gpointer data G_GNUC_UNUSED)
{
    fprintf(stderr, "%s\n", message);
    abort();
}

void
check_give(const BaridCheckSetup *setup, const gchar *message)
{
    if (setup->failed != NULL)
        setup->failed(message, setup->failed_data);
    else
        check_abort(message, NULL);
}

static void
check_append_session(const BaridCheck *self, GString *out)
{
    for (GList *at = self->dialogue.said.head; at != NULL; at = at->next)
        g_string_append_printf(out, "\n  %s", (const gchar *)at->data);
}

static void
check_append_disturbance(const BaridCheck *self, GString *out)
{
    if (self->disturber.came)
        g_string_append_printf(out, "\n  after %s at wait %u (%s)",
                               check_disturbance_names[self->disturber.kind],
                               self->disturber.target, self->disturber.place);
}

void
check_complain(BaridCheck *self, const gchar *file, gint line, const gchar *format, ...)
{
    g_autoptr(GString) out = g_string_new(NULL);
    va_list args;

    if (file != NULL)
        g_string_append_printf(out, "%s:%d: ", file, line);
    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
    check_append_disturbance(self, out);
    check_append_session(self, out);
    check_give(&self->setup, out->str);
}

void
check_tell(BaridCheck *self, const gchar *file, gint line)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < self->report.failures->len; i++) {
        const DialogueFailure *failure = g_ptr_array_index(self->report.failures, i);

        g_string_append_printf(out, "%s%s", i > 0 ? "\n" : "", failure->message);
    }
    /* The handler may not come back. */
    g_ptr_array_set_size(self->report.failures, 0);
    g_ptr_array_set_size(self->report.session, 0);
    self->dialogue.is_over = FALSE;
    if (out->len > 0)
        check_complain(self, file, line, "%s", out->str);
}

gboolean
check_is_upset(const BaridCheck *self)
{
    return self->disturber.came && self->disturber.kind != BARID_CHECK_DELAY;
}

/* --- steps --- */

typedef struct {
    BaridCheck *check;
    CheckFunc func;
    gpointer data;
    gboolean done;
} CheckCall;

/* The nap ends when all others wait. */
static void
check_run_call(gpointer data)
{
    CheckCall *call = data;

    call->func(call->check, call->data);
    barid_sleep(1, NULL);
    call->done = TRUE;
}

void
check_enter(BaridCheck *self, CheckFunc func, gpointer data)
{
    CheckCall call = {.check = self, .func = func, .data = data};
    g_autoptr(GError) error = NULL;

    self->n_calls++;
    if (fiber_group_spawn(&self->dialogue.group, check_run_call, &call, &error))
        scheduler_run_until(self->dialogue.scheduler, &call.done);
    else
        check_complain(self, NULL, 0, "%s", error->message);
}

static void
check_clear_steps(BaridCheck *self)
{
    DialogueStep *step;

    if (self->dialogue.script.steps->len == 0)
        return;
    step = g_ptr_array_index(self->dialogue.script.steps, 0);
    g_free(step->word);
    g_free(step->text);
    g_free(step->block);
    g_free(step->line);
    g_free(step);
    g_ptr_array_set_size(self->dialogue.script.steps, 0);
}

gboolean
check_step(BaridCheck *self, const gchar *word, const gchar *text, const gchar *block)
{
    DialogueStep *step = g_new0(DialogueStep, 1);

    check_clear_steps(self);
    step->number = self->n_calls;
    step->word = g_strdup(word);
    step->text = g_strdup(text == NULL ? "" : text);
    step->block = g_strdup(block);
    step->line = g_strconcat(step->word, ": ", step->text, NULL);
    g_ptr_array_add(self->dialogue.script.steps, step);
    /* To a short form it looks as if the script said itself what is answered. */
    g_ptr_array_add(self->dialogue.script.steps, &self->answered);
    self->dialogue.at = 0;
    return dialogue_run_step(&self->dialogue, step);
}

/* --- beginning and end --- */

/* NAME of ".../NAME.so" or ".../NAME.la"; NULL for another path. */
static gchar *
check_dup_module_name(const gchar *path)
{
    g_autofree gchar *base = path == NULL ? NULL : g_path_get_basename(path);

    if (base == NULL || strlen(base) < 4 ||
        (!g_str_has_suffix(base, ".so") && !g_str_has_suffix(base, ".la")))
        return NULL;
    base[strlen(base) - 3] = '\0';
    return g_steal_pointer(&base);
}

/* A folder in memory, where there is such a place. */
static gchar *
check_make_folder(GError **error)
{
    gchar in_memory[] = "/dev/shm/barid-check-XXXXXX";

    if (g_mkdtemp(in_memory) != NULL)
        return g_strdup(in_memory);
    return g_dir_make_tmp("barid-check-XXXXXX", error);
}

static ConfigFiles *
check_make_files(const BaridCheck *self)
{
    ConfigFiles *files = config_files_new_text("barid-check", check_config);
    g_autofree gchar *enabled = g_strdup_printf("[module %s]\nenabled = yes\n", self->module);

    config_files_append(files, "barid-check", barid_slice_from_text(enabled));
    return files;
}

static void
check_fill_script(BaridCheck *self)
{
    DialogueScript *script = &self->dialogue.script;

    script->steps = g_ptr_array_new();
    script->config = g_string_new(self->setup.config);
    script->lists = g_string_new(NULL);
    script->dns = g_string_new(self->setup.zone);
}

/* The fibers of providers are known by their labels, which stand in a page; one will do for the
 * life of the process. */
static gboolean
check_need_labels(const gchar *module, GError **error)
{
    int fd;
    gboolean ok;

    if (blame_label(module) != 0)
        return TRUE;
    fd = blame_new_page(error);
    ok = fd >= 0 && blame_use_page(fd, error);
    if (fd >= 0)
        close(fd);
    return ok;
}

static gboolean
check_prepare(BaridCheck *self, GError **error)
{
    if (self->module == NULL) {
        g_set_error(error, DIALOGUE_ERROR, BARID_ERROR_INVALID, "\"%s\" is not the path of a .so",
                    self->setup.module == NULL ? "" : self->setup.module);
        return FALSE;
    }
    self->module_dir = g_path_get_dirname(self->setup.module);
    self->folder = check_make_folder(error);
    if (self->folder == NULL || !check_need_labels(self->module, error))
        return FALSE;
    self->files = check_make_files(self);
    self->stores.latency_ms = CHECK_LATENCY_MS;
    self->options = (DialogueOptions){
        .path = "configuration",
        .folder = self->folder,
        .base = self->files,
        .module_dir = self->module_dir,
        .module = self->module,
        .store_driver = &fake_store_driver,
        .store_settings = &self->stores,
        .dns_latency_ms = CHECK_LATENCY_MS,
    };
    dialogue_init(&self->dialogue, &self->options, &self->report);
    self->dialogue.client->witness.keeps_records = TRUE;
    check_fill_script(self);
    return dialogue_set_up(&self->dialogue, error);
}

static void
check_free_parts(BaridCheck *self)
{
    if (self->report.failures != NULL) {
        if (self->dialogue.script.steps != NULL)
            check_clear_steps(self);
        dialogue_clear(&self->dialogue);
        dialogue_report_clear(&self->report);
    }
    if (self->folder != NULL)
        sim_remove_folder(self->folder);
    if (self->files != NULL)
        config_files_free(self->files);
    g_free(self->module_dir);
    g_free(self->module);
    g_free(self->folder);
    g_free(self->reply);
    g_free(self->disturber.place);
    g_free(self);
}

BaridCheck *
check_new(const BaridCheckSetup *setup, GError **error)
{
    BaridCheck *self = g_new0(BaridCheck, 1);

    memcpy(&self->setup, setup, MIN(setup->struct_size, sizeof self->setup));
    self->module = check_dup_module_name(setup->module);
    self->reply = g_strdup("");
    self->answered.word = (gchar *)(guintptr) "S";
    self->is_gone = TRUE;
    log_set_level(BARID_LOG_ERROR);
    if (check_prepare(self, error)) {
        dialogue_begin(&self->dialogue);
        check_watch(self);
        return self;
    }
    check_free_parts(self);
    return NULL;
}

BaridCheck *
barid_check_new_at(const BaridCheckSetup *setup, const gchar *file, gint line)
{
    g_autoptr(GError) error = NULL;
    BaridCheck *self = check_new(setup, &error);
    g_autofree gchar *message = NULL;

    if (self != NULL)
        return self;
    message = g_strdup_printf("%s:%d: %s", file, line, error->message);
    check_give(setup, message);
    return NULL;
}

static void
check_run_leave(BaridCheck *self, gpointer data G_GNUC_UNUSED)
{
    dialogue_leave(&self->dialogue);
}

void
check_stop(BaridCheck *self)
{
    Dialogue *dialogue = &self->dialogue;

    check_enter(self, check_run_leave, NULL);
    scheduler_stop(dialogue->scheduler);
    scheduler_run(dialogue->scheduler);
    dialogue_end(dialogue);
}

void
barid_check_free(BaridCheck *self)
{
    if (self == NULL)
        return;
    check_stop(self);
    check_free_parts(self);
}

gchar *
barid_check_dup_problems(const BaridCheckSetup *setup)
{
    g_autoptr(GError) error = NULL;
    BaridCheck *self = check_new(setup, &error);

    if (self == NULL)
        return g_strdup(error->message);
    barid_check_free(self);
    return NULL;
}
