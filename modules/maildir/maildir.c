/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport "maildir": one file a message, below a root folder.
 *
 * A message is durable before it is reported as delivered: the file is written to tmp and
 * flushed, moved into new, and new is flushed once per attempt and mailbox. A crash in
 * between gives the message twice, never not at all.
 */
#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <libintl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

/* Mailboxes that are open at the same time. */
enum { MAILDIR_BATCH_MAX = 64 };

static const gchar *const line_ends_words[] = {"lf", "crlf", NULL};

static const BaridSetting settings[] = {
    BARID_SETTING_PATH("path", MaildirSettings, path, "maildir",
                       N_("The folder that all mailboxes are below."), BARID_SETTING_PATH_WRITE),
    BARID_SETTING_TEXT("mailbox", MaildirSettings, mailbox, "%{user}",
                       N_("A mailbox's folder below path.")),
    BARID_SETTING_TEXT("folder", MaildirSettings, folder, "",
                       N_("The folder for a sub-address, such as .%{detail}; empty means none.")),
    BARID_SETTING_BOOL("create-folders", MaildirSettings, create_folders, "no",
                       N_("Whether a sub-address may make its folder.")),
    BARID_SETTING_ENUM("line-ends", MaildirSettings, line_ends, "lf",
                       N_("How lines end in the files."), line_ends_words),
    BARID_SETTING_END,
};

typedef struct {
    const MaildirSettings *settings;
    gchar *host;               /* escaped, for file names */
    _Atomic guint64 n_written; /* makes names of one millisecond different */
} Maildir;

/* --- file names --- */

/* The convention asks for \057 and \072 where the host's name has "/" and ":". */
static gchar *
maildir_escape_host(const gchar *host)
{
    GString *escaped = g_string_new(NULL);

    for (; *host != '\0' && escaped->len < 64; host++) {
        if (*host == '/')
            g_string_append(escaped, "\\057");
        else if (*host == ':')
            g_string_append(escaped, "\\072");
        else if (g_ascii_isgraph(*host))
            g_string_append_c(escaped, *host);
    }
    return g_string_free(escaped, FALSE);
}

static gchar *
maildir_make_name(Maildir *self)
{
    gint64 now_ms = barid_now_ms();
    guint32 random;

    barid_random(&random, sizeof random);
    return g_strdup_printf("%" G_GINT64_FORMAT ".M%dP%dQ%" G_GUINT64_FORMAT "R%08x.%s",
                           now_ms / 1000, (gint)(now_ms % 1000) * 1000, (gint)getpid(),
                           atomic_fetch_add(&self->n_written, 1) + 1, random, self->host);
}

/* --- one attempt, on a helper thread --- */

typedef struct {
    MaildirNames names;
    BaridSlice address;
    BaridOutcome outcome;
    const gchar *status;
    gchar *text;   /* owned */
    gchar *folder; /* owned; relative to the root */
    gchar *file;   /* owned; in new, until the folder is flushed */
    int new_fd;    /* while its batch is under way */
} MaildirRecipient;

typedef struct {
    Maildir *maildir;
    BaridSlice sender;
    MaildirMessage message;
    MaildirRecipient *recipients;
    guint n_recipients;
} MaildirAttempt;

static gboolean
recipient_settle(MaildirRecipient *self, BaridOutcome outcome, const gchar *status,
                 const gchar *text)
{
    self->outcome = outcome;
    self->status = status;
    g_free(self->text);
    self->text = g_strdup(text);
    return outcome == BARID_DELIVERED;
}

static gboolean
recipient_fail(MaildirRecipient *self, int errnum)
{
    switch (errnum) {
    case EDQUOT:
        return recipient_settle(self, BARID_DEFERRED, "4.2.2", "the mailbox is full");
    case ENOSPC:
        return recipient_settle(self, BARID_DEFERRED, "4.3.1", "the disk is full");
    case ENAMETOOLONG:
        return recipient_settle(self, BARID_FAILED, "5.1.1", "the mailbox's name is too long");
    case ELOOP:
    case ENOTDIR:
        return recipient_settle(self, BARID_DEFERRED, "4.3.0",
                                "something in the mailbox's path is no folder");
    default:
        return recipient_settle(self, BARID_DEFERRED, "4.3.0", g_strerror(errnum));
    }
}

/* Marks a folder of the Maildir++ form, so that readers know whose it is. */
static gboolean
maildir_mark_folder(int fd)
{
    int mark = openat(fd, "maildirfolder", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (mark < 0)
        return FALSE;
    close(mark);
    return TRUE;
}

/* The folder of the sub-address below (fd), or -1 when the mail belongs in the mailbox
 * itself: what follows the delimiter is the sender's choice and never a reason to fail. */
static int
recipient_open_detail(const MaildirSettings *config, MaildirRecipient *self, int fd)
{
    g_autofree gchar *name = NULL;
    gboolean safe;
    int folder;

    if (config->folder == NULL || config->folder[0] == '\0' || self->names.detail.len == 0)
        return -1;
    name = maildir_expand(config->folder, &self->names, &safe, NULL);
    if (name == NULL || strchr(name, '/') != NULL)
        return -1;
    folder = maildir_open_folder(fd, name);
    if (folder < 0 && errno == ENOENT && config->create_folders) {
        folder = maildir_open_folders(fd, name);
        if (folder >= 0 && !maildir_mark_folder(folder)) {
            close(folder);
            folder = -1;
        }
    }
    if (folder >= 0) {
        g_autofree gchar *mailbox = g_steal_pointer(&self->folder);

        self->folder = g_strdup_printf("%s/%s", mailbox, name);
    }
    return folder;
}

/* The folder that holds tmp and new. */
static int
recipient_open(const MaildirSettings *config, MaildirRecipient *self, int root_fd)
{
    gboolean safe;
    int fd;
    int detail;

    self->folder = maildir_expand(config->mailbox, &self->names, &safe, NULL);
    if (self->folder == NULL) {
        recipient_settle(self, BARID_FAILED, "5.1.1", "the mailbox's name cannot be a folder");
        return -1;
    }
    fd = maildir_open_folders(root_fd, self->folder);
    if (fd >= 0) {
        detail = recipient_open_detail(config, self, fd);
        if (detail >= 0) {
            close(fd);
            fd = detail;
        }
    }
    if (fd >= 0 && !maildir_make(fd)) {
        int saved = errno;

        close(fd);
        errno = saved;
        fd = -1;
    }
    if (fd < 0)
        recipient_fail(self, errno);
    return fd;
}

/* Nothing that came from outside may begin a line of its own. */
static void
append_one_line(GString *fields, BaridSlice value)
{
    for (gsize i = 0; i < value.len; i++) {
        if (value.data[i] >= ' ' && value.data[i] != 0x7f)
            g_string_append_c(fields, (gchar)value.data[i]);
    }
}

/* RFC 5321 section 4.4: the reverse-path is kept at final delivery, first of all. */
static GString *
recipient_make_fields(const MaildirAttempt *attempt, const MaildirRecipient *self)
{
    GString *fields = g_string_new("Return-Path: <");

    append_one_line(fields, attempt->sender);
    g_string_append(fields, ">\r\nDelivered-To: ");
    append_one_line(fields, self->address);
    g_string_append(fields, "\r\n");
    return fields;
}

static gboolean
recipient_write(MaildirAttempt *attempt, MaildirRecipient *self, int tmp_fd)
{
    g_autofree gchar *name = maildir_make_name(attempt->maildir);
    GString *fields = recipient_make_fields(attempt, self);
    MaildirMessage message = attempt->message;
    gboolean written;
    gint64 size_bytes = 0;

    message.fields = barid_slice(fields->str, fields->len);
    written = maildir_write(tmp_fd, name, &message, &size_bytes);
    g_string_free(fields, TRUE);
    if (!written)
        return recipient_fail(self, errno);
    self->file = g_strdup_printf("%s,S=%" G_GINT64_FORMAT, name, size_bytes);
    if (renameat(tmp_fd, name, self->new_fd, self->file) != 0) {
        int saved = errno;

        unlinkat(tmp_fd, name, 0);
        return recipient_fail(self, saved);
    }
    return recipient_settle(self, BARID_DELIVERED, "2.0.0", "delivered");
}

/* Writes into new; the folder is not flushed yet and stays open. */
static void
recipient_deliver(MaildirAttempt *attempt, MaildirRecipient *self, int root_fd)
{
    int fd = recipient_open(attempt->maildir->settings, self, root_fd);
    int tmp_fd;

    if (fd < 0)
        return;
    tmp_fd = maildir_open_folder(fd, "tmp");
    self->new_fd = maildir_open_folder(fd, "new");
    if (tmp_fd < 0 || self->new_fd < 0)
        recipient_fail(self, errno);
    else
        recipient_write(attempt, self, tmp_fd);
    if (tmp_fd >= 0)
        close(tmp_fd);
    close(fd);
}

/* The first recipient of the batch that went into the same folder. */
static MaildirRecipient *
batch_find_first(MaildirRecipient *batch, guint index)
{
    for (guint i = 0; i < index; i++) {
        if (batch[i].new_fd >= 0 && g_strcmp0(batch[i].folder, batch[index].folder) == 0)
            return &batch[i];
    }
    return &batch[index];
}

static void
recipient_undo(MaildirRecipient *self, int errnum)
{
    if (self->outcome != BARID_DELIVERED)
        return;
    unlinkat(self->new_fd, self->file, 0);
    recipient_fail(self, errnum);
}

static void
batch_flush(MaildirRecipient *batch, guint count)
{
    int failures[MAILDIR_BATCH_MAX] = {0};

    for (guint i = 0; i < count; i++) {
        MaildirRecipient *first = batch_find_first(batch, i);

        if (batch[i].new_fd < 0)
            continue;
        if (first == &batch[i] && fsync(batch[i].new_fd) != 0)
            failures[i] = errno;
        else if (first != &batch[i])
            failures[i] = failures[first - batch];
        if (failures[i] != 0)
            recipient_undo(&batch[i], failures[i]);
    }
    for (guint i = 0; i < count; i++) {
        if (batch[i].new_fd >= 0)
            close(batch[i].new_fd);
        batch[i].new_fd = -1;
    }
}

static void
attempt_run(gpointer data)
{
    MaildirAttempt *self = data;
    const gchar *root = self->maildir->settings->path;
    int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (guint start = 0; start < self->n_recipients; start += MAILDIR_BATCH_MAX) {
        guint count = MIN(self->n_recipients - start, (guint)MAILDIR_BATCH_MAX);

        for (guint i = start; i < start + count; i++) {
            if (root_fd < 0)
                recipient_settle(&self->recipients[i], BARID_DEFERRED, "4.3.0",
                                 "the folder of all mailboxes cannot be opened");
            else
                recipient_deliver(self, &self->recipients[i], root_fd);
        }
        batch_flush(self->recipients + start, count);
    }
    if (root_fd >= 0)
        close(root_fd);
}

/* --- the driver --- */

static void
attempt_split_address(BaridSlice address, MaildirNames *names)
{
    const guint8 *at = address.len == 0 ? NULL : memrchr(address.data, '@', address.len);

    names->local = address;
    if (at == NULL)
        return;
    names->local.len = (gsize)(at - address.data);
    names->domain = barid_slice(at + 1, address.len - names->local.len - 1);
}

static void
attempt_fill(MaildirAttempt *self, Maildir *maildir, BaridAttempt *attempt)
{
    self->maildir = maildir;
    self->sender = barid_attempt_get_sender(attempt);
    self->message.n_pieces = barid_attempt_get_content(attempt, self->message.pieces);
    self->message.line_ends = (MaildirLineEnds)maildir->settings->line_ends;
    self->n_recipients = barid_attempt_get_n_recipients(attempt);
    self->recipients = g_new0(MaildirRecipient, self->n_recipients);
    for (guint i = 0; i < self->n_recipients; i++) {
        MaildirRecipient *recipient = &self->recipients[i];

        recipient->new_fd = -1;
        recipient->outcome = BARID_DEFERRED;
        recipient->status = "4.3.0";
        recipient->address = barid_attempt_get_address(attempt, i);
        attempt_split_address(recipient->address, &recipient->names);
        recipient->names.user = barid_slice_from_text(barid_attempt_get_mailbox(attempt, i));
        recipient->names.detail = barid_slice_from_text(barid_attempt_get_detail(attempt, i));
    }
}

static void
attempt_report(MaildirAttempt *self, BaridAttempt *attempt)
{
    for (guint i = 0; i < self->n_recipients; i++) {
        MaildirRecipient *recipient = &self->recipients[i];
        const gchar *folder = recipient->folder == NULL ? "?" : recipient->folder;

        barid_attempt_set_result(attempt, i, recipient->outcome, recipient->status,
                                 recipient->text);
        if (recipient->outcome == BARID_DELIVERED) {
            barid_attempt_note(attempt, "%s/new/%s", folder, recipient->file);
        } else {
            barid_attempt_note(attempt, "%s: %s", folder, recipient->text);
            barid_log(BARID_LOG_WARNING, "maildir.failed", "id",
                      barid_attempt_get_queue_id(attempt), "mailbox", folder, "error",
                      recipient->text, NULL);
        }
        g_free(recipient->text);
        g_free(recipient->folder);
        g_free(recipient->file);
    }
    g_free(self->recipients);
}

static void
maildir_deliver(gpointer self, BaridAttempt *attempt)
{
    MaildirAttempt work = {0};
    g_autoptr(GError) late = NULL;

    attempt_fill(&work, self, attempt);
    /* The work is done even when the deadline passed meanwhile: what was delivered counts,
     * or it would be delivered again. */
    if (!barid_offload(attempt_run, &work, &late))
        barid_attempt_note(attempt, "%s", late->message);
    attempt_report(&work, attempt);
}

static gboolean
maildir_check_templates(const MaildirSettings *config, GError **error)
{
    const BaridSlice x = BARID_SLICE_LITERAL("x");
    const MaildirNames names = {x, x, x, x};
    g_autofree gchar *mailbox = NULL;
    g_autofree gchar *folder = NULL;
    gboolean safe;

    mailbox = maildir_expand(config->mailbox == NULL ? "" : config->mailbox, &names, &safe, error);
    if (mailbox != NULL && config->folder != NULL && config->folder[0] != '\0') {
        folder = maildir_expand(config->folder, &names, &safe, error);
        safe = safe && (folder == NULL || strchr(folder, '/') == NULL);
        if (folder == NULL && safe)
            return FALSE;
    }
    if (mailbox == NULL && safe)
        return FALSE;
    if (!safe)
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID,
                            _("\"mailbox\" must name folders below \"path\", and \"folder\" one "
                              "folder below the mailbox"));
    return safe;
}

static gpointer
maildir_open(const void *config, GError **error)
{
    const MaildirSettings *read = config;
    gchar host[256] = "localhost";
    Maildir *self;

    if (!maildir_check_templates(read, error))
        return NULL;
    if (read->path == NULL || g_mkdir_with_parents(read->path, 0700) != 0) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_IO, _("cannot make the folder \"%s\": %s"),
                    read->path == NULL ? "" : read->path, g_strerror(errno));
        return NULL;
    }
    if (gethostname(host, sizeof host - 1) != 0)
        g_strlcpy(host, "localhost", sizeof host);
    self = g_new0(Maildir, 1);
    self->settings = read;
    self->host = maildir_escape_host(host);
    return self;
}

static void
maildir_close(gpointer data)
{
    Maildir *self = data;

    g_free(self->host);
    g_free(self);
}

static const BaridTransportDriver driver = {
    .struct_size = sizeof(BaridTransportDriver),
    .open = maildir_open,
    .close = maildir_close,
    .deliver = maildir_deliver,
};

static const BaridProvider providers[] = {
    {BARID_PROVIDER_TRANSPORT, "maildir", &driver},
    {BARID_PROVIDER_END, NULL, NULL},
};

BARID_MODULE_DEFINE(maildir) = {
    BARID_MODULE_HEADER,
    .name = "maildir",
    .version = PACKAGE_VERSION,
    .summary = N_("Delivers to Maildir folders"),
    .needs = BARID_READS_ENVELOPE | BARID_READS_HEADERS | BARID_READS_BODY | BARID_USES_FILES,
    .settings = settings,
    .settings_size = sizeof(MaildirSettings),
    .providers = providers,
};
