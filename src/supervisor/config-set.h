/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ConfigSet: one reading of the configuration with the listening sockets that it asks for.
 * Sockets of addresses that an earlier set has bound are shared with it, so that a reload
 * never closes what goes on. Counted by reference.
 */
#ifndef CONFIG_SET_H
#define CONFIG_SET_H

#include "conf/config-tree.h"
#include "supervisor/folder.h"

typedef struct BoundSocket BoundSocket;

typedef struct {
    gchar *listener;
    BoundSocket *socket;
} ConfigSetListener;

typedef struct {
    guint ref_count;
    ConfigFiles *files;
    ConfigTree *tree;
    GArray *listeners; /* of ConfigSetListener */
} ConfigSet;

/* Reads and parses; (path) NULL is the installed configuration, or the embedded one. NULL
 * with lines about what is wrong appended to (problems). */
ConfigSet *config_set_read(const gchar *path, GString *problems);
/* Binds what (previous), which may be NULL, has not bound yet. A unix socket without a
 * folder is made in (run). */
gboolean config_set_bind(ConfigSet *self, const ConfigSet *previous, const Folder *run,
                         GString *problems);
ConfigSet *config_set_ref(ConfigSet *self);
void config_set_unref(ConfigSet *self);
/* A value of our own parse, or NULL; problems with it are the worker's to report. */
const gchar *config_set_get_text(const ConfigSet *self, const gchar *kind, const gchar *name,
                                 const gchar *key);
int bound_socket_get_fd(const BoundSocket *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigSet, config_set_unref)

#endif
