/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transports: how a queued message leaves. A transport module offers a
 * BaridTransportDriver; domains and routes name it.
 *
 * One call delivers one message to the recipients of one attempt. It fills in a
 * result for each recipient; a recipient without a result counts as deferred, so
 * nothing is lost by an early return.
 */
#ifndef BARID_TRANSPORT_H
#define BARID_TRANSPORT_H

#include <barid/setting.h>
#include <barid/slice.h>

typedef enum {
    BARID_DELIVERED,
    BARID_DEFERRED, /* 4.x.y: will be tried again */
    BARID_FAILED,   /* 5.x.y: final */
} BaridOutcome;

guint barid_attempt_get_n_recipients(BaridAttempt *attempt);
/* The address as the sender gave it. */
BaridSlice barid_attempt_get_address(BaridAttempt *attempt, guint index);
/* The mailbox (user name in the directory) that the address resolved to. */
const gchar *barid_attempt_get_mailbox(BaridAttempt *attempt, guint index);
/* The part after the sub-address delimiter, or NULL. */
const gchar *barid_attempt_get_detail(BaridAttempt *attempt, guint index);
/* The envelope sender; empty for the null reverse-path. */
BaridSlice barid_attempt_get_sender(BaridAttempt *attempt);
const gchar *barid_attempt_get_queue_id(BaridAttempt *attempt);
/* The message as it is to be sent, CRLF line ends, in at most two pieces: fields
 * added by the server, then the rest. Valid during the attempt. */
guint barid_attempt_get_content(BaridAttempt *attempt, BaridSlice out_pieces[2]);

/* Records what became of a recipient. (status) such as "2.0.0"; (text) is the peer's
 * reply or the local reason and may be quoted in a DSN. */
void barid_attempt_set_result(BaridAttempt *attempt, guint index, BaridOutcome outcome,
                              const gchar *status, const gchar *text);
/* Adds a timed line to the attempt's transcript (no content of the message). */
void barid_attempt_note(BaridAttempt *attempt, const gchar *format, ...) G_GNUC_PRINTF(2, 3);

typedef struct {
    gsize struct_size;
    gpointer (*open)(const void *settings, GError **error); /* module settings */
    void (*close)(gpointer self); /* may be NULL */
    /* Delivers. May suspend; obeys the deadline. */
    void (*deliver)(gpointer self, BaridAttempt *attempt);
} BaridTransportDriver;

#endif
