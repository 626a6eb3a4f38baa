/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock rule sets (landlock(7)), as far as the kernel knows them. */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <barid/error.h>

typedef struct Landlock Landlock;

/* A rule set that forbids everything; NULL with errno when the kernel has no Landlock. */
Landlock *landlock_new(void);
/* Everything below (path); one that is not there is passed over. */
void landlock_allow_reading(Landlock *self, const gchar *path);
void landlock_allow_changes(Landlock *self, const gchar *path);
/* TCP connections to (port), where the kernel can tell. */
void landlock_allow_connecting(Landlock *self, guint port);
/* Whether the kernel can tell. */
gboolean landlock_knows_ports(const Landlock *self);
/* For the calling thread and those it makes. */
gboolean landlock_enforce(Landlock *self, GError **error);
void landlock_free(Landlock *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Landlock, landlock_free)

#endif
