/* SPDX-License-Identifier: Apache-2.0 */
/* Directory files: what is accepted answers every address that it names, and answers it
 * alike in any case; what is refused names a line. */
#include "store/directory-private.h"

#include "base/text.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_address(const DirectoryTable *table, BaridSlice address)
{
    g_autoptr(Arena) arena = arena_new(256);
    DirectoryEntry entry;
    DirectoryEntry again;
    MailAddress parsed;

    if (mail_address_parse(address, &parsed) != MAIL_ADDRESS_OK)
        return;
    directory_table_find_address(table, directory_key(&parsed, arena), arena, &entry);
    g_assert(entry.user == NULL || entry.n_targets == 0);
    for (guint i = 0; i < entry.n_targets; i++) {
        MailAddress target;

        g_assert(mail_address_parse(entry.targets[i], &target) == MAIL_ADDRESS_OK);
    }
    g_assert(mail_address_parse(mail_address_dup_canonical(&parsed, arena), &parsed) ==
             MAIL_ADDRESS_OK);
    directory_table_find_address(table, directory_key(&parsed, arena), arena, &again);
    g_assert(g_strcmp0(entry.user, again.user) == 0 && entry.n_targets == again.n_targets);
}

static gboolean
is_in_word(guint8 byte)
{
    return byte > ' ' && byte != ',';
}

/* Every word of the file may be an address or a user. */
static void
check_words(const DirectoryTable *table, BaridSlice text)
{
    while (text.len > 0) {
        gsize len = 0;

        while (len < text.len && is_in_word(text.data[len]))
            len++;
        if (len > 0 && len < 1000) {
            g_autoptr(Arena) arena = arena_new(256);
            DirectoryUser user;

            check_address(table, barid_slice(text.data, len));
            directory_table_find_user(table, barid_slice(text.data, len), arena, &user);
            g_assert(user.name == NULL || strchr(user.name, '/') == NULL);
        }
        text = barid_slice(text.data + MIN(len + 1, text.len), text.len - MIN(len + 1, text.len));
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    BaridSlice text = barid_slice(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(DirectoryTable) table = directory_file_parse(text, "f", &error);

    g_assert((table == NULL) == (error != NULL));
    if (table == NULL)
        g_assert(g_str_has_prefix(error->message, "f:"));
    else
        check_words(table, text);
    return 0;
}
