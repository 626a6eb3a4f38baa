/* SPDX-License-Identifier: Apache-2.0 */
/* "sign dkim" and "sign arc": a message with the fields that the modules dkim and arc make. */
#include "baridctl/check-subject.h"

#include <stdio.h>

#include "base/text.h"
#include "mime/header.h"

static gboolean
sign_append_option(GString *out, const Options *options, const gchar *option, const gchar *key)
{
    const gchar *value = options_get(options, option);

    return value == NULL || check_append_setting(out, key, value);
}

/* Names with colons between them, as in "h=", or commas. Nothing else is signed then. */
static gboolean
sign_append_headers(GString *out, const gchar *list)
{
    for (const gchar *byte = list; *byte != '\0'; byte++) {
        if (!g_ascii_isgraph(*byte) && *byte != ' ')
            return FALSE;
    }
    g_string_append(out, "headers = ");
    for (; *list != '\0'; list++)
        g_string_append_c(out, *list == ':' ? ',' : *list);
    g_string_append(out, "\noversign =\n");
    return TRUE;
}

static gchar *
sign_dup_config(const Options *options)
{
    g_autoptr(GString) out = g_string_new("[module dkim]\nenabled = yes\nverify = off\n"
                                          "sign = given\n[signature given]\n");
    g_autofree gchar *key = g_canonicalize_filename(options_get(options, "key"), NULL);
    const gchar *headers = options_get(options, "headers");

    if (!check_append_setting(out, "key-file", key) ||
        !sign_append_option(out, options, "domain", "domain") ||
        !sign_append_option(out, options, "selector", "selector") ||
        !sign_append_option(out, options, "algorithm", "algorithm") ||
        !sign_append_option(out, options, "canon", "canonicalization") ||
        (headers != NULL && !sign_append_headers(out, headers)))
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
sign_print_field(const CheckMessage *message, const gchar *name, const gchar *value)
{
    g_auto(Buffer) field = {0};
    BaridSlice text;

    buffer_init(&field, HEADER_BYTES_MAX);
    header_append(&field, name, barid_slice_from_text(value));
    text = buffer_get_slice(&field);
    for (gsize i = 0; i < text.len; i++) {
        if (text.data[i] != '\r' || message->has_crlf)
            putchar(text.data[i]);
    }
}

/* Fields that were put in front stand above each other: the last on top. */
static void
sign_print_fields(const CheckMessage *message, const HeaderEdit *edit)
{
    if (edit == NULL)
        return;
    sign_print_fields(message, edit->next);
    sign_print_field(message, edit->name, edit->value);
}

/* The message's bytes are left as they came. */
static gboolean
sign_print(const CheckSubject *subject)
{
    const CheckMessage *message = &subject->message;

    sign_print_fields(message, subject->txn.edits);
    fwrite(message->original.data, 1, message->original.len, stdout);
    return fflush(stdout) == 0;
}

CtlStatus
sign_dkim(const Options *options, const gchar *const *args)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autofree gchar *config = NULL;
    g_autoptr(GError) error = NULL;
    const gchar *value, *problem;

    if (options_get(options, "domain") == NULL || options_get(options, "selector") == NULL ||
        options_get(options, "key") == NULL) {
        ctl_complain(_("baridctl sign dkim: --domain, --selector and --key are needed"));
        return CTL_USAGE;
    }
    config = sign_dup_config(options);
    if (config == NULL)
        return ctl_fail(options, CTL_NO, "invalid",
                        _("an option holds a control character"));
    if (!check_subject_init(&subject, options, args[0], config, &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    value = check_subject_get_added(&subject, "DKIM-Signature");
    problem = check_subject_get_problem(&subject);
    if (value == NULL)
        return ctl_fail(options, CTL_NO, "invalid",
                        problem == NULL ? _("there is no domain to sign for") : problem);
    return sign_print(&subject) ? CTL_DONE : CTL_INTERNAL;
}

/* --- ARC --- */

static gchar *
sign_arc_dup_config(const Options *options)
{
    g_autoptr(GString) out = g_string_new("[module arc]\nenabled = yes\nverify = off\n"
                                          "seal = yes\ntrust-results = yes\n");
    g_autofree gchar *key = g_canonicalize_filename(options_get(options, "key"), NULL);

    if (!check_append_setting(out, "key-file", key) ||
        !sign_append_option(out, options, "domain", "domain") ||
        !sign_append_option(out, options, "selector", "selector") ||
        !sign_append_option(out, options, "authserv-id", "authserv-id"))
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

CtlStatus
sign_arc(const Options *options, const gchar *const *args)
{
    g_auto(CheckSubject) subject = {.arena = NULL};
    g_autofree gchar *config = NULL;
    g_autoptr(GError) error = NULL;
    const gchar *problem;

    if (options_get(options, "domain") == NULL || options_get(options, "selector") == NULL ||
        options_get(options, "key") == NULL || options_get(options, "authserv-id") == NULL) {
        ctl_complain(_("baridctl sign arc: --domain, --selector, --key and --authserv-id are "
                       "needed"));
        return CTL_USAGE;
    }
    config = sign_arc_dup_config(options);
    if (config == NULL)
        return ctl_fail(options, CTL_NO, "invalid",
                        _("an option holds a control character"));
    if (!check_subject_init(&subject, options, args[0], config, &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    if (!check_subject_run(&subject, &error))
        return ctl_fail(options, CTL_INTERNAL, "failed", error->message);
    problem = check_subject_get(&subject, "arc.seal-problem");
    if (problem == NULL && check_subject_get(&subject, "arc.seal") == NULL)
        problem = check_subject_get_problem(&subject);
    if (problem != NULL)
        return ctl_fail(options, CTL_NO, "invalid", problem);
    return sign_print(&subject) ? CTL_DONE : CTL_INTERNAL;
}
