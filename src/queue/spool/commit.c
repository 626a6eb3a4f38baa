/* SPDX-License-Identifier: Apache-2.0 */
/* From the caller's changes to records. */
#include <errno.h>

#include "base/error-domain.h"
#include "queue/spool/spool-core.h"

static gboolean
check_add(const Spool *self, const SpoolChange *change, GError **error)
{
    guint64 size = (guint64)SPOOL_RECORD_HEADER + change->envelope.len + change->state.len +
                   change->prefix.len + change->body.len;

    if (change->envelope.len > SPOOL_ENVELOPE_MAX || size > SPOOL_RECORD_MAX) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_TOO_LARGE,
                    "a message of %" G_GUINT64_FORMAT " bytes is too large for the spool", size);
        return FALSE;
    }
    if (change->ref->segment != 0 || (change->body_fd >= 0 && change->body.len > 0)) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_INVALID, "the message is added twice");
        return FALSE;
    }
    if (!change->takes_reserve &&
        atomic_load(&self->free_bytes) < self->options.reserve_bytes) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_NO_SPACE, "the spool's disk is nearly full");
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_change(const Spool *self, const SpoolChange *change, GError **error)
{
    if (change->kind == SPOOL_ADD)
        return check_add(self, change, error);
    if (change->kind == SPOOL_STATE &&
        change->state.len > SPOOL_RECORD_MAX - SPOOL_RECORD_HEADER) {
        g_set_error(error, SPOOL_ERROR, BARID_ERROR_TOO_LARGE, "the message's state is too large");
        return FALSE;
    }
    return TRUE;
}

/* A name left over by an attempt that failed does not stand in the way. */
static gboolean
link_file(Spool *self, int fd, const gchar *name)
{
    if (self->disk->link(self->disk, fd, self->folder_fd, name) == 0)
        return TRUE;
    return errno == EEXIST && self->disk->unlink(self->disk, self->folder_fd, name) == 0 &&
           self->disk->link(self->disk, fd, self->folder_fd, name) == 0;
}

/* The content of a large message is durable under its name before a record names it. */
static gboolean
store_file(Spool *self, const SpoolChange *change, guint32 *out_crc, GError **error)
{
    gchar name[SPOOL_FILE_NAME_MAX];

    if (!spool_file_checksum(self->disk, change->body_fd, change->body_fd_bytes, out_crc, error))
        return FALSE;
    spool_file_name_format(change->ref->id, name);
    self->n_syncs++;
    if (self->disk->fdatasync(self->disk, change->body_fd) == 0 &&
        link_file(self, change->body_fd, name))
        return TRUE;
    error_set_errno(error, SPOOL_ERROR, errno, "cannot store the content of a message");
    return FALSE;
}

static void
drop_file(Spool *self, const SpoolChange *change)
{
    gchar name[SPOOL_FILE_NAME_MAX];

    spool_file_name_format(change->ref->id, name);
    (void)self->disk->unlink(self->disk, self->folder_fd, name);
}

static gboolean
has_file(const SpoolChange *change)
{
    return change->kind == SPOOL_ADD && change->body_fd >= 0;
}

/* Stores the files of all large messages with one flush of the folder. */
static void
store_files(Spool *self, SpoolChange *const *changes, guint n_changes, guint32 *crcs)
{
    gboolean any = FALSE;
    int why = 0;

    for (guint i = 0; i < n_changes; i++) {
        if (has_file(changes[i]) && changes[i]->error == NULL)
            any |= store_file(self, changes[i], &crcs[i], &changes[i]->error);
    }
    if (any && self->disk->sync_folder(self->disk, self->folder_fd) != 0)
        why = errno;
    for (guint i = 0; i < n_changes && why != 0; i++) {
        if (has_file(changes[i]) && changes[i]->error == NULL) {
            error_set_errno(&changes[i]->error, SPOOL_ERROR, why, "cannot sync the spool's folder");
            drop_file(self, changes[i]);
        }
    }
}

static void
append_change(Spool *self, SpoolChange *change, guint32 file_crc)
{
    static const guint8 types[] = {
        [SPOOL_ADD] = SPOOL_RECORD_ADD,
        [SPOOL_STATE] = SPOOL_RECORD_STATE,
        [SPOOL_REMOVE] = SPOOL_RECORD_REMOVE,
    };
    SpoolDraft draft = {
        .header = {.id = change->ref->id, .type = types[change->kind]},
        .ref = change->ref,
        .error = &change->error,
        .after = change->after != NULL ? &change->after->error : NULL,
    };

    if (change->kind != SPOOL_REMOVE)
        draft.parts[1] = change->state;
    if (change->kind == SPOOL_ADD) {
        draft.parts[0] = change->envelope;
        draft.parts[2] = change->prefix;
        draft.parts[3] = change->body;
    }
    if (has_file(change)) {
        draft.header.flags = SPOOL_RECORD_LARGE;
        draft.header.file_bytes = change->body_fd_bytes;
        draft.header.file_crc = file_crc;
    }
    draft.header.envelope_len = (guint32)draft.parts[0].len;
    draft.header.state_len = (guint32)draft.parts[1].len;
    draft.header.prefix_len = (guint32)draft.parts[2].len;
    draft.header.body_len = (guint32)draft.parts[3].len;
    spool_log_append(self, &draft);
}

/* Who is told that a change failed must not find it done after a restart. So the mark that
 * the end of the failed segment does not count is made durable now if the disk still
 * takes anything; else it goes ahead of the next batch. */
static void
tell_voids(Spool *self)
{
    if (self->voids->len > 0 && self->active == NULL)
        (void)spool_log_void(self);
}

void
spool_commit(Spool *self, SpoolChange *const *changes, guint n_changes)
{
    g_autofree guint32 *crcs = NULL;
    gboolean any_add = FALSE, any_file = FALSE;

    for (guint i = 0; i < n_changes; i++) {
        changes[i]->error = NULL;
        any_add |= changes[i]->kind == SPOOL_ADD;
        any_file |= has_file(changes[i]);
    }
    if (any_add)
        (void)spool_look_at_space(self);
    for (guint i = 0; i < n_changes; i++)
        (void)check_change(self, changes[i], &changes[i]->error);
    if (any_file) {
        crcs = g_new0(guint32, n_changes);
        store_files(self, changes, n_changes, crcs);
    }
    for (guint i = 0; i < n_changes; i++) {
        if (changes[i]->error == NULL)
            append_change(self, changes[i], crcs == NULL ? 0 : crcs[i]);
    }
    (void)spool_log_flush(self);
    tell_voids(self);
    for (guint i = 0; i < n_changes && any_file && self->voids->len == 0; i++) {
        if (has_file(changes[i]) && changes[i]->error != NULL && changes[i]->ref->segment == 0)
            drop_file(self, changes[i]);
    }
}
