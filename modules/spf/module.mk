# SPDX-License-Identifier: Apache-2.0
spf_parts = modules/spf/spf-macro.c modules/spf/spf-macro.h \
	modules/spf/spf-record.c modules/spf/spf-record.h
EXTRA_DIST += modules/spf/module.m4 modules/spf/module.pkg
if MODULE_SPF
barid_module_LTLIBRARIES += modules/spf/spf.la
modules_spf_spf_la_SOURCES = modules/spf/spf.c \
	modules/spf/spf-check.c modules/spf/spf-check.h $(spf_parts)
modules_spf_spf_la_LDFLAGS = $(module_ldflags)
modules_spf_spf_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/spf.conf
dist_man5_MANS += modules/spf/barid-spf.5

if HAVE_CHECK
check_PROGRAMS += modules/spf/tests/test-spf
modules_spf_tests_test_spf_SOURCES = modules/spf/tests/test-spf.c $(spf_parts)
modules_spf_tests_test_spf_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/modules/spf
modules_spf_tests_test_spf_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
modules_spf_tests_test_spf_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
endif
endif
