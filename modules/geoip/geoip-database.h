/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database in MaxMind's format: what is known of the network that an address is in. The
 * file is mapped when it is opened and needs nothing of the file system afterwards. Look-ups
 * may be made by several threads at once; none of them suspends.
 */
#ifndef GEOIP_DATABASE_H
#define GEOIP_DATABASE_H

#include <glib.h>

typedef struct GeoipDatabase GeoipDatabase;

/* Where a value stands in a record: keys, ended by NULL. */
typedef const gchar *const *GeoipPath;

/* Opens the file and makes sure that it has one of (paths), which end with NULL, somewhere:
 * a database of something else is an error of whoever chose it. Errors name (path). */
GeoipDatabase *geoip_database_open(const gchar *path, const GeoipPath *paths, GError **error);
void geoip_database_free(GeoipDatabase *self);

/* The text at (path) in the record of the address (ip), cut to (max_bytes) between characters,
 * with "?" for what cannot be shown; to be freed. NULL without error: the database does not know
 * it. NULL with BARID_ERROR_INVALID: the database is damaged there. */
gchar *geoip_database_dup_text(const GeoipDatabase *self, const gchar *ip, GeoipPath path,
                               gsize max_bytes, GError **error);
/* The same for a number; 0 stands for NULL. */
guint32 geoip_database_get_number(const GeoipDatabase *self, const gchar *ip, GeoipPath path,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GeoipDatabase, geoip_database_free)

#endif
