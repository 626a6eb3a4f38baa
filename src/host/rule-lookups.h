/* SPDX-License-Identifier: Apache-2.0 */
/* What rules may ask of this floor: the DNS, and what is written down when nobody could tell. */
#ifndef RULE_LOOKUPS_H
#define RULE_LOOKUPS_H

#include "dns/resolver.h"

/* The note of failures, and functions on mail addresses; once. */
void rule_lookups_register(void);
/* "in dns", dns-exists() and dns-first(), for the rules that are compiled from now on; the
 * resolver, which may be NULL, must outlive them. */
void rule_lookups_register_dns(DnsResolver *resolver);

#endif
