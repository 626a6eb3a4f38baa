/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/config-set.h"

#include <unistd.h>

#include "base/address.h"
#include "base/log.h"
#include "base/paths.h"
#include "ipc/listen-socket.h"

struct BoundSocket {
    guint ref_count;
    int fd;
    gboolean is_passed; /* and thus not ours to close or to remove */
    int folder_fd;  /* of a unix socket; else -1 */
    gchar *address;
};

static void
bound_socket_unref(BoundSocket *self)
{
    if (--self->ref_count > 0)
        return;
    if (!self->is_passed)
        close(self->fd);
    if (self->folder_fd >= 0) {
        listen_socket_remove_unix(self->folder_fd, self->address);
        close(self->folder_fd);
    }
    g_free(self->address);
    g_free(self);
}

int
bound_socket_get_fd(const BoundSocket *self)
{
    return self->fd;
}

const gchar *
bound_socket_get_address(const BoundSocket *self)
{
    return self->address;
}

gboolean
bound_socket_is_unix(const BoundSocket *self)
{
    return self->address[0] == '/' || self->address[0] == '@';
}

gboolean
bound_socket_is_passed(const BoundSocket *self)
{
    return self->is_passed;
}

/* --- reading --- */

static void
config_set_free(ConfigSet *self)
{
    for (guint i = 0; i < self->listeners->len; i++) {
        ConfigSetListener *listener = &g_array_index(self->listeners, ConfigSetListener, i);

        bound_socket_unref(listener->socket);
        g_free(listener->listener);
    }
    g_array_free(self->listeners, TRUE);
    if (self->tree != NULL)
        config_tree_free(self->tree);
    if (self->files != NULL)
        config_files_free(self->files);
    g_free(self);
}

static void
config_set_drop_absent(const ConfigSet *self)
{
    g_autoptr(GPtrArray) dropped = config_files_drop_absent(self->files, NULL);

    for (guint i = 0; i < dropped->len; i++)
        barid_log(BARID_LOG_WARNING, "config.passed-over", "file", g_ptr_array_index(dropped, i),
                  "why", "its module is not installed", NULL);
}

ConfigSet *
config_set_read(const gchar *path, GString *problems)
{
    g_autofree gchar *installed = paths_dup_config_file();
    g_autoptr(ConfigProblems) found = config_problems_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(ConfigSet) self = g_new0(ConfigSet, 1);

    self->ref_count = 1;
    self->listeners = g_array_new(FALSE, FALSE, sizeof(ConfigSetListener));
    if (path == NULL)
        path = installed;
    self->files = path == NULL ? config_files_new_default() : config_files_read(path, &error);
    if (self->files == NULL) {
        g_string_append_printf(problems, "%s\n", error->message);
        return NULL;
    }
    config_set_drop_absent(self);
    self->tree = config_tree_parse(self->files, found);
    if (config_problems_get_count(found) > 0) {
        g_autofree gchar *text = config_problems_to_text(found);

        g_string_append(problems, text);
        return NULL;
    }
    return g_steal_pointer(&self);
}

ConfigSet *
config_set_ref(ConfigSet *self)
{
    self->ref_count++;
    return self;
}

void
config_set_unref(ConfigSet *self)
{
    if (self != NULL && --self->ref_count == 0)
        config_set_free(self);
}

const gchar *
config_set_get_text(const ConfigSet *self, const gchar *kind, const gchar *name, const gchar *key)
{
    ConfigSection *section = config_tree_find(self->tree, kind, name);
    ConfigValue *value = section == NULL ? NULL : config_section_use(section, key);
    g_autoptr(ConfigProblems) ignored = config_problems_new();

    return value == NULL ? NULL : config_value_get_text(value, ignored);
}

/* --- what listeners ask for --- */

static void
listen_wish_clear(gpointer data)
{
    ListenWish *self = data;

    g_free((gchar *)(guintptr)self->address);
}

/* FALSE when it is no address: the worker names it with its position. */
static gboolean
listen_wish_init(ListenWish *self, const Folder *run, const gchar *listener, const gchar *text)
{
    gchar formatted[ADDRESS_TEXT_MAX];
    Address address;

    *self = (ListenWish){.listener = listener, .is_unix = g_str_has_prefix(text, "unix:")};
    if (self->is_unix) {
        self->address = g_canonicalize_filename(text + strlen("unix:"), run->path);
        return TRUE;
    }
    if (!address_parse(barid_slice_from_text(text), &address))
        return FALSE;
    self->address = g_strdup(address_format(&address, formatted));
    return TRUE;
}

static void
config_set_add_wishes(const ConfigSet *self, ConfigSection *section, const Folder *run,
                      GArray *wishes)
{
    g_autoptr(ConfigProblems) ignored = config_problems_new();
    const gchar *name = config_section_get_name(section);
    ConfigValue *value = config_section_use(section, "address");
    const gchar *enabled = config_set_get_text(self, "listener", name, "enabled");
    const gchar *const *addresses =
        value == NULL ? NULL : config_value_get_list(value, ignored);

    if (name == NULL || addresses == NULL || g_strcmp0(enabled, "no") == 0)
        return;
    for (; *addresses != NULL; addresses++) {
        ListenWish wish;

        if (listen_wish_init(&wish, run, name, *addresses))
            g_array_append_val(wishes, wish);
    }
}

static GArray *
config_set_get_wishes(const ConfigSet *self, const Folder *run)
{
    GArray *wishes = g_array_new(FALSE, FALSE, sizeof(ListenWish));
    ConfigSection *section;

    g_array_set_clear_func(wishes, listen_wish_clear);
    for (guint i = 0; (section = config_tree_get_nth(self->tree, "listener", i)) != NULL; i++)
        config_set_add_wishes(self, section, run, wishes);
    return wishes;
}

/* --- binding --- */

static BoundSocket *
bound_socket_new(int fd, int folder_fd, const gchar *address)
{
    BoundSocket *self = g_new0(BoundSocket, 1);

    self->ref_count = 1;
    self->fd = fd;
    self->folder_fd = folder_fd;
    self->address = g_strdup(address);
    return self;
}

static BoundSocket *
config_set_find_socket(const ConfigSet *self, const gchar *address)
{
    for (guint i = 0; self != NULL && i < self->listeners->len; i++) {
        BoundSocket *socket = g_array_index(self->listeners, ConfigSetListener, i).socket;

        if (strcmp(socket->address, address) == 0)
            return socket;
    }
    return NULL;
}

static BoundSocket *
config_set_open_tcp(const gchar *text, GError **error)
{
    Address address;
    int fd;

    if (!address_parse(barid_slice_from_text(text), &address))
        g_assert_not_reached();
    fd = listen_socket_open_tcp(&address, error);
    return fd < 0 ? NULL : bound_socket_new(fd, -1, text);
}

/* Anybody may connect there. */
static BoundSocket *
config_set_open_unix(const Folder *run, const gchar *path, GError **error)
{
    /* The folder that is held open, whatever is called so now. */
    const gchar *relative = folder_get_relative(run, path);
    int folder_fd = folder_open_parent(run, relative != NULL ? relative : path, error);
    int fd = folder_fd < 0 ? -1 : listen_socket_open_unix(folder_fd, path, 0666, error);

    if (fd >= 0)
        return bound_socket_new(fd, folder_fd, path);
    if (folder_fd >= 0)
        close(folder_fd);
    return NULL;
}

static BoundSocket *
config_set_open(const ConfigSet *self, const ConfigSetSources *sources, const ListenWish *wish,
                GError **error)
{
    BoundSocket *socket = config_set_find_socket(self, wish->address);

    if (socket == NULL)
        socket = config_set_find_socket(sources->previous, wish->address);
    if (socket != NULL) {
        socket->ref_count++;
        return socket;
    }
    return wish->is_unix ? config_set_open_unix(sources->run, wish->address, error)
                         : config_set_open_tcp(wish->address, error);
}

static void
config_set_add_socket(ConfigSet *self, const gchar *listener, BoundSocket *socket)
{
    ConfigSetListener bound = {g_strdup(listener), socket};

    g_array_append_val(self->listeners, bound);
}

static void
config_set_add_passed(ConfigSet *self, const PassedSockets *passed, ListenWish *const *owners)
{
    for (guint i = 0; i < passed->len; i++) {
        const PassedSocket *each = &g_array_index(passed, PassedSocket, i);
        BoundSocket *socket;

        if (owners[i] == NULL)
            continue;
        socket = bound_socket_new(each->fd, -1, each->address);
        socket->is_passed = TRUE;
        config_set_add_socket(self, owners[i]->listener, socket);
    }
}

/* One that nobody accepts from is worth a warning: its clients wait. */
static void
config_set_tell_passed(const PassedSockets *passed, const GArray *wishes,
                       ListenWish *const *owners)
{
    for (guint i = 0; i < passed->len; i++) {
        const PassedSocket *each = &g_array_index(passed, PassedSocket, i);

        if (owners[i] != NULL)
            barid_log(BARID_LOG_NOTICE, "socket.passed", "address", each->address, "name",
                      each->name, "listener", owners[i]->listener, NULL);
        else if (!each->is_control)
            barid_log(BARID_LOG_WARNING, "socket.unused", "address", each->address, "name",
                      each->name, "reason",
                      "no listener has this address or name; clients wait there until a reload "
                      "brings one", NULL);
    }
    for (guint i = 0; i < wishes->len; i++) {
        const ListenWish *wish = &g_array_index(wishes, ListenWish, i);

        if (wish->fate == LISTEN_WISH_REPLACED)
            barid_log(BARID_LOG_WARNING, "socket.replaced", "address", wish->address, "listener",
                      wish->listener, "reason",
                      "nothing listens there: a socket was passed by the name of the listener",
                      NULL);
    }
}

gboolean
config_set_bind(ConfigSet *self, const ConfigSetSources *sources, GString *problems)
{
    g_autoptr(GArray) wishes = config_set_get_wishes(self, sources->run);
    g_autofree ListenWish **owners = passed_sockets_match(
        sources->passed, (ListenWish *)(void *)wishes->data, wishes->len);

    config_set_add_passed(self, sources->passed, owners);
    for (guint i = 0; i < wishes->len; i++) {
        const ListenWish *wish = &g_array_index(wishes, ListenWish, i);
        g_autoptr(GError) error = NULL;
        BoundSocket *socket;

        if (wish->fate != LISTEN_WISH_BIND)
            continue;
        socket = config_set_open(self, sources, wish, &error);
        if (socket == NULL) {
            g_string_append_printf(problems, "%s\n", error->message);
            return FALSE;
        }
        config_set_add_socket(self, wish->listener, socket);
    }
    config_set_tell_passed(sources->passed, wishes, owners);
    return TRUE;
}
