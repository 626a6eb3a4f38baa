dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([openssl], [RSA keys computed by OpenSSL], [
  PKG_CHECK_MODULES([LIBCRYPTO], [libcrypto >= 3.0], [],
    [barid_module_ok=no
     barid_module_why="OpenSSL 3.0 (Debian: libssl-dev)"])
])
