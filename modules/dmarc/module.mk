# SPDX-License-Identifier: Apache-2.0
dmarc_parts = modules/dmarc/dmarc-author.c modules/dmarc/dmarc-author.h \
	modules/dmarc/dmarc-record.c modules/dmarc/dmarc-record.h \
	modules/dmarc/dmarc-suffix.c modules/dmarc/dmarc-suffix.h \
	modules/dmarc/dmarc-walk.c modules/dmarc/dmarc-walk.h
EXTRA_DIST += modules/dmarc/module.m4 modules/dmarc/module.pkg
if MODULE_DMARC
barid_module_LTLIBRARIES += modules/dmarc/dmarc.la
modules_dmarc_dmarc_la_SOURCES = modules/dmarc/dmarc.c \
	modules/dmarc/dmarc-check.c modules/dmarc/dmarc-check.h $(dmarc_parts)
modules_dmarc_dmarc_la_LDFLAGS = $(module_ldflags)
modules_dmarc_dmarc_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/dmarc.conf
dist_man5_MANS += modules/dmarc/barid-dmarc.5

if HAVE_CHECK
check_PROGRAMS += modules/dmarc/tests/test-dmarc
modules_dmarc_tests_test_dmarc_SOURCES = modules/dmarc/tests/test-dmarc.c $(dmarc_parts)
modules_dmarc_tests_test_dmarc_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/modules/dmarc
modules_dmarc_tests_test_dmarc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
modules_dmarc_tests_test_dmarc_LDADD = libbarid.la $(CHECK_LIBS) $(GLIB_LIBS)
endif
endif
