/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a request line of the control socket, and as a second reading a line of the
 * log that a trace takes apart. Whatever comes, the answer is one JSON object on one line.
 */
#include "control/control.h"
#include "control/live-trace.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_answer(const gchar *answer)
{
    g_autoptr(JsonParser) parser = json_parser_new();

    g_assert(strchr(answer, '\n') == NULL);
    g_assert(json_parser_load_from_data(parser, answer, -1, NULL));
    g_assert(JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)));
}

/* No queue and no generation: the verbs that need them say so. */
static void
check_request(BaridSlice line)
{
    const ControlServices services = {.generation_number = 1};
    g_autoptr(Control) control = control_new(&services);
    g_autofree gchar *request = g_strndup((const gchar *)line.data, line.len);
    g_autofree gchar *answer = control_run(control, request);

    check_answer(answer);
}

static void
check_record(BaridSlice line)
{
    g_auto(TraceRecord) record = {0};
    g_auto(TraceFilter) filter = {0};

    trace_filter_init(&filter);
    filter.sender = "a";
    if (trace_record_parse(&record, line))
        (void)trace_filter_picks(&filter, &record);
    g_assert(record.pairs->len % 2 == 0);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    BaridSlice line = barid_slice(data, size);

    check_request(line);
    check_record(line);
    return 0;
}
