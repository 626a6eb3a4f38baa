# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += modules/greylist/module.m4 modules/greylist/module.pkg
if MODULE_GREYLIST
barid_module_LTLIBRARIES += modules/greylist/greylist.la
modules_greylist_greylist_la_SOURCES = modules/greylist/greylist.c
modules_greylist_greylist_la_LDFLAGS = $(module_ldflags)
modules_greylist_greylist_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/greylist.conf
dist_man5_MANS += modules/greylist/barid-greylist.5

if HAVE_CHECK
check_PROGRAMS += modules/greylist/tests/test-greylist
modules_greylist_tests_test_greylist_SOURCES = modules/greylist/tests/test-greylist.c \
	modules/greylist/greylist.c $(module_fixture_sources)
modules_greylist_tests_test_greylist_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
modules_greylist_tests_test_greylist_LDADD = $(STORE_LIBS) $(CHECK_LIBS)
endif
endif
