# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/mime/libmime.la
LIBBARID_PARTS += src/mime/libmime.la
src_mime_libmime_la_SOURCES = \
	src/mime/address-list.c \
	src/mime/canonical.c src/mime/canonical.h \
	src/mime/downgrade.c src/mime/downgrade.h \
	src/mime/dsn.c src/mime/dsn.h \
	src/mime/dsn-language.c src/mime/dsn-language.h \
	src/mime/delivery-status.c src/mime/delivery-status.h \
	src/mime/entity.c src/mime/entity.h \
	src/mime/header.c src/mime/header.h \
	src/mime/header-splitter.c src/mime/header-splitter.h \
	src/mime/mail-address.c src/mime/mail-address.h \
	src/mime/mail-domain.c src/mime/mail-domain.h \
	src/mime/mail-date.c src/mime/mail-date.h \
	src/mime/report-uris.c \
	src/mime/tag-list.c \
	src/mime/trace.c src/mime/trace.h
nodist_src_mime_libmime_la_SOURCES = src/mime/dsn-catalogues.c
src/mime/dsn-catalogues.c: src/mime/dsn-catalogues.awk $(languages:%=po/%.po) po/LINGUAS
	$(AM_V_GEN)LC_ALL=C $(AWK) -f $(srcdir)/src/mime/dsn-catalogues.awk \
	  $(languages:%=$(srcdir)/po/%.po) < /dev/null > $@.tmp && mv $@.tmp $@
CLEANFILES += src/mime/dsn-catalogues.c
EXTRA_DIST += src/mime/dsn-catalogues.awk
MIME_LIBS = src/mime/libmime.la $(IDN2_LIBS) $(BASE_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/mime/tests/test-address-list src/mime/tests/test-dsn src/mime/tests/test-header \
	src/mime/tests/test-mail-address src/mime/tests/test-mail-date src/mime/tests/test-trace
src_mime_tests_test_canonical_SOURCES = src/mime/tests/test-canonical.c
src_mime_tests_test_canonical_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_canonical_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_report_uris_SOURCES = src/mime/tests/test-report-uris.c
src_mime_tests_test_report_uris_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_report_uris_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_tag_list_SOURCES = src/mime/tests/test-tag-list.c
src_mime_tests_test_tag_list_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_tag_list_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_address_list_SOURCES = src/mime/tests/test-address-list.c
src_mime_tests_test_address_list_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_address_list_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_dsn_SOURCES = src/mime/tests/test-dsn.c
src_mime_tests_test_dsn_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_dsn_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_header_SOURCES = src/mime/tests/test-header.c
src_mime_tests_test_header_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_header_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_mail_address_SOURCES = src/mime/tests/test-mail-address.c
src_mime_tests_test_mail_address_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_mail_address_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_mail_date_SOURCES = src/mime/tests/test-mail-date.c
src_mime_tests_test_mail_date_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_mail_date_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_trace_SOURCES = src/mime/tests/test-trace.c
src_mime_tests_test_trace_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_trace_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/mime/tests/test-canonical src/mime/tests/test-report-uris \
	src/mime/tests/test-tag-list
check_PROGRAMS += src/mime/tests/test-delivery-status src/mime/tests/test-downgrade
src_mime_tests_test_delivery_status_SOURCES = src/mime/tests/test-delivery-status.c
src_mime_tests_test_delivery_status_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_delivery_status_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
src_mime_tests_test_downgrade_SOURCES = src/mime/tests/test-downgrade.c
src_mime_tests_test_downgrade_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_mime_tests_test_downgrade_LDADD = $(MIME_LIBS) $(CHECK_LIBS)
endif
