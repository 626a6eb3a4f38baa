# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += modules/geoip/module.m4 modules/geoip/module.pkg modules/geoip/test-packages
if MODULE_GEOIP
barid_module_LTLIBRARIES += modules/geoip/geoip.la
modules_geoip_geoip_la_SOURCES = modules/geoip/geoip.c \
	modules/geoip/geoip-database.c modules/geoip/geoip-database.h
modules_geoip_geoip_la_CFLAGS = $(AM_CFLAGS) $(MAXMINDDB_CFLAGS)
modules_geoip_geoip_la_LDFLAGS = $(module_ldflags)
modules_geoip_geoip_la_LIBADD = libbarid.la $(MAXMINDDB_LIBS) $(GLIB_LIBS)
dist_confd_DATA += conf.d/geoip.conf
dist_man5_MANS += modules/geoip/barid-geoip.5
endif
