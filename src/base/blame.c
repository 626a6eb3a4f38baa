/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blame.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error-domain.h"

GQuark blame_error_quark(void);
ERROR_DOMAIN_DEFINE(blame_error_quark, "barid-blame-error")

typedef struct {
    _Atomic guint32 reason; /* BlameReason */
    _Atomic guint32 accused;
    guint32 n_names;
    _Atomic guint32 n_slots;
    gchar names[BLAME_NAMES_MAX][BLAME_NAME_BYTES];
    BlameSlot slots[BLAME_THREADS_MAX];
} BlamePage;

/* What was seen at the last look of the watchdog. */
typedef struct {
    guint32 turn;
    gint64 stuck_ms;
} BlameLook;

static struct {
    BlamePage *page;
    BlameLook looks[BLAME_THREADS_MAX];
} blame_state;

static _Thread_local BlameSlot *blame_slot;
static _Thread_local BlameSlot blame_spare_slot; /* of a thread too many, or without a page */

gboolean
blame_use_page(int fd, GError **error)
{
    void *page = mmap(NULL, sizeof(BlamePage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (page == MAP_FAILED) {
        error_set_errno(error, blame_error_quark(), errno, "cannot map the shared page");
        return FALSE;
    }
    blame_state.page = page;
    return TRUE;
}

void
blame_forget_page(void)
{
    blame_state.page = NULL;
    blame_slot = NULL;
}

guint32
blame_label(const gchar *name)
{
    BlamePage *page = blame_state.page;

    if (page == NULL)
        return 0;
    for (guint32 i = 0; i < page->n_names; i++) {
        if (strncmp(page->names[i], name, BLAME_NAME_BYTES - 1) == 0)
            return i + 1;
    }
    if (page->n_names == BLAME_NAMES_MAX)
        return 0;
    g_strlcpy(page->names[page->n_names], name, BLAME_NAME_BYTES);
    return ++page->n_names;
}

const gchar *
blame_get_name(guint32 label)
{
    const BlamePage *page = blame_state.page;

    return page == NULL || label == 0 || label > page->n_names ? "" : page->names[label - 1];
}

BlameSlot *
blame_get_slot(void)
{
    BlamePage *page = blame_state.page;
    guint32 index;

    if (blame_slot != NULL)
        return blame_slot;
    if (page == NULL)
        return &blame_spare_slot;
    index = atomic_fetch_add(&page->n_slots, 1);
    blame_slot = index < BLAME_THREADS_MAX ? &page->slots[index] : &blame_spare_slot;
    return blame_slot;
}

guint32
blame_find_stuck(gint64 interval_ms, gint64 limit_ms, gint64 *out_ms)
{
    BlamePage *page = blame_state.page;

    for (guint i = 0; page != NULL && i < BLAME_THREADS_MAX; i++) {
        BlameSlot *slot = &page->slots[i];
        BlameLook *look = &blame_state.looks[i];
        guint32 turn = atomic_load_explicit(&slot->turn, memory_order_relaxed);
        guint32 label = atomic_load_explicit(&slot->label, memory_order_relaxed);

        if (atomic_load_explicit(&slot->may_block, memory_order_relaxed))
            continue;
        look->stuck_ms = label != 0 && turn == look->turn ? look->stuck_ms + interval_ms : 0;
        look->turn = turn;
        if (look->stuck_ms >= limit_ms) {
            *out_ms = look->stuck_ms;
            return label;
        }
    }
    return 0;
}

void
blame_accuse(guint32 label, BlameReason reason)
{
    BlamePage *page = blame_state.page;
    guint32 nobody = BLAME_NOBODY;

    if (page == NULL || label == 0)
        return;
    if (atomic_compare_exchange_strong(&page->reason, &nobody, (guint32)reason))
        atomic_store(&page->accused, label);
}

void
blame_accuse_thread(BlameReason reason)
{
    if (blame_slot != NULL)
        blame_accuse(atomic_load_explicit(&blame_slot->label, memory_order_relaxed), reason);
}

/* --- the process that watches --- */

int
blame_new_page(GError **error)
{
    int fd = memfd_create("barid-blame", MFD_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, sizeof(BlamePage)) == 0)
        return fd;
    error_set_errno(error, blame_error_quark(), errno, "cannot make a shared page");
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* Read, not mapped: the other side may have done anything to it. */
BlameReason
blame_read(int fd, gchar *out_name)
{
    BlamePage *page = g_aligned_alloc0(1, sizeof(BlamePage), _Alignof(BlamePage));
    BlameReason reason = BLAME_NOBODY;
    guint32 accused;

    out_name[0] = '\0';
    if (pread(fd, page, sizeof *page, 0) == (gssize)sizeof *page) {
        accused = atomic_load(&page->accused);
        if (accused > 0 && accused <= BLAME_NAMES_MAX &&
            memchr(page->names[accused - 1], '\0', BLAME_NAME_BYTES) != NULL) {
            g_strlcpy(out_name, page->names[accused - 1], BLAME_NAME_BYTES);
            reason = atomic_load(&page->reason) == BLAME_HANG ? BLAME_HANG : BLAME_CRASH;
        }
    }
    g_aligned_free(page);
    return reason;
}
