/* SPDX-License-Identifier: Apache-2.0 */
/* The setting "trust" of sections whose peers show certificates. */
#ifndef TLS_SETTINGS_H
#define TLS_SETTINGS_H

#include "conf/settings.h"
#include "net/tls.h"

/* The authorities in (path), the value of "trust" in (section), its label; those of the system
 * where it is NULL or empty. */
TlsTrust *tls_trust_new_from_setting(const SettingsContext *context, const gchar *section,
                                     const gchar *path, GError **error);

#endif
