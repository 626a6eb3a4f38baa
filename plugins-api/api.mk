# SPDX-License-Identifier: Apache-2.0
dist_barid_HEADERS = \
	plugins-api/barid/address-list.h \
	plugins-api/barid/barid.h \
	plugins-api/barid/check.h \
	plugins-api/barid/command.h \
	plugins-api/barid/dns.h \
	plugins-api/barid/error.h \
	plugins-api/barid/finding.h \
	plugins-api/barid/macros.h \
	plugins-api/barid/module.h \
	plugins-api/barid/network.h \
	plugins-api/barid/private-key.h \
	plugins-api/barid/report-uris.h \
	plugins-api/barid/rule.h \
	plugins-api/barid/runtime.h \
	plugins-api/barid/saved.h \
	plugins-api/barid/session.h \
	plugins-api/barid/setting.h \
	plugins-api/barid/signature.h \
	plugins-api/barid/slice.h \
	plugins-api/barid/slot.h \
	plugins-api/barid/store.h \
	plugins-api/barid/stream.h \
	plugins-api/barid/tag-list.h \
	plugins-api/barid/transport.h \
	plugins-api/barid/verdict.h
