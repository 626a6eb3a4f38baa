# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += modules/openssl/module.m4 modules/openssl/module.pkg
if MODULE_OPENSSL
barid_module_LTLIBRARIES += modules/openssl/openssl.la
modules_openssl_openssl_la_SOURCES = modules/openssl/openssl.c
modules_openssl_openssl_la_CFLAGS = $(AM_CFLAGS) $(LIBCRYPTO_CFLAGS)
modules_openssl_openssl_la_LDFLAGS = $(module_ldflags)
modules_openssl_openssl_la_LIBADD = libbarid.la $(LIBCRYPTO_LIBS) $(GLIB_LIBS)
dist_confd_DATA += conf.d/openssl.conf
dist_man5_MANS += modules/openssl/barid-openssl.5

if HAVE_CHECK
check_PROGRAMS += modules/openssl/tests/test-openssl
modules_openssl_tests_test_openssl_SOURCES = modules/openssl/tests/test-openssl.c \
	modules/openssl/openssl.c
modules_openssl_tests_test_openssl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(LIBCRYPTO_CFLAGS)
modules_openssl_tests_test_openssl_LDADD = $(HOST_LIBS) $(LIBCRYPTO_LIBS) $(CHECK_LIBS)
endif
endif
