/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "baridctl sendmail", and the program when it is called sendmail, mailq or newaliases: what
 * other programs expect of a mail system. It submits over the local listener's socket, where
 * the server knows the user. Either all recipients are taken or none, so that a program that
 * tries again never sends twice.
 */
#include "baridctl/sendmail.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <barid/address-list.h>

#include "baridctl/ctl.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/paths.h"
#include "base/text.h"
#include "mime/header.h"
#include "smtp/peer.h"

enum { SENDMAIL_MESSAGE_MAX = 1 << 30, SENDMAIL_RECIPIENTS_MAX = 100000 };

typedef enum { MODE_DELIVER, MODE_SMTP, MODE_LIST, MODE_RETRY, MODE_NOTHING } SendmailMode;

typedef struct {
    SendmailMode mode;
    gboolean from_header;  /* -t: recipients are in the header */
    gboolean ignores_dots; /* -i */
    const gchar *sender;   /* NULL: the user */
    gchar *bare_sender;    /* what (sender) has between brackets */
    const gchar *full_name;
    const gchar *notify, *ret, *envid;
    const gchar *state, *socket;
    GPtrArray *recipients; /* of gchar * */
    FILE *server, *replies; /* both ends of one connection */
    gchar *hostname; /* as the server says */
    SmtpPeer offer;
    GString *message;
} Sendmail;

static int
sendmail_complain(int status, const gchar *format, ...)
{
    va_list args;

    fputs("sendmail: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

/* --- the command line --- */

/* A word of options, such as -ti or -fname@example.com. */
typedef struct {
    const gchar *const *argv;
    guint index;
    const gchar *letter; /* at hand; behind it are others, or its value */
} OptionWord;

/* The value of the option: the rest of the word, or the next word. The word is used up. */
static const gchar *
sendmail_take_value(OptionWord *word)
{
    const gchar *value = word->letter + 1;

    word->letter += strlen(word->letter) - 1;
    if (*value != '\0')
        return value;
    return word->argv[word->index + 1] == NULL ? "" : word->argv[++word->index];
}

/* -oi and the like; those that no longer mean anything are taken silently. */
static void
sendmail_take_old_option(Sendmail *self, const gchar *value)
{
    if (strcmp(value, "i") == 0)
        self->ignores_dots = TRUE;
    else if (strcmp(value, "t") == 0)
        self->from_header = TRUE;
}

static gboolean
sendmail_take_mode(Sendmail *self, gchar letter)
{
    switch (letter) {
    case 'm':
        self->mode = MODE_DELIVER;
        return TRUE;
    case 's':
        self->mode = MODE_SMTP;
        return TRUE;
    case 'p':
        self->mode = MODE_LIST;
        return TRUE;
    case 'i':
        self->mode = MODE_NOTHING;
        return TRUE;
    default:
        return FALSE;
    }
}

static gboolean
sendmail_take_option(Sendmail *self, OptionWord *word)
{
    switch (*word->letter) {
    case 'b':
        return sendmail_take_mode(self, *sendmail_take_value(word));
    case 'i':
        self->ignores_dots = TRUE;
        return TRUE;
    case 't':
        self->from_header = TRUE;
        return TRUE;
    case 'q': /* an interval or a choice may stand behind it */
        self->mode = MODE_RETRY;
        word->letter += strlen(word->letter) - 1;
        return TRUE;
    case 'I':
        self->mode = MODE_NOTHING;
        return TRUE;
    case 'o':
        sendmail_take_old_option(self, sendmail_take_value(word));
        return TRUE;
    case 'f':
    case 'r':
        self->sender = sendmail_take_value(word);
        return TRUE;
    case 'F':
        self->full_name = sendmail_take_value(word);
        return TRUE;
    case 'N':
        self->notify = sendmail_take_value(word);
        return TRUE;
    case 'R':
        self->ret = sendmail_take_value(word);
        return TRUE;
    case 'V':
        self->envid = sendmail_take_value(word);
        return TRUE;
    case 'A': case 'B': case 'C': case 'D': case 'd': case 'e': case 'h': case 'L': case 'O':
    case 'p': case 'X':
        (void)sendmail_take_value(word);
        return TRUE;
    case 'c': case 'G': case 'm': case 'n': case 'U': case 'v': case 'x':
        return TRUE;
    default:
        return FALSE;
    }
}

/* One word, in which options without a value may stand together. */
static gboolean
sendmail_take_options(Sendmail *self, const gchar *const *argv, guint *index)
{
    OptionWord word = {.argv = argv, .index = *index, .letter = argv[*index] + 1};

    for (; *word.letter != '\0'; word.letter++) {
        if (!sendmail_take_option(self, &word)) {
            sendmail_complain(0, _("the option %s is not known"), argv[*index]);
            return FALSE;
        }
    }
    *index = word.index;
    return TRUE;
}

static void
sendmail_take_list(Sendmail *self, BaridSlice rest)
{
    BaridSlice address;

    while (barid_address_list_next(&rest, &address) &&
           self->recipients->len < SENDMAIL_RECIPIENTS_MAX) {
        g_autofree gchar *text = barid_slice_dup_text(text_trim(address), NULL);

        if (text != NULL && *text != '\0')
            g_ptr_array_add(self->recipients, g_steal_pointer(&text));
    }
}

/* Recipients, as they would stand in a field: there may be several with commas. */
static void
sendmail_take_word(Sendmail *self, const gchar *word)
{
    guint before = self->recipients->len;

    sendmail_take_list(self, barid_slice_from_text(word));
    if (self->recipients->len == before)
        g_ptr_array_add(self->recipients, g_strdup(word));
}

static gboolean
sendmail_parse(Sendmail *self, const gchar *const *argv)
{
    gboolean options_end = FALSE;

    for (guint i = 0; argv[i] != NULL; i++) {
        if (options_end || argv[i][0] != '-' || argv[i][1] == '\0') {
            sendmail_take_word(self, argv[i]);
        } else if (strcmp(argv[i], "--") == 0) {
            options_end = TRUE;
        } else if (strcmp(argv[i], "--state") == 0 && argv[i + 1] != NULL) {
            self->state = argv[++i];
        } else if (strcmp(argv[i], "--socket") == 0 && argv[i + 1] != NULL) {
            self->socket = argv[++i];
        } else if (!sendmail_take_options(self, argv, &i)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* --- the message --- */

/* Lines end with CRLF from here on; a line with a single dot ends the message unless dots
 * are to be ignored. */
static gboolean
sendmail_read_message(Sendmail *self)
{
    char *line = NULL;
    size_t room = 0;
    gssize len;

    while ((len = getline(&line, &room, stdin)) > 0 && self->message->len < SENDMAIL_MESSAGE_MAX) {
        gsize bytes = (gsize)len;

        while (bytes > 0 && (line[bytes - 1] == '\n' || line[bytes - 1] == '\r'))
            bytes--;
        if (!self->ignores_dots && bytes == 1 && line[0] == '.')
            break;
        g_string_append_len(self->message, line, (gssize)bytes);
        g_string_append(self->message, "\r\n");
    }
    free(line);
    return ferror(stdin) == 0;
}

static BaridSlice
sendmail_get_message(const Sendmail *self)
{
    return barid_slice(self->message->str, self->message->len);
}

/* The line that a mailbox file has before each message goes; text that is no header, such as
 * the whole of "echo ... | sendmail", becomes the body. */
static void
sendmail_tidy_message(Sendmail *self)
{
    HeaderIter iter;
    HeaderField field;
    HeaderStep step;

    if (g_str_has_prefix(self->message->str, "From ")) {
        const gchar *end = strstr(self->message->str, "\r\n");

        g_string_erase(self->message, 0, end == NULL ? -1 : end + 2 - self->message->str);
    }
    header_iter_init(&iter, sendmail_get_message(self));
    while ((step = header_iter_next(&iter, &field)) == HEADER_FIELD)
        ;
    if (step == HEADER_BAD)
        g_string_insert(self->message, (gssize)header_iter_get_body_offset(&iter), "\r\n");
}

static gboolean
sendmail_is_one_of(BaridSlice name, const gchar *const *names)
{
    for (; *names != NULL; names++) {
        if (barid_slice_equal_nocase(name, barid_slice_from_text(*names)))
            return TRUE;
    }
    return FALSE;
}

/* Recipients come from To, Cc and Bcc, or of a message that is sent on from their likes (RFC
 * 5322 section 3.6.6); Bcc is taken out, so that nobody reads it. */
static void
sendmail_take_recipients(Sendmail *self)
{
    static const gchar *const first[] = {"to", "cc", "bcc", NULL};
    static const gchar *const resent[] = {"resent-to", "resent-cc", "resent-bcc", NULL};
    static const gchar *const hidden[] = {"bcc", "resent-bcc", NULL};
    g_autoptr(GString) kept = g_string_sized_new(self->message->len);
    const gchar *const *names = first;
    HeaderIter iter;
    HeaderField field;
    gsize end = 0;

    for (guint i = 0; resent[i] != NULL; i++) {
        if (header_find(sendmail_get_message(self), resent[i], 0, &field))
            names = resent;
    }
    header_iter_init(&iter, sendmail_get_message(self));
    while (header_iter_next(&iter, &field) == HEADER_FIELD) {
        if (sendmail_is_one_of(field.name, names))
            sendmail_take_list(self, field.value);
        end = (gsize)(field.whole.data + field.whole.len - (const guint8 *)self->message->str);
        if (!sendmail_is_one_of(field.name, hidden))
            g_string_append_len(kept, (const gchar *)field.whole.data, (gssize)field.whole.len);
    }
    /* With the empty line. */
    g_string_append_len(kept, self->message->str + end, (gssize)(self->message->len - end));
    g_string_assign(self->message, "");
    g_string_append_len(self->message, kept->str, (gssize)kept->len);
}

static gchar *
sendmail_dup_user(void)
{
    const struct passwd *entry = getpwuid(getuid());

    return entry != NULL ? g_strdup(entry->pw_name) : g_strdup_printf("uid-%u", (guint)getuid());
}

/* An address without a domain is one of this host. */
static gchar *
sendmail_complete(const Sendmail *self, const gchar *address)
{
    return *address == '\0' || strchr(address, '@') != NULL ||
                   g_ascii_strcasecmp(address, "postmaster") == 0
               ? g_strdup(address)
               : g_strdup_printf("%s@%s", address, self->hostname);
}

static void
sendmail_add_from(Sendmail *self, const gchar *sender)
{
    const struct passwd *entry = getpwuid(getuid());
    g_autofree gchar *gecos = entry == NULL ? g_strdup("") : g_strdup(entry->pw_gecos);
    const gchar *name = self->full_name;
    g_auto(Buffer) value = {0};
    g_auto(Buffer) line = {0};

    buffer_init(&value, 2000);
    buffer_init(&line, 4000);
    gecos[strcspn(gecos, ",")] = '\0';
    if (name == NULL)
        name = gecos;
    if (*name != '\0') {
        buffer_append_text(&value, "\"");
        for (const gchar *p = name; *p != '\0'; p++) {
            if (*p == '"' || *p == '\\')
                buffer_append_text(&value, "\\");
            buffer_append(&value, p, 1);
        }
        buffer_append_text(&value, "\" ");
    }
    buffer_printf(&value, "<%s>", sender);
    if (header_append(&line, "From", buffer_get_slice(&value)))
        g_string_prepend_len(self->message, (const gchar *)line.data, (gssize)line.len);
}

/* --- talking with the server --- */

/* The listener is off as delivered. */
static void
sendmail_complain_connect(const gchar *path, int code)
{
    sendmail_complain(0, _("no server takes mail at %s: %s"), path, g_strerror(code));
    if (code == ENOENT || code == ECONNREFUSED)
        sendmail_complain(0, _("is the server running, and is its listener switched on? That is "
                               "\"enabled = yes\" in [listener local] of its configuration"));
}

/* The one that is named, that of the user's own server where there is one, or the host's. */
static gchar *
sendmail_dup_socket(const Sendmail *self)
{
    g_autofree gchar *folder = paths_dup_runtime_dir(self->state);
    g_autofree gchar *path = g_build_filename(folder, "submit.sock", NULL);

    if (self->socket != NULL)
        return g_strdup(self->socket);
    if (self->state == NULL && !g_file_test(path, G_FILE_TEST_EXISTS))
        return g_strdup(PATHS_SYSTEM_RUN "/submit.sock");
    return g_steal_pointer(&path);
}

static gboolean
sendmail_connect(Sendmail *self)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    g_autofree gchar *path = sendmail_dup_socket(self);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(name.sun_path, path, sizeof name.sun_path);
    if (fd >= 0 && strlen(path) < sizeof name.sun_path &&
        connect(fd, (const struct sockaddr *)&name, sizeof name) == 0 &&
        (self->replies = fdopen(dup(fd), "r")) != NULL &&
        (self->server = fdopen(fd, "w")) != NULL)
        return TRUE;
    sendmail_complain_connect(path, errno);
    if (fd >= 0)
        close(fd);
    return FALSE;
}

/* The whole reply; its code, 0 when the server is gone. (out_text), the last line, is the
 * caller's. Lines behind the first are added to (offer_or_null). */
static guint
sendmail_read_lines(Sendmail *self, SmtpPeer *offer_or_null, gchar **out_text)
{
    char *line = NULL;
    size_t room = 0;
    guint code = 0;

    fflush(self->server);
    for (guint i = 0; getline(&line, &room, self->replies) > 3; i++) {
        code = (guint)g_ascii_strtoull(line, NULL, 10);
        if (offer_or_null != NULL && i > 0)
            smtp_peer_take_line(offer_or_null, text_trim(barid_slice_from_text(line + 4)));
        if (line[3] != '-')
            break;
        code = 0;
    }
    *out_text = g_strchomp(g_strdup(line == NULL ? _("the server is gone") : line));
    free(line);
    return code;
}

/* EX_OK, or the status that says what went wrong, which is told. */
static int
sendmail_judge(guint code, guint wanted, const gchar *what, const gchar *text)
{
    if (code == wanted)
        return EX_OK;
    sendmail_complain(0, "%s: %s", what, text);
    if (code / 100 == 5)
        return code == 550 ? EX_NOUSER : EX_UNAVAILABLE;
    return EX_TEMPFAIL;
}

static int
sendmail_expect(Sendmail *self, guint wanted, const gchar *what)
{
    g_autofree gchar *text = NULL;
    guint code = sendmail_read_lines(self, NULL, &text);

    return sendmail_judge(code, wanted, what, text);
}

/* The name in the greeting, and what is offered. */
static int
sendmail_greet(Sendmail *self)
{
    g_autofree gchar *greeting = NULL;
    g_autofree gchar *text = NULL;
    guint code = sendmail_read_lines(self, NULL, &greeting);

    if (code != 220)
        return sendmail_complain(EX_TEMPFAIL, "%s", greeting);
    self->hostname = g_strndup(greeting + 4, strcspn(greeting + 4, " "));
    fprintf(self->server, "EHLO %s\r\n", self->hostname);
    code = sendmail_read_lines(self, &self->offer, &text);
    return sendmail_judge(code, 250, "EHLO", text);
}

/* What makes the mail one that needs SMTPUTF8 (RFC 6531 sections 3.1 and 3.2), or NULL. A
 * header with 8-bit bytes that are no UTF-8 is not what that extension is about. */
static const gchar *
sendmail_find_utf8(const Sendmail *self, const gchar *sender)
{
    gsize header_len = header_get_length(sendmail_get_message(self));

    if (!text_is_ascii(barid_slice_from_text(sender)))
        return sender;
    for (guint i = 0; i < self->recipients->len; i++) {
        const gchar *address = g_ptr_array_index(self->recipients, i);

        if (!text_is_ascii(barid_slice_from_text(address)))
            return address;
    }
    return !text_is_ascii(barid_slice(self->message->str, header_len)) &&
                   g_utf8_validate(self->message->str, (gssize)header_len, NULL)
               ? _("the header")
               : NULL;
}

static int
sendmail_name_sender(Sendmail *self, const gchar *sender)
{
    const gchar *with_utf8 = sendmail_find_utf8(self, sender);

    if (with_utf8 != NULL && !smtp_peer_offers(&self->offer, SMTP_PEER_SMTPUTF8))
        return sendmail_complain(EX_UNAVAILABLE,
                                 _("%s is not in ASCII, and the server does not take that: it "
                                   "offers no SMTPUTF8"), with_utf8);
    fprintf(self->server, "MAIL FROM:<%s>", sender);
    if (smtp_peer_offers(&self->offer, SMTP_PEER_8BITMIME) &&
        !text_is_ascii(sendmail_get_message(self)))
        fputs(" BODY=8BITMIME", self->server);
    if (with_utf8 != NULL)
        fputs(" SMTPUTF8", self->server);
    if (self->ret != NULL)
        fprintf(self->server, " RET=%s", g_ascii_strcasecmp(self->ret, "hdrs") == 0 ? "HDRS"
                                                                                  : "FULL");
    if (self->envid != NULL)
        fprintf(self->server, " ENVID=%s", self->envid);
    fputs("\r\n", self->server);
    return sendmail_expect(self, 250, sender);
}

static int
sendmail_name_recipients(Sendmail *self)
{
    int status = EX_OK;

    for (guint i = 0; i < self->recipients->len; i++) {
        g_autofree gchar *address =
            sendmail_complete(self, g_ptr_array_index(self->recipients, i));
        int one;

        fprintf(self->server, "RCPT TO:<%s>%s%s\r\n", address,
                self->notify != NULL ? " NOTIFY=" : "", self->notify != NULL ? self->notify : "");
        one = sendmail_expect(self, 250, address);
        if (status == EX_OK)
            status = one;
    }
    return status;
}

static void
sendmail_put_content(Sendmail *self)
{
    const gchar *text = self->message->str;
    const gchar *end = text + self->message->len;

    while (text < end) {
        const gchar *stop = memchr(text, '\n', (gsize)(end - text));
        gsize len = stop == NULL ? (gsize)(end - text) : (gsize)(stop - text) + 1;

        if (*text == '.')
            fputc('.', self->server);
        fwrite(text, 1, len, self->server);
        text += len;
    }
    fputs(".\r\n", self->server);
}

static gboolean
sendmail_is_clean(const gchar *text)
{
    return text == NULL || text[strcspn(text, "\r\n<> ")] == '\0';
}

/* Whether (address) stays between the brackets of a command: blanks and brackets may stand in
 * a quoted local part alone, and the end of a line nowhere. */
static gboolean
sendmail_is_address(const gchar *address)
{
    gboolean is_quoted = FALSE;

    if (address == NULL)
        return TRUE;
    for (const gchar *p = address; *p != '\0'; p++) {
        if (*p == '\r' || *p == '\n' || (!is_quoted && strchr("<> ", *p) != NULL))
            return FALSE;
        if (*p == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && *p == '\\' && p[1] != '\0' && p[1] != '\r' && p[1] != '\n')
            p++;
    }
    return !is_quoted;
}

static int
sendmail_submit(Sendmail *self)
{
    g_autofree gchar *user = sendmail_dup_user();
    g_autofree gchar *author = sendmail_complete(self, user);
    const gchar *given = self->sender != NULL ? self->sender : user;
    g_autofree gchar *sender = sendmail_complete(self, given);
    HeaderField field;
    int status;

    if (!header_find(sendmail_get_message(self), "From", 0, &field))
        sendmail_add_from(self, *sender != '\0' ? sender : author);
    status = sendmail_name_sender(self, sender);
    if (status == EX_OK)
        status = sendmail_name_recipients(self);
    if (status == EX_OK) {
        fputs("DATA\r\n", self->server);
        status = sendmail_expect(self, 354, "DATA");
    }
    if (status == EX_OK) {
        sendmail_put_content(self);
        status = sendmail_expect(self, 250, _("the message was not taken"));
    }
    fputs("QUIT\r\n", self->server);
    fflush(self->server);
    return status;
}

/* The sender may be written as in a field, too: with brackets, and with a name before them. */
static void
sendmail_bare_sender(Sendmail *self)
{
    BaridSlice rest, address;

    if (self->sender == NULL || strchr(self->sender, '<') == NULL)
        return;
    rest = barid_slice_from_text(self->sender);
    if (strcmp(self->sender, "<>") == 0)
        self->sender = "";
    else if (barid_address_list_next(&rest, &address) && text_trim(rest).len == 0)
        self->sender = self->bare_sender = barid_slice_dup_text(text_trim(address), NULL);
}

static int
sendmail_deliver(Sendmail *self)
{
    int status;

    if (!sendmail_read_message(self))
        return sendmail_complain(EX_IOERR, _("cannot read the message"));
    if (self->message->len >= SENDMAIL_MESSAGE_MAX)
        return sendmail_complain(EX_DATAERR, _("the message is larger than 1 GiB"));
    sendmail_tidy_message(self);
    if (self->from_header)
        sendmail_take_recipients(self);
    if (self->recipients->len == 0)
        return sendmail_complain(EX_USAGE, _("there are no recipients"));
    sendmail_bare_sender(self);
    for (guint i = 0; i < self->recipients->len; i++) {
        if (!sendmail_is_address(g_ptr_array_index(self->recipients, i)))
            return sendmail_complain(EX_DATAERR, _("not an address: %s"),
                                     (const gchar *)g_ptr_array_index(self->recipients, i));
    }
    if (!sendmail_is_address(self->sender) || !sendmail_is_clean(self->notify) ||
        !sendmail_is_clean(self->envid))
        return sendmail_complain(EX_USAGE, _("an option holds what does not belong there"));
    if (!sendmail_connect(self))
        return EX_TEMPFAIL;
    status = sendmail_greet(self);
    return status == EX_OK ? sendmail_submit(self) : status;
}

/* -bs: the caller speaks SMTP over us. */
static int
sendmail_speak(Sendmail *self)
{
    int fd;
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};

    if (!sendmail_connect(self))
        return EX_TEMPFAIL;
    fd = fds[1].fd = fileno(self->server);
    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        gchar bytes[2048];

        for (guint i = 0; i < 2; i++) {
            gssize len;

            if (fds[i].revents == 0)
                continue;
            len = read(fds[i].fd, bytes, sizeof bytes);
            if (len <= 0 && i == 1)
                return EX_OK;
            if (len <= 0) {
                shutdown(fd, SHUT_WR);
                fds[0].fd = -1;
            } else if (write(i == 0 ? fd : STDOUT_FILENO, bytes, (gsize)len) != len) {
                return EX_IOERR;
            }
        }
    }
    return EX_OSERR;
}

static void
sendmail_clear(Sendmail *self)
{
    if (self->server != NULL)
        fclose(self->server);
    if (self->replies != NULL)
        fclose(self->replies);
    g_ptr_array_free(self->recipients, TRUE);
    g_string_free(self->message, TRUE);
    g_free(self->hostname);
    g_free(self->bare_sender);
}

/* What the verbs of baridctl end with, in the words of <sysexits.h>. */
static int
sendmail_translate(int status)
{
    static const int statuses[] = {EX_OK, EX_UNAVAILABLE, EX_USAGE, EX_TEMPFAIL};

    return status >= 0 && status < (int)G_N_ELEMENTS(statuses) ? statuses[status] : EX_SOFTWARE;
}

int
sendmail_run(const gchar *name, const gchar *const *argv, SendmailVerb run_verb)
{
    static const gchar *const list[] = {"queue", "list", NULL};
    static const gchar *const retry[] = {"queue", "retry", "--all", NULL};
    Sendmail self = {.mode = strcmp(name, "mailq") == 0        ? MODE_LIST
                             : strcmp(name, "newaliases") == 0 ? MODE_NOTHING
                                                               : MODE_DELIVER};
    int status = EX_USAGE;

    self.recipients = g_ptr_array_new_with_free_func(g_free);
    self.message = g_string_new(NULL);
    if (sendmail_parse(&self, argv)) {
        switch (self.mode) {
        case MODE_DELIVER:
            status = sendmail_deliver(&self);
            break;
        case MODE_SMTP:
            status = sendmail_speak(&self);
            break;
        case MODE_LIST:
            status = sendmail_translate(run_verb(list, self.state));
            break;
        case MODE_RETRY:
            status = sendmail_translate(run_verb(retry, self.state));
            break;
        case MODE_NOTHING:
            status = EX_OK; /* aliases are read as they are needed */
            break;
        }
    }
    sendmail_clear(&self);
    return status;
}
