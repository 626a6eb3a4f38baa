# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/host/libhost.la
LIBBARID_PARTS += src/host/libhost.la
src_host_libhost_la_SOURCES = \
	src/host/command.c src/host/command.h \
	src/host/decision.c src/host/decision.h \
	src/host/dns-api.c \
	src/host/hook-call.h \
	src/host/host.c src/host/host.h src/host/host-private.h \
	src/host/loader.c \
	src/host/message-stream.c src/host/message-stream.h \
	src/host/older-module.c src/host/older-module.h \
	src/host/order.c \
	src/host/private-key.c src/host/private-key.h \
	src/host/private-key-reader.c src/host/private-key-tls.c \
	src/host/provider.c src/host/provider.h \
	src/host/rule-lookups.c src/host/rule-lookups.h \
	src/host/rule-word.c \
	src/host/run.c \
	src/host/saved.c src/host/saved-form.c src/host/saved.h \
	src/host/scope.c src/host/scope.h \
	src/host/sealed-header.c src/host/sealed-header.h \
	src/host/session-api.c \
	src/host/shadow.c \
	src/host/variables.c \
	src/host/try-start.c \
	src/host/verdict.c
HOST_LIBS = src/host/libhost.la $(LTDL_LIBS) $(MIME_LIBS) $(DNS_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/host/tests/test-host src/host/tests/test-saved
src_host_tests_test_saved_SOURCES = src/host/tests/test-saved.c
src_host_tests_test_saved_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_host_tests_test_saved_LDADD = $(HOST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/host/tests/test-decision
src_host_tests_test_decision_SOURCES = src/host/tests/test-decision.c
src_host_tests_test_decision_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_host_tests_test_decision_LDADD = $(HOST_LIBS) $(JSON_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/host/tests/test-dns-api src/host/tests/test-host
src_host_tests_test_dns_api_SOURCES = src/host/tests/test-dns-api.c src/sim/zone-resolver.c
src_host_tests_test_dns_api_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_host_tests_test_dns_api_LDADD = $(HOST_LIBS) $(CHECK_LIBS)
src_host_tests_test_host_SOURCES = src/host/tests/test-host.c
src_host_tests_test_host_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_host_tests_test_host_LDADD = $(HOST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/host/tests/test-private-key
src_host_tests_test_private_key_SOURCES = src/host/tests/test-private-key.c
src_host_tests_test_private_key_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_host_tests_test_private_key_LDADD = $(HOST_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/host/tests/test-variables
src_host_tests_test_variables_SOURCES = src/host/tests/test-variables.c
src_host_tests_test_variables_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_host_tests_test_variables_LDADD = $(HOST_LIBS) $(CHECK_LIBS)
endif
