/* SPDX-License-Identifier: Apache-2.0 */
/* Domains in their one form for comparing (RFC 5890): U-labels and A-labels of the same name
 * become the same bytes. */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include "base/arena.h"

/* (domain) as lower-cased A-labels, in (arena). What is no valid name of that kind is only
 * lower-cased, so that it equals nothing but itself. */
BaridSlice mail_domain_dup_ascii(BaridSlice domain, Arena *arena);

#endif
