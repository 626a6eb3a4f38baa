/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

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
__attribute__((target("sse4.2"))) static guint32
crc32c_by_instruction(guint32 crc, const guint8 *data, gsize len)
{
    guint64 wide = crc;

    while (len >= 8) {
        guint64 word;

        memcpy(&word, data, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
        data += 8;
        len -= 8;
    }
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
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_by_instruction(crc, data, len);
#endif
    return ~crc32c_by_table(crc, data, len);
}
