/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: whatever comes, slices stay within the line, and what is accepted can be
 * decoded. */
#include "smtp/command.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_within(BaridSlice part, BaridSlice line)
{
    if (part.len > 0)
        g_assert(part.data >= line.data && part.data + part.len <= line.data + line.len);
}

static void
check_mail(const SmtpMail *mail, BaridSlice line, Arena *arena)
{
    BaridSlice decoded;

    check_within(mail->address.full, line);
    check_within(mail->envid, line);
    check_within(mail->auth, line);
    if (mail->has_envid)
        g_assert(smtp_xtext_decode(mail->envid, arena, &decoded));
    if (mail->has_auth)
        g_assert(smtp_xtext_decode(mail->auth, arena, &decoded));
}

static void
check_rcpt(const SmtpRcpt *rcpt, BaridSlice line, Arena *arena)
{
    BaridSlice decoded;

    check_within(rcpt->address.full, line);
    check_within(rcpt->orcpt_address, line);
    g_assert(rcpt->address.full.len > 0);
    if (!rcpt->has_orcpt)
        return;
    g_assert(smtp_orcpt_decode(rcpt->orcpt_type, rcpt->orcpt_address, arena, &decoded));
    for (gsize i = 0; i < decoded.len; i++)
        g_assert(decoded.data[i] >= 0x20 && decoded.data[i] != 0x7f);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(Arena) arena = arena_new(256);
    BaridSlice line = barid_slice(data, size);
    BaridSlice decoded;
    SmtpCommand command;

    smtp_command_parse(line, &command);
    g_assert(command.offset <= size);
    check_within(command.parameter, line);
    if (command.result == SMTP_PARSED && command.verb == SMTP_MAIL)
        check_mail(&command.as.mail, line, arena);
    else if (command.result == SMTP_PARSED && command.verb == SMTP_RCPT)
        check_rcpt(&command.as.rcpt, line, arena);
    g_assert(smtp_xtext_decode(smtp_xtext_encode(line, arena), arena, &decoded));
    g_assert(barid_slice_equal(decoded, line));
    return 0;
}
