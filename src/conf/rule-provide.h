/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What higher floors give to the rule language before anything is compiled: variables,
 * functions, the look-ups behind "in store" and "in dns", and who is told of failures.
 */
#ifndef RULE_PROVIDE_H
#define RULE_PROVIDE_H

#include <barid/setting.h>
#include <barid/slice.h>

#include "base/address.h"
#include "base/arena.h"
#include "conf/config-problem.h"

typedef enum {
    RULE_BOOL,
    RULE_INTEGER,  /* also sizes (bytes) */
    RULE_DURATION, /* milliseconds */
    RULE_DATE,     /* days since 1970-01-01 */
    RULE_TEXT,
    RULE_ADDRESS,  /* network address without port */
    /* Only arguments of functions, written as texts and resolved while compiling. */
    RULE_STORE,
    RULE_DNS_TYPE,
} RuleType;

typedef struct {
    RuleType type;
    union {
        gboolean boolean;
        gint64 integer;
        BaridSlice text; /* lives in the scratch arena, or in the scope */
        Address address;
        gpointer store;
        guint dns_type; /* a BaridDnsType */
    } as;
} RuleValue;

/* Reads one variable. (scratch) is for results that must be made. A variable that is not
 * known yet is the empty text, 0, FALSE or 0.0.0.0. (argument) is the part behind the dot
 * for open families ("finding.NAME"), else empty. */
typedef void (*RuleGetter)(BaridScope *scope, BaridSlice argument, Arena *scratch,
                           RuleValue *out_value);
/* Registers (name); a name that ends in "." opens a family. Before any compile. */
void rule_variable_register(const gchar *name, RuleType type, BaridKnown known,
                            RuleGetter getter);
/* Says that (name) has no value any more past the stage (last): a setting that is read only later
 * must not name it. */
void rule_variable_set_last(const gchar *name, BaridKnown last);
/* Says that (name), a text, is always one of (words), which are static and NULL-terminated: what it
 * is compared with is checked, and needs no quotes. */
void rule_variable_set_words(const gchar *name, const gchar *const *words);
/* The same where the words are the names of the sections [(kind) NAME] of the configuration. */
void rule_variable_set_section(const gchar *name, const gchar *kind);
typedef struct {
    BaridScope *scope;
    const RuleValue *args;
    Arena *scratch;
    gpointer data; /* as registered when the rule was compiled */
} RuleCall;

/* FALSE when there is no result; (*out_value) then holds a text for people, what failed. */
typedef gboolean (*RuleFunction)(const RuleCall *call, RuleValue *out_value);
/* Several of one name take arguments of different types or number. */
void rule_function_register(const gchar *name, RuleType result, const RuleType *args,
                            guint n_args, RuleFunction function);
/* The same for one that may suspend. A later call with the same name and arguments gives rules
 * that are compiled from then on other (data), which must outlive them. */
void rule_lookup_register(const gchar *name, RuleType result, const RuleType *args, guint n_args,
                          RuleFunction function, gpointer data);
typedef enum {
    RULE_ANSWER_ABSENT,
    RULE_ANSWER_FOUND,
    RULE_ANSWER_FAILED,
} RuleAnswer;
/* Named stores, for "in store" and store-get(). (resolve) finds the store while compiling,
 * borrowed for the generation's life; (lookup) may suspend: (*out_text) is the value that was
 * found, or what failed. Without this call, "in store" is a problem of the configuration. */
typedef gpointer (*RuleStoreResolve)(const gchar *name, gpointer data, GError **error);
typedef RuleAnswer (*RuleStoreLookup)(BaridScope *scope, gpointer store, BaridSlice key,
                                      Arena *scratch, BaridSlice *out_text);
void rule_store_register(RuleStoreResolve resolve, RuleStoreLookup lookup, gpointer data);
/* The DNS, for "in dns". (parse_type) knows the types that may be asked for and whether their
 * records are addresses, else they are texts; (lookup) may suspend: (*out_records) are those of
 * the name, (*out_text) what failed. Both live in the arena. (data) is kept by the rules that are
 * compiled until the next call. */
typedef gboolean (*RuleDnsParseType)(BaridSlice word, guint *out_type, gboolean *out_is_address);
typedef RuleAnswer (*RuleDnsLookup)(gpointer data, BaridSlice name, guint type, Arena *scratch,
                                    const RuleValue **out_records, guint *out_n_records,
                                    BaridSlice *out_text);
void rule_dns_register(RuleDnsParseType parse_type, RuleDnsLookup lookup, gpointer data);
/* Is told of each look-up that failed, for the decision record: (text) is what failed. */
typedef void (*RuleFailureNote)(BaridScope *scope, const ConfigPosition *position,
                                BaridSlice text);
void rule_failure_register(RuleFailureNote note);

#endif
