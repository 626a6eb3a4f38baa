# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/smtp/libsmtp.la
LIBBARID_PARTS += src/smtp/libsmtp.la
src_smtp_libsmtp_la_SOURCES = \
	src/smtp/command.c src/smtp/command.h \
	src/smtp/data-decoder.c src/smtp/data-decoder.h \
	src/smtp/reply.c src/smtp/reply.h
SMTP_LIBS = src/smtp/libsmtp.la $(MIME_LIBS)
