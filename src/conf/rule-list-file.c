/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-list-file.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include <barid/runtime.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/i18n.h"
#include "base/text.h"

/* What tells one content of a file from another. All zero: there is none. */
typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed, written;
} FileIdentity;

struct RuleListReader {
    GMutex lock;
    GCond idle;
    GThreadPool *pool; /* once there was something to read */
    guint n_jobs;
};

/*
 * Two places for the set, of which (active) is in force. Who reads says so at the place before
 * it looks whether that is still the active one; so a place that is not active and has no
 * readers is touched by nobody, and the reader's thread may free what is in it.
 */
struct RuleList {
    gchar *name;
    gchar *path; /* or NULL */
    RuleSetKind kind;
    RuleListReader *reader;
    GPtrArray *entries; /* of the configuration; of gchar * */
    RuleSet *sets[2];
    _Atomic guint active;
    _Atomic guint n_readers[2];
    _Atomic gint64 next_look_ms;
    /* Of the reader's thread alone, once the list is loaded. */
    FileIdentity identity; /* of what was read last, good or bad */
    gboolean is_settled;   /* the file could not have changed since without looking otherwise */
    guint32 checksum;      /* of the content, which is */
    gsize len;             /* as long */
};

/* --- the reader's thread --- */

RuleListReader *
rule_list_reader_new(void)
{
    RuleListReader *self = g_new0(RuleListReader, 1);

    g_mutex_init(&self->lock);
    g_cond_init(&self->idle);
    return self;
}

void
rule_list_reader_wait(RuleListReader *self)
{
    g_mutex_lock(&self->lock);
    while (self->n_jobs > 0)
        g_cond_wait(&self->idle, &self->lock);
    g_mutex_unlock(&self->lock);
}

void
rule_list_reader_free(RuleListReader *self)
{
    if (self == NULL)
        return;
    rule_list_reader_wait(self);
    if (self->pool != NULL)
        g_thread_pool_free(self->pool, FALSE, TRUE);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->idle);
    g_free(self);
}

static void rule_list_look(RuleList *self);

static void
rule_list_reader_run(gpointer list, gpointer data)
{
    RuleListReader *self = data;

    rule_list_look(list);
    g_mutex_lock(&self->lock);
    if (--self->n_jobs == 0)
        g_cond_broadcast(&self->idle);
    g_mutex_unlock(&self->lock);
}

/* The thread is made late: a process confines itself before it has several. */
static void
rule_list_reader_push(RuleListReader *self, RuleList *list)
{
    g_mutex_lock(&self->lock);
    if (self->pool == NULL)
        self->pool = g_thread_pool_new(rule_list_reader_run, self, 1, FALSE, NULL);
    self->n_jobs++;
    g_thread_pool_push(self->pool, list, NULL);
    g_mutex_unlock(&self->lock);
}

/* --- entries --- */

RuleList *
rule_list_new(const gchar *name, RuleSetKind kind, const gchar *path, RuleListReader *reader)
{
    RuleList *self = g_new0(RuleList, 1);

    self->name = g_strdup(name);
    self->path = g_strdup(path);
    self->kind = kind;
    self->reader = reader;
    self->entries = g_ptr_array_new_with_free_func(g_free);
    self->sets[0] = rule_set_new(kind);
    return self;
}

void
rule_list_free(RuleList *self)
{
    if (self == NULL)
        return;
    rule_set_free(self->sets[0]);
    rule_set_free(self->sets[1]);
    g_ptr_array_unref(self->entries);
    g_free(self->path);
    g_free(self->name);
    g_free(self);
}

/* An entry is /PATTERN/ or /PATTERN/i. NULL, or the reason; caller owns it. */
static gchar *
rule_list_add_pattern(RuleSet *set, BaridSlice entry)
{
    RuleRegexFlags flags = RULE_REGEX_PLAIN;
    gchar *reason = NULL;
    RuleRegex *regex;
    gsize offset;

    if (text_ends_with(entry, BARID_SLICE_LITERAL("/i"))) {
        flags |= RULE_REGEX_CASELESS;
        entry.len--;
    }
    if (entry.len < 2 || entry.data[0] != '/' || entry.data[entry.len - 1] != '/')
        return g_strdup(
            _("a pattern is written /.../ or /.../i; for * and ? there is type = globs"));
    regex = rule_regex_new(barid_slice(entry.data + 1, entry.len - 2), flags, &offset, &reason);
    if (regex != NULL)
        rule_set_add_pattern(set, regex);
    return reason;
}

static gchar *
rule_list_add_to(RuleSet *set, BaridSlice entry)
{
    Network network;

    if (!g_utf8_validate_len((const gchar *)entry.data, entry.len, NULL))
        return g_strdup(_("this is not UTF-8"));
    switch (rule_set_get_kind(set)) {
    case RULE_SET_PATTERNS:
        return rule_list_add_pattern(set, entry);
    case RULE_SET_NETWORKS:
        if (!network_parse(entry, &network))
            return g_strdup(_("an address or a network such as 192.0.2.0/24 is expected, without "
                              "bits past the prefix"));
        rule_set_add_network(set, &network);
        return NULL;
    case RULE_SET_GLOBS:
        if (entry.len >= 2 && entry.data[0] == '/')
            return rule_list_add_pattern(set, entry);
        rule_set_add_glob(set, entry);
        return NULL;
    case RULE_SET_TEXTS:
    case RULE_SET_NUMBERS:
        break;
    }
    rule_set_add_text(set, entry);
    return NULL;
}

gchar *
rule_list_add(RuleList *self, const gchar *entry)
{
    gchar *reason = rule_list_add_to(self->sets[0], barid_slice_from_text(entry));

    if (reason == NULL && self->path != NULL)
        g_ptr_array_add(self->entries, g_strdup(entry));
    return reason;
}

/* --- the file --- */

static void
rule_list_take_line(RuleSet *set, BaridSlice line, ConfigPosition position,
                    ConfigProblems *problems)
{
    g_autofree gchar *reason = NULL;
    g_autofree gchar *text = NULL;

    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    line = text_trim(line);
    if (line.len > 0 && line.data[0] != '#')
        reason = rule_list_add_to(set, line);
    if (reason == NULL)
        return;
    text = text_escape(line, 200);
    config_problems_add(problems, position, NULL, NULL, text, 0, "%s", reason);
}

/* One entry a line; empty lines and those that begin with # are skipped. */
static void
rule_list_take_lines(const gchar *path, BaridSlice rest, RuleSet *set, ConfigProblems *problems)
{
    ConfigPosition position = {g_intern_string(path), 0, 1};

    while (rest.len > 0) {
        gssize end = text_find(rest, '\n');
        gsize len = end < 0 ? rest.len : (gsize)end;

        position.line++;
        rule_list_take_line(set, barid_slice(rest.data, len), position, problems);
        len = MIN(len + 1, rest.len);
        rest = barid_slice(rest.data + len, rest.len - len);
    }
}

static gboolean
file_identity_get(const gchar *path, FileIdentity *out_identity)
{
    struct stat info;

    memset(out_identity, 0, sizeof *out_identity);
    if (stat(path, &info) != 0)
        return FALSE;
    out_identity->device = info.st_dev;
    out_identity->inode = info.st_ino;
    out_identity->size = info.st_size;
    out_identity->changed = info.st_ctim;
    out_identity->written = info.st_mtim;
    return TRUE;
}

static gboolean
file_identity_equal(const FileIdentity *a, const FileIdentity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec;
}

/* A file that changed a moment ago can change again within the same tick of its clock. */
static gboolean
file_identity_is_settled(const FileIdentity *self)
{
    gint64 age_s = clock_wall_ms() / 1000 - self->changed.tv_sec;

    return age_s < 0 || age_s > 1;
}

/* NULL with an error, and without one when the content is what it was. The caller owns it. */
static gchar *
rule_list_read(RuleList *self, gsize *out_len, GError **error)
{
    g_autofree gchar *text = NULL;
    guint32 checksum;

    /* Before the reading: what changes meanwhile is read again. */
    file_identity_get(self->path, &self->identity);
    self->is_settled = file_identity_is_settled(&self->identity);
    if (self->identity.size > RULE_LIST_FILE_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, _("the file is larger than %d MiB"),
                    RULE_LIST_FILE_MAX / 1048576);
        return NULL;
    }
    if (!g_file_get_contents(self->path, &text, out_len, error))
        return NULL;
    checksum = crc32c_update(0, text, *out_len);
    if (checksum == self->checksum && *out_len == self->len)
        return NULL;
    self->checksum = checksum;
    self->len = *out_len;
    return g_steal_pointer(&text);
}

gboolean
rule_list_load(RuleList *self, ConfigProblems *problems, GError **error)
{
    g_autofree gchar *text = NULL;
    g_autoptr(GError) failure = NULL;
    gsize len;

    if (self->path != NULL)
        text = rule_list_read(self, &len, &failure);
    if (text != NULL)
        rule_list_take_lines(self->path, barid_slice(text, len), self->sets[0], problems);
    rule_set_seal(self->sets[0]);
    atomic_store(&self->next_look_ms, clock_monotonic_ms() + RULE_LIST_LOOK_MS);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* --- reading again --- */

static void
rule_list_wait_for_readers(RuleList *self, guint place)
{
    /* A look-up takes microseconds; only a pattern may take longer. */
    while (atomic_load(&self->n_readers[place]) > 0)
        g_usleep(100);
}

static void
rule_list_replace(RuleList *self, RuleSet *set)
{
    guint old = atomic_load(&self->active);
    guint place = 1 - old;

    rule_list_wait_for_readers(self, place);
    self->sets[place] = set;
    atomic_store(&self->active, place);
    rule_list_wait_for_readers(self, old);
    g_clear_pointer(&self->sets[old], rule_set_free);
}

static void
rule_list_log_problem(const RuleList *self, const ConfigProblem *problem)
{
    g_autofree gchar *text = g_strdup_printf("%s:%u: %s", problem->position.file,
                                             problem->position.line, problem->message);

    barid_log(BARID_LOG_WARNING, "list.kept", "list", self->name, "error", text, "entry",
              problem->source_line, NULL);
}

/* NULL when a line of (text) is bad, after saying so. */
static RuleSet *
rule_list_make_set(const RuleList *self, BaridSlice text)
{
    g_autoptr(ConfigProblems) problems = config_problems_new();
    RuleSet *set = rule_set_new(self->kind);

    for (guint i = 0; i < self->entries->len; i++)
        g_free(rule_list_add_to(set, barid_slice_from_text(g_ptr_array_index(self->entries, i))));
    rule_list_take_lines(self->path, text, set, problems);
    if (config_problems_get_count(problems) > 0) {
        rule_list_log_problem(self, config_problems_get(problems, 0));
        rule_set_free(set);
        return NULL;
    }
    rule_set_seal(set);
    return set;
}

static void
rule_list_read_again(RuleList *self)
{
    g_autoptr(GError) error = NULL;
    gsize len;
    g_autofree gchar *text = rule_list_read(self, &len, &error);
    gchar entries[24];
    RuleSet *set;

    if (error != NULL)
        barid_log(BARID_LOG_WARNING, "list.kept", "list", self->name, "file", self->path, "error",
                  error->message, NULL);
    set = text == NULL ? NULL : rule_list_make_set(self, barid_slice(text, len));
    if (set == NULL)
        return;
    g_snprintf(entries, sizeof entries, "%u", rule_set_get_count(set));
    rule_list_replace(self, set);
    barid_log(BARID_LOG_INFO, "list.read", "list", self->name, "file", self->path, "entries",
              entries, NULL);
}

/* In the reader's thread. */
static void
rule_list_look(RuleList *self)
{
    FileIdentity identity;

    file_identity_get(self->path, &identity);
    if (!file_identity_equal(&identity, &self->identity) || !self->is_settled)
        rule_list_read_again(self);
    atomic_store(&self->next_look_ms, clock_monotonic_ms() + RULE_LIST_LOOK_MS);
}

/* One of those that come past the time sees to it that somebody looks. */
static void
rule_list_look_when_due(RuleList *self)
{
    gint64 now_ms = clock_monotonic_ms();
    gint64 next_ms = atomic_load_explicit(&self->next_look_ms, memory_order_relaxed);

    if (G_LIKELY(now_ms < next_ms))
        return;
    if (atomic_compare_exchange_strong(&self->next_look_ms, &next_ms, G_MAXINT64))
        rule_list_reader_push(self->reader, self);
}

/* --- look-ups --- */

const gchar *
rule_list_get_path(const RuleList *self)
{
    return self->path;
}

RuleSetKind
rule_list_get_kind(const RuleList *self)
{
    return self->kind;
}

guint
rule_list_get_groups(const RuleList *self)
{
    if (self->kind != RULE_SET_PATTERNS)
        return 0;
    return self->path != NULL ? RULE_CAPTURES_MAX - 1 : rule_set_get_groups(self->sets[0]);
}

static gboolean
rule_list_set_has(const RuleSet *set, const RuleValue *value, RuleCaptures *out_captures)
{
    switch (rule_set_get_kind(set)) {
    case RULE_SET_NETWORKS:
        return rule_set_has_address(set, &value->as.address);
    case RULE_SET_PATTERNS:
        return rule_set_has_match(set, value->as.text, out_captures);
    case RULE_SET_GLOBS:
        return rule_set_has_glob(set, value->as.text);
    default:
        return rule_set_has_text(set, value->as.text);
    }
}

/* The place that is in force, which stays until it is left. */
static guint
rule_list_enter(RuleList *self)
{
    for (;;) {
        guint place = atomic_load(&self->active);

        atomic_fetch_add(&self->n_readers[place], 1);
        if (G_LIKELY(atomic_load(&self->active) == place))
            return place;
        atomic_fetch_sub(&self->n_readers[place], 1);
    }
}

gboolean
rule_list_has(RuleList *self, const RuleValue *value, RuleCaptures *out_captures)
{
    gboolean has;
    guint place;

    if (self->path == NULL)
        return rule_list_set_has(self->sets[0], value, out_captures);
    rule_list_look_when_due(self);
    place = rule_list_enter(self);
    has = rule_list_set_has(self->sets[place], value, out_captures);
    atomic_fetch_sub_explicit(&self->n_readers[place], 1, memory_order_release);
    return has;
}
