/* SPDX-License-Identifier: Apache-2.0 */
/* Log-in: finding the user and checking the password, at one price for all. */
#include "store/directory-private.h"

#include <crypt.h>

#include <barid/runtime.h>

#include "base/text.h"

/* libcrypt takes phrases shorter than this. */
enum { PASSWORD_MAX = CRYPT_MAX_PASSPHRASE_SIZE - 1 };

/* What an unknown user is checked against where the directory offers no example. */
#define PASSWORD_DECOY "$6$rounds=5000$nobodyishere$"

gboolean
directory_password_is_valid(BaridSlice hash)
{
    g_autofree gchar *text = NULL;
    int kind;

    if (hash.data[0] == '!' || hash.data[0] == '*')
        return TRUE; /* a locked account, as in shadow(5) */
    /* Two plain characters are the salt of traditional DES too: taking those would make a
     * plain-text password a hash. */
    if ((hash.data[0] != '$' && hash.data[0] != '_') || hash.len >= CRYPT_OUTPUT_SIZE)
        return FALSE;
    text = g_strndup((const gchar *)hash.data, hash.len);
    kind = crypt_checksalt(text);
    return kind == CRYPT_SALT_OK || kind == CRYPT_SALT_METHOD_LEGACY;
}

typedef struct {
    gchar phrase[PASSWORD_MAX + 1];
    const gchar *hash;
    gboolean matches;
} PasswordCheck;

static gboolean
password_equal(const gchar *a, const gchar *b)
{
    gsize len = strlen(a);
    guint8 difference = 0;

    if (len != strlen(b))
        return FALSE;
    for (gsize i = 0; i < len; i++)
        difference |= (guint8)(a[i] ^ b[i]);
    return difference == 0;
}

static void
password_run(gpointer data)
{
    PasswordCheck *check = data;
    struct crypt_data *scratch = g_new0(struct crypt_data, 1);
    const gchar *made = crypt_rn(check->phrase, check->hash, scratch, sizeof *scratch);

    check->matches = made != NULL && password_equal(made, check->hash);
    explicit_bzero(scratch, sizeof *scratch);
    g_free(scratch);
}

/* The hash that a missing user is measured against: of the same make as the first
 * user's, so that the answer's time tells nothing. */
static gboolean
password_pick_decoy(const Directory *directory, Arena *arena, const gchar **out_hash,
                    GError **error)
{
    DirectoryUser first;

    *out_hash = PASSWORD_DECOY;
    if (directory == NULL)
        return TRUE;
    if (!directory->driver->find_user(directory->impl, BARID_SLICE_EMPTY, arena, &first, error))
        return FALSE;
    if (first.password != NULL && (first.password[0] == '$' || first.password[0] == '_'))
        *out_hash = first.password;
    return TRUE;
}

/* By the name itself in each directory, the default domain's first. */
static gboolean
password_find_by_name(Directories *self, BaridSlice name, Arena *arena, DirectoryUser *out_user,
                      GError **error)
{
    for (guint i = 0; i < self->domains->len; i++) {
        const DirectoryDomain *domain = g_ptr_array_index(self->domains, i);

        if (!domain->enabled || domain->directory == NULL)
            continue;
        if (!domain->directory->driver->find_user(domain->directory->impl, name, arena, out_user,
                                                  error))
            return FALSE;
        if (out_user->name != NULL)
            return TRUE;
    }
    return TRUE;
}

/* By one of the user's addresses: only exact ones, since a sub-address, an alias or a
 * catch-all names nobody. (directory) NULL is the one of the address's domain. */
static gboolean
password_find_by_address(Directories *self, const Directory *directory, BaridSlice name,
                         Arena *arena, DirectoryUser *out_user, GError **error)
{
    const DirectoryDomain *domain;
    DirectoryEntry entry;
    MailAddress address;

    if (mail_address_parse(name, &address) != MAIL_ADDRESS_OK)
        return TRUE;
    if (directory == NULL) {
        domain = directories_find_domain(self, address.domain, arena);
        if (domain == NULL)
            return TRUE;
        directory = domain->directory;
    }
    if (!directory->driver->find_address(directory->impl, directory_key(&address, arena), arena,
                                         &entry, error))
        return FALSE;
    if (entry.user == NULL)
        return TRUE;
    return directory->driver->find_user(directory->impl, barid_slice_from_text(entry.user), arena,
                                        out_user, error);
}

static gboolean
password_find_user(Directories *self, const Directory *directory, BaridSlice name, Arena *arena,
                   DirectoryUser *out_user, GError **error)
{
    memset(out_user, 0, sizeof *out_user);
    if (name.len == 0 || name.len > MAIL_ADDRESS_PATH_MAX ||
        !g_utf8_validate_len((const gchar *)name.data, name.len, NULL))
        return TRUE;
    if (text_find(name, '@') >= 0 &&
        !password_find_by_address(self, directory, name, arena, out_user, error))
        return FALSE;
    if (out_user->name != NULL)
        return TRUE;
    return directory != NULL
               ? directory->driver->find_user(directory->impl, name, arena, out_user, error)
               : password_find_by_name(self, name, arena, out_user, error);
}

static const Directory *
password_default_directory(Directories *self)
{
    for (guint i = 0; i < self->domains->len; i++) {
        const DirectoryDomain *domain = g_ptr_array_index(self->domains, i);

        if (domain->enabled && domain->directory != NULL)
            return domain->directory;
    }
    return NULL;
}

static gboolean
password_check(PasswordCheck *check, BaridSlice password, GError **error)
{
    gboolean fits = password.len <= PASSWORD_MAX &&
                    (password.len == 0 || memchr(password.data, '\0', password.len) == NULL);
    gboolean ok;

    if (fits && password.len > 0)
        memcpy(check->phrase, password.data, password.len);
    ok = barid_offload(password_run, check, error);
    explicit_bzero(check->phrase, sizeof check->phrase);
    check->matches = check->matches && fits;
    return ok;
}

void
directories_set_skeleton_password(Directories *self, const gchar *password)
{
    self->skeleton_password = password;
}

/* NULL for the empty name, and for one that no directory has: then there is an error. */
static const Directory *
password_choose_directory(const Directories *self, const gchar *name, GError **error)
{
    g_autofree gchar *problem = NULL;

    if (*name == '\0')
        return NULL;
    problem = directories_check_name(self, name);
    if (problem != NULL)
        g_set_error_literal(error, DIRECTORY_ERROR, BARID_ERROR_NOT_FOUND, problem);
    return directories_find_directory(self, name);
}

gboolean
directories_authenticate(Directories *self, const gchar *directory, BaridSlice name,
                         BaridSlice password, Arena *arena, gboolean *out_valid,
                         const gchar **out_user, GError **error)
{
    const Directory *chosen = password_choose_directory(self, directory, error);
    PasswordCheck check = {.matches = FALSE};
    gboolean can_match;
    DirectoryUser user;

    if (chosen == NULL && *directory != '\0')
        return FALSE;
    if (!password_find_user(self, chosen, name, arena, &user, error))
        return FALSE;
    can_match = user.name != NULL && user.password != NULL &&
                (user.password[0] == '$' || user.password[0] == '_');
    check.hash = user.password;
    if (self->skeleton_password != NULL && user.name != NULL &&
        barid_slice_equal(password, barid_slice_from_text(self->skeleton_password))) {
        *out_valid = TRUE;
        *out_user = user.name;
        return TRUE;
    }
    if (!can_match &&
        !password_pick_decoy(chosen != NULL ? chosen : password_default_directory(self), arena,
                             &check.hash, error))
        return FALSE;
    if (!password_check(&check, password, error))
        return FALSE;
    *out_valid = can_match && check.matches;
    if (*out_valid)
        *out_user = user.name;
    return TRUE;
}
