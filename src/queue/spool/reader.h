/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SpoolReader: reads a spool folder without the server, without its lock and without
 * changing anything: for "baridctl spool verify|list|cat". It judges the log by
 * doc/spool-format.md alone, first to last, and so checks the server's own replay.
 *
 * It may run while a server writes: it then sees the log as it was within the moments of
 * its opening. An unfinished record at the end counts as a tail, not as damage. Messages
 * that the server moves meanwhile may be missed; asking again finds them.
 */
#ifndef SPOOL_READER_H
#define SPOOL_READER_H

#include "queue/spool/spool.h"

typedef struct SpoolReader SpoolReader;

typedef struct {
    QueueId id;
    BaridSlice envelope, state;
    guint64 content_bytes; /* prefix and body */
    gboolean has_file;     /* the body is a file of its own */
    guint32 generation;    /* of the segment, and where in it */
    goffset offset;
} SpoolReaderMessage;

typedef struct {
    guint n_segments;
    guint64 n_records, n_messages;
    guint64 record_bytes;  /* of valid records */
    guint64 damaged_bytes; /* in the middle of segments, and lost content files */
    guint n_damages;
    guint n_tails;         /* segments that end in an unfinished record */
} SpoolReaderSummary;

/* Opens the folder and reads all of it. */
SpoolReader *spool_reader_open(const gchar *folder, GError **error);
void spool_reader_close(SpoolReader *self);
void spool_reader_get_summary(const SpoolReader *self, SpoolReaderSummary *out_summary);
/* One line for each damage, for people; NULL when there is none. */
const gchar *spool_reader_get_report(const SpoolReader *self);

/* Calls (visit) for each message in the order of ids until it returns FALSE; the slices
 * are borrowed during the call. FALSE with (error) when a record cannot be read. */
typedef gboolean (*SpoolReaderVisitor)(const SpoolReaderMessage *message, gpointer data);
gboolean spool_reader_visit(SpoolReader *self, SpoolReaderVisitor visit, gpointer data,
                            GError **error);
/* Hands the verified content of one message to (sink), piece by piece, until that returns
 * FALSE. NOT_FOUND for an id that is not there, INVALID when it is damaged: a body in a
 * file of its own is checked before its first piece is given. */
typedef gboolean (*SpoolReaderSink)(BaridSlice piece, gpointer data);
gboolean spool_reader_copy_content(SpoolReader *self, QueueId id, SpoolReaderSink sink,
                                   gpointer data, GError **error);
/* Checks the content files too, which opening only measures; notes what it finds. */
void spool_reader_verify_files(SpoolReader *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolReader, spool_reader_close)

#endif
