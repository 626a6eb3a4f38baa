dnl SPDX-License-Identifier: Apache-2.0
dnl BARID_ADD_CFLAGS(VARIABLE, FLAGS): appends each flag that the compiler takes.
AC_DEFUN([BARID_ADD_CFLAGS], [
  for barid_flag in $2; do
    barid_saved_cflags=$CFLAGS
    CFLAGS="$CFLAGS -Werror $barid_flag"
    AC_MSG_CHECKING([whether the compiler takes $barid_flag])
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [[return 0;]])],
      [AC_MSG_RESULT([yes]); $1="$$1 $barid_flag"],
      [AC_MSG_RESULT([no])])
    CFLAGS=$barid_saved_cflags
  done
])
