/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <barid/runtime.h>

#include "base/text.h"

struct RuleRegex {
    pcre2_code *code;
    guint groups;
    gchar *pattern; /* printable, for the log */
};

/* What matching needs of its thread. The interpreter is used, not machine code: it keeps its
 * frames in (match), so that a fiber's small stack suffices. */
typedef struct {
    pcre2_match_context *context;
    pcre2_match_data *match;
} RuleRegexThread;

static void
rule_regex_thread_free(gpointer data)
{
    RuleRegexThread *thread = data;

    pcre2_match_data_free(thread->match);
    pcre2_match_context_free(thread->context);
    g_free(thread);
}

static RuleRegexThread *
rule_regex_get_thread(void)
{
    static GPrivate key = G_PRIVATE_INIT(rule_regex_thread_free);
    RuleRegexThread *thread = g_private_get(&key);

    if (thread != NULL)
        return thread;
    thread = g_new0(RuleRegexThread, 1);
    thread->context = pcre2_match_context_create(NULL);
    thread->match = pcre2_match_data_create(RULE_CAPTURES_MAX, NULL);
    g_assert(thread->context != NULL && thread->match != NULL);
    pcre2_set_match_limit(thread->context, RULE_REGEX_STEPS_MAX);
    pcre2_set_heap_limit(thread->context, RULE_REGEX_MEMORY_MAX);
    g_private_set(&key, thread);
    return thread;
}

RuleRegex *
rule_regex_new(BaridSlice pattern, RuleRegexFlags flags, gsize *out_offset, gchar **out_reason)
{
    RuleRegex *self;
    uint32_t options = PCRE2_NEVER_BACKSLASH_C;
    int reason;
    PCRE2_SIZE offset;
    uint32_t groups = 0;
    pcre2_code *code;

    if (flags & RULE_REGEX_CASELESS)
        options |= PCRE2_CASELESS;
    /* Bytes suffice for ASCII patterns; others see characters, whatever a peer sends. */
    if (!text_is_ascii(pattern))
        options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    code = pcre2_compile(pattern.len > 0 ? pattern.data : (PCRE2_SPTR) "", pattern.len, options,
                         &reason, &offset, NULL);
    if (code == NULL) {
        PCRE2_UCHAR text[160];

        pcre2_get_error_message(reason, text, sizeof text);
        *out_offset = MIN(offset, pattern.len);
        *out_reason = g_strdup((const gchar *)text);
        return NULL;
    }
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    self = g_new0(RuleRegex, 1);
    self->code = code;
    self->groups = groups;
    self->pattern = text_escape(pattern, 200);
    return self;
}

void
rule_regex_free(RuleRegex *self)
{
    if (self == NULL)
        return;
    pcre2_code_free(self->code);
    g_free(self->pattern);
    g_free(self);
}

guint
rule_regex_get_groups(const RuleRegex *self)
{
    return self->groups;
}

static void
rule_regex_take_captures(BaridSlice text, pcre2_match_data *match, guint count,
                         RuleCaptures *out_captures)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(match);

    out_captures->count = count;
    for (guint i = 0; i < count; i++) {
        PCRE2_SIZE start = ends[2 * i];
        PCRE2_SIZE end = ends[2 * i + 1];

        /* A group that took no part is unset; \K can turn the order round. */
        out_captures->text[i] = BARID_SLICE_EMPTY;
        if (start != PCRE2_UNSET && start < end)
            out_captures->text[i] = barid_slice(text.data + start, end - start);
    }
}

static void
rule_regex_log_failure(const RuleRegex *self, int reason)
{
    PCRE2_UCHAR text[160];

    pcre2_get_error_message(reason, text, sizeof text);
    barid_log(BARID_LOG_WARNING, "rule.match-limit", "pattern", self->pattern, "error",
              (const gchar *)text, NULL);
}

gboolean
rule_regex_match(const RuleRegex *self, BaridSlice text, RuleCaptures *out_captures)
{
    RuleRegexThread *thread = rule_regex_get_thread();
    int count = pcre2_match(self->code, text.len > 0 ? text.data : (PCRE2_SPTR) "", text.len, 0, 0,
                            thread->match, thread->context);

    if (count < 0) {
        if (count != PCRE2_ERROR_NOMATCH)
            rule_regex_log_failure(self, count);
        return FALSE;
    }
    /* 0 means more groups than there are slots. */
    if (out_captures != NULL)
        rule_regex_take_captures(text, thread->match,
                                 count == 0 ? RULE_CAPTURES_MAX : (guint)count, out_captures);
    return TRUE;
}
