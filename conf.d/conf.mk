# SPDX-License-Identifier: Apache-2.0
# One file for each core area; a module's file is listed in its own fragment.
dist_confd_DATA += \
	conf.d/domains.conf \
	conf.d/listener.conf \
	conf.d/outbound.conf \
	conf.d/queue.conf \
	conf.d/resolver.conf \
	conf.d/server.conf \
	conf.d/session.conf

# The main file lies beside the folder; without it the compiled-in text is used.
baridconfdir = $(sysconfdir)/barid
dist_baridconf_DATA = conf.d/barid.conf

# Policy tests: what an administrator adds own ones to, see barid-dialogue(5).
testsddir = $(sysconfdir)/barid/tests.d
dist_testsd_DATA = \
	tests.d/greylist.dialogue \
	tests.d/relay-strangers.dialogue \
	tests.d/relay-users.dialogue
