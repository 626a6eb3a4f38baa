# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/control/libcontrol.la
LIBBARID_PARTS += src/control/libcontrol.la
src_control_libcontrol_la_SOURCES = \
	src/control/control.c src/control/control.h \
	src/control/generation.c src/control/generation.h \
	src/control/request.c src/control/request.h \
	src/control/trace.c src/control/trace.h \
	src/control/trace-record.c \
	src/control/verbs.c src/control/verbs.h \
	src/control/verbs-config.c \
	src/control/verbs-explain.c \
	src/control/verbs-modules.c \
	src/control/verbs-queue.c \
	src/control/verbs-server.c
