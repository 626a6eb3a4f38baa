/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error-domain.h"

#include <errno.h>
#include <stdarg.h>

static BaridErrorCode
error_code_of(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return BARID_ERROR_NO_SPACE;
    case ENOENT:
        return BARID_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return BARID_ERROR_DENIED;
    default:
        return BARID_ERROR_IO;
    }
}

void
error_set_errno(GError **error, GQuark domain, int errnum, const gchar *format, ...)
{
    g_autofree gchar *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, domain, (gint)error_code_of(errnum), "%s: %s", what, g_strerror(errnum));
}
