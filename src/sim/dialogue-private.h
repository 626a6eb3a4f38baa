/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dialogue runner share. */
#ifndef DIALOGUE_PRIVATE_H
#define DIALOGUE_PRIVATE_H

#include "control/generation.h"
#include "net/line-reader.h"
#include "sim/dialogue.h"
#include "sim/dialogue-script.h"
#include "sim/dialogue-witness.h"
#include "sim/mailbox-log.h"
#include "sim/peer.h"
#include "sim/replay-names.h"
#include "sim/sim-disk.h"

enum {
    DIALOGUE_LINE_MAX = 8192,
    DIALOGUE_PATIENCE_MS = 3600000,
    DIALOGUE_TURNS_MAX = 100000,
    DIALOGUE_CLIENTS_MAX = 1000,
};

/* One who connects, perhaps again and again. */
typedef struct {
    gchar *name;
    Address address;
    InboundListener *listener;
    Stream *stream; /* NULL without a connection */
    LineReader reader;
    gchar *helo;    /* said last by a short form, or NULL */
    gchar *unread;  /* a reply's last line that the next expectation sees again, or NULL */
    Witness witness;
} DialogueClient;

typedef struct {
    const DialogueOptions *options;
    DialogueReport *report;
    DialogueScript script;
    gchar *spool, *history; /* folders in the script's */
    SimDisk *disk;
    DnsResolver *resolver;
    ReplayNames *names;     /* of a replay, whose resolver is the one above; or NULL */
    JsonParser *answers;    /* that all of its records hold, or NULL */
    GPtrArray *lost_stores; /* of gchar *: those that a replay was to fill, and has not got */
    Generation *generation;
    Queue *queue;
    QueueOptions queue_options;
    Outbound *outbound;     /* NULL until somebody asks for it */
    gboolean delivers;      /* the queue gives jobs to it */
    Scheduler *scheduler;
    InboundThread *inbound;
    FiberGroup group;       /* of the client and its peers */
    FiberGroup sessions;    /* of the server's sessions */
    Peers *peers;
    MailboxLog mailboxes;
    GPtrArray *clients;     /* of DialogueClient * */
    DialogueClient *client; /* who speaks now */
    DialogueClient *served; /* whose session begins when one does */
    GMutex log_lock;
    GQueue log;       /* of gchar *: the last records; all threads write it */
    GQueue said;      /* of gchar *: the last lines of the sessions */
    guint at;         /* index of the step at hand */
    gboolean is_over; /* a failure that nothing can follow */
} Dialogue;

/* One word of the language; (text) stands behind the colon. FALSE ends the script. */
typedef gboolean (*DialogueWord)(Dialogue *self, const gchar *text);
typedef struct {
    const gchar *word;
    DialogueWord run;
    gboolean has_block; /* indented lines may follow */
} DialogueWordRow;

/* The tables of words, ended by a NULL word. */
extern const DialogueWordRow dialogue_talk_words[];
extern const DialogueWordRow dialogue_check_words[];
extern const DialogueWordRow dialogue_replay_words[];

/* --- the life of a dialogue: dialogue_run() calls them in this order --- */

/* (report) is made ready, too. */
void dialogue_init(Dialogue *self, const DialogueOptions *options, DialogueReport *report);
/* Makes and starts all that the script, which has been read, needs. */
gboolean dialogue_set_up(Dialogue *self, GError **error);
/* The clock, the network and the randomness of the process are the script's until the end. */
void dialogue_begin(Dialogue *self);
/* What is told of a replay as a whole. */
void dialogue_tell_world(Dialogue *self);
/* In a fiber: the client has gone; ends sessions, peers and deliveries. */
BARID_SUSPENDS void dialogue_leave(Dialogue *self);
/* No fiber is left. */
void dialogue_end(Dialogue *self);
void dialogue_clear(Dialogue *self);

/* One step, which is (self->at). FALSE ends the script. */
BARID_SUSPENDS gboolean dialogue_run_step(Dialogue *self, const DialogueStep *step);
/* The last line of the next reply; NULL after dialogue_fail(). The caller owns it. */
BARID_SUSPENDS gchar *dialogue_read_reply(Dialogue *self);
/* Sends bytes as they are; (shown) is what a failure tells of them. */
BARID_SUSPENDS gboolean dialogue_send(Dialogue *self, BaridSlice bytes, const gchar *shown);

const DialogueStep *dialogue_get_step(const Dialogue *self);
/* The script cannot go on; FALSE. */
gboolean dialogue_fail(Dialogue *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
/* An expectation was not met; TRUE, since others may be looked at. */
gboolean dialogue_differ(Dialogue *self, const gchar *expected, const gchar *got);
/* Notes what was said: "C" or "S". */
void dialogue_note(Dialogue *self, const gchar *who, const gchar *text);
/* The bytes that a text with \r \n \0 \t \\ \xNN means. */
GString *dialogue_unescape(const gchar *text);
/* (text) holds (pattern), in which * and ? are wild. */
gboolean dialogue_matches(const gchar *pattern, const gchar *text);
/* Another client, who speaks from where the one at hand does; the script's to the end. */
DialogueClient *dialogue_add_client(Dialogue *self, const gchar *name);
/* Opens a connection, instead of one that is open. FALSE after dialogue_fail(). */
gboolean dialogue_connect(Dialogue *self);
/* The message that came last, or NULL. */
BARID_SUSPENDS SpoolContent *dialogue_open_newest(Dialogue *self);
/* For questions about routes; NULL after dialogue_fail(). */
Outbound *dialogue_get_outbound(Dialogue *self);
/* Opens the queue again, which delivers from now on. FALSE after dialogue_fail(). */
gboolean dialogue_start_delivery(Dialogue *self);
/* Waits until nothing is due and nothing under way. */
BARID_SUSPENDS gboolean dialogue_settle(Dialogue *self);
/* Lets time pass; what is due meanwhile happens at its time. */
BARID_SUSPENDS gboolean dialogue_wait(Dialogue *self, gint64 ms);

#endif
