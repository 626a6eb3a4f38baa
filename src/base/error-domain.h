/* SPDX-License-Identifier: Apache-2.0 */
/* One line that defines a layer's error domain with the shared codes. */
#ifndef ERROR_DOMAIN_H
#define ERROR_DOMAIN_H

#include <barid/error.h>

#define ERROR_DOMAIN_DEFINE(function, name)                     \
    GQuark function(void)                                       \
    {                                                           \
        static gsize quark;                                     \
                                                                \
        if (g_once_init_enter(&quark)) {                        \
            GQuark made = g_quark_from_static_string(name);     \
                                                                \
            barid_error_domain_register(made);                  \
            g_once_init_leave(&quark, made);                    \
        }                                                       \
        return (GQuark)quark;                                   \
    }

/* Sets (error) from an errno value: ENOSPC and EDQUOT become NO_SPACE, ENOENT becomes
 * NOT_FOUND, EACCES and EPERM DENIED, others IO. The text is "WHAT: reason". */
void error_set_errno(GError **error, GQuark domain, int errnum, const gchar *format, ...)
    G_GNUC_PRINTF(4, 5);

#endif
