# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/queue/spool/libspool.la
LIBBARID_PARTS += src/queue/spool/libspool.la
src_queue_spool_libspool_la_SOURCES = \
	src/queue/history.c src/queue/history.h \
	src/queue/queue-id.c src/queue/queue-id.h \
	src/queue/spool/commit.c \
	src/queue/spool/content.c \
	src/queue/spool/damage.c \
	src/queue/spool/disk.h src/queue/spool/disk-system.c \
	src/queue/spool/log.c \
	src/queue/spool/marks.c src/queue/spool/marks.h \
	src/queue/spool/reader.c src/queue/spool/reader.h \
	src/queue/spool/record.c src/queue/spool/record.h \
	src/queue/spool/ref.c \
	src/queue/spool/replay.c \
	src/queue/spool/scan.c src/queue/spool/scan.h \
	src/queue/spool/segment.c \
	src/queue/spool/spool.c src/queue/spool/spool.h src/queue/spool/spool-core.h \
	src/queue/spool/tidy.c
SPOOL_LIBS = src/queue/spool/libspool.la $(BASE_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/queue/spool/tests/test-spool src/queue/spool/tests/test-spool-faults \
	src/queue/spool/tests/test-spool-model src/queue/tests/test-queue-id \
	src/queue/tests/test-history
src_queue_tests_test_queue_id_SOURCES = src/queue/tests/test-queue-id.c
src_queue_tests_test_queue_id_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_tests_test_queue_id_LDADD = $(SPOOL_LIBS) $(CHECK_LIBS)
src_queue_tests_test_history_SOURCES = src/queue/tests/test-history.c
src_queue_tests_test_history_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_tests_test_history_LDADD = $(SPOOL_LIBS) $(CHECK_LIBS)
spool_fixture = src/queue/spool/tests/fixture.c src/queue/spool/tests/fixture.h \
	src/queue/spool/tests/faulty-disk.c src/queue/spool/tests/faulty-disk.h
src_queue_spool_tests_test_spool_SOURCES = src/queue/spool/tests/test-spool.c $(spool_fixture)
src_queue_spool_tests_test_spool_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_spool_tests_test_spool_LDADD = $(SPOOL_LIBS) $(CHECK_LIBS)
src_queue_spool_tests_test_spool_faults_SOURCES = src/queue/spool/tests/test-spool-faults.c \
	$(spool_fixture)
src_queue_spool_tests_test_spool_faults_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_spool_tests_test_spool_faults_LDADD = $(SPOOL_LIBS) $(CHECK_LIBS)
src_queue_spool_tests_test_spool_model_SOURCES = src/queue/spool/tests/test-spool-model.c \
	$(spool_fixture)
src_queue_spool_tests_test_spool_model_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_spool_tests_test_spool_model_LDADD = $(SPOOL_LIBS) $(CHECK_LIBS)
endif

noinst_LTLIBRARIES += src/queue/libqueue.la
LIBBARID_PARTS += src/queue/libqueue.la
src_queue_libqueue_la_SOURCES = \
	src/queue/arrival.c src/queue/arrival.h \
	src/queue/attempt-facts.c src/queue/attempt-facts.h \
	src/queue/queue-options.h \
	src/queue/destination.c src/queue/destination.h \
	src/queue/envelope.c src/queue/envelope.h \
	src/queue/queue.c src/queue/queue.h src/queue/queue-private.h \
	src/queue/queue-act.c \
	src/queue/queue-destinations.h \
	src/queue/queue-doubt.c src/queue/queue-doubt.h \
	src/queue/queue-history.c \
	src/queue/queue-jobs.c \
	src/queue/queue-look.c src/queue/queue-scan.h src/queue/queue-stats.h \
	src/queue/queue-notify.c src/queue/queue-notify.h \
	src/queue/queue-place.c src/queue/queue-place.h \
	src/queue/queue-settings.c src/queue/queue-settings.h \
	src/queue/queue-suspended.c \
	src/queue/queue-walk.c src/queue/queue-walk.h \
	src/queue/schedule.c src/queue/schedule.h
QUEUE_LIBS = src/queue/libqueue.la src/host/libhost.la $(SPOOL_LIBS) src/smtp/libsmtp.la $(MIME_LIBS) $(CONF_LIBS) $(FIBER_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/queue/tests/test-queue src/queue/tests/test-queue-place \
	src/queue/tests/test-schedule
src_queue_tests_test_schedule_SOURCES = src/queue/tests/test-schedule.c
src_queue_tests_test_schedule_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_tests_test_schedule_LDADD = $(QUEUE_LIBS) $(HOST_LIBS) $(CHECK_LIBS)
src_queue_tests_test_queue_place_SOURCES = src/queue/tests/test-queue-place.c src/sim/folder.c
src_queue_tests_test_queue_place_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_tests_test_queue_place_LDADD = $(QUEUE_LIBS) $(HOST_LIBS) $(CHECK_LIBS)
src_queue_tests_test_queue_SOURCES = src/queue/tests/test-queue.c \
	src/queue/tests/queue-fixture.c src/queue/tests/queue-fixture.h src/sim/folder.c
src_queue_tests_test_queue_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_tests_test_queue_LDADD = $(QUEUE_LIBS) $(HOST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/queue/tests/test-envelope
src_queue_tests_test_envelope_SOURCES = src/queue/tests/test-envelope.c
src_queue_tests_test_envelope_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_tests_test_envelope_LDADD = $(QUEUE_LIBS) $(HOST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/queue/tests/test-destination
src_queue_tests_test_destination_SOURCES = src/queue/tests/test-destination.c
src_queue_tests_test_destination_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_queue_tests_test_destination_LDADD = $(QUEUE_LIBS) $(HOST_LIBS) $(CHECK_LIBS)
endif
