/* SPDX-License-Identifier: Apache-2.0 */
/* VRFY (RFC 5321 sections 3.5 and 7.3): answered from the directory where the
 * configuration allows it, else with 252. */
#include "inbound/session.h"

SessionStep
cmd_vrfy(Session *self, const SmtpCommand *command)
{
    g_autoptr(Arena) arena = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) lines = NULL;
    DirectoryResult result;

    if (!barid_rule_get_bool(self->inbound->extensions.vrfy, &self->facts))
        return session_reply(self, 252, "2.5.1", "not told; send the message and see");
    arena = arena_new(512);
    if (!directories_verify(self->inbound->services.directories, command->as.argument, arena,
                            &result, &error))
        return session_reply(self, 252, "2.4.3", "cannot look that up now");
    if (result.answer == DIRECTORY_NOT_LOCAL || result.answer == DIRECTORY_UNKNOWN) {
        if (!session_delay(self, self->inbound->rcpt.error_delay_ms))
            return SESSION_BREAKS;
        return session_reply(self, 550, "5.1.1", "no such user here");
    }
    lines = g_string_new(NULL);
    for (guint i = 0; i < MIN(result.n_targets, 10); i++)
        g_string_append_printf(lines, "%s<%.*s>", i > 0 ? "\n" : "", (int)result.targets[i].len,
                               (const gchar *)result.targets[i].data);
    return session_reply(self, 250, "2.1.5", "%s", lines->str);
}
