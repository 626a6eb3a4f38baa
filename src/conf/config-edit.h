/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Editing the text of a configuration as a careful administrator does: one setting is changed,
 * and comments, order and empty lines stay. Pure.
 */
#ifndef CONFIG_EDIT_H
#define CONFIG_EDIT_H

#include <glib.h>

/* (text) with (key) = (value) in the section of (label), such as "module spf": where it stands
 * last, else below the section's head, else in a section of its own at the end. (value) is written
 * as it is. Caller owns the result. */
gchar *config_edit_set(const gchar *text, const gchar *label, const gchar *key,
                       const gchar *value);

#endif
