/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/dsn-language.h"

#include <barid/macros.h>

static const struct {
    guint16 subject, detail;
    const gchar *sentence;
} statuses[] = {
    {1, 1, N_("There is no such mailbox.")},
    {1, 2, N_("The domain of the address does not exist.")},
    {1, 3, N_("The address is not written as it must be.")},
    {1, 6, N_("The mailbox has moved, and its mail is not forwarded.")},
    {1, 10, N_("The domain of the address takes no mail.")},
    {2, 1, N_("The mailbox is switched off.")},
    {2, 2, N_("The mailbox is full.")},
    {2, 3, N_("The message is larger than the recipient may get.")},
    {3, 1, N_("The mail system there has no room for the message.")},
    {3, 2, N_("The mail system there takes no mail at present.")},
    {3, 4, N_("The message is larger than the mail system there takes.")},
    {4, 1, N_("The mail system there does not answer.")},
    {4, 2, N_("The connection to the mail system there broke off.")},
    {4, 4, N_("No way to the mail system there was found.")},
    {4, 6, N_("The message went round in a circle.")},
    {4, 7, N_("The message has waited as long as it may.")},
    {7, 1, N_("The mail system there does not take the message.")},
};

const gchar *
dsn_language_find(const gchar *word)
{
    for (const gchar *const *known = dsn_language_words; *known != NULL; known++) {
        if (g_ascii_strcasecmp(*known, word) == 0)
            return *known;
    }
    return dsn_language_words[0];
}

const gchar *
dsn_describe_status(guint class, guint subject, guint detail)
{
    if (class != 4 && class != 5)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++) {
        if (statuses[i].subject == subject && statuses[i].detail == detail)
            return statuses[i].sentence;
    }
    return NULL;
}

/* A report has a few dozen texts, and there are not many more in all: no index is worth it. */
const gchar *
dsn_translate(const gchar *language, const gchar *text)
{
    const DsnCatalogue *catalogue = dsn_catalogues;

    if (language == NULL)
        return text;
    while (catalogue->language != NULL && strcmp(catalogue->language, language) != 0)
        catalogue++;
    if (catalogue->language == NULL)
        return text;
    for (const DsnText *row = catalogue->texts; row->text != NULL; row++) {
        if (strcmp(row->text, text) == 0)
            return row->translation;
    }
    return text;
}
