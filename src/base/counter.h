/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters: numbers that only grow, kept per thread without locks or shared cache
 * lines, and added up when somebody asks. A unit declares its counters with
 * counter_register() at start.
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <glib.h>

enum { COUNTERS_MAX = 1024 };

typedef guint16 CounterId;

/* Registers (name) ("smtp.messages-accepted"), or finds it. (name) must stay valid. */
CounterId counter_register(const gchar *name);
void counter_add(CounterId id, guint64 amount);
/* The sum over all threads, ended ones included. */
guint64 counter_get(CounterId id);
guint counter_get_count(void);
const gchar *counter_get_name(CounterId id);

#endif
