/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chance.h"

#include <string.h>
#include <sys/random.h>

#include <barid/runtime.h>

static GMutex chance_lock;
static gboolean chance_seeded;
static guint64 chance_state;

void
chance_set_seed(guint64 seed)
{
    g_mutex_lock(&chance_lock);
    chance_seeded = TRUE;
    chance_state = seed;
    g_mutex_unlock(&chance_lock);
}

void
chance_unset_seed(void)
{
    g_mutex_lock(&chance_lock);
    chance_seeded = FALSE;
    g_mutex_unlock(&chance_lock);
}

/* SplitMix64 (Steele, Lea, Flood 2014): enough for repeatable tests. */
static guint64
chance_next_seeded(void)
{
    guint64 z;

    chance_state += 0x9e3779b97f4a7c15u;
    z = chance_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void
chance_fill_from_kernel(guint8 *out, gsize len)
{
    while (len > 0) {
        gssize got = getrandom(out, len, 0);

        if (got <= 0)
            continue; /* EINTR; the source itself cannot fail once initialised */
        out += got;
        len -= (gsize)got;
    }
}

void
barid_random(void *buffer, gsize len)
{
    guint8 *out = buffer;

    if (!chance_seeded) {
        chance_fill_from_kernel(out, len);
        return;
    }
    g_mutex_lock(&chance_lock);
    while (len > 0) {
        guint64 value = chance_next_seeded();
        gsize part = MIN(len, sizeof value);

        memcpy(out, &value, part);
        out += part;
        len -= part;
    }
    g_mutex_unlock(&chance_lock);
}

/* A system call a number is dear on the message path: threads keep a small stock. */
guint64
chance_u64(void)
{
    static _Thread_local guint64 stock[16];
    static _Thread_local guint left;
    guint64 value;

    if (chance_seeded) {
        barid_random(&value, sizeof value);
        return value;
    }
    if (left == 0) {
        chance_fill_from_kernel((guint8 *)stock, sizeof stock);
        left = G_N_ELEMENTS(stock);
    }
    value = stock[--left];
    stock[left] = 0;
    return value;
}

guint32
chance_below(guint32 limit)
{
    g_assert(limit > 0);
    return (guint32)(((chance_u64() >> 32) * limit) >> 32);
}
