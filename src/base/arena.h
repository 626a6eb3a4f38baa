/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: memory that dies with its connection, transaction or delivery.
 *
 * Allocation never fails for sizes the project chooses (GLib aborts); a size that a
 * peer chose is checked against a limit by the caller first. Clean-up functions run in
 * reverse order of registration. Debug builds poison memory on reset. Not thread-safe:
 * an arena belongs to one fiber at a time.
 */
#ifndef ARENA_H
#define ARENA_H

#include <barid/slice.h>

typedef struct Arena Arena;

/* (first_chunk_bytes) is allocated with the arena itself; later chunks grow. */
Arena *arena_new(gsize first_chunk_bytes);
void arena_free(Arena *self);
/* Runs the clean-ups and forgets everything; keeps the first chunk. */
void arena_reset(Arena *self);

/* Zero-filled and aligned for any type. */
void *arena_alloc(Arena *self, gsize size_bytes);
#define arena_new0(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type)))

/* Copies that live as long as the arena. */
BaridSlice arena_dup_slice(Arena *self, BaridSlice slice);
gchar *arena_dup_text(Arena *self, const gchar *text);
/* With a NUL behind it; "" when it is empty. A NUL inside ends the text there. */
gchar *arena_dup_slice_text(Arena *self, BaridSlice slice);
gchar *arena_printf(Arena *self, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
/* The slice with ASCII letters lower-cased. */
BaridSlice arena_dup_lower(Arena *self, BaridSlice slice);

/* Calls (free_func) with (data) when the arena is reset or freed. */
void arena_on_reset(Arena *self, GDestroyNotify free_func, gpointer data);

/* Bytes held, for accounting. */
gsize arena_get_size(const Arena *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Arena, arena_free)

#endif
