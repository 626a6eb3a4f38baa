/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include <glib.h>

#include "supervisor/supervisor.h"

int
main(int argc, char **argv)
{
    gchar *config = NULL, *state = NULL, *socket = NULL;
    gboolean check = FALSE, foreground = FALSE, version = FALSE;
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &config, "read FILE and conf.d beside it",
         "FILE"},
        {"state", 's', 0, G_OPTION_ARG_FILENAME, &state, "keep queue and mailboxes in DIR", "DIR"},
        {"socket", 0, 0, G_OPTION_ARG_FILENAME, &socket, "control socket", "PATH"},
        {"foreground", 'f', 0, G_OPTION_ARG_NONE, &foreground, "stay in the foreground (always so)",
         NULL},
        {"check", 0, 0, G_OPTION_ARG_NONE, &check, "check the configuration and exit", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &version, "print the version", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, "Barid, a mail transfer agent.");
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "barid: %s\n", error != NULL ? error->message : "no arguments are taken");
        return 2;
    }
    if (version) {
        printf("barid %s\n", PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    return supervisor_run(&(SupervisorOptions){
        .config_path = config, .state_dir = state, .socket_path = socket, .only_check = check});
}
