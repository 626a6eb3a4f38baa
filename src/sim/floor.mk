# SPDX-License-Identifier: Apache-2.0
dist_man5_MANS += doc/barid-dialogue.5
noinst_LTLIBRARIES += src/sim/libsim.la
LIBBARID_PARTS += src/sim/libsim.la
src_sim_libsim_la_SOURCES = \
	src/sim/dialogue.c src/sim/dialogue.h src/sim/dialogue-private.h \
	src/sim/dialogue-check.c src/sim/dialogue-replay.c src/sim/dialogue-talk.c \
	src/sim/dialogue-script.c src/sim/dialogue-script.h \
	src/sim/dialogue-witness.c src/sim/dialogue-witness.h \
	src/sim/fake-store.c src/sim/fake-store.h \
	src/sim/folder.c src/sim/folder.h \
	src/sim/judge.c src/sim/judge.h \
	src/sim/mailbox-log.c src/sim/mailbox-log.h \
	src/sim/name-proxy.c src/sim/name-proxy.h \
	src/sim/peer.c src/sim/peer.h \
	src/sim/recorded-answer.c src/sim/recorded-answer.h \
	src/sim/replay-names.c src/sim/replay-names.h \
	src/sim/sandbox.c src/sim/sandbox.h \
	src/sim/sim-disk.c src/sim/sim-disk.h \
	src/sim/suite.c src/sim/suite.h \
	src/sim/virtual-clock.c src/sim/virtual-clock.h \
	src/sim/zone-resolver.c src/sim/zone-resolver.h

if HAVE_CHECK
check_PROGRAMS += src/sim/tests/test-dialogue src/sim/tests/test-script src/sim/tests/test-stream \
	src/sim/tests/test-recorded-answer
src_sim_tests_test_recorded_answer_SOURCES = src/sim/tests/test-recorded-answer.c
src_sim_tests_test_recorded_answer_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_sim_tests_test_recorded_answer_LDADD = libbarid.la $(GLIB_LIBS) $(CHECK_LIBS)
src_sim_tests_test_dialogue_SOURCES = src/sim/tests/test-dialogue.c
src_sim_tests_test_dialogue_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_sim_tests_test_dialogue_LDADD = libbarid.la $(GLIB_LIBS) $(CHECK_LIBS)
src_sim_tests_test_script_SOURCES = src/sim/tests/test-script.c
src_sim_tests_test_script_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_sim_tests_test_script_LDADD = libbarid.la $(GLIB_LIBS) $(CHECK_LIBS)
src_sim_tests_test_stream_SOURCES = src/sim/tests/test-stream.c
src_sim_tests_test_stream_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_sim_tests_test_stream_LDADD = libbarid.la $(GLIB_LIBS) $(CHECK_LIBS)
endif
