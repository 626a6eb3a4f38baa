/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/peer.h"

#include <errno.h>

#include "base/clock.h"
#include "base/error-domain.h"
#include "base/text.h"
#include "net/line-reader.h"
#include "sim/dialogue.h"

enum { PEER_LINE_MAX = 8192, PEER_RECEIVED_MAX = 20000 };

typedef struct {
    gchar *stage;
    gchar *address; /* of rcpt and mail; NULL any */
    gchar *text;
    gboolean used;
} PeerAnswer;

typedef struct {
    Peers *set;
    gchar *name;
    gchar *host;      /* a name or a path; NULL for an address */
    Address address;  /* its port counts for names, too; 0 any */
    gchar **offers;
    GPtrArray *answers;  /* of PeerAnswer * */
    GPtrArray *received; /* of gchar * */
} Peer;

struct Peers {
    GPtrArray *all; /* of Peer * */
    MailboxLog *log;
    DnsResolver *resolver;
    FiberGroup *group;
    TlsServer *tls; /* made when it is needed */
};

static const gchar *const peer_stages[] = {
    "connect", "greeting", "ehlo", "helo",    "lhlo", "starttls", "auth",
    "mail",    "rcpt",     "data", "content", "rset", "quit",     NULL,
};

/* --- the set --- */

static void
peer_answer_free(gpointer data)
{
    PeerAnswer *answer = data;

    g_free(answer->stage);
    g_free(answer->address);
    g_free(answer->text);
    g_free(answer);
}

static void
peer_free(gpointer data)
{
    Peer *self = data;

    g_free(self->name);
    g_free(self->host);
    g_strfreev(self->offers);
    g_ptr_array_free(self->answers, TRUE);
    g_ptr_array_free(self->received, TRUE);
    g_free(self);
}

Peers *
peers_new(MailboxLog *log, DnsResolver *resolver, FiberGroup *group)
{
    Peers *self = g_new0(Peers, 1);

    self->all = g_ptr_array_new_with_free_func(peer_free);
    self->log = log;
    self->resolver = resolver;
    self->group = group;
    return self;
}

void
peers_free(Peers *self)
{
    if (self == NULL)
        return;
    g_ptr_array_free(self->all, TRUE);
    if (self->tls != NULL)
        tls_server_unref(self->tls);
    g_free(self);
}

static Peer *
peers_find(const Peers *self, const gchar *name)
{
    for (guint i = 0; i < self->all->len; i++) {
        Peer *peer = g_ptr_array_index(self->all, i);

        if (strcmp(peer->name, name) == 0)
            return peer;
    }
    return NULL;
}

const GPtrArray *
peers_get_received(const Peers *self, const gchar *name)
{
    const Peer *peer = peers_find(self, name);

    return peer == NULL ? NULL : peer->received;
}

/* --- reading what a peer does --- */

static gboolean
peer_take_offers(Peer *self, const gchar *text)
{
    g_strfreev(self->offers);
    self->offers = g_strsplit(text, ",", -1);
    for (guint i = 0; self->offers[i] != NULL; i++)
        g_strstrip(self->offers[i]);
    return TRUE;
}

static gboolean
peer_text_is_answer(const PeerAnswer *answer)
{
    const gchar *text = answer->text;

    if (strcmp(answer->stage, "connect") == 0)
        return strcmp(text, "refused") == 0 || strcmp(text, "timeout") == 0;
    return strcmp(text, "close") == 0 || strcmp(text, "silence") == 0 ||
           (text[0] >= '2' && text[0] <= '5' && g_ascii_isdigit(text[1]) &&
            g_ascii_isdigit(text[2]) && (text[3] == ' ' || text[3] == '\0'));
}

static gboolean
peer_take_line(Peer *self, const gchar *line, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 2);
    PeerAnswer *answer;

    if (g_str_has_prefix(line, "offers:"))
        return peer_take_offers(self, line + strlen("offers:"));
    answer = g_new0(PeerAnswer, 1);
    answer->stage = g_strdup(words[0]);
    answer->text = g_strstrip(g_strdup(words[1] == NULL ? "" : words[1]));
    g_ptr_array_add(self->answers, answer);
    if (strchr(answer->text, '@') != NULL && !g_ascii_isdigit(answer->text[0])) {
        g_auto(GStrv) parts = g_strsplit(answer->text, " ", 2);

        answer->address = g_strdup(parts[0]);
        g_free(answer->text);
        answer->text = g_strstrip(g_strdup(parts[1] == NULL ? "" : parts[1]));
    }
    if (g_strv_contains(peer_stages, answer->stage) && peer_text_is_answer(answer))
        return TRUE;
    g_set_error(error, DIALOGUE_ERROR, BARID_ERROR_INVALID,
                "a peer cannot do that: \"%s\"; write STAGE CODE TEXT, with a stage of connect, "
                "greeting, ehlo, helo, lhlo, starttls, auth, mail, rcpt, data, content, rset, quit",
                line);
    return FALSE;
}

/* "192.0.2.1", "192.0.2.1:25", "[2001:db8::1]:25", "mx.example", "mx.example:25",
 * "unix:PATH". */
static void
peer_take_name(Peer *self, const gchar *name)
{
    const gchar *colon = strrchr(name, ':');

    self->name = g_strdup(name);
    if (g_str_has_prefix(name, "unix:"))
        self->host = g_strdup(name + strlen("unix:"));
    else if (!address_parse_ip(barid_slice_from_text(name), &self->address) &&
             !address_parse(barid_slice_from_text(name), &self->address)) {
        self->host = colon == NULL ? g_strdup(name) : g_strndup(name, (gsize)(colon - name));
        self->address.port = colon == NULL ? 0 : (guint16)g_ascii_strtoull(colon + 1, NULL, 10);
    }
}

gboolean
peers_add(Peers *self, const gchar *name, const gchar *block, GError **error)
{
    static const gchar *const offers[] = {"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", NULL};
    g_auto(GStrv) lines = g_strsplit(block == NULL ? "" : block, "\n", -1);
    Peer *peer = g_new0(Peer, 1);

    peer->set = self;
    peer->offers = g_strdupv((gchar **)(guintptr)offers);
    peer->answers = g_ptr_array_new_with_free_func(peer_answer_free);
    peer->received = g_ptr_array_new_with_free_func(g_free);
    peer_take_name(peer, name);
    g_ptr_array_add(self->all, peer);
    for (guint i = 0; lines[i] != NULL; i++) {
        const gchar *line = g_strstrip(lines[i]);

        if (line[0] != '\0' && line[0] != '#' && !peer_take_line(peer, line, error))
            return FALSE;
    }
    return TRUE;
}

/* The answer of (stage); the first that was not given yet, else the last. NULL without. */
static const gchar *
peer_choose(const Peer *self, const gchar *stage, const gchar *address)
{
    PeerAnswer *chosen = NULL;

    for (guint i = 0; i < self->answers->len; i++) {
        PeerAnswer *answer = g_ptr_array_index(self->answers, i);

        if (strcmp(answer->stage, stage) != 0 ||
            (answer->address != NULL && g_strcmp0(answer->address, address) != 0))
            continue;
        chosen = answer;
        if (!answer->used)
            break;
    }
    if (chosen == NULL)
        return NULL;
    chosen->used = TRUE;
    return chosen->text;
}

/* --- a connection --- */

typedef struct {
    Peer *peer;
    Stream *stream;
    LineReader reader;
    gboolean is_lmtp, has_tls;
    gchar *sender;
    GPtrArray *rcpts; /* of gchar * */
    GString *content;
    gboolean ended;
} PeerTalk;

static gboolean
peer_put(PeerTalk *self, const gchar *text)
{
    g_autofree gchar *line = g_strconcat(text, "\r\n", NULL);

    return stream_put(self->stream, barid_slice_from_text(line), NULL) &&
           stream_flush(self->stream, NULL);
}

/* Says what the script has for the stage, else (otherwise). TRUE when it is a good reply;
 * (ended) is set when there is nobody to talk to any more. */
static gboolean
peer_say(PeerTalk *self, const gchar *stage, const gchar *address, const gchar *otherwise)
{
    const gchar *text = peer_choose(self->peer, stage, address);

    if (text == NULL)
        text = otherwise;
    if (strcmp(text, "silence") == 0)
        fiber_park(NULL); /* until the simulation ends */
    if (strcmp(text, "silence") == 0 || strcmp(text, "close") == 0 || !peer_put(self, text)) {
        self->ended = TRUE;
        return FALSE;
    }
    return text[0] == '2' || text[0] == '3';
}

static void
peer_note(PeerTalk *self, BaridSlice line)
{
    if (self->peer->received->len < PEER_RECEIVED_MAX)
        g_ptr_array_add(self->peer->received, text_escape(line, PEER_LINE_MAX));
}

static gboolean
peer_read(PeerTalk *self, BaridSlice *out_line)
{
    if (line_reader_next(&self->reader, PEER_LINE_MAX, out_line, NULL) == LINE_FAILED) {
        self->ended = TRUE;
        return FALSE;
    }
    peer_note(self, *out_line);
    return TRUE;
}

static void
peer_forget(PeerTalk *self)
{
    g_clear_pointer(&self->sender, g_free);
    g_ptr_array_set_size(self->rcpts, 0);
    g_string_truncate(self->content, 0);
}

/* What stands between "<" and ">" of MAIL or RCPT. */
static gchar *
peer_dup_path(const gchar *command)
{
    const gchar *open = strchr(command, '<');
    const gchar *end = open == NULL ? NULL : strchr(open, '>');

    return end == NULL ? g_strdup("") : g_strndup(open + 1, (gsize)(end - open - 1));
}

static void
peer_greet(PeerTalk *self, const gchar *verb)
{
    g_autofree gchar *stage = g_ascii_strdown(verb, -1);
    gboolean is_extended = strcmp(stage, "helo") != 0;
    guint n = is_extended ? g_strv_length(self->peer->offers) : 0;
    GString *text;

    self->is_lmtp = strcmp(stage, "lhlo") == 0;
    peer_forget(self);
    if (peer_choose(self->peer, stage, NULL) != NULL) {
        peer_say(self, stage, NULL, "");
        return;
    }
    text = g_string_new(NULL);
    g_string_append_printf(text, "250%c%s", n > 0 ? '-' : ' ', self->peer->name);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(text, "\r\n250%c%s", i + 1 < n ? '-' : ' ', self->peer->offers[i]);
    self->ended = !peer_put(self, text->str);
    g_string_free(text, TRUE);
}

static gboolean
peers_make_tls(Peers *self)
{
    g_autofree gchar *chain = NULL;
    g_autofree gchar *key = NULL;

    if (self->tls != NULL)
        return TRUE;
    self->tls = tls_server_new(NULL, NULL);
    return self->tls != NULL &&
           tls_make_self_signed("peer.example", clock_wall_ms(), &chain, &key, NULL) &&
           tls_server_add_certificate(self->tls, barid_slice_from_text(chain),
                                      barid_slice_from_text(key), "peer", NULL);
}

static void
peer_start_tls(PeerTalk *self)
{
    if (!peer_say(self, "starttls", NULL, "220 2.0.0 go ahead"))
        return;
    line_reader_release(&self->reader);
    self->has_tls = peers_make_tls(self->peer->set) &&
                    stream_start_tls_server(self->stream, self->peer->set->tls, NULL);
    self->ended = !self->has_tls;
    peer_forget(self);
}

static void
peer_authenticate(PeerTalk *self, const gchar *command)
{
    g_auto(GStrv) words = g_strsplit(command, " ", 3);
    BaridSlice line;

    if (g_strv_length(words) < 3 && (!peer_put(self, "334 ") || !peer_read(self, &line)))
        return;
    peer_say(self, "auth", NULL, "235 2.7.0 welcome");
}

/* The message has come: it is answered, once or for each recipient, and noted. */
static void
peer_take_content(PeerTalk *self)
{
    g_autofree gchar *content =
        text_escape(barid_slice(self->content->str, self->content->len), G_MAXINT);
    gboolean taken = FALSE;

    for (guint i = 0; i < self->rcpts->len && !self->ended; i++) {
        gchar *rcpt = g_ptr_array_index(self->rcpts, i);

        if (i == 0 || self->is_lmtp)
            taken = peer_say(self, "content", rcpt, "250 2.0.0 taken");
        if (taken)
            mailbox_log_add(self->peer->set->log, &(MailboxEntry){.rcpt = rcpt,
                                                                  .sender = self->sender,
                                                                  .via = self->peer->name,
                                                                  .mailbox = (gchar[]){""},
                                                                  .content = content});
    }
    peer_forget(self);
}

static void
peer_read_content(PeerTalk *self)
{
    BaridSlice line;

    if (self->rcpts->len == 0) {
        self->ended = !peer_put(self, "503 5.5.1 no recipients");
        return;
    }
    if (!peer_say(self, "data", NULL, "354 go ahead"))
        return;
    while (peer_read(self, &line)) {
        if (line.len == 1 && line.data[0] == '.') {
            peer_take_content(self);
            return;
        }
        if (line.len > 1 && line.data[0] == '.')
            line = barid_slice(line.data + 1, line.len - 1);
        g_string_append_len(self->content, (const gchar *)line.data, (gssize)line.len);
        g_string_append(self->content, "\r\n");
    }
}

static void
peer_read_chunk(PeerTalk *self, const gchar *command)
{
    gchar *rest;
    guint64 left = g_ascii_strtoull(command + strlen("BDAT "), &rest, 10);
    gboolean is_last = g_ascii_strcasecmp(rest, " LAST") == 0;

    line_reader_release(&self->reader);
    while (left > 0) {
        BaridSlice input = stream_get_input(self->stream);
        gsize n = (gsize)MIN(left, input.len);

        g_string_append_len(self->content, (const gchar *)input.data, (gssize)n);
        peer_note(self, barid_slice(input.data, n));
        stream_consume(self->stream, n);
        left -= n;
        if (left > 0 && !stream_fill(self->stream, NULL)) {
            self->ended = TRUE;
            return;
        }
    }
    if (is_last)
        peer_take_content(self);
    else
        self->ended = !peer_put(self, "250 2.0.0 more");
}

static void
peer_take_mail(PeerTalk *self, const gchar *command)
{
    g_autofree gchar *path = peer_dup_path(command);

    peer_forget(self);
    if (peer_say(self, "mail", path, "250 2.1.0 fine"))
        self->sender = g_steal_pointer(&path);
}

static void
peer_take_rcpt(PeerTalk *self, const gchar *command)
{
    g_autofree gchar *path = peer_dup_path(command);

    if (peer_say(self, "rcpt", path, "250 2.1.5 fine"))
        g_ptr_array_add(self->rcpts, g_steal_pointer(&path));
}

static void
peer_take_command(PeerTalk *self, const gchar *command)
{
    g_autofree gchar *verb = g_ascii_strup(command, (gssize)strcspn(command, " "));

    if (strcmp(verb, "EHLO") == 0 || strcmp(verb, "HELO") == 0 || strcmp(verb, "LHLO") == 0)
        peer_greet(self, verb);
    else if (strcmp(verb, "STARTTLS") == 0)
        peer_start_tls(self);
    else if (strcmp(verb, "AUTH") == 0)
        peer_authenticate(self, command);
    else if (strcmp(verb, "MAIL") == 0)
        peer_take_mail(self, command);
    else if (strcmp(verb, "RCPT") == 0)
        peer_take_rcpt(self, command);
    else if (strcmp(verb, "DATA") == 0)
        peer_read_content(self);
    else if (strcmp(verb, "BDAT") == 0)
        peer_read_chunk(self, command);
    else if (strcmp(verb, "RSET") == 0) {
        peer_forget(self);
        peer_say(self, "rset", NULL, "250 2.0.0 forgotten");
    } else if (strcmp(verb, "QUIT") == 0) {
        peer_say(self, "quit", NULL, "221 2.0.0 bye");
        self->ended = TRUE;
    } else {
        self->ended = !peer_put(self, "500 5.5.1 unknown");
    }
}

static void
peer_serve(gpointer data)
{
    PeerTalk *self = data;
    BaridSlice line;

    line_reader_init(&self->reader, self->stream);
    self->rcpts = g_ptr_array_new_with_free_func(g_free);
    self->content = g_string_new(NULL);
    if (!peer_say(self, "greeting", NULL, "220 peer.example ESMTP"))
        self->ended = TRUE;
    while (!self->ended && peer_read(self, &line)) {
        g_autofree gchar *command = text_escape(line, PEER_LINE_MAX);

        peer_take_command(self, command);
    }
    stream_end(self->stream);
    stream_free(self->stream);
    g_free(self->sender);
    g_ptr_array_free(self->rcpts, TRUE);
    g_string_free(self->content, TRUE);
    g_free(self);
}

/* --- who is called --- */

static gboolean
peer_resolves_to(const Peer *self, const Address *address)
{
    g_autoptr(DnsAnswer) answer =
        dns_lookup(self->set->resolver, self->host,
                   address->is_v6 ? DNS_TYPE_AAAA : DNS_TYPE_A, NULL);

    for (guint i = 0; answer != NULL && i < answer->n_records; i++) {
        if (memcmp(answer->records[i].as.address.bytes, address->bytes,
                   address->is_v6 ? 16 : 4) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
peer_is_at(const Peer *self, const Endpoint *endpoint)
{
    const Address *address = &endpoint->address;

    if (endpoint->unix_path != NULL)
        return g_strcmp0(self->host, endpoint->unix_path) == 0;
    if (self->address.port != 0 && self->address.port != address->port)
        return FALSE;
    if (self->host != NULL)
        return self->host[0] != '/' && peer_resolves_to(self, address);
    return self->address.is_v6 == address->is_v6 &&
           memcmp(self->address.bytes, address->bytes, address->is_v6 ? 16 : 4) == 0;
}

static Stream *
peer_connect(Peer *self, GError **error)
{
    PeerTalk *talk;
    Stream *ends[2];

    if (!connector_open_pair(ends, error))
        return NULL;
    talk = g_new0(PeerTalk, 1);
    talk->peer = self;
    talk->stream = ends[1];
    if (fiber_group_spawn(self->set->group, peer_serve, talk, error))
        return ends[0];
    stream_free(ends[0]);
    stream_free(ends[1]);
    g_free(talk);
    return NULL;
}

Stream *
peers_dial(const Endpoint *endpoint, const Address *source, Address *out_local, gpointer peers,
           GError **error)
{
    const Peers *self = peers;
    Peer *peer = NULL;
    const gchar *how;

    *out_local = source == NULL ? (Address){.port = 0} : *source;
    for (guint i = 0; peer == NULL && i < self->all->len; i++) {
        if (peer_is_at(g_ptr_array_index(self->all, i), endpoint))
            peer = g_ptr_array_index(self->all, i);
    }
    how = peer == NULL ? "refused" : peer_choose(peer, "connect", NULL);
    if (how == NULL)
        return peer_connect(peer, error);
    if (strcmp(how, "timeout") == 0) {
        fiber_park(error); /* the deadline ends it */
        return NULL;
    }
    error_set_errno(error, NET_ERROR, ECONNREFUSED, "cannot connect");
    return NULL;
}
