/* SPDX-License-Identifier: Apache-2.0 */
#include "geoip-database.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libintl.h>
#include <maxminddb.h>
#include <sys/stat.h>

#include <barid/barid.h>

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

/* A database that has what is wanted shows it early. The other kind is not read to its end, which
 * a damaged tree may not have. */
enum { VISITS_MAX = 1000000, DEPTH_MAX = 128 };

struct GeoipDatabase {
    MMDB_s mmdb;
    gchar *path;
};

/* --- finding --- */

/* The core has made IPv4 addresses of those that were mapped into IPv6. */
static gboolean
database_parse_ip(const gchar *ip, struct sockaddr_storage *out_address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        memcpy(out_address, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
        memcpy(out_address, &v6, sizeof v6);
    else
        return FALSE;
    return TRUE;
}

static gboolean
database_refuse(const GeoipDatabase *self, const gchar *ip, gint status, GError **error)
{
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "%s is damaged at %s: %s", self->path, ip,
                MMDB_strerror(status));
    return FALSE;
}

/* A record without such a path is not damaged: then there is a value without data. */
static gint
database_get(MMDB_entry_s *entry, GeoipPath path, MMDB_entry_data_s *out_value)
{
    gint status = MMDB_aget_value(entry, out_value, path);

    if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) {
        *out_value = (MMDB_entry_data_s){.has_data = false};
        return MMDB_SUCCESS;
    }
    return status;
}

/* FALSE without error: there is nothing. */
static gboolean
database_find(const GeoipDatabase *self, const gchar *ip, GeoipPath path,
              MMDB_entry_data_s *out_value, GError **error)
{
    struct sockaddr_storage address;
    MMDB_lookup_result_s found;
    gint status = MMDB_SUCCESS;

    if (!database_parse_ip(ip, &address))
        return FALSE;
    found = MMDB_lookup_sockaddr(&self->mmdb, (const struct sockaddr *)&address, &status);
    if (status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
        return FALSE;
    if (status != MMDB_SUCCESS)
        return database_refuse(self, ip, status, error);
    if (!found.found_entry)
        return FALSE;
    status = database_get(&found.entry, path, out_value);
    if (status != MMDB_SUCCESS)
        return database_refuse(self, ip, status, error);
    return out_value->has_data;
}

/* --- values --- */

/* Control characters would write to the terminals of those who read a log. */
static gchar *
database_dup_printable(const gchar *data, gssize len)
{
    g_autofree gchar *valid = g_utf8_make_valid(data, len);
    g_autoptr(GString) text = g_string_new(NULL);

    for (const gchar *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar letter = g_utf8_get_char(at);

        g_string_append_unichar(text, g_unichar_isprint(letter) ? letter : '?');
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

gchar *
geoip_database_dup_text(const GeoipDatabase *self, const gchar *ip, GeoipPath path, gsize max_bytes,
                        GError **error)
{
    MMDB_entry_data_s value;
    gsize len;

    if (!database_find(self, ip, path, &value, error) ||
        value.type != MMDB_DATA_TYPE_UTF8_STRING)
        return NULL;
    len = value.data_size;
    if (len > max_bytes) {
        len = max_bytes;
        /* Back to where a character begins. */
        while (len > 0 && ((guchar)value.utf8_string[len] & 0xc0) == 0x80)
            len--;
    }
    return database_dup_printable(value.utf8_string, (gssize)len);
}

guint32
geoip_database_get_number(const GeoipDatabase *self, const gchar *ip, GeoipPath path,
                          GError **error)
{
    MMDB_entry_data_s value;

    if (!database_find(self, ip, path, &value, error))
        return 0;
    if (value.type == MMDB_DATA_TYPE_UINT16)
        return value.uint16;
    return value.type == MMDB_DATA_TYPE_UINT32 ? value.uint32 : 0;
}

/* --- opening --- */

typedef struct {
    gboolean has_wanted;
    guint n_visits;
    gint status; /* of the library */
} Survey;

static void
survey_entry(Survey *self, MMDB_entry_s *entry, const GeoipPath *paths)
{
    for (; *paths != NULL && !self->has_wanted && self->status == MMDB_SUCCESS; paths++) {
        MMDB_entry_data_s value;

        self->status = database_get(entry, *paths, &value);
        self->has_wanted = self->status == MMDB_SUCCESS && value.has_data;
    }
}

/* Looks at what a record of the tree leads to; pushes a node that it has not seen yet. */
static void
survey_record(Survey *self, guint8 type, guint64 record, MMDB_entry_s *entry,
              const GeoipPath *paths, GArray *nodes)
{
    guint32 node = (guint32)record;

    if (type == MMDB_RECORD_TYPE_INVALID)
        self->status = MMDB_CORRUPT_SEARCH_TREE_ERROR;
    else if (type == MMDB_RECORD_TYPE_DATA)
        survey_entry(self, entry, paths);
    else if (type == MMDB_RECORD_TYPE_SEARCH_NODE && nodes->len < DEPTH_MAX)
        g_array_append_val(nodes, node);
}

/* Walks the tree until something wanted is found. */
static void
survey_tree(Survey *self, const MMDB_s *mmdb, const GeoipPath *paths)
{
    g_autoptr(GArray) nodes = g_array_new(FALSE, TRUE, sizeof(guint32));

    g_array_set_size(nodes, 1);
    while (nodes->len > 0 && !self->has_wanted && self->status == MMDB_SUCCESS &&
           self->n_visits++ < VISITS_MAX) {
        guint32 number = g_array_index(nodes, guint32, nodes->len - 1);
        MMDB_search_node_s node;

        g_array_set_size(nodes, nodes->len - 1);
        self->status = MMDB_read_node(mmdb, number, &node);
        if (self->status != MMDB_SUCCESS)
            return;
        survey_record(self, node.right_record_type, node.right_record, &node.right_record_entry,
                      paths, nodes);
        if (!self->has_wanted && self->status == MMDB_SUCCESS)
            survey_record(self, node.left_record_type, node.left_record, &node.left_record_entry,
                          paths, nodes);
    }
}

static gchar *
database_join_paths(const GeoipPath *paths)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; paths[i] != NULL; i++) {
        g_autofree gchar *path = g_strjoinv(".", (gchar **)paths[i]);

        g_string_append_printf(text, "%s%s", i == 0 ? "" : ", ", path);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
database_check_content(const GeoipDatabase *self, const GeoipPath *paths, GError **error)
{
    Survey survey = {.status = MMDB_SUCCESS};
    g_autofree gchar *type = NULL;
    g_autofree gchar *wanted = NULL;

    survey_tree(&survey, &self->mmdb, paths);
    if (survey.has_wanted)
        return TRUE;
    if (survey.status != MMDB_SUCCESS) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, _("%s: this database is damaged: %s"),
                    self->path, MMDB_strerror(survey.status));
        return FALSE;
    }
    type = database_dup_printable(self->mmdb.metadata.database_type, -1);
    wanted = database_join_paths(paths);
    g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                _("%s: this database (%s) has nowhere: %s"), self->path, type, wanted);
    return FALSE;
}

/* The library would wait for a pipe, and has no word for the others. */
static const gchar *
database_find_fault(const gchar *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return g_strerror(errno);
    if (!S_ISREG(info.st_mode))
        return _("this is not a regular file");
    return info.st_size == 0 ? _("the file is empty") : NULL;
}

static gboolean
database_map(const gchar *path, MMDB_s *out_mmdb, GError **error)
{
    const gchar *fault = database_find_fault(path);
    gint status;

    if (fault != NULL) {
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "%s: %s", path, fault);
        return FALSE;
    }
    errno = 0;
    status = MMDB_open(path, MMDB_MODE_MMAP, out_mmdb);
    if (status == MMDB_SUCCESS)
        return TRUE;
    if ((status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR) && errno != 0)
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID, "%s: %s", path, g_strerror(errno));
    else
        g_set_error(error, BARID_ERROR, BARID_ERROR_INVALID,
                    _("%s: this is no database in MaxMind's format, or not all of it: %s"), path,
                    MMDB_strerror(status));
    return FALSE;
}

GeoipDatabase *
geoip_database_open(const gchar *path, const GeoipPath *paths, GError **error)
{
    g_autoptr(GeoipDatabase) self = NULL;
    MMDB_s mmdb;

    if (!database_map(path, &mmdb, error))
        return NULL;
    self = g_new0(GeoipDatabase, 1);
    self->mmdb = mmdb;
    self->path = g_strdup(path);
    return database_check_content(self, paths, error) ? g_steal_pointer(&self) : NULL;
}

void
geoip_database_free(GeoipDatabase *self)
{
    if (self == NULL)
        return;
    MMDB_close(&self->mmdb);
    g_free(self->path);
    g_free(self);
}
