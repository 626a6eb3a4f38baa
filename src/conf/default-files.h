/* SPDX-License-Identifier: Apache-2.0 */
/* The text of conf.d as it was when this was built; made by make-default-files.sh. */
#ifndef DEFAULT_FILES_H
#define DEFAULT_FILES_H

#include <glib.h>

typedef struct {
    const gchar *name; /* "default:NAME.conf"; NULL ends the table */
    const guint8 *data;
    gsize len;
} DefaultFile;

/* In byte order of the names. */
extern const DefaultFile default_files[];

#endif
