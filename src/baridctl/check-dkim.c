/* SPDX-License-Identifier: Apache-2.0 */
/* "check dkim": what the module dkim finds about a message. */
#include "baridctl/check-subject.h"

#include "base/json-writer.h"

static void
dkim_put_word(JsonWriter *writer, const gchar *key, BaridSlice word)
{
    if (word.len > 0)
        json_writer_slice(writer, key, word);
    else
        json_writer_text(writer, key, NULL);
}

void
check_dkim_put_signatures(CheckSubject *subject, JsonWriter *writer, const gchar *key)
{
    BaridSlice rest = barid_slice_from_text(check_subject_get(subject, "dkim.signatures"));
    BaridSignatureResult signature;

    json_writer_begin_array(writer, key);
    while (barid_signature_results_next(&rest, &signature)) {
        json_writer_begin_object(writer, NULL);
        dkim_put_word(writer, "domain", signature.domain);
        dkim_put_word(writer, "selector", signature.selector);
        dkim_put_word(writer, "algorithm", signature.algorithm);
        dkim_put_word(writer, "result", signature.result);
        dkim_put_word(writer, "reason", signature.reason);
        json_writer_end_object(writer);
    }
    json_writer_end_array(writer);
}

CtlStatus
check_dkim(const Options *options, const gchar *const *args)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const gchar *result;
    JsonWriter writer;

    if (!check_subject_init(&subject, options, args[0], "[module dkim]\nenabled = yes\n", &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    result = check_subject_get(&subject, "dkim");
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "result", result == NULL ? "temperror" : result);
    check_dkim_put_signatures(&subject, &writer, "signatures");
    json_writer_end_object(&writer);
    ctl_answer(options, "check dkim", out->str);
    return check_result_is_fine(result) ? CTL_DONE : CTL_NO;
}
