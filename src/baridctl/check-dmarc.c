/* SPDX-License-Identifier: Apache-2.0 */
/* "check dmarc": what the module dmarc finds about a message, by what spf and dkim find. */
#include "baridctl/check-subject.h"

#include "base/json-writer.h"

static const gchar dmarc_config[] = "[module spf]\nenabled = yes\nhelo = off\n"
                                    "[module dkim]\nenabled = yes\n"
                                    "[module dmarc]\nenabled = yes\nverify = strict\n";

void
check_dmarc_put(CheckSubject *subject, JsonWriter *writer)
{
    const gchar *result = check_subject_get(subject, "dmarc");
    const gchar *disposition = check_subject_get(subject, "dmarc.disposition");

    /* Without a result its time was over. */
    json_writer_text(writer, "result", result == NULL ? "temperror" : result);
    json_writer_text(writer, "policy", check_subject_get(subject, "dmarc.policy"));
    json_writer_text(writer, "disposition", disposition == NULL ? "none" : disposition);
    json_writer_text(writer, "domain", check_subject_get(subject, "dmarc.domain"));
}

CtlStatus
check_dmarc(const Options *options, const gchar *const *args)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const gchar *result;
    JsonWriter writer;

    if (!check_subject_has_client(options, "baridctl check dmarc"))
        return CTL_USAGE;
    if (!check_subject_init(&subject, options, args[0], dmarc_config, &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    check_subject_explain(&subject, options);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    check_dmarc_put(&subject, &writer);
    json_writer_begin_object(&writer, "spf");
    check_spf_put(&subject, &writer);
    json_writer_end_object(&writer);
    check_dkim_put_signatures(&subject, &writer, "dkim");
    json_writer_end_object(&writer);
    ctl_answer(options, "check dmarc", out->str);
    result = check_subject_get(&subject, "dmarc");
    return check_result_is_fine(result) ? CTL_DONE : CTL_NO;
}
