/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, why, and what would change it. */
#include "baridctl/show.h"

#include <inttypes.h>

#include "baridctl/ctl.h"

/* What a decision may take without a word. */
enum { EXPLAIN_LONG_MS = 100 };

static const gchar *
explain_colour(const Show *self, const gchar *word)
{
    static const gchar *const good[] = {"accept", "delivered", "continue", NULL};
    static const gchar *const bad[] = {"reject", "drop", "defer", "fail", "failed", NULL};

    if (word == NULL)
        return "";
    return g_strv_contains(good, word) ? self->good
           : g_strv_contains(bad, word) ? self->bad
                                        : "";
}

static void
explain_put_member(const Show *self, JsonObject *object, const gchar *key, const gchar *before,
                   const gchar *after)
{
    const gchar *text = show_get_text(object, key);

    if (text == NULL || *text == '\0')
        return;
    fputs(before, self->out);
    show_put(self, text);
    fputs(after, self->out);
}

static void
explain_put_word(const Show *self, JsonObject *object, const gchar *key)
{
    const gchar *word = show_get_text(object, key);

    fprintf(self->out, "%s%s%s", explain_colour(self, word), word == NULL ? "?" : word,
            self->plain);
}

/* --- decisions --- */

static void
explain_put_value(const Show *self, const gchar *name, const gchar *value, const gchar *indent)
{
    fprintf(self->out, "%s%s", indent, self->dim);
    show_put(self, name);
    fputs(" = ", self->out);
    show_put(self, value == NULL ? "" : value);
    fprintf(self->out, "%s\n", self->plain);
}

/* A key that was explained several times has an array of texts. */
static void
explain_put_values(const Show *self, JsonObject *inputs, const gchar *indent)
{
    g_autoptr(GList) names = inputs == NULL ? NULL : json_object_get_members(inputs);

    for (GList *name = names; name != NULL; name = name->next) {
        JsonNode *node = json_object_get_member(inputs, name->data);

        if (!JSON_NODE_HOLDS_ARRAY(node)) {
            explain_put_value(self, name->data, show_get_text(inputs, name->data), indent);
            continue;
        }
        for (guint i = 0; i < json_array_get_length(json_node_get_array(node)); i++)
            explain_put_value(self, name->data,
                              json_array_get_string_element(json_node_get_array(node), i), indent);
    }
}

/* A [rule NAME] that the conditions above it speak of. */
static void
explain_put_named(const Show *self, JsonObject *named)
{
    if (named == NULL)
        return;
    fprintf(self->out, "          %s", self->dim);
    explain_put_member(self, named, "name", _("[rule "), "] ");
    fputs(show_get_bool(named, "held") ? _("held: ") : _("did not hold: "), self->out);
    explain_put_member(self, named, "text", "", "");
    explain_put_member(self, named, "file", _(", at "), "");
    fprintf(self->out, ":%" PRId64 "%s\n", show_get_integer(named, "line"), self->plain);
}

/* One rule that had a say: what was asked, what held, and with which values. */
static void
explain_put_reasons(const Show *self, JsonObject *rule)
{
    fprintf(self->out, "        %s", self->dim);
    explain_put_member(self, rule, "setting", "\"", "\"");
    fputs(_(" gave "), self->out);
    explain_put_member(self, rule, "value", "", "");
    explain_put_member(self, rule, "file", _(", by "), "");
    fprintf(self->out, ":%" PRId64 "%s%s\n", show_get_integer(rule, "line"),
            show_get_bool(rule, "failed") ? _(", since a look-up failed") : "", self->plain);
    for (guint i = 0; i < show_get_n(rule, "conditions"); i++) {
        JsonObject *condition = show_get_nth(rule, "conditions", i);

        if (condition == NULL)
            continue;
        fprintf(self->out, "          %s", self->dim);
        fputs(show_get_bool(condition, "held") ? _("held: ") : _("did not hold: "), self->out);
        explain_put_member(self, condition, "text", "", "");
        fprintf(self->out, "%s\n", self->plain);
    }
    for (guint i = 0; i < show_get_n(rule, "named"); i++)
        explain_put_named(self, show_get_nth(rule, "named", i));
    explain_put_values(self, show_get_object(rule, "inputs"), "          ");
}

/* What the setting decided that is in the inputs, or NULL. */
static const gchar *
explain_get_setting(JsonObject *decision)
{
    JsonObject *inputs = show_get_object(decision, "inputs");

    return inputs == NULL ? NULL : show_get_text(inputs, "setting");
}

/* A module's decision has the place of its section, unless its rule failed or kept it away. */
static gboolean
explain_is_of_module(JsonObject *decision)
{
    return show_get_text(decision, "file") != NULL && explain_get_setting(decision) == NULL &&
           g_strcmp0(show_get_text(decision, "reason"), "look-up-failed") != 0;
}

/* Nobody waits without wondering where the time went. */
static void
explain_put_duration(const Show *self, JsonObject *decision)
{
    gint64 ms = show_get_integer(decision, "duration_us") / 1000;

    if (ms >= EXPLAIN_LONG_MS)
        fprintf(self->out, _(", which took %" PRId64 " ms"), ms);
}

static void
explain_put_decision(const Show *self, JsonObject *decision, const gchar *indent)
{
    const gchar *source = show_get_text(decision, "source");
    const gchar *stage = show_get_text(decision, "stage");

    fprintf(self->out, "%s%-9s %-10s ", indent, stage == NULL ? "" : stage,
            source == NULL ? "" : source);
    explain_put_word(self, decision, "verdict");
    if (show_get_integer(decision, "code") != 0)
        fprintf(self->out, " %" PRId64, show_get_integer(decision, "code"));
    explain_put_member(self, decision, "enhanced", " ", "");
    explain_put_member(self, decision, "subject", _(" for "), "");
    explain_put_member(self, decision, "reason", ": ", "");
    explain_put_member(self, decision, "text", " \"", "\"");
    if (show_get_bool(decision, "shadow"))
        fputs(_(" (only noted: shadow mode)"), self->out);
    if (show_get_bool(decision, "overruled"))
        fputs(_(" (overruled by a stricter verdict)"), self->out);
    if (show_get_text(decision, "file") != NULL) {
        explain_put_member(self, decision, "file",
                           explain_is_of_module(decision) ? _(", by the module at ")
                                                          : _(", by the rule at "), "");
        fprintf(self->out, ":%" PRId64, show_get_integer(decision, "line"));
    }
    explain_put_duration(self, decision);
    fputc('\n', self->out);
    explain_put_values(self, show_get_object(decision, "inputs"), "        ");
    for (guint i = 0; i < show_get_n(decision, "rules"); i++) {
        JsonObject *rule = show_get_nth(decision, "rules", i);

        if (rule != NULL)
            explain_put_reasons(self, rule);
    }
}

/* --- which decisions a person is told --- */

static gboolean
explain_has_members(JsonObject *decision)
{
    JsonObject *inputs = show_get_object(decision, "inputs");

    return show_get_n(decision, "rules") > 0 ||
           (inputs != NULL && json_object_get_size(inputs) > 0);
}

static gboolean
explain_is_equal(JsonObject *a, JsonObject *b, const gchar *key)
{
    return g_strcmp0(show_get_text(a, key), show_get_text(b, key)) == 0;
}

/* A later decision says the same: a module that is not wanted is asked in every stage. */
static gboolean
explain_is_repeated(JsonObject *record, guint index)
{
    JsonObject *decision = show_get_nth(record, "decisions", index);

    for (guint i = index + 1; i < show_get_n(record, "decisions"); i++) {
        JsonObject *later = show_get_nth(record, "decisions", i);

        if (later != NULL && explain_is_equal(decision, later, "source") &&
            explain_is_equal(decision, later, "reason") &&
            explain_is_equal(decision, later, "subject"))
            return TRUE;
    }
    return FALSE;
}

/* Modules that let everything pass, and have nothing to tell, only hide those that did not. */
static gboolean
explain_is_worth_telling(JsonObject *record, guint index)
{
    JsonObject *decision = show_get_nth(record, "decisions", index);
    const gchar *reason = show_get_text(decision, "reason");

    if (g_strcmp0(show_get_text(decision, "verdict"), "continue") != 0 ||
        show_get_bool(decision, "shadow") ||
        show_get_integer(decision, "duration_us") >= EXPLAIN_LONG_MS * 1000)
        return TRUE;
    if (g_strcmp0(reason, "not-wanted") == 0)
        return !explain_is_repeated(record, index);
    return reason != NULL || explain_has_members(decision);
}

static void
explain_put_decisions(const Show *self, JsonObject *record)
{
    guint count = show_get_n(record, "decisions");
    guint n_quiet = 0;

    if (count == 0)
        return;
    fprintf(self->out, "  %s%s%s\n", self->bold, _("Decisions"), self->plain);
    for (guint i = 0; i < count; i++) {
        JsonObject *decision = show_get_nth(record, "decisions", i);

        if (decision != NULL && explain_is_worth_telling(record, i))
            explain_put_decision(self, decision, "    ");
        else
            n_quiet++;
    }
    if (n_quiet > 0)
        fprintf(self->out,
                _("    %s(not shown: %u that let it go on without a word; --json has them)%s\n"),
                self->dim, n_quiet, self->plain);
}

/* --- recipients and attempts --- */

static void
explain_put_recipient(const Show *self, JsonObject *recipient)
{
    fputs("    ", self->out);
    explain_put_member(self, recipient, "address", "<", "> ");
    explain_put_word(self, recipient, "status");
    explain_put_member(self, recipient, "code", " ", "");
    explain_put_member(self, recipient, "text", " \"", "\"");
    explain_put_member(self, recipient, "remote", _(", said "), "");
    explain_put_member(self, recipient, "original", _(", written to <"), ">");
    if (g_strcmp0(show_get_text(recipient, "manner"), "expanded") == 0)
        fputs(_(", sent on to its members"), self->out);
    fputc('\n', self->out);
    explain_put_member(self, recipient, "route", _("        sent by hand to "), "\n");
    if (show_get_bool(recipient, "in_doubt"))
        explain_put_member(self, recipient, "peer",
                           _("        in doubt: the answer to the content never came from "),
                           _("\n        it may be there already; that host is asked first\n"));
    explain_put_member(self, recipient, "last_attempt", _("        last attempt at "), "\n");
    if (g_strcmp0(show_get_text(recipient, "status"), "pending") != 0)
        return;
    explain_put_member(self, recipient, "next_attempt", _("        next attempt at "), "\n");
    explain_put_member(self, recipient, "expires", _("        given up at "), "\n");
}

static void
explain_put_transcript(const Show *self, JsonObject *attempt)
{
    const gchar *text = show_get_text(attempt, "transcript");
    g_auto(GStrv) lines = text == NULL ? NULL : g_strsplit(text, "\n", -1);

    for (guint i = 0; lines != NULL && lines[i] != NULL; i++) {
        if (*lines[i] == '\0')
            continue;
        fprintf(self->out, "        %s", self->dim);
        show_put(self, g_strchomp(lines[i]));
        fprintf(self->out, "%s\n", self->plain);
    }
}

static void
explain_put_attempt(const Show *self, JsonObject *attempt)
{
    fprintf(self->out, _("    number %" PRId64), show_get_integer(attempt, "number"));
    explain_put_member(self, attempt, "domain", _(" to "), "");
    explain_put_member(self, attempt, "time", _(" at "), "");
    fprintf(self->out, _(", %" PRId64 " ms\n"), show_get_integer(attempt, "duration_ms"));
    for (guint i = 0; i < show_get_n(attempt, "results"); i++) {
        JsonObject *result = show_get_nth(attempt, "results", i);

        if (result == NULL)
            continue;
        explain_put_member(self, result, "recipient", "      <", ">");
        explain_put_member(self, result, "status", " ", "");
        explain_put_member(self, result, "text", " \"", "\"");
        fputc('\n', self->out);
    }
    for (guint i = 0; i < show_get_n(attempt, "decisions"); i++) {
        JsonObject *decision = show_get_nth(attempt, "decisions", i);

        if (decision != NULL)
            explain_put_decision(self, decision, "      ");
    }
    explain_put_transcript(self, attempt);
}

static void
explain_put_lists(const Show *self, JsonObject *message)
{
    guint n_recipients = show_get_n(message, "recipients");
    guint n_attempts = show_get_n(message, "attempts");

    fprintf(self->out, "  %s%s%s\n", self->bold, _("Recipients"), self->plain);
    for (guint i = 0; i < n_recipients; i++) {
        JsonObject *recipient = show_get_nth(message, "recipients", i);

        if (recipient != NULL)
            explain_put_recipient(self, recipient);
    }
    if (n_attempts > 0)
        fprintf(self->out, "  %s%s%s\n", self->bold, _("Attempts"), self->plain);
    for (guint i = 0; i < n_attempts; i++) {
        JsonObject *attempt = show_get_nth(message, "attempts", i);

        if (attempt != NULL)
            explain_put_attempt(self, attempt);
    }
}

/* --- what would change it --- */

static gboolean
explain_has_status(JsonObject *message, const gchar *status)
{
    for (guint i = 0; i < show_get_n(message, "recipients"); i++) {
        JsonObject *recipient = show_get_nth(message, "recipients", i);

        if (recipient != NULL && g_strcmp0(show_get_text(recipient, "status"), status) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The last rule or setting that stood in the way; NULL when none did. */
static JsonObject *
explain_find_rule(JsonObject *record)
{
    static const gchar *const in_the_way[] = {"hold",  "quarantine", "discard", "defer",
                                              "reject", "drop",       "fail",    NULL};
    JsonObject *found = NULL;

    for (guint i = 0; i < show_get_n(record, "decisions"); i++) {
        JsonObject *decision = show_get_nth(record, "decisions", i);

        if (decision != NULL && show_get_text(decision, "verdict") != NULL &&
            (show_get_text(decision, "file") != NULL || explain_get_setting(decision) != NULL) &&
            g_strv_contains(in_the_way, show_get_text(decision, "verdict")) &&
            !show_get_bool(decision, "shadow") && !show_get_bool(decision, "overruled"))
            found = decision;
    }
    return found;
}

static void
explain_put_setting(const Show *self, JsonObject *decision)
{
    const gchar *setting = explain_get_setting(decision);

    fputs(_("    the setting \""), self->out);
    show_put(self, setting);
    fputs("\" ", self->out);
    if (show_get_text(decision, "file") != NULL)
        explain_put_member(self, decision, "file", _("decided, at "), "");
    else
        fputs(_("decided, which has its default"), self->out);
    if (show_get_text(decision, "file") != NULL)
        fprintf(self->out, ":%" PRId64, show_get_integer(decision, "line"));
    fprintf(self->out, _("; a rule there may decide otherwise by what\n"
                         "    \"baridctl config show %s\" lists\n"), setting);
    if (g_strcmp0(show_get_text(decision, "reason"), "relay-denied") == 0)
        fputs(_("    it would also pass if the client had authenticated, or if the recipient's "
                "domain were a [domain] here\n"), self->out);
    else if (g_strcmp0(show_get_text(decision, "reason"), "auth-required") == 0)
        fputs(_("    it would also pass if the client had authenticated\n"), self->out);
}

/* The rules that a module asked, and what it says of itself. */
static void
explain_put_module(const Show *self, JsonObject *decision)
{
    const gchar *source = show_get_text(decision, "source");

    for (guint i = 0; i < show_get_n(decision, "rules"); i++) {
        JsonObject *rule = show_get_nth(decision, "rules", i);

        if (rule == NULL)
            continue;
        explain_put_member(self, rule, "setting", _("    the setting \""), "\"");
        explain_put_member(self, rule, "value", _(" gave "), "");
        explain_put_member(self, rule, "file", _(", at "), "");
        fprintf(self->out, _(":%" PRId64 "; another branch there may give something else\n"),
                show_get_integer(rule, "line"));
    }
    fprintf(self->out, _("    the module %s decided: barid-%s(5) has its settings; \"when\" in its "
                         "section, at "), source, source);
    explain_put_member(self, decision, "file", "", "");
    fprintf(self->out, _(":%" PRId64 ",\n    says for whom it works\n"),
            show_get_integer(decision, "line"));
    if (g_strcmp0(show_get_text(decision, "verdict"), "defer") == 0)
        fputs(_("    it was told to come again later, which may end otherwise\n"), self->out);
}

static void
explain_put_rule(const Show *self, JsonObject *record)
{
    JsonObject *rule = explain_find_rule(record);

    if (rule == NULL)
        return;
    if (explain_get_setting(rule) != NULL) {
        explain_put_setting(self, rule);
        return;
    }
    if (explain_is_of_module(rule)) {
        explain_put_module(self, rule);
        return;
    }
    explain_put_member(self, rule, "file", _("    the rule at "), "");
    fprintf(self->out, _(":%" PRId64 " decided; another rule there decides otherwise\n"),
            show_get_integer(rule, "line"));
}

/* Nobody asks that of a message that was taken, and is gone or on its way at once. */
static gboolean
explain_is_unfulfilled(JsonObject *message)
{
    const gchar *status = show_get_text(message, "status");

    if (g_strcmp0(status, "held") == 0 || g_strcmp0(status, "cancelled") == 0 ||
        explain_has_status(message, "failed"))
        return TRUE;
    for (guint i = 0; i < show_get_n(message, "recipients"); i++) {
        JsonObject *recipient = show_get_nth(message, "recipients", i);

        if (recipient != NULL && g_strcmp0(show_get_text(recipient, "status"), "pending") == 0 &&
            show_get_integer(recipient, "attempts") > 0)
            return TRUE;
    }
    return FALSE;
}

static void
explain_put_remedies(const Show *self, JsonObject *message)
{
    const gchar *id = show_get_text(message, "id");
    const gchar *status = show_get_text(message, "status");

    if (!explain_is_unfulfilled(message))
        return;
    fprintf(self->out, "  %s%s%s\n", self->bold, _("What would change it"), self->plain);
    if (g_strcmp0(status, "held") == 0)
        fprintf(self->out, _("    it is held back: \"baridctl queue release %s\" lets it go\n"),
                id);
    else if (g_strcmp0(status, "active") == 0)
        fputs(_("    it is being delivered at this moment\n"), self->out);
    else if (g_strcmp0(status, "queued") == 0)
        fprintf(self->out,
                _("    \"baridctl queue retry %s\" tries it now, not at the time above\n"), id);
    else if (g_strcmp0(status, "cancelled") == 0)
        fputs(_("    nothing: an administrator removed it\n"), self->out);
    else
        fputs(_("    nothing: it has left the queue; its sender was told unless it asked "
                "not to be\n"), self->out);
    explain_put_rule(self, message);
}

/* --- what it stands in line for --- */

static void
explain_put_wait(const Show *self, JsonObject *wait)
{
    const gchar *destination = show_get_text(wait, "destination");

    explain_put_member(self, wait, "destination", _("    it waits for "), "");
    if (show_get_bool(wait, "suspended")) {
        fprintf(self->out, _(", which is suspended: \"baridctl resume %s\" lets it go\n"),
                destination);
    } else if (show_get_text(wait, "down_reason") != NULL) {
        explain_put_member(self, wait, "down_reason", _(", which is down: "), "");
        explain_put_member(self, wait, "next_probe", _("; it is probed at "), "\n");
    } else {
        fputs(_(", which gets as much as it is allowed to\n"), self->out);
    }
}

static void
explain_put_waits(const Show *self, JsonObject *message)
{
    for (guint i = 0; i < show_get_n(message, "waits_for"); i++) {
        JsonObject *wait = show_get_nth(message, "waits_for", i);

        if (wait == NULL)
            continue;
        if (i == 0)
            fprintf(self->out, "  %s%s%s\n", self->bold, _("In line"), self->plain);
        explain_put_wait(self, wait);
    }
}

/* --- records --- */

void
show_message(const Show *self, JsonObject *message)
{
    const gchar *sender = show_get_text(message, "sender");

    fprintf(self->out, _("%sMessage %s%s: "), self->bold, show_get_text(message, "id"),
            self->plain);
    explain_put_word(self, message, "status");
    fputs(_("\n  from <"), self->out);
    show_put(self, sender == NULL ? "" : sender);
    fprintf(self->out, _(">, %" PRId64 " bytes"), show_get_integer(message, "size"));
    explain_put_member(self, message, "created", _(", arrived at "), "");
    explain_put_member(self, message, "remote_ip", _("\n  by "), "");
    explain_put_member(self, message, "helo", _(", which calls itself "), "");
    explain_put_member(self, message, "user", _(", user "), "");
    explain_put_member(self, message, "listener", _(", at listener "), "");
    explain_put_member(self, message, "session", _(", session "), "");
    explain_put_member(self, message, "finished", _("\n  left the queue at "), "");
    fputc('\n', self->out);
    explain_put_decisions(self, message);
    explain_put_lists(self, message);
    explain_put_waits(self, message);
    explain_put_remedies(self, message);
}

static void
explain_put_session(const Show *self, JsonObject *session)
{
    fprintf(self->out, _("%sSession %s%s"), self->bold, show_get_text(session, "id"), self->plain);
    explain_put_member(self, session, "remote_ip", _(" by "), "");
    explain_put_member(self, session, "helo", _(", which calls itself "), "");
    explain_put_member(self, session, "user", _(", user "), "");
    explain_put_member(self, session, "created", _("\n  from "), "");
    explain_put_member(self, session, "finished", _(" until "), "");
    explain_put_member(self, session, "end", _(", ended by "), "");
    fprintf(self->out, _(", %" PRId64 " messages taken\n"),
            show_get_integer(session, "messages"));
    explain_put_decisions(self, session);
    if (explain_find_rule(session) != NULL)
        fprintf(self->out, "  %s%s%s\n", self->bold, _("What would change it"), self->plain);
    explain_put_rule(self, session);
}

static void
explain_put_each(const Show *self, JsonObject *answer, const gchar *key,
                 void (*put)(const Show *self, JsonObject *record))
{
    for (guint i = 0; i < show_get_n(answer, key); i++) {
        JsonObject *record = show_get_nth(answer, key, i);

        if (record == NULL)
            continue;
        put(self, record);
        fputc('\n', self->out);
    }
}

void
show_explanation(const Show *self, JsonObject *answer)
{
    explain_put_each(self, answer, "messages", show_message);
    explain_put_each(self, answer, "history", show_message);
    explain_put_each(self, answer, "sessions", explain_put_session);
    if (show_get_bool(answer, "truncated"))
        fprintf(self->out,
                _("Only the newest %" PRId64 " records of the history were looked at; "
                  "--scan N looks at more.\n"), show_get_integer(answer, "scanned"));
}

void
show_trace_record(const Show *self, JsonObject *record)
{
    JsonObject *fields = show_get_object(record, "fields");
    g_autoptr(GList) names = fields == NULL ? NULL : json_object_get_members(fields);

    if (json_object_has_member(record, "dropped")) {
        fprintf(self->out, _("%s(%" PRId64 " records were too many to show)%s\n"),
                self->bad, show_get_integer(record, "dropped"), self->plain);
        return;
    }
    explain_put_member(self, record, "time", self->dim, self->plain);
    explain_put_member(self, record, "event", " ", "");
    for (GList *name = names; name != NULL; name = name->next) {
        fprintf(self->out, " %s", self->dim);
        show_put(self, name->data);
        fprintf(self->out, "=%s", self->plain);
        explain_put_member(self, fields, name->data, "", "");
    }
    fputc('\n', self->out);
}
