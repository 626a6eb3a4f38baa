/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: what a module keeps for one session, transaction or attempt. Each module has one
 * slot on each; nobody else sees it.
 */
#ifndef BARID_SLOT_H
#define BARID_SLOT_H

#include <barid/verdict.h>

/* Keeps (data) in the running module's slot until the object ends, then calls
 * (free_func), which may be NULL. Set once for an object; only from a hook. Slots are
 * freed in the reverse order of their setting. */
#define barid_slot_set(object, data, free_func) \
    barid_scope_slot_set(BARID_SCOPE(object), data, free_func)
/* What the running module set, or NULL. */
#define barid_slot_get(object) barid_scope_slot_get(BARID_SCOPE(object))

void barid_scope_slot_set(BaridScope *scope, gpointer data, GDestroyNotify free_func);
gpointer barid_scope_slot_get(BaridScope *scope);

#endif
