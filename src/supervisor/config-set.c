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
    int folder_fd;  /* of a unix socket; else -1 */
    gchar *address; /* "IP:PORT", or the path of a unix socket */
};

static void
bound_socket_unref(BoundSocket *self)
{
    if (--self->ref_count > 0)
        return;
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

/* --- binding --- */

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

typedef struct {
    const ConfigSet *previous;
    const Folder *run;
    GString *problems;
} Binding;

static BoundSocket *
config_set_share_socket(const ConfigSet *self, const Binding *binding, const gchar *address)
{
    BoundSocket *socket = config_set_find_socket(self, address);

    if (socket == NULL)
        socket = config_set_find_socket(binding->previous, address);
    if (socket != NULL)
        socket->ref_count++;
    return socket;
}

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
config_set_open_tcp(const ConfigSet *self, const Binding *binding, const Address *address,
                    GError **error)
{
    gchar text[ADDRESS_TEXT_MAX];
    BoundSocket *socket = config_set_share_socket(self, binding, address_format(address, text));
    int fd;

    if (socket != NULL)
        return socket;
    fd = listen_socket_open_tcp(address, error);
    return fd < 0 ? NULL : bound_socket_new(fd, -1, text);
}

/* Anybody may connect there. */
static BoundSocket *
config_set_open_unix(const ConfigSet *self, const Binding *binding, const gchar *text,
                     GError **error)
{
    g_autofree gchar *path = g_canonicalize_filename(text, binding->run->path);
    BoundSocket *socket = config_set_share_socket(self, binding, path);
    int fd, folder_fd;

    if (socket != NULL)
        return socket;
    folder_fd = folder_open_parent(binding->run, text, error);
    fd = folder_fd < 0 ? -1 : listen_socket_open_unix(folder_fd, path, 0666, error);
    if (fd >= 0)
        return bound_socket_new(fd, folder_fd, path);
    if (folder_fd >= 0)
        close(folder_fd);
    return NULL;
}

static BoundSocket *
config_set_open_text(const ConfigSet *self, const Binding *binding, const gchar *text,
                     GError **error)
{
    Address address;

    if (g_str_has_prefix(text, "unix:"))
        return config_set_open_unix(self, binding, text + strlen("unix:"), error);
    if (!address_parse(barid_slice_from_text(text), &address))
        return NULL; /* the worker names it with its position */
    return config_set_open_tcp(self, binding, &address, error);
}

static gboolean
config_set_bind_address(ConfigSet *self, const Binding *binding, const gchar *listener,
                        const gchar *text)
{
    ConfigSetListener bound = {NULL, NULL};
    g_autoptr(GError) error = NULL;

    bound.socket = config_set_open_text(self, binding, text, &error);
    if (bound.socket == NULL && error == NULL)
        return TRUE;
    if (bound.socket == NULL) {
        g_string_append_printf(binding->problems, "%s\n", error->message);
        return FALSE;
    }
    bound.listener = g_strdup(listener);
    g_array_append_val(self->listeners, bound);
    return TRUE;
}

static gboolean
config_set_bind_listener(ConfigSet *self, const Binding *binding, ConfigSection *section)
{
    g_autoptr(ConfigProblems) ignored = config_problems_new();
    const gchar *name = config_section_get_name(section);
    ConfigValue *value = config_section_use(section, "address");
    const gchar *enabled = config_set_get_text(self, "listener", name, "enabled");
    const gchar *const *addresses =
        value == NULL ? NULL : config_value_get_list(value, ignored);

    if (name == NULL || addresses == NULL || g_strcmp0(enabled, "no") == 0)
        return TRUE;
    for (; *addresses != NULL; addresses++) {
        if (!config_set_bind_address(self, binding, name, *addresses))
            return FALSE;
    }
    return TRUE;
}

gboolean
config_set_bind(ConfigSet *self, const ConfigSet *previous, const Folder *run, GString *problems)
{
    const Binding binding = {previous, run, problems};
    ConfigSection *section;

    for (guint i = 0; (section = config_tree_get_nth(self->tree, "listener", i)) != NULL; i++) {
        if (!config_set_bind_listener(self, &binding, section))
            return FALSE;
    }
    return TRUE;
}
