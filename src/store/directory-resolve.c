/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an address: exact, without sub-address, postmaster, catch-all; then the
 * expansion of aliases. */
#include "store/directory-private.h"

#include "base/text.h"

/* One resolution under way. */
typedef struct {
    Directories *self;
    Arena *arena;
    GHashTable *seen;   /* keys of addresses already expanded: cuts loops */
    GHashTable *listed; /* keys of addresses in (targets) */
    GArray *targets;    /* of BaridSlice */
} Expansion;

/* What one address is, before aliases are followed. */
typedef struct {
    DirectoryAnswer answer;
    const DirectoryDomain *domain;
    const gchar *detail;
    DirectoryEntry entry;
} Step;

/* Catch-all and postmaster may name each other's addresses, but no further. */
enum { STEP_REDIRECTS_MAX = 3 };

static gboolean
entry_is_found(const DirectoryEntry *entry)
{
    return entry->user != NULL || entry->n_targets > 0;
}

static void
step_settle(Step *step)
{
    step->answer = step->entry.user != NULL ? DIRECTORY_MAILBOX : DIRECTORY_ALIAS;
}

static gboolean
step_find(Step *step, BaridSlice local, Arena *arena, GError **error)
{
    const Directory *directory = step->domain->directory;
    BaridSlice key = directory_key_from_parts(local, step->domain->key, arena);

    return directory->driver->find_address(directory->impl, key, arena, &step->entry, error);
}

/* Maps see the whole local part, its sub-address included. */
static gboolean
step_find_mapped(Step *step, const MailAddress *address, Arena *arena, GError **error)
{
    const Directory *directory = step->domain->directory;
    BaridSlice key = directory_key_from_parts(mail_address_dup_local(address, arena),
                                              step->domain->key, arena);

    return directory->driver->find_mapped(directory->impl, key, arena, &step->entry, error);
}

/* The position of the delimiter that ends the user part, or -1. */
static gssize
step_find_delimiter(const DirectoryDomain *domain, BaridSlice local)
{
    for (gsize i = 1; domain->delimiter[0] != '\0' && i < local.len; i++) {
        if (strchr(domain->delimiter, local.data[i]) != NULL)
            return (gssize)i;
    }
    return -1;
}

static gboolean
step_find_without_detail(Step *step, BaridSlice local, Arena *arena, BaridSlice *out_base,
                         GError **error)
{
    gssize at = step_find_delimiter(step->domain, local);

    *out_base = local;
    if (at < 0)
        return TRUE;
    *out_base = barid_slice(local.data, (gsize)at);
    step->detail = arena_dup_slice_text(arena, barid_slice(local.data + at + 1,
                                                           local.len - (gsize)at - 1));
    return step_find(step, *out_base, arena, error);
}

static gboolean step_resolve(Directories *self, const MailAddress *address, Arena *arena,
                             guint redirects, Step *out_step, GError **error);

/* (where) is a user's name or an address that stands in the configuration. */
static gboolean
step_redirect(Directories *self, const gchar *where, Arena *arena, guint redirects, Step *step,
              GError **error)
{
    const Directory *directory = step->domain->directory;
    BaridSlice text = barid_slice_from_text(where);
    DirectoryUser user;
    MailAddress address;
    BaridSlice *target;

    if (!directory->driver->find_user(directory->impl, text, arena, &user, error))
        return FALSE;
    if (user.name != NULL) {
        step->entry.user = user.name;
        step_settle(step);
        return TRUE;
    }
    if (redirects >= STEP_REDIRECTS_MAX || mail_address_parse(text, &address) != MAIL_ADDRESS_OK)
        return TRUE;
    if (!step_resolve(self, &address, arena, redirects + 1, step, error))
        return FALSE;
    if (step->answer != DIRECTORY_NOT_LOCAL)
        return TRUE;
    target = arena_new0(arena, BaridSlice);
    *target = mail_address_dup_canonical(&address, arena);
    step->entry = (DirectoryEntry){.targets = target, .n_targets = 1};
    step->answer = DIRECTORY_ALIAS;
    return TRUE;
}

static gboolean
step_resolve_unlisted(Directories *self, const MailAddress *address, BaridSlice base,
                      Arena *arena, guint redirects, Step *step, GError **error)
{
    const DirectoryDomain *domain = step->domain;
    const gchar *where = domain->catch_all;

    step->answer = DIRECTORY_UNKNOWN;
    if (!step_find_mapped(step, address, arena, error))
        return FALSE;
    if (entry_is_found(&step->entry)) {
        step->detail = NULL;
        step_settle(step);
        return TRUE;
    }
    /* RFC 5321 section 4.5.1: every domain served has a postmaster. The empty name is
     * the directory's first user. */
    if (barid_slice_equal_nocase(base, BARID_SLICE_LITERAL("postmaster")))
        where = domain->postmaster == NULL ? "" : domain->postmaster;
    if (where == NULL)
        return TRUE;
    return step_redirect(self, where, arena, redirects, step, error);
}

static gboolean
step_resolve(Directories *self, const MailAddress *address, Arena *arena, guint redirects,
             Step *out_step, GError **error)
{
    BaridSlice local;
    BaridSlice base;

    memset(out_step, 0, sizeof *out_step);
    out_step->answer = DIRECTORY_NOT_LOCAL;
    out_step->domain = directories_find_domain(self, address->domain, arena);
    if (out_step->domain == NULL)
        return TRUE;
    local = mail_address_dup_local(address, arena);
    if (!step_find(out_step, local, arena, error))
        return FALSE;
    if (!entry_is_found(&out_step->entry)) {
        if (!step_find_without_detail(out_step, local, arena, &base, error))
            return FALSE;
        if (!entry_is_found(&out_step->entry))
            return step_resolve_unlisted(self, address, base, arena, redirects, out_step, error);
    }
    step_settle(out_step);
    return TRUE;
}

/* --- aliases --- */

static gboolean
expansion_add(Expansion *self, BaridSlice target, const MailAddress *address, GError **error)
{
    BaridSlice key = directory_key(address, self->arena);

    if (!g_hash_table_add(self->listed, arena_dup_slice_text(self->arena, key)))
        return TRUE;
    if (self->targets->len >= DIRECTORY_TARGETS_MAX) {
        g_set_error(error, DIRECTORY_ERROR, BARID_ERROR_TOO_LARGE,
                    "the alias has more than %d addresses", DIRECTORY_TARGETS_MAX);
        return FALSE;
    }
    g_array_append_val(self->targets, target);
    return TRUE;
}

static gboolean expansion_follow(Expansion *self, const DirectoryEntry *entry, guint depth,
                                 GError **error);

static gboolean
expansion_visit(Expansion *self, BaridSlice target, guint depth, GError **error)
{
    MailAddress address;
    BaridSlice key;
    Step step;

    if (mail_address_parse(target, &address) != MAIL_ADDRESS_OK)
        return TRUE;
    if (!step_resolve(self->self, &address, self->arena, 0, &step, error))
        return FALSE;
    if (step.answer == DIRECTORY_NOT_LOCAL || step.answer == DIRECTORY_MAILBOX)
        return expansion_add(self, target, &address, error);
    if (step.answer == DIRECTORY_UNKNOWN) {
        g_autofree gchar *shown = text_escape(target, 200);

        barid_log(BARID_LOG_WARNING, "directory.alias-dangling", "target", shown, NULL);
        return TRUE;
    }
    key = directory_key(&address, self->arena);
    if (!g_hash_table_add(self->seen, arena_dup_slice_text(self->arena, key)))
        return TRUE;
    return expansion_follow(self, &step.entry, depth + 1, error);
}

static gboolean
expansion_follow(Expansion *self, const DirectoryEntry *entry, guint depth, GError **error)
{
    if (depth > DIRECTORY_DEPTH_MAX) {
        g_set_error(error, DIRECTORY_ERROR, BARID_ERROR_TOO_LARGE,
                    "the alias goes through more than %d others", DIRECTORY_DEPTH_MAX);
        return FALSE;
    }
    for (guint i = 0; i < entry->n_targets; i++) {
        if (!expansion_visit(self, entry->targets[i], depth, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
resolve_alias(Directories *self, const MailAddress *address, const Step *step, Arena *arena,
              DirectoryResult *out_result, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(BaridSlice));
    Expansion expansion = {self, arena, seen, listed, targets};
    BaridSlice key = directory_key(address, arena);

    g_hash_table_add(seen, arena_dup_slice_text(arena, key));
    if (!expansion_follow(&expansion, &step->entry, 1, error))
        return FALSE;
    /* An alias that leads nowhere but to itself takes no mail. */
    out_result->answer = targets->len == 0 ? DIRECTORY_UNKNOWN : DIRECTORY_ALIAS;
    out_result->n_targets = targets->len;
    out_result->targets = arena_alloc(arena, MAX(targets->len, 1) * sizeof(BaridSlice));
    if (targets->len > 0)
        memcpy(out_result->targets, targets->data, targets->len * sizeof(BaridSlice));
    return TRUE;
}

static BaridSlice
resolve_full_address(const MailAddress *address, const DirectoryDomain *domain, Arena *arena)
{
    gchar *text;

    if (address->domain.len > 0)
        return mail_address_dup_canonical(address, arena);
    text = arena_printf(arena, "%.*s@%s", (int)address->local.len,
                        (const gchar *)address->local.data, domain->name);
    return arena_dup_lower(arena, barid_slice_from_text(text));
}

gboolean
directories_resolve(Directories *self, const MailAddress *address, Arena *arena,
                    DirectoryResult *out_result, GError **error)
{
    DirectoryResult result = {.answer = DIRECTORY_NOT_LOCAL};
    Step step;

    if (!step_resolve(self, address, arena, 0, &step, error))
        return FALSE;
    result.answer = step.answer;
    if (step.answer == DIRECTORY_ALIAS &&
        !resolve_alias(self, address, &step, arena, &result, error))
        return FALSE;
    if (step.answer == DIRECTORY_MAILBOX) {
        result.user = step.entry.user;
        result.detail = step.detail;
        result.transport = arena_dup_text(arena, step.domain->transport);
        result.targets = arena_new0(arena, BaridSlice);
        result.targets[0] = resolve_full_address(address, step.domain, arena);
        result.n_targets = 1;
    }
    *out_result = result;
    return TRUE;
}
