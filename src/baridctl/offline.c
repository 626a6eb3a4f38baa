/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that need no server: the configuration checked and shown, a spool read. */
#include <errno.h>
#include <unistd.h>

#include "baridctl/check.h"
#include "baridctl/genkey.h"
#include "baridctl/module-new.h"
#include "baridctl/offline.h"
#include "baridctl/show.h"
#include "base/paths.h"
#include "control/verbs.h"
#include "queue/spool/reader.h"

void
ctl_answer(const Options *options, const gchar *verb, const gchar *document)
{
    g_autoptr(JsonParser) parser = NULL;
    Show show;

    if (options_has(options, "json")) {
        puts(document);
        return;
    }
    parser = json_parser_new();
    if (!json_parser_load_from_data(parser, document, -1, NULL))
        g_assert_not_reached(); /* we wrote it ourselves */
    show_init(&show, stdout);
    show_answer(&show, verb, json_node_get_object(json_parser_get_root(parser)));
}

/* --- configuration --- */

ConfigFiles *
config_read(const Options *options, ConfigProblems *problems)
{
    const gchar *named = options_get(options, "config");
    g_autofree gchar *path = named != NULL ? g_strdup(named) : paths_dup_config_file();
    g_autoptr(GError) error = NULL;
    ConfigFiles *files;

    if (path == NULL)
        return config_files_new_default();
    files = config_files_read(path, &error);
    if (files == NULL)
        config_problems_add(problems, (ConfigPosition){.file = g_intern_string(path)}, NULL, NULL,
                            NULL, 0, "%s", error->message);
    return files;
}

void
config_drop_absent(ConfigFiles *files, const gchar *kept)
{
    g_autoptr(GPtrArray) dropped = config_files_drop_absent(files, kept);

    for (guint i = 0; i < dropped->len; i++)
        ctl_complain(_("%s is passed over: its module is not installed"),
                     (const gchar *)g_ptr_array_index(dropped, i));
}

/* A check writes nothing: the state folder need not even be there. */
typedef struct {
    ConfigProblems *problems;
    Generation *generation;
} ConfigCheck;

static Generation *
config_make_generation(const Options *options, const ConfigFiles *files, gboolean tries_modules,
                       ConfigProblems *problems)
{
    g_autofree gchar *state = options_has(options, "state")
                                  ? g_canonicalize_filename(options_get(options, "state"), NULL)
                                  : paths_dup_state_dir();
    GenerationOptions generation = {.state_dir = state, .files = files,
                                    .tries_modules = tries_modules};

    return generation_new(&generation, problems);
}

static void
config_check_init(ConfigCheck *self, const Options *options, gboolean tries_modules)
{
    g_autoptr(ConfigFiles) files = NULL;

    *self = (ConfigCheck){.problems = config_problems_new()};
    files = config_read(options, self->problems);
    if (files == NULL)
        return;
    config_drop_absent(files, NULL);
    self->generation = config_make_generation(options, files, tries_modules, self->problems);
}

void
config_check_files(const Options *options, const ConfigFiles *files, ConfigProblems *problems)
{
    generation_free(config_make_generation(options, files, TRUE, problems));
}

static void
config_check_clear(ConfigCheck *self)
{
    generation_free(self->generation);
    config_problems_free(self->problems);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConfigCheck, config_check_clear)

static gchar *
config_format_problems(ConfigProblems *problems)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_bool(&writer, "ok", config_problems_get_count(problems) == 0);
    config_problems_to_json(problems, &writer);
    json_writer_end_object(&writer);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

CtlStatus
config_report(const Options *options, ConfigProblems *problems)
{
    if (options_has(options, "json")) {
        g_autofree gchar *document = config_format_problems(problems);

        puts(document);
    } else if (config_problems_get_count(problems) == 0) {
        puts(_("The configuration is good."));
    } else {
        g_autofree gchar *text = config_problems_to_text(problems);

        fputs(text, stdout);
    }
    return config_problems_get_count(problems) == 0 ? CTL_DONE : CTL_NO;
}

static CtlStatus
offline_config_check(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_auto(ConfigCheck) check = {0};

    config_check_init(&check, options, TRUE);
    return config_report(options, check.problems);
}

static CtlStatus
offline_config_show(const Options *options, const gchar *const *args)
{
    g_auto(ConfigCheck) check = {0};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    SettingsSelection selection = {.choice = SETTINGS_ALL, .section = args[0]};
    JsonWriter writer;

    selection.key = args[0] == NULL ? NULL : args[1];
    if (options_has(options, "changed"))
        selection.choice = SETTINGS_CHANGED;
    else if (options_has(options, "defaults"))
        selection.choice = SETTINGS_DEFAULTS;
    config_check_init(&check, options, FALSE);
    if (check.generation == NULL)
        return config_report(options, check.problems);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    if (!verb_write_settings(&check.generation->context, &selection, &writer, &error))
        return ctl_fail(options, CTL_NO, "not-found", error->message);
    json_writer_end_object(&writer);
    ctl_answer(options, "config show", out->str);
    return CTL_DONE;
}

static CtlStatus
offline_config_diff(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_auto(ConfigCheck) check = {0};
    g_autoptr(GString) out = g_string_new(NULL);
    static const SettingsSelection all = {.choice = SETTINGS_ALL};
    JsonWriter writer;

    config_check_init(&check, options, FALSE);
    if (check.generation == NULL)
        return config_report(options, check.problems);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    verb_write_settings(&check.generation->context, &all, &writer, NULL);
    json_writer_end_object(&writer);
    return config_diff(options, out->str);
}

/* --- spool --- */

static SpoolReader *
spool_open_folder(const Options *options, const gchar *folder)
{
    g_autoptr(GError) error = NULL;
    SpoolReader *reader = spool_reader_open(folder, &error);

    if (reader == NULL)
        ctl_fail(options, CTL_NO, "invalid", error->message);
    return reader;
}

static void
spool_write_report(const gchar *report, JsonWriter *writer)
{
    g_auto(GStrv) lines = g_strsplit(report == NULL ? "" : report, "\n", -1);

    json_writer_begin_array(writer, "report");
    for (guint i = 0; lines[i] != NULL; i++) {
        if (*lines[i] != '\0')
            json_writer_text(writer, NULL, lines[i]);
    }
    json_writer_end_array(writer);
}

static void
spool_write_summary(const SpoolReaderSummary *summary, JsonWriter *writer)
{
    json_writer_bool(writer, "ok", summary->n_damages == 0);
    json_writer_integer(writer, "segments", summary->n_segments);
    json_writer_integer(writer, "records", (gint64)summary->n_records);
    json_writer_integer(writer, "messages", (gint64)summary->n_messages);
    json_writer_integer(writer, "record_bytes", (gint64)summary->record_bytes);
    json_writer_integer(writer, "damages", summary->n_damages);
    json_writer_integer(writer, "damaged_bytes", (gint64)summary->damaged_bytes);
    json_writer_integer(writer, "tails", summary->n_tails);
}

static CtlStatus
offline_spool_verify(const Options *options, const gchar *const *args)
{
    g_autoptr(SpoolReader) reader = spool_open_folder(options, args[0]);
    g_autoptr(GString) out = g_string_new(NULL);
    SpoolReaderSummary summary;
    JsonWriter writer;

    if (reader == NULL)
        return CTL_NO;
    spool_reader_verify_files(reader);
    spool_reader_get_summary(reader, &summary);
    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    spool_write_summary(&summary, &writer);
    spool_write_report(spool_reader_get_report(reader), &writer);
    json_writer_end_object(&writer);
    ctl_answer(options, "spool verify", out->str);
    return summary.n_damages == 0 ? CTL_DONE : CTL_NO;
}

typedef struct {
    JsonWriter writer;
    Arena *arena;
} SpoolList;

static void
spool_write_envelope(const Envelope *envelope, JsonWriter *writer)
{
    json_writer_time(writer, "created", envelope->created_ms);
    json_writer_slice(writer, "sender", envelope->sender);
    json_writer_integer(writer, "recipient_count", envelope->n_recipients);
    json_writer_begin_array(writer, "recipients");
    for (guint i = 0; i < envelope->n_recipients && i < 10; i++)
        json_writer_slice(writer, NULL, envelope->recipients[i].address);
    json_writer_end_array(writer);
}

static gboolean
spool_list_message(const SpoolReaderMessage *message, gpointer data)
{
    SpoolList *list = data;
    gchar id[QUEUE_ID_TEXT_LEN + 1];
    DeliveryState state = {0};
    Envelope envelope;
    gboolean is_known;

    arena_reset(list->arena);
    is_known = envelope_parse(message->envelope, list->arena, &envelope) &&
               delivery_state_parse(message->state, &envelope, list->arena, &state);
    json_writer_begin_object(&list->writer, NULL);
    json_writer_text(&list->writer, "id", queue_id_format(message->id, id));
    json_writer_text(&list->writer, "status",
                     !is_known    ? "damaged"
                     : state.held ? "held"
                                  : "queued");
    if (is_known)
        spool_write_envelope(&envelope, &list->writer);
    json_writer_integer(&list->writer, "size", (gint64)message->content_bytes);
    json_writer_integer(&list->writer, "segment", message->generation);
    json_writer_integer(&list->writer, "offset", message->offset);
    json_writer_bool(&list->writer, "own_file", message->has_file);
    json_writer_end_object(&list->writer);
    return TRUE;
}

static CtlStatus
offline_spool_list(const Options *options, const gchar *const *args)
{
    g_autoptr(SpoolReader) reader = spool_open_folder(options, args[0]);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(Arena) arena = arena_new(4096);
    g_autoptr(GError) error = NULL;
    SpoolList list = {.arena = arena};

    if (reader == NULL)
        return CTL_NO;
    json_writer_init(&list.writer, out);
    json_writer_begin_object(&list.writer, NULL);
    json_writer_begin_array(&list.writer, "messages");
    if (!spool_reader_visit(reader, spool_list_message, &list, &error))
        return ctl_fail(options, CTL_NO, "invalid", error->message);
    json_writer_end_array(&list.writer);
    json_writer_end_object(&list.writer);
    ctl_answer(options, "spool list", out->str);
    return CTL_DONE;
}

static gboolean
spool_print_piece(BaridSlice piece, gpointer data)
{
    return fwrite(piece.data, 1, piece.len, data) == piece.len;
}

static gboolean
spool_collect_piece(BaridSlice piece, gpointer data)
{
    g_byte_array_append(data, piece.data, (guint)piece.len);
    return TRUE;
}

static void
spool_print_json(const gchar *id, const GByteArray *bytes)
{
    g_autofree gchar *encoded = g_base64_encode(bytes->data, bytes->len);

    printf("{\"id\":\"%s\",\"size\":%u,\"base64\":\"%s\"}\n", id, bytes->len, encoded);
}

static CtlStatus
offline_spool_cat(const Options *options, const gchar *const *args)
{
    gboolean json = options_has(options, "json");
    g_autoptr(SpoolReader) reader = NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    QueueId id;

    if (!queue_id_parse(barid_slice_from_text(args[1]), &id))
        return ctl_fail(options, CTL_NO, "invalid", _("that is no queue id"));
    reader = spool_open_folder(options, args[0]);
    if (reader == NULL)
        return CTL_NO;
    if (!spool_reader_copy_content(reader, id, json ? spool_collect_piece : spool_print_piece,
                                   json ? (gpointer)bytes : (gpointer)stdout, &error))
        return ctl_fail(options, CTL_NO,
                        error->code == BARID_ERROR_NOT_FOUND ? "not-found" : "invalid",
                        error->message);
    if (json)
        spool_print_json(args[1], bytes);
    return fflush(stdout) == 0 ? CTL_DONE : CTL_INTERNAL;
}

const CtlVerb offline_verbs[] = {
    {"check arc", "check arc FILE [--dns HOST:PORT] [--now TIME]",
     N_("Validate the ARC chain of a message."), check_arc},
    {"check dkim", "check dkim FILE [--dns HOST:PORT] [--now TIME]",
     N_("Verify the DKIM signatures of a message."), check_dkim},
    {"check dmarc",
     "check dmarc --ip ADDRESS --helo NAME --mail-from ADDRESS FILE [--dns HOST:PORT] "
     "[--now TIME] [--explain]",
     N_("Check a message by the policy of its author's domain."), check_dmarc},
    {"check domain", "check domain NAME [--selector NAME] [--dns HOST:PORT]",
     N_("Show what a sender finds out about a domain."), check_domain},
    {"check dsn", "check dsn FILE",
     N_("Show what a delivery status notification says."), check_dsn},
    {"check iprev", "check iprev --ip ADDRESS [--dns HOST:PORT]",
     N_("Confirm the reverse name of an address."), check_iprev},
    {"check message",
     "check message --ip ADDRESS --helo NAME --mail-from ADDRESS FILE [--dns HOST:PORT] "
     "[--now TIME] [--authserv-id NAME] [--explain]",
     N_("Show all that is found out about a message's sender."), check_message},
    {"check spf", "check spf --ip ADDRESS --helo NAME --mail-from ADDRESS [--dns HOST:PORT]",
     N_("Check whether a client may use a sender's domain."), check_spf},
    {"config check", "config check [--config FILE] [--state DIR]",
     N_("Check the configuration without starting anything."), offline_config_check},
    {"config show", "config show [SECTION [KEY]] [--config FILE] [--defaults | --changed]",
     N_("Show the settings that a file gives, or those on disk where no server is running."),
     offline_config_show},
    {"config diff", "config diff [--config FILE]",
     N_("Show what a reload would change."), offline_config_diff},
    {"sign arc",
     "sign arc --domain D --selector S --key FILE --authserv-id NAME FILE [--dns HOST:PORT] "
     "[--now TIME]",
     N_("Print a message with an ARC set."), sign_arc},
    {"sign dkim",
     "sign dkim --domain D --selector S --key FILE [--algorithm A] [--canon H/B] "
     "[--headers LIST] FILE",
     N_("Print a message with a DKIM signature."), sign_dkim},
    {"genkey dkim",
     "genkey dkim [--algorithm NAME] [--selector NAME] [--domain D] [--output FILE]",
     N_("Make a key for DKIM signatures and the DNS record for it."), genkey_dkim},
    {"modules enable", "modules enable NAME [--config FILE]",
     N_("Switch a module on in conf.d, check the configuration, and reload."), module_enable},
    {"modules disable", "modules disable NAME [--config FILE]",
     N_("Switch a module off in the same way."), module_disable},
    {"module new", "module new NAME [--template NAME] [--directory DIR]",
     N_("Write the sources of a module, with tests, to begin with."), module_new},
    {"spool verify", "spool verify DIR", N_("Check a spool folder."), offline_spool_verify},
    {"spool list", "spool list DIR", N_("List the messages of a spool folder."),
     offline_spool_list},
    {"spool cat", "spool cat DIR ID", N_("Print a message of a spool folder."),
     offline_spool_cat},
    {"replay",
     "replay --config FILE [--base FILE] [--since TIME] [--limit N] [--dns HOST:PORT] "
     "[--zone FILE] [--stores FILE]",
     N_("Show what another configuration would have done with the recorded traffic."),
     traffic_replay},
    {"test", "test [FILE ...] [--config FILE] [--jobs N] [--time-limit DURATION]",
     N_("Run the policy tests beside the configuration, or those that are named."),
     policy_tests_run},
    {NULL, NULL, NULL, NULL},
};
