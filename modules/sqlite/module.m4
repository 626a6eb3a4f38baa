dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([sqlite], [stores in SQLite files], [
  PKG_CHECK_MODULES([SQLITE], [sqlite3 >= 3.35], [],
    [barid_module_ok=no
     barid_module_why="SQLite 3.35 (Debian: libsqlite3-dev)"])
])
