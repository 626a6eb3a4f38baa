# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += modules/iprev/module.m4 modules/iprev/module.pkg
if MODULE_IPREV
barid_module_LTLIBRARIES += modules/iprev/iprev.la
modules_iprev_iprev_la_SOURCES = modules/iprev/iprev.c
modules_iprev_iprev_la_LDFLAGS = $(module_ldflags)
modules_iprev_iprev_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/iprev.conf
dist_man5_MANS += modules/iprev/barid-iprev.5
endif
