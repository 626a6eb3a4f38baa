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
#include "supervisor/passed-sockets.h"

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
/* What sockets are taken from before one is made. */
typedef struct {
    const ConfigSet *previous; /* that has bound what it asks for; NULL for none */
    const PassedSockets *passed;
    const Folder *run; /* where a unix socket without a folder is made */
} ConfigSetSources;

/* Binds what is in none of the sources. What becomes of the passed ones is logged. */
gboolean config_set_bind(ConfigSet *self, const ConfigSetSources *sources, GString *problems);
ConfigSet *config_set_ref(ConfigSet *self);
void config_set_unref(ConfigSet *self);
/* A value of our own parse, or NULL; problems with it are the worker's to report. */
const gchar *config_set_get_text(const ConfigSet *self, const gchar *kind, const gchar *name,
                                 const gchar *key);
int bound_socket_get_fd(const BoundSocket *self);
/* "IP:PORT", the path of a unix socket, or "@NAME". */
const gchar *bound_socket_get_address(const BoundSocket *self);
gboolean bound_socket_is_unix(const BoundSocket *self);
/* Whether a service manager has made it. */
gboolean bound_socket_is_passed(const BoundSocket *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigSet, config_set_unref)

#endif
