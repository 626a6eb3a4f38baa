/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shadows would have done, counted over reloads and restarts. A process counts by itself;
 * now and then, and at its end, it adds that to the file "shadow-counts.json" of the state
 * folder. A shadow that was changed, or whose setting was, is another one.
 */
#ifndef SHADOW_COUNTS_H
#define SHADOW_COUNTS_H

#include "control/generation.h"

/* Moves into the file what was counted here since (since_ms). Blocks on the disk. */
gboolean shadow_counts_save(const Generation *generation, gint64 since_ms, GError **error);

typedef enum { SHADOW_COUNTS_OWN, SHADOW_COUNTS_ALL } ShadowCountsWhich;
/* Writes "counted_since" and "shadows": [{kind, section, key, value, shadow or name, file, line,
 * evaluated, different, changes, other_changes}] into an open object; with those in the file for
 * SHADOW_COUNTS_ALL. */
void shadow_counts_write(const Generation *generation, ShadowCountsWhich which, gint64 since_ms,
                         JsonWriter *writer);

#endif
