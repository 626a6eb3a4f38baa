/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: settings whose value depends on the session, message or attempt at hand.
 *
 * A setting declared with BARID_SETTING_RULE_* is stored as a BaridRule. It is
 * compiled and type-checked when the configuration is loaded; evaluation neither
 * fails nor suspends unless the rule names a store. Variables that are not known yet
 * are empty.
 */
#ifndef BARID_RULE_H
#define BARID_RULE_H

#include <barid/verdict.h>

typedef struct BaridRule BaridRule;

/* The stages of a session's life at which a variable becomes known; a rule's stage
 * is the latest of its variables'. */
typedef enum {
    BARID_KNOWN_ALWAYS = 0,
    BARID_KNOWN_CONNECT, /* listener, remote-ip, ... */
    BARID_KNOWN_EHLO,    /* helo-domain */
    BARID_KNOWN_MAIL,    /* sender, sender-domain, authenticated-as */
    BARID_KNOWN_RCPT,    /* rcpt, rcpt-domain */
    BARID_KNOWN_MESSAGE, /* size, priority, findings */
    BARID_KNOWN_ATTEMPT, /* mx, retry-count, ... */
} BaridKnown;

BaridKnown barid_rule_get_known(const BaridRule *rule);
/* Whether its value never depends on anything: it may be evaluated without a scope. */
gboolean barid_rule_is_constant(const BaridRule *rule);
/* Whether the rule names (variable). */
gboolean barid_rule_reads(const BaridRule *rule, const gchar *variable);

#define barid_rule_get_bool(rule, object) barid_rule_eval_bool(rule, BARID_SCOPE(object))
#define barid_rule_get_integer(rule, object) barid_rule_eval_integer(rule, BARID_SCOPE(object))
/* Milliseconds. */
#define barid_rule_get_duration(rule, object) barid_rule_eval_duration(rule, BARID_SCOPE(object))
/* Bytes. */
#define barid_rule_get_size(rule, object) barid_rule_eval_size(rule, BARID_SCOPE(object))
/* Caller owns the text; never NULL. */
#define barid_rule_dup_text(rule, object) barid_rule_eval_text(rule, BARID_SCOPE(object))
/* The index of the value of a RULE_TEXT among (words), those of its setting, ordered from the
 * mildest to the strictest and NULL-terminated. A computed text that is none of them was meant to
 * do something: the last is taken, and the running hook's decision says so. */
#define barid_rule_get_word(rule, object, words) \
    barid_rule_eval_word(rule, BARID_SCOPE(object), words)

/* Their number; (*out_ms) is borrowed from the rule. */
#define barid_rule_get_durations(rule, object, out_ms) \
    barid_rule_eval_durations(rule, BARID_SCOPE(object), out_ms)
/* NULL-terminated, borrowed from the rule; never NULL. */
#define barid_rule_get_list(rule, object) barid_rule_eval_list(rule, BARID_SCOPE(object))

BARID_SUSPENDS gboolean barid_rule_eval_bool(const BaridRule *rule, BaridScope *scope);
BARID_SUSPENDS gint64 barid_rule_eval_integer(const BaridRule *rule, BaridScope *scope);
BARID_SUSPENDS gint64 barid_rule_eval_duration(const BaridRule *rule, BaridScope *scope);
BARID_SUSPENDS gint64 barid_rule_eval_size(const BaridRule *rule, BaridScope *scope);
BARID_SUSPENDS gchar *barid_rule_eval_text(const BaridRule *rule, BaridScope *scope);
BARID_SUSPENDS guint barid_rule_eval_word(const BaridRule *rule, BaridScope *scope,
                                          const gchar *const *words);
BARID_SUSPENDS guint barid_rule_eval_durations(const BaridRule *rule, BaridScope *scope,
                                               const gint64 **out_ms);
BARID_SUSPENDS const gchar *const *barid_rule_eval_list(const BaridRule *rule,
                                                        BaridScope *scope);

#endif
