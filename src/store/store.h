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
BaridStore *store_set_find(StoreSet *self, const gchar *name);
/* Closes all. Nobody may be using them. */
void store_set_free(StoreSet *self);
const gchar *store_get_name(const BaridStore *store);
/* A store outside of any set: for tests. (settings) are borrowed while it lives. */
BaridStore *store_new(const gchar *name, const BaridStoreDriver *driver, const void *settings,
                      GError **error);
BaridStore *store_new_memory(const gchar *name);
void store_free(BaridStore *store);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreSet, store_set_free)

#endif
