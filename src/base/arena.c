/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>

typedef struct ArenaChunk {
    struct ArenaChunk *next;
    gsize size;
    gsize used;
    alignas(16) guint8 data[];
} ArenaChunk;

typedef struct ArenaCleanup {
    struct ArenaCleanup *next;
    GDestroyNotify free_func;
    gpointer data;
} ArenaCleanup;

struct Arena {
    ArenaChunk *chunks; /* newest first; the last one is (first) */
    ArenaCleanup *cleanups;
    gsize held;
    ArenaChunk first;
};

enum { ARENA_CHUNK_MIN = 2048, ARENA_CHUNK_MAX = 64 * 1024 };

#ifdef BARID_DEBUG
enum { ARENA_POISON = 0xdb };
#endif

static gsize
arena_round(gsize size)
{
    return (size + 15) & ~(gsize)15;
}

Arena *
arena_new(gsize first_chunk_bytes)
{
    Arena *self = g_malloc(sizeof(Arena) + first_chunk_bytes);

    self->cleanups = NULL;
    self->held = sizeof(Arena) + first_chunk_bytes;
    self->first.next = NULL;
    self->first.size = first_chunk_bytes;
    self->first.used = 0;
    self->chunks = &self->first;
    return self;
}

void
arena_reset(Arena *self)
{
    /* A clean-up may still allocate or register: go on until none is left. */
    while (self->cleanups != NULL) {
        ArenaCleanup *cleanup = self->cleanups;

        self->cleanups = cleanup->next;
        cleanup->free_func(cleanup->data);
    }
    while (self->chunks != &self->first) {
        ArenaChunk *chunk = self->chunks;

        self->chunks = chunk->next;
        self->held -= sizeof(ArenaChunk) + chunk->size;
        g_free(chunk);
    }
#ifdef BARID_DEBUG
    memset(self->first.data, ARENA_POISON, self->first.size);
#endif
    self->first.used = 0;
}

void
arena_free(Arena *self)
{
    if (self == NULL)
        return;
    arena_reset(self);
    g_free(self);
}

static ArenaChunk *
arena_grow(Arena *self, gsize size)
{
    gsize chunk_size = CLAMP(self->chunks->size * 2, ARENA_CHUNK_MIN, ARENA_CHUNK_MAX);
    ArenaChunk *chunk;

    if (chunk_size < size)
        chunk_size = size;
    chunk = g_malloc(sizeof(ArenaChunk) + chunk_size);
    chunk->size = chunk_size;
    chunk->used = 0;
    chunk->next = self->chunks;
    self->chunks = chunk;
    self->held += sizeof(ArenaChunk) + chunk_size;
    return chunk;
}

static void *
arena_alloc_raw(Arena *self, gsize size_bytes)
{
    gsize size = arena_round(size_bytes);
    ArenaChunk *chunk = self->chunks;
    void *memory;

    if (chunk->size - chunk->used < size)
        chunk = arena_grow(self, size);
    memory = chunk->data + chunk->used;
    chunk->used += size;
    return memory;
}

void *
arena_alloc(Arena *self, gsize size_bytes)
{
    void *memory = arena_alloc_raw(self, size_bytes);

    memset(memory, 0, size_bytes);
    return memory;
}

BaridSlice
arena_dup_slice(Arena *self, BaridSlice slice)
{
    void *copy;

    if (slice.len == 0)
        return BARID_SLICE_EMPTY;
    copy = arena_alloc_raw(self, slice.len);
    memcpy(copy, slice.data, slice.len);
    return barid_slice(copy, slice.len);
}

gchar *
arena_dup_text(Arena *self, const gchar *text)
{
    gsize size = strlen(text) + 1;

    return memcpy(arena_alloc_raw(self, size), text, size);
}

gchar *
arena_dup_slice_text(Arena *self, BaridSlice slice)
{
    gchar *copy = arena_alloc_raw(self, slice.len + 1);

    if (slice.len > 0)
        memcpy(copy, slice.data, slice.len);
    copy[slice.len] = '\0';
    return copy;
}

gchar *
arena_printf(Arena *self, const gchar *format, ...)
{
    ArenaChunk *chunk = self->chunks;
    gsize room = chunk->size - chunk->used;
    va_list args;
    va_list again;
    gint len;
    gchar *text;

    va_start(args, format);
    va_copy(again, args);
    /* Into the rest of the chunk: what fits there is formatted once. */
    len = g_vsnprintf(room == 0 ? NULL : (gchar *)chunk->data + chunk->used, room, format, args);
    va_end(args);
    g_assert(len >= 0);
    text = arena_alloc_raw(self, (gsize)len + 1);
    if (self->chunks != chunk)
        g_vsnprintf(text, (gulong)len + 1, format, again);
    va_end(again);
    return text;
}

BaridSlice
arena_dup_lower(Arena *self, BaridSlice slice)
{
    guint8 *copy;

    if (slice.len == 0)
        return BARID_SLICE_EMPTY;
    copy = arena_alloc_raw(self, slice.len);
    for (gsize i = 0; i < slice.len; i++)
        copy[i] = (guint8)g_ascii_tolower((gchar)slice.data[i]);
    return barid_slice(copy, slice.len);
}

void
arena_on_reset(Arena *self, GDestroyNotify free_func, gpointer data)
{
    ArenaCleanup *cleanup = arena_alloc_raw(self, sizeof(ArenaCleanup));

    cleanup->free_func = free_func;
    cleanup->data = data;
    cleanup->next = self->cleanups;
    self->cleanups = cleanup;
}

gsize
arena_get_size(const Arena *self)
{
    return self->held;
}
