/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications of others: whatever comes, what is read can be shown, and a notification
 * made of it is read as the same. */
#include "mime/delivery-status.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_text(BaridSlice text)
{
    g_assert(text.len == 0 ||
             g_utf8_validate((const gchar *)text.data, (gssize)text.len, NULL));
    for (gsize i = 0; i < text.len; i++)
        g_assert(text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void
check_recipient(const DeliveryStatusRecipient *rcpt)
{
    check_text(rcpt->original_type);
    check_text(rcpt->original_address);
    check_text(rcpt->final_type);
    check_text(rcpt->final_address);
    check_text(rcpt->remote_mta);
    check_text(rcpt->diagnostic_type);
    check_text(rcpt->diagnostic_text);
    g_assert(rcpt->final_address.len > 0 && rcpt->action < DSN_N_ACTIONS);
    g_assert(rcpt->status_class == 2 || rcpt->status_class == 4 || rcpt->status_class == 5);
    g_assert(rcpt->status_subject <= 999 && rcpt->status_detail <= 999);
}

/* Ours says the same of the first recipient. */
static void
check_again(const DeliveryStatusRecipient *rcpt, Arena *arena)
{
    const DsnRecipient copy = {
        .final_address = BARID_SLICE_LITERAL("a@b.example"),
        .action = rcpt->action,
        .status_class = rcpt->status_class,
        .status_subject = rcpt->status_subject,
        .status_detail = rcpt->status_detail,
        .diagnostic_type = "smtp",
        .diagnostic_text = rcpt->diagnostic_text,
        .remote_mta = rcpt->remote_mta,
    };
    const Dsn dsn = {
        .reporting_mta = "mx.example.org",
        .from_address = "mailer-daemon@mx.example.org",
        .to = BARID_SLICE_LITERAL("sender@example.com"),
        .message_id = "id1@mx.example.org",
        .boundary = "BOUNDARY",
        .recipients = &copy,
        .n_recipients = 1,
        .smtputf8 = TRUE,
    };
    g_auto(Buffer) out = {0};
    DeliveryStatus read;

    buffer_init(&out, 1 << 24);
    if (!dsn_build(&dsn, &out))
        return;
    g_assert(delivery_status_read(buffer_get_slice(&out), arena, &read) == DELIVERY_STATUS_OK);
    g_assert(read.n_recipients == 1 && read.n_broken == 0);
    g_assert(read.recipients[0].action == rcpt->action);
    g_assert(read.recipients[0].status_class == rcpt->status_class);
    g_assert(read.recipients[0].status_detail == rcpt->status_detail);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(Arena) arena = arena_new(1024);
    DeliveryStatus status;

    if (delivery_status_read(barid_slice(data, size), arena, &status) != DELIVERY_STATUS_OK)
        return 0;
    check_text(status.reporting_mta);
    check_text(status.envelope_id);
    check_text(status.message_id);
    g_assert(status.n_recipients > 0);
    for (guint i = 0; i < status.n_recipients; i++)
        check_recipient(&status.recipients[i]);
    check_again(&status.recipients[0], arena);
    return 0;
}
