/* SPDX-License-Identifier: Apache-2.0 */
/* "check message": all that modules find out about a message's sender, and the header field that
 * would say it. */
#include "baridctl/check-subject.h"

#include "base/json-writer.h"

/* The configuration; NULL when --authserv-id cannot be one. */
static gchar *
message_dup_config(const Options *options)
{
    const gchar *id = options_get(options, "authserv-id");
    g_autoptr(GString) out = g_string_new("[module iprev]\nenabled = yes\n"
                                          "[module spf]\nenabled = yes\n"
                                          "[module dkim]\nenabled = yes\n"
                                          "[module arc]\nenabled = yes\n"
                                          "[module dmarc]\nenabled = yes\nverify = strict\n"
                                          "[module authresults]\nenabled = yes\n");

    if (id != NULL && !check_append_setting(out, "authserv-id", id))
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
message_put(CheckSubject *subject, JsonWriter *writer)
{
    json_writer_begin_object(writer, NULL);
    json_writer_begin_object(writer, "iprev");
    check_iprev_put(subject, writer);
    json_writer_end_object(writer);
    json_writer_begin_object(writer, "spf");
    check_spf_put(subject, writer);
    json_writer_end_object(writer);
    check_dkim_put_signatures(subject, writer, "dkim");
    json_writer_begin_object(writer, "arc");
    check_arc_put(subject, writer);
    json_writer_end_object(writer);
    json_writer_begin_object(writer, "dmarc");
    check_dmarc_put(subject, writer);
    json_writer_end_object(writer);
    json_writer_text(writer, "authentication_results",
                     check_subject_get_added(subject, "Authentication-Results"));
    json_writer_end_object(writer);
}

CtlStatus
check_message(const Options *options, const gchar *const *args)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree gchar *config = NULL;
    g_autoptr(GError) error = NULL;
    JsonWriter writer;

    if (!check_subject_has_client(options, "baridctl check message"))
        return CTL_USAGE;
    config = message_dup_config(options);
    if (config == NULL)
        return ctl_fail(options, CTL_NO, "invalid", _("an option holds a control character"));
    if (!check_subject_init(&subject, options, args[0], config, &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    check_subject_explain(&subject, options);
    json_writer_init(&writer, out);
    message_put(&subject, &writer);
    ctl_answer(options, "check message", out->str);
    return check_result_is_fine(check_subject_get(&subject, "dmarc")) ? CTL_DONE : CTL_NO;
}
