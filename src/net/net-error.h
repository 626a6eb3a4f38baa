/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_ERROR_H
#define NET_ERROR_H

#include <barid/error.h>

/* Domain of connections and TLS. */
#define NET_ERROR (net_error_quark())
GQuark net_error_quark(void);

#endif
