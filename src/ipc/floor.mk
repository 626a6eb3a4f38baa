# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/ipc/libipc.la
LIBBARID_PARTS += src/ipc/libipc.la
src_ipc_libipc_la_SOURCES = \
	src/ipc/ipc.c src/ipc/ipc.h \
	src/ipc/listen-socket.c src/ipc/listen-socket.h
IPC_LIBS = src/ipc/libipc.la $(BASE_LIBS)
