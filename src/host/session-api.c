/* SPDX-License-Identifier: Apache-2.0 */
/* The getters and edits of <barid/session.h>. */
#include "base/text.h"
#include "host/hook-call.h"
#include "mime/header.h"

const gchar *
barid_session_get_remote_ip(BaridSession *session)
{
    gchar text[ADDRESS_TEXT_MAX];

    return arena_dup_text(session->scope.arena, address_format_ip(&session->remote, text));
}

guint16
barid_session_get_remote_port(BaridSession *session)
{
    return session->remote.port;
}

const gchar *
barid_session_get_local_ip(BaridSession *session)
{
    gchar text[ADDRESS_TEXT_MAX];

    return arena_dup_text(session->scope.arena, address_format_ip(&session->local, text));
}

const gchar *
barid_session_get_listener(BaridSession *session)
{
    return session->listener;
}

BaridSlice
barid_session_get_helo(BaridSession *session)
{
    return session->helo;
}

const gchar *
barid_session_get_source(BaridSession *session)
{
    return session->source != NULL ? session->source : scope_source_words[session->lmtp ? 1 : 0];
}

const gchar *
barid_session_get_hostname(BaridSession *session)
{
    return session->hostname;
}

const gchar *
barid_session_get_user(BaridSession *session)
{
    return session->user;
}

gboolean
barid_session_is_tls(BaridSession *session)
{
    return session->tls_version != NULL;
}

const gchar *
barid_session_get_id(BaridSession *session)
{
    return session->id;
}

void
barid_session_take(BaridSession *session, gpointer data, GDestroyNotify free_func)
{
    arena_on_reset(session->scope.arena, free_func, data);
}

BaridSession *
barid_transaction_get_session(BaridTransaction *txn)
{
    return txn->session;
}

const gchar *
barid_transaction_get_queue_id(BaridTransaction *txn)
{
    return txn->queue_id;
}

BaridSlice
barid_transaction_get_sender(BaridTransaction *txn)
{
    return txn->sender;
}

guint
barid_transaction_get_n_recipients(BaridTransaction *txn)
{
    return txn->recipients->len;
}

const BaridRecipient *
barid_transaction_get_recipient(BaridTransaction *txn, guint index)
{
    g_return_val_if_fail(index < txn->recipients->len, NULL);
    return g_ptr_array_index(txn->recipients, index);
}

BaridSlice
barid_recipient_get_address(const BaridRecipient *rcpt)
{
    return rcpt->address;
}

BaridSlice
barid_recipient_get_domain(const BaridRecipient *rcpt)
{
    return rcpt->domain;
}

static gboolean
session_api_may(BaridNeeds need, const gchar *what)
{
    HookCall *call = hook_call_get_current();

    return call == NULL || hook_call_may(call, need, what);
}

BaridSlice
barid_transaction_get_header(BaridTransaction *txn)
{
    if (!session_api_may(BARID_READS_HEADERS, "reading the header"))
        return BARID_SLICE_EMPTY;
    return barid_slice(txn->message.data, header_get_length(txn->message));
}

BaridSlice
barid_transaction_get_message(BaridTransaction *txn)
{
    if (!session_api_may(BARID_READS_BODY, "reading the message"))
        return BARID_SLICE_EMPTY;
    return txn->message;
}

BaridSlice
barid_transaction_get_field(BaridTransaction *txn, const gchar *name, guint n)
{
    HeaderField field;

    if (!session_api_may(BARID_READS_HEADERS, "reading the header"))
        return BARID_SLICE_EMPTY;
    return header_find(txn->message, name, n, &field) ? field.value : BARID_SLICE_EMPTY;
}

static gboolean
session_api_add_edit(BaridTransaction *txn, const HeaderEdit *edit, GError **error)
{
    HookCall *call = hook_call_get_current();
    HeaderEdit *copy;
    HeaderEdit **tail = call != NULL ? call->edits_tail : txn->edits_tail;

    if (!session_api_may(BARID_CHANGES_HEADERS, "changing the header")) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_DENIED,
                            "the module did not declare that it changes headers");
        return FALSE;
    }
    if (!header_name_is_valid(barid_slice_from_text(edit->name)) ||
        !header_value_is_valid(barid_slice_from_text(edit->value))) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "no valid header field: %s",
                    edit->name);
        return FALSE;
    }
    copy = arena_new0(txn->scope.arena, HeaderEdit);
    *copy = *edit;
    copy->name = arena_dup_text(txn->scope.arena, edit->name);
    copy->value = edit->value == NULL ? NULL : arena_dup_text(txn->scope.arena, edit->value);
    *tail = copy;
    if (call != NULL)
        call->edits_tail = &copy->next;
    else
        txn->edits_tail = &copy->next;
    return TRUE;
}

gboolean
barid_transaction_prepend_field(BaridTransaction *txn, const gchar *name, const gchar *value,
                                GError **error)
{
    return session_api_add_edit(txn, &(HeaderEdit){.name = name, .value = value}, error);
}

gboolean
barid_transaction_remove_field(BaridTransaction *txn, const gchar *name, guint n, GError **error)
{
    return session_api_add_edit(txn, &(HeaderEdit){.removes = TRUE, .name = name, .n = n}, error);
}
