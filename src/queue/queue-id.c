/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/queue-id.h"

#include <stdatomic.h>

#include "base/clock.h"

#define QUEUE_ID_EPOCH_MS G_GINT64_CONSTANT(1577836800000) /* 2020-01-01T00:00:00Z */
#define QUEUE_ID_TIME_SHIFT 24
#define QUEUE_ID_GENERATION_SHIFT 16
#define QUEUE_ID_SEQUENCE_MASK 0xffffu

/* Crockford's base 32: no i, l, o, u. */
static const gchar queue_id_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Process-wide by nature: the last moment and sequence given out, as time << 16 | sequence. */
static _Atomic guint64 queue_id_last;
static _Atomic guint queue_id_generation;

void
queue_id_set_generation(guint8 generation)
{
    atomic_store(&queue_id_generation, generation);
}

static QueueId
queue_id_compose(guint64 ticket)
{
    guint64 time = ticket >> 16;
    guint64 generation = atomic_load(&queue_id_generation);

    return time << QUEUE_ID_TIME_SHIFT | generation << QUEUE_ID_GENERATION_SHIFT |
           (ticket & QUEUE_ID_SEQUENCE_MASK);
}

/* A ticket is the id without the generation. When the sequence of one millisecond is used
 * up, or the clock stands or goes back, the next ticket runs on into the next millisecond:
 * order and uniqueness matter, the exact moment does not. */
QueueId
queue_id_new(void)
{
    gint64 now_ms = MAX(clock_wall_ms() - QUEUE_ID_EPOCH_MS, 0);
    guint64 floor = (guint64)now_ms << 16;
    guint64 last = atomic_load(&queue_id_last);
    guint64 ticket;

    do {
        ticket = MAX(floor, last + 1);
    } while (!atomic_compare_exchange_weak(&queue_id_last, &last, ticket));
    return queue_id_compose(ticket);
}

/* The generation bits may rank below those of (id), so the whole millisecond is passed. */
void
queue_id_advance_past(QueueId id)
{
    guint64 floor = ((id >> QUEUE_ID_TIME_SHIFT) + 1) << 16;
    guint64 last = atomic_load(&queue_id_last);

    while (last + 1 < floor) {
        if (atomic_compare_exchange_weak(&queue_id_last, &last, floor - 1))
            break;
    }
}

const gchar *
queue_id_format(QueueId id, gchar out_text[QUEUE_ID_TEXT_LEN + 1])
{
    for (guint i = QUEUE_ID_TEXT_LEN; i > 0; i--) {
        out_text[i - 1] = queue_id_digits[id & 31];
        id >>= 5;
    }
    out_text[QUEUE_ID_TEXT_LEN] = '\0';
    return out_text;
}

static gint
queue_id_digit_value(guint8 byte)
{
    const gchar *at = byte == '\0' ? NULL : strchr(queue_id_digits, g_ascii_tolower((gchar)byte));

    return at == NULL ? -1 : (gint)(at - queue_id_digits);
}

gboolean
queue_id_parse(BaridSlice text, QueueId *out_id)
{
    QueueId id = 0;

    if (text.len != QUEUE_ID_TEXT_LEN)
        return FALSE;
    for (gsize i = 0; i < text.len; i++) {
        gint value = queue_id_digit_value(text.data[i]);

        /* 13 digits hold 65 bits; the first has 4. */
        if (value < 0 || (i == 0 && value > 15))
            return FALSE;
        id = id << 5 | (QueueId)value;
    }
    *out_id = id;
    return TRUE;
}

gint64
queue_id_get_time_ms(QueueId id)
{
    return (gint64)(id >> QUEUE_ID_TIME_SHIFT) + QUEUE_ID_EPOCH_MS;
}
