# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/control/libcontrol.la
LIBBARID_PARTS += src/control/libcontrol.la
src_control_libcontrol_la_SOURCES = \
	src/control/control.c src/control/control.h \
	src/control/generation.c src/control/generation.h \
	src/control/record.c src/control/record.h \
	src/control/request.c src/control/request.h \
	src/control/live-trace.c src/control/live-trace.h \
	src/control/live-trace-record.c \
	src/control/merge.c src/control/merge.h \
	src/control/shadow-counts.c src/control/shadow-counts.h \
	src/control/verbs.c src/control/verbs.h \
	src/control/verbs-config.c \
	src/control/verbs-explain.c \
	src/control/verbs-modules.c \
	src/control/verbs-queue.c \
	src/control/verbs-server.c \
	src/control/verbs-shadow.c
CONTROL_LIBS = src/control/libcontrol.la src/outbound/liboutbound.la src/inbound/libinbound.la \
	src/store/libstore.la $(QUEUE_LIBS) $(HOST_LIBS) $(DNS_LIBS) \
	$(CRYPT_LIBS) $(JSON_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/control/tests/test-control
src_control_tests_test_control_SOURCES = src/control/tests/test-control.c src/sim/folder.c
src_control_tests_test_control_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_control_tests_test_control_LDADD = $(CONTROL_LIBS) $(CHECK_LIBS)
endif
