# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/outbound/liboutbound.la
LIBBARID_PARTS += src/outbound/liboutbound.la
src_outbound_liboutbound_la_SOURCES = \
	src/outbound/delivery.c src/outbound/delivery.h \
	src/outbound/outbound.c src/outbound/outbound.h
