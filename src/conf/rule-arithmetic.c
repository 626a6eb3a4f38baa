/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on numbers, sizes and durations. Results that do not fit are the nearest that
 * do; a division by zero has none. */
#include "conf/rule-registry.h"

#define RULE_ARITHMETIC(name) \
    static gboolean rule_##name(const RuleCall *call, RuleValue *out_value)

RULE_ARITHMETIC(add)
{
    gint64 left = call->args[0].as.integer;

    if (__builtin_add_overflow(left, call->args[1].as.integer, &out_value->as.integer))
        out_value->as.integer = left < 0 ? G_MININT64 : G_MAXINT64;
    return TRUE;
}

RULE_ARITHMETIC(subtract)
{
    gint64 left = call->args[0].as.integer;

    if (__builtin_sub_overflow(left, call->args[1].as.integer, &out_value->as.integer))
        out_value->as.integer = left < 0 ? G_MININT64 : G_MAXINT64;
    return TRUE;
}

RULE_ARITHMETIC(multiply)
{
    gint64 left = call->args[0].as.integer;
    gint64 right = call->args[1].as.integer;

    if (__builtin_mul_overflow(left, right, &out_value->as.integer))
        out_value->as.integer = (left < 0) != (right < 0) ? G_MININT64 : G_MAXINT64;
    return TRUE;
}

static gboolean
rule_refuse_zero(RuleValue *out_value)
{
    out_value->as.text = BARID_SLICE_LITERAL("division by zero");
    return FALSE;
}

RULE_ARITHMETIC(divide)
{
    gint64 right = call->args[1].as.integer;

    if (right == 0)
        return rule_refuse_zero(out_value);
    /* The one quotient that does not fit is that of the least number by -1. */
    if (right == -1)
        out_value->as.integer =
            call->args[0].as.integer == G_MININT64 ? G_MAXINT64 : -call->args[0].as.integer;
    else
        out_value->as.integer = call->args[0].as.integer / right;
    return TRUE;
}

RULE_ARITHMETIC(remainder)
{
    gint64 right = call->args[1].as.integer;

    if (right == 0)
        return rule_refuse_zero(out_value);
    out_value->as.integer = right == -1 ? 0 : call->args[0].as.integer % right;
    return TRUE;
}

#define RULE_SIGN(sign, result, left, right, function)                                       \
    {sign, RULE_##result, {RULE_##left, RULE_##right}, 2, function, RULE_FUNCTION_PURE,  \
     NULL}

const RuleFunctionInfo rule_arithmetic_functions[] = {
    RULE_SIGN("+", INTEGER, INTEGER, INTEGER, rule_add),
    RULE_SIGN("+", DURATION, DURATION, DURATION, rule_add),
    RULE_SIGN("-", INTEGER, INTEGER, INTEGER, rule_subtract),
    RULE_SIGN("-", DURATION, DURATION, DURATION, rule_subtract),
    RULE_SIGN("-", INTEGER, DATE, DATE, rule_subtract),
    RULE_SIGN("-", DATE, DATE, INTEGER, rule_subtract),
    RULE_SIGN("+", DATE, DATE, INTEGER, rule_add),
    RULE_SIGN("*", INTEGER, INTEGER, INTEGER, rule_multiply),
    RULE_SIGN("*", DURATION, DURATION, INTEGER, rule_multiply),
    RULE_SIGN("*", DURATION, INTEGER, DURATION, rule_multiply),
    RULE_SIGN("/", INTEGER, INTEGER, INTEGER, rule_divide),
    RULE_SIGN("/", DURATION, DURATION, INTEGER, rule_divide),
    RULE_SIGN("/", INTEGER, DURATION, DURATION, rule_divide),
    RULE_SIGN("%", INTEGER, INTEGER, INTEGER, rule_remainder),
    RULE_SIGN("%", DURATION, DURATION, DURATION, rule_remainder),
    {NULL, RULE_BOOL, {RULE_BOOL}, 0, NULL, RULE_FUNCTION_PURE, NULL},
};
