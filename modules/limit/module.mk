# SPDX-License-Identifier: Apache-2.0
limit_sources = modules/limit/limit.c modules/limit/limit.h \
	modules/limit/limit-bucket.c modules/limit/limit-key.c
EXTRA_DIST += modules/limit/module.m4 modules/limit/module.pkg
if MODULE_LIMIT
barid_module_LTLIBRARIES += modules/limit/limit.la
modules_limit_limit_la_SOURCES = $(limit_sources)
modules_limit_limit_la_LDFLAGS = $(module_ldflags)
modules_limit_limit_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/limit.conf
dist_man5_MANS += modules/limit/barid-limit.5

if HAVE_CHECK
check_PROGRAMS += modules/limit/tests/test-limit
modules_limit_tests_test_limit_SOURCES = modules/limit/tests/test-limit.c \
	$(limit_sources) $(module_fixture_sources)
modules_limit_tests_test_limit_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
modules_limit_tests_test_limit_LDADD = $(STORE_LIBS) $(JSON_LIBS) $(CHECK_LIBS)
endif
endif
