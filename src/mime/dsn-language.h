/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The languages of notifications. Catalogues are part of the program: a report is written for
 * whoever gets it, in several languages at a time, so the process's locale has no say and no
 * file is read. src/mime/dsn-catalogues.awk makes a table of each po/LANGUAGE.po at build time.
 */
#ifndef DSN_LANGUAGE_H
#define DSN_LANGUAGE_H

#include <glib.h>

/* What a language may be called (RFC 5646): "en", "de", ..., as "dsn-language" takes them. Ended
 * by NULL. */
extern const gchar *const dsn_language_words[];

/* The one of dsn_language_words that (word) is, in whatever case; "en" when it is none. */
const gchar *dsn_language_find(const gchar *word);
/* (text) in (language); as it is when that is NULL, English, or has no word for it. The result
 * is static when the text is. */
const gchar *dsn_translate(const gchar *language, const gchar *text);
/* What a status means (RFC 3463 section 3), as one English sentence to be translated; NULL for
 * success, and where the numbers say nothing that helps. */
const gchar *dsn_describe_status(guint class, guint subject, guint detail);

/* --- what the catalogues are made of --- */

typedef struct {
    const gchar *text, *translation;
} DsnText;

typedef struct {
    const gchar *language;
    const DsnText *texts; /* ended by a NULL text */
} DsnCatalogue;

/* Ended by a NULL language. */
extern const DsnCatalogue dsn_catalogues[];

#endif
