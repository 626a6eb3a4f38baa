/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the module share. */
#ifndef DNSBL_H
#define DNSBL_H

#include <stdatomic.h>

#include <barid/barid.h>

/* What of a session or message is looked up. */
typedef enum {
    DNSBL_IP,     /* the client's address */
    DNSBL_IPREV,  /* the names of that address */
    DNSBL_EHLO,   /* the name given with EHLO */
    DNSBL_SENDER, /* the domain of the reverse-path */
    DNSBL_FROM,   /* the domains of the From field */
    DNSBL_N_CHECKS,
} DnsblCheck;

typedef struct {
    gchar *zone;
    BaridRule *check;
    gchar **answers;
    gint64 score;
    BaridRule *action;
    gboolean quote_text;
} DnsblSettings;

typedef struct {
    const gchar *name;
    const DnsblSettings *settings;
    _Atomic gboolean was_tested; /* its test entry was asked for */
} DnsblZone;

/* Names and addresses that a client can make us ask about at once. */
enum { DNSBL_SUBJECTS_MAX = 5, DNSBL_NAME_MAX = 253 };

/* --- dnsbl-name.c --- */

/* The word of the configuration; FALSE when it is none. */
gboolean dnsbl_check_parse(const gchar *word, DnsblCheck *out_check);
/* The name to ask for: (ip) with its octets or nibbles reversed (RFC 5782 sections 2.1 and
 * 2.4), or the domain, before (zone). NULL when it is too long or (ip) is no address. */
gchar *dnsbl_dup_ip_name(const gchar *ip, const gchar *zone);
gchar *dnsbl_dup_domain_name(BaridSlice domain, const gchar *zone);
/* The domains of the addresses in a From field's value, lower-cased, each once; at most
 * DNSBL_SUBJECTS_MAX. */
GPtrArray *dnsbl_take_domains(BaridSlice field);

#endif
