/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: what is accepted is within its limits, and its canonical form is an address
 * with the same canonical form. Dates share the corpus. */
#include "mime/mail-address.h"
#include "mime/mail-date.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_address(const MailAddress *address)
{
    g_autoptr(Arena) arena = arena_new(256);
    BaridSlice canonical = mail_address_dup_canonical(address, arena);
    MailAddress again;

    g_assert(address->full.len + 2 <= MAIL_ADDRESS_PATH_MAX);
    g_assert(address->local.len <= MAIL_ADDRESS_LOCAL_MAX);
    for (gsize i = 0; i < address->full.len; i++)
        g_assert(address->full.data[i] >= 0x20 && address->full.data[i] != 0x7f);
    if (address->domain.len == 0)
        return;
    g_assert(mail_address_parse(canonical, &again) == MAIL_ADDRESS_OK);
    g_assert(barid_slice_equal(mail_address_dup_canonical(&again, arena), canonical));
    g_assert(barid_slice_equal(mail_address_dup_local(&again, arena),
                               mail_address_dup_local(address, arena)));
}

static void
check_date(gint64 wall_ms)
{
    gchar date[MAIL_DATE_TEXT_MAX];
    gint64 again;

    g_assert(mail_date_parse(barid_slice_from_text(mail_date_format(wall_ms, date)), &again));
    /* A zone may carry the date out of the years that are written: 1900 to 9999. */
    g_assert(again == CLAMP(wall_ms, G_GINT64_CONSTANT(-2208988800000),
                            G_GINT64_CONSTANT(253402300799000)));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    BaridSlice text = barid_slice(data, size);
    MailAddress address;
    Address literal;
    gint64 wall_ms;
    gsize used;

    if (mail_path_parse(text, MAIL_PATH_NULL | MAIL_PATH_POSTMASTER, &address, &used) ==
        MAIL_ADDRESS_OK)
        check_address(&address);
    g_assert(used <= size);
    if (mail_address_parse(text, &address) == MAIL_ADDRESS_OK)
        check_address(&address);
    if (mail_domain_is_fqdn(text))
        g_assert(mail_domain_is_valid(text) || mail_literal_parse(text, &literal));
    if (mail_date_parse(text, &wall_ms))
        check_date(wall_ms);
    return 0;
}
