/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/options.h"

#include "baridctl/ctl.h"
#include "base/error-domain.h"
#include "base/text.h"

ERROR_DOMAIN_DEFINE(options_error_quark, "baridctl-options-error")

static const OptionKind kinds[] = {
    {"help", NULL, N_("say how a verb is used"), TRUE},
    {"version", NULL, N_("print the version"), TRUE},
    {"json", NULL, N_("print one JSON document"), TRUE},
    {"socket", "FILE", N_("the server's control socket"), TRUE},
    {"state", "DIR", N_("the server's state folder"), TRUE},
    {"config", "FILE", N_("the configuration file"), TRUE},
    {"sender", "A", N_("the sender's address or a part of it"), FALSE},
    {"recipient", "A", N_("a recipient's address or a part of it"), FALSE},
    {"domain", "D", N_("a recipient's domain, or the one that signs"), FALSE},
    {"before", "TIME", N_("arrived before"), FALSE},
    {"after", "TIME", N_("arrived after"), FALSE},
    {"status", "WORD", N_("queued, held or active"), FALSE},
    {"base", "FILE", N_("the configuration to compare with"), TRUE},
    {"jobs", "N", N_("so many policy tests at a time"), TRUE},
    {"time-limit", "DURATION", N_("how long a policy test may take"), TRUE},
    {"limit", "N", N_("show at most so many"), FALSE},
    {"scan", "N", N_("look at so many records of the history"), FALSE},
    {"all", NULL, N_("act on every message"), FALSE},
    {"to", "NAME", N_("a host, a transport, or mx"), FALSE},
    {"since", "TIME", N_("not older than"), FALSE},
    {"message-id", "ID", N_("the Message-ID field or a part of it"), FALSE},
    {"remote-ip", "IP", N_("the client's address"), FALSE},
    {"session", "ID", N_("a session"), FALSE},
    {"id", "ID", N_("a queue id"), FALSE},
    {"ip", "ADDRESS", N_("the client's address"), FALSE},
    {"helo", "NAME", N_("what the client calls itself"), FALSE},
    {"mail-from", "ADDRESS", N_("the sender; nothing for the null reverse-path"), FALSE},
    {"now", "TIME", N_("the time that the check is made for"), TRUE},
    {"key", "FILE", N_("a private key"), TRUE},
    {"authserv-id", "NAME", N_("who the results are signed by"), TRUE},
    {"explain", NULL, N_("tell step by step how it came to the result"), TRUE},
    {"canon", "H/B", N_("relaxed/relaxed and the like"), TRUE},
    {"headers", "LIST", N_("the fields that are signed"), TRUE},
    {"dns", "HOST:PORT", N_("the only name server to ask"), FALSE},
    {"zone", "FILE", N_("what name servers would answer"), TRUE},
    {"stores", "FILE", N_("what is put into stores at first"), TRUE},
    {"algorithm", "NAME", N_("of a key, or of a signature"), TRUE},
    {"selector", "NAME", N_("the key's name below _domainkey"), TRUE},
    {"output", "FILE", N_("where the key goes; - is the standard output"), TRUE},
    {"template", "NAME", N_("what kind of module: policy or content"), TRUE},
    {"directory", "DIR", N_("the folder that is written to"), TRUE},
    {"defaults", NULL, N_("settings that have their default"), FALSE},
    {"changed", NULL, N_("settings that differ from their default"), FALSE},
    {NULL, NULL, NULL, FALSE},
};

const OptionKind *
options_get_kinds(void)
{
    return kinds;
}

const OptionKind *
options_find_kind(const gchar *name)
{
    for (const OptionKind *kind = kinds; kind->name != NULL; kind++) {
        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}

static gboolean
options_fail_unknown(const gchar *name, GError **error)
{
    const gchar *names[G_N_ELEMENTS(kinds)];
    const gchar *nearest;

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        names[i] = kinds[i].name;
    nearest = text_nearest(name, names);
    if (nearest == NULL)
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID, _("there is no option --%s"), name);
    else
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                    _("there is no option --%s; did you mean --%s?"), name, nearest);
    return FALSE;
}

static const OptionKind *
options_find_any(Options *self, const gchar *name)
{
    const OptionKind *kind = options_find_kind(name);

    if (kind != NULL || self->find_more == NULL)
        return kind;
    kind = self->find_more(self, name, self->find_more_data);
    if (kind != NULL)
        g_ptr_array_add(self->more, (gpointer)(guintptr)kind);
    return kind;
}

/* Takes the option at (*argv), and its value behind it. */
static gboolean
options_take(Options *self, const gchar *const **argv, GError **error)
{
    const gchar *text = **argv + 2;
    const gchar *equals = strchr(text, '=');
    g_autofree gchar *name =
        equals == NULL ? g_strdup(text) : g_strndup(text, (gsize)(equals - text));
    const OptionKind *kind = options_find_any(self, name);
    const gchar *value = equals == NULL ? NULL : equals + 1;

    if (kind == NULL)
        return options_fail_unknown(name, error);
    if (kind->value != NULL && value == NULL && (*argv)[1] != NULL)
        value = *++*argv;
    if ((kind->value != NULL) != (value != NULL)) {
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                    kind->value != NULL ? _("--%s needs a value") : _("--%s takes no value"), name);
        return FALSE;
    }
    if (!g_hash_table_insert(self->values, g_steal_pointer(&name),
                             g_strdup(value == NULL ? "" : value))) {
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID, _("--%s is given twice"),
                    kind->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
options_take_short(Options *self, const gchar *text, GError **error)
{
    const gchar *name = strcmp(text, "-h") == 0   ? "help"
                        : strcmp(text, "-V") == 0 ? "version"
                                                  : NULL;

    if (name == NULL) {
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID, _("there is no option %s"), text);
        return FALSE;
    }
    g_hash_table_replace(self->values, g_strdup(name), g_strdup(""));
    return TRUE;
}

gboolean
options_parse(Options *self, const gchar *const *argv, GError **error)
{
    gboolean are_over = FALSE;

    self->words = g_ptr_array_new_with_free_func(g_free);
    self->more = g_ptr_array_new();
    self->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (; *argv != NULL; argv++) {
        if (are_over || (*argv)[0] != '-' || (*argv)[1] == '\0')
            g_ptr_array_add(self->words, g_strdup(*argv));
        else if (strcmp(*argv, "--") == 0)
            are_over = TRUE;
        else if ((*argv)[1] != '-' && !options_take_short(self, *argv, error))
            return FALSE;
        else if ((*argv)[1] == '-' && !options_take(self, &argv, error))
            return FALSE;
    }
    g_ptr_array_add(self->words, NULL);
    return TRUE;
}

void
options_clear(Options *self)
{
    g_clear_pointer(&self->words, g_ptr_array_unref);
    g_clear_pointer(&self->more, g_ptr_array_unref);
    g_clear_pointer(&self->values, g_hash_table_unref);
}

const OptionKind *
options_get_given(const Options *self, guint index)
{
    for (const OptionKind *kind = kinds; kind->name != NULL; kind++) {
        if (options_has(self, kind->name) && index-- == 0)
            return kind;
    }
    return self->more != NULL && index < self->more->len ? g_ptr_array_index(self->more, index)
                                                         : NULL;
}

const gchar *
options_get(const Options *self, const gchar *name)
{
    return g_hash_table_lookup(self->values, name);
}

gboolean
options_has(const Options *self, const gchar *name)
{
    return g_hash_table_contains(self->values, name);
}

guint
options_get_n_words(const Options *self)
{
    return self->words->len - 1;
}

const gchar *const *
options_get_words(const Options *self)
{
    return (const gchar *const *)self->words->pdata;
}
