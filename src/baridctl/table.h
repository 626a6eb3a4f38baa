/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table: aligned columns for people. Widths count what a terminal shows, not bytes, and
 * control characters never reach the terminal.
 */
#ifndef TABLE_H
#define TABLE_H

#include <glib.h>

typedef struct {
    const gchar *title;
    enum { TABLE_LEFT, TABLE_RIGHT } align;
} TableColumn;

typedef struct {
    const TableColumn *columns; /* ended by a NULL title */
    guint n_columns;
    GPtrArray *cells; /* of gchar *, row by row */
} Table;

void table_init(Table *self, const TableColumn *columns);
void table_clear(Table *self);
/* The next cell; rows end by themselves. NULL is an empty cell. */
void table_add(Table *self, const gchar *text);
void table_add_integer(Table *self, gint64 value);
/* The table as text, titles first; caller owns it. (bold) and (plain) surround the titles
 * and may be "". */
gchar *table_format(const Table *self, const gchar *bold, const gchar *plain);

/* (text) without control characters, which become "?"; caller owns it. */
gchar *table_dup_clean(const gchar *text);
/* Columns that a terminal needs for (text). */
guint table_get_width(const gchar *text);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Table, table_clear)

#endif
