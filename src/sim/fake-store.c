/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fake-store.h"

#include "fiber/fiber.h"
#include "store/store-memory.h"
#include "store/store.h"

enum { FAKE_STORE_BYTES = 64 * 1024 * 1024 };

typedef struct {
    const FakeStoreControl *control;
    gpointer memory;
} FakeStore;

static gpointer
fake_store_open(const gchar *name, const void *settings, GError **error)
{
    static const StoreMemorySettings plain = {.max_size_bytes = FAKE_STORE_BYTES};
    FakeStore *self = g_new0(FakeStore, 1);

    self->control = settings;
    self->memory = store_memory_driver.open(name, &plain, error);
    return self;
}

static void
fake_store_close(gpointer data)
{
    FakeStore *self = data;

    store_memory_driver.close(self->memory);
    g_free(self);
}

static gboolean
fake_store_enter(const FakeStore *self, GError **error)
{
    if (fiber_get_current() != NULL && self->control->latency_ms > 0 &&
        !barid_sleep(self->control->latency_ms, error))
        return FALSE;
    if (self->control->failing)
        g_set_error_literal(error, STORE_ERROR, BARID_ERROR_IO, "the store is away");
    return !self->control->failing;
}

static gboolean
fake_store_get(gpointer data, BaridSlice key, gint64 now_ms, GBytes **out_value, GError **error)
{
    FakeStore *self = data;

    return fake_store_enter(self, error) &&
           store_memory_driver.get(self->memory, key, now_ms, out_value, error);
}

static gboolean
fake_store_set(gpointer data, BaridSlice key, BaridSlice value, gint64 now_ms, gint64 expires_ms,
               GError **error)
{
    FakeStore *self = data;

    return fake_store_enter(self, error) &&
           store_memory_driver.set(self->memory, key, value, now_ms, expires_ms, error);
}

static gboolean
fake_store_remove(gpointer data, BaridSlice key, GError **error)
{
    FakeStore *self = data;

    return fake_store_enter(self, error) && store_memory_driver.remove(self->memory, key, error);
}

static gboolean
fake_store_touch(gpointer data, BaridSlice key, gint64 now_ms, gint64 expires_ms,
                 gint64 *out_first_ms, GError **error)
{
    FakeStore *self = data;

    return fake_store_enter(self, error) &&
           store_memory_driver.touch(self->memory, key, now_ms, expires_ms, out_first_ms, error);
}

static gboolean
fake_store_add(gpointer data, BaridSlice key, gint64 delta, gint64 now_ms, gint64 expires_ms,
               gint64 *out_value, GError **error)
{
    FakeStore *self = data;

    return fake_store_enter(self, error) &&
           store_memory_driver.add(self->memory, key, delta, now_ms, expires_ms, out_value, error);
}

const BaridStoreDriver fake_store_driver = {
    .struct_size = sizeof(BaridStoreDriver),
    .open = fake_store_open,
    .close = fake_store_close,
    .get = fake_store_get,
    .set = fake_store_set,
    .remove = fake_store_remove,
    .touch = fake_store_touch,
    .add = fake_store_add,
};
