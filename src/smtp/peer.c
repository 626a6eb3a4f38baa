/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/peer.h"

#include "base/cursor.h"

static const struct {
    const gchar *keyword;
    SmtpPeerExtension extension;
} peer_keywords[] = {
    {"PIPELINING", SMTP_PEER_PIPELINING},   {"CHUNKING", SMTP_PEER_CHUNKING},
    {"BINARYMIME", SMTP_PEER_BINARYMIME},   {"8BITMIME", SMTP_PEER_8BITMIME},
    {"SMTPUTF8", SMTP_PEER_SMTPUTF8},       {"DSN", SMTP_PEER_DSN},
    {"SIZE", SMTP_PEER_SIZE},               {"STARTTLS", SMTP_PEER_STARTTLS},
    {"AUTH", SMTP_PEER_AUTH},               {"REQUIRETLS", SMTP_PEER_REQUIRETLS},
    {"MT-PRIORITY", SMTP_PEER_MT_PRIORITY}, {"DELIVERBY", SMTP_PEER_DELIVERBY},
    {"FUTURERELEASE", SMTP_PEER_FUTURERELEASE}, {"LIMITS", SMTP_PEER_LIMITS},
};

static gboolean
peer_is_word_byte(guint8 byte)
{
    return byte > ' ' && byte < 0x7f;
}

static BaridSlice
peer_take_word(Cursor *cursor)
{
    while (cursor_accept(cursor, ' ') || cursor_accept(cursor, '\t'))
        ;
    return cursor_take_while(cursor, peer_is_word_byte);
}

/* Digits up to the first other byte; saturates, since a limit that large is none. */
static guint64
peer_parse_number(BaridSlice word)
{
    guint64 number = 0;

    for (gsize i = 0; i < word.len && word.data[i] >= '0' && word.data[i] <= '9'; i++) {
        if (number > G_MAXUINT64 / 10 - 1)
            return 0;
        number = number * 10 + (guint64)(word.data[i] - '0');
    }
    return number;
}

static void
peer_take_auth(SmtpPeer *self, BaridSlice mechanism)
{
    if (barid_slice_equal_nocase(mechanism, BARID_SLICE_LITERAL("PLAIN")))
        self->auth |= SMTP_PEER_AUTH_PLAIN;
    if (barid_slice_equal_nocase(mechanism, BARID_SLICE_LITERAL("LOGIN")))
        self->auth |= SMTP_PEER_AUTH_LOGIN;
}

static void
peer_take_limit(SmtpPeer *self, BaridSlice word)
{
    gsize len = strlen("RCPTMAX=");

    if (word.len > len && barid_slice_equal_nocase(barid_slice(word.data, len),
                                                   BARID_SLICE_LITERAL("RCPTMAX=")))
        self->rcpt_limit = (guint)MIN(
            peer_parse_number(barid_slice(word.data + len, word.len - len)), 1000000);
}

static void
peer_take_arguments(SmtpPeer *self, SmtpPeerExtension extension, Cursor *cursor)
{
    for (;;) {
        BaridSlice word = peer_take_word(cursor);

        if (word.len == 0)
            return;
        if (extension == SMTP_PEER_SIZE)
            self->size_limit = peer_parse_number(word);
        else if (extension == SMTP_PEER_AUTH)
            peer_take_auth(self, word);
        else if (extension == SMTP_PEER_LIMITS)
            peer_take_limit(self, word);
    }
}

void
smtp_peer_take_line(SmtpPeer *self, BaridSlice line)
{
    Cursor cursor = cursor_new(line);
    BaridSlice keyword = peer_take_word(&cursor);
    gsize old_len = strlen("AUTH=");

    /* Servers that date from before RFC 2554 write "AUTH=LOGIN". */
    if (keyword.len > old_len && barid_slice_equal_nocase(barid_slice(keyword.data, old_len),
                                                          BARID_SLICE_LITERAL("AUTH="))) {
        self->extensions |= SMTP_PEER_AUTH;
        peer_take_auth(self, barid_slice(keyword.data + old_len, keyword.len - old_len));
        peer_take_arguments(self, SMTP_PEER_AUTH, &cursor);
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(peer_keywords); i++) {
        if (!barid_slice_equal_nocase(keyword, barid_slice_from_text(peer_keywords[i].keyword)))
            continue;
        self->extensions |= peer_keywords[i].extension;
        peer_take_arguments(self, peer_keywords[i].extension, &cursor);
        return;
    }
}
