/* SPDX-License-Identifier: Apache-2.0 */
#include "mime/mail-domain.h"

#include <idn2.h>

#include "base/text.h"
#include "mime/mail-address.h"

BaridSlice
mail_domain_dup_ascii(BaridSlice domain, Arena *arena)
{
    const gchar *text;
    char *ascii = NULL;
    BaridSlice result;

    if (text_is_ascii(domain) || domain.len > MAIL_ADDRESS_DOMAIN_MAX ||
        memchr(domain.data, '\0', domain.len) != NULL)
        return arena_dup_lower(arena, domain);
    text = arena_dup_slice_text(arena, domain);
    /* Non-transitional mapping folds case and width, as people expect it of what they type. */
    if (idn2_to_ascii_8z(text, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK)
        return arena_dup_lower(arena, domain);
    result = arena_dup_lower(arena, barid_slice_from_text(ascii));
    idn2_free(ascii);
    return result;
}
