# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += modules/sqlite/module.m4 modules/sqlite/module.pkg
if MODULE_SQLITE
barid_module_LTLIBRARIES += modules/sqlite/sqlite.la
modules_sqlite_sqlite_la_SOURCES = modules/sqlite/sqlite.c
modules_sqlite_sqlite_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
modules_sqlite_sqlite_la_LDFLAGS = $(module_ldflags)
modules_sqlite_sqlite_la_LIBADD = libbarid.la $(SQLITE_LIBS) $(GLIB_LIBS)
dist_confd_DATA += conf.d/sqlite.conf
dist_man5_MANS += modules/sqlite/barid-sqlite.5

if HAVE_CHECK
check_PROGRAMS += modules/sqlite/tests/test-sqlite
modules_sqlite_tests_test_sqlite_SOURCES = modules/sqlite/tests/test-sqlite.c \
	modules/sqlite/sqlite.c $(store_suite_sources)
modules_sqlite_tests_test_sqlite_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(SQLITE_CFLAGS)
modules_sqlite_tests_test_sqlite_LDADD = $(STORE_LIBS) $(SQLITE_LIBS) $(CHECK_LIBS)
endif
endif
