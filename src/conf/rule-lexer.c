/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/rule-lexer.h"

#include "base/i18n.h"
#include "base/text.h"
#include "conf/config-value.h"

static gboolean
rule_lexer_is_blank(guint8 byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n';
}

/* Bytes of words, numbers, addresses and networks. As "-" and "/" are among them, they mean
 * arithmetic only with blanks around. */
static gboolean
rule_lexer_is_word_byte(guint8 byte)
{
    return g_ascii_isalnum(byte) || byte == '-' || byte == '_' || byte == '.' || byte == ':' ||
           byte == '/';
}

void
rule_lexer_init(RuleLexer *self, BaridSlice raw, Arena *arena)
{
    memset(self, 0, sizeof *self);
    self->raw = raw;
    self->arena = arena;
}

static void
rule_lexer_skip_blanks(RuleLexer *self)
{
    while (self->pos < self->raw.len && rule_lexer_is_blank(self->raw.data[self->pos]))
        self->pos++;
}

static void
rule_lexer_set(RuleLexer *self, RuleTokenKind kind, gsize width)
{
    self->token.kind = kind;
    self->token.offset = self->pos;
    self->token.width = width;
    self->token.text = barid_slice(self->raw.data + self->pos, width);
    self->token.reason = NULL;
    self->pos += width;
}

static void
rule_lexer_set_bad(RuleLexer *self, gsize width, const gchar *reason)
{
    rule_lexer_set(self, RULE_TOKEN_BAD, width);
    self->token.reason = reason;
}

static void
rule_lexer_take_quoted(RuleLexer *self)
{
    gsize start = self->pos;
    gsize offset = start;
    BaridSlice text;
    ConfigQuoteResult result = config_quote_parse(self->raw, &offset, self->arena, &text);

    if (result != CONFIG_QUOTE_OK) {
        self->pos = offset;
        rule_lexer_set_bad(self, 1, config_quote_describe(result));
        return;
    }
    rule_lexer_set(self, RULE_TOKEN_TEXT, offset - start);
    self->token.text = text;
}

static void
rule_lexer_take_word(RuleLexer *self)
{
    gsize end = self->pos;
    gboolean has_colon = FALSE;
    guint8 first = self->raw.data[self->pos];
    guint8 second = self->pos + 1 < self->raw.len ? self->raw.data[self->pos + 1] : 0;

    for (; end < self->raw.len && rule_lexer_is_word_byte(self->raw.data[end]); end++) {
        if (self->raw.data[end] == ':')
            has_colon = TRUE;
    }
    if (end == self->pos + 1 && (first == '-' || first == '/')) {
        rule_lexer_set(self, first == '-' ? RULE_TOKEN_MINUS : RULE_TOKEN_DIVIDE, 1);
        return;
    }
    rule_lexer_set(self,
                   has_colon || g_ascii_isdigit(first) || (first == '-' && g_ascii_isdigit(second))
                       ? RULE_TOKEN_LITERAL
                       : RULE_TOKEN_WORD,
                   end - self->pos);
}

static const struct {
    const gchar *text;
    RuleTokenKind kind;
    const gchar *reason; /* for what other languages write */
} rule_lexer_signs[] = {
    {"===", RULE_TOKEN_BAD, N_("\"equal\" is written ==")},
    {"==", RULE_TOKEN_EQUAL, NULL},
    {"!=", RULE_TOKEN_NOT_EQUAL, NULL},
    {"<=", RULE_TOKEN_LESS_EQUAL, NULL},
    {">=", RULE_TOKEN_GREATER_EQUAL, NULL},
    {"<>", RULE_TOKEN_BAD, N_("\"not equal\" is written !=")},
    {"&&", RULE_TOKEN_BAD, N_("write the word: and")},
    {"||", RULE_TOKEN_BAD, N_("write the word: or")},
    {"=~", RULE_TOKEN_BAD, N_("write the word: matches")},
    {"<", RULE_TOKEN_LESS, NULL},
    {">", RULE_TOKEN_GREATER, NULL},
    {"(", RULE_TOKEN_OPEN, NULL},
    {")", RULE_TOKEN_CLOSE, NULL},
    {"{", RULE_TOKEN_BRACE_OPEN, NULL},
    {"}", RULE_TOKEN_BRACE_CLOSE, NULL},
    {",", RULE_TOKEN_COMMA, NULL},
    {"+", RULE_TOKEN_PLUS, NULL},
    {"*", RULE_TOKEN_TIMES, NULL},
    {"%", RULE_TOKEN_REMAINDER, NULL},
    {"=", RULE_TOKEN_BAD, N_("\"equal\" is written ==")},
    {"!", RULE_TOKEN_BAD, N_("write the word: not")},
    {"'", RULE_TOKEN_BAD, N_("texts stand in double quotes")},
    {"$", RULE_TOKEN_BAD, N_("in a condition a variable stands without ${}, ${1} is capture(1)")},
    {"[", RULE_TOKEN_BAD, N_("sets stand in braces: {\"a\", \"b\"}")},
};

static void
rule_lexer_take_sign(RuleLexer *self)
{
    BaridSlice rest = barid_slice(self->raw.data + self->pos, self->raw.len - self->pos);

    for (gsize i = 0; i < G_N_ELEMENTS(rule_lexer_signs); i++) {
        BaridSlice sign = barid_slice_from_text(rule_lexer_signs[i].text);

        if (!text_starts_with(rest, sign))
            continue;
        rule_lexer_set(self, rule_lexer_signs[i].kind, sign.len);
        if (rule_lexer_signs[i].reason != NULL)
            self->token.reason = _(rule_lexer_signs[i].reason);
        return;
    }
    rule_lexer_set_bad(self, 1, "this sign has no meaning here");
}

void
rule_lexer_next(RuleLexer *self)
{
    guint8 byte;

    rule_lexer_skip_blanks(self);
    if (self->pos >= self->raw.len) {
        rule_lexer_set(self, RULE_TOKEN_END, 0);
        return;
    }
    byte = self->raw.data[self->pos];
    if (byte == '"')
        rule_lexer_take_quoted(self);
    else if (rule_lexer_is_word_byte(byte))
        rule_lexer_take_word(self);
    else
        rule_lexer_take_sign(self);
}

gboolean
rule_lexer_is_word(const RuleLexer *self, const gchar *word)
{
    return self->token.kind == RULE_TOKEN_WORD && barid_slice_equal_text(self->token.text, word);
}

gboolean
rule_lexer_take_regex(RuleLexer *self, BaridSlice *out_flags)
{
    gsize start;
    gsize end;
    gsize after;

    rule_lexer_skip_blanks(self);
    start = self->pos;
    if (start >= self->raw.len || self->raw.data[start] != '/') {
        rule_lexer_set_bad(self, start < self->raw.len ? 1 : 0,
                           "a pattern is expected, such as /^bounce-/ or /news/i");
        return FALSE;
    }
    for (end = start + 1; end < self->raw.len && self->raw.data[end] != '/'; end++) {
        if (self->raw.data[end] == '\\')
            end++;
    }
    if (end >= self->raw.len) {
        rule_lexer_set_bad(self, 1, "the closing / of the pattern is missing");
        return FALSE;
    }
    for (after = end + 1; after < self->raw.len && g_ascii_isalnum(self->raw.data[after]);)
        after++;
    rule_lexer_set(self, RULE_TOKEN_TEXT, after - start);
    self->token.text = barid_slice(self->raw.data + start + 1, end - start - 1);
    *out_flags = barid_slice(self->raw.data + end + 1, after - end - 1);
    return TRUE;
}

/* Whether (word) stands at (at), with blanks or the text's ends around it. */
static gboolean
rule_lexer_has_word_at(const RuleLexer *self, gsize at, BaridSlice word)
{
    BaridSlice rest = barid_slice(self->raw.data + at, self->raw.len - at);

    return text_starts_with(rest, word) &&
           (at == 0 || rule_lexer_is_blank(self->raw.data[at - 1])) &&
           (rest.len == word.len || rule_lexer_is_blank(rest.data[word.len]));
}

/* Offset of the first of the words outside quotes from here on, or the end. */
static gsize
rule_lexer_find_word(const RuleLexer *self, BaridSlice a, BaridSlice b)
{
    gboolean is_quoted = FALSE;
    gsize at;

    for (at = self->pos; at < self->raw.len; at++) {
        guint8 byte = self->raw.data[at];

        if (byte == '\\' && at + 1 < self->raw.len &&
            (is_quoted || self->raw.data[at + 1] == '"'))
            at++;
        else if (byte == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted &&
                 (rule_lexer_has_word_at(self, at, a) || rule_lexer_has_word_at(self, at, b)))
            break;
    }
    return MIN(at, self->raw.len);
}

RuleToken
rule_lexer_take_value(RuleLexer *self)
{
    gsize end = rule_lexer_find_word(self, BARID_SLICE_LITERAL("else"),
                                     BARID_SLICE_LITERAL("on-failure"));
    BaridSlice value = text_trim(barid_slice(self->raw.data + self->pos, end - self->pos));
    RuleToken token = {.kind = RULE_TOKEN_TEXT, .width = value.len, .text = value};

    token.offset = value.len > 0 ? (gsize)(value.data - self->raw.data) : MIN(self->pos, end);
    self->pos = end;
    rule_lexer_next(self);
    return token;
}

void
rule_lexer_recover(RuleLexer *self)
{
    self->pos = self->token.offset;
    self->pos = rule_lexer_find_word(self, BARID_SLICE_LITERAL("then"),
                                     BARID_SLICE_LITERAL("else"));
    rule_lexer_next(self);
}
