/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/clock.h"

/*
 * A bounded ring for many producers and one consumer (after Vyukov): each slot has a
 * sequence number that says whose turn it is, so producers only compete for a ticket.
 */
enum { LOG_SLOTS = 2048, LOG_BATCH_MAX = 64 * 1024 };

/* Waking the writer costs more than writing: after a batch it lets records gather for so
 * long, unless half of the ring is full or the end has come. */
enum { LOG_PAUSE_MS = 5 };

typedef enum { LOG_WRITES, LOG_PAUSES, LOG_SLEEPS } LogWriterState;

typedef struct {
    _Atomic gsize sequence;
    guint16 len;
    gchar line[LOG_LINE_MAX + 2];
} LogSlot;

static struct {
    LogSlot *slots;
    _Atomic gsize head;
    gsize tail;
    _Atomic int writer; /* a LogWriterState */
    _Atomic gboolean stopping;
    _Atomic guint64 dropped;
    int wake_fd;
    GThread *thread;
    LogSink sink;
    gpointer sink_data;
    int fd;
    _Atomic int level;
    _Atomic(LogTap) tap;
    gpointer tap_data;
} log_state = {.fd = STDERR_FILENO, .wake_fd = -1, .level = BARID_LOG_INFO};

static const gchar *const log_levels[] = {"error", "warning", "notice", "info", "debug", "trace"};

const gchar *
log_level_name(BaridLogLevel level)
{
    return (guint)level < G_N_ELEMENTS(log_levels) ? log_levels[level] : NULL;
}

gboolean
log_level_parse(const gchar *name, BaridLogLevel *out_level)
{
    for (guint i = 0; i < G_N_ELEMENTS(log_levels); i++) {
        if (g_strcmp0(name, log_levels[i]) == 0) {
            *out_level = (BaridLogLevel)i;
            return TRUE;
        }
    }
    return FALSE;
}

void
log_set_level(BaridLogLevel level)
{
    atomic_store_explicit(&log_state.level, (int)level, memory_order_relaxed);
}

BaridLogLevel
log_get_level(void)
{
    return (BaridLogLevel)atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

void
log_set_tap(LogTap tap, gpointer data)
{
    log_state.tap_data = data;
    atomic_store(&log_state.tap, tap);
}

gboolean
log_has_tap(void)
{
    return atomic_load_explicit(&log_state.tap, memory_order_relaxed) != NULL;
}

static void
log_write_all(int fd, const gchar *lines, gsize len)
{
    while (len > 0) {
        gssize written = write(fd, lines, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* nowhere left to complain */
        lines += written;
        len -= (gsize)written;
    }
}

static void
log_deliver(const gchar *lines, gsize len)
{
    if (log_state.sink != NULL)
        log_state.sink(lines, len, log_state.sink_data);
    else
        log_write_all(log_state.fd, lines, len);
}

/* Appends what is ready; FALSE when there was nothing. */
static gboolean
log_collect(GString *batch)
{
    gsize before = log_state.tail;

    while (batch->len < LOG_BATCH_MAX) {
        LogSlot *slot = &log_state.slots[log_state.tail % LOG_SLOTS];

        if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != log_state.tail + 1)
            break;
        g_string_append_len(batch, slot->line, slot->len);
        atomic_store_explicit(&slot->sequence, log_state.tail + LOG_SLOTS, memory_order_release);
        log_state.tail++;
    }
    return log_state.tail != before;
}

static gboolean
log_is_waiting(void)
{
    LogSlot *slot = &log_state.slots[log_state.tail % LOG_SLOTS];

    return atomic_load(&slot->sequence) == log_state.tail + 1;
}

/* Waits for a wake; (timeout_ms) as in poll(). */
static void
log_wait(int timeout_ms)
{
    struct pollfd wake = {.fd = log_state.wake_fd, .events = POLLIN};
    guint64 wakes;

    if (poll(&wake, 1, timeout_ms) > 0) {
        gssize ignored = read(log_state.wake_fd, &wakes, sizeof wakes);

        (void)ignored;
    }
}

static gpointer
log_thread(gpointer data G_GNUC_UNUSED)
{
    g_autoptr(GString) batch = g_string_sized_new(4096);

    for (;;) {
        gboolean stopping = atomic_load(&log_state.stopping);

        g_string_truncate(batch, 0);
        if (log_collect(batch)) {
            log_deliver(batch->str, batch->len);
            atomic_store(&log_state.writer, LOG_PAUSES);
            if (!atomic_load(&log_state.stopping) && batch->len < LOG_BATCH_MAX)
                log_wait(LOG_PAUSE_MS);
            atomic_store(&log_state.writer, LOG_WRITES);
            continue;
        }
        if (stopping)
            return NULL;
        atomic_store(&log_state.writer, LOG_SLEEPS);
        /* A record may have come between the last look and the flag. */
        if (!log_is_waiting() && !atomic_load(&log_state.stopping))
            log_wait(-1);
        atomic_store(&log_state.writer, LOG_WRITES);
    }
}

static void
log_wake(gsize ticket)
{
    LogSlot *ahead = &log_state.slots[(ticket + LOG_SLOTS / 2) % LOG_SLOTS];
    int state = atomic_load(&log_state.writer);
    guint64 one = 1;

    if (state == LOG_WRITES)
        return;
    /* While the slot half a ring ahead is not free yet, half of the ring is full. */
    if (state == LOG_PAUSES && atomic_load_explicit(&ahead->sequence, memory_order_relaxed) ==
                                   ticket + LOG_SLOTS / 2)
        return;
    if (atomic_compare_exchange_strong(&log_state.writer, &state, LOG_WRITES)) {
        gssize ignored = write(log_state.wake_fd, &one, sizeof one);

        (void)ignored;
    }
}

static void
log_push(const gchar *line, gsize len)
{
    gsize ticket = atomic_load_explicit(&log_state.head, memory_order_relaxed);

    for (;;) {
        LogSlot *slot = &log_state.slots[ticket % LOG_SLOTS];
        gsize sequence = atomic_load_explicit(&slot->sequence, memory_order_acquire);

        if (sequence == ticket) {
            if (!atomic_compare_exchange_weak(&log_state.head, &ticket, ticket + 1))
                continue;
            memcpy(slot->line, line, len);
            slot->len = (guint16)len;
            /* Ordered before the look at the writer's state, so that no record is missed. */
            atomic_store(&slot->sequence, ticket + 1);
            log_wake(ticket);
            return;
        }
        if (sequence < ticket) {
            atomic_fetch_add(&log_state.dropped, 1);
            return;
        }
        ticket = atomic_load_explicit(&log_state.head, memory_order_relaxed);
    }
}

void
log_start(LogSink sink, gpointer data, int fd)
{
    g_assert(log_state.thread == NULL);
    log_state.sink = sink;
    log_state.sink_data = data;
    log_state.fd = fd;
    log_state.slots = g_new0(LogSlot, LOG_SLOTS);
    for (gsize i = 0; i < LOG_SLOTS; i++)
        atomic_init(&log_state.slots[i].sequence, i);
    atomic_store(&log_state.head, 0);
    log_state.tail = 0;
    atomic_store(&log_state.stopping, FALSE);
    log_state.wake_fd = eventfd(0, EFD_CLOEXEC);
    g_assert(log_state.wake_fd >= 0);
    log_state.thread = g_thread_new("barid-log", log_thread, NULL);
}

void
log_stop(void)
{
    guint64 one = 1;
    gssize ignored;

    if (log_state.thread == NULL)
        return;
    atomic_store(&log_state.stopping, TRUE);
    ignored = write(log_state.wake_fd, &one, sizeof one);
    (void)ignored;
    g_thread_join(log_state.thread);
    log_state.thread = NULL;
    close(log_state.wake_fd);
    log_state.wake_fd = -1;
    g_clear_pointer(&log_state.slots, g_free);
}

/* A bounded line on the stack: appends what fits and remembers that something did not. */
typedef struct {
    gchar text[LOG_LINE_MAX + 2];
    gsize len;
    gboolean cut;
} LogLine;

static void
log_line_put(LogLine *line, const gchar *text, gsize len)
{
    gsize room = LOG_LINE_MAX - line->len;

    if (len > room) {
        len = room;
        line->cut = TRUE;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

/* Whether (byte) stands for itself between quotes. */
static gboolean
log_byte_is_plain(guchar byte)
{
    return byte >= 0x20 && byte != 0x7f && byte != '"' && byte != '\\';
}

/* Whether (value) needs no quotes. */
static gboolean
log_value_is_plain(const gchar *value)
{
    if (*value == '\0')
        return FALSE;
    for (; *value != '\0'; value++) {
        guchar byte = (guchar)*value;

        if (!log_byte_is_plain(byte) || byte == ' ' || byte == '=' || byte >= 0x80)
            return FALSE;
    }
    return TRUE;
}

static void
log_line_put_escaped(LogLine *line, guchar byte)
{
    static const gchar digits[] = "0123456789abcdef";
    gchar quoted[] = {'\\', (gchar)byte};
    gchar hex[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};

    if (byte == '"' || byte == '\\')
        log_line_put(line, quoted, sizeof quoted);
    else
        log_line_put(line, hex, sizeof hex);
}

static void
log_line_put_value(LogLine *line, const gchar *value)
{
    if (log_value_is_plain(value)) {
        log_line_put(line, value, strlen(value));
        return;
    }
    log_line_put(line, "\"", 1);
    while (*value != '\0') {
        gsize run = 0;

        while (log_byte_is_plain((guchar)value[run]))
            run++;
        log_line_put(line, value, run);
        value += run;
        if (*value != '\0')
            log_line_put_escaped(line, (guchar)*value++);
    }
    log_line_put(line, "\"", 1);
}

static void
log_line_put_time(LogLine *line, gint64 wall_ms)
{
    gchar text[CIVIL_TIME_LEN + 1];

    log_line_put(line, civil_format_time(wall_ms, text), CIVIL_TIME_LEN);
}

static void
log_line_finish(LogLine *line)
{
    if (line->cut)
        memcpy(line->text + line->len - 3, "...", 3);
    line->text[line->len++] = '\n';
    line->text[line->len] = '\0';
}

static void
log_say_dropped(guint64 dropped)
{
    LogLine line = {.len = 0};
    gchar count[24];

    log_line_put_time(&line, clock_wall_ms());
    g_snprintf(count, sizeof count, "%" G_GUINT64_FORMAT, dropped);
    log_line_put(&line, " warning log.dropped count=", strlen(" warning log.dropped count="));
    log_line_put(&line, count, strlen(count));
    log_line_finish(&line);
    log_push(line.text, line.len);
}

static void
log_emit(const LogLine *line)
{
    if (log_state.thread == NULL) {
        log_deliver(line->text, line->len);
        return;
    }
    if (G_UNLIKELY(atomic_load_explicit(&log_state.dropped, memory_order_relaxed) > 0))
        log_say_dropped(atomic_exchange(&log_state.dropped, 0));
    log_push(line->text, line->len);
}

void
barid_log(BaridLogLevel level, const gchar *event, ...)
{
    LogTap tap = atomic_load_explicit(&log_state.tap, memory_order_acquire);
    LogLine line;
    va_list args;
    const gchar *key;

    if (level > log_get_level() && tap == NULL)
        return;
    line.len = 0;
    line.cut = FALSE;
    log_line_put_time(&line, clock_wall_ms());
    log_line_put(&line, " ", 1);
    log_line_put(&line, log_levels[level], strlen(log_levels[level]));
    log_line_put(&line, " ", 1);
    log_line_put(&line, event, strlen(event));
    va_start(args, event);
    while ((key = va_arg(args, const gchar *)) != NULL) {
        const gchar *value = va_arg(args, const gchar *);

        log_line_put(&line, " ", 1);
        log_line_put(&line, key, strlen(key));
        log_line_put(&line, "=", 1);
        log_line_put_value(&line, value == NULL ? "-" : value);
    }
    va_end(args);
    log_line_finish(&line);
    if (tap != NULL)
        tap(level, line.text, log_state.tap_data);
    if (level <= log_get_level())
        log_emit(&line);
}
