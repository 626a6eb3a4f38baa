/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/attempt-facts.h"

#include "base/text.h"
#include "mime/mail-address.h"

void
attempt_facts_fill(BaridAttempt *facts, const Envelope *envelope, guint domain, Arena *arena)
{
    gssize at = text_find_last(envelope->sender, '@');
    MailAddress address;

    *facts = (BaridAttempt){
        .sender = envelope->sender,
        .priority = envelope->priority,
        .saved = envelope->saved,
        .size = (gint64)envelope->size_bytes,
        .created_ms = envelope->created_ms,
        .source = scope_source_words[envelope->source],
        .user = envelope->user,
        .listener = envelope->listener,
        .helo_domain = arena_dup_lower(arena, envelope->helo),
        .received_from = envelope->remote_ip,
        .domain = envelope->domains[domain],
    };
    scope_init(&facts->scope, SCOPE_ATTEMPT, arena, NULL, NULL);
    if (mail_address_parse(envelope->sender, &address) == MAIL_ADDRESS_OK)
        facts->sender_canonical = mail_address_dup_lower(&address, arena);
    if (at >= 0)
        facts->sender_domain =
            arena_dup_lower(arena, barid_slice(envelope->sender.data + at + 1,
                                               envelope->sender.len - (gsize)at - 1));
}
