/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/table.h"

#include "baridctl/ctl.h"

void
table_init(Table *self, const TableColumn *columns)
{
    *self = (Table){.columns = columns, .cells = g_ptr_array_new_with_free_func(g_free)};
    while (columns[self->n_columns].title != NULL)
        self->n_columns++;
}

void
table_clear(Table *self)
{
    g_clear_pointer(&self->cells, g_ptr_array_unref);
}

gchar *
table_dup_clean(const gchar *text)
{
    g_autoptr(GString) clean = g_string_new(NULL);

    for (; *text != '\0'; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char_validated(text, -1);

        if (c == (gunichar)-1 || c == (gunichar)-2)
            break;
        if (g_unichar_iscntrl(c) || g_unichar_type(c) == G_UNICODE_FORMAT)
            c = '?';
        g_string_append_unichar(clean, c);
    }
    return g_string_free(g_steal_pointer(&clean), FALSE);
}

guint
table_get_width(const gchar *text)
{
    guint width = 0;

    for (; *text != '\0'; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);

        width += g_unichar_iszerowidth(c) ? 0u : g_unichar_iswide(c) ? 2u : 1u;
    }
    return width;
}

void
table_add(Table *self, const gchar *text)
{
    g_ptr_array_add(self->cells, table_dup_clean(text == NULL ? "" : text));
}

void
table_add_integer(Table *self, gint64 value)
{
    g_ptr_array_add(self->cells, g_strdup_printf("%" G_GINT64_FORMAT, value));
}

static guint
table_get_column_width(const Table *self, guint column)
{
    guint width = table_get_width(_(self->columns[column].title));

    for (guint i = column; i < self->cells->len; i += self->n_columns)
        width = MAX(width, table_get_width(g_ptr_array_index(self->cells, i)));
    return width;
}

static void
table_append(const Table *self, GString *out, guint column, const gchar *text, guint width)
{
    gint pad = (gint)(width - table_get_width(text));
    gboolean is_last = column + 1 == self->n_columns;

    if (self->columns[column].align == TABLE_RIGHT)
        g_string_append_printf(out, "%*s%s", pad, "", text);
    else
        g_string_append_printf(out, "%s%*s", text, is_last ? 0 : pad, "");
    g_string_append(out, is_last ? "\n" : "  ");
}

gchar *
table_format(const Table *self, const gchar *bold, const gchar *plain)
{
    g_autoptr(GString) out = g_string_new(bold);
    g_autofree guint *widths = g_new(guint, self->n_columns);

    for (guint i = 0; i < self->n_columns; i++)
        widths[i] = table_get_column_width(self, i);
    for (guint i = 0; i < self->n_columns; i++)
        table_append(self, out, i, _(self->columns[i].title), widths[i]);
    g_string_insert(out, (gssize)out->len - 1, plain);
    for (guint i = 0; i < self->cells->len; i++)
        table_append(self, out, i % self->n_columns, g_ptr_array_index(self->cells, i),
                     widths[i % self->n_columns]);
    return g_string_free(g_steal_pointer(&out), FALSE);
}
