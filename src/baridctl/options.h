/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: words and options in any order. "--name value" and "--name=value" are
 * the same; "--" ends the options; "-" is a word.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <barid/error.h>

#define OPTIONS_ERROR (options_error_quark())
GQuark options_error_quark(void);

typedef struct {
    const gchar *name;
    const gchar *value; /* what it takes, for people; NULL takes nothing */
    const gchar *summary;
    gboolean is_local;  /* baridctl's own, never sent to the server */
} OptionKind;

typedef struct Options Options;
/* Where options that are not in the table may be known: of commands that modules add. The
 * kind lives as long as the options; NULL when there is none of that name. */
typedef const OptionKind *(*OptionsFindMore)(const Options *self, const gchar *name,
                                             gpointer data);

struct Options {
    GPtrArray *words;   /* of gchar *, NULL at the end */
    GHashTable *values; /* name -> text; "" for options without value */
    OptionsFindMore find_more; /* or NULL */
    gpointer find_more_data;
    GPtrArray *more;    /* of const OptionKind *: those that were found there */
};

/* All options; ended by a NULL name. */
const OptionKind *options_get_kinds(void);
const OptionKind *options_find_kind(const gchar *name);
/* Reads (argv) behind the program's name. */
gboolean options_parse(Options *self, const gchar *const *argv, GError **error);
void options_clear(Options *self);

/* The kinds that were given, those of modules' commands included; (index) from 0; NULL at
 * the end. */
const OptionKind *options_get_given(const Options *self, guint index);
/* The value, "" for an option without one, or NULL. */
const gchar *options_get(const Options *self, const gchar *name);
gboolean options_has(const Options *self, const gchar *name);
guint options_get_n_words(const Options *self);
const gchar *const *options_get_words(const Options *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

#endif
