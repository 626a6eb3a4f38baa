/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/attempt-facts.h"

#include "base/text.h"

void
attempt_facts_fill_message(BaridAttempt *facts, const Envelope *envelope, Arena *arena)
{
    gssize at = text_find_last(envelope->sender, '@');

    *facts = (BaridAttempt){
        .sender = envelope->sender,
        .priority = envelope->priority,
        .saved = envelope->saved,
    };
    scope_init(&facts->scope, SCOPE_ATTEMPT, arena, NULL, NULL);
    if (at >= 0)
        facts->sender_domain =
            arena_dup_lower(arena, barid_slice(envelope->sender.data + at + 1,
                                               envelope->sender.len - (gsize)at - 1));
}

void
attempt_facts_fill(BaridAttempt *facts, const Envelope *envelope, guint domain, Arena *arena)
{
    attempt_facts_fill_message(facts, envelope, arena);
    facts->domain = envelope->domains[domain];
}
