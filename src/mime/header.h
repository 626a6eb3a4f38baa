/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields of a message (RFC 5322 section 2.2), found without allocating, on a
 * message that is present as one slice. Pure: no I/O.
 */
#ifndef HEADER_H
#define HEADER_H

#include "base/buffer.h"
#include "base/arena.h"

/* Limits on what a peer may send. */
#define HEADER_FIELDS_MAX 10000
#define HEADER_BYTES_MAX (1024 * 1024)
#define HEADER_NAME_MAX 256

typedef struct {
    BaridSlice name;  /* without colon */
    BaridSlice value; /* after the colon, with folding, without the final CRLF */
    BaridSlice whole; /* the field with its final CRLF */
} HeaderField;

/* Walks over the fields of (message), which begins with its header. */
typedef struct {
    BaridSlice message;
    gsize pos;
    guint n_fields;
    gboolean has_ended;
} HeaderIter;

typedef enum {
    HEADER_FIELD, /* (*out_field) is the next field */
    HEADER_END,   /* the empty line, or the end of input, was reached */
    HEADER_BAD,   /* a line is no field, or a limit is passed; the header ends here */
} HeaderStep;

void header_iter_init(HeaderIter *self, BaridSlice message);
HeaderStep header_iter_next(HeaderIter *self, HeaderField *out_field);
/* Offset of the body (after the empty line), or of the bad line. */
gsize header_iter_get_body_offset(const HeaderIter *self);

/* The (n)-th field called (name), any case, counted from the top. */
gboolean header_find(BaridSlice message, const gchar *name, guint n, HeaderField *out_field);
/* Number of fields called (name). */
guint header_count(BaridSlice message, const gchar *name);
/* Offset of the body: behind the empty line, or of the first line that is no field, or
 * message.len when there is neither. */
gsize header_get_length(BaridSlice message);

/* The value unfolded: CRLF removed before white space, trimmed. Lives in (arena). */
BaridSlice header_dup_unfolded(BaridSlice value, Arena *arena);
/* Whether (name) is a field name: printable ASCII without colon (RFC 5322 3.6.8). */
gboolean header_name_is_valid(BaridSlice name);
/* Whether (value) may stand in a field: UTF-8 (RFC 6532) without CR, LF, NUL. */
gboolean header_value_is_valid(BaridSlice value);
/* Appends "Name: value CRLF", folded at white space near 78 columns. FALSE, with nothing
 * appended, when name or value is not valid, a word is too long for a line of 998 bytes
 * (RFC 5322 section 2.1.1), or past the buffer's limit. */
gboolean header_append(Buffer *out, const gchar *name, BaridSlice value);

#endif
