# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/smtp/libsmtp.la
LIBBARID_PARTS += src/smtp/libsmtp.la
src_smtp_libsmtp_la_SOURCES = \
	src/smtp/command.c src/smtp/command.h \
	src/smtp/data-decoder.c src/smtp/data-decoder.h \
	src/smtp/dot-stuffer.c src/smtp/dot-stuffer.h \
	src/smtp/peer.c src/smtp/peer.h \
	src/smtp/reply.c src/smtp/reply.h
SMTP_LIBS = src/smtp/libsmtp.la $(MIME_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/smtp/tests/test-command src/smtp/tests/test-data-decoder \
	src/smtp/tests/test-reply
src_smtp_tests_test_command_SOURCES = src/smtp/tests/test-command.c
src_smtp_tests_test_command_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_smtp_tests_test_command_LDADD = $(SMTP_LIBS) $(CHECK_LIBS)
src_smtp_tests_test_data_decoder_SOURCES = src/smtp/tests/test-data-decoder.c
src_smtp_tests_test_data_decoder_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_smtp_tests_test_data_decoder_LDADD = $(SMTP_LIBS) $(CHECK_LIBS)
src_smtp_tests_test_reply_SOURCES = src/smtp/tests/test-reply.c
src_smtp_tests_test_reply_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_smtp_tests_test_reply_LDADD = $(SMTP_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/smtp/tests/test-peer
src_smtp_tests_test_peer_SOURCES = src/smtp/tests/test-peer.c
src_smtp_tests_test_peer_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_smtp_tests_test_peer_LDADD = $(SMTP_LIBS) $(CHECK_LIBS)
endif
