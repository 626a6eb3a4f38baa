/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls-settings.h"

TlsTrust *
tls_trust_new_from_setting(const SettingsContext *context, const gchar *section, const gchar *path,
                           GError **error)
{
    g_autoptr(GBytes) pem = NULL;
    gconstpointer data;
    gsize len;

    if (path == NULL || *path == '\0')
        return tls_trust_new_system(error);
    pem = settings_open_file(context, section, "trust", path, error);
    if (pem == NULL)
        return NULL;
    data = g_bytes_get_data(pem, &len);
    return tls_trust_new_pem(barid_slice(data, len), path, error);
}
