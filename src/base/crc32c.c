/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The reflected polynomial. */
#define CRC32C_POLYNOMIAL 0x82f63b78u

static guint32 crc32c_table[256];

static void
crc32c_fill_table(void)
{
    for (guint32 i = 0; i < 256; i++) {
        guint32 value = i;

        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ ((value & 1) != 0 ? CRC32C_POLYNOMIAL : 0);
        crc32c_table[i] = value;
    }
}

static guint32
crc32c_by_table(guint32 crc, const guint8 *data, gsize len)
{
    static gsize filled;

    if (g_once_init_enter(&filled)) {
        crc32c_fill_table();
        g_once_init_leave(&filled, 1);
    }
    for (gsize i = 0; i < len; i++)
        crc = (crc >> 8) ^ crc32c_table[(crc ^ data[i]) & 0xff];
    return crc;
}

#if defined(__x86_64__)
#define CRC32C_TARGET __attribute__((target("sse4.2,pclmul")))

/* The instruction answers after three cycles, but takes another word in each: three lanes side
 * by side cost what one does. */
enum { LANE = 256, LANES = 3 };

/* x^(8 n - 33) mod the polynomial, reflected, for (n) of one lane and of two. */
#define CRC32C_PAST_ONE_LANE 0xb9e02b86u
#define CRC32C_PAST_TWO_LANES 0xdd7e3b0cu

CRC32C_TARGET static guint64
crc32c_take_word(guint64 crc, const guint8 *data)
{
    guint64 word;

    memcpy(&word, data, sizeof word);
    return __builtin_ia32_crc32di(crc, word);
}

/* What (crc) becomes when as many zero bytes follow as (factor) stands for. */
CRC32C_TARGET static guint64
crc32c_move(guint64 crc, guint64 factor)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((gint64)crc),
                                           _mm_cvtsi64_si128((gint64)factor), 0);

    return __builtin_ia32_crc32di(0, (guint64)_mm_cvtsi128_si64(product));
}

CRC32C_TARGET static guint64
crc32c_take_lanes(guint64 crc, const guint8 *data)
{
    guint64 second = 0, third = 0;

    for (gsize i = 0; i < LANE; i += 8) {
        crc = crc32c_take_word(crc, data + i);
        second = crc32c_take_word(second, data + LANE + i);
        third = crc32c_take_word(third, data + 2 * LANE + i);
    }
    return crc32c_move(crc, CRC32C_PAST_TWO_LANES) ^ crc32c_move(second, CRC32C_PAST_ONE_LANE) ^
           third;
}

CRC32C_TARGET static guint32
crc32c_by_instruction(guint32 crc, const guint8 *data, gsize len)
{
    guint64 wide = crc;

    for (; len >= LANES * LANE; data += LANES * LANE, len -= LANES * LANE)
        wide = crc32c_take_lanes(wide, data);
    for (; len >= 8; data += 8, len -= 8)
        wide = crc32c_take_word(wide, data);
    crc = (guint32)wide;
    while (len-- > 0)
        crc = __builtin_ia32_crc32qi(crc, *data++);
    return crc;
}
#endif

guint32
crc32c_update(guint32 crc, const void *data, gsize len)
{
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        return ~crc32c_by_instruction(crc, data, len);
#endif
    return ~crc32c_by_table(crc, data, len);
}
