/* SPDX-License-Identifier: Apache-2.0 */
#include "baridctl/genkey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/error-domain.h"
#include "base/json-writer.h"
#include "host/private-key.h"
#include "mime/mail-domain.h"

/* RFC 1035 section 2.3.4 and section 3.3. */
enum { LABEL_MAX = 63, NAME_MAX_LEN = 253, TXT_STRING_MAX = 255 };

typedef struct {
    const gchar *name;
    BaridKeyKind kind;
    guint bits;
    gchar letter;          /* of the selector that is made up */
    const gchar *key_type; /* "k=" of the record (RFC 6376 section 3.6.1, RFC 8463) */
} GenkeyAlgorithm;

/* The first is used when none is asked for: every verifier knows it. */
static const GenkeyAlgorithm genkey_algorithms[] = {
    {"rsa-2048", BARID_KEY_RSA, 2048, 'r', "rsa"},
    {"rsa-3072", BARID_KEY_RSA, 3072, 'r', "rsa"},
    {"rsa-4096", BARID_KEY_RSA, 4096, 'r', "rsa"},
    {"ed25519", BARID_KEY_ED25519, 256, 'e', "ed25519"},
};

typedef struct {
    const GenkeyAlgorithm *algorithm;
    gchar *selector;
    gchar *domain; /* A-labels; NULL when the zone is left open */
    gchar *name;   /* of the record; relative to the zone without a domain */
    gchar *record;
    gchar *pem;
    const gchar *file; /* NULL on the standard output */
} Genkey;

static void
genkey_clear(Genkey *self)
{
    if (self->pem != NULL)
        explicit_bzero(self->pem, strlen(self->pem));
    g_free(self->pem);
    g_free(self->selector);
    g_free(self->domain);
    g_free(self->name);
    g_free(self->record);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Genkey, genkey_clear)

/* --- what is asked for --- */

static gboolean
genkey_choose_algorithm(Genkey *self, const gchar *name, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(genkey_algorithms); i++) {
        if (name == NULL || strcmp(genkey_algorithms[i].name, name) == 0) {
            self->algorithm = &genkey_algorithms[i];
            return TRUE;
        }
    }
    g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                _("there is no algorithm \"%s\": rsa-2048, rsa-3072, rsa-4096 or ed25519"), name);
    return FALSE;
}

/* Letters, digits and inner hyphens: a selector is made of them (RFC 6376 section 3.1), and
 * so is a domain in A-labels. */
static gboolean
genkey_is_label(const gchar *label)
{
    gsize len = strlen(label);

    for (gsize i = 0; i < len; i++) {
        if (!g_ascii_isalnum(label[i]) && (label[i] != '-' || i == 0 || i == len - 1))
            return FALSE;
    }
    return len > 0 && len <= LABEL_MAX;
}

static gboolean
genkey_is_name(const gchar *name)
{
    g_auto(GStrv) labels = g_strsplit(name, ".", -1);
    gboolean ok = *name != '\0';

    for (guint i = 0; ok && labels[i] != NULL; i++)
        ok = genkey_is_label(labels[i]);
    return ok;
}

/* So that keys which follow each other have different names: the month and the kind. */
static gchar *
genkey_make_selector(gchar letter)
{
    CivilDate today = civil_date_from_days(clock_wall_ms() / 86400000);

    return g_strdup_printf("%04d%02u%c", (int)today.year, today.month, letter);
}

static gboolean
genkey_choose_selector(Genkey *self, const gchar *given, GError **error)
{
    self->selector = given != NULL ? g_ascii_strdown(given, -1)
                                   : genkey_make_selector(self->algorithm->letter);
    if (genkey_is_name(self->selector))
        return TRUE;
    g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                _("\"%s\" is no selector: letters, digits and hyphens, in parts with dots"),
                given);
    return FALSE;
}

static gboolean
genkey_choose_domain(Genkey *self, const gchar *given, GError **error)
{
    g_autoptr(Arena) arena = arena_new(512);
    BaridSlice ascii;

    if (given == NULL)
        return TRUE;
    ascii = mail_domain_dup_ascii(barid_slice_from_text(given), arena);
    if (ascii.len > 0 && ascii.data[ascii.len - 1] == '.')
        ascii.len--;
    self->domain = g_strndup(ascii.len == 0 ? "" : (const gchar *)ascii.data, ascii.len);
    if (genkey_is_name(self->domain))
        return TRUE;
    g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID, _("\"%s\" is no domain"), given);
    return FALSE;
}

static gboolean
genkey_choose(Genkey *self, const Options *options, GError **error)
{
    const gchar *file = options_get(options, "output");

    self->file = g_strcmp0(file, "-") == 0 ? NULL : file;
    if (!genkey_choose_algorithm(self, options_get(options, "algorithm"), error) ||
        !genkey_choose_selector(self, options_get(options, "selector"), error) ||
        !genkey_choose_domain(self, options_get(options, "domain"), error))
        return FALSE;
    self->name = g_strconcat(self->selector, "._domainkey", self->domain == NULL ? NULL : ".",
                             self->domain, NULL);
    if (strlen(self->name) <= NAME_MAX_LEN)
        return TRUE;
    g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                _("the record's name is longer than %d bytes"), NAME_MAX_LEN);
    return FALSE;
}

/* --- making it --- */

static gboolean
genkey_make(Genkey *self, GError **error)
{
    g_autoptr(BaridPrivateKey) key = NULL;
    g_autofree gchar *public = NULL;

    self->pem = private_key_generate(self->algorithm->kind, self->algorithm->bits, error);
    if (self->pem == NULL)
        return FALSE;
    key = barid_private_key_new(barid_slice_from_text(self->pem), error);
    if (key == NULL)
        return FALSE;
    public = barid_private_key_dup_public(key);
    self->record =
        g_strdup_printf("v=DKIM1; k=%s; p=%s", self->algorithm->key_type, public);
    return TRUE;
}

static gboolean
genkey_write(int fd, const gchar *text)
{
    gsize len = strlen(text);

    while (len > 0) {
        gssize n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        text += n;
        len -= (gsize)n;
    }
    return fsync(fd) == 0;
}

/* The file is there before the key is made: what cannot be written costs no time, and no key
 * is ever written over. */
static gboolean
genkey_make_file(Genkey *self, GError **error)
{
    int fd = open(self->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    gboolean ok;

    if (fd < 0 && errno == EEXIST) {
        g_set_error(error, OPTIONS_ERROR, BARID_ERROR_INVALID,
                    _("%s is there already, and no file is written over: name another one"),
                    self->file);
        return FALSE;
    }
    if (fd < 0) {
        error_set_errno(error, OPTIONS_ERROR, errno, "%s", self->file);
        return FALSE;
    }
    ok = genkey_make(self, error);
    if (ok && !genkey_write(fd, self->pem)) {
        error_set_errno(error, OPTIONS_ERROR, errno, "%s", self->file);
        ok = FALSE;
    }
    ok = close(fd) == 0 && ok;
    if (!ok)
        (void)unlink(self->file);
    return ok;
}

/* --- telling it --- */

/* One line for a zone file, or several in parentheses (RFC 1035 section 5.1): a string of a
 * TXT record has 255 bytes at most. */
static void
genkey_put_record(const Genkey *self, FILE *out)
{
    gsize len = strlen(self->record);
    gboolean is_long = len > TXT_STRING_MAX;

    fprintf(out, "%s%s IN TXT %s", self->name, self->domain == NULL ? "" : ".",
            is_long ? "(" : "");
    for (gsize at = 0; at < len; at += TXT_STRING_MAX)
        fprintf(out, "%s\"%.*s\"", is_long ? "\n\t" : "", TXT_STRING_MAX, self->record + at);
    fputs(is_long ? " )\n" : "\n", out);
}

static void
genkey_put_json(const Genkey *self)
{
    g_autoptr(GString) out = g_string_new(NULL);
    JsonWriter writer;

    json_writer_init(&writer, out);
    json_writer_begin_object(&writer, NULL);
    json_writer_text(&writer, "selector", self->selector);
    json_writer_text(&writer, "domain", self->domain);
    json_writer_text(&writer, "algorithm", self->algorithm->name);
    json_writer_integer(&writer, "bits", self->algorithm->bits);
    json_writer_text(&writer, "name", self->name);
    json_writer_text(&writer, "record", self->record);
    json_writer_text(&writer, "file", self->file);
    if (self->file == NULL)
        json_writer_text(&writer, "key", self->pem);
    json_writer_end_object(&writer);
    puts(out->str);
    explicit_bzero(out->str, out->len);
}

/* A key that the shell has put where others can read it is no secret. */
static void
genkey_warn_of_readers(void)
{
    struct stat status;

    if (fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        ctl_complain(_("warning: others may read the file that the key goes to; "
                       "--output FILE makes one for the owner alone"));
}

static void
genkey_answer(const Genkey *self, const Options *options)
{
    if (self->file == NULL)
        genkey_warn_of_readers();
    if (options_has(options, "json")) {
        genkey_put_json(self);
    } else if (self->file == NULL) {
        fputs(self->pem, stdout);
        genkey_put_record(self, stderr);
    } else {
        genkey_put_record(self, stdout);
    }
}

CtlStatus
genkey_dkim(const Options *options, const gchar *const *args G_GNUC_UNUSED)
{
    g_auto(Genkey) key = {.algorithm = NULL};
    g_autoptr(GError) error = NULL;

    if (!genkey_choose(&key, options, &error) ||
        !(key.file == NULL ? genkey_make(&key, &error) : genkey_make_file(&key, &error)))
        return ctl_fail(options, CTL_NO,
                        error->code == BARID_ERROR_INVALID ? "invalid" : "failed",
                        error->message);
    genkey_answer(&key, options);
    return fflush(stdout) == 0 ? CTL_DONE : CTL_INTERNAL;
}
