/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a ConfigValue, shared by the parser that fills it and the functions that
 * read it. A value is made of one segment per line that it stands on, so that each byte
 * of the joined text can be found again in its file.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "conf/config-tree.h"

typedef struct {
    gsize offset; /* of its first byte in the raw text */
    gsize len;
    ConfigPosition position;
    const gchar *source_line;
} ConfigSegment;

typedef struct {
    const gchar *text;
    gsize offset; /* of the entry as written */
    gsize width;
} ConfigItem;

struct ConfigValue {
    Arena *arena; /* the tree's */
    const gchar *section; /* label, or NULL */
    const gchar *key;     /* or NULL */
    ConfigPosition key_position;
    const gchar *key_line;
    BaridSlice raw;
    const ConfigSegment *segments; /* at least one */
    guint n_segments;
    guint n_items;
    const ConfigItem *items; /* once the list was asked for */
    const gchar **list;
    const gchar *text; /* once asked for */
    guint file_index;  /* tells a duplicate from an override */
    gboolean is_used;
    gboolean is_broken; /* a problem was reported already: say no more about it */
};

typedef enum {
    CONFIG_QUOTE_OK,
    CONFIG_QUOTE_OPEN,       /* no closing quote */
    CONFIG_QUOTE_BAD_ESCAPE,
} ConfigQuoteResult;

/* Reads the quoted text that begins at (*offset) of (raw). (*offset) is then past the
 * closing quote, or at the offending byte. (*out_text) is in the arena, NUL-terminated. */
ConfigQuoteResult config_quote_parse(BaridSlice raw, gsize *offset, Arena *arena,
                                     BaridSlice *out_text);
/* For people; never NULL. */
const gchar *config_quote_describe(ConfigQuoteResult result);

#endif
