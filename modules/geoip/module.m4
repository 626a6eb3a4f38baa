dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([geoip], [countries and autonomous systems of clients], [
  PKG_CHECK_MODULES([MAXMINDDB], [libmaxminddb >= 1.4], [],
    [barid_module_ok=no
     barid_module_why="libmaxminddb 1.4 (Debian: libmaxminddb-dev)"])
])
