/* SPDX-License-Identifier: Apache-2.0 */
/* Headers: fields leave no gap and have valid names; a value that may stand in a field is
 * read back as it was written; a report about any message is well-formed. */
#include "mime/dsn.h"
#include "mime/header.h"

#include "base/text.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_fields(BaridSlice message)
{
    HeaderIter iter;
    HeaderField field;
    gsize pos = 0;

    header_iter_init(&iter, message);
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        g_assert(field.whole.data == message.data + pos && field.whole.len > 0);
        g_assert(header_name_is_valid(field.name));
        g_assert(field.value.len < field.whole.len);
        pos += field.whole.len;
    }
    g_assert(pos <= header_iter_get_body_offset(&iter));
    g_assert(header_iter_get_body_offset(&iter) <= message.len);
}

static void
check_written(BaridSlice value)
{
    g_autoptr(Arena) arena = arena_new(256);
    g_auto(Buffer) out = {0};
    HeaderField field;

    buffer_init(&out, 1 << 20);
    if (!header_append(&out, "Name", value)) {
        g_assert(out.len == 0);
        return;
    }
    g_assert(header_find(buffer_get_slice(&out), "name", 0, &field));
    g_assert(field.whole.len == out.len);
    g_assert(barid_slice_equal(header_dup_unfolded(field.value, arena), text_trim(value)));
}

static void
check_report(BaridSlice message)
{
    g_auto(Buffer) out = {0};
    DsnRecipient recipient = {
        .original_type = BARID_SLICE_LITERAL("utf-8"), .original_address = message,
        .final_address = message, .status_class = 5, .diagnostic_type = "smtp",
        .diagnostic_text = message, .remote_mta = message, .explanation = message,
    };
    Dsn dsn = {
        .reporting_mta = "mx.example", .from_address = "a@mx.example", .to = message,
        .message_id = "i@mx.example", .boundary = "b", .envelope_id = message,
        .recipients = &recipient, .n_recipients = 1, .content = message,
        .returned = message.len % 2 == 0 ? DSN_RETURN_FULL : DSN_RETURN_HEADERS,
        .smtputf8 = message.len % 3 == 0,
        .language = message.len % 5 < 2 ? "de" : NULL,
    };

    buffer_init(&out, 1 << 22);
    /* A path longer than any that the grammar lets in has no place in a field. */
    if (message.len > 256)
        dsn.to = BARID_SLICE_LITERAL("a@b");
    g_assert(dsn_build(&dsn, &out));
    for (gsize i = 0; i < out.len; i++) {
        g_assert(out.data[i] != '\r' || out.data[i + 1] == '\n');
        g_assert(out.data[i] != '\n' || out.data[i - 1] == '\r');
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    BaridSlice message = barid_slice(data, size);

    check_fields(message);
    check_written(message);
    check_report(message);
    return 0;
}
