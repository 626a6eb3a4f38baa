/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own messages: what this server has written itself, such as delivery status notifications. It
 * is written where nothing may wait, so the hooks of SEAL see it when it leaves: each attempt
 * carries fields, signatures among them, that are made for it. What is queued stays as it is.
 */
#ifndef OWN_MESSAGE_H
#define OWN_MESSAGE_H

#include "host/host.h"
#include "queue/queue.h"

/* Replaces the content of a (job) about a message of ours, and adds what was decided to it. FALSE
 * when a hook puts the message off; (out_why), of the job's arena, says what for. */
BARID_SUSPENDS gboolean own_message_seal(Host *host, const gchar *hostname, QueueJob *job,
                                         const gchar **out_why);

#endif
