/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tag lists, "v=1; a=b": DKIM signatures, their keys, ARC sets, DMARC records (RFC 6376
 * section 3.2). Values are slices of the text with the blanks inside them; nothing is
 * allocated. Pure: no I/O.
 */
#ifndef BARID_TAG_LIST_H
#define BARID_TAG_LIST_H

#include <barid/slice.h>

/* More tags than any document knows; a longer list is refused. */
#define BARID_TAG_LIST_MAX 64

typedef struct {
    BaridSlice name;
    BaridSlice value;  /* without blanks and line ends around it */
    BaridSlice around; /* with them: all between "=" and ";" */
} BaridTag;

typedef struct {
    BaridTag tags[BARID_TAG_LIST_MAX]; /* in order */
    guint n_tags;
    gsize error_offset; /* of what is wrong, in the text */
} BaridTagList;

typedef enum {
    BARID_TAG_LIST_OK,
    BARID_TAG_LIST_BAD_NAME,
    BARID_TAG_LIST_NO_EQUALS,
    BARID_TAG_LIST_BAD_VALUE, /* a control character */
    BARID_TAG_LIST_DUPLICATE, /* of a tag: the whole list is invalid */
    BARID_TAG_LIST_TOO_MANY,
} BaridTagListResult;

/* Reads (text), which may be folded. An empty list has no tags. UTF-8 may stand in values
 * (RFC 8616 section 3). */
BaridTagListResult barid_tag_list_parse(BaridSlice text, BaridTagList *out);
/* For people; never NULL. */
const gchar *barid_tag_list_result_describe(BaridTagListResult result);
/* The tag, whose name is told by case, or NULL. */
const BaridTag *barid_tag_list_find(const BaridTagList *self, const gchar *name);
/* Its value; empty when there is none. */
BaridSlice barid_tag_list_get(const BaridTagList *self, const gchar *name);

/* --- values --- */

/* The items of a value. barid_tag_items_next() gives the next one, which ends at (separator),
 * without blanks around it; an empty item is one. FALSE when nothing is left. */
typedef struct {
    BaridSlice rest;
    gboolean has_ended;
} BaridTagItems;
BaridTagItems barid_tag_items(BaridSlice value);
gboolean barid_tag_items_next(BaridTagItems *self, guint8 separator, BaridSlice *out_item);

/* Decimal digits only, at most 12 of them as in section 3.5; FALSE otherwise. */
gboolean barid_tag_value_parse_number(BaridSlice value, guint64 *out_number);
/* The bytes of base64 with blanks and line ends inside (section 2.10), at most (size). FALSE
 * when it is not that, or longer. */
gboolean barid_tag_value_decode_base64(BaridSlice value, guint8 *out, gsize size,
                                       gsize *out_len);

#endif
