# SPDX-License-Identifier: Apache-2.0
arc_parts = modules/arc/arc-chain.c modules/arc/arc-chain.h \
	modules/arc/arc-results.c modules/arc/arc-results.h
EXTRA_DIST += modules/arc/module.m4 modules/arc/module.pkg
if MODULE_ARC
barid_module_LTLIBRARIES += modules/arc/arc.la
modules_arc_arc_la_SOURCES = modules/arc/arc.c \
	modules/arc/arc-message.c modules/arc/arc-message.h \
	modules/arc/arc-seal.c modules/arc/arc-seal.h $(arc_parts)
modules_arc_arc_la_LDFLAGS = $(module_ldflags)
modules_arc_arc_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/arc.conf
dist_man5_MANS += modules/arc/barid-arc.5

if HAVE_CHECK
check_PROGRAMS += modules/arc/tests/test-arc
modules_arc_tests_test_arc_SOURCES = modules/arc/tests/test-arc.c $(arc_parts)
modules_arc_tests_test_arc_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/modules/arc
modules_arc_tests_test_arc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
modules_arc_tests_test_arc_LDADD = libbarid.la $(CHECK_LIBS) $(GLIB_LIBS)
endif
endif
