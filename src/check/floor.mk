# SPDX-License-Identifier: Apache-2.0
# barid-check: the library for the tests of modules' authors.
lib_LTLIBRARIES += libbarid-check.la
pkgconfig_DATA += plugins-api/barid-check.pc
dist_man3_MANS += doc/barid-check.3
libbarid_check_la_SOURCES = \
	src/check/check.c src/check/check-private.h \
	src/check/check-assert.c src/check/check-drive.c \
	src/check/check-memory.c src/check/check-memory.h src/check/check-suspend.c
libbarid_check_la_LIBADD = libbarid.la $(GLIB_LIBS)
libbarid_check_la_LDFLAGS = -version-info 0:0:0 -Wl,--version-script=libbarid-check.map $(AM_LDFLAGS)
libbarid_check_la_DEPENDENCIES = libbarid.la libbarid-check.map
# Without a name of a version: its malloc() has to stand in for that of the C library.
libbarid-check.map: plugins-api/barid-check.sym Makefile
	$(AM_V_GEN){ echo '{'; echo ' global:'; \
	  sed -e '/^#/d' -e '/^$$/d' -e 's/.*/  &;/' $(top_srcdir)/plugins-api/barid-check.sym; \
	  echo ' local: *;'; echo '};'; } > $@.tmp && mv $@.tmp $@
CLEANFILES += libbarid-check.map
EXTRA_DIST += plugins-api/barid-check.sym

# A module that does all that it should not.
check_LTLIBRARIES += src/check/tests/faulty.la
src_check_tests_faulty_la_SOURCES = src/check/tests/faulty.c
src_check_tests_faulty_la_LDFLAGS = $(module_ldflags) -rpath $(pkglibdir)
src_check_tests_faulty_la_LIBADD = libbarid.la $(GLIB_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/check/tests/test-check src/check/tests/test-versions
src_check_tests_test_versions_SOURCES = src/check/tests/test-versions.c
src_check_tests_test_versions_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_check_tests_test_versions_LDADD = libbarid-check.la libbarid.la $(GLIB_LIBS) $(CHECK_LIBS)
src_check_tests_test_check_SOURCES = src/check/tests/test-check.c
src_check_tests_test_check_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_check_tests_test_check_LDADD = libbarid-check.la libbarid.la $(GLIB_LIBS) $(CHECK_LIBS)
endif
