# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/store/libstore.la
LIBBARID_PARTS += src/store/libstore.la
src_store_libstore_la_SOURCES = \
	src/store/directory.c src/store/directory.h src/store/directory-private.h \
	src/store/directory-file.c \
	src/store/directory-inline.c \
	src/store/directory-password.c \
	src/store/directory-resolve.c \
	src/store/directory-table.c
STORE_LIBS = src/store/libstore.la $(HOST_LIBS) $(CRYPT_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/store/tests/test-directory
src_store_tests_test_directory_SOURCES = src/store/tests/test-directory.c
src_store_tests_test_directory_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_store_tests_test_directory_LDADD = $(STORE_LIBS) $(CHECK_LIBS)
endif
