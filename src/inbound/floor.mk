# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/inbound/libinbound.la
LIBBARID_PARTS += src/inbound/libinbound.la
src_inbound_libinbound_la_SOURCES = \
	src/inbound/cmd-auth.c \
	src/inbound/cmd-ehlo.c \
	src/inbound/cmd-mail.c \
	src/inbound/cmd-rcpt.c \
	src/inbound/cmd-simple.c \
	src/inbound/cmd-starttls.c \
	src/inbound/cmd-vrfy.c \
	src/inbound/commands.h \
	src/inbound/content.c \
	src/inbound/inbound.c src/inbound/inbound.h \
	src/inbound/inbound-settings.c src/inbound/inbound-settings.h \
	src/inbound/server.c \
	src/inbound/session.c src/inbound/session.h \
	src/inbound/session-decide.c src/inbound/session-decide.h \
	src/inbound/transaction.c
