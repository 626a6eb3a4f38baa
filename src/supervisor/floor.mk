# SPDX-License-Identifier: Apache-2.0
# Floors 1, 3 and 4 alone, linked in: no libbarid, no TLS, no DNS, no module.
sbin_PROGRAMS += src/supervisor/barid
src_supervisor_barid_SOURCES = src/supervisor/main.c \
	src/supervisor/config-set.c src/supervisor/config-set.h \
	src/supervisor/connect-gate.c src/supervisor/connect-gate.h \
	src/supervisor/deaths.c src/supervisor/deaths.h \
	src/supervisor/folder.c src/supervisor/folder.h \
	src/supervisor/supervisor.c src/supervisor/supervisor.h \
	src/supervisor/worker-process.c src/supervisor/worker-process.h
src_supervisor_barid_LDADD = src/ipc/libipc.la $(CONF_TEXT_LIBS) $(BASE_LIBS)
