/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places: the folders whose messages this queue holds.
 *
 * A folder belongs to the process that has its lock. One process has the main folder; one
 * that cannot have it yet, or has given it up, commits to a side folder of its own. Whoever
 * has the main folder adopts the side folders that nobody holds, moves their messages into
 * it, and removes them. So mail is accepted at every moment of a hand-over, and all of it
 * ends in the main folder.
 *
 * A message is moved by adding it here before it is removed there, and nothing is done with
 * it in between: after a crash the copy that is found second is removed.
 */
#include <unistd.h>

#include "base/clock.h"
#include "queue/queue-doubt.h"
#include "queue/queue-private.h"

enum {
    PLACE_LOOK_MS = 1000,           /* between two looks for folders that others hold */
    PLACE_SIDE_SEGMENT = 4 << 20,   /* side folders live for a short time */
    SIDE_STEP = 1000000, /* between the numbers of side folders that are tried */
    SIDE_TRIES = 8,
    PLACE_MOVE_MAX = 64,            /* messages of one step */
    PLACE_MOVE_BYTES = 1 << 20,
};

static QueuePlace *
place_get_home(Queue *self)
{
    return self->places[self->home];
}

Spool *
queue_entry_get_spool(Queue *self, const QueueEntry *entry)
{
    return self->places[entry->place]->spool;
}


SpoolContent *
queue_entry_read(Queue *self, const QueueEntry *entry, GError **error)
{
    return spool_read(queue_entry_get_spool(self, entry), &entry->ref, error);
}

/* FALSE with BARID_ERROR_BUSY while another process has the folder. */
static gboolean
place_open(Queue *self, const gchar *folder, gboolean is_side, guint *out_index, GError **error)
{
    SpoolOptions options = self->options.spool;
    QueuePlace *place;
    guint index = 0;

    while (index < QUEUE_PLACES_MAX && self->places[index] != NULL)
        index++;
    if (index == QUEUE_PLACES_MAX) {
        g_set_error_literal(error, QUEUE_ERROR, BARID_ERROR_BUSY,
                            "too many spool folders are open");
        return FALSE;
    }
    if (is_side) {
        options.segment_bytes = MIN(options.segment_bytes, PLACE_SIDE_SEGMENT);
        options.spare_segments = 0;
    }
    place = g_new0(QueuePlace, 1);
    place->folder = g_strdup(folder);
    place->ghosts = g_ptr_array_new_with_free_func((GDestroyNotify)queue_entry_free);
    place->doubtful = g_ptr_array_new();
    place->spool = spool_open(self->options.disk, folder, &options, error);
    self->places[index] = place;
    if (place->spool == NULL) {
        queue_place_free(self, index);
        return FALSE;
    }
    place->doubts = queue_doubts_read(place->spool);
    *out_index = index;
    return TRUE;
}

void
queue_place_free(Queue *self, guint index)
{
    QueuePlace *place = self->places[index];

    if (place == NULL)
        return;
    if (self->own == place)
        self->own = NULL;
    spool_close(place->spool);
    g_ptr_array_free(place->ghosts, TRUE);
    g_ptr_array_free(place->doubtful, TRUE);
    g_clear_pointer(&place->doubts, g_array_unref);
    g_free(place->folder);
    g_free(place);
    self->places[index] = NULL;
}

static void
place_set_home(Queue *self, guint index, gboolean is_main)
{
    self->home = index;
    self->home_is_main = is_main;
    atomic_store(&self->home_spool, self->places[index]->spool);
}

/* A side folder of our own. Its name may be taken by one that is left over. */
static gboolean
place_open_own(Queue *self, guint *out_index, GError **error)
{
    for (guint n = 0;; n++) {
        g_autofree gchar *folder = g_strdup_printf("%s-%u", self->options.folder,
                                                   self->options.side_number + n * SIDE_STEP);
        g_autoptr(GError) why = NULL;

        if (place_open(self, folder, TRUE, out_index, &why)) {
            self->own = self->places[*out_index];
            return TRUE;
        }
        if (!g_error_matches(why, SPOOL_ERROR, BARID_ERROR_BUSY) || n == SIDE_TRIES) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}

gboolean
queue_places_open(Queue *self, GError **error)
{
    g_autoptr(GError) busy = NULL;
    guint index;

    self->look_ms = 0;
    if (place_open(self, self->options.folder, FALSE, &index, &busy)) {
        place_set_home(self, index, TRUE);
        return TRUE;
    }
    if (self->options.side_number == 0 ||
        !g_error_matches(busy, SPOOL_ERROR, BARID_ERROR_BUSY)) {
        g_propagate_error(error, g_steal_pointer(&busy));
        return FALSE;
    }
    if (!place_open_own(self, &index, error))
        return FALSE;
    place_set_home(self, index, FALSE);
    return TRUE;
}

/* --- commits --- */

static QueueEntry *
place_get_entry(SpoolRef *ref)
{
    return (QueueEntry *)(void *)((guint8 *)ref - G_STRUCT_OFFSET(QueueEntry, ref));
}

/* Those of the changes that concern one folder of several. */
static void
place_commit(Queue *self, guint index, const GPtrArray *changes)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new();

    for (guint i = 0; i < changes->len; i++) {
        SpoolChange *change = g_ptr_array_index(changes, i);

        if (place_get_entry(change->ref)->place == index)
            g_ptr_array_add(own, change);
    }
    if (own->len > 0)
        spool_commit(self->places[index]->spool, (SpoolChange *const *)own->pdata, own->len);
}

void
queue_places_commit(Queue *self, GPtrArray *changes)
{
    if (changes->len == 0)
        return;
    if (self->n_guests == 0) {
        spool_commit(place_get_home(self)->spool, (SpoolChange *const *)changes->pdata,
                     changes->len);
        return;
    }
    /* Home comes first: notices go there, and must be there before what they tell about ends. */
    place_commit(self, self->home, changes);
    for (guint i = 0; i < QUEUE_PLACES_MAX; i++) {
        if (i != self->home && self->places[i] != NULL)
            place_commit(self, i, changes);
    }
}

/* --- replay --- */

typedef struct {
    Queue *queue;
    guint place;
} PlaceReplay;

/* FALSE when nothing of the message is in doubt. What is, is written after this step. */
static gboolean
place_set_doubtful(Queue *self, QueuePlace *place, QueueEntry *entry, const Envelope *envelope,
                   DeliveryState *state)
{
    g_auto(Buffer) bytes = {0};

    buffer_init(&bytes, SPOOL_ENVELOPE_MAX);
    if (place->doubts->len == 0 || !queue_doubts_apply(self, place->doubts, envelope, state) ||
        !delivery_state_write(state, envelope, &bytes))
        return FALSE;
    queue_entry_set_state(entry, buffer_get_slice(&bytes));
    g_ptr_array_add(place->doubtful, entry);
    return TRUE;
}

static void
place_write_doubtful(QueuePlace *place)
{
    guint n_changes = place->doubtful->len;
    g_autofree SpoolChange *changes = g_new0(SpoolChange, n_changes);
    g_autofree SpoolChange **pointers = g_new0(SpoolChange *, n_changes);

    for (guint i = 0; i < n_changes; i++) {
        QueueEntry *entry = g_ptr_array_index(place->doubtful, i);

        changes[i] = (SpoolChange){.kind = SPOOL_STATE, .ref = &entry->ref, .body_fd = -1,
                                   .state = barid_slice(entry->state, entry->state_len)};
        pointers[i] = &changes[i];
    }
    spool_commit(place->spool, pointers, n_changes);
    for (guint i = 0; i < n_changes; i++) {
        place->keeps_marks |= changes[i].error != NULL;
        g_clear_error(&changes[i].error);
    }
    g_ptr_array_set_size(place->doubtful, 0);
}

static SpoolRef *
place_on_replayed(QueueId id, BaridSlice envelope_bytes, BaridSlice state_bytes,
                  gsize content_bytes G_GNUC_UNUSED, gpointer data)
{
    const PlaceReplay *replay = data;
    Queue *self = replay->queue;
    QueuePlace *place = self->places[replay->place];
    Envelope envelope;
    DeliveryState state;
    QueueEntry *entry;

    queue_id_advance_past(id);
    arena_reset(self->turn);
    if (queue_find(self, id) != NULL) {
        /* It was on its way to another folder, and has arrived there. */
        entry = queue_entry_new(id);
        entry->place = (guint8)replay->place;
        g_ptr_array_add(place->ghosts, entry);
        return &entry->ref;
    }
    if (!envelope_parse(envelope_bytes, self->turn, &envelope)) {
        gchar text[QUEUE_ID_TEXT_LEN + 1];

        barid_log(BARID_LOG_ERROR, "queue.unreadable", "queue-id", queue_id_format(id, text), NULL);
        place->keeps = TRUE;
        return NULL;
    }
    if (!delivery_state_parse(state_bytes, &envelope, self->turn, &state))
        queue_state_init(self, &envelope, self->turn, FALSE, NULL, &state);
    entry = queue_entry_new(id);
    entry->place = (guint8)replay->place;
    if (!place_set_doubtful(self, place, entry, &envelope, &state))
        queue_entry_set_state(entry, state_bytes);
    queue_entry_insert(self, entry, &envelope, &state);
    return &entry->ref;
}

static void
place_remove_ghosts(QueuePlace *place)
{
    for (guint i = 0; i < place->ghosts->len; i++) {
        QueueEntry *entry = g_ptr_array_index(place->ghosts, i);
        SpoolChange change = {.kind = SPOOL_REMOVE, .ref = &entry->ref, .body_fd = -1};
        SpoolChange *changes[] = {&change};

        spool_commit(place->spool, changes, 1);
        place->keeps |= change.error != NULL;
        g_clear_error(&change.error);
    }
    /* What could not be removed is still linked in the spool. */
    if (!place->keeps)
        g_ptr_array_set_size(place->ghosts, 0);
}

static void
place_end_replay(Queue *self, QueuePlace *place)
{
    const gchar *report = spool_get_damage_report(place->spool);
    gchar count[16];

    place_remove_ghosts(place);
    if (report != NULL) {
        barid_log(BARID_LOG_ERROR, "spool.damaged", "folder", place->folder, "report", report,
                  NULL);
        place->keeps = TRUE;
    }
    g_array_set_size(place->doubts, 0);
    if (!place->keeps_marks)
        spool_marks_forget(place->spool);
    g_snprintf(count, sizeof count, "%u", g_hash_table_size(self->index));
    barid_log(BARID_LOG_NOTICE, "queue.replayed", "folder", place->folder, "messages", count, NULL);
}

static gboolean
place_replay_some(Queue *self, guint index, guint max_records)
{
    QueuePlace *place = self->places[index];
    PlaceReplay replay = {self, index};
    g_autoptr(GError) error = NULL;

    if (!spool_replay_step(place->spool, max_records, place_on_replayed, &replay,
                           &place->replayed, &error)) {
        barid_log(BARID_LOG_ERROR, "spool.replay-failed", "error", error->message, NULL);
        place->replayed = TRUE;
        place->keeps = TRUE;
        place->keeps_marks = TRUE;
    }
    if (place->doubtful->len > 0)
        place_write_doubtful(place);
    if (place->replayed)
        place_end_replay(self, place);
    return place->replayed;
}

void
queue_places_replay(Queue *self, guint max_records)
{
    for (guint n = 0; n < QUEUE_PLACES_MAX; n++) {
        guint index = (self->home + n) % QUEUE_PLACES_MAX; /* home first */

        if (self->places[index] != NULL && !self->places[index]->replayed &&
            !place_replay_some(self, index, max_records))
            return;
    }
    self->replayed = TRUE;
    self->look_ms = 0; /* now side folders may be adopted */
}

/* --- looking for folders --- */

static gboolean
place_is_open(const Queue *self, const gchar *folder)
{
    for (guint i = 0; i < QUEUE_PLACES_MAX; i++) {
        if (self->places[i] != NULL && strcmp(self->places[i]->folder, folder) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
place_is_side_name(const gchar *name, const gchar *main_name)
{
    gsize len = strlen(main_name);

    if (strncmp(name, main_name, len) != 0 || name[len] != '-')
        return FALSE;
    name += len + 1;
    return *name != '\0' && strspn(name, "0123456789") == strlen(name);
}

/* The side folders that nobody holds become guests. FALSE when there are others. */
static gboolean
place_adopt_sides(Queue *self)
{
    g_autofree gchar *parent = g_path_get_dirname(self->options.folder);
    g_autofree gchar *main_name = g_path_get_basename(self->options.folder);
    GDir *folder = g_dir_open(parent, 0, NULL);
    const gchar *name;
    gboolean all = TRUE;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree gchar *path = g_build_filename(parent, name, NULL);
        g_autoptr(GError) error = NULL;
        guint index;

        if (!place_is_side_name(name, main_name) || place_is_open(self, path))
            continue;
        if (place_open(self, path, TRUE, &index, &error)) {
            barid_log(BARID_LOG_NOTICE, "spool.adopted", "folder", path, NULL);
            self->n_guests++;
            self->replayed = FALSE;
        } else {
            all = FALSE;
            if (!barid_error_is_temporary(error))
                barid_log(BARID_LOG_ERROR, "spool.failed", "error", error->message, NULL);
        }
    }
    if (folder != NULL)
        g_dir_close(folder);
    return all;
}

static gboolean
place_take_main(Queue *self)
{
    guint index;

    if (!place_open(self, self->options.folder, FALSE, &index, NULL))
        return FALSE;
    barid_log(BARID_LOG_NOTICE, "spool.adopted", "folder", self->options.folder, NULL);
    place_set_home(self, index, TRUE);
    self->n_guests++; /* what was home until now */
    self->replayed = FALSE;
    return TRUE;
}

void
queue_places_look(Queue *self)
{
    gboolean all;

    if (self->released || self->options.side_number == 0) {
        self->look_ms = SCHEDULE_NEVER;
        return;
    }
    if (clock_wall_ms() < self->look_ms && !atomic_exchange(&self->look_now, FALSE))
        return;
    /* Who leaves folders behind may have left history, too. */
    if (self->history != NULL)
        (void)history_refresh(self->history, NULL);
    all = self->home_is_main || place_take_main(self);
    queue_suspended_read(self);
    /* A message that is in two folders counts where it was found first: in the main one. */
    if (self->home_is_main && place_get_home(self)->replayed)
        all = place_adopt_sides(self);
    self->look_ms = all ? SCHEDULE_NEVER : clock_wall_ms() + PLACE_LOOK_MS;
}

/* --- moving --- */

typedef struct {
    QueueEntry *old, *fresh;
    SpoolContent *content;
    SpoolChange add, remove;
} PlaceMove;

static void
move_clear(gpointer data)
{
    PlaceMove *move = data;

    if (move->add.body_fd >= 0)
        (void)close(move->add.body_fd);
    spool_content_unref(move->content);
    g_clear_error(&move->add.error);
    g_clear_error(&move->remove.error);
    g_free(move);
}

static PlaceMove *
move_prepare(QueuePlace *place, QueueEntry *entry)
{
    g_autoptr(GError) error = NULL;
    SpoolContent *content = spool_read(place->spool, &entry->ref, &error);
    int body_fd = content == NULL ? -1 : spool_open_body(place->spool, &entry->ref, &error);
    PlaceMove *move;

    if (error != NULL) {
        barid_log(BARID_LOG_ERROR, "spool.not-moved", "folder", place->folder, "error",
                  error->message, NULL);
        spool_content_unref(content);
        place->keeps = TRUE;
        return NULL;
    }
    move = g_new0(PlaceMove, 1);
    move->old = entry;
    move->content = content;
    move->fresh = queue_entry_new(entry->ref.id);
    move->add = (SpoolChange){
        .kind = SPOOL_ADD,
        .ref = &move->fresh->ref,
        .envelope = spool_content_get_envelope(content),
        .state = barid_slice(entry->state, entry->state_len),
        .prefix = spool_content_get_prefix(content),
        .body = body_fd >= 0 ? BARID_SLICE_EMPTY : spool_content_get_body(content),
        .body_fd = body_fd,
        .body_fd_bytes = body_fd >= 0 ? spool_content_get_body(content).len : 0,
    };
    move->remove = (SpoolChange){.kind = SPOOL_REMOVE, .ref = &entry->ref, .body_fd = -1};
    return move;
}

/* The moves of one step, each with its message still where it was. */
static GPtrArray *
move_choose(QueuePlace *place)
{
    GPtrArray *moves = g_ptr_array_new_with_free_func(move_clear);
    g_autoptr(GPtrArray) refs = g_ptr_array_new();
    gsize bytes = 0;

    spool_list_refs(place->spool, PLACE_MOVE_MAX, refs);
    for (guint i = 0; i < refs->len && bytes < PLACE_MOVE_BYTES; i++) {
        QueueEntry *entry = place_get_entry(g_ptr_array_index(refs, i));
        PlaceMove *move = entry->n_jobs > 0 ? NULL : move_prepare(place, entry);

        if (move == NULL)
            continue;
        bytes += move->add.body.len + move->add.envelope.len;
        g_ptr_array_add(moves, move);
    }
    return moves;
}

static void
move_commit(Spool *spool, GPtrArray *moves, gboolean removes)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new();

    for (guint i = 0; i < moves->len; i++) {
        PlaceMove *move = g_ptr_array_index(moves, i);

        if (!removes)
            g_ptr_array_add(changes, &move->add);
        else if (move->add.error == NULL)
            g_ptr_array_add(changes, &move->remove);
    }
    if (changes->len > 0)
        spool_commit(spool, (SpoolChange *const *)changes->pdata, changes->len);
}

/* The new entry stands in for the old one. */
static void
move_finish(Queue *self, PlaceMove *move)
{
    QueueEntry *old = move->old, *fresh = move->fresh;

    fresh->item.is_retry = old->item.is_retry;
    fresh->place = (guint8)self->home;
    fresh->state = g_steal_pointer(&old->state);
    fresh->state_len = old->state_len;
    fresh->size_kib = old->size_kib;
    fresh->held = old->held;
    fresh->priority = old->priority;
    if (old->item.in_line || old->item.heap_index != 0)
        schedule_put(&self->schedule, &fresh->item, old->item.due_ms, fresh->priority);
    schedule_remove(&self->schedule, &old->item);
    g_hash_table_replace(self->index, &fresh->ref.id, fresh);
    queue_entry_free(old);
}

/* TRUE when something was moved. */
static gboolean
place_move_some(Queue *self, QueuePlace *place)
{
    g_autoptr(GPtrArray) moves = move_choose(place);
    guint n_moved = 0;

    move_commit(place_get_home(self)->spool, moves, FALSE);
    move_commit(place->spool, moves, TRUE);
    for (guint i = 0; i < moves->len; i++) {
        PlaceMove *move = g_ptr_array_index(moves, i);

        if (move->add.error == NULL && move->remove.error == NULL) {
            move_finish(self, move);
            n_moved++;
            continue;
        }
        barid_log(BARID_LOG_ERROR, "spool.not-moved", "folder", place->folder, "error",
                  move->add.error != NULL ? move->add.error->message : move->remove.error->message,
                  NULL);
        place->keeps = TRUE;
        /* A copy that is durable already is linked in the home spool and stays there, so
         * that the next start finds both. */
        if (move->add.error != NULL)
            queue_entry_free(move->fresh);
        else
            g_ptr_array_add(self->left_entries, move->fresh);
    }
    return n_moved > 0;
}

static gboolean
place_is_empty(const QueuePlace *place)
{
    g_autoptr(GPtrArray) refs = g_ptr_array_new();

    spool_list_refs(place->spool, 1, refs);
    return refs->len == 0;
}

static gboolean
place_serve_guest(Queue *self, guint index)
{
    QueuePlace *place = self->places[index];

    if (!place->replayed || place->keeps)
        return FALSE;
    if (!place_is_empty(place))
        return place_move_some(self, place);
    barid_log(BARID_LOG_NOTICE, "spool.emptied", "folder", place->folder, NULL);
    spool_remove(place->spool);
    /* A session may be about to ask it for a file. */
    g_ptr_array_add(self->left_spools, g_steal_pointer(&place->spool));
    queue_place_free(self, index);
    self->n_guests--;
    return TRUE;
}

gboolean
queue_places_tidy(Queue *self)
{
    if (!self->replayed || self->released)
        return FALSE;
    for (guint i = 0; i < QUEUE_PLACES_MAX && self->home_is_main && self->n_guests > 0; i++) {
        if (self->places[i] != NULL && i != self->home && place_serve_guest(self, i))
            return TRUE;
    }
    return spool_tidy(place_get_home(self)->spool);
}

/* --- giving up --- */

/* The messages of all folders but (home) are somebody else's from now on. */
static void
place_forget_entries(Queue *self)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->index);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        QueueEntry *entry = value;

        if (entry->place == self->home)
            continue;
        schedule_remove(&self->schedule, &entry->item);
        self->bytes_kib -= entry->size_kib;
        self->n_messages--;
        if (entry->held)
            self->n_held--;
        g_hash_table_iter_remove(&iter);
        g_ptr_array_add(self->left_entries, entry);
    }
}

gboolean
queue_places_release(Queue *self, GError **error)
{
    guint index = self->home;

    if (self->own == NULL && !place_open_own(self, &index, error))
        return FALSE;
    while (self->places[index] != self->own)
        index = (index + 1) % QUEUE_PLACES_MAX;
    self->own->replayed = TRUE;
    place_set_home(self, index, FALSE);
    place_forget_entries(self);
    for (guint i = 0; i < QUEUE_PLACES_MAX; i++) {
        if (self->places[i] != NULL && i != self->home)
            spool_leave(self->places[i]->spool);
    }
    self->released = TRUE;
    self->replayed = TRUE;
    return TRUE;
}
