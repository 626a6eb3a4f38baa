/* SPDX-License-Identifier: Apache-2.0 */
/* DMARC: records, walks and authors. The first line is a domain, or a field From; the others are
 * records, each for the step that its first byte names. */
#include "modules/dmarc/dmarc-author.h"
#include "modules/dmarc/dmarc-walk.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_uris(BaridSlice uris)
{
    g_autoptr(GString) address = g_string_new(NULL);
    guint n_addresses = 0;

    while (barid_report_uris_next(&uris, address)) {
        g_assert(address->len >= 3 && address->len <= 320);
        g_assert(strlen(address->str) == address->len && strchr(address->str, '@') != NULL);
        for (gsize i = 0; i < address->len; i++)
            g_assert(address->str[i] > ' ' && address->str[i] < 0x7f);
        n_addresses++;
    }
    g_assert(n_addresses == 0 || n_addresses < 100000);
}

static void
check_record(BaridSlice text)
{
    DmarcRecord record;

    if (!dmarc_record_is(text))
        return;
    dmarc_record_parse(text, &record);
    g_assert(record.percent <= 100);
    g_assert(record.p <= DMARC_POLICY_REJECT && record.np <= DMARC_POLICY_REJECT);
    check_uris(record.rua);
    check_uris(record.ruf);
}

static void
check_walk(const gchar *domain, gchar **records)
{
    g_auto(DmarcWalk) walk = {.domain = NULL};
    const gchar *organization;
    const DmarcStep *step;
    DmarcWalkResult result;

    dmarc_walk_init(&walk, domain);
    g_assert(walk.n_steps >= 1 && walk.n_steps <= DMARC_STEPS_MAX);
    for (guint i = 0; records[i] != NULL; i++) {
        guint at = (guint)(guchar)*records[i] % walk.n_steps;
        gsize skipped = *records[i] == '\0' ? 0 : 1;

        if (records[i][skipped] == '!')
            walk.steps[at].state = DMARC_STEP_FAILED;
        else
            dmarc_walk_add_record(&walk, at, barid_slice_from_text(records[i] + skipped));
    }
    for (guint i = 0; i < walk.n_steps; i++)
        g_assert(dmarc_domain_is_below(domain, walk.steps[i].domain));
    result = dmarc_walk_find_organization(&walk, &organization);
    g_assert(result != DMARC_WALK_NOTHING);
    /* What makes strangers' identifiers free of cost. */
    g_assert(result == DMARC_WALK_FAILED || dmarc_domain_is_below(domain, organization));
    if (dmarc_walk_find_policy(&walk, &step) == DMARC_WALK_FOUND)
        g_assert(step->state == DMARC_STEP_RECORD &&
                 dmarc_record_is(barid_slice_from_text(step->text)));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree gchar *text = g_strndup((const gchar *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 32);
    g_autofree gchar *domain = NULL;
    g_autofree gchar *author = NULL;
    const gchar *problem;
    BaridSlice whole = barid_slice(data, size);

    check_record(whole);
    author = dmarc_author_dup_domain(&whole, 1, &problem);
    g_assert((author == NULL) == (problem != NULL));
    if (lines[0] == NULL)
        return 0;
    domain = barid_dns_dup_name(lines[0], NULL);
    if (domain != NULL && *domain != '\0')
        check_walk(domain, lines + 1);
    return 0;
}
