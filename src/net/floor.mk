# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/net/libnet.la
LIBBARID_PARTS += src/net/libnet.la
src_net_libnet_la_SOURCES = \
	src/net/acceptor.c src/net/acceptor.h \
	src/net/block-pool.c src/net/block-pool.h \
	src/net/connector.c src/net/connector.h \
	src/net/datagram.c src/net/datagram.h \
	src/net/line-reader.c src/net/line-reader.h \
	src/net/net-error.h \
	src/net/stream.c src/net/stream.h \
	src/net/tls.c src/net/tls.h \
	src/net/tls-settings.c src/net/tls-settings.h \
	src/net/tls-wire.c src/net/tls-wire.h
NET_LIBS = src/net/libnet.la $(GNUTLS_LIBS) $(FIBER_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/net/tests/test-net
src_net_tests_test_net_SOURCES = src/net/tests/test-net.c
src_net_tests_test_net_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_net_tests_test_net_LDADD = $(NET_LIBS) $(CHECK_LIBS)
endif
