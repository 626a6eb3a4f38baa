/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict functions of <barid/verdict.h>: they leave their detail on the running call. */
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "host/hook-call.h"

enum { VERDICT_TEXT_MAX = 400 };

static const gchar *
verdict_dup(BaridScope *scope, const gchar *text)
{
    return text == NULL ? NULL : arena_dup_text(scope->arena, text);
}

/* Reply text: printable ASCII only (RFC 5321 section 4.2), bounded. */
static const gchar *
verdict_dup_reply(BaridScope *scope, const gchar *text)
{
    gchar *copy;

    if (text == NULL)
        return NULL;
    copy = arena_printf(scope->arena, "%.*s", VERDICT_TEXT_MAX, text);
    for (gchar *p = copy; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
    }
    return copy;
}

/* "CLASS.SUBJECT.DETAIL" of RFC 3463 section 2 with the class that belongs to (code). */
static gboolean
verdict_enhanced_is_valid(const gchar *enhanced, guint code)
{
    guint class, subject, detail;
    gchar end;

    return enhanced != NULL &&
           sscanf(enhanced, "%1u.%3u.%3u%c", &class, &subject, &detail, &end) == 3 &&
           class == code / 100;
}

static BaridVerdict
verdict_leave(BaridScope *scope, BaridVerdict verdict, BaridNeeds need, guint code,
              const gchar *enhanced, const gchar *reason, const gchar *text)
{
    HookCall *call = hook_call_get_current();

    if (call == NULL)
        return verdict;
    if (!hook_call_may(call, need, decision_verdict_name(verdict)))
        return BARID_FAIL;
    call->code = code;
    call->enhanced = verdict_dup(scope, enhanced);
    call->reason = verdict_dup(scope, reason);
    call->text = verdict_dup_reply(scope, text);
    return verdict;
}

BaridVerdict
barid_scope_defer(BaridScope *scope, guint code, const gchar *enhanced, const gchar *reason,
                  const gchar *text)
{
    if (code < 400 || code > 499)
        code = 451;
    if (!verdict_enhanced_is_valid(enhanced, code))
        enhanced = "4.7.1";
    return verdict_leave(scope, BARID_DEFER, BARID_MAY_DEFER, code, enhanced, reason, text);
}

BaridVerdict
barid_scope_reject(BaridScope *scope, guint code, const gchar *enhanced, const gchar *reason,
                   const gchar *text)
{
    if (code < 500 || code > 599)
        code = 550;
    if (!verdict_enhanced_is_valid(enhanced, code))
        enhanced = "5.7.1";
    return verdict_leave(scope, BARID_REJECT, BARID_MAY_REJECT, code, enhanced, reason, text);
}

BaridVerdict
barid_scope_drop(BaridScope *scope, const gchar *enhanced, const gchar *reason, const gchar *text)
{
    if (!verdict_enhanced_is_valid(enhanced, 421))
        enhanced = "4.7.0";
    return verdict_leave(scope, BARID_DROP, BARID_MAY_REJECT, 421, enhanced, reason, text);
}

BaridVerdict
barid_scope_hold(BaridScope *scope, const gchar *reason)
{
    return verdict_leave(scope, BARID_HOLD, BARID_MAY_HOLD, 0, NULL, reason, NULL);
}

BaridVerdict
barid_scope_quarantine(BaridScope *scope, const gchar *reason)
{
    return verdict_leave(scope, BARID_QUARANTINE, BARID_MAY_HOLD, 0, NULL, reason, NULL);
}

BaridVerdict
barid_scope_discard(BaridScope *scope, const gchar *reason)
{
    return verdict_leave(scope, BARID_DISCARD, BARID_MAY_DISCARD, 0, NULL, reason, NULL);
}

BaridVerdict
barid_scope_fail(BaridScope *scope, const GError *error)
{
    HookCall *call = hook_call_get_current();

    if (call != NULL)
        call->text = verdict_dup(scope, error == NULL ? "failed without a reason" : error->message);
    return BARID_FAIL;
}

void
barid_scope_explain(BaridScope *scope, const gchar *key, const gchar *format, ...)
{
    HookCall *call = hook_call_get_current();
    DecisionInput *input;
    DecisionInput **end;
    gchar value[HOOK_INPUT_BYTES_MAX];
    va_list args;

    if (call == NULL)
        return;
    if (call->n_inputs >= HOOK_INPUTS_MAX) {
        call->n_inputs_dropped++;
        return;
    }
    va_start(args, format);
    g_vsnprintf(value, sizeof value, format, args);
    va_end(args);
    input = arena_new0(scope->arena, DecisionInput);
    input->key = arena_dup_text(scope->arena, key);
    input->value = arena_dup_text(scope->arena, value);
    for (end = &call->inputs; *end != NULL; end = &(*end)->next)
        continue;
    *end = input;
    call->n_inputs++;
}
