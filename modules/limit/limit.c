/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits on what clients may do at a time and in a time: each [limit NAME] counts the
 * connections, messages or recipients that its keys tell apart.
 *
 * All limits of a stage must let an event pass; they are asked in the order of the
 * configuration, and those asked before a refusal have counted it.
 */
#include "limit.h"

#include <libintl.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

enum { LIMITS_SHOWN_MAX = 1000 };

typedef struct {
    gint64 max_buckets;
} LimitSettings;

static const BaridSetting settings[] = {
    BARID_SETTING_INTEGER("max-buckets", LimitSettings, max_buckets, "100000",
                          N_("How many different keys are counted at a time."), 16, 10000000),
    BARID_SETTING_END,
};

typedef struct {
    gboolean enabled;
    gchar **key;
    BaridRule *match;
    gint64 concurrency;
    BaridRate rate;
    gint64 ipv6_prefix;
} SectionSettings;

static const BaridSetting section_settings[] = {
    BARID_SETTING_BOOL("enabled", SectionSettings, enabled, "yes",
                       N_("Whether the limit applies.")),
    BARID_SETTING_LIST("key", SectionSettings, key, "",
                       N_("What is counted apart; empty counts everything together.")),
    BARID_SETTING_CONDITION("match", SectionSettings, match, "",
                            N_("What is counted at all; empty means everything."),
                            BARID_KNOWN_RCPT, .on_failure = "yes"),
    BARID_SETTING_INTEGER("concurrency", SectionSettings, concurrency, "",
                          N_("How many sessions at a time."), 0, 0),
    BARID_SETTING_RATE("rate", SectionSettings, rate, "none",
                       N_("How many in a time, such as 25/1h.")),
    BARID_SETTING_INTEGER("ipv6-prefix", SectionSettings, ipv6_prefix, "64",
                          N_("Bits of an IPv6 client's address that count."), 0, 128),
    BARID_SETTING_END,
};

static const BaridSection sections[] = {
    {"limit", N_("A limit on connections, messages or recipients."), section_settings,
     sizeof(SectionSettings)},
    {NULL, NULL, NULL, 0},
};

typedef struct {
    const gchar *name;
    const BaridRule *match;
    LimitAmounts amounts;
    guint ipv6_prefix;
    gboolean has_key[LIMIT_N_KEYS];
    gchar *prefix; /* of its buckets' names: the limits themselves */
} Limit;

typedef struct {
    GPtrArray *limits[LIMIT_N_STAGES]; /* of Limit *, in the order of the configuration */
    LimitBuckets *buckets;
} Limits;

/* --- what a session and a transaction have used --- */

/* The session's slot: the places it holds until its end, by the buckets' names. */
static void
places_free(gpointer data)
{
    GHashTable *places = data;
    GHashTableIter at;
    gpointer bucket;

    g_hash_table_iter_init(&at, places);
    while (g_hash_table_iter_next(&at, NULL, &bucket))
        limit_bucket_leave(bucket);
    g_hash_table_unref(places);
}

static GHashTable *
places_of(BaridSession *session)
{
    GHashTable *places = barid_slot_get(session);

    if (places == NULL) {
        places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        barid_slot_set(session, places, places_free);
    }
    return places;
}

static void
counted_free(gpointer data)
{
    g_hash_table_unref(data);
}

/* The transaction's slot: which limits have counted which of its domains. */
static GHashTable *
counted_of(BaridTransaction *txn)
{
    GHashTable *counted = barid_slot_get(txn);

    if (counted == NULL) {
        counted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        barid_slot_set(txn, counted, counted_free);
    }
    return counted;
}

/* --- checking --- */

/* Limits with equal keys and amounts share a bucket. */
static gchar *
limit_make_bucket_name(const Limit *self, const LimitSubject *subject)
{
    GString *name = g_string_new(self->prefix);

    for (guint key = 0; key < LIMIT_N_KEYS; key++) {
        if (!self->has_key[key])
            continue;
        g_string_append_printf(name, "\n%s=", limit_key_get_name((LimitKey)key));
        limit_key_append((LimitKey)key, subject, self->ipv6_prefix, name);
    }
    return g_string_free(name, FALSE);
}

/* A session takes one place, however many messages it sends. */
static gboolean
limit_enter(Limits *limits, const Limit *limit, const gchar *bucket_name, BaridSession *session)
{
    GHashTable *places = places_of(session);
    LimitBucket *bucket;

    if (g_hash_table_contains(places, bucket_name))
        return TRUE;
    bucket = limit_buckets_enter(limits->buckets, bucket_name, &limit->amounts,
                                 barid_monotonic_ms());
    if (bucket != NULL)
        g_hash_table_insert(places, g_strdup(bucket_name), bucket);
    return bucket != NULL;
}

static LimitResult
limit_count(Limits *limits, const Limit *limit, const gchar *bucket, BaridSession *session)
{
    if (limit->amounts.concurrency > 0 && !limit_enter(limits, limit, bucket, session))
        return LIMIT_TOO_MANY;
    if (limit->amounts.rate.count == 0)
        return LIMIT_PASSES;
    return limit_buckets_take(limits->buckets, bucket, &limit->amounts, barid_monotonic_ms());
}

/* A message to many of one domain is one event for that domain; a refused one is none. */
static LimitResult
limit_count_domain(Limits *limits, const Limit *limit, const gchar *bucket,
                   const LimitSubject *subject)
{
    GHashTable *counted = counted_of(subject->txn);
    g_autofree gchar *mark = g_strdup_printf("%s\n%s", limit->name, bucket);
    LimitResult result;

    if (g_hash_table_contains(counted, mark))
        return LIMIT_PASSES;
    result = limit_count(limits, limit, bucket, subject->session);
    if (result == LIMIT_PASSES)
        g_hash_table_add(counted, g_steal_pointer(&mark));
    return result;
}

static LimitResult
limit_check(Limits *limits, const Limit *limit, const gchar *bucket, const LimitSubject *subject)
{
    if (limit->has_key[LIMIT_KEY_RCPT_DOMAIN] && !limit->has_key[LIMIT_KEY_RCPT])
        return limit_count_domain(limits, limit, bucket, subject);
    return limit_count(limits, limit, bucket, subject->session);
}

static gboolean
limit_applies(const Limit *limit, const LimitSubject *subject)
{
    if (limit->match == NULL)
        return TRUE;
    return subject->txn == NULL ? barid_rule_get_bool(limit->match, subject->session)
                                : barid_rule_get_bool(limit->match, subject->txn);
}

/* One line for people: the keys' values without line ends. */
static gchar *
limit_describe_bucket(const Limit *limit, const gchar *bucket)
{
    const gchar *keys = bucket + strlen(limit->prefix);

    return g_strdelimit(g_strdup(*keys == '\0' ? "all" : keys + 1), "\n", ' ');
}

/* As it stands in the configuration. */
static gchar *
limit_describe_rate(const BaridRate *rate)
{
    static const struct {
        const gchar *unit;
        gint64 ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
    guint i = 0;

    while (rate->period_ms % units[i].ms != 0)
        i++;
    return g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "%s", rate->count,
                           rate->period_ms / units[i].ms, units[i].unit);
}

static void
limit_report(const Limit *limit, LimitResult result, const gchar *bucket,
             const LimitSubject *subject)
{
    g_autofree gchar *what = limit_describe_bucket(limit, bucket);
    g_autofree gchar *amount =
        result == LIMIT_TOO_MANY
            ? g_strdup_printf("%" G_GINT64_FORMAT, limit->amounts.concurrency)
            : limit_describe_rate(&limit->amounts.rate);

    barid_log(BARID_LOG_INFO,
              result == LIMIT_TOO_MANY ? "limit.concurrency-exceeded" : "limit.rate-exceeded",
              "session", barid_session_get_id(subject->session), "name", limit->name, "key", what,
              "limit", amount, NULL);
    if (subject->txn == NULL) {
        barid_explain(subject->session, "limit", "%s", limit->name);
        barid_explain(subject->session, "key", "%s", what);
        barid_explain(subject->session, "amount", "%s", amount);
    } else {
        barid_explain(subject->txn, "limit", "%s", limit->name);
        barid_explain(subject->txn, "key", "%s", what);
        barid_explain(subject->txn, "amount", "%s", amount);
    }
}

static LimitResult
limits_check(Limits *self, LimitStage stage, const LimitSubject *subject)
{
    GPtrArray *limits = self->limits[stage];

    for (guint i = 0; i < limits->len; i++) {
        const Limit *limit = g_ptr_array_index(limits, i);
        g_autofree gchar *bucket = NULL;
        LimitResult result;

        if (!limit_applies(limit, subject))
            continue;
        bucket = limit_make_bucket_name(limit, subject);
        result = limit_check(self, limit, bucket, subject);
        if (result != LIMIT_PASSES) {
            limit_report(limit, result, bucket, subject);
            return result;
        }
    }
    return LIMIT_PASSES;
}

static BaridVerdict
limit_connect(BaridSession *session, gpointer state)
{
    LimitSubject subject = {session, NULL, NULL};

    switch (limits_check(state, LIMIT_CONNECT, &subject)) {
    case LIMIT_TOO_MANY:
        return barid_drop(session, "4.7.0", "concurrency-limit",
                          "Too many connections, please try again later");
    case LIMIT_TOO_FAST:
        return barid_drop(session, "4.7.0", "rate-limit",
                          "Too many connections in this time, please try again later");
    default:
        return BARID_CONTINUE;
    }
}

static BaridVerdict
limit_refuse(BaridTransaction *txn, LimitResult result)
{
    switch (result) {
    case LIMIT_TOO_MANY:
        return barid_defer(txn, 451, "4.4.5", "concurrency-limit",
                           "Too many sessions at a time, please try again later");
    case LIMIT_TOO_FAST:
        return barid_defer(txn, 451, "4.4.5", "rate-limit",
                           "Rate limit exceeded, please try again later");
    default:
        return BARID_CONTINUE;
    }
}

static BaridVerdict
limit_mail(BaridTransaction *txn, gpointer state)
{
    LimitSubject subject = {barid_transaction_get_session(txn), txn, NULL};

    return limit_refuse(txn, limits_check(state, LIMIT_MAIL, &subject));
}

static BaridVerdict
limit_rcpt(BaridTransaction *txn, const BaridRecipient *rcpt, gpointer state)
{
    LimitSubject subject = {barid_transaction_get_session(txn), txn, rcpt};

    return limit_refuse(txn, limits_check(state, LIMIT_RCPT, &subject));
}

static gchar *
limit_show(BaridCommandCall *call, gpointer state, GError **error)
{
    Limits *self = state;
    gint64 most = barid_command_get_integer(call, "limit", LIMITS_SHOWN_MAX);

    if (most < 1 || most > LIMITS_SHOWN_MAX) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "--limit is from 1 to %d",
                    LIMITS_SHOWN_MAX);
        return NULL;
    }
    return limit_buckets_to_json(self->buckets, barid_monotonic_ms(), (guint)most);
}

/* --- starting --- */

static void
limit_free(gpointer data)
{
    Limit *self = data;

    g_free(self->prefix);
    g_free(self);
}

static gboolean
limit_set_keys(Limit *self, gchar *const *keys, LimitStage *stage, GError **error)
{
    for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
        LimitKey key = limit_key_parse(keys[i]);

        if (key == LIMIT_N_KEYS) {
            g_set_error(
                error, BARID_ERROR, BARID_ERROR_INVALID,
                _("[limit %s] key: \"%s\" is none of remote-ip, local-ip, listener, "
                  "helo-domain, sender, sender-domain, rcpt, rcpt-domain, authenticated-as"),
                self->name, keys[i]);
            return FALSE;
        }
        self->has_key[key] = TRUE;
        *stage = MAX(*stage, limit_key_get_stage(key));
    }
    return TRUE;
}

static gboolean
limit_check_amounts(const Limit *self, GError **error)
{
    const BaridRate *rate = &self->amounts.rate;

    if (self->amounts.concurrency == 0 && rate->count == 0) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                    _("[limit %s] needs \"concurrency\", \"rate\" or both"), self->name);
        return FALSE;
    }
    if (rate->count > 0 &&
        (rate->period_ms <= 0 || rate->count > G_MAXINT64 / 4 / rate->period_ms)) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_TOO_LARGE, _("[limit %s] rate: too large"),
                    self->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
limits_add(Limits *self, const gchar *name, const SectionSettings *section, GError **error)
{
    LimitStage stage = limit_match_get_stage(section->match);
    Limit *limit;

    if (!section->enabled)
        return TRUE;
    limit = g_new0(Limit, 1);
    limit->name = name == NULL ? "" : name;
    limit->match = section->match;
    limit->amounts = (LimitAmounts){section->concurrency, section->rate};
    limit->ipv6_prefix = (guint)section->ipv6_prefix;
    limit->prefix = g_strdup_printf("%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT
                                    "/%" G_GINT64_FORMAT,
                                    section->concurrency, section->rate.count,
                                    section->rate.period_ms);
    if (!limit_set_keys(limit, section->key, &stage, error) || !limit_check_amounts(limit, error)) {
        limit_free(limit);
        return FALSE;
    }
    g_ptr_array_add(self->limits[stage], limit);
    return TRUE;
}

static void
limit_stop(gpointer state)
{
    Limits *self = state;

    for (guint i = 0; i < LIMIT_N_STAGES; i++)
        g_ptr_array_unref(self->limits[i]);
    limit_buckets_free(self->buckets);
    g_free(self);
}

static gboolean
limit_start(BaridStart *start, const void *config, gpointer *out_state, GError **error)
{
    const LimitSettings *read = config;
    Limits *self = g_new0(Limits, 1);
    guint n_sections = barid_start_get_n_sections(start, "limit");

    self->buckets = limit_buckets_new((guint)read->max_buckets);
    for (guint i = 0; i < LIMIT_N_STAGES; i++)
        self->limits[i] = g_ptr_array_new_with_free_func(limit_free);
    for (guint i = 0; i < n_sections; i++) {
        const gchar *name;
        const SectionSettings *section = barid_start_get_section(start, "limit", i, &name);

        if (!limits_add(self, name, section, error)) {
            limit_stop(self);
            return FALSE;
        }
    }
    *out_state = self;
    return TRUE;
}

static const BaridHook hooks[] = {
    BARID_HOOK_CONNECT(limit_connect, BARID_PHASE_EARLY),
    BARID_HOOK_MAIL(limit_mail, BARID_PHASE_EARLY),
    BARID_HOOK_RCPT(limit_rcpt, BARID_PHASE_EARLY),
    BARID_HOOK_END,
};

static const BaridCommandOption limits_options[] = {
    {"limit", BARID_TYPE_INTEGER, N_("show at most so many")},
    {NULL, BARID_TYPE_END, NULL},
};

static const BaridCommand commands[] = {
    {
        .name = "limits",
        .usage = "limits [--limit N]",
        .summary = N_("Shows what was used of each limit."),
        .run = limit_show,
        .options = limits_options,
    },
    {.name = NULL},
};

BARID_MODULE_DEFINE(limit) = {
    BARID_MODULE_HEADER,
    .name = "limit",
    .version = PACKAGE_VERSION,
    .summary = N_("Limits connections, messages and recipients"),
    .needs = BARID_READS_ENVELOPE | BARID_MAY_DEFER | BARID_MAY_REJECT,
    .settings = settings,
    .settings_size = sizeof(LimitSettings),
    .hooks = hooks,
    .sections = sections,
    .commands = commands,
    .start = limit_start,
    .stop = limit_stop,
};
