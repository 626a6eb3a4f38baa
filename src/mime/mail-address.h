/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail addresses: mailboxes and paths of RFC 5321 section 4.1.2 with the
 * internationalised forms of RFC 6531 section 3.3. Parsing allocates nothing; results
 * borrow from the input.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/address.h"
#include "base/arena.h"

/* RFC 5321 section 4.5.3.1: local part 64, domain 255, path 256 octets. */
#define MAIL_ADDRESS_LOCAL_MAX 64
#define MAIL_ADDRESS_DOMAIN_MAX 255
#define MAIL_ADDRESS_PATH_MAX 256

typedef enum {
    MAIL_ADDRESS_OK,
    MAIL_ADDRESS_SYNTAX,
    MAIL_ADDRESS_LOCAL_TOO_LONG,
    MAIL_ADDRESS_DOMAIN_TOO_LONG,
    MAIL_ADDRESS_PATH_TOO_LONG,
    MAIL_ADDRESS_BAD_DOMAIN,
    MAIL_ADDRESS_BAD_LITERAL,
    MAIL_ADDRESS_NOT_UTF8,
} MailAddressResult;

typedef struct {
    BaridSlice full;   /* "local@domain" as given, without brackets and source route */
    BaridSlice local;  /* as given, quotes included */
    BaridSlice domain; /* as given; empty for "postmaster" */
    gboolean is_quoted;  /* the local part is a quoted string */
    gboolean is_literal; /* the domain is an address literal */
    gboolean is_ascii;   /* FALSE needs SMTPUTF8 */
    Address literal;     /* when is_literal */
} MailAddress;

const gchar *mail_address_result_describe(MailAddressResult result);

/* A path in angle brackets at the start of (input); a source route is dropped (RFC 5321
 * appendix C). "<>" gives an empty address where (allow) has MAIL_PATH_NULL;
 * "<postmaster>" in any case where it has MAIL_PATH_POSTMASTER. (*out_used) is the number
 * of bytes taken; on failure the offset of what is wrong. */
typedef enum {
    MAIL_PATH_NULL = 1 << 0,
    MAIL_PATH_POSTMASTER = 1 << 1,
} MailPathForms;
MailAddressResult mail_path_parse(BaridSlice input, MailPathForms allow, MailAddress *out_address,
                                  gsize *out_used);
/* A bare "local@domain" that fills (input). */
MailAddressResult mail_address_parse(BaridSlice input, MailAddress *out_address);

/* The domain syntax alone (letters, digits, hyphens, U-labels; no trailing dot). */
gboolean mail_domain_is_valid(BaridSlice domain);
/* Whether an EHLO name is a fully qualified name or an address literal. */
gboolean mail_domain_is_fqdn(BaridSlice name);
/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3). */
gboolean mail_literal_parse(BaridSlice text, Address *out_address);

/* The local part's meaning: quotes and backslashes removed (RFC 5321 section 4.1.2: the
 * quoted and plain forms are equal). Lives in (arena). */
BaridSlice mail_address_dup_local(const MailAddress *self, Arena *arena);
/* "local@domain" with the shortest quoting of the local part and the domain lower-cased
 * (ASCII): one spelling for matching. */
BaridSlice mail_address_dup_canonical(const MailAddress *self, Arena *arena);
/* The same in lower case, for rules: nobody means another person by another case. */
BaridSlice mail_address_dup_lower(const MailAddress *self, Arena *arena);

#endif
