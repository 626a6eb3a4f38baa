/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/queue-settings.h"

#include "base/i18n.h"
#include "conf/rule-shadow.h"
#include "mime/dsn-language.h"

typedef struct {
    BaridRule *retry, *notify; /* durations */
    BaridRule *expire;         /* duration */
    gint64 concurrency, probe_ms;
    BaridRule *attempt_timeout; /* duration */
    gint64 max_messages, max_bytes;
    BaridRule *dsn_language, *dsn_from_name, *dsn_from_address; /* text */
    BaridRule *dsn_return;                                      /* size */
} QueueArea;

/* With all else that a record tells it must fit into a line of the history. */
enum { HISTORY_HEADER_MAX = 64 * 1024 };

typedef struct {
    gint64 segment_bytes, large_bytes, reserve_bytes;
    gint64 spare_segments, compact_percent;
} SpoolArea;

typedef struct {
    gint64 max_bytes, max_age_ms, header_bytes;
} HistoryArea;

struct QueueSettings {
    QueueArea queue;
    SpoolArea spool;
    HistoryArea history;
};

static const BaridSetting queue_area[] = {
    BARID_SETTING_RULE_DURATIONS("retry", QueueArea, retry,
                                 "1min, 2min, 5min, 10min, 15min, 30min, 1h, 2h",
                                 N_("Waits between attempts; the last repeats."),
                                 BARID_SETTING_NEEDS_ENTRY, BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATIONS(
        "notify", QueueArea, notify, "1d, 3d",
        N_("Waits until the sender hears of a delay, each from the one before."),
        0, BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_DURATION("expire", QueueArea, expire, "5d",
                                N_("When a message that could not be delivered goes back."),
                                BARID_KNOWN_ATTEMPT),
    BARID_SETTING_INTEGER("concurrency", QueueArea, concurrency, "100",
                          N_("Deliveries under way at once; 0 keeps everything in the queue."), 0,
                          100000),
    BARID_SETTING_DURATION("probe", QueueArea, probe_ms, "30s",
                           N_("When a place that could not be reached is probed; after each "
                              "probe that fails twice as long, up to ten times; 0 lets all "
                              "messages try for themselves.")),
    BARID_SETTING_INTEGER("max-messages", QueueArea, max_messages, "0",
                          N_("With so many messages queued clients are told to come back; "
                             "0 means no limit."), 0, 100000000),
    BARID_SETTING_SIZE("max-size", QueueArea, max_bytes, "0",
                       N_("With so many bytes queued clients are told to come back; 0 means "
                          "no limit.")),
    BARID_SETTING_RULE_DURATION("attempt-timeout", QueueArea, attempt_timeout, "1h",
                                N_("How long one delivery may take."), BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_TEXT("dsn-language", QueueArea, dsn_language, "en",
                            N_("Language of what status notifications say to people."),
                            BARID_KNOWN_ATTEMPT, .words = dsn_language_words),
    BARID_SETTING_RULE_TEXT("dsn-from-name", QueueArea, dsn_from_name, "",
                            N_("Name of the sender of status notifications."),
                            BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_TEXT("dsn-from-address", QueueArea, dsn_from_address, "",
                            N_("Address of the sender of status notifications; empty means "
                               "MAILER-DAEMON at the server's name."),
                            BARID_KNOWN_ATTEMPT),
    BARID_SETTING_RULE_SIZE("dsn-return-size", QueueArea, dsn_return, "50K",
                            N_("A larger message goes back as its header only."),
                            BARID_KNOWN_ATTEMPT),
    BARID_SETTING_END,
};

static const BaridSetting spool_area[] = {
    BARID_SETTING_SIZE("segment-size", SpoolArea, segment_bytes, "64M",
                       N_("Size of a log segment.")),
    BARID_SETTING_SIZE("large-size", SpoolArea, large_bytes, "256K",
                       N_("A larger message is a file of its own.")),
    BARID_SETTING_SIZE_IN("reserve", SpoolArea, reserve_bytes, "64M",
                          N_("Free space below which no message is taken, 1M at least."),
                          SPOOL_RESERVE_MIN, G_MAXINT64),
    BARID_SETTING_INTEGER("spare-segments", SpoolArea, spare_segments, "2",
                          N_("Empty segments kept for use again."), 0, 1000),
    BARID_SETTING_INTEGER("compact", SpoolArea, compact_percent, "25",
                          N_("Segments with less live data, in percent, are emptied."), 0, 90),
    BARID_SETTING_END,
};

static const BaridSetting history_area[] = {
    BARID_SETTING_SIZE("max-size", HistoryArea, max_bytes, "256M",
                       N_("How much is remembered of messages and sessions that are gone.")),
    BARID_SETTING_DURATION("max-age", HistoryArea, max_age_ms, "30d", N_("How long.")),
    BARID_SETTING_SIZE_IN("header-size", HistoryArea, header_bytes, "0",
                          N_("How much of a message's header is told of it and remembered, for "
                             "replay; 0 means none."),
                          0, HISTORY_HEADER_MAX),
    BARID_SETTING_END,
};

static void
queue_settings_bind(SettingsContext *context, const gchar *kind, const BaridSetting *table,
                    gpointer target)
{
    settings_bind(context, config_tree_find(context->tree, kind, NULL), kind, table,
                  sizeof(BaridSetting), target);
}

/* The queue's thread decides by these, and must not wait; nor for their shadows. */
static void
queue_settings_check_stores(const QueueArea *area, SettingsContext *context)
{
    const struct {
        const gchar *key;
        const BaridRule *rule;
    } rows[] = {
        {"retry", area->retry},
        {"notify", area->notify},
        {"expire", area->expire},
        {"dsn-language", area->dsn_language},
        {"dsn-from-name", area->dsn_from_name},
        {"dsn-from-address", area->dsn_from_address},
        {"dsn-return-size", area->dsn_return},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rule_reads_store(rows[i].rule) || rule_reads_store(rule_get_shadow(rows[i].rule)))
            config_section_report(config_tree_find(context->tree, "queue", NULL), context->problems,
                                  rows[i].key, _("this rule must not read a store"));
    }
}

QueueSettings *
queue_settings_new(SettingsContext *context)
{
    QueueSettings *self = g_new0(QueueSettings, 1);

    queue_settings_bind(context, "queue", queue_area, &self->queue);
    queue_settings_bind(context, "spool", spool_area, &self->spool);
    queue_settings_bind(context, "history", history_area, &self->history);
    queue_settings_check_stores(&self->queue, context);
    return self;
}

void
queue_settings_free(QueueSettings *self)
{
    if (self == NULL)
        return;
    settings_clear(queue_area, sizeof(BaridSetting), &self->queue);
    settings_clear(spool_area, sizeof(BaridSetting), &self->spool);
    settings_clear(history_area, sizeof(BaridSetting), &self->history);
    g_free(self);
}

void
queue_settings_apply(const QueueSettings *self, QueueOptions *out_options)
{
    spool_options_set_defaults(&out_options->spool);
    out_options->spool.segment_bytes = (gsize)self->spool.segment_bytes;
    out_options->spool.large_bytes = (gsize)self->spool.large_bytes;
    out_options->spool.reserve_bytes = (gsize)self->spool.reserve_bytes;
    out_options->spool.spare_segments = (guint)self->spool.spare_segments;
    out_options->spool.compact_percent = (guint)self->spool.compact_percent;
    out_options->history.max_bytes = (gsize)self->history.max_bytes;
    out_options->history.max_age_ms = self->history.max_age_ms;
    out_options->header_bytes = (gsize)self->history.header_bytes;
    out_options->retry = self->queue.retry;
    out_options->notify = self->queue.notify;
    out_options->expire = self->queue.expire;
    out_options->concurrency = (guint)self->queue.concurrency;
    out_options->probe_ms = self->queue.probe_ms;
    out_options->max_messages = (guint)self->queue.max_messages;
    out_options->max_bytes = (guint64)self->queue.max_bytes;
    out_options->dsn_language = self->queue.dsn_language;
    out_options->dsn_from_name = self->queue.dsn_from_name;
    out_options->dsn_from_address = self->queue.dsn_from_address;
    out_options->dsn_return = self->queue.dsn_return;
}

const BaridRule *
queue_settings_get_attempt_timeout(const QueueSettings *self)
{
    return self->queue.attempt_timeout;
}
