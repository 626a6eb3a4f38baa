/* SPDX-License-Identifier: Apache-2.0 */
/* What rules may read of a queued message and one of its domains: the scope of an attempt. */
#ifndef ATTEMPT_FACTS_H
#define ATTEMPT_FACTS_H

#include "host/scope.h"
#include "queue/envelope.h"

/* Slices borrow from (envelope) and (arena). */
void attempt_facts_fill(BaridAttempt *facts, const Envelope *envelope, guint domain,
                        Arena *arena);

#endif
