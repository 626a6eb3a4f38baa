/* SPDX-License-Identifier: Apache-2.0 */
/* What a queue is made with. */
#ifndef QUEUE_OPTIONS_H
#define QUEUE_OPTIONS_H

#include <barid/rule.h>

#include "queue/history.h"
#include "queue/spool/spool.h"

typedef struct {
    const gchar *hostname;       /* in DSNs */
    const gchar *folder;         /* the main one of the spool */
    guint side_number;           /* of the side folder "FOLDER-NUMBER"; 0: none, and the main
                                  * folder must be free */
    SpoolDisk *disk;             /* NULL: the system's */
    const gchar *history_folder; /* NULL keeps none */
    SpoolOptions spool;
    HistoryOptions history;
    gsize header_bytes;          /* of a message's header in the history at most; 0: none of it */
    /* Rules, borrowed, that read an attempt's facts and no store; NULL is none, or zero. */
    const BaridRule *retry;      /* durations; the last repeats */
    const BaridRule *notify;     /* durations, each from the one before */
    const BaridRule *expire;     /* duration */
    guint concurrency;           /* jobs under way at once */
    gint64 probe_ms;             /* pause before a destination that is down is probed; 0: none */
    guint max_messages;          /* quota of the whole queue, as (max_bytes); 0 is none */
    guint64 max_bytes;
    const BaridRule *dsn_language;     /* text; empty: English */
    const BaridRule *dsn_from_name;    /* text */
    const BaridRule *dsn_from_address; /* text; empty: MAILER-DAEMON@hostname */
    const BaridRule *dsn_return;       /* size: a larger message is returned as header only */
} QueueOptions;

#endif
