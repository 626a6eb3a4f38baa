/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-dns.h"

BaridSlice
rule_dns_reverse(const Address *address, Arena *scratch)
{
    static const gchar digits[] = "0123456789abcdef";
    const guint8 *bytes = address->bytes;
    guint8 *text;

    if (!address->is_v6)
        return barid_slice_from_text(
            arena_printf(scratch, "%u.%u.%u.%u", bytes[3], bytes[2], bytes[1], bytes[0]));
    text = arena_alloc(scratch, 64);
    for (guint i = 0; i < 16; i++) {
        text[4 * i] = (guint8)digits[bytes[15 - i] & 0x0f];
        text[4 * i + 1] = '.';
        text[4 * i + 2] = (guint8)digits[bytes[15 - i] >> 4];
        text[4 * i + 3] = '.';
    }
    return barid_slice(text, 63);
}

BaridSlice
rule_dns_make_name(const RuleValue *value, BaridSlice zone, Arena *scratch)
{
    BaridSlice label = value->type == RULE_ADDRESS ? rule_dns_reverse(&value->as.address, scratch)
                                                   : value->as.text;
    guint8 *name;

    if (label.len == 0)
        return BARID_SLICE_EMPTY;
    name = arena_alloc(scratch, label.len + 1 + zone.len);
    memcpy(name, label.data, label.len);
    name[label.len] = '.';
    memcpy(name + label.len + 1, zone.data, zone.len);
    return barid_slice(name, label.len + 1 + zone.len);
}
