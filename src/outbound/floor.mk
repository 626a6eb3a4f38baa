# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/outbound/liboutbound.la
LIBBARID_PARTS += src/outbound/liboutbound.la
src_outbound_liboutbound_la_SOURCES = \
	src/outbound/candidates.c src/outbound/candidates.h \
	src/outbound/connection-pool.c src/outbound/connection-pool.h \
	src/outbound/delivery.c src/outbound/delivery.h \
	src/outbound/mx.c src/outbound/mx.h \
	src/outbound/outbound.c src/outbound/outbound.h \
	src/outbound/outbound-settings.c src/outbound/outbound-settings.h \
	src/outbound/own-message.c src/outbound/own-message.h \
	src/outbound/relay.c src/outbound/relay.h \
	src/outbound/relay-content.c src/outbound/relay-content.h \
	src/outbound/route.h \
	src/outbound/smtp-client.c src/outbound/smtp-client.h \
	src/outbound/smtp-client-private.h \
	src/outbound/smtp-client-reply.c \
	src/outbound/smtp-transaction.c \
	src/outbound/transcript.c src/outbound/transcript.h

if HAVE_CHECK
check_PROGRAMS += src/outbound/tests/test-mx
src_outbound_tests_test_mx_SOURCES = src/outbound/tests/test-mx.c
src_outbound_tests_test_mx_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_outbound_tests_test_mx_LDADD = src/outbound/liboutbound.la $(BASE_LIBS) $(CHECK_LIBS)
endif
