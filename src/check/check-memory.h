/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the process has taken and not given back. */
#ifndef CHECK_MEMORY_H
#define CHECK_MEMORY_H

#include <glib.h>

/* Bytes since the start, exactly. 0 for ever where another malloc() came first, as that of a
 * sanitizer, which finds leaks itself. */
gint64 check_memory_get_used(void);

#endif
