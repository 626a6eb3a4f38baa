/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the spool costs by itself: adding messages of 4 KiB in batches of 1, 16 and 64,
 * their end, the bytes written for each byte of payload, and the replay of 100,000.
 *
 *     bench-spool [FOLDER [MESSAGES]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <glib/gstdio.h>

#include "base/clock.h"
#include "queue/spool/spool.h"

#define BENCH_CONTENT 4096
#define BENCH_ENVELOPE 200
#define BENCH_STATE 40
#define BENCH_BATCH_MAX 64

static SpoolDisk bench_disk; /* the system's, with a count of bytes */
static guint64 bench_written;

static gssize
count_pwritev(SpoolDisk *self, int fd, const struct iovec *pieces, int n_pieces, goffset offset)
{
    gssize written =
        spool_disk_get_system()->pwritev(self, fd, pieces, n_pieces, offset);

    bench_written += written > 0 ? (guint64)written : 0;
    return written;
}

static gint64
get_cpu_us(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static Spool *
open_spool(const gchar *folder)
{
    SpoolOptions options;
    GError *error = NULL;
    Spool *spool;

    spool_options_set_defaults(&options);
    options.reserve_bytes = 0;
    spool = spool_open(&bench_disk, folder, &options, &error);
    if (spool == NULL)
        g_error("%s", error->message);
    return spool;
}

static void
commit(Spool *spool, SpoolRef *refs, guint n, SpoolChangeKind kind, const guint8 *bytes)
{
    SpoolChange changes[BENCH_BATCH_MAX];
    SpoolChange *pointers[BENCH_BATCH_MAX];

    for (guint i = 0; i < n; i++) {
        changes[i] = (SpoolChange){.kind = kind, .ref = &refs[i], .body_fd = -1};
        if (kind == SPOOL_ADD) {
            changes[i].envelope = barid_slice(bytes, BENCH_ENVELOPE);
            changes[i].state = barid_slice(bytes, BENCH_STATE);
            changes[i].prefix = barid_slice(bytes, 300);
            changes[i].body = barid_slice(bytes, BENCH_CONTENT - 300);
        }
        pointers[i] = &changes[i];
    }
    spool_commit(spool, pointers, n);
    for (guint i = 0; i < n; i++) {
        if (changes[i].error != NULL)
            g_error("%s", changes[i].error->message);
    }
}

typedef struct {
    gint64 start_us, start_cpu_us;
    guint64 start_written;
} Lap;

static Lap
lap_begin(void)
{
    return (Lap){clock_monotonic_us(), get_cpu_us(), bench_written};
}

static void
lap_end(const Lap *lap, const gchar *what, guint batch, guint n)
{
    gdouble seconds = (gdouble)(clock_monotonic_us() - lap->start_us) / G_USEC_PER_SEC;

    printf("%-8s batch %2u: %9.0f msg/s %7.2f us CPU/msg", what, batch, n / seconds,
           (gdouble)(get_cpu_us() - lap->start_cpu_us) / n);
    if (bench_written > lap->start_written)
        printf("  %.2f bytes written/payload",
               (gdouble)(bench_written - lap->start_written) / ((gdouble)n * BENCH_CONTENT));
    printf("\n");
}

static SpoolRef *
visit(QueueId id, BaridSlice envelope, BaridSlice state, gsize content_bytes, gpointer data)
{
    SpoolRef **next = data;

    (void)id;
    (void)envelope;
    (void)state;
    (void)content_bytes;
    return (*next)++;
}

static void
bench_replay(const gchar *folder, SpoolRef *refs, guint n_expected)
{
    Spool *spool = open_spool(folder);
    SpoolRef *next = refs;
    gboolean finished = FALSE;
    gint64 longest_us = 0;
    Lap lap = lap_begin();

    while (!finished) {
        gint64 start_us = clock_monotonic_us();

        (void)spool_replay_step(spool, 64, visit, &next, &finished, NULL);
        longest_us = MAX(longest_us, clock_monotonic_us() - start_us);
    }
    if (next - refs != (gssize)n_expected)
        g_error("replay gave another number of messages");
    lap_end(&lap, "replay", 0, n_expected);
    printf("replay of %u: %.3f s, longest step %.1f ms\n", n_expected,
           (gdouble)(clock_monotonic_us() - lap.start_us) / G_USEC_PER_SEC,
           (gdouble)longest_us / 1000);
    spool_close(spool);
}

static void
bench_batch(Spool *spool, SpoolRef *refs, guint batch, guint n, const guint8 *bytes,
            gboolean keeps)
{
    Lap lap = lap_begin();

    for (guint i = 0; i + batch <= n; i += batch) {
        for (guint j = i; j < i + batch; j++)
            refs[j] = (SpoolRef){.id = queue_id_new()};
        commit(spool, refs + i, batch, SPOOL_ADD, bytes);
    }
    lap_end(&lap, "add", batch, n);
    if (keeps)
        return;
    lap = lap_begin();
    for (guint i = 0; i + batch <= n; i += batch)
        commit(spool, refs + i, batch, SPOOL_REMOVE, bytes);
    lap_end(&lap, "remove", batch, n);
    while (spool_tidy(spool))
        continue;
}

int
main(int argc, char **argv)
{
    const gchar *folder = argc > 1 ? argv[1] : "bench-spool.tmp";
    guint n = argc > 2 ? (guint)g_ascii_strtoull(argv[2], NULL, 10) : 100000;
    g_autofree SpoolRef *refs = g_new0(SpoolRef, n + BENCH_BATCH_MAX);
    g_autofree guint8 *bytes = g_malloc(BENCH_CONTENT);
    gboolean finished = FALSE;
    Spool *spool;

    memset(bytes, 'x', BENCH_CONTENT);
    n -= n % BENCH_BATCH_MAX;
    bench_disk = *spool_disk_get_system();
    bench_disk.pwritev = count_pwritev;
    spool = open_spool(folder);
    (void)spool_replay_step(spool, G_MAXUINT, visit, NULL, &finished, NULL);
    bench_batch(spool, refs, 1, n / 16, bytes, FALSE);
    bench_batch(spool, refs, 16, n / 4, bytes, FALSE);
    bench_batch(spool, refs, 64, n, bytes, FALSE);
    bench_batch(spool, refs, 64, n, bytes, TRUE);
    spool_close(spool);
    memset(refs, 0, (gsize)n * sizeof *refs);
    bench_replay(folder, refs, n);
    printf("a SpoolRef takes %u bytes\n", (guint)sizeof(SpoolRef));
    return EXIT_SUCCESS;
}
