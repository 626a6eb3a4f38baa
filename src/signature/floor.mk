# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/signature/libsignature.la
LIBBARID_PARTS += src/signature/libsignature.la
src_signature_libsignature_la_SOURCES = \
	src/signature/draft.c \
	src/signature/header-index.c \
	src/signature/key-record.c \
	src/signature/result.c \
	src/signature/signature.c src/signature/signature-private.h \
	src/signature/third-party.c \
	src/signature/verifier.c
SIGNATURE_LIBS = src/signature/libsignature.la $(MIME_LIBS) $(GNUTLS_LIBS)
if HAVE_CHECK
check_PROGRAMS += src/signature/tests/test-signature
src_signature_tests_test_signature_SOURCES = src/signature/tests/test-signature.c
src_signature_tests_test_signature_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_signature_tests_test_signature_LDADD = $(SIGNATURE_LIBS) $(CHECK_LIBS)
endif
