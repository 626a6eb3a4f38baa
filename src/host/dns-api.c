/* SPDX-License-Identifier: Apache-2.0 */
/* The questions of <barid/dns.h>. */
#include <barid/dns.h>

#include "base/error-domain.h"
#include "base/text.h"
#include "dns/dns-name.h"
#include "dns/resolver.h"
#include "host/host-private.h"

enum { DNS_API_RECORDS_SHOWN = 4, DNS_API_TEXT_SHOWN = 80, DNS_API_RECORD_SHOWN = 250 };

struct BaridDnsAnswer {
    DnsAnswer *answer;
    DnsType type;
    gchar **addresses; /* of A and AAAA */
};

typedef struct {
    DnsResolver *resolver;
    gchar *name;
    Address address; /* instead of the name */
    DnsType type;
    BaridDnsAnswer *answer;
    GError *error;
} DnsApiQuestion;

struct BaridDnsBatch {
    GPtrArray *questions; /* of DnsApiQuestion * */
};

_Static_assert((int)BARID_DNS_NO_NAME == (int)DNS_NO_NAME, "the statuses are one list");
_Static_assert((int)BARID_DNS_AAAA == (int)DNS_TYPE_AAAA, "the types are those of the wire");

gchar *
barid_dns_dup_name(const gchar *name, GError **error)
{
    gchar out[DNS_NAME_MAX + 1];

    return dns_name_normalise(name, out, error) ? g_strdup(out) : NULL;
}

/* --- one question --- */

static BaridDnsAnswer *
dns_api_answer_new(DnsAnswer *answer, DnsType type)
{
    BaridDnsAnswer *self = g_new0(BaridDnsAnswer, 1);
    gchar text[ADDRESS_TEXT_MAX];

    self->answer = answer;
    self->type = type;
    if (type != DNS_TYPE_A && type != DNS_TYPE_AAAA)
        return self;
    self->addresses = g_new0(gchar *, answer->n_records + 1);
    for (guint i = 0; i < answer->n_records; i++)
        self->addresses[i] = g_strdup(address_format_ip(&answer->records[i].as.address, text));
    return self;
}

/* In any fiber. */
static void
dns_api_ask(gpointer data)
{
    DnsApiQuestion *self = data;
    DnsAnswer *answer = self->name == NULL
                            ? dns_lookup_names(self->resolver, &self->address, &self->error)
                            : dns_lookup(self->resolver, self->name, self->type, &self->error);

    if (answer != NULL)
        self->answer = dns_api_answer_new(answer, self->type);
}

static void
dns_api_question_clear(DnsApiQuestion *self)
{
    g_free(self->name);
    barid_dns_answer_free(self->answer);
    g_clear_error(&self->error);
}

/* Readies the question; FALSE with its error when it may not be asked. */
static gboolean
dns_api_admit(DnsApiQuestion *self)
{
    HookCall *call = hook_call_get_current();

    if (call == NULL || !hook_call_may(call, BARID_USES_NETWORK, "a DNS question")) {
        g_set_error_literal(&self->error, BARID_ERROR, BARID_ERROR_DENIED,
                            call == NULL ? "no hook is running" : "the network was not declared");
        return FALSE;
    }
    self->resolver = host_get_resolver(call->host);
    if (self->resolver != NULL) {
        call->n_dns_questions++;
        return TRUE;
    }
    g_set_error_literal(&self->error, BARID_ERROR, BARID_ERROR_UNSUPPORTED,
                        "there is no resolver");
    return FALSE;
}

/* --- the decision record --- */

static void
dns_api_describe_record(const BaridDnsAnswer *answer, guint index, GString *out)
{
    const gchar *address = barid_dns_answer_get_address(answer, index);
    const gchar *name = barid_dns_answer_get_name(answer, index);

    if (answer->type == DNS_TYPE_MX) {
        g_string_append_printf(out, "%u %s", barid_dns_answer_get_preference(answer, index), name);
    } else if (address != NULL || name != NULL) {
        g_string_append(out, address != NULL ? address : name);
    } else {
        g_autofree gchar *text =
            text_escape(barid_dns_answer_get_text(answer, index), DNS_API_RECORD_SHOWN);

        g_string_append_printf(out, "\"%s\"", text);
    }
}

static void
dns_api_describe(const DnsApiQuestion *self, GString *out)
{
    guint n_records;

    if (self->answer == NULL) {
        g_string_append(out, self->error->message);
        return;
    }
    n_records = barid_dns_answer_get_n_records(self->answer);
    if (n_records == 0)
        g_string_append(out, self->answer->answer->status == DNS_NO_NAME ? "no such name"
                                                                         : "no such record");
    for (guint i = 0; i < n_records && i < DNS_API_RECORDS_SHOWN; i++) {
        g_string_append(out, i == 0 ? "" : ", ");
        dns_api_describe_record(self->answer, i, out);
    }
    if (n_records > DNS_API_RECORDS_SHOWN)
        g_string_append_printf(out, " and %u more", n_records - DNS_API_RECORDS_SHOWN);
}

static void
dns_api_explain(BaridScope *scope, const DnsApiQuestion *self)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    gchar ip[ADDRESS_TEXT_MAX];
    g_autofree gchar *key = NULL;
    g_autofree gchar *name =
        text_escape(barid_slice_from_text(self->name != NULL
                                              ? self->name
                                              : address_format_ip(&self->address, ip)),
                    DNS_API_TEXT_SHOWN);

    /* The inputs of a decision have different keys. */
    key = g_strdup_printf("dns %s %s", name, dns_type_get_name(self->type));
    dns_api_describe(self, answer);
    barid_explain(scope, key, "%s", answer->str);
}

static gboolean
dns_api_run(BaridScope *scope, DnsApiQuestion *self, BaridDnsAnswer **out_answer, GError **error)
{
    gboolean ok;

    if (self->error == NULL && dns_api_admit(self))
        dns_api_ask(self);
    dns_api_explain(scope, self);
    ok = self->answer != NULL;
    if (ok)
        *out_answer = g_steal_pointer(&self->answer);
    else
        g_propagate_error(error, g_steal_pointer(&self->error));
    dns_api_question_clear(self);
    return ok;
}

static void
dns_api_check_type(DnsApiQuestion *self)
{
    if (dns_type_get_name(self->type) != NULL)
        return;
    g_set_error(&self->error, BARID_ERROR, BARID_ERROR_UNSUPPORTED, "type %u cannot be asked for",
                (guint)self->type);
    self->type = DNS_TYPE_A;
}

gboolean
barid_scope_dns_lookup(BaridScope *scope, const gchar *name, BaridDnsType type,
                       BaridDnsAnswer **out_answer, GError **error)
{
    DnsApiQuestion question = {.name = g_strdup(name), .type = (DnsType)type};

    dns_api_check_type(&question);
    return dns_api_run(scope, &question, out_answer, error);
}

gboolean
barid_scope_dns_lookup_names(BaridScope *scope, const gchar *ip, BaridDnsAnswer **out_answer,
                             GError **error)
{
    DnsApiQuestion question = {.type = DNS_TYPE_PTR};

    if (!address_parse_ip(barid_slice_from_text(ip), &question.address)) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "\"%s\" is no address", ip);
        return FALSE;
    }
    return dns_api_run(scope, &question, out_answer, error);
}

/* --- several --- */

static void
dns_api_question_free(gpointer data)
{
    dns_api_question_clear(data);
    g_free(data);
}

BaridDnsBatch *
barid_dns_batch_new(void)
{
    BaridDnsBatch *self = g_new0(BaridDnsBatch, 1);

    self->questions = g_ptr_array_new_with_free_func(dns_api_question_free);
    return self;
}

void
barid_dns_batch_free(BaridDnsBatch *self)
{
    if (self == NULL)
        return;
    g_ptr_array_free(self->questions, TRUE);
    g_free(self);
}

guint
barid_dns_batch_add(BaridDnsBatch *self, const gchar *name, BaridDnsType type)
{
    DnsApiQuestion *question = g_new0(DnsApiQuestion, 1);

    question->name = g_strdup(name);
    question->type = (DnsType)type;
    dns_api_check_type(question);
    if (question->error == NULL && self->questions->len >= BARID_DNS_BATCH_MAX)
        g_set_error_literal(&question->error, BARID_ERROR, BARID_ERROR_TOO_LARGE,
                            "too many questions at once");
    g_ptr_array_add(self->questions, question);
    return self->questions->len - 1;
}

void
barid_scope_dns_batch_ask(BaridScope *scope, BaridDnsBatch *batch)
{
    FiberGroup group;

    fiber_group_init(&group, scheduler_get_current());
    for (guint i = 0; i < batch->questions->len; i++) {
        DnsApiQuestion *question = g_ptr_array_index(batch->questions, i);

        if (question->error != NULL || question->answer != NULL || !dns_api_admit(question))
            continue;
        /* Without room for another fiber they go one after the other. */
        if (!fiber_group_spawn(&group, dns_api_ask, question, NULL))
            dns_api_ask(question);
    }
    fiber_group_join(&group);
    for (guint i = 0; i < batch->questions->len; i++)
        dns_api_explain(scope, g_ptr_array_index(batch->questions, i));
}

const BaridDnsAnswer *
barid_dns_batch_get(const BaridDnsBatch *self, guint index, GError **error)
{
    const DnsApiQuestion *question;

    g_return_val_if_fail(index < self->questions->len, NULL);
    question = g_ptr_array_index(self->questions, index);
    if (question->answer == NULL && error != NULL)
        *error = question->error != NULL
                     ? g_error_copy(question->error)
                     : g_error_new_literal(BARID_ERROR, BARID_ERROR_FAILED, "it was not asked");
    return question->answer;
}

/* --- answers --- */

void
barid_dns_answer_free(BaridDnsAnswer *self)
{
    if (self == NULL)
        return;
    dns_answer_unref(self->answer);
    g_strfreev(self->addresses);
    g_free(self);
}

BaridDnsStatus
barid_dns_answer_get_status(const BaridDnsAnswer *self)
{
    return (BaridDnsStatus)self->answer->status;
}

gboolean
barid_dns_answer_is_secure(const BaridDnsAnswer *self)
{
    return self->answer->security == DNS_SECURE;
}

const gchar *
barid_dns_answer_get_canonical(const BaridDnsAnswer *self)
{
    return self->answer->canonical;
}

guint
barid_dns_answer_get_ttl_s(const BaridDnsAnswer *self)
{
    return self->answer->ttl_s;
}

guint
barid_dns_answer_get_n_records(const BaridDnsAnswer *self)
{
    return self->answer->n_records;
}

const gchar *
barid_dns_answer_get_address(const BaridDnsAnswer *self, guint index)
{
    g_return_val_if_fail(index < self->answer->n_records, NULL);
    return self->addresses == NULL ? NULL : self->addresses[index];
}

const gchar *
barid_dns_answer_get_name(const BaridDnsAnswer *self, guint index)
{
    g_return_val_if_fail(index < self->answer->n_records, NULL);
    switch (self->type) {
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
        return self->answer->records[index].as.name;
    case DNS_TYPE_MX:
        return self->answer->records[index].as.mx.exchange;
    default:
        return NULL;
    }
}

guint
barid_dns_answer_get_preference(const BaridDnsAnswer *self, guint index)
{
    g_return_val_if_fail(index < self->answer->n_records, 0);
    return self->type == DNS_TYPE_MX ? self->answer->records[index].as.mx.preference : 0;
}

BaridSlice
barid_dns_answer_get_text(const BaridDnsAnswer *self, guint index)
{
    g_return_val_if_fail(index < self->answer->n_records, BARID_SLICE_EMPTY);
    return self->type == DNS_TYPE_TXT ? self->answer->records[index].as.text : BARID_SLICE_EMPTY;
}
