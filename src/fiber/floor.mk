# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/fiber/libfiber.la
LIBBARID_PARTS += src/fiber/libfiber.la
src_fiber_libfiber_la_SOURCES = \
	src/fiber/fiber.c src/fiber/fiber.h \
	src/fiber/load.c src/fiber/load.h \
	src/fiber/offload.c \
	src/fiber/scheduler.c src/fiber/scheduler.h src/fiber/scheduler-private.h \
	src/fiber/stack.c src/fiber/stack.h \
	src/fiber/switch.c src/fiber/switch.h
if FIBER_SWITCH_X86_64
src_fiber_libfiber_la_SOURCES += src/fiber/switch-x86-64.S
else
EXTRA_DIST += src/fiber/switch-x86-64.S
endif
FIBER_LIBS = src/fiber/libfiber.la $(BASE_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/fiber/tests/test-fiber src/fiber/tests/test-load
src_fiber_tests_test_fiber_SOURCES = src/fiber/tests/test-fiber.c
src_fiber_tests_test_fiber_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_fiber_tests_test_fiber_LDADD = $(FIBER_LIBS) $(CHECK_LIBS)
src_fiber_tests_test_load_SOURCES = src/fiber/tests/test-load.c
src_fiber_tests_test_load_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_fiber_tests_test_load_LDADD = $(FIBER_LIBS) $(CHECK_LIBS)
endif
