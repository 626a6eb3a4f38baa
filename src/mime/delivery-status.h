/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading delivery status notifications of others (RFC 3464, RFC 6522, RFC 6533), which
 * come from anywhere: what is there is taken, what is broken is left out and counted.
 * Pure: no I/O.
 */
#ifndef DELIVERY_STATUS_H
#define DELIVERY_STATUS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "mime/dsn.h"

enum {
    DELIVERY_STATUS_RECIPIENTS_MAX = 10000,
    DELIVERY_STATUS_BYTES_MAX = 16 * 1024 * 1024, /* of the part that programs read */
};

typedef struct {
    BaridSlice original_type, original_address; /* empty when not given */
    BaridSlice final_type, final_address;
    DsnAction action;
    guint8 status_class; /* RFC 3463, e.g. 5, 1, 1 */
    guint16 status_subject, status_detail;
    BaridSlice remote_mta;  /* name, without its type; empty when not given */
    BaridSlice diagnostic_type, diagnostic_text;
    gint64 last_attempt_ms; /* 0: not given, or no date */
    gint64 will_retry_until_ms;
} DeliveryStatusRecipient;

typedef struct {
    BaridSlice reporting_mta; /* name, without its type */
    BaridSlice envelope_id;   /* as given; empty without */
    BaridSlice message_id;    /* of the returned message, with its brackets; empty without */
    gint64 arrival_ms;        /* 0: not given, or no date */
    guint n_recipients;
    DeliveryStatusRecipient *recipients;
    guint n_broken; /* groups of fields that name no recipient, action or status */
} DeliveryStatus;

typedef enum {
    DELIVERY_STATUS_OK,
    DELIVERY_STATUS_NONE,   /* the message is no delivery status notification */
    DELIVERY_STATUS_BROKEN, /* it says that it is one, and has no part that can be read */
} DeliveryStatusResult;

/* Reads (message). All texts are printable, unfolded, and live in (arena). */
DeliveryStatusResult delivery_status_read(BaridSlice message, Arena *arena,
                                          DeliveryStatus *out);

#endif
