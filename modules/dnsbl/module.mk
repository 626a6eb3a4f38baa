# SPDX-License-Identifier: Apache-2.0
dnsbl_sources = modules/dnsbl/dnsbl.c modules/dnsbl/dnsbl.h modules/dnsbl/dnsbl-name.c
EXTRA_DIST += modules/dnsbl/module.m4 modules/dnsbl/module.pkg
if MODULE_DNSBL
barid_module_LTLIBRARIES += modules/dnsbl/dnsbl.la
modules_dnsbl_dnsbl_la_SOURCES = $(dnsbl_sources)
modules_dnsbl_dnsbl_la_LDFLAGS = $(module_ldflags)
modules_dnsbl_dnsbl_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/dnsbl.conf
dist_man5_MANS += modules/dnsbl/barid-dnsbl.5

if HAVE_CHECK
check_PROGRAMS += modules/dnsbl/tests/test-dnsbl
modules_dnsbl_tests_test_dnsbl_SOURCES = modules/dnsbl/tests/test-dnsbl.c \
	modules/dnsbl/dnsbl-name.c modules/dnsbl/dnsbl.h
modules_dnsbl_tests_test_dnsbl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
modules_dnsbl_tests_test_dnsbl_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
endif
endif
