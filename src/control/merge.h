/* SPDX-License-Identifier: Apache-2.0 */
/* Merging the answers of several workers: while an older one drains, part of what a
 * question is about is still there. Pure. */
#ifndef CONTROL_MERGE_H
#define CONTROL_MERGE_H

#include <glib.h>

typedef enum {
    MERGE_NOTHING, /* the serving worker's answer is all */
    MERGE_MEMBERS, /* arrays are joined, "count" is added up, an answer beats an error */
    MERGE_BESIDE,  /* the others stand in "draining" */
    MERGE_SHADOWS, /* the same shadow's counts are added up, cases are told once */
} MergeKind;

/* One answer of (own) and (others), texts of JSON objects; the caller owns it. What is no
 * object among the others is left out. */
gchar *merge_answers(MergeKind kind, const gchar *own, const GPtrArray *others);

#endif
