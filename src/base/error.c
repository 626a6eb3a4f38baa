/* SPDX-License-Identifier: Apache-2.0 */
#include <barid/error.h>

/* Domains are registered at start and never removed; a fixed table needs no lock to
 * read. */
enum { ERROR_DOMAINS_MAX = 64 };

static GQuark error_domains[ERROR_DOMAINS_MAX];
static gint error_n_domains;
static GMutex error_lock;

GQuark
barid_error_quark(void)
{
    static gsize quark;

    if (g_once_init_enter(&quark)) {
        GQuark made = g_quark_from_static_string("barid-error");

        barid_error_domain_register(made);
        g_once_init_leave(&quark, made);
    }
    return (GQuark)quark;
}

static gboolean
error_domain_is_ours(GQuark domain)
{
    gint count = g_atomic_int_get(&error_n_domains);

    for (gint i = 0; i < count; i++) {
        if (error_domains[i] == domain)
            return TRUE;
    }
    return FALSE;
}

void
barid_error_domain_register(GQuark domain)
{
    g_mutex_lock(&error_lock);
    if (!error_domain_is_ours(domain)) {
        g_assert(error_n_domains < ERROR_DOMAINS_MAX);
        error_domains[error_n_domains] = domain;
        g_atomic_int_inc(&error_n_domains);
    }
    g_mutex_unlock(&error_lock);
}

gboolean
barid_error_is_temporary(const GError *error)
{
    if (error == NULL)
        return FALSE;
    if (!error_domain_is_ours(error->domain))
        return TRUE;
    return error->code >= BARID_ERROR_TEMPORARY;
}
