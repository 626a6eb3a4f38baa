/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores: named key-value places with expiry, shared by modules and rules.
 *
 * A store is a [store NAME] of the configuration; its driver is "memory" (built in)
 * or a provider module such as sqlite. Keys are bytes up to BARID_STORE_KEY_MAX.
 * Every call may suspend and obeys the fiber's deadline; it fails with a temporary
 * error when the driver cannot answer.
 */
#ifndef BARID_STORE_H
#define BARID_STORE_H

#include <barid/setting.h>
#include <barid/slice.h>

#define BARID_STORE_KEY_MAX 1024
#define BARID_STORE_VALUE_MAX (1024 * 1024)

typedef struct BaridStore BaridStore;

/* Value of (key). Returns TRUE and sets (*out_value) to NULL when there is none;
 * caller owns the bytes. */
BARID_SUSPENDS gboolean barid_store_get(BaridStore *store, BaridSlice key, GBytes **out_value,
                                        GError **error);
/* (lifetime_ms) 0 keeps the entry for ever. */
BARID_SUSPENDS gboolean barid_store_set(BaridStore *store, BaridSlice key, BaridSlice value,
                                        gint64 lifetime_ms, GError **error);
BARID_SUSPENDS gboolean barid_store_remove(BaridStore *store, BaridSlice key, GError **error);
/* Notes that (key) was seen. (*out_age_ms) is the time since it was first seen within
 * its lifetime, 0 the first time; the entry lives (lifetime_ms) from now. Atomic. */
BARID_SUSPENDS gboolean barid_store_touch(BaridStore *store, BaridSlice key, gint64 lifetime_ms,
                                          gint64 *out_age_ms, GError **error);
/* Adds (delta) to a counter that begins at 0 and ends (lifetime_ms) after its first
 * change. Atomic. */
BARID_SUSPENDS gboolean barid_store_add(BaridStore *store, BaridSlice key, gint64 delta,
                                        gint64 lifetime_ms, gint64 *out_value, GError **error);

/* A store driver (provider kind BARID_PROVIDER_STORE). Calls come from fibers of any
 * worker thread at once; a driver that blocks uses barid_offload(). Times are given:
 * (now_ms) is the wall clock in milliseconds since the epoch. */
typedef struct {
    gsize struct_size;
    const BaridSetting *settings; /* keys of [store NAME] besides "driver" */
    gsize settings_size;
    gpointer (*open)(const gchar *name, const void *settings, GError **error);
    void (*close)(gpointer self);
    gboolean (*get)(gpointer self, BaridSlice key, gint64 now_ms, GBytes **out_value,
                    GError **error);
    gboolean (*set)(gpointer self, BaridSlice key, BaridSlice value, gint64 now_ms,
                    gint64 expires_ms, GError **error);
    gboolean (*remove)(gpointer self, BaridSlice key, GError **error);
    gboolean (*touch)(gpointer self, BaridSlice key, gint64 now_ms, gint64 expires_ms,
                      gint64 *out_first_ms, GError **error);
    gboolean (*add)(gpointer self, BaridSlice key, gint64 delta, gint64 now_ms,
                    gint64 expires_ms, gint64 *out_value, GError **error);
    /* As "open", for a simulation, which must find what is kept now and change none of it: a copy
     * below (folder), an empty one where nothing is kept yet. Whoever uses the original goes on,
     * and no file beside it is made. NULL for drivers that have no such thing. */
    gpointer (*open_copy)(const gchar *name, const void *settings, const gchar *folder,
                          GError **error);
} BaridStoreDriver;

#endif
