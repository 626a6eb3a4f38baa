/* SPDX-License-Identifier: Apache-2.0 */
/* The randomness seam: seeded in tests, the kernel's otherwise. */
#ifndef CHANCE_H
#define CHANCE_H

#include <glib.h>

/* Makes every later result follow from (seed), process-wide; for tests. */
void chance_set_seed(guint64 seed);
/* Goes back to the kernel's source. */
void chance_unset_seed(void);
guint64 chance_u64(void);
/* A number in [0, limit). */
guint32 chance_below(guint32 limit);

#endif
