/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What "module new" writes: the files below module-new/, compiled in. In their names NAME, and
 * in their text @name@, @Name@ and @NAME@ stand for the module's name, @date@ for the day and
 * @confdir@ for the folder of the configuration. A name's last ".in" is left off.
 */
#ifndef MODULE_TEMPLATE_H
#define MODULE_TEMPLATE_H

#include <glib.h>

typedef struct {
    const gchar *template; /* the folder: "any" is for all; NULL ends the table */
    const gchar *name;
    const gchar *text;
} ModuleTemplateFile;

extern const ModuleTemplateFile module_template_files[];

#endif
