/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings tables: each setting is declared once, here, and everything else (parsing,
 * checking, "config show", the default file, the manual's completeness test) follows.
 *
 * A table binds keys of one section to members of a struct. Defaults are written as
 * in a configuration file. A NULL default makes the key mandatory; "" means unset
 * (NULL, empty list or zero).
 */
#ifndef BARID_SETTING_H
#define BARID_SETTING_H

#include <stddef.h>

#include <barid/rule.h>

typedef enum {
    BARID_TYPE_END = 0,
    BARID_TYPE_BOOL,      /* gboolean: yes no */
    BARID_TYPE_INTEGER,   /* gint64 */
    BARID_TYPE_SIZE,      /* gint64 bytes: 10M */
    BARID_TYPE_DURATION,  /* gint64 milliseconds: 5min */
    BARID_TYPE_RATE,      /* BaridRate: 25/1h, or none */
    BARID_TYPE_TEXT,      /* gchar * */
    BARID_TYPE_ENUM,      /* gint: index in (words) */
    BARID_TYPE_LIST,      /* gchar **: NULL-terminated */
    BARID_TYPE_DURATIONS, /* GArray * of gint64 milliseconds */
    BARID_TYPE_PATH,      /* gchar *: absolute, or relative to the state folder */
    BARID_TYPE_SECRET,    /* gchar *: never shown */
    BARID_TYPE_STORE,     /* BaridStore *: the name of a [store NAME] */
    BARID_TYPE_NETWORKS,  /* gchar **: addresses and CIDR networks, checked */
    BARID_TYPE_CONDITION, /* BaridRule *: a bare condition, e.g. when = remote-ip in ... */
    /* BaridRule *: the same types with if/then/else. */
    BARID_TYPE_RULE_BOOL = 64,
    BARID_TYPE_RULE_INTEGER,
    BARID_TYPE_RULE_SIZE,
    BARID_TYPE_RULE_DURATION,
    BARID_TYPE_RULE_TEXT,
    BARID_TYPE_RULE_DURATIONS, /* lists: "none" is the empty one */
    BARID_TYPE_RULE_LIST,
} BaridSettingType;

/* N events in a period; count 0 means no limit. */
typedef struct {
    gint64 count;
    gint64 period_ms;
} BaridRate;

typedef enum {
    BARID_SETTING_PATH_READ = 1 << 0,  /* path is read by the worker */
    BARID_SETTING_PATH_WRITE = 1 << 1, /* path is written by the worker */
    BARID_SETTING_CONNECTS = 1 << 2,   /* NAME:PORT, ...: the worker connects there */
    BARID_SETTING_NEEDS_ENTRY = 1 << 3, /* a list of a rule must not be empty */
} BaridSettingFlags;

typedef struct {
    BaridSettingType type;
    guint flags;              /* BaridSettingFlags */
    const gchar *name;        /* key in the file, lower case with hyphens */
    gsize offset;             /* of the member in the settings struct */
    const gchar *fallback;    /* default as text; NULL = mandatory */
    const gchar *summary;     /* one line for manual and "config show" */
    gint64 minimum, maximum;  /* for numbers, in each branch of a rule; both 0: >= 0 */
    const gchar *const *words;/* for ENUM; what a RULE_LIST or RULE_TEXT may be; NULL-ended */
    BaridKnown known;         /* for rules: variables up to this stage may be used */
    const gchar *on_failure;  /* for rules: the value when a look-up fails and the rule does not
                                 say; NULL counts the failing branch as false */
} BaridSetting;

#define BARID_SETTING_(kind, key, type_, member_, default_, summary_, ...)                    \
    {.type = kind, .name = key, .offset = offsetof(type_, member_), .fallback = default_,     \
     .summary = summary_, __VA_ARGS__}

#define BARID_SETTING_BOOL(key, T, m, d, s) BARID_SETTING_(BARID_TYPE_BOOL, key, T, m, d, s, 0)
#define BARID_SETTING_INTEGER(key, T, m, d, s, min, max) \
    BARID_SETTING_(BARID_TYPE_INTEGER, key, T, m, d, s, .minimum = (min), .maximum = (max))
#define BARID_SETTING_SIZE(key, T, m, d, s) BARID_SETTING_(BARID_TYPE_SIZE, key, T, m, d, s, 0)
#define BARID_SETTING_DURATION(key, T, m, d, s) \
    BARID_SETTING_(BARID_TYPE_DURATION, key, T, m, d, s, 0)
#define BARID_SETTING_RATE(key, T, m, d, s) BARID_SETTING_(BARID_TYPE_RATE, key, T, m, d, s, 0)
#define BARID_SETTING_TEXT(key, T, m, d, s) BARID_SETTING_(BARID_TYPE_TEXT, key, T, m, d, s, 0)
#define BARID_SETTING_ENUM(key, T, m, d, s, w) \
    BARID_SETTING_(BARID_TYPE_ENUM, key, T, m, d, s, .words = (w))
#define BARID_SETTING_LIST(key, T, m, d, s) BARID_SETTING_(BARID_TYPE_LIST, key, T, m, d, s, 0)
/* A list of NAME:PORT that the worker connects to. */
#define BARID_SETTING_TARGETS(key, T, m, d, s) \
    BARID_SETTING_(BARID_TYPE_LIST, key, T, m, d, s, .flags = BARID_SETTING_CONNECTS)
#define BARID_SETTING_DURATIONS(key, T, m, d, s) \
    BARID_SETTING_(BARID_TYPE_DURATIONS, key, T, m, d, s, 0)
#define BARID_SETTING_PATH(key, T, m, d, s, f) \
    BARID_SETTING_(BARID_TYPE_PATH, key, T, m, d, s, .flags = (f))
#define BARID_SETTING_SECRET(key, T, m, d, s) \
    BARID_SETTING_(BARID_TYPE_SECRET, key, T, m, d, s, 0)
#define BARID_SETTING_STORE(key, T, m, d, s) BARID_SETTING_(BARID_TYPE_STORE, key, T, m, d, s, 0)
#define BARID_SETTING_NETWORKS(key, T, m, d, s) \
    BARID_SETTING_(BARID_TYPE_NETWORKS, key, T, m, d, s, 0)
/* Behind the stage further members may follow: BARID_KNOWN_RCPT, .on_failure = "no". */
#define BARID_SETTING_CONDITION(key, T, m, d, s, ...) \
    BARID_SETTING_(BARID_TYPE_CONDITION, key, T, m, d, s, .known = __VA_ARGS__)
#define BARID_SETTING_RULE_BOOL(key, T, m, d, s, ...) \
    BARID_SETTING_(BARID_TYPE_RULE_BOOL, key, T, m, d, s, .known = __VA_ARGS__)
#define BARID_SETTING_RULE_INTEGER(key, T, m, d, s, ...) \
    BARID_SETTING_(BARID_TYPE_RULE_INTEGER, key, T, m, d, s, .known = __VA_ARGS__)
#define BARID_SETTING_RULE_SIZE(key, T, m, d, s, ...) \
    BARID_SETTING_(BARID_TYPE_RULE_SIZE, key, T, m, d, s, .known = __VA_ARGS__)
#define BARID_SETTING_RULE_DURATION(key, T, m, d, s, ...) \
    BARID_SETTING_(BARID_TYPE_RULE_DURATION, key, T, m, d, s, .known = __VA_ARGS__)
#define BARID_SETTING_RULE_TEXT(key, T, m, d, s, ...) \
    BARID_SETTING_(BARID_TYPE_RULE_TEXT, key, T, m, d, s, .known = __VA_ARGS__)
#define BARID_SETTING_RULE_DURATIONS(key, T, m, d, s, f, ...) \
    BARID_SETTING_(BARID_TYPE_RULE_DURATIONS, key, T, m, d, s, .flags = (f), .known = __VA_ARGS__)
#define BARID_SETTING_RULE_LIST(key, T, m, d, s, w, ...) \
    BARID_SETTING_(BARID_TYPE_RULE_LIST, key, T, m, d, s, .words = (w), .known = __VA_ARGS__)
/* The same with a least and a greatest value: bytes, milliseconds, or the number itself. */
#define BARID_SETTING_SIZE_IN(key, T, m, d, s, min, max) \
    BARID_SETTING_(BARID_TYPE_SIZE, key, T, m, d, s, .minimum = (min), .maximum = (max))
#define BARID_SETTING_DURATION_IN(key, T, m, d, s, min, max) \
    BARID_SETTING_(BARID_TYPE_DURATION, key, T, m, d, s, .minimum = (min), .maximum = (max))
#define BARID_SETTING_RULE_INTEGER_IN(key, T, m, d, s, k, min, max)                     \
    BARID_SETTING_(BARID_TYPE_RULE_INTEGER, key, T, m, d, s, .known = (k), .minimum = (min), \
                   .maximum = (max))
#define BARID_SETTING_RULE_SIZE_IN(key, T, m, d, s, k, min, max)                     \
    BARID_SETTING_(BARID_TYPE_RULE_SIZE, key, T, m, d, s, .known = (k), .minimum = (min), \
                   .maximum = (max))
#define BARID_SETTING_RULE_DURATION_IN(key, T, m, d, s, k, min, max)                     \
    BARID_SETTING_(BARID_TYPE_RULE_DURATION, key, T, m, d, s, .known = (k), .minimum = (min), \
                   .maximum = (max))
#define BARID_SETTING_END {.type = BARID_TYPE_END}

#endif
