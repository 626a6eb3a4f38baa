/* SPDX-License-Identifier: Apache-2.0 */
/* Results as Authentication-Results and ARC-Authentication-Results hold them (RFC 8601 section
 * 2.2): items with semicolons between them, read leniently. Pure; slices are borrowed. */
#ifndef ARC_RESULTS_H
#define ARC_RESULTS_H

#include <barid/slice.h>

/* Takes the next item of (*rest), without blanks around it; semicolons in quotes and comments
 * separate nothing. FALSE at the end. */
gboolean arc_results_next(BaridSlice *rest, BaridSlice *out_item);
/* The result of an item "method=result ..."; empty when it is of another method. */
BaridSlice arc_result_get(BaridSlice item, const gchar *method);
/* The value of a property such as "header.from", without quotes; empty when there is none. */
BaridSlice arc_result_get_property(BaridSlice item, const gchar *name);
/* Whether an item is the authserv-id (id), with a version behind it or not. */
gboolean arc_results_is_id(BaridSlice item, const gchar *id);

#endif
