/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that look at what has become of it. */
#include "check/check-private.h"

typedef struct {
    const gchar *word, *pattern, *value;
} AssertCall;

typedef void (*AssertFunc)(BaridCheck *self, const AssertCall *call);

static void
assert_reply(BaridCheck *self, const AssertCall *call)
{
    g_autofree gchar *open = g_strconcat(call->pattern, "*", NULL);

    if (!g_pattern_match_simple(open, self->reply))
        dialogue_differ(&self->dialogue, call->pattern,
                        *self->reply == '\0' ? "no reply: the connection has ended" : self->reply);
}

static void
assert_finding(BaridCheck *self, const AssertCall *call)
{
    g_autofree gchar *text = call->value == NULL
                                 ? g_strdup(call->pattern)
                                 : g_strconcat(call->pattern, " = ", call->value, NULL);

    check_step(self, call->value == NULL ? "no-finding" : "finding", text, NULL);
}

static void
assert_field(BaridCheck *self, const AssertCall *call)
{
    g_autofree gchar *text = call->value == NULL
                                 ? g_strdup(call->pattern)
                                 : g_strconcat(call->pattern, ": ", call->value, NULL);

    check_step(self, call->value == NULL ? "no-header" : "header", text, NULL);
}

static void
assert_record(BaridCheck *self, const AssertCall *call)
{
    g_autofree gchar *record = witness_dup_record(&self->dialogue.client->witness);

    if (!dialogue_matches(call->pattern, record))
        dialogue_differ(&self->dialogue, call->pattern, record);
}

/* The others are words of dialogue scripts. */
static void
assert_by_word(BaridCheck *self, const AssertCall *call)
{
    check_step(self, call->word, call->pattern, NULL);
}

static const struct {
    const gchar *word;
    AssertFunc func;
} assert_rows[] = {
    {"reply", assert_reply},
    {"finding", assert_finding},
    {"field", assert_field},
    {"record", assert_record},
};

static void
assert_run(BaridCheck *self, gpointer data)
{
    const AssertCall *call = data;

    for (guint i = 0; i < G_N_ELEMENTS(assert_rows); i++) {
        if (strcmp(assert_rows[i].word, call->word) == 0) {
            assert_rows[i].func(self, call);
            return;
        }
    }
    assert_by_word(self, call);
}

void
barid_check_assert_at(BaridCheck *self, const gchar *what, const gchar *pattern,
                      const gchar *value, const gchar *file, gint line)
{
    AssertCall call = {what, pattern, value};

    if (check_is_upset(self))
        return;
    check_enter(self, assert_run, &call);
    check_tell(self, file, line);
}

void
barid_check_assert_that(BaridCheck *self, gboolean condition, const gchar *text,
                        const gchar *file, gint line)
{
    if (!condition && !check_is_upset(self))
        check_complain(self, file, line, "this does not hold: %s", text);
}

gchar *
barid_check_dup_record(BaridCheck *self)
{
    return witness_dup_record(&self->dialogue.client->witness);
}
