# SPDX-License-Identifier: Apache-2.0
# Floors 1, 3 and 4 alone, linked in: no libbarid, no TLS, no DNS, no module.
sbin_PROGRAMS += src/supervisor/barid
src_supervisor_barid_SOURCES = src/supervisor/main.c \
	src/supervisor/config-set.c src/supervisor/config-set.h \
	src/supervisor/connect-gate.c src/supervisor/connect-gate.h \
	src/supervisor/deaths.c src/supervisor/deaths.h \
	src/supervisor/folder.c src/supervisor/folder.h \
	src/supervisor/passed-sockets.c src/supervisor/passed-sockets.h \
	src/supervisor/service-manager.c src/supervisor/service-manager.h \
	src/supervisor/supervisor.c src/supervisor/supervisor.h \
	src/supervisor/worker-process.c src/supervisor/worker-process.h
src_supervisor_barid_LDADD = src/ipc/libipc.la $(CONF_TEXT_LIBS) $(BASE_LIBS)

if HAVE_CHECK
check_PROGRAMS += src/supervisor/tests/test-passed-sockets src/supervisor/tests/test-service-manager
src_supervisor_tests_test_passed_sockets_SOURCES = src/supervisor/tests/test-passed-sockets.c \
	src/supervisor/passed-sockets.c
src_supervisor_tests_test_passed_sockets_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_supervisor_tests_test_passed_sockets_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
src_supervisor_tests_test_service_manager_SOURCES = src/supervisor/tests/test-service-manager.c \
	src/supervisor/service-manager.c
src_supervisor_tests_test_service_manager_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_supervisor_tests_test_service_manager_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
endif
