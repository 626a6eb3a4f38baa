# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/queue/spool/libspool.la
LIBBARID_PARTS += src/queue/spool/libspool.la
src_queue_spool_libspool_la_SOURCES = \
	src/queue/queue-id.c src/queue/queue-id.h \
	src/queue/spool/commit.c \
	src/queue/spool/content.c \
	src/queue/spool/damage.c \
	src/queue/spool/disk.h src/queue/spool/disk-system.c \
	src/queue/spool/log.c \
	src/queue/spool/record.c src/queue/spool/record.h \
	src/queue/spool/ref.c \
	src/queue/spool/replay.c \
	src/queue/spool/scan.c src/queue/spool/scan.h \
	src/queue/spool/segment.c \
	src/queue/spool/spool.c src/queue/spool/spool.h src/queue/spool/spool-core.h \
	src/queue/spool/tidy.c
SPOOL_LIBS = src/queue/spool/libspool.la $(BASE_LIBS)

if HAVE_CHECK
spool_tests = src/queue/spool/tests/test-spool
check_PROGRAMS += $(spool_tests)
src_queue_spool_tests_test_spool_SOURCES = src/queue/spool/tests/test-spool.c \
	src/queue/spool/tests/fixture.c src/queue/spool/tests/fixture.h
src_queue_spool_tests_test_spool_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_spool_tests_test_spool_LDADD = $(SPOOL_LIBS) $(CHECK_LIBS)
endif

noinst_LTLIBRARIES += src/queue/libqueue.la
LIBBARID_PARTS += src/queue/libqueue.la
src_queue_libqueue_la_SOURCES = \
	src/queue/arrival.c src/queue/arrival.h \
	src/queue/envelope.c src/queue/envelope.h \
	src/queue/queue.c src/queue/queue.h src/queue/queue-private.h \
	src/queue/queue-history.c \
	src/queue/queue-jobs.c \
	src/queue/queue-look.c \
	src/queue/queue-notify.c \
	src/queue/schedule.c src/queue/schedule.h
