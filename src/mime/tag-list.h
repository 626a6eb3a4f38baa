/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tag lists, "v=1; a=b": DKIM signatures, their keys, ARC sets, DMARC records (RFC 6376
 * section 3.2). Values are slices of the text with the blanks inside them; nothing is
 * allocated. Pure: no I/O.
 */
#ifndef TAG_LIST_H
#define TAG_LIST_H

#include "base/buffer.h"

/* More tags than any document knows; a longer list is refused. */
#define TAG_LIST_MAX 64

typedef struct {
    BaridSlice name;
    BaridSlice value;  /* without blanks and line ends around it */
    BaridSlice around; /* with them: all between "=" and ";" */
} Tag;

typedef struct {
    Tag tags[TAG_LIST_MAX]; /* in order */
    guint n_tags;
    gsize error_offset; /* of what is wrong, in the text */
} TagList;

typedef enum {
    TAG_LIST_OK,
    TAG_LIST_BAD_NAME,
    TAG_LIST_NO_EQUALS,
    TAG_LIST_BAD_VALUE, /* a control character */
    TAG_LIST_DUPLICATE, /* of a tag: the whole list is invalid */
    TAG_LIST_TOO_MANY,
} TagListResult;

/* Reads (text), which may be folded. An empty list has no tags. UTF-8 may stand in values
 * (RFC 8616 section 3). */
TagListResult tag_list_parse(BaridSlice text, TagList *out);
/* For people; never NULL. */
const gchar *tag_list_result_describe(TagListResult result);
/* The tag, whose name is told by case, or NULL. */
const Tag *tag_list_find(const TagList *self, const gchar *name);
/* Its value; empty when there is none. */
BaridSlice tag_list_get(const TagList *self, const gchar *name);

/* --- values --- */

/* The next item of (*rest), which ends at (separator), without blanks around it; (*rest) goes
 * behind it. FALSE when nothing is left; an empty item is one. Begin with (*rest) of the
 * value. */
typedef struct {
    BaridSlice rest;
    gboolean has_ended;
} TagItems;
TagItems tag_items(BaridSlice value);
gboolean tag_items_next(TagItems *self, guint8 separator, BaridSlice *out_item);

/* Decimal digits only, at most 12 of them as in section 3.5; FALSE otherwise. */
gboolean tag_value_parse_number(BaridSlice value, guint64 *out_number);
/* Appends the bytes of base64 with blanks and line ends inside (section 2.10). FALSE when it
 * is not that, or past the buffer's limit; what was appended before stays. */
gboolean tag_value_decode_base64(BaridSlice value, Buffer *out);

#endif
