# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/base/libbase.la
LIBBARID_PARTS += src/base/libbase.la
src_base_libbase_la_SOURCES = \
	src/base/address.c src/base/address.h \
	src/base/arena.c src/base/arena.h \
	src/base/blame.c src/base/blame.h \
	src/base/buffer.c src/base/buffer.h \
	src/base/chance.c src/base/chance.h \
	src/base/civil.c src/base/civil.h \
	src/base/clock.c src/base/clock.h \
	src/base/counter.c src/base/counter.h \
	src/base/crc32c.c src/base/crc32c.h \
	src/base/cursor.c src/base/cursor.h \
	src/base/error.c \
	src/base/error-domain.c src/base/error-domain.h \
	src/base/i18n.h \
	src/base/json-writer.c src/base/json-writer.h \
	src/base/log.c src/base/log.h \
	src/base/paths.c src/base/paths.h \
	src/base/network.c \
	src/base/slice.c \
	src/base/tally.c src/base/tally.h \
	src/base/text.c src/base/text.h \
	src/base/units.c src/base/units.h \
	src/base/wire.c src/base/wire.h
BASE_LIBS = src/base/libbase.la $(GLIB_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/base/tests/test-base
src_base_tests_test_base_SOURCES = src/base/tests/test-base.c
src_base_tests_test_base_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_base_tests_test_base_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
endif
