/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MailboxLog: what was delivered in a simulation, by transports and to peers. It also is
 * what stands in the place of every transport: it notes the message, or gives the answer
 * that the script has set for that transport.
 */
#ifndef MAILBOX_LOG_H
#define MAILBOX_LOG_H

#include <barid/transport.h>

typedef struct {
    gchar *rcpt, *sender;
    gchar *via;      /* the transport, or the peer */
    gchar *mailbox;  /* "alice", "alice+detail"; "" for a peer */
    gchar *content;  /* the whole message; bytes are escaped */
} MailboxEntry;

typedef struct {
    GPtrArray *entries; /* of MailboxEntry * */
    GHashTable *answers; /* transport -> "452 4.2.2 mailbox full" */
} MailboxLog;

void mailbox_log_init(MailboxLog *self);
void mailbox_log_clear(MailboxLog *self);
/* Texts are copied. */
void mailbox_log_add(MailboxLog *self, const MailboxEntry *entry);
/* From now on the transport answers (answer), e.g. "452 4.2.2 full"; "250" delivers again. */
void mailbox_log_set_answer(MailboxLog *self, const gchar *transport, const gchar *answer);
/* For OutboundServices.stand_in; (log) is the MailboxLog. */
gpointer mailbox_log_open(const gchar *transport, gpointer log,
                          const BaridTransportDriver **out_driver);

#endif
