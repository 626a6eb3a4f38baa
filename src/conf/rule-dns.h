/* SPDX-License-Identifier: Apache-2.0 */
/* The names that "in dns" asks for. */
#ifndef RULE_DNS_H
#define RULE_DNS_H

#include "base/arena.h"
#include "conf/rule-language.h"

/* The octets or nibbles of (address) reversed, without a final dot (RFC 5782 section 2). */
BaridSlice rule_dns_reverse(const Address *address, Arena *scratch);
/* An address reversed under (zone), a text as labels under it. Empty when (value) is. */
BaridSlice rule_dns_make_name(const RuleValue *value, BaridSlice zone, Arena *scratch);

#endif
