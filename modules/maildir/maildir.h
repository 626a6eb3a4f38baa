/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this module share: templates, folders, and writing one message. */
#ifndef MAILDIR_H
#define MAILDIR_H

#include <barid/barid.h>

/* Longest name of one folder. */
#define MAILDIR_NAME_MAX 255
/* Folders between the root and a mailbox. */
#define MAILDIR_DEPTH_MAX 8

typedef enum { MAILDIR_LF, MAILDIR_CRLF } MaildirLineEnds;

typedef struct {
    gchar *path;
    gchar *mailbox;
    gchar *folder;
    gint line_ends;
    gboolean create_folders;
} MaildirSettings;

/* --- templates --- */

/* What a template's variables stand for in one delivery. */
typedef struct {
    BaridSlice user, domain, local, detail;
} MaildirNames;

/* NULL, with BARID_ERROR_INVALID, for an unknown variable or an unclosed one. Otherwise
 * the text, whose parts between slashes are all safe as names; (*out_safe) is FALSE, and
 * NULL is returned without an error, when a variable made one that is not. */
gchar *maildir_expand(const gchar *template, const MaildirNames *names, gboolean *out_safe,
                      GError **error);
/* Neither empty, hidden, "..", too long, nor with control characters or slashes. */
gboolean maildir_name_is_safe(const gchar *name, gsize len);

/* --- folders --- */

/* Opens the folders of (path) below (root_fd) one by one, following no symbolic link,
 * and makes the missing ones durably with mode 0700. -1 with errno. */
int maildir_open_folders(int root_fd, const gchar *path);
/* One folder below (parent_fd); ENOENT when it is not there. */
int maildir_open_folder(int parent_fd, const gchar *name);
/* Makes tmp, new and cur below (fd). FALSE with errno. */
gboolean maildir_make(int fd);

/* --- messages --- */

typedef struct {
    BaridSlice fields; /* added at the top, CRLF line ends */
    BaridSlice pieces[2];
    guint n_pieces;
    MaildirLineEnds line_ends;
} MaildirMessage;

/* Writes the message to a new file (name) below (tmp_fd) and makes it durable. FALSE with
 * errno, and no file left behind. */
gboolean maildir_write(int tmp_fd, const gchar *name, const MaildirMessage *message,
                       gint64 *out_size_bytes);

#endif
