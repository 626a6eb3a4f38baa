/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPF records (RFC 7208 sections 4.6.1, 5, 6 and 12): text into terms, whose syntax is checked
 * as a whole before any is evaluated. Pure: nothing is looked up. Terms are slices of the
 * record's text, which must outlive them.
 */
#ifndef SPF_RECORD_H
#define SPF_RECORD_H

#include <barid/barid.h>

/* More terms than can be evaluated, with all the ip4: and ip6: that a record may have. */
#define SPF_TERMS_MAX 1024
#define SPF_NO_PREFIX 255

typedef enum {
    SPF_ALL,
    SPF_INCLUDE,
    SPF_A,
    SPF_MX,
    SPF_PTR,
    SPF_IP4,
    SPF_IP6,
    SPF_EXISTS,
} SpfMechanism;

typedef struct {
    SpfMechanism mechanism;
    gchar qualifier;         /* '+', '-', '~' or '?' */
    BaridSlice domain;       /* a domain-spec with its macros; empty: the current domain */
    guint8 prefix4, prefix6; /* of a, mx, ip4 and ip6; SPF_NO_PREFIX is /32 and /128 */
    guint8 address[16];      /* of ip4 and ip6, in network order */
    BaridSlice text;         /* the whole term, for people */
} SpfTerm;

typedef struct {
    GArray *terms;       /* of SpfTerm, in order */
    BaridSlice redirect; /* a domain-spec; empty without */
    BaridSlice explain;  /* "exp="; likewise */
    gboolean has_redirect, has_explain;
} SpfRecord;

/* Whether (text) is an SPF record at all: it begins with "v=spf1" and a blank or the end
 * (section 4.5). */
gboolean spf_record_is(BaridSlice text);
/* FALSE with what is wrong, and where, when any term's syntax is: a permanent error
 * (section 4.6). (self) is to be cleared in either case. */
gboolean spf_record_parse(BaridSlice text, SpfRecord *self, GError **error);
void spf_record_clear(SpfRecord *self);

/* Whether (text) is a macro-string (section 7.1); with (is_explanation) the letters c, r and
 * t may stand in it, too, and blanks. */
typedef enum { SPF_MACRO_DOMAIN, SPF_MACRO_EXPLANATION } SpfMacroUse;
gboolean spf_macro_is_valid(BaridSlice text, SpfMacroUse use);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpfRecord, spf_record_clear)

#endif
