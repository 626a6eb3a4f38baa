/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks and small macros that every public header uses. Nothing here depends on
 * anything but GLib's macros.
 */
#ifndef BARID_MACROS_H
#define BARID_MACROS_H

#include <glib.h>

/* Version of the module interface. A module loads into a core of the same major
 * version whose minor version is not lower than the one it was built with. */
#define BARID_API_MAJOR 1
#define BARID_API_MINOR 1

/* Marks a function that may suspend the calling fiber. No lock may be held across
 * the call, and objects of other fibers may have changed when it returns. */
#define BARID_SUSPENDS

/* Marks text for the message catalogue without translating it at load time. */
#ifndef N_
#define N_(text) text
#endif

#endif
