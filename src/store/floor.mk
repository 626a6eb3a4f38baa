# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/store/libstore.la
LIBBARID_PARTS += src/store/libstore.la
src_store_libstore_la_SOURCES = \
	src/store/directory.c src/store/directory.h src/store/directory-private.h \
	src/store/directory-failing.c \
	src/store/directory-file.c \
	src/store/directory-inline.c \
	src/store/directory-password.c \
	src/store/directory-resolve.c \
	src/store/directory-table.c \
	src/store/store.c src/store/store.h \
	src/store/store-memory.c src/store/store-memory.h
dist_man5_MANS += doc/barid-directory.5
STORE_LIBS = src/store/libstore.la $(HOST_LIBS) $(CRYPT_LIBS)

# The contract of a store, which every driver's test runs.
store_suite_sources = src/store/tests/store-suite.c src/store/tests/store-suite.h
# Runs one module with made-up sessions.
module_fixture_sources = src/store/tests/module-fixture.c src/store/tests/module-fixture.h

if HAVE_CHECK
check_PROGRAMS += src/store/tests/test-directory
check_PROGRAMS += src/store/tests/test-store
src_store_tests_test_store_SOURCES = src/store/tests/test-store.c $(store_suite_sources)
src_store_tests_test_store_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_store_tests_test_store_LDADD = $(STORE_LIBS) $(CHECK_LIBS)
src_store_tests_test_directory_SOURCES = src/store/tests/test-directory.c
src_store_tests_test_directory_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_store_tests_test_directory_LDADD = $(STORE_LIBS) $(CHECK_LIBS)
endif
