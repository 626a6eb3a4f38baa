# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += modules/authresults/module.m4 modules/authresults/module.pkg
if MODULE_AUTHRESULTS
barid_module_LTLIBRARIES += modules/authresults/authresults.la
modules_authresults_authresults_la_SOURCES = modules/authresults/authresults.c
modules_authresults_authresults_la_LDFLAGS = $(module_ldflags)
modules_authresults_authresults_la_LIBADD = libbarid.la $(GLIB_LIBS)
dist_confd_DATA += conf.d/authresults.conf
dist_man5_MANS += modules/authresults/barid-authresults.5
endif
