/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of stores as tests, for every driver alike. */
#ifndef STORE_SUITE_H
#define STORE_SUITE_H

#include <check.h>

#include "store/store.h"

/* Adds the tests; (make) opens an empty store, (drop) closes it and what it left. */
void store_suite_add(TCase *tcase, BaridStore *(*make)(void), void (*drop)(BaridStore *store));

#endif
