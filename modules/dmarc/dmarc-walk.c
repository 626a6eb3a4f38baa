/* SPDX-License-Identifier: Apache-2.0 */
#include "dmarc-walk.h"

enum { LABELS_ABOVE = 7 }; /* section 4.10, step 4 */

/* --- names --- */

/* Without its first label; NULL for the last one. */
static const gchar *
get_parent(const gchar *domain)
{
    const gchar *dot = strchr(domain, '.');

    return dot == NULL ? NULL : dot + 1;
}

static guint
count_labels(const gchar *domain)
{
    guint count = 0;

    for (; domain != NULL; domain = get_parent(domain))
        count++;
    return count;
}

gboolean
dmarc_domain_is_below(const gchar *domain, const gchar *above)
{
    gsize len = strlen(domain), above_len = strlen(above);

    return len >= above_len && strcmp(domain + len - above_len, above) == 0 &&
           (len == above_len || domain[len - above_len - 1] == '.');
}

/* The name one label longer than (above), on the way from (domain), which is below it. */
static const gchar *
get_child(const gchar *domain, const gchar *above)
{
    const gchar *parent;

    while ((parent = get_parent(domain)) != NULL && strcmp(parent, above) != 0)
        domain = parent;
    return domain;
}

static void
add_step(DmarcWalk *self, const gchar *domain)
{
    self->steps[self->n_steps++].domain = domain;
}

void
dmarc_walk_init(DmarcWalk *self, const gchar *domain)
{
    const gchar *target;

    *self = (DmarcWalk){.domain = g_strdup(domain)};
    add_step(self, self->domain);
    target = get_parent(self->domain);
    while (count_labels(target) > LABELS_ABOVE)
        target = get_parent(target);
    for (; target != NULL; target = get_parent(target))
        add_step(self, target);
}

void
dmarc_walk_init_fixed(DmarcWalk *self, const gchar *domain, const gchar *organization)
{
    *self = (DmarcWalk){.domain = g_strdup(domain)};
    add_step(self, self->domain);
    self->organization = self->domain;
    if (!dmarc_domain_is_below(domain, organization) || strcmp(domain, organization) == 0)
        return;
    self->organization = self->domain + strlen(domain) - strlen(organization);
    add_step(self, self->organization);
}

void
dmarc_walk_clear(DmarcWalk *self)
{
    for (guint i = 0; i < self->n_steps; i++)
        g_free(self->steps[i].text);
    g_free(self->domain);
    *self = (DmarcWalk){.domain = NULL};
}

/* --- records --- */

void
dmarc_walk_add_record(DmarcWalk *self, guint step, BaridSlice text)
{
    DmarcStep *at = &self->steps[step];

    if (!dmarc_record_is(text))
        return;
    if (at->text != NULL) {
        at->state = DMARC_STEP_NONE;
        return;
    }
    at->text = g_strndup((const gchar *)text.data, text.len);
    dmarc_record_parse(barid_slice(at->text, text.len), &at->record);
    at->state = DMARC_STEP_RECORD;
}

static gboolean
step_has_psd(const DmarcStep *step, DmarcPsd psd)
{
    return step->state == DMARC_STEP_RECORD && step->record.psd == psd;
}

/* How many steps are gone: up to the first record that says what its domain is. */
static guint
count_steps(const DmarcWalk *self)
{
    for (guint i = 0; i < self->n_steps; i++) {
        if (step_has_psd(&self->steps[i], DMARC_PSD_YES) ||
            step_has_psd(&self->steps[i], DMARC_PSD_NO))
            return i + 1;
    }
    return self->n_steps;
}

static gboolean
has_failed(const DmarcWalk *self, guint n_steps)
{
    for (guint i = 0; i < n_steps; i++) {
        if (self->steps[i].state == DMARC_STEP_FAILED)
            return TRUE;
    }
    return FALSE;
}

DmarcWalkResult
dmarc_walk_find_organization(const DmarcWalk *self, const gchar **out_domain)
{
    guint n_steps = count_steps(self);
    const DmarcStep *last = &self->steps[n_steps - 1];

    *out_domain = self->organization != NULL ? self->organization : self->domain;
    if (self->organization != NULL)
        return DMARC_WALK_FOUND;
    if (has_failed(self, n_steps))
        return DMARC_WALK_FAILED;
    if (step_has_psd(last, DMARC_PSD_YES) && n_steps > 1) {
        *out_domain = get_child(self->domain, last->domain);
        return DMARC_WALK_FOUND;
    }
    /* Else that with the fewest labels. */
    for (guint i = 0; i < n_steps; i++) {
        if (self->steps[i].state == DMARC_STEP_RECORD)
            *out_domain = self->steps[i].domain;
    }
    return DMARC_WALK_FOUND;
}

static const DmarcStep *
find_step(const DmarcWalk *self, const gchar *domain)
{
    for (guint i = 0; i < self->n_steps; i++) {
        if (strcmp(self->steps[i].domain, domain) == 0)
            return &self->steps[i];
    }
    return NULL;
}

DmarcWalkResult
dmarc_walk_find_policy(const DmarcWalk *self, const DmarcStep **out_step)
{
    const DmarcStep *first = &self->steps[0];
    const DmarcStep *last = &self->steps[self->organization != NULL ? self->n_steps - 1
                                                                    : count_steps(self) - 1];
    const gchar *organization;

    if (first->state == DMARC_STEP_RECORD) {
        *out_step = first;
        return DMARC_WALK_FOUND;
    }
    if (has_failed(self, (guint)(last - self->steps) + 1) ||
        dmarc_walk_find_organization(self, &organization) == DMARC_WALK_FAILED)
        return DMARC_WALK_FAILED;
    *out_step = find_step(self, organization);
    /* Where the organization has none, that of the public suffix above it. */
    if (*out_step == NULL || (*out_step)->state != DMARC_STEP_RECORD)
        *out_step = last;
    return (*out_step)->state == DMARC_STEP_RECORD ? DMARC_WALK_FOUND : DMARC_WALK_NOTHING;
}
