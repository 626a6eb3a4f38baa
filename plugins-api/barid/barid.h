/* SPDX-License-Identifier: Apache-2.0 */
/* The module interface: the only header that a module includes. */
#ifndef BARID_BARID_H
#define BARID_BARID_H

#include <barid/address-list.h>
#include <barid/command.h>
#include <barid/dns.h>
#include <barid/error.h>
#include <barid/finding.h>
#include <barid/module.h>
#include <barid/network.h>
#include <barid/private-key.h>
#include <barid/report-uris.h>
#include <barid/runtime.h>
#include <barid/saved.h>
#include <barid/session.h>
#include <barid/setting.h>
#include <barid/signature.h>
#include <barid/slice.h>
#include <barid/slot.h>
#include <barid/store.h>
#include <barid/stream.h>
#include <barid/tag-list.h>
#include <barid/transport.h>
#include <barid/verdict.h>

#endif
