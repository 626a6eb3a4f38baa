# SPDX-License-Identifier: Apache-2.0
pkglibexec_PROGRAMS += src/worker/barid-worker
src_worker_barid_worker_SOURCES = src/worker/main.c \
	src/worker/worker.c src/worker/worker.h src/worker/worker-private.h \
	src/worker/worker-drain.c src/worker/worker-talk.c src/worker/worker-tests.c \
	src/worker/confine.c src/worker/confine.h \
	src/worker/landlock.c src/worker/landlock.h \
	src/worker/watchdog.c src/worker/watchdog.h
src_worker_barid_worker_LDADD = libbarid.la $(GLIB_LIBS) $(JSON_LIBS) $(SECCOMP_LIBS)
