# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/dns/libdns.la
LIBBARID_PARTS += src/dns/libdns.la
src_dns_libdns_la_SOURCES = \
	src/dns/dns-answer.c src/dns/dns-answer.h \
	src/dns/dns-name.c src/dns/dns-name.h \
	src/dns/dns-record.c src/dns/dns-record.h \
	src/dns/resolver.c src/dns/resolver.h src/dns/resolver-backend.h
DNS_LIBS = src/dns/libdns.la $(LDNS_LIBS) $(IDN2_LIBS) $(NET_LIBS) $(CONF_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/dns/tests/test-zone-resolver
src_dns_tests_test_zone_resolver_SOURCES = src/dns/tests/test-zone-resolver.c \
	src/sim/zone-resolver.c src/sim/virtual-clock.c
src_dns_tests_test_zone_resolver_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_dns_tests_test_zone_resolver_LDADD = $(DNS_LIBS) $(CHECK_LIBS)
endif
