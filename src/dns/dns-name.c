/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/dns-name.h"

#include <idn2.h>

#include "base/text.h"
#include "dns/resolver.h"

static gboolean
dns_name_refuse(const gchar *name, const gchar *why, GError **error)
{
    g_autofree gchar *shown = text_escape(barid_slice_from_text(name), 100);

    g_set_error(error, DNS_ERROR, BARID_ERROR_INVALID, "\"%s\" is no domain name: %s", shown, why);
    return FALSE;
}

/* Returns what is wrong with a name of ASCII characters, or NULL. */
static const gchar *
dns_name_find_fault(BaridSlice name)
{
    gsize label = 0;

    if (name.len > DNS_NAME_MAX)
        return "too long";
    for (gsize i = 0; i <= name.len; i++) {
        guint8 byte = i < name.len ? name.data[i] : '.';

        if (byte != '.') {
            /* A backslash stands for bytes that no name we would ask for has. */
            if (byte <= ' ' || byte >= 0x7f || byte == '\\')
                return "a character that no name has";
            if (++label > DNS_LABEL_MAX)
                return "a label is too long";
        } else if (label == 0) {
            return "an empty label";
        } else {
            label = 0;
        }
    }
    return NULL;
}

static gboolean
dns_name_put(BaridSlice name, gchar *out_name)
{
    for (gsize i = 0; i < name.len; i++)
        out_name[i] = g_ascii_tolower((gchar)name.data[i]);
    out_name[name.len] = '\0';
    return TRUE;
}

gboolean
dns_name_normalise(const gchar *name, gchar *out_name, GError **error)
{
    BaridSlice slice = barid_slice_from_text(name);
    g_autofree gchar *without_dot = NULL;
    const gchar *fault;
    char *ascii = NULL;
    int code;

    if (slice.len > 0 && slice.data[slice.len - 1] == '.')
        slice.len--;
    if (slice.len == 0 && *name != '\0')
        return dns_name_put(slice, out_name); /* "." is the root */
    if (text_is_ascii(slice)) {
        fault = dns_name_find_fault(slice);
        return fault == NULL ? dns_name_put(slice, out_name) : dns_name_refuse(name, fault, error);
    }
    if (slice.len > 4 * DNS_NAME_MAX)
        return dns_name_refuse(name, "too long", error);
    without_dot = g_strndup((const gchar *)slice.data, slice.len);
    code = idn2_to_ascii_8z(without_dot, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code != IDN2_OK)
        return dns_name_refuse(name, idn2_strerror(code), error);
    fault = dns_name_find_fault(barid_slice_from_text(ascii));
    if (fault == NULL)
        dns_name_put(barid_slice_from_text(ascii), out_name);
    idn2_free(ascii);
    return fault == NULL || dns_name_refuse(name, fault, error);
}

void
dns_name_of_address(const Address *address, gchar *out_name)
{
    static const gchar digits[] = "0123456789abcdef";
    const guint8 *bytes = address->bytes;
    gchar *p = out_name;

    if (!address->is_v6) {
        g_snprintf(out_name, DNS_NAME_MAX, "%u.%u.%u.%u.in-addr.arpa", bytes[3], bytes[2],
                   bytes[1], bytes[0]);
        return;
    }
    for (guint i = 16; i-- > 0;) {
        *p++ = digits[bytes[i] & 15];
        *p++ = '.';
        *p++ = digits[bytes[i] >> 4];
        *p++ = '.';
    }
    memcpy(p, "ip6.arpa", sizeof "ip6.arpa");
}

gboolean
dns_name_is_below(const gchar *name, const gchar *zone)
{
    gsize len = strlen(name), zone_len = strlen(zone);

    if (zone_len == 0)
        return TRUE;
    return len >= zone_len && memcmp(name + len - zone_len, zone, zone_len) == 0 &&
           (len == zone_len || name[len - zone_len - 1] == '.');
}

static gboolean
dns_name_is_plain(guint8 byte)
{
    return byte > ' ' && byte < 0x7f && strchr("\\.\"();@$", byte) == NULL;
}

gboolean
dns_name_from_wire(BaridSlice wire, gchar *out_text)
{
    gchar text[DNS_NAME_TEXT_MAX];
    gsize at = 0, len = 0;

    if (wire.len > 255)
        return FALSE;
    while (at < wire.len && wire.data[at] != 0) {
        gsize label = wire.data[at++];

        if (label > DNS_LABEL_MAX || label >= wire.len - at)
            return FALSE;
        if (len > 0)
            text[len++] = '.';
        for (; label > 0; label--, at++) {
            guint8 byte = wire.data[at];

            if (dns_name_is_plain(byte))
                text[len++] = g_ascii_tolower((gchar)byte);
            else
                len += (gsize)g_snprintf(text + len, 5, "\\%03u", byte);
        }
    }
    if (at + 1 != wire.len)
        return FALSE;
    memcpy(out_text, text, len);
    out_text[len] = '\0';
    return TRUE;
}
