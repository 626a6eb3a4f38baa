/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/config-set.h"

#include <unistd.h>

#include "base/address.h"
#include "base/paths.h"
#include "ipc/listen-socket.h"

struct BoundSocket {
    guint ref_count;
    int fd;
    gchar *address; /* "IP:PORT", or the path of a unix socket */
};

static void
bound_socket_unref(BoundSocket *self)
{
    if (--self->ref_count > 0)
        return;
    close(self->fd);
    if (g_path_is_absolute(self->address))
        unlink(self->address);
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

/* (address) NULL: (text) is the path of a unix socket, where anybody may connect. */
static BoundSocket *
config_set_open_socket(const ConfigSet *self, const ConfigSet *previous, const Address *address,
                       const gchar *text, GError **error)
{
    BoundSocket *socket = config_set_find_socket(self, text);
    int fd;

    if (socket == NULL)
        socket = config_set_find_socket(previous, text);
    if (socket != NULL) {
        socket->ref_count++;
        return socket;
    }
    fd = address != NULL ? listen_socket_open_tcp(address, error)
                         : listen_socket_open_unix(text, 0666, error);
    if (fd < 0)
        return NULL;
    socket = g_new0(BoundSocket, 1);
    socket->ref_count = 1;
    socket->fd = fd;
    socket->address = g_strdup(text);
    return socket;
}

typedef struct {
    const ConfigSet *previous;
    const gchar *run_dir;
    GString *problems;
} Binding;

static BoundSocket *
config_set_open_text(const ConfigSet *self, const Binding *binding, const gchar *text,
                     GError **error)
{
    gchar normal[ADDRESS_TEXT_MAX];
    g_autofree gchar *path = NULL;
    Address address;

    if (g_str_has_prefix(text, "unix:")) {
        path = g_canonicalize_filename(text + strlen("unix:"), binding->run_dir);
        return config_set_open_socket(self, binding->previous, NULL, path, error);
    }
    if (!address_parse(barid_slice_from_text(text), &address))
        return NULL; /* the worker names it with its position */
    return config_set_open_socket(self, binding->previous, &address,
                                  address_format(&address, normal), error);
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
config_set_bind(ConfigSet *self, const ConfigSet *previous, const gchar *run_dir,
                GString *problems)
{
    const Binding binding = {previous, run_dir, problems};
    ConfigSection *section;

    for (guint i = 0; (section = config_tree_get_nth(self->tree, "listener", i)) != NULL; i++) {
        if (!config_set_bind_listener(self, &binding, section))
            return FALSE;
    }
    return TRUE;
}
