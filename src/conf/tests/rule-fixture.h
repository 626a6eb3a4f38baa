/* SPDX-License-Identifier: Apache-2.0 */
/* The scope of the rule tests: what the variables read, and a function. */
#ifndef RULE_FIXTURE_H
#define RULE_FIXTURE_H

#include "conf/rule-language.h"

typedef struct {
    const gchar *listener, *remote_ip, *helo, *sender, *rcpt, *user;
    gint64 size, priority, age_ms;
    gboolean is_tls;
} Fake;

/* A configuration with its lists. */
typedef struct {
    ConfigFiles *files;
    ConfigProblems *problems;
    ConfigTree *tree;
    RuleLists *lists;
} RuleSetup;

void rule_setup_init(RuleSetup *self, const gchar *text);
void rule_setup_clear(RuleSetup *self);

extern const Fake fake_default;
/* Registers all variables and functions; once. */
void rule_fixture_register(void);

#endif
