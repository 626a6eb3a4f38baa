/* SPDX-License-Identifier: Apache-2.0 */
/* "check iprev": what the module iprev finds about an address (RFC 8601 section 2.7.3). */
#include "baridctl/check-subject.h"

#include "base/json-writer.h"

/* Without a result its time was over. */
static const gchar *
iprev_get_result(CheckSubject *subject)
{
    const gchar *result = check_subject_get(subject, "iprev");

    return result == NULL ? "temperror" : result;
}

void
check_iprev_put(CheckSubject *subject, JsonWriter *writer)
{
    const gchar *names = check_subject_get(subject, "iprev.names");
    g_auto(GStrv) list = g_strsplit(names == NULL ? "" : names, " ", -1);

    json_writer_text(writer, "result", iprev_get_result(subject));
    json_writer_text(writer, "name", check_subject_get(subject, "iprev.name"));
    json_writer_begin_array(writer, "names");
    for (guint i = 0; list[i] != NULL; i++) {
        if (*list[i] != '\0')
            json_writer_text(writer, NULL, list[i]);
    }
    json_writer_end_array(writer);
}

CtlStatus
check_iprev(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    JsonWriter writer;

    if (options_get(options, "ip") == NULL) {
        ctl_complain(_("--ip is missing: baridctl check iprev --ip IP [--dns HOST:PORT]"));
        return CTL_USAGE;
    }
    if (!check_subject_init(&subject, options, NULL, "[module iprev]\nenabled = yes\n", &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    check_iprev_put(&subject, &writer);
    json_writer_end_object(&writer);
    ctl_answer(options, "check iprev", out->str);
    return strcmp(iprev_get_result(&subject), "pass") == 0 ? CTL_DONE : CTL_NO;
}
