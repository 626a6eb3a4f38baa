# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += modules/dkim/module.m4 modules/dkim/module.pkg
if MODULE_DKIM
barid_module_LTLIBRARIES += modules/dkim/dkim.la
modules_dkim_dkim_la_SOURCES = modules/dkim/dkim.c \
	modules/dkim/dkim-keys.c modules/dkim/dkim-keys.h \
	modules/dkim/dkim-sign.c modules/dkim/dkim-sign.h \
	modules/dkim/dkim-third-party.c modules/dkim/dkim-third-party.h \
	modules/dkim/dkim-verify.c modules/dkim/dkim-verify.h
modules_dkim_dkim_la_LDFLAGS = $(module_ldflags)
modules_dkim_dkim_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/dkim.conf
dist_man5_MANS += modules/dkim/barid-dkim.5
endif
