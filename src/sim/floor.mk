# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/sim/libsim.la
LIBBARID_PARTS += src/sim/libsim.la
src_sim_libsim_la_SOURCES = \
	src/sim/dialogue.c src/sim/dialogue.h \
	src/sim/folder.c src/sim/folder.h \
	src/sim/virtual-clock.c src/sim/virtual-clock.h \
	src/sim/zone-resolver.c src/sim/zone-resolver.h
