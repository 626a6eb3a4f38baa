/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulation gives up for good: a module that minds no seam finds no network, either. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <glib.h>

/* From now on this process and what it makes can neither open a socket of the network, nor
 * connect, bind or listen, nor run a program: such calls fail with EACCES. FALSE with errno
 * where the kernel has no such filter. */
gboolean sandbox_enter(void);

#endif
