/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the directory unit share: the driver interface, and the table of
 * users and aliases that both built-in drivers answer from.
 *
 * Look-ups come from fibers of several worker threads at once, so tables are read-only
 * once they are filled and drivers guard what changes.
 */
#ifndef DIRECTORY_PRIVATE_H
#define DIRECTORY_PRIVATE_H

#include "store/directory.h"

/* Longest user name; it becomes a folder's name. */
#define DIRECTORY_NAME_MAX 255
/* Bytes of a directory file. */
#define DIRECTORY_FILE_BYTES_MAX (64 * 1024 * 1024)
/* Maps of one directory: each is tried for every address that is not known. */
#define DIRECTORY_MAPS_MAX 1000

/* --- tables --- */

typedef struct {
    const gchar *name;     /* as written; NULL when there is no such user */
    const gchar *password; /* a crypt(3) hash, or NULL when the user cannot log in */
} DirectoryUser;

/* What stands behind one address: a user, or an alias's targets. */
typedef struct {
    const gchar *user;         /* NULL for an alias */
    const BaridSlice *targets; /* canonical addresses */
    guint n_targets;           /* 0, with no user: there is no such address */
} DirectoryEntry;

typedef struct DirectoryTable DirectoryTable;

DirectoryTable *directory_table_new(void);
DirectoryTable *directory_table_ref(DirectoryTable *self);
void directory_table_unref(DirectoryTable *self);
/* Both fail with BARID_ERROR_INVALID and say what is wrong. A user without addresses has
 * NAME@DOMAIN in every domain of the directory. An empty password allows no log-in. */
gboolean directory_table_add_user(DirectoryTable *self, BaridSlice name, BaridSlice password,
                                  const BaridSlice *addresses, guint n_addresses,
                                  GError **error);
gboolean directory_table_add_alias(DirectoryTable *self, BaridSlice address,
                                   const BaridSlice *targets, guint n_targets, GError **error);
/* A map: addresses of the directory's domains that (pattern) matches as a whole lead to
 * (targets), in which ${1} is the first group. Asked in order, for what has no entry. */
gboolean directory_table_add_map(DirectoryTable *self, BaridSlice pattern,
                                 const BaridSlice *targets, guint n_targets, GError **error);
void directory_table_find_mapped(const DirectoryTable *self, BaridSlice key, Arena *arena,
                                 DirectoryEntry *out_entry);
/* The answers are copied into the arena, so that they outlive the table. */
void directory_table_find_address(const DirectoryTable *self, BaridSlice key, Arena *arena,
                                  DirectoryEntry *out_entry);
/* The empty name means the first user. */
void directory_table_find_user(const DirectoryTable *self, BaridSlice name, Arena *arena,
                               DirectoryUser *out_user);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryTable, directory_table_unref)

/* One spelling of an address for matching: the local part without quoting, an "@" (the
 * last one) without case, and the domain as lower-cased A-labels. */
BaridSlice directory_key(const MailAddress *address, Arena *arena);
BaridSlice directory_key_from_parts(BaridSlice local, BaridSlice domain, Arena *arena);
BaridSlice directory_fold(BaridSlice text, Arena *arena);
/* A user's name: the domain of one with an "@" as in an address. */
BaridSlice directory_fold_name(BaridSlice name, Arena *arena);

/* --- drivers --- */

typedef struct {
    gboolean (*find_address)(gpointer self, BaridSlice key, Arena *arena,
                             DirectoryEntry *out_entry, GError **error);
    gboolean (*find_user)(gpointer self, BaridSlice name, Arena *arena,
                          DirectoryUser *out_user, GError **error);
    /* What the maps make of (key): an alias, or nothing. */
    gboolean (*find_mapped)(gpointer self, BaridSlice key, Arena *arena,
                            DirectoryEntry *out_entry, GError **error);
    void (*close)(gpointer self);
} DirectoryDriver;

typedef struct {
    const gchar *name;
    const DirectoryDriver *driver;
    const DirectoryDriver *working; /* its driver again, after a simulated fault; or NULL */
    gpointer impl;
} Directory;

extern const DirectoryDriver directory_inline_driver; /* (self) is a DirectoryTable */
extern const DirectoryDriver directory_file_driver;
extern const DirectoryDriver directory_failing_driver; /* stands in the place of another */

/* Opens and reads (path); later changes of the file are noticed by themselves. */
gpointer directory_file_open(const gchar *path, GError **error);
/* Reads the text of a directory file. NULL with "NAME:LINE: what is wrong". */
DirectoryTable *directory_file_parse(BaridSlice text, const gchar *name, GError **error);

/* --- domains --- */

typedef struct {
    const gchar *name;       /* as written */
    BaridSlice key;          /* lower-cased A-labels */
    gboolean enabled;
    gchar *directory_name;
    gchar *transport;
    gchar *catch_all;
    gchar *postmaster;
    gchar *delimiter;
    Directory *directory;
} DirectoryDomain;

struct Directories {
    Arena *arena;
    GPtrArray *directories; /* of Directory * */
    GPtrArray *domains;     /* of DirectoryDomain *, in the order of the configuration */
    const gchar *skeleton_password; /* of simulations; else NULL */
    GHashTable *by_domain;  /* key text -> DirectoryDomain *, enabled ones */
};

Directory *directories_find_directory(const Directories *self, const gchar *name);
/* NULL when it is not ours. The empty domain is the default one. */
const DirectoryDomain *directories_find_domain(const Directories *self, BaridSlice domain,
                                               Arena *arena);
/* Whether (hash) is of a kind that crypt(3) here can check, or locks the account. */
gboolean directory_password_is_valid(BaridSlice hash);

#endif
