/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named stores: [store NAME] driver = DRIVER and the driver's own keys. The driver
 * "memory" is built in; others are providers. The public calls are in <barid/store.h>.
 */
#ifndef STORE_H
#define STORE_H

#include <barid/store.h>

#include "conf/settings.h"
#include "host/host.h"

#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);

typedef struct StoreSet StoreSet;

/* Declares and binds all [store NAME] sections with the drivers of (host); nothing is opened
 * yet, so that a check leaves nothing behind. Installs the resolver for BARID_TYPE_STORE
 * and for "in store" of rules, so it comes between host_load() and host_bind(). Never NULL;
 * problems go to the context. A store "memory" is always there. Of several sets, e.g. of
 * two generations, the one made last answers the resolver. */
StoreSet *store_set_new(SettingsContext *context, const Host *host);
/* Opens them all, before any module starts. FALSE with the failing store's place in the
 * configuration. */
gboolean store_set_open(StoreSet *self, GError **error);
/* For simulations, instead: all are in memory, whatever their drivers. */
void store_set_open_in_memory(StoreSet *self);
/* The same with another driver, whose "open" does not fail; (settings) are borrowed while the
 * set lives. */
void store_set_open_instead(StoreSet *self, const BaridStoreDriver *driver, const void *settings);
/* The same, but with copies of what is kept, below (folder), where the driver makes them. */
void store_set_open_copies(StoreSet *self, const gchar *folder);

typedef enum {
    STORE_COPIED,
    STORE_EMPTY,  /* what it holds is known to whoever uses it alone */
    STORE_FAILED, /* it could not be copied, and is empty */
} StoreContents;

/* (why) of STORE_FAILED. */
typedef void (*StoreVisitor)(const gchar *name, StoreContents contents, const gchar *why,
                             gpointer data);

/* What the stores held at first that somebody has asked since. */
void store_set_visit_used(StoreSet *self, StoreVisitor visit, gpointer data);
BaridStore *store_set_find(StoreSet *self, const gchar *name);
/* Closes all. Nobody may be using them. */
void store_set_free(StoreSet *self);
const gchar *store_get_name(const BaridStore *store);
/* A store outside of any set: for tests. (settings) are borrowed while it lives. */
BaridStore *store_new(const gchar *name, const BaridStoreDriver *driver, const void *settings,
                      GError **error);
/* The same, of what was opened; takes (impl). */
BaridStore *store_new_opened(const gchar *name, const BaridStoreDriver *driver, gpointer impl);
BaridStore *store_new_memory(const gchar *name);
void store_free(BaridStore *store);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreSet, store_set_free)

#endif
