/* SPDX-License-Identifier: Apache-2.0 */
/* VRFY and EXPN (RFC 5321 sections 3.5 and 7.3): answered from the directory where the
 * configuration allows it, else with 252, which tells nothing. */
#include "inbound/commands.h"

#include "base/text.h"

enum { VRFY_LINES_MAX = 100 };

static SessionStep
vrfy_answer(Session *self, const BaridSlice *addresses, guint n_addresses)
{
    g_autoptr(GString) lines = g_string_new(NULL);

    for (guint i = 0; i < MIN(n_addresses, VRFY_LINES_MAX); i++)
        g_string_append_printf(lines, "%s<%.*s>", i > 0 ? "\n" : "", (int)addresses[i].len,
                               (const gchar *)addresses[i].data);
    return session_reply(self, 250, "2.1.5", "%s", lines->str);
}

/* Harvesters wait as they do at RCPT. */
static SessionStep
vrfy_refuse(Session *self, const gchar *text)
{
    if (!session_delay(self,
                       barid_rule_get_duration(self->inbound->rcpt.error_delay, &self->facts)))
        return SESSION_BREAKS;
    return session_reply(self, 550, "5.1.1", "%s", text);
}

static gboolean
vrfy_is_known(const DirectoryResult *result)
{
    return result->answer == DIRECTORY_MAILBOX || result->answer == DIRECTORY_ALIAS;
}

/* A full address, in brackets or not. */
static gboolean
vrfy_parse(BaridSlice argument, Arena *arena, BaridSlice *out_address)
{
    MailAddress address;

    if (argument.len > 2 && argument.data[0] == '<' && argument.data[argument.len - 1] == '>')
        argument = barid_slice(argument.data + 1, argument.len - 2);
    if (mail_address_parse(argument, &address) != MAIL_ADDRESS_OK)
        return FALSE;
    *out_address = mail_address_dup_canonical(&address, arena);
    return TRUE;
}

static SessionStep
vrfy_look_up(Session *self, BaridSlice argument, Arena *arena)
{
    g_autoptr(GError) error = NULL;
    DirectoryResult result;
    BaridSlice own;

    if (!directories_verify(self->inbound->services.directories, argument, arena, &result, &error))
        return session_reply(self, 252, "2.4.3", "cannot look that up now");
    if (!vrfy_is_known(&result))
        return vrfy_refuse(self, "no such user here");
    /* What an alias leads to is EXPN's to tell. */
    if (result.answer == DIRECTORY_ALIAS && vrfy_parse(argument, arena, &own))
        return vrfy_answer(self, &own, 1);
    return vrfy_answer(self, result.targets, result.n_targets);
}

static SessionStep
expn_look_up(Session *self, BaridSlice argument, Arena *arena)
{
    g_autoptr(GError) error = NULL;
    Directories *directories = self->inbound->services.directories;
    DirectoryResult result;

    if (!directories_verify(directories, argument, arena, &result, &error))
        return session_reply(self, 252, "2.4.3", "cannot look that up now");
    /* A bare name stands for its address in the first domain where it is a list. */
    if (text_find(argument, '@') < 0) {
        DirectoryResult names = result;

        result.answer = DIRECTORY_UNKNOWN;
        for (guint i = 0; i < names.n_targets && result.answer != DIRECTORY_ALIAS; i++) {
            if (!directories_verify(directories, names.targets[i], arena, &result, &error))
                return session_reply(self, 252, "2.4.3", "cannot look that up now");
        }
    }
    if (result.answer != DIRECTORY_ALIAS)
        return vrfy_refuse(self, "no such list here");
    return vrfy_answer(self, result.targets, result.n_targets);
}

SessionStep
cmd_vrfy(Session *self, const SmtpCommand *command)
{
    g_autoptr(Arena) arena = NULL;
    gboolean expands = command->verb == SMTP_EXPN;
    const BaridRule *rule =
        expands ? self->inbound->extensions.expn : self->inbound->extensions.vrfy;

    if (!barid_rule_get_bool(rule, &self->facts))
        return session_reply(self, 252, "2.5.1", "not told; send the message and see");
    arena = arena_new(512);
    return expands ? expn_look_up(self, text_trim(command->as.argument), arena)
                   : vrfy_look_up(self, text_trim(command->as.argument), arena);
}
