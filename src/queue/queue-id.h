/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queue ids: 64 bits, unique over all folders and generations of one installation, in
 * order of time. 40 bits of milliseconds since 2020-01-01, 8 bits of worker generation,
 * 16 bits of sequence. As text 13 letters and digits (Crockford's base 32, lower case).
 */
#ifndef QUEUE_ID_H
#define QUEUE_ID_H

#include <barid/slice.h>

#define QUEUE_ID_TEXT_LEN 13

typedef guint64 QueueId;

/* Sets the generation that new ids carry; once, before the first. */
void queue_id_set_generation(guint8 generation);
/* Never gives the same id twice in a process, even when the clock goes back. Any thread. */
QueueId queue_id_new(void);
/* Later ids will be greater than (id): called for what a replay finds. */
void queue_id_advance_past(QueueId id);
/* Writes QUEUE_ID_TEXT_LEN characters and NUL; returns (out_text). */
const gchar *queue_id_format(QueueId id, gchar out_text[QUEUE_ID_TEXT_LEN + 1]);
gboolean queue_id_parse(BaridSlice text, QueueId *out_id);
/* Wall-clock milliseconds of the moment it was made. */
gint64 queue_id_get_time_ms(QueueId id);

#endif
