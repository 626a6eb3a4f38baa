/* SPDX-License-Identifier: Apache-2.0 */
/* The table of users and aliases that the inline and file drivers answer from. */
#include "base/i18n.h"
#include "store/directory-private.h"

#include "base/text.h"
#include "conf/rule-regex.h"
#include "mime/mail-domain.h"

typedef struct {
    DirectoryUser public;
    gboolean everywhere; /* has NAME@DOMAIN in each domain of the directory */
} TableUser;

typedef struct {
    RuleRegex *regex;
    const gchar *const *targets; /* NULL-ended, with ${1} */
} TableMap;

struct DirectoryTable {
    gatomicrefcount references;
    GArray *maps; /* of TableMap, in order */
    Arena *arena;
    GHashTable *entries; /* key text -> DirectoryEntry */
    GHashTable *users;   /* folded name -> TableUser */
    TableUser *first;
};

DirectoryTable *
directory_table_new(void)
{
    DirectoryTable *self = g_new0(DirectoryTable, 1);

    g_atomic_ref_count_init(&self->references);
    self->maps = g_array_new(FALSE, FALSE, sizeof(TableMap));
    self->arena = arena_new(4096);
    self->entries = g_hash_table_new(g_str_hash, g_str_equal);
    self->users = g_hash_table_new(g_str_hash, g_str_equal);
    return self;
}

DirectoryTable *
directory_table_ref(DirectoryTable *self)
{
    g_atomic_ref_count_inc(&self->references);
    return self;
}

void
directory_table_unref(DirectoryTable *self)
{
    if (self == NULL || !g_atomic_ref_count_dec(&self->references))
        return;
    for (guint i = 0; i < self->maps->len; i++)
        rule_regex_free(g_array_index(self->maps, TableMap, i).regex);
    g_array_unref(self->maps);
    g_hash_table_unref(self->entries);
    g_hash_table_unref(self->users);
    arena_free(self->arena);
    g_free(self);
}

/* --- keys --- */

/* Checked text only: it holds no NUL. */
static gchar *
table_dup_text(Arena *arena, BaridSlice slice)
{
    gchar *text = arena_alloc(arena, slice.len + 1);

    if (slice.len > 0)
        memcpy(text, slice.data, slice.len);
    return text;
}

BaridSlice
directory_fold(BaridSlice text, Arena *arena)
{
    g_autofree gchar *normal = NULL;
    g_autofree gchar *folded = NULL;

    if (text_is_ascii(text))
        return arena_dup_lower(arena, text);
    normal = g_utf8_normalize((const gchar *)text.data, (gssize)text.len, G_NORMALIZE_NFC);
    if (normal == NULL)
        return arena_dup_lower(arena, text);
    folded = g_utf8_casefold(normal, -1);
    return arena_dup_slice(arena, barid_slice_from_text(folded));
}

BaridSlice
directory_key_from_parts(BaridSlice local, BaridSlice domain, Arena *arena)
{
    BaridSlice name = directory_fold(local, arena);
    BaridSlice ascii = mail_domain_dup_ascii(domain, arena);
    gsize len = name.len + 1 + ascii.len;
    guint8 *joined = arena_alloc(arena, len);

    if (name.len > 0)
        memcpy(joined, name.data, name.len);
    joined[name.len] = '@';
    if (ascii.len > 0)
        memcpy(joined + name.len + 1, ascii.data, ascii.len);
    return barid_slice(joined, len);
}

BaridSlice
directory_fold_name(BaridSlice name, Arena *arena)
{
    gssize at = text_find_last(name, '@');

    if (at < 0)
        return directory_fold(name, arena);
    return directory_key_from_parts(
        barid_slice(name.data, (gsize)at),
        barid_slice(name.data + at + 1, name.len - (gsize)at - 1), arena);
}

BaridSlice
directory_key(const MailAddress *address, Arena *arena)
{
    return directory_key_from_parts(mail_address_dup_local(address, arena), address->domain, arena);
}

/* --- filling --- */

static gboolean
table_refuse(GError **error, BaridSlice what, const gchar *reason)
{
    g_autofree gchar *shown = text_escape(what, 100);

    g_set_error(error, DIRECTORY_ERROR, BARID_ERROR_INVALID, "\"%s\": %s", shown, reason);
    return FALSE;
}

static gboolean
table_parse_address(BaridSlice text, MailAddress *out_address, GError **error)
{
    MailAddressResult result = mail_address_parse(text, out_address);

    if (result != MAIL_ADDRESS_OK)
        return table_refuse(error, text, _(mail_address_result_describe(result)));
    return TRUE;
}

static gboolean
table_add_entry(DirectoryTable *self, BaridSlice address, const DirectoryEntry *entry,
                GError **error)
{
    MailAddress parsed;
    gchar *key;

    if (!table_parse_address(address, &parsed, error))
        return FALSE;
    key = table_dup_text(self->arena, directory_key(&parsed, self->arena));
    if (g_hash_table_contains(self->entries, key))
        return table_refuse(error, address, _("the address is given twice"));
    g_hash_table_insert(self->entries, key, (gpointer)(guintptr)entry);
    return TRUE;
}

/* A name may become a folder's name and a word of a reply. */
static const gchar *
table_check_name(BaridSlice name)
{
    if (name.len == 0)
        return _("a user needs a name");
    if (name.len > DIRECTORY_NAME_MAX)
        return _("the name is longer than 255 bytes");
    if (name.data[0] == '.')
        return _("a name must not begin with a dot");
    for (gsize i = 0; i < name.len; i++) {
        if (name.data[i] <= ' ' || name.data[i] == 0x7f || name.data[i] == '/')
            return _("a name must not hold blanks, control characters or \"/\"");
    }
    if (!g_utf8_validate_len((const gchar *)name.data, name.len, NULL))
        return _("a name must be UTF-8");
    return NULL;
}

gboolean
directory_table_add_user(DirectoryTable *self, BaridSlice name, BaridSlice password,
                         const BaridSlice *addresses, guint n_addresses, GError **error)
{
    const gchar *problem = table_check_name(name);
    TableUser *user;
    DirectoryEntry *entry;
    gchar *key;

    if (problem != NULL)
        return table_refuse(error, name, problem);
    if (password.len > 0 && !directory_password_is_valid(password))
        return table_refuse(error, name,
                            _("the password is no crypt(3) hash such as $y$... or $6$..."));
    key = table_dup_text(self->arena, directory_fold_name(name, self->arena));
    if (g_hash_table_contains(self->users, key))
        return table_refuse(error, name, _("the user is given twice"));
    user = arena_new0(self->arena, TableUser);
    user->public.name = table_dup_text(self->arena, name);
    user->public.password = password.len == 0 ? NULL : table_dup_text(self->arena, password);
    user->everywhere = n_addresses == 0;
    entry = arena_new0(self->arena, DirectoryEntry);
    entry->user = user->public.name;
    for (guint i = 0; i < n_addresses; i++) {
        if (!table_add_entry(self, addresses[i], entry, error))
            return FALSE;
    }
    g_hash_table_insert(self->users, key, user);
    if (self->first == NULL)
        self->first = user;
    return TRUE;
}

gboolean
directory_table_add_alias(DirectoryTable *self, BaridSlice address, const BaridSlice *targets,
                          guint n_targets, GError **error)
{
    DirectoryEntry *entry = arena_new0(self->arena, DirectoryEntry);
    BaridSlice *kept;

    if (n_targets == 0)
        return table_refuse(error, address, _("an alias needs a target"));
    if (n_targets > DIRECTORY_TARGETS_MAX)
        return table_refuse(error, address, _("an alias may have 1000 targets"));
    kept = arena_alloc(self->arena, n_targets * sizeof *kept);
    for (guint i = 0; i < n_targets; i++) {
        MailAddress parsed;

        if (!table_parse_address(targets[i], &parsed, error))
            return FALSE;
        kept[i] = mail_address_dup_canonical(&parsed, self->arena);
        if (barid_slice_equal_nocase(targets[i], address))
            return table_refuse(error, address, _("an alias must not name itself"));
    }
    entry->targets = kept;
    entry->n_targets = n_targets;
    return table_add_entry(self, address, entry, error);
}

/* --- asking --- */

static const TableUser *
table_get_user(const DirectoryTable *self, BaridSlice name, Arena *arena)
{
    if (name.len == 0)
        return self->first;
    return g_hash_table_lookup(self->users,
                               table_dup_text(arena, directory_fold_name(name, arena)));
}

static void
table_copy_entry(const DirectoryEntry *entry, Arena *arena, DirectoryEntry *out_entry)
{
    BaridSlice *targets = arena_alloc(arena, MAX(entry->n_targets, 1) * sizeof *targets);

    for (guint i = 0; i < entry->n_targets; i++)
        targets[i] = arena_dup_slice(arena, entry->targets[i]);
    out_entry->user = entry->user == NULL ? NULL : arena_dup_text(arena, entry->user);
    out_entry->targets = targets;
    out_entry->n_targets = entry->n_targets;
}

void
directory_table_find_address(const DirectoryTable *self, BaridSlice key, Arena *arena,
                             DirectoryEntry *out_entry)
{
    const DirectoryEntry *entry = g_hash_table_lookup(self->entries, table_dup_text(arena, key));
    gssize at = text_find_last(key, '@');
    const TableUser *user;

    memset(out_entry, 0, sizeof *out_entry);
    if (entry != NULL) {
        table_copy_entry(entry, arena, out_entry);
        return;
    }
    if (at <= 0)
        return;
    user = table_get_user(self, barid_slice(key.data, (gsize)at), arena);
    if (user == NULL || !user->everywhere)
        user = table_get_user(self, key, arena);
    if (user != NULL && user->everywhere)
        out_entry->user = arena_dup_text(arena, user->public.name);
}

void
directory_table_find_user(const DirectoryTable *self, BaridSlice name, Arena *arena,
                          DirectoryUser *out_user)
{
    const TableUser *user = table_get_user(self, name, arena);

    memset(out_user, 0, sizeof *out_user);
    if (user == NULL)
        return;
    out_user->name = arena_dup_text(arena, user->public.name);
    if (user->public.password != NULL)
        out_user->password = arena_dup_text(arena, user->public.password);
}

/* --- maps --- */

/* Whether (target) is an address when its groups are filled in; NULL or the reason. */
static const gchar *
map_check_target(BaridSlice target, guint n_groups)
{
    for (gsize i = 0; i + 1 < target.len; i++) {
        gboolean is_whole = i + 3 < target.len && g_ascii_isdigit(target.data[i + 2]) &&
                            target.data[i + 3] == '}';

        if (target.data[i] != '$' || target.data[i + 1] != '{')
            continue;
        if (!is_whole)
            return _("write ${1} to ${9} for the groups of the pattern");
        if ((guint)(target.data[i + 2] - '0') > n_groups)
            return _("the pattern has fewer groups than the target names");
    }
    if (text_find(target, '@') < 0)
        return _("a target is an address");
    return NULL;
}

gboolean
directory_table_add_map(DirectoryTable *self, BaridSlice pattern, const BaridSlice *targets,
                        guint n_targets, GError **error)
{
    TableMap map = {0};
    const gchar **kept;
    gsize offset;
    g_autofree gchar *reason = NULL;
    g_autofree gchar *whole = NULL;

    if (pattern.len == 0 || n_targets == 0)
        return table_refuse(error, pattern, _("a map needs a pattern and a target"));
    if (n_targets > DIRECTORY_TARGETS_MAX || self->maps->len >= DIRECTORY_MAPS_MAX)
        return table_refuse(error, pattern, _("a directory may have 1000 maps of 1000 targets"));
    whole = g_strdup_printf("^(?:%.*s)\\z", (int)pattern.len, (const gchar *)pattern.data);
    map.regex = rule_regex_new(barid_slice_from_text(whole), RULE_REGEX_CASELESS, &offset,
                               &reason);
    if (map.regex == NULL)
        return table_refuse(error, pattern, reason);
    kept = arena_alloc(self->arena, (n_targets + 1) * sizeof *kept);
    for (guint i = 0; i < n_targets; i++) {
        const gchar *problem = map_check_target(targets[i], rule_regex_get_groups(map.regex));

        if (problem != NULL) {
            rule_regex_free(map.regex);
            return table_refuse(error, targets[i], problem);
        }
        kept[i] = table_dup_text(self->arena, targets[i]);
    }
    kept[n_targets] = NULL;
    map.targets = kept;
    g_array_append_val(self->maps, map);
    return TRUE;
}

static GString *
map_expand(const gchar *target, const RuleCaptures *captures)
{
    GString *out = g_string_new(NULL);

    for (; *target != '\0'; target++) {
        guint group;

        if (target[0] != '$' || target[1] != '{') {
            g_string_append_c(out, *target);
            continue;
        }
        group = (guint)(target[2] - '0');
        if (group < captures->count)
            g_string_append_len(out, (const gchar *)captures->text[group].data,
                                (gssize)captures->text[group].len);
        target += 3;
    }
    return out;
}

/* What a peer wrote stands in the target now: it must still be an address. */
static guint
map_fill_targets(const TableMap *map, const RuleCaptures *captures, Arena *arena,
                 BaridSlice *targets)
{
    guint n = 0;

    for (guint i = 0; map->targets[i] != NULL; i++) {
        g_autoptr(GString) text = map_expand(map->targets[i], captures);
        BaridSlice target = arena_dup_slice(arena, barid_slice(text->str, text->len));
        MailAddress parsed;

        if (mail_address_parse(target, &parsed) == MAIL_ADDRESS_OK)
            targets[n++] = mail_address_dup_canonical(&parsed, arena);
    }
    return n;
}

void
directory_table_find_mapped(const DirectoryTable *self, BaridSlice key, Arena *arena,
                            DirectoryEntry *out_entry)
{
    memset(out_entry, 0, sizeof *out_entry);
    for (guint i = 0; i < self->maps->len && out_entry->n_targets == 0; i++) {
        const TableMap *map = &g_array_index(self->maps, TableMap, i);
        RuleCaptures captures = {0};
        BaridSlice *targets;

        if (!rule_regex_match(map->regex, key, &captures))
            continue;
        targets =
            arena_alloc(arena, g_strv_length((gchar **)(guintptr)map->targets) * sizeof *targets);
        out_entry->n_targets = map_fill_targets(map, &captures, arena, targets);
        out_entry->targets = targets;
    }
}
