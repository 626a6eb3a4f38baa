# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/mime/libmime.la
LIBBARID_PARTS += src/mime/libmime.la
src_mime_libmime_la_SOURCES = \
	src/mime/header.c src/mime/header.h \
	src/mime/mail-address.c src/mime/mail-address.h \
	src/mime/mail-date.c src/mime/mail-date.h
MIME_LIBS = src/mime/libmime.la $(BASE_LIBS)
