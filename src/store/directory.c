/* SPDX-License-Identifier: Apache-2.0 */
/* Domains and directories of the configuration, and the questions that need no
 * expansion. */
#include "store/directory-private.h"

#include "base/error-domain.h"
#include "base/i18n.h"
#include "base/text.h"
#include "mime/mail-domain.h"

ERROR_DOMAIN_DEFINE(directory_error_quark, "barid-directory-error")

/* --- sections --- */

static const BaridSetting domain_settings[] = {
    BARID_SETTING_TEXT("directory", DirectoryDomain, directory_name, "inline",
                       N_("The directory that knows the domain's users.")),
    BARID_SETTING_TEXT("transport", DirectoryDomain, transport, "maildir",
                       N_("How mail reaches the mailboxes.")),
    BARID_SETTING_TEXT("catch-all", DirectoryDomain, catch_all, "",
                       N_("User or address that takes mail for unknown addresses.")),
    BARID_SETTING_TEXT("postmaster", DirectoryDomain, postmaster, "",
                       N_("User or address behind postmaster; empty means the first user.")),
    BARID_SETTING_TEXT("delimiter", DirectoryDomain, delimiter, "+",
                       N_("Characters that begin a sub-address; empty means none.")),
    BARID_SETTING_BOOL("enabled", DirectoryDomain, enabled, "yes",
                       N_("Whether the domain is served.")),
    BARID_SETTING_END,
};

typedef enum { DRIVER_INLINE, DRIVER_FILE } DriverKind;
static const gchar *const driver_words[] = {"inline", "file", NULL};

typedef struct {
    gint driver;
    gchar *path;
} DirectorySettings;

static const BaridSetting directory_settings[] = {
    BARID_SETTING_ENUM("driver", DirectorySettings, driver, "inline",
                       N_("Where the users stand: in the configuration or in a file."),
                       driver_words),
    BARID_SETTING_PATH("path", DirectorySettings, path, "",
                       N_("The file, for the driver file."), BARID_SETTING_PATH_READ),
    BARID_SETTING_END,
};

typedef struct {
    gchar *password;
    gchar **addresses;
    gchar *directory;
} UserSettings;

static const BaridSetting user_settings[] = {
    BARID_SETTING_SECRET("password", UserSettings, password, "",
                         N_("A crypt(3) hash; empty allows no log-in.")),
    BARID_SETTING_LIST("addresses", UserSettings, addresses, "",
                       N_("The user's addresses; empty means NAME in each domain.")),
    BARID_SETTING_TEXT("directory", UserSettings, directory, "inline",
                       N_("The inline directory that the user belongs to.")),
    BARID_SETTING_END,
};

typedef struct {
    gchar **to;
} AliasSettings;

static const BaridSetting alias_settings[] = {
    BARID_SETTING_LIST("to", AliasSettings, to, NULL, N_("The addresses that mail goes to.")),
    BARID_SETTING_END,
};

typedef struct {
    gchar *match;
    gchar **to;
    gchar *directory;
} MapSettings;

static const BaridSetting map_settings[] = {
    BARID_SETTING_TEXT("match", MapSettings, match, NULL,
                       N_("A regular expression for whole addresses.")),
    BARID_SETTING_LIST("to", MapSettings, to, NULL,
                       N_("The addresses that mail goes to; ${1} is the first group.")),
    BARID_SETTING_TEXT("directory", MapSettings, directory, "inline",
                       N_("The inline directory that the map belongs to.")),
    BARID_SETTING_END,
};

/* --- building --- */

static void
directory_free(gpointer data)
{
    Directory *self = data;

    if (self->impl != NULL)
        (self->working != NULL ? self->working : self->driver)->close(self->impl);
    g_free(self);
}

static void
domain_free(gpointer data)
{
    settings_clear(domain_settings, sizeof(BaridSetting), data);
    g_free(data);
}

static void
report(SettingsContext *context, ConfigSection *section, const gchar *key, const gchar *message)
{
    config_section_report(section, context->problems, key, "%s", message);
}

Directory *
directories_find_directory(const Directories *self, const gchar *name)
{
    for (guint i = 0; i < self->directories->len; i++) {
        Directory *directory = g_ptr_array_index(self->directories, i);

        if (strcmp(directory->name, name) == 0)
            return directory;
    }
    return NULL;
}

gchar *
directories_check_name(const Directories *self, const gchar *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree gchar *hint = NULL;

    for (guint i = 0; i < self->directories->len; i++) {
        const Directory *directory = g_ptr_array_index(self->directories, i);

        g_ptr_array_add(names, (gpointer)(guintptr)directory->name);
    }
    g_ptr_array_add(names, NULL);
    if (directories_find_directory(self, name) != NULL)
        return NULL;
    hint = config_problem_dup_hint("", text_nearest(name, (const gchar *const *)names->pdata), "");
    return g_strdup_printf(_("there is no [directory %s]%s"), name, hint);
}

static Directory *
directories_add(Directories *self, const gchar *name, const DirectoryDriver *driver, gpointer impl)
{
    Directory *directory = g_new0(Directory, 1);

    directory->name = arena_dup_text(self->arena, name);
    directory->driver = driver;
    directory->impl = impl;
    g_ptr_array_add(self->directories, directory);
    return directory;
}

static void
directories_open_file(Directories *self, SettingsContext *context, ConfigSection *section,
                      const gchar *path)
{
    g_autoptr(GError) error = NULL;
    gpointer impl = NULL;

    if (path == NULL || path[0] == '\0')
        report(context, section, "path", _("the driver file needs a path"));
    else
        impl = directory_file_open(path, &error);
    if (error != NULL)
        report(context, section, "path", error->message);
    if (impl != NULL)
        directories_add(self, config_section_get_name(section), &directory_file_driver, impl);
}

static void
directories_bind_directories(Directories *self, SettingsContext *context)
{
    ConfigSection *section;

    config_tree_declare(context->tree, "directory", NULL);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "directory", i)) != NULL; i++) {
        DirectorySettings read = {0};
        const gchar *name = config_section_get_name(section);

        if (!settings_bind(context, section, NULL, directory_settings, sizeof(BaridSetting), &read))
            ;
        else if (name == NULL)
            report(context, section, NULL, _("write [directory NAME]"));
        else if (read.driver == DRIVER_FILE)
            directories_open_file(self, context, section, read.path);
        else
            directories_add(self, name, &directory_inline_driver, directory_table_new());
        settings_clear(directory_settings, sizeof(BaridSetting), &read);
    }
    if (directories_find_directory(self, "inline") == NULL)
        directories_add(self, "inline", &directory_inline_driver, directory_table_new());
}

static void
domain_check(DirectoryDomain *domain, SettingsContext *context, ConfigSection *section,
             const Host *host)
{
    g_autofree gchar *reason =
        g_strdup_printf(_("\"%s\" is neither a transport of an enabled module nor a [host]: is "
                          "there a [module ...] with enabled = yes that offers it?"),
                        domain->transport);
    HostModule *module;

    if (!domain->enabled)
        return;
    if (domain->directory == NULL)
        report(context, section, "directory", _("there is no working [directory] of that name"));
    if (host != NULL && config_tree_find(context->tree, "host", domain->transport) == NULL &&
        host_find_provider(host, BARID_PROVIDER_TRANSPORT, domain->transport, &module) == NULL)
        report(context, section, "transport", reason);
}

static void
directories_add_domain(Directories *self, SettingsContext *context, ConfigSection *section,
                       const Host *host)
{
    const gchar *name = config_section_get_name(section);
    BaridSlice text = barid_slice_from_text(name);
    DirectoryDomain *domain = g_new0(DirectoryDomain, 1);

    if (!settings_bind(context, section, NULL, domain_settings, sizeof(BaridSetting), domain)) {
        domain_free(domain);
        return;
    }
    if (name == NULL || !mail_domain_is_valid(text)) {
        report(context, section, NULL, _("write [domain NAME] with a domain such as example.org"));
        domain_free(domain);
        return;
    }
    domain->name = arena_dup_text(self->arena, name);
    domain->key = mail_domain_dup_ascii(text, self->arena);
    domain->directory = directories_find_directory(self, domain->directory_name);
    if (domain->catch_all != NULL && domain->catch_all[0] == '\0')
        g_clear_pointer(&domain->catch_all, g_free);
    if (domain->postmaster != NULL && domain->postmaster[0] == '\0')
        g_clear_pointer(&domain->postmaster, g_free);
    if (domain->delimiter == NULL)
        domain->delimiter = g_strdup("");
    domain_check(domain, context, section, host);
    g_ptr_array_add(self->domains, domain);
    if (domain->enabled && domain->directory != NULL)
        g_hash_table_insert(self->by_domain,
                            arena_dup_slice_text(self->arena, domain->key),
                            domain);
}

static GArray *
slices_from_list(gchar **list)
{
    GArray *slices = g_array_new(FALSE, FALSE, sizeof(BaridSlice));

    for (guint i = 0; list != NULL && list[i] != NULL; i++) {
        BaridSlice slice = barid_slice_from_text(list[i]);

        g_array_append_val(slices, slice);
    }
    return slices;
}

/* The table of an inline directory, or NULL. */
static DirectoryTable *
directory_get_inline(const Directory *directory)
{
    return directory != NULL && directory->driver == &directory_inline_driver ? directory->impl
                                                                              : NULL;
}

static void
directories_add_user(Directories *self, SettingsContext *context, ConfigSection *section)
{
    UserSettings read = {0};
    g_autoptr(GError) error = NULL;

    if (settings_bind(context, section, NULL, user_settings, sizeof(BaridSetting), &read)) {
        DirectoryTable *table =
            directory_get_inline(directories_find_directory(self, read.directory));
        g_autoptr(GArray) addresses = slices_from_list(read.addresses);

        if (table == NULL)
            report(context, section, "directory", _("there is no inline directory of that name"));
        else if (!directory_table_add_user(
                     table, barid_slice_from_text(config_section_get_name(section)),
                     barid_slice_from_text(read.password),
                     (const BaridSlice *)(gconstpointer)addresses->data, addresses->len, &error))
            report(context, section, NULL, error->message);
    }
    settings_clear(user_settings, sizeof(BaridSetting), &read);
}

static void
directories_add_alias(Directories *self, SettingsContext *context, ConfigSection *section)
{
    BaridSlice address = barid_slice_from_text(config_section_get_name(section));
    AliasSettings read = {0};
    g_autoptr(Arena) arena = arena_new(512);
    g_autoptr(GError) error = NULL;
    const DirectoryDomain *domain = NULL;
    MailAddress parsed;

    if (mail_address_parse(address, &parsed) == MAIL_ADDRESS_OK)
        domain = directories_find_domain(self, parsed.domain, arena);
    if (settings_bind(context, section, NULL, alias_settings, sizeof(BaridSetting), &read)) {
        DirectoryTable *table =
            domain == NULL ? NULL : directory_get_inline(domain->directory);
        g_autoptr(GArray) targets = slices_from_list(read.to);

        if (table == NULL)
            report(
                context, section, NULL,
                _("write [alias ADDRESS] with an address in a domain whose directory is inline"));
        else if (!directory_table_add_alias(table, address,
                                            (const BaridSlice *)(gconstpointer)targets->data,
                                            targets->len, &error))
            report(context, section, NULL, error->message);
    }
    settings_clear(alias_settings, sizeof(BaridSetting), &read);
}

static void
directories_add_map(Directories *self, SettingsContext *context, ConfigSection *section)
{
    MapSettings read = {0};
    g_autoptr(GError) error = NULL;

    if (settings_bind(context, section, NULL, map_settings, sizeof(BaridSetting), &read)) {
        DirectoryTable *table =
            directory_get_inline(directories_find_directory(self, read.directory));
        g_autoptr(GArray) targets = slices_from_list(read.to);

        if (table == NULL)
            report(context, section, "directory", _("there is no inline directory of that name"));
        else if (!directory_table_add_map(table, barid_slice_from_text(read.match),
                                          (const BaridSlice *)(gconstpointer)targets->data,
                                          targets->len, &error))
            report(context, section, NULL, error->message);
    }
    settings_clear(map_settings, sizeof(BaridSetting), &read);
}

/* --- what rules may ask --- */

static gboolean
directories_rule_is_local_domain(const RuleCall *call, RuleValue *out_value)
{
    out_value->as.boolean =
        call->args[0].as.text.len > 0 && directories_is_local(call->data, call->args[0].as.text);
    return TRUE;
}

/* Whether somebody here has the address; a catch-all counts, an address elsewhere does not. */
static gboolean
directories_rule_is_local_address(const RuleCall *call, RuleValue *out_value)
{
    g_autoptr(GError) error = NULL;
    DirectoryResult result;
    MailAddress address;

    out_value->as.boolean = FALSE;
    if (mail_address_parse(call->args[0].as.text, &address) != MAIL_ADDRESS_OK)
        return TRUE;
    if (!directories_resolve(call->data, &address, call->scratch, &result, &error)) {
        out_value->as.text = barid_slice_from_text(
            arena_printf(call->scratch, "is-local-address: %s", error->message));
        return FALSE;
    }
    out_value->as.boolean =
        result.answer == DIRECTORY_MAILBOX || result.answer == DIRECTORY_ALIAS;
    return TRUE;
}

static void
directories_register_functions(Directories *self)
{
    static const RuleType text[] = {RULE_TEXT};

    rule_lookup_register("is-local-domain", RULE_BOOL, text, 1, directories_rule_is_local_domain,
                         self);
    rule_lookup_register("is-local-address", RULE_BOOL, text, 1,
                         directories_rule_is_local_address, self);
}

Directories *
directories_new(SettingsContext *context, const Host *host)
{
    Directories *self = g_new0(Directories, 1);
    ConfigSection *section;

    self->arena = arena_new(1024);
    self->directories = g_ptr_array_new_with_free_func(directory_free);
    self->domains = g_ptr_array_new_with_free_func(domain_free);
    self->by_domain = g_hash_table_new(g_str_hash, g_str_equal);
    directories_register_functions(self);
    directories_bind_directories(self, context);
    config_tree_declare(context->tree, "domain", NULL);
    config_tree_declare(context->tree, "user", NULL);
    config_tree_declare(context->tree, "alias", NULL);
    config_tree_declare(context->tree, "map", NULL);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "domain", i)) != NULL; i++)
        directories_add_domain(self, context, section, host);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "user", i)) != NULL; i++)
        directories_add_user(self, context, section);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "alias", i)) != NULL; i++)
        directories_add_alias(self, context, section);
    for (guint i = 0; (section = config_tree_get_nth(context->tree, "map", i)) != NULL; i++)
        directories_add_map(self, context, section);
    return self;
}

void
directories_free(Directories *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->by_domain);
    g_ptr_array_unref(self->domains);
    g_ptr_array_unref(self->directories);
    arena_free(self->arena);
    g_free(self);
}

/* --- questions --- */

const DirectoryDomain *
directories_find_domain(const Directories *self, BaridSlice domain, Arena *arena)
{
    BaridSlice key;

    if (domain.len == 0) {
        for (guint i = 0; i < self->domains->len; i++) {
            const DirectoryDomain *first = g_ptr_array_index(self->domains, i);

            if (first->enabled && first->directory != NULL)
                return first;
        }
        return NULL;
    }
    if (domain.len > MAIL_ADDRESS_DOMAIN_MAX)
        return NULL;
    key = mail_domain_dup_ascii(domain, arena);
    return g_hash_table_lookup(self->by_domain, arena_dup_slice_text(arena, key));
}

BaridSlice
directories_dup_key(Directories *self, const MailAddress *address, Arena *arena)
{
    BaridSlice local = address->local;
    BaridSlice domain;
    guint8 *joined;

    if (address->domain.len == 0 || directories_is_local(self, address->domain))
        return directory_key(address, arena);
    domain = mail_domain_dup_ascii(address->domain, arena);
    joined = arena_alloc(arena, local.len + 1 + domain.len);
    if (local.len > 0)
        memcpy(joined, local.data, local.len);
    joined[local.len] = '@';
    memcpy(joined + local.len + 1, domain.data, domain.len);
    return barid_slice(joined, local.len + 1 + domain.len);
}

gboolean
directories_is_local(Directories *self, BaridSlice domain)
{
    g_autoptr(Arena) arena = arena_new(512);

    return domain.len > 0 && directories_find_domain(self, domain, arena) != NULL;
}

const gchar *
directories_get_transport(Directories *self, BaridSlice domain)
{
    g_autoptr(Arena) arena = arena_new(512);
    const DirectoryDomain *found = domain.len > 0 ? directories_find_domain(self, domain, arena)
                                                  : NULL;

    return found != NULL ? found->transport : NULL;
}

gboolean
directories_owns(Directories *self, const gchar *user, const MailAddress *address,
                 gboolean *out_owns, GError **error)
{
    g_autoptr(Arena) arena = arena_new(1024);
    DirectoryResult result;
    gboolean owns = FALSE;

    if (!directories_resolve(self, address, arena, &result, error))
        return FALSE;
    if (result.answer == DIRECTORY_MAILBOX)
        owns = strcmp(result.user, user) == 0;
    /* Whoever gets an alias's mail may answer in its name. */
    for (guint i = 0; result.answer == DIRECTORY_ALIAS && !owns && i < result.n_targets; i++) {
        DirectoryResult target;
        MailAddress parsed;

        if (mail_address_parse(result.targets[i], &parsed) != MAIL_ADDRESS_OK)
            continue;
        if (!directories_resolve(self, &parsed, arena, &target, error))
            return FALSE;
        owns = target.answer == DIRECTORY_MAILBOX && strcmp(target.user, user) == 0;
    }
    *out_owns = owns;
    return TRUE;
}

/* A name without domain may mean a mailbox in each domain (RFC 5321 section 3.5.3). */
static gboolean
directories_verify_name(Directories *self, BaridSlice name, Arena *arena,
                        DirectoryResult *out_result, GError **error)
{
    DirectoryResult result = {.answer = DIRECTORY_UNKNOWN};

    result.targets = arena_alloc(arena, (self->domains->len + 1) * sizeof(BaridSlice));
    for (guint i = 0; i < self->domains->len; i++) {
        const DirectoryDomain *domain = g_ptr_array_index(self->domains, i);
        const gchar *text = arena_printf(arena, "%.*s@%s", (int)name.len,
                                         (const gchar *)name.data, domain->name);
        DirectoryResult one;
        MailAddress address;

        if (mail_address_parse(barid_slice_from_text(text), &address) != MAIL_ADDRESS_OK)
            continue;
        if (!directories_resolve(self, &address, arena, &one, error))
            return FALSE;
        if (one.answer != DIRECTORY_MAILBOX && one.answer != DIRECTORY_ALIAS)
            continue;
        result.answer = one.answer;
        result.targets[result.n_targets++] = mail_address_dup_canonical(&address, arena);
    }
    *out_result = result;
    return TRUE;
}

gboolean
directories_verify(Directories *self, BaridSlice text, Arena *arena, DirectoryResult *out_result,
                   GError **error)
{
    BaridSlice trimmed = text_trim(text);
    MailAddress address;
    gsize used;
    gboolean parsed;

    if (trimmed.len > 0 && trimmed.data[0] == '<')
        parsed = mail_path_parse(trimmed, MAIL_PATH_POSTMASTER, &address, &used) ==
                 MAIL_ADDRESS_OK;
    else
        parsed = mail_address_parse(trimmed, &address) == MAIL_ADDRESS_OK;
    if (parsed)
        return directories_resolve(self, &address, arena, out_result, error);
    if (trimmed.len > MAIL_ADDRESS_LOCAL_MAX || text_find(trimmed, '@') >= 0 ||
        text_find(trimmed, '\0') >= 0) {
        memset(out_result, 0, sizeof *out_result);
        out_result->answer = DIRECTORY_UNKNOWN;
        return TRUE;
    }
    return directories_verify_name(self, trimmed, arena, out_result, error);
}
