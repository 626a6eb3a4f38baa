/* SPDX-License-Identifier: Apache-2.0 */
/* baridctl: the command line for administrators and scripts. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "baridctl/client.h"
#include "baridctl/ctl.h"
#include "baridctl/online.h"
#include "baridctl/sendmail.h"
#include "base/json-writer.h"
#include "base/paths.h"
#include "base/text.h"
#include "control/control.h"

void
ctl_complain(const gchar *format, ...)
{
    va_list args;

    fputs("baridctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

CtlStatus
ctl_fail(const Options *options, CtlStatus status, const gchar *code, const gchar *message)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    if (options_has(options, "json")) {
        json_writer_init(&writer, out);
        json_writer_begin_object(&writer, NULL);
        json_writer_text(&writer, "error", message);
        json_writer_text(&writer, "code", code);
        json_writer_end_object(&writer);
        puts(out->str);
    }
    ctl_complain("%s", message);
    return status;
}

/* --- help --- */

static void
help_put_verb(FILE *out, const gchar *usage, const gchar *summary)
{
    fprintf(out, "  %s\n        %s\n", usage, _(summary));
}

static void
help_put_verbs(FILE *out, const gchar *word)
{
    for (const ControlVerb *verb = control_get_verbs(); verb->verb != NULL; verb++) {
        if (word == NULL || g_str_has_prefix(verb->verb, word))
            help_put_verb(out, verb->usage, verb->summary);
    }
    for (const CtlVerb *verb = offline_verbs; verb->verb != NULL; verb++) {
        if (word == NULL || g_str_has_prefix(verb->verb, word))
            help_put_verb(out, verb->usage, verb->summary);
    }
}

static void
help_put_options(FILE *out)
{
    for (const OptionKind *kind = options_get_kinds(); kind->name != NULL; kind++) {
        g_autofree gchar *name = g_strconcat("--", kind->name, kind->value != NULL ? " " : "",
                                             kind->value, NULL);

        fprintf(out, "  %-18s %s\n", name, _(kind->summary));
    }
}

static void
help_put(FILE *out, const gchar *word)
{
    fputs(_("Usage: baridctl VERB [ARGUMENT ...] [OPTION ...]\n\nVerbs:\n"), out);
    help_put_verbs(out, word);
    if (word == NULL || strcmp(word, "sendmail") == 0)
        help_put_verb(out, "sendmail [OPTION ...] [RECIPIENT ...]",
                      N_("Do what programs expect of a program of that name."));
    if (word != NULL)
        return;
    fputs(_("\nOptions:\n"), out);
    help_put_options(out);
    fputs(_("\nTIME is such as 2030-01-31T12:00:00Z, or a duration back from now such as 2h.\n"
            "Exit status: 0 done; 1 no, or an error in the input; 2 wrong usage; 3 no server;\n"
            "4 internal error. See baridctl(1).\n"), out);
}

/* --- running --- */

/* "config show" is the running server's, unless a file is named or no server is there. Who
 * names a socket wants an answer from there. */
static gboolean
ctl_asks_server(const Options *options)
{
    if (options_has(options, "config"))
        return FALSE;
    if (options_has(options, "socket") || client_has_server(options))
        return TRUE;
    if (!options_has(options, "json"))
        ctl_complain(_("no server is running: these are the settings on disk"));
    return FALSE;
}

static const CtlVerb *
ctl_find_offline(const Options *options)
{
    const gchar *const *words = options_get_words(options);
    g_autofree gchar *name = g_strjoin(" ", words[0], words[1], NULL);

    if (strcmp(name, "config show") == 0 && ctl_asks_server(options))
        return NULL;
    for (const CtlVerb *verb = offline_verbs; verb->verb != NULL; verb++) {
        if (strcmp(verb->verb, name) == 0 || strcmp(verb->verb, words[0]) == 0)
            return verb;
    }
    return NULL;
}

/* What (words) should have been, when they begin a group of verbs that work alone, such as
 * "check", and go on with none of them; NULL otherwise. The caller owns it. */
static gchar *
ctl_describe_slip(const gchar *const *words)
{
    g_autofree gchar *group = g_strconcat(words[0], " ", NULL);
    g_autofree gchar *name = g_strjoin(" ", words[0], words[1], NULL);
    g_autoptr(GPtrArray) verbs = g_ptr_array_new();
    const gchar *nearest;
    guint n_words;

    for (const CtlVerb *verb = offline_verbs; verb->verb != NULL; verb++) {
        if (g_str_has_prefix(verb->verb, group))
            g_ptr_array_add(verbs, (gpointer)(guintptr)verb->verb);
    }
    if (verbs->len == 0 || control_find_verb(words, &n_words) != NULL)
        return NULL;
    g_ptr_array_add(verbs, NULL);
    nearest = text_nearest(name, (const gchar *const *)verbs->pdata);
    if (nearest != NULL)
        return g_strdup_printf(_("there is no verb \"%s\"; did you mean \"%s\"?"), name, nearest);
    return g_strdup_printf(_("there is no verb \"%s\"; \"baridctl --help %s\" lists the others"),
                           name, words[0]);
}

/* Words in capitals are the arguments that must be there. */
static guint
ctl_count_arguments(const gchar *usage)
{
    g_auto(GStrv) words = g_strsplit(usage, " ", -1);
    guint count = 0;

    for (guint i = 0; words[i] != NULL; i++) {
        if (g_ascii_isupper(*words[i]) && !g_str_has_prefix(words[i - 1], "--") &&
            !g_str_has_prefix(words[i - 1], "[--"))
            count++;
    }
    return count;
}

/* Words such as "[SECTION": arguments that may be left out. */
static guint
ctl_count_optional(const gchar *usage)
{
    guint count = 0;

    for (const gchar *p = strchr(usage, '['); p != NULL; p = strchr(p + 1, '['))
        count += g_ascii_isupper(p[1]) ? 1 : 0;
    return count;
}

static CtlStatus
ctl_run_offline(const CtlVerb *verb, const Options *options)
{
    guint n_verb = strchr(verb->verb, ' ') == NULL ? 1 : 2;
    guint n_arguments = options_get_n_words(options) - n_verb;
    guint n_needed = ctl_count_arguments(verb->usage);
    guint n_most = strstr(verb->usage, "...]") != NULL
                       ? G_MAXUINT
                       : n_needed + ctl_count_optional(verb->usage);

    if (n_arguments < n_needed || n_arguments > n_most) {
        g_autofree gchar *message = g_strdup_printf(_("usage: baridctl %s"), verb->usage);

        return ctl_fail(options, CTL_USAGE, "usage", message);
    }
    return verb->run(options, options_get_words(options) + n_verb);
}

static CtlStatus
ctl_run(const Options *options)
{
    const gchar *const *words = options_get_words(options);
    g_autofree gchar *slip = NULL;
    const CtlVerb *offline;

    if (options_has(options, "version")) {
        puts("baridctl " PACKAGE_VERSION);
        return CTL_DONE;
    }
    if (options_has(options, "help") || g_strcmp0(words[0], "help") == 0) {
        help_put(stdout, options_has(options, "help") || words[0] == NULL ? words[0] : words[1]);
        return CTL_DONE;
    }
    if (words[0] == NULL) {
        ctl_complain(_("no verb is given; \"baridctl --help\" lists all"));
        return CTL_USAGE;
    }
    offline = ctl_find_offline(options);
    if (offline != NULL)
        return ctl_run_offline(offline, options);
    slip = ctl_describe_slip(words);
    return slip != NULL ? ctl_fail(options, CTL_USAGE, "unknown-verb", slip)
                        : online_run(options);
}

/* For sendmail's -bp and -q. */
static int
ctl_run_words(const gchar *const *words, const gchar *state)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_auto(Options) options = {0};

    for (; *words != NULL; words++)
        g_ptr_array_add(argv, (gpointer)(guintptr)*words);
    if (state != NULL) {
        g_ptr_array_add(argv, (gpointer)(guintptr) "--state");
        g_ptr_array_add(argv, (gpointer)(guintptr)state);
    }
    g_ptr_array_add(argv, NULL);
    return options_parse(&options, (const gchar *const *)argv->pdata, NULL)
               ? (int)ctl_run(&options)
               : CTL_INTERNAL;
}

/* Moves the verb "sendmail" to the front, over options that say which server is meant: all
 * options behind it are of another kind. FALSE for other verbs. */
static gboolean
ctl_take_sendmail(char **argv)
{
    guint n = 1;

    while (argv[n] != NULL && argv[n + 1] != NULL &&
           (strcmp(argv[n], "--state") == 0 || strcmp(argv[n], "--socket") == 0))
        n += 2;
    if (argv[n] == NULL || strcmp(argv[n], "sendmail") != 0)
        return FALSE;
    for (; n > 1; n--) {
        char *word = argv[n];

        argv[n] = argv[n - 1];
        argv[n - 1] = word;
    }
    return TRUE;
}

/* Called by one of the names of old, or as "baridctl sendmail". */
static gboolean
ctl_is_sendmail(char **argv, const gchar **out_name, const gchar *const **out_argv)
{
    const gchar *slash = strrchr(argv[0], '/');
    const gchar *name = slash == NULL ? argv[0] : slash + 1;
    gboolean by_verb = ctl_take_sendmail(argv);

    *out_name = by_verb ? "sendmail" : name;
    *out_argv = (const gchar *const *)argv + (by_verb ? 2 : 1);
    return by_verb || strcmp(name, "sendmail") == 0 || strcmp(name, "mailq") == 0 ||
           strcmp(name, "newaliases") == 0;
}

/* The language of messages is the user's. Everything else stays as in the C locale: numbers in
 * documents have a point in every country. Texts are UTF-8, as are the names and addresses that
 * they tell of. */
static void
ctl_set_language(void)
{
    g_autofree gchar *root = paths_dup_build_root();
    g_autofree gchar *folder = root == NULL ? g_strdup(LOCALEDIR)
                                            : g_build_filename(root, "locale", NULL);

    setlocale(LC_CTYPE, "");
    setlocale(LC_MESSAGES, "");
    bindtextdomain(GETTEXT_PACKAGE, folder);
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    textdomain(GETTEXT_PACKAGE);
}

int
main(int argc G_GNUC_UNUSED, char **argv)
{
    const gchar *name;
    const gchar *const *rest;
    g_auto(OnlineCommands) commands = {.argv = (const gchar *const *)argv + 1};
    g_auto(Options) options = {.find_more = online_find_option, .find_more_data = &commands};
    g_autoptr(GError) error = NULL;

    ctl_set_language();
    /* A server that closes early has said why, which is worth reading. */
    signal(SIGPIPE, SIG_IGN);
    if (argv[0] != NULL && ctl_is_sendmail(argv, &name, &rest))
        return sendmail_run(name, rest, ctl_run_words);
    if (!options_parse(&options, (const gchar *const *)argv + 1, &error)) {
        ctl_complain("%s", error->message);
        return CTL_USAGE;
    }
    /* A program reads it. */
    if (options_has(&options, "json"))
        setlocale(LC_MESSAGES, "C");
    return (int)ctl_run(&options);
}
