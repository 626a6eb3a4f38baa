/* SPDX-License-Identifier: Apache-2.0 */
/* "check arc": what the module arc finds about a message. */
#include "baridctl/check-subject.h"

#include <stdlib.h>

#include "base/json-writer.h"

/* A chain that cannot be validated now is no good one. */
static const gchar *
arc_get_result(CheckSubject *subject)
{
    const gchar *result = check_subject_get(subject, "arc");

    return result == NULL || strcmp(result, "temperror") == 0 ? "fail" : result;
}

void
check_arc_put(CheckSubject *subject, JsonWriter *writer)
{
    const gchar *instances = check_subject_get(subject, "arc.instances");

    json_writer_text(writer, "result", arc_get_result(subject));
    json_writer_integer(writer, "instances", instances == NULL ? 0 : strtol(instances, NULL, 10));
    json_writer_text(writer, "reason", check_subject_get(subject, "arc.problem"));
}

CtlStatus
check_arc(const Options *options, const gchar *const *args)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    JsonWriter writer;

    if (!check_subject_init(&subject, options, args[0], "[module arc]\nenabled = yes\n", &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    check_arc_put(&subject, &writer);
    json_writer_end_object(&writer);
    ctl_answer(options, "check arc", out->str);
    return check_result_is_fine(arc_get_result(&subject)) ? CTL_DONE : CTL_NO;
}
