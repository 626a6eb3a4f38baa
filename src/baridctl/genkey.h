/* SPDX-License-Identifier: Apache-2.0 */
/* "baridctl genkey": keys for signatures, and what is published about them. */
#ifndef GENKEY_H
#define GENKEY_H

#include "baridctl/ctl.h"

CtlStatus genkey_dkim(const Options *options, const gchar *const *args);

#endif
