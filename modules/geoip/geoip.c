/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The country and the autonomous system of a client's address, from local databases in
 * MaxMind's format.
 *
 * It is found before anything else of the stage is, since it waits for nothing, so that rules of
 * other modules have it.
 */
#include <libintl.h>

#include <barid/barid.h>

#include "geoip-database.h"

/* Told in the language of who calls baridctl. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

/* Names of organizations are for people, who read no more. */
enum { ORGANIZATION_MAX = 128, COUNTRY_MAX = 8 };

typedef struct {
    gchar *country_database, *asn_database; /* files, or NULL */
} GeoipSettings;

static const BaridSetting settings[] = {
    BARID_SETTING_PATH("country-database", GeoipSettings, country_database, "",
                       N_("The database of countries, in MaxMind's format."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_PATH("asn-database", GeoipSettings, asn_database, "",
                       N_("The database of autonomous systems, in MaxMind's format."),
                       BARID_SETTING_PATH_READ),
    BARID_SETTING_END,
};

typedef struct {
    GeoipDatabase *countries, *systems; /* or NULL */
} Geoip;

static const GeoipPath country_paths[] = {
    (const gchar *const[]){"country", "iso_code", NULL},
    /* Where the holder is at home; of a network that is in no country, such as one of
     * satellites, that alone is known. */
    (const gchar *const[]){"registered_country", "iso_code", NULL},
    NULL,
};
static const GeoipPath asn_paths[] = {
    (const gchar *const[]){"autonomous_system_number", NULL},
    NULL,
};
static const gchar *const organization_path[] = {"autonomous_system_organization", NULL};

/* --- what is found --- */

/* Makes (code) two upper-case letters. */
static gboolean
geoip_take_code(gchar *code)
{
    if (code == NULL || !g_ascii_isalpha(code[0]) || !g_ascii_isalpha(code[1]) || code[2] != '\0')
        return FALSE;
    code[0] = g_ascii_toupper(code[0]);
    code[1] = g_ascii_toupper(code[1]);
    return TRUE;
}

static gchar *
geoip_dup_country(const Geoip *self, const gchar *ip, GError **error)
{
    if (self->countries == NULL)
        return NULL;
    for (guint i = 0; country_paths[i] != NULL; i++) {
        g_autoptr(GError) problem = NULL;
        g_autofree gchar *code = geoip_database_dup_text(self->countries, ip, country_paths[i],
                                                         COUNTRY_MAX, &problem);

        if (problem != NULL) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
        if (geoip_take_code(code))
            return g_steal_pointer(&code);
    }
    return NULL;
}

static gchar *
geoip_dup_asn(const Geoip *self, const gchar *ip, gchar **out_organization, GError **error)
{
    guint32 number;

    if (self->systems == NULL)
        return NULL;
    number = geoip_database_get_number(self->systems, ip, asn_paths[0], error);
    /* Nobody has AS 0 (RFC 7607). */
    if (number == 0)
        return NULL;
    *out_organization = geoip_database_dup_text(self->systems, ip, organization_path,
                                                ORGANIZATION_MAX, error);
    return g_strdup_printf("%u", number);
}

static const gchar *
geoip_or_nothing(const gchar *text)
{
    return text == NULL ? "" : text;
}

/* Damage in one place does not fail the module: one that fails repeatedly is suspended, and whoever
 * comes from such a place would switch off the rules for all. */
static void
geoip_explain(BaridSession *session, const gchar *key, const gchar *value, const GError *error)
{
    if (error != NULL)
        barid_explain(session, key, "unknown: %s", error->message);
    else
        barid_explain(session, key, "%s", value == NULL ? "unknown" : value);
}

static BaridVerdict
geoip_connect(BaridSession *session, gpointer state)
{
    const Geoip *self = state;
    const gchar *ip = barid_session_get_remote_ip(session);
    g_autoptr(GError) country_error = NULL;
    g_autoptr(GError) asn_error = NULL;
    g_autofree gchar *organization = NULL;
    g_autofree gchar *country = geoip_dup_country(self, ip, &country_error);
    g_autofree gchar *asn = geoip_dup_asn(self, ip, &organization, &asn_error);

    barid_finding_set(session, "geoip.country", geoip_or_nothing(country));
    barid_finding_set(session, "geoip.asn", geoip_or_nothing(asn));
    barid_finding_set(session, "geoip.organization", geoip_or_nothing(organization));
    if (self->countries != NULL)
        geoip_explain(session, "country", country, country_error);
    if (self->systems != NULL)
        geoip_explain(session, "asn", asn, asn_error);
    if (organization != NULL)
        barid_explain(session, "organization", "%s", organization);
    return BARID_CONTINUE;
}

/* --- the module --- */

static void
geoip_stop(gpointer state)
{
    Geoip *self = state;

    geoip_database_free(self->countries);
    geoip_database_free(self->systems);
    g_free(self);
}

/* TRUE for the (key) that has no value. */
static gboolean
geoip_open(const gchar *key, const gchar *path, const GeoipPath *paths,
           GeoipDatabase **out_database, GError **error)
{
    GeoipDatabase *database;

    if (path == NULL)
        return TRUE;
    database = geoip_database_open(path, paths, error);
    if (database == NULL) {
        g_prefix_error(error, "%s: ", key);
        return FALSE;
    }
    *out_database = database;
    return TRUE;
}

static gboolean
geoip_start(BaridStart *start G_GNUC_UNUSED, const void *config, gpointer *out_state,
            GError **error)
{
    const GeoipSettings *given = config;
    Geoip *self;

    if (given->country_database == NULL && given->asn_database == NULL) {
        g_set_error_literal(error, BARID_ERROR, BARID_ERROR_INVALID,
                            _("country-database, asn-database or both must be set"));
        return FALSE;
    }
    self = g_new0(Geoip, 1);
    if (!geoip_open("country-database", given->country_database, country_paths, &self->countries,
                    error) ||
        !geoip_open("asn-database", given->asn_database, asn_paths, &self->systems, error)) {
        geoip_stop(self);
        return FALSE;
    }
    *out_state = self;
    return TRUE;
}

static const BaridHook hooks[] = {
    BARID_HOOK_CONNECT(geoip_connect, BARID_PHASE_EARLY, .observes = TRUE, .before = "limit"),
    BARID_HOOK_END,
};

static const gchar *const findings[] = {"geoip.country", "geoip.asn", "geoip.organization", NULL};

BARID_MODULE_DEFINE(geoip) = {
    BARID_MODULE_HEADER,
    .name = "geoip",
    .version = PACKAGE_VERSION,
    .summary = N_("Tells the countries and autonomous systems of clients"),
    .needs = BARID_USES_FILES,
    .settings = settings,
    .settings_size = sizeof(GeoipSettings),
    .hooks = hooks,
    .findings = findings,
    .start = geoip_start,
    .stop = geoip_stop,
};
