/* SPDX-License-Identifier: Apache-2.0 */
/* The settings [queue], [spool] and [history]. */
#ifndef QUEUE_SETTINGS_H
#define QUEUE_SETTINGS_H

#include "conf/settings.h"
#include "queue/queue.h"

typedef struct QueueSettings QueueSettings;

/* Never NULL; problems go to the context. */
QueueSettings *queue_settings_new(SettingsContext *context);
void queue_settings_free(QueueSettings *self);
/* Fills in the options that follow from settings; texts borrow from (self). */
void queue_settings_apply(const QueueSettings *self, QueueOptions *out_options);
const BaridRule *queue_settings_get_attempt_timeout(const QueueSettings *self);

#endif
