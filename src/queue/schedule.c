/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/schedule.h"

void
schedule_init(Schedule *self)
{
    *self = (Schedule){.heap = g_ptr_array_new()};
    g_ptr_array_add(self->heap, NULL);
}

void
schedule_clear(Schedule *self)
{
    g_ptr_array_free(self->heap, TRUE);
    self->heap = NULL;
}

static ScheduleItem *
schedule_get(const Schedule *self, guint index)
{
    return g_ptr_array_index(self->heap, index);
}

static void
schedule_set(Schedule *self, guint index, ScheduleItem *item)
{
    g_ptr_array_index(self->heap, index) = item;
    item->heap_index = index;
}

static void
schedule_sift_up(Schedule *self, ScheduleItem *item)
{
    guint index = item->heap_index;

    while (index > 1 && schedule_get(self, index / 2)->due_ms > item->due_ms) {
        schedule_set(self, index, schedule_get(self, index / 2));
        index /= 2;
    }
    schedule_set(self, index, item);
}

static void
schedule_sift_down(Schedule *self, ScheduleItem *item)
{
    guint index = item->heap_index;

    for (;;) {
        guint child = index * 2;

        if (child >= self->heap->len)
            break;
        if (child + 1 < self->heap->len &&
            schedule_get(self, child + 1)->due_ms < schedule_get(self, child)->due_ms)
            child++;
        if (schedule_get(self, child)->due_ms >= item->due_ms)
            break;
        schedule_set(self, index, schedule_get(self, child));
        index = child;
    }
    schedule_set(self, index, item);
}

static void
schedule_leave_heap(Schedule *self, ScheduleItem *item)
{
    guint index = item->heap_index;
    ScheduleItem *last = schedule_get(self, self->heap->len - 1);

    item->heap_index = 0;
    g_ptr_array_set_size(self->heap, (gint)self->heap->len - 1);
    if (last == item)
        return;
    schedule_set(self, index, last);
    schedule_sift_up(self, last);
    schedule_sift_down(self, last);
}

static guint
schedule_line_of(const ScheduleItem *item)
{
    return 2 * (guint)(SCHEDULE_PRIORITY_MAX - item->priority) + (item->is_retry ? 1 : 0);
}

static guint *
schedule_count_of(Schedule *self, const ScheduleItem *item)
{
    return item->is_retry ? &self->n_retries : &self->n_fresh;
}

static void
schedule_enter_line(Schedule *self, ScheduleItem *item)
{
    guint line = schedule_line_of(item);

    item->in_line = 1;
    item->next = NULL;
    item->previous = self->last[line];
    if (item->previous != NULL)
        item->previous->next = item;
    else
        self->first[line] = item;
    self->last[line] = item;
    (*schedule_count_of(self, item))++;
}

static void
schedule_leave_line(Schedule *self, ScheduleItem *item)
{
    guint line = schedule_line_of(item);

    if (item->previous != NULL)
        item->previous->next = item->next;
    else
        self->first[line] = item->next;
    if (item->next != NULL)
        item->next->previous = item->previous;
    else
        self->last[line] = item->previous;
    item->in_line = 0;
    item->next = NULL;
    item->previous = NULL;
    (*schedule_count_of(self, item))--;
}

void
schedule_remove(Schedule *self, ScheduleItem *item)
{
    if (item->in_line)
        schedule_leave_line(self, item);
    else if (item->heap_index != 0)
        schedule_leave_heap(self, item);
}

static void
schedule_set_due(ScheduleItem *item, gint64 due_ms, gint priority)
{
    item->due_ms = due_ms;
    item->priority = (gint8)CLAMP(priority, SCHEDULE_PRIORITY_MIN, SCHEDULE_PRIORITY_MAX);
}

void
schedule_put(Schedule *self, ScheduleItem *item, gint64 due_ms, gint priority)
{
    schedule_remove(self, item);
    if (due_ms == SCHEDULE_NEVER)
        return;
    schedule_set_due(item, due_ms, priority);
    g_ptr_array_add(self->heap, item);
    item->heap_index = self->heap->len - 1;
    schedule_sift_up(self, item);
}

void
schedule_put_due(Schedule *self, ScheduleItem *item, gint64 due_ms, gint priority)
{
    schedule_remove(self, item);
    schedule_set_due(item, due_ms, priority);
    schedule_enter_line(self, item);
}

void
schedule_advance(Schedule *self, gint64 now_ms)
{
    while (self->heap->len > 1 && schedule_get(self, 1)->due_ms <= now_ms) {
        ScheduleItem *item = schedule_get(self, 1);

        schedule_leave_heap(self, item);
        schedule_enter_line(self, item);
    }
}

/* The first of every second line from (line) on; NULL when all are empty. */
static ScheduleItem *
schedule_find(const Schedule *self, guint line)
{
    for (; line < SCHEDULE_N_LINES; line += 2) {
        if (self->first[line] != NULL)
            return self->first[line];
    }
    return NULL;
}

gboolean
schedule_has_due(const Schedule *self, ScheduleWho who)
{
    return self->n_fresh > 0 || (who == SCHEDULE_ANY && self->n_retries > 0);
}

ScheduleItem *
schedule_pop(Schedule *self, ScheduleWho who)
{
    ScheduleItem *fresh = self->n_fresh > 0 ? schedule_find(self, 0) : NULL;
    ScheduleItem *retry =
        who == SCHEDULE_ANY && self->n_retries > 0 ? schedule_find(self, 1) : NULL;
    ScheduleItem *item = fresh;

    if (item == NULL ||
        (retry != NULL && (retry->priority > fresh->priority ||
                           (retry->priority == fresh->priority &&
                            self->n_passed >= SCHEDULE_FRESH_RUN))))
        item = retry;
    if (item == NULL)
        return NULL;
    self->n_passed = item == retry ? 0 : self->n_passed + 1;
    schedule_leave_line(self, item);
    return item;
}

gint64
schedule_get_next_ms(const Schedule *self)
{
    return self->heap->len > 1 ? schedule_get(self, 1)->due_ms : SCHEDULE_NEVER;
}
