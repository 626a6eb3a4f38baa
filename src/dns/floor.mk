# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/dns/libdns.la
LIBBARID_PARTS += src/dns/libdns.la
src_dns_libdns_la_SOURCES = \
	src/dns/cache.c src/dns/cache.h \
	src/dns/dns-answer.c src/dns/dns-answer.h \
	src/dns/dns-name.c src/dns/dns-name.h \
	src/dns/dns-record.c src/dns/dns-record.h \
	src/dns/dns-settings.c src/dns/dns-settings.h \
	src/dns/exchange.c src/dns/exchange.h \
	src/dns/name-servers.c src/dns/name-servers.h \
	src/dns/network.c \
	src/dns/packet.c src/dns/packet.h \
	src/dns/resolver.c src/dns/resolver.h src/dns/resolver-backend.h \
	src/dns/tls-exchange.c src/dns/tls-exchange.h
DNS_LIBS = src/dns/libdns.la $(LDNS_LIBS) $(IDN2_LIBS) $(CONF_LIBS) $(NET_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/dns/tests/test-packet src/dns/tests/test-network \
	src/dns/tests/test-cache src/dns/tests/test-zone-resolver
src_dns_tests_test_packet_SOURCES = src/dns/tests/test-packet.c \
	src/dns/tests/wire.c src/dns/tests/wire.h
src_dns_tests_test_packet_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_dns_tests_test_packet_LDADD = $(DNS_LIBS) $(CHECK_LIBS)
src_dns_tests_test_network_SOURCES = src/dns/tests/test-network.c \
	src/dns/tests/name-server.c src/dns/tests/name-server.h \
	src/dns/tests/wire.c src/dns/tests/wire.h
src_dns_tests_test_network_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_dns_tests_test_network_LDADD = $(DNS_LIBS) $(CHECK_LIBS)
src_dns_tests_test_cache_SOURCES = src/dns/tests/test-cache.c
src_dns_tests_test_cache_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_dns_tests_test_cache_LDADD = $(DNS_LIBS) $(CHECK_LIBS)
src_dns_tests_test_zone_resolver_SOURCES = src/dns/tests/test-zone-resolver.c
src_dns_tests_test_zone_resolver_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_dns_tests_test_zone_resolver_LDADD = libbarid.la $(CHECK_LIBS) $(GLIB_LIBS)
endif
