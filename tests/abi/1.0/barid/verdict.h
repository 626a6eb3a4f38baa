/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts: what a hook decided.
 *
 * A hook returns a BaridVerdict. All but BARID_CONTINUE and BARID_ACCEPT are made
 * by the functions below, which record code, enhanced code, text and reason id on
 * the running call; the core turns them into a well-formed reply. A text with
 * control characters or non-ASCII bytes is made safe, never refused.
 *
 * Inside a phase the first decisive verdict wins; over phases a verdict may only
 * become stricter: accept < hold < quarantine < discard < defer < reject < drop.
 */
#ifndef BARID_VERDICT_H
#define BARID_VERDICT_H

#include <barid/macros.h>

typedef enum {
    BARID_CONTINUE = 0, /* no opinion */
    BARID_ACCEPT,       /* skip the rest of this phase */
    BARID_HOLD,         /* take the message, keep it in the queue until released */
    BARID_QUARANTINE,   /* take the message, mark it as quarantined and hold it */
    BARID_DISCARD,      /* say 250 and forget it */
    BARID_DEFER,        /* 4xx */
    BARID_REJECT,       /* 5xx */
    BARID_DROP,         /* 421 and close */
    BARID_FAIL,         /* the hook could not decide: on-error applies */
} BaridVerdict;

/* What hooks work on. Every opaque object below is a scope: it has a decision
 * record, findings, slots and the values that rules read. */
typedef struct BaridScope BaridScope;
typedef struct BaridSession BaridSession;
typedef struct BaridTransaction BaridTransaction;
typedef struct BaridAttempt BaridAttempt;

/* The scope of a session, transaction or attempt; other types do not compile. */
#define BARID_SCOPE(object)                                  \
    _Generic((object), BaridScope * : (BaridScope *)(object),  \
        BaridSession * : (BaridScope *)(object),               \
        BaridTransaction * : (BaridScope *)(object),           \
        BaridAttempt * : (BaridScope *)(object))

/* (code) 400..499; (enhanced) such as "4.7.1"; (reason) a short stable word such as
 * "greylisted" that names the cause in logs and explanations; (text) the reply text. */
#define barid_defer(object, code, enhanced, reason, text) \
    barid_scope_defer(BARID_SCOPE(object), code, enhanced, reason, text)
/* (code) 500..599, (enhanced) "5.x.y". */
#define barid_reject(object, code, enhanced, reason, text) \
    barid_scope_reject(BARID_SCOPE(object), code, enhanced, reason, text)
/* Answers 421 and closes. (enhanced) "4.x.y". */
#define barid_drop(object, enhanced, reason, text) \
    barid_scope_drop(BARID_SCOPE(object), enhanced, reason, text)
#define barid_hold(object, reason) barid_scope_hold(BARID_SCOPE(object), reason)
#define barid_quarantine(object, reason) barid_scope_quarantine(BARID_SCOPE(object), reason)
#define barid_discard(object, reason) barid_scope_discard(BARID_SCOPE(object), reason)
/* The hook could not do its work; (error) is copied into the record. */
#define barid_fail(object, error) barid_scope_fail(BARID_SCOPE(object), error)

BaridVerdict barid_scope_defer(BaridScope *scope, guint code, const gchar *enhanced,
                               const gchar *reason, const gchar *text);
BaridVerdict barid_scope_reject(BaridScope *scope, guint code, const gchar *enhanced,
                                const gchar *reason, const gchar *text);
BaridVerdict barid_scope_drop(BaridScope *scope, const gchar *enhanced, const gchar *reason,
                              const gchar *text);
BaridVerdict barid_scope_hold(BaridScope *scope, const gchar *reason);
BaridVerdict barid_scope_quarantine(BaridScope *scope, const gchar *reason);
BaridVerdict barid_scope_discard(BaridScope *scope, const gchar *reason);
BaridVerdict barid_scope_fail(BaridScope *scope, const GError *error);

/* Adds an input that mattered ("key = value") to the running call's line in the
 * decision record. Bounded; what does not fit is counted, not kept. */
#define barid_explain(object, key, ...) \
    barid_scope_explain(BARID_SCOPE(object), key, __VA_ARGS__)
void barid_scope_explain(BaridScope *scope, const gchar *key, const gchar *format, ...)
    G_GNUC_PRINTF(3, 4);

#endif
