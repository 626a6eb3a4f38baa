/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/envelope.h"

#include "base/cursor.h"
#include "base/text.h"
#include "base/wire.h"

/* Version 2 has the modules' saved areas besides. It is written only where there are any, so
 * that a release that knows 1 alone can read all other messages. */
enum { ENVELOPE_VERSION = 1, ENVELOPE_VERSION_SAVED = 2, STATE_VERSION_1 = 1, STATE_VERSION = 2 };

/* In the byte of a recipient's wishes. */
enum { NOTIFY_EXPANDED = 0x80 };

/* The byte of a recipient's status. */
enum {
    STATUS_MASK = 0x0f,
    STATUS_MANNER_SHIFT = 4, /* two bits */
    STATUS_IN_DOUBT = 0x40,
    STATUS_DSN_SENT = 0x80,
};

gboolean
envelope_write(const Envelope *self, Buffer *out)
{
    const BaridSlice texts[] = {self->sender,     self->envid,    self->user,     self->remote_ip,
                                self->helo,       self->session_id, self->listener,
                                self->message_id, self->decisions};
    guint8 version = self->saved.len > 0 ? ENVELOPE_VERSION_SAVED : ENVELOPE_VERSION;
    gboolean ok = wire_put_u8(out, version) && wire_put_u64(out, self->id) &&
                  wire_put_u64(out, (guint64)self->created_ms) &&
                  wire_put_u8(out, (guint8)self->source) &&
                  wire_put_u8(out, (guint8)self->flags) &&
                  wire_put_u8(out, (guint8)(self->priority + 100)) &&
                  wire_put_u64(out, self->size_bytes);

    for (guint i = 0; ok && i < G_N_ELEMENTS(texts); i++)
        ok = wire_put_counted(out, texts[i]);
    if (version == ENVELOPE_VERSION_SAVED)
        ok = ok && wire_put_counted(out, self->saved);
    ok = ok && wire_put_u32(out, self->n_recipients);
    for (guint i = 0; ok && i < self->n_recipients; i++) {
        const EnvelopeRecipient *rcpt = &self->recipients[i];

        ok = wire_put_counted(out, rcpt->address) && wire_put_counted(out, rcpt->orcpt_type) &&
             wire_put_counted(out, rcpt->orcpt_address) &&
             wire_put_u8(out, (guint8)(rcpt->notify | (rcpt->is_expanded ? NOTIFY_EXPANDED : 0)));
    }
    return ok;
}

static BaridSlice
envelope_get_domain(BaridSlice address)
{
    gssize at = text_find_last(address, '@');

    if (at < 0)
        return BARID_SLICE_EMPTY;
    return barid_slice(address.data + at + 1, address.len - (gsize)at - 1);
}

void
envelope_group_domains(Envelope *self, Arena *arena)
{
    g_autoptr(GHashTable) seen = NULL;
    guint capacity = MIN(self->n_recipients, G_MAXUINT16);

    self->domains = arena_alloc(arena, sizeof(BaridSlice) * MAX(capacity, 1));
    self->n_domains = 0;
    for (guint i = 0; i < self->n_recipients; i++) {
        BaridSlice domain = envelope_get_domain(self->recipients[i].address);
        gchar *key;
        gpointer found;

        if (self->n_domains > 0 &&
            barid_slice_equal_nocase(domain, self->domains[self->n_domains - 1])) {
            self->recipients[i].domain = (guint16)(self->n_domains - 1);
            continue;
        }
        domain = arena_dup_lower(arena, domain);
        if (seen == NULL)
            seen = g_hash_table_new(g_str_hash, g_str_equal);
        key = arena_dup_slice_text(arena, domain);
        if (g_hash_table_lookup_extended(seen, key, NULL, &found)) {
            self->recipients[i].domain = (guint16)GPOINTER_TO_UINT(found);
            continue;
        }
        if (self->n_domains == capacity) {
            self->recipients[i].domain = (guint16)(capacity - 1);
            continue;
        }
        g_hash_table_insert(seen, key, GUINT_TO_POINTER(self->n_domains));
        self->recipients[i].domain = (guint16)self->n_domains;
        self->domains[self->n_domains++] = domain;
    }
}

static gboolean
envelope_parse_recipients(Cursor *cursor, Arena *arena, Envelope *envelope)
{
    /* Each takes at least 13 bytes: a count that cannot be is found before allocating. */
    if (envelope->n_recipients > ENVELOPE_RECIPIENTS_MAX ||
        envelope->n_recipients > cursor_get_left(cursor) / 13)
        return FALSE;
    envelope->recipients =
        arena_alloc(arena, sizeof(EnvelopeRecipient) * MAX(envelope->n_recipients, 1));
    for (guint i = 0; i < envelope->n_recipients; i++) {
        EnvelopeRecipient *rcpt = &envelope->recipients[i];

        if (!cursor_take_counted(cursor, &rcpt->address) ||
            !cursor_take_counted(cursor, &rcpt->orcpt_type) ||
            !cursor_take_counted(cursor, &rcpt->orcpt_address) ||
            !cursor_take_u8(cursor, &rcpt->notify))
            return FALSE;
        rcpt->is_expanded = (rcpt->notify & NOTIFY_EXPANDED) != 0;
        rcpt->notify &= (guint8)~NOTIFY_EXPANDED;
    }
    return cursor_is_end(cursor);
}

gboolean
envelope_parse(BaridSlice bytes, Arena *arena, Envelope *out_envelope)
{
    Cursor cursor = cursor_new(bytes);
    Envelope envelope = {0};
    BaridSlice *texts[] = {&envelope.sender,     &envelope.envid,      &envelope.user,
                           &envelope.remote_ip,  &envelope.helo,       &envelope.session_id,
                           &envelope.listener,   &envelope.message_id, &envelope.decisions};
    guint8 version, source, flags, priority;
    guint64 created;

    if (!cursor_take_u8(&cursor, &version) || version < ENVELOPE_VERSION ||
        version > ENVELOPE_VERSION_SAVED ||
        !cursor_take_u64(&cursor, &envelope.id) || !cursor_take_u64(&cursor, &created) ||
        !cursor_take_u8(&cursor, &source) || source > ENVELOPE_SYSTEM ||
        !cursor_take_u8(&cursor, &flags) || !cursor_take_u8(&cursor, &priority) ||
        !cursor_take_u64(&cursor, &envelope.size_bytes))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!cursor_take_counted(&cursor, texts[i]))
            return FALSE;
    }
    if (version == ENVELOPE_VERSION_SAVED && !cursor_take_counted(&cursor, &envelope.saved))
        return FALSE;
    if (!cursor_take_u32(&cursor, &envelope.n_recipients) ||
        !envelope_parse_recipients(&cursor, arena, &envelope))
        return FALSE;
    envelope.created_ms = (gint64)created;
    envelope.source = (EnvelopeSource)source;
    envelope.flags = flags;
    envelope.priority = (gint)priority - 100;
    envelope_group_domains(&envelope, arena);
    *out_envelope = envelope;
    return TRUE;
}

/* --- delivery state --- */

gboolean
delivery_state_write(const DeliveryState *self, const Envelope *envelope, Buffer *out)
{
    gboolean ok = wire_put_u8(out, STATE_VERSION) && wire_put_u8(out, self->held ? 1 : 0) &&
                  wire_put_counted(out, self->attempts);

    for (guint i = 0; ok && i < envelope->n_domains; i++) {
        const DomainState *domain = &self->domains[i];

        ok = wire_put_u64(out, (guint64)domain->next_ms) &&
             wire_put_u64(out, (guint64)domain->expires_ms) &&
             wire_put_u64(out, (guint64)domain->notify_ms) &&
             wire_put_u16(out, domain->n_attempts) && wire_put_u16(out, domain->n_notices) &&
             wire_put_counted(out, domain->route) && wire_put_counted(out, domain->peer);
    }
    for (guint i = 0; ok && i < envelope->n_recipients; i++) {
        const RecipientState *rcpt = &self->recipients[i];
        guint bits = rcpt->status | (guint)rcpt->manner << STATUS_MANNER_SHIFT |
                     (rcpt->in_doubt ? STATUS_IN_DOUBT : 0u) |
                     (rcpt->dsn_sent ? STATUS_DSN_SENT : 0u);

        ok = wire_put_u8(out, (guint8)bits) &&
             wire_put_u64(out, (guint64)rcpt->last_ms) && wire_put_counted(out, rcpt->code) &&
             wire_put_counted(out, rcpt->text) && wire_put_counted(out, rcpt->remote);
    }
    return ok;
}

static gboolean
delivery_state_parse_domain(Cursor *cursor, guint8 version, DomainState *out)
{
    guint64 next, expires, notify;

    if (!cursor_take_u64(cursor, &next) || !cursor_take_u64(cursor, &expires) ||
        !cursor_take_u64(cursor, &notify) || !cursor_take_u16(cursor, &out->n_attempts) ||
        !cursor_take_u16(cursor, &out->n_notices))
        return FALSE;
    if (version >= STATE_VERSION && (!cursor_take_counted(cursor, &out->route) ||
                                     !cursor_take_counted(cursor, &out->peer)))
        return FALSE;
    out->next_ms = (gint64)next;
    out->expires_ms = (gint64)expires;
    out->notify_ms = (gint64)notify;
    return TRUE;
}

static gboolean
delivery_state_parse_recipient(Cursor *cursor, RecipientState *out)
{
    guint8 status;
    guint64 last;

    if (!cursor_take_u8(cursor, &status) || (status & STATUS_MASK) > RECIPIENT_FAILED ||
        !cursor_take_u64(cursor, &last) || !cursor_take_counted(cursor, &out->code) ||
        !cursor_take_counted(cursor, &out->text) || !cursor_take_counted(cursor, &out->remote))
        return FALSE;
    out->status = status & STATUS_MASK;
    out->manner = status >> STATUS_MANNER_SHIFT & 3;
    out->in_doubt = (status & STATUS_IN_DOUBT) != 0;
    out->dsn_sent = (status & STATUS_DSN_SENT) != 0;
    out->last_ms = (gint64)last;
    return TRUE;
}

gboolean
delivery_state_parse(BaridSlice bytes, const Envelope *envelope, Arena *arena,
                     DeliveryState *out_state)
{
    Cursor cursor = cursor_new(bytes);
    DeliveryState state = {0};
    guint8 version, held;

    if (!cursor_take_u8(&cursor, &version) || version < STATE_VERSION_1 ||
        version > STATE_VERSION || !cursor_take_u8(&cursor, &held) ||
        !cursor_take_counted(&cursor, &state.attempts))
        return FALSE;
    state.held = held != 0;
    state.domains = arena_alloc(arena, sizeof(DomainState) * MAX(envelope->n_domains, 1));
    state.recipients = arena_alloc(arena, sizeof(RecipientState) * MAX(envelope->n_recipients, 1));
    for (guint i = 0; i < envelope->n_domains; i++) {
        if (!delivery_state_parse_domain(&cursor, version, &state.domains[i]))
            return FALSE;
    }
    for (guint i = 0; i < envelope->n_recipients; i++) {
        if (!delivery_state_parse_recipient(&cursor, &state.recipients[i]))
            return FALSE;
    }
    if (!cursor_is_end(&cursor))
        return FALSE;
    *out_state = state;
    return TRUE;
}
