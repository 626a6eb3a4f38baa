/* SPDX-License-Identifier: Apache-2.0 */
/* "check spf": what the module spf finds about a made-up session and sender. */
#include "baridctl/check-subject.h"

#include <stdlib.h>

#include "base/json-writer.h"

void
check_spf_put(CheckSubject *subject, JsonWriter *writer)
{
    const gchar *result = check_subject_get(subject, "spf");
    const gchar *lookups = check_subject_get(subject, "spf.lookups");
    const gchar *explanation = check_subject_get(subject, "spf.explanation");

    /* Without a result its time was over. */
    json_writer_text(writer, "result", result == NULL ? "temperror" : result);
    json_writer_text(writer, "explanation",
                     explanation != NULL ? explanation
                                         : check_subject_get(subject, "spf.problem"));
    json_writer_text(writer, "mechanism", check_subject_get(subject, "spf.mechanism"));
    json_writer_integer(writer, "lookups", lookups == NULL ? 0 : strtol(lookups, NULL, 10));
    json_writer_text(writer, "domain", check_subject_get(subject, "spf.domain"));
}

CtlStatus
check_spf(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const gchar *result;
    JsonWriter writer;

    if (!check_subject_has_client(options, "baridctl check spf"))
        return CTL_USAGE;
    if (!check_subject_init(&subject, options, NULL, "[module spf]\nenabled = yes\n", &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    check_spf_put(&subject, &writer);
    json_writer_end_object(&writer);
    ctl_answer(options, "check spf", out->str);
    result = check_subject_get(&subject, "spf");
    return check_result_is_fine(result) ? CTL_DONE : CTL_NO;
}
