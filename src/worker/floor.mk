# SPDX-License-Identifier: Apache-2.0
pkglibexec_PROGRAMS += src/worker/barid-worker
src_worker_barid_worker_SOURCES = src/worker/main.c \
	src/worker/worker.c src/worker/worker.h src/worker/worker-private.h \
	src/worker/worker-drain.c src/worker/worker-talk.c
src_worker_barid_worker_LDADD = libbarid.la $(GLIB_LIBS) $(JSON_LIBS)
