/* SPDX-License-Identifier: Apache-2.0 */
#include "host/rule-lookups.h"

#include "base/text.h"
#include "conf/rule-language.h"
#include "host/hook-call.h"
#include "mime/mail-address.h"

/* Records of one answer that a rule looks at. */
enum { RULE_LOOKUP_RECORDS_MAX = 1000 };

/* --- failures --- */

/* Inside a hook it is an input of the hook's decision; the core's own rules have an entry to
 * themselves, since what is decided with their value is not known here. */
static void
rule_lookups_note(BaridScope *scope, const ConfigPosition *position, BaridSlice text)
{
    g_autofree gchar *where = g_strdup_printf("rule %s:%u", position->file, position->line);
    g_autofree gchar *what = text_escape(text, HOOK_INPUT_BYTES_MAX - 1);
    Decision *entry;

    if (hook_call_get_current() != NULL) {
        barid_scope_explain(scope, where, "failed: %s", what);
        return;
    }
    entry = decision_record_add(&scope->decisions, scope->arena, "rule",
                                scope->kind == SCOPE_ATTEMPT       ? BARID_STAGE_POLICY
                                : scope->kind == SCOPE_TRANSACTION ? BARID_STAGE_MAIL
                                                                   : BARID_STAGE_CONNECT);
    if (entry == NULL)
        return;
    entry->verdict = BARID_CONTINUE;
    entry->reason = DECISION_LOOKUP_FAILED;
    entry->rule = *position;
    decision_add_input(entry, scope->arena, where, what);
}

/* --- the DNS --- */

static gboolean
rule_lookups_parse_type(BaridSlice word, guint *out_type, gboolean *out_is_address)
{
    static const DnsType types[] = {DNS_TYPE_A,  DNS_TYPE_AAAA, DNS_TYPE_MX,   DNS_TYPE_TXT,
                                    DNS_TYPE_NS, DNS_TYPE_PTR,  DNS_TYPE_CNAME};

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        const gchar *name = dns_type_get_name(types[i]);

        if (word.len == strlen(name) &&
            g_ascii_strncasecmp((const gchar *)word.data, name, word.len) == 0) {
            *out_type = types[i];
            *out_is_address = types[i] == DNS_TYPE_A || types[i] == DNS_TYPE_AAAA;
            return TRUE;
        }
    }
    return FALSE;
}

static BaridSlice
rule_lookups_dup(const gchar *text, Arena *scratch)
{
    return arena_dup_slice(scratch, barid_slice_from_text(text));
}

static RuleValue
rule_lookups_read(const DnsRecord *record, guint type, Arena *scratch)
{
    RuleValue value = {.type = RULE_TEXT};

    switch (type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        value.type = RULE_ADDRESS;
        value.as.address = record->as.address;
        break;
    case DNS_TYPE_MX:
        value.as.text = rule_lookups_dup(record->as.mx.exchange, scratch);
        break;
    case DNS_TYPE_TXT:
        value.as.text = arena_dup_slice(scratch, record->as.text);
        break;
    default:
        value.as.text = rule_lookups_dup(record->as.name, scratch);
        break;
    }
    return value;
}

/* A name that cannot be asked for has no records: what a peer sends is no failure of ours. */
static RuleAnswer
rule_lookups_fail(const gchar *name, guint type, const GError *error, Arena *scratch,
                  BaridSlice *out_text)
{
    g_autofree gchar *shown = NULL;

    if (error->code == BARID_ERROR_INVALID)
        return RULE_ANSWER_ABSENT;
    shown = text_escape(barid_slice_from_text(name), 255);
    *out_text = barid_slice_from_text(arena_printf(scratch, "dns %s %s: %s", shown,
                                                   dns_type_get_name((DnsType)type),
                                                   error->message));
    return RULE_ANSWER_FAILED;
}

static void
rule_lookups_count(void)
{
    HookCall *call = hook_call_get_current();

    if (call != NULL)
        call->n_dns_questions++;
}

/* The rule is the administrator's word: what the module that asks has declared does not
 * matter. */
static RuleAnswer
rule_lookups_ask(gpointer data, BaridSlice name, guint type, Arena *scratch,
                 const RuleValue **out_records, guint *out_n_records, BaridSlice *out_text)
{
    g_autofree gchar *text = barid_slice_dup_text(name, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DnsAnswer) answer = NULL;
    RuleValue *records;
    guint n_records;

    if (text == NULL)
        return RULE_ANSWER_ABSENT;
    if (data == NULL) {
        *out_text = BARID_SLICE_LITERAL("dns: there is no resolver");
        return RULE_ANSWER_FAILED;
    }
    rule_lookups_count();
    answer = dns_lookup(data, text, (DnsType)type, &error);
    if (answer == NULL)
        return rule_lookups_fail(text, type, error, scratch, out_text);
    n_records = MIN(answer->n_records, RULE_LOOKUP_RECORDS_MAX);
    records = arena_alloc(scratch, n_records * sizeof *records);
    for (guint i = 0; i < n_records; i++)
        records[i] = rule_lookups_read(&answer->records[i], type, scratch);
    *out_records = records;
    *out_n_records = n_records;
    return n_records > 0 ? RULE_ANSWER_FOUND : RULE_ANSWER_ABSENT;
}

static RuleAnswer
rule_lookups_ask_call(const RuleCall *call, const RuleValue **out_records, RuleValue *out_value)
{
    guint n_records;

    out_value->as.text = BARID_SLICE_EMPTY;
    if (call->args[0].as.text.len == 0)
        return RULE_ANSWER_ABSENT;
    return rule_lookups_ask(call->data, call->args[0].as.text, call->args[1].as.dns_type,
                            call->scratch, out_records, &n_records, &out_value->as.text);
}

static gboolean
rule_lookups_dns_exists(const RuleCall *call, RuleValue *out_value)
{
    const RuleValue *records;
    RuleAnswer answer = rule_lookups_ask_call(call, &records, out_value);

    if (answer == RULE_ANSWER_FAILED)
        return FALSE;
    out_value->as.boolean = answer == RULE_ANSWER_FOUND;
    return TRUE;
}

static gboolean
rule_lookups_dns_first(const RuleCall *call, RuleValue *out_value)
{
    const RuleValue *records = NULL;
    gchar text[ADDRESS_TEXT_MAX];

    switch (rule_lookups_ask_call(call, &records, out_value)) {
    case RULE_ANSWER_FAILED:
        return FALSE;
    case RULE_ANSWER_ABSENT:
        out_value->as.text = BARID_SLICE_EMPTY;
        break;
    case RULE_ANSWER_FOUND:
        out_value->as.text =
            records[0].type == RULE_ADDRESS
                ? rule_lookups_dup(address_format_ip(&records[0].as.address, text), call->scratch)
                : records[0].as.text;
        break;
    }
    return TRUE;
}

void
rule_lookups_register_dns(DnsResolver *resolver)
{
    static const RuleType args[] = {RULE_TEXT, RULE_DNS_TYPE};

    rule_dns_register(rule_lookups_parse_type, rule_lookups_ask, resolver);
    rule_lookup_register("dns-exists", RULE_BOOL, args, 2, rule_lookups_dns_exists, resolver);
    rule_lookup_register("dns-first", RULE_TEXT, args, 2, rule_lookups_dns_first, resolver);
}

/* --- mail addresses --- */

static gboolean
rule_lookups_is_email(const RuleCall *call, RuleValue *out_value)
{
    MailAddress address;

    out_value->as.boolean =
        mail_address_parse(call->args[0].as.text, &address) == MAIL_ADDRESS_OK &&
        address.domain.len > 0;
    return TRUE;
}

void
rule_lookups_register(void)
{
    static const RuleType text[] = {RULE_TEXT};

    rule_failure_register(rule_lookups_note);
    rule_function_register("is-email", RULE_BOOL, text, 1, rule_lookups_is_email);
}
