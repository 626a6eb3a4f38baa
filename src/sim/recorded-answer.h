/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of name servers as records of decisions tell them to people, read again: those of rules
 * (conf/rule-reasons.c), which show one record, and of modules (host/dns-api.c), which show some.
 * What was cut short, or is no answer, is not known.
 */
#ifndef RECORDED_ANSWER_H
#define RECORDED_ANSWER_H

#include "dns/dns-answer.h"

typedef enum { RECORDED_UNKNOWN, RECORDED_FAILURE, RECORDED_ANSWER } RecordedKind;

/* Fills (body), without records and of the name that was asked for. */
RecordedKind recorded_answer_read(const gchar *text, DnsType type, DnsBody *body);

#endif
