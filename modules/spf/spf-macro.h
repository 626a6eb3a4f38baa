/* SPDX-License-Identifier: Apache-2.0 */
/* Macros of SPF records (RFC 7208 section 7). Pure. */
#ifndef SPF_MACRO_H
#define SPF_MACRO_H

#include "spf-record.h"

/* All are borrowed, and text without NUL. */
typedef struct {
    const gchar *sender;    /* "local@domain" */
    const gchar *domain;    /* whose record it is */
    const gchar *ip;        /* of the client, as text */
    const gchar *helo;
    const gchar *validated; /* the client's name for %{p}; NULL: "unknown" */
    const gchar *receiver;  /* this server */
    gint64 now_s;           /* since 1970 */
} SpfMacroValues;

/* Whether the letter stands in a macro, in either case. */
gboolean spf_macro_uses(BaridSlice text, gchar letter);
/* (text) with its macros expanded; it must be valid. Caller owns it. */
gchar *spf_macro_expand(BaridSlice text, const SpfMacroValues *values);
/* The same as a domain name: without a final dot, and cut from the left, label by label, to
 * 253 bytes. */
gchar *spf_macro_expand_domain(BaridSlice text, const SpfMacroValues *values);
/* The address reversed, label by label, as %{ir} gives it. Caller owns it. */
gchar *spf_macro_format_ip(const gchar *ip);

#endif
