/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mailbox-log.h"

#include "base/text.h"
#include "sim/judge.h"

enum { MAILBOX_CONTENT_MAX = 1024 * 1024 };

static void
mailbox_entry_free(gpointer data)
{
    MailboxEntry *entry = data;

    g_free(entry->rcpt);
    g_free(entry->sender);
    g_free(entry->via);
    g_free(entry->mailbox);
    g_free(entry->content);
    g_free(entry);
}

void
mailbox_log_init(MailboxLog *self)
{
    self->entries = g_ptr_array_new_with_free_func(mailbox_entry_free);
    self->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void
mailbox_log_clear(MailboxLog *self)
{
    g_ptr_array_free(self->entries, TRUE);
    g_hash_table_destroy(self->answers);
}

void
mailbox_log_add(MailboxLog *self, const MailboxEntry *entry)
{
    MailboxEntry *copy = g_new0(MailboxEntry, 1);

    copy->rcpt = g_strdup(entry->rcpt);
    copy->sender = g_strdup(entry->sender);
    copy->via = g_strdup(entry->via);
    copy->mailbox = g_strdup(entry->mailbox);
    copy->content = g_strdup(entry->content);
    g_ptr_array_add(self->entries, copy);
}

void
mailbox_log_set_answer(MailboxLog *self, const gchar *transport, const gchar *answer)
{
    g_hash_table_replace(self->answers, g_strdup(transport), g_strdup(answer));
}

/* --- the transport --- */

typedef struct {
    MailboxLog *log;
    gchar *name;
} StandIn;

static gchar *
stand_in_dup_content(BaridAttempt *attempt)
{
    g_autoptr(GString) all = g_string_new(NULL);
    BaridSlice pieces[2];
    guint n = barid_attempt_get_content(attempt, pieces);

    for (guint i = 0; i < n; i++)
        g_string_append_len(all, (const gchar *)pieces[i].data, (gssize)pieces[i].len);
    return text_escape(barid_slice(all->str, all->len), MAILBOX_CONTENT_MAX);
}

static void
stand_in_note(const StandIn *self, BaridAttempt *attempt, guint index)
{
    const gchar *mailbox = barid_attempt_get_mailbox(attempt, index);
    const gchar *detail = barid_attempt_get_detail(attempt, index);
    g_autofree gchar *full = g_strconcat(mailbox == NULL ? "" : mailbox,
                                         detail == NULL ? "" : "+", detail, NULL);
    g_autofree gchar *rcpt = text_escape(barid_attempt_get_address(attempt, index), 1000);
    g_autofree gchar *sender = text_escape(barid_attempt_get_sender(attempt), 1000);
    g_autofree gchar *content = stand_in_dup_content(attempt);

    mailbox_log_add(self->log, &(MailboxEntry){.rcpt = rcpt,
                                               .sender = sender,
                                               .via = self->name,
                                               .mailbox = full,
                                               .content = content});
}

/* "452 4.2.2 mailbox full"; without a status, x.0.0. */
static void
stand_in_answer(BaridAttempt *attempt, guint index, const gchar *answer)
{
    g_auto(GStrv) words = g_strsplit(answer, " ", 3);
    gboolean has_status = g_strv_length(words) == 3 && strchr(words[1], '.') != NULL;
    g_autofree gchar *status =
        has_status ? g_strdup(words[1]) : g_strdup_printf("%c.0.0", answer[0]);
    const gchar *text = has_status ? words[2] : answer;

    barid_attempt_set_result(attempt, index, answer[0] == '4' ? BARID_DEFERRED : BARID_FAILED,
                             status, text);
}

static void
stand_in_deliver(gpointer data, BaridAttempt *attempt)
{
    const StandIn *self = data;
    const gchar *answer = g_hash_table_lookup(self->log->answers, self->name);

    for (guint i = 0; i < barid_attempt_get_n_recipients(attempt); i++) {
        if (answer != NULL && answer[0] != '2') {
            stand_in_answer(attempt, i, answer);
            continue;
        }
        stand_in_note(self, attempt, i);
        barid_attempt_set_result(attempt, i, BARID_DELIVERED, "2.0.0", "delivered");
    }
}

static void
stand_in_close(gpointer data)
{
    StandIn *self = data;

    g_free(self->name);
    g_free(self);
}

gpointer
mailbox_log_open(const gchar *transport, gpointer log, const BaridTransportDriver **out_driver)
{
    static const BaridTransportDriver driver = {
        .struct_size = sizeof(BaridTransportDriver),
        .close = stand_in_close,
        .deliver = stand_in_deliver,
    };
    StandIn *self;

    /* The one that is of the simulation itself. */
    if (strcmp(transport, judge_LTX_barid_module.name) == 0)
        return NULL;
    self = g_new0(StandIn, 1);
    self->log = log;
    self->name = g_strdup(transport);
    *out_driver = &driver;
    return self;
}
