/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories: which domains are ours, who lives in them, who may log in.
 *
 *   [domain NAME]      directory, transport, catch-all, postmaster, delimiter, enabled
 *   [directory NAME]   driver = inline | file, and the driver's keys
 *   [user NAME]        password, addresses, directory (for the inline driver)
 *   [alias ADDRESS]    to = ADDRESS, ... (inline)
 *   [map NAME]         match = PATTERN, to = ADDRESS, ... (inline)
 *
 * A look-up may suspend; "no such user" is an answer, a driver that cannot answer is an
 * error. Local parts are compared without regard to case and quoting; domains likewise.
 */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include "base/arena.h"
#include "conf/settings.h"
#include "host/host.h"
#include "mime/mail-address.h"

#define DIRECTORY_ERROR (directory_error_quark())
GQuark directory_error_quark(void);

/* Aliases are followed this deep, to this many addresses. */
#define DIRECTORY_DEPTH_MAX 10
#define DIRECTORY_TARGETS_MAX 1000

typedef struct Directories Directories;

Directories *directories_new(SettingsContext *context, const Host *host);
void directories_free(Directories *self);

typedef enum {
    DIRECTORY_NOT_LOCAL,  /* the domain is not ours */
    DIRECTORY_UNKNOWN,    /* our domain, no such address */
    DIRECTORY_MAILBOX,    /* delivered here: (user), (detail) */
    DIRECTORY_ALIAS,      /* expands to (targets) */
} DirectoryAnswer;

/* Everything lives in the arena given. */
typedef struct {
    DirectoryAnswer answer;
    const gchar *user;      /* mailbox owner */
    const gchar *detail;    /* sub-address, or NULL */
    const gchar *transport; /* name of the transport for a mailbox */
    BaridSlice *targets;    /* final addresses of an alias: mailboxes and outside ones */
    guint n_targets;
} DirectoryResult;

/* What becomes of mail for (address). An empty domain (postmaster) means the default
 * domain. Exact address, then without sub-address, then catch-all; aliases are expanded
 * fully, loops cut. FALSE with a temporary error when a driver cannot answer. */
BARID_SUSPENDS gboolean directories_resolve(Directories *self, const MailAddress *address,
                                            Arena *arena, DirectoryResult *out_result,
                                            GError **error);
/* Why (name) is that of no directory, caller owns it; NULL when there is one. */
gchar *directories_check_name(const Directories *self, const gchar *name);
/* For simulations: the directory called (name) cannot answer any more, or can again. FALSE
 * when there is none of that name. */
gboolean directories_set_failing(Directories *self, const gchar *name, gboolean failing);
/* For simulations: from now on (password), which is borrowed, is every user's besides the
 * user's own. Before the first session. */
void directories_set_skeleton_password(Directories *self, const gchar *password);
/* What two addresses have in common when they are one: of our domains without case and
 * quoting of the local part, which others may tell apart (RFC 5321 section 2.4). */
BaridSlice directories_dup_key(Directories *self, const MailAddress *address, Arena *arena);
/* Whether (domain) is ours; any spelling of case, U-labels or A-labels. */
gboolean directories_is_local(Directories *self, BaridSlice domain);
/* The transport of one of our domains; NULL when it is not ours. */
const gchar *directories_get_transport(Directories *self, BaridSlice domain);

/* Checks a user's password (crypt(3) hashes, offloaded since they are slow). (name) is
 * "user" or "user@domain", of the [directory NAME] that is named, or, where that is empty, of
 * those of the domains. An unknown user costs as much time as a wrong password.
 * (*out_user) is the canonical name in the arena when (*out_valid). */
BARID_SUSPENDS gboolean directories_authenticate(Directories *self, const gchar *directory,
                                                 BaridSlice name, BaridSlice password,
                                                 Arena *arena, gboolean *out_valid,
                                                 const gchar **out_user, GError **error);
/* Whether (user) may send as (address). */
BARID_SUSPENDS gboolean directories_owns(Directories *self, const gchar *user,
                                         const MailAddress *address, gboolean *out_owns,
                                         GError **error);
/* VRFY: the full addresses that (text) may mean, as DirectoryResult targets. */
BARID_SUSPENDS gboolean directories_verify(Directories *self, BaridSlice text, Arena *arena,
                                           DirectoryResult *out_result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Directories, directories_free)

#endif
