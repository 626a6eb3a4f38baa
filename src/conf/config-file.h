/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a configuration: which files there are, and their bytes. Reading is done
 * by the supervisor; the worker gets the same text through a sealed memory file, so both
 * see one state of the disk.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/buffer.h"
#include "conf/config-problem.h"

/* A configuration's files together may hold this much. */
#define CONFIG_BYTES_MAX (16 * 1024 * 1024)

typedef struct {
    const gchar *name; /* interned path as the administrator knows it */
    gchar *text;       /* NUL-terminated; config_tree_parse() tells where it is no UTF-8 text */
    gsize len;
} ConfigFile;

typedef struct {
    GArray *files; /* of ConfigFile, in order of precedence: later overrides */
} ConfigFiles;

/* Reads (path) and the conf.d folder beside it (its files ending in .conf, in byte order of the
 * names). NULL when (path) or one of these cannot be read; the error names it. */
ConfigFiles *config_files_read(const gchar *path, GError **error);
/* The compiled-in text of conf.d, named "default:NAME.conf". */
ConfigFiles *config_files_new_default(void);
/* One file from memory, for tests. */
ConfigFiles *config_files_new_text(const gchar *name, const gchar *text);
ConfigFiles *config_files_copy(const ConfigFiles *self);
void config_files_append(ConfigFiles *self, const gchar *name, BaridSlice text);
/* The text of (name), or NULL when there is no such file. Borrowed. */
const gchar *config_files_get_text(const ConfigFiles *self, const gchar *name);
/* Whether the file, which need not be there, is UTF-8 without NUL. */
gboolean config_files_is_text(const ConfigFiles *self, const gchar *name);
/* Another text for the file (name); a new one of conf.d comes where it would have been read. */
void config_files_replace(ConfigFiles *self, const gchar *name, const gchar *text);
/* Takes out the files NAME.conf that hold [module NAME] of a module that is not installed: a
 * package of a module leaves its file behind when it is removed. (kept), unless NULL, is a file
 * that stays. The interned names of those taken out; caller owns the array. */
GPtrArray *config_files_drop_absent(ConfigFiles *self, const gchar *kept);
void config_files_free(ConfigFiles *self);
/* The binary form for ipc, and back. */
gboolean config_files_pack(const ConfigFiles *self, Buffer *out);
ConfigFiles *config_files_unpack(BaridSlice packed, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigFiles, config_files_free)

#endif
