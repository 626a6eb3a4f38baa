/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors. Each layer and each module has its own GError domain; all of them share
 * the codes below, so that one question is always answered the same way: is it
 * worth trying again?
 */
#ifndef BARID_ERROR_H
#define BARID_ERROR_H

#include <barid/macros.h>

typedef enum {
    /* Permanent: the same request fails again. */
    BARID_ERROR_FAILED = 0,
    BARID_ERROR_INVALID,     /* malformed input or argument */
    BARID_ERROR_NOT_FOUND,
    BARID_ERROR_DENIED,      /* not permitted, or need not declared */
    BARID_ERROR_UNSUPPORTED,
    BARID_ERROR_TOO_LARGE,   /* a named limit was passed */
    /* Temporary: worth trying again later. */
    BARID_ERROR_TEMPORARY = 100,
    BARID_ERROR_IO,
    BARID_ERROR_TIMEOUT,     /* the fiber's deadline passed */
    BARID_ERROR_CANCELLED,   /* the fiber's group was cancelled */
    BARID_ERROR_CLOSED,      /* the peer closed the connection */
    BARID_ERROR_BUSY,        /* a limit on concurrent use */
    BARID_ERROR_NO_SPACE,
} BaridErrorCode;

/* The domain for errors of the module interface itself, and for modules that do not
 * define their own. Codes are BaridErrorCode in every domain of this project. */
#define BARID_ERROR (barid_error_quark())
GQuark barid_error_quark(void);

/* Makes (domain) one whose codes are BaridErrorCode. Idempotent, thread-safe. */
void barid_error_domain_register(GQuark domain);

/* Whether trying again later may succeed. NULL is not an error and gives FALSE;
 * errors of unknown domains count as temporary, so that mail is kept. */
gboolean barid_error_is_temporary(const GError *error);

#endif
