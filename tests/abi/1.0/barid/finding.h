/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings: what a module learned, for other modules, rules and explanations.
 *
 * A finding is a name ("spf", "greylist.age") with one text value on a scope. The
 * producer declares its names in BaridModule.findings; a consumer needs to know
 * nothing but the name.
 */
#ifndef BARID_FINDING_H
#define BARID_FINDING_H

#include <barid/verdict.h>

/* Records or replaces a finding of the running module. The value is copied. */
#define barid_finding_set(object, name, value) \
    barid_scope_finding_set(BARID_SCOPE(object), name, value)
/* The value, or NULL when there is none. A finding that an observer of this scope is
 * still working on is waited for. Borrowed until the scope ends or it is replaced. */
#define barid_finding_get(object, name) barid_scope_finding_get(BARID_SCOPE(object), name)

gboolean barid_scope_finding_set(BaridScope *scope, const gchar *name, const gchar *value);
BARID_SUSPENDS const gchar *barid_scope_finding_get(BaridScope *scope, const gchar *name);

#endif
