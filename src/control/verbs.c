/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs. An option exists when the usage names it. */
#include "control/verbs.h"

#include "base/i18n.h"
#include "base/text.h"

#define FILTERS                                                                            \
    "[--sender A] [--recipient A] [--domain D] [--before TIME] [--after TIME] "            \
    "[--status queued|held|active]"

static const ControlVerb verbs[] = {
    {"status", "status", N_("Show how the server is."), verb_status, MERGE_BESIDE},
    {"reload", "reload", N_("Serve with the configuration and modules as they are on disk now."),
     verb_reload, MERGE_NOTHING},
    {"stop", "stop", N_("Stop the server; sessions may finish."), verb_stop, MERGE_NOTHING},
    {"modules", "modules", N_("List the loaded modules."), verb_modules_list, MERGE_NOTHING},
    {"modules list", "modules list", N_("List the loaded modules."),
     verb_modules_list, MERGE_NOTHING},
    {"modules order", "modules order", N_("Show in which order hooks run, and why."),
     verb_modules_order, MERGE_NOTHING},
    {"queue", "queue " FILTERS " [--limit N]", N_("List queued messages."),
     verb_queue_list, MERGE_MEMBERS},
    {"queue list", "queue list [ID ...] " FILTERS " [--limit N]", N_("List queued messages."),
     verb_queue_list, MERGE_MEMBERS},
    {"queue show", "queue show ID ...", N_("Show all about queued messages."),
     verb_queue_show, MERGE_MEMBERS},
    {"commands", "commands", N_("List the commands that modules add."), verb_commands,
     MERGE_NOTHING},
    {"queue cat", "queue cat ID", N_("Print a queued message."), verb_queue_cat, MERGE_MEMBERS},
    {"queue retry", "queue retry [ID ...] [--all] " FILTERS, N_("Try messages now."),
     verb_queue_retry, MERGE_NOTHING},
    {"queue hold", "queue hold [ID ...] [--all] " FILTERS, N_("Hold messages back."),
     verb_queue_hold, MERGE_MEMBERS},
    {"queue release", "queue release [ID ...] [--all] " FILTERS,
     N_("Let held messages go."), verb_queue_release, MERGE_MEMBERS},
    {"queue cancel", "queue cancel [ID ...] [--all] " FILTERS,
     N_("Remove messages without telling their senders."), verb_queue_cancel, MERGE_MEMBERS},
    {"queue count", "queue count " FILTERS, N_("Count queued messages."),
     verb_queue_count, MERGE_MEMBERS},
    {"queue reroute", "queue reroute [ID ...] --to NAME [--all] " FILTERS,
     N_("Send messages another way: to a [host NAME], or by mx."),
     verb_queue_reroute, MERGE_NOTHING},
    {"queue destinations", "queue destinations",
     N_("List where mail goes now, and where it has to wait."),
     verb_queue_destinations, MERGE_MEMBERS},
    {"suspend", "suspend DESTINATION", N_("Keep back what goes to a domain or host."),
     verb_suspend, MERGE_NOTHING},
    {"resume", "resume DESTINATION", N_("Let it go again."), verb_resume, MERGE_NOTHING},
    {"explain",
     "explain {ID | --sender A | --recipient A | --message-id ID | --remote-ip IP} "
     "[--since TIME] [--limit N] [--scan N]",
     N_("Say what happened to a message or session, and why."), verb_explain, MERGE_MEMBERS},
    {"trace", "trace [--session ID] [--sender A] [--recipient A] [--id ID]",
     N_("Follow what happens, live."), verb_trace, MERGE_NOTHING},
    {"config show", "config show [SECTION [KEY]] [--defaults | --changed]",
     N_("Show the settings in effect, and where they stand."), verb_config_show, MERGE_NOTHING},
    {"shadow report", "shadow report [--since TIME] [--limit N] [--scan N]",
     N_("Show what shadows would have treated differently."), verb_shadow_report,
     MERGE_SHADOWS},
    {"metrics", "metrics", N_("Show all counters."), verb_metrics, MERGE_NOTHING},
    {"spool", "spool", N_("Show the numbers of the spool."), verb_spool, MERGE_NOTHING},
    {NULL, NULL, NULL, NULL, MERGE_NOTHING},
};

const ControlVerb *
control_get_verbs(void)
{
    return verbs;
}

/* --- finding --- */

static const ControlVerb *
verbs_find(const gchar *name)
{
    for (const ControlVerb *verb = verbs; verb->verb != NULL; verb++) {
        if (strcmp(verb->verb, name) == 0)
            return verb;
    }
    return NULL;
}

/* Whether there are verbs "WORD ...". */
static gboolean
verbs_is_group(const gchar *word)
{
    gsize len = strlen(word);

    for (const ControlVerb *verb = verbs; verb->verb != NULL; verb++) {
        if (strncmp(verb->verb, word, len) == 0 && verb->verb[len] == ' ')
            return TRUE;
    }
    return FALSE;
}

const ControlVerb *
control_find_verb(const gchar *const *words, guint *out_n_words)
{
    g_autofree gchar *both = words[1] == NULL ? NULL : g_strconcat(words[0], " ", words[1], NULL);
    const ControlVerb *verb = both == NULL ? NULL : verbs_find(both);

    *out_n_words = verb != NULL ? 2 : 1;
    if (verb != NULL || (both != NULL && verbs_is_group(words[0])))
        return verb;
    return verbs_find(words[0]);
}

gchar *
control_describe_unknown(const gchar *const *words)
{
    gboolean is_group = words[1] != NULL && verbs_is_group(words[0]);
    g_autofree gchar *name = is_group ? g_strconcat(words[0], " ", words[1], NULL)
                                      : g_strdup(words[0]);
    const gchar *names[G_N_ELEMENTS(verbs)];
    const gchar *nearest;

    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        names[i] = verbs[i].verb;
    nearest = text_nearest(name, names);
    if (nearest == NULL)
        return g_strdup_printf(_("there is no verb \"%s\"; \"baridctl --help\" lists all"), name);
    return g_strdup_printf(_("there is no verb \"%s\"; did you mean \"%s\"?"), name, nearest);
}

/* --- what handlers need --- */

Generation *
verb_get_generation(const Control *self, GError **error)
{
    Generation *generation = control_get_services(self)->generation;

    if (generation == NULL)
        g_set_error_literal(error, CONTROL_ERROR, BARID_ERROR_TEMPORARY,
                            "no configuration is loaded yet; try again");
    return generation;
}

Queue *
verb_get_queue(const Control *self, GError **error)
{
    Queue *queue = control_get_services(self)->queue;

    if (queue == NULL)
        g_set_error_literal(error, CONTROL_ERROR, BARID_ERROR_TEMPORARY,
                            "the queue is not open yet; try again");
    return queue;
}
