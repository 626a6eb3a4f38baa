# SPDX-License-Identifier: Apache-2.0
maildir_sources = modules/maildir/maildir.c modules/maildir/maildir.h \
	modules/maildir/maildir-folder.c modules/maildir/maildir-write.c
EXTRA_DIST += modules/maildir/module.m4 modules/maildir/module.pkg
if MODULE_MAILDIR
barid_module_LTLIBRARIES += modules/maildir/maildir.la
modules_maildir_maildir_la_SOURCES = $(maildir_sources)
modules_maildir_maildir_la_LDFLAGS = $(module_ldflags)
modules_maildir_maildir_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/maildir.conf
dist_man5_MANS += modules/maildir/barid-maildir.5

if HAVE_CHECK
check_PROGRAMS += modules/maildir/tests/test-maildir
modules_maildir_tests_test_maildir_SOURCES = modules/maildir/tests/test-maildir.c $(maildir_sources)
modules_maildir_tests_test_maildir_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
modules_maildir_tests_test_maildir_LDADD = $(FIBER_LIBS) $(CHECK_LIBS)
endif
endif
