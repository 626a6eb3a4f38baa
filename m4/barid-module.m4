dnl SPDX-License-Identifier: Apache-2.0
dnl BARID_MODULE(NAME, SUMMARY, [CHECKS])
dnl Adds --enable-NAME (yes, no, auto; default auto) for one module. CHECKS may set
dnl barid_module_ok=no with a reason in barid_module_why when something is missing.
AC_DEFUN([BARID_MODULE], [
  AC_ARG_ENABLE([$1],
    [AS_HELP_STRING([--enable-$1], [build the module $1: $2 (default: auto)])],
    [], [enable_$1=auto])
  barid_module_ok=yes
  barid_module_why=
  AS_IF([test "x$enable_$1" != xno], [
    $3
    AS_IF([test "x$barid_module_ok" = xno && test "x$enable_$1" = xyes],
      [AC_MSG_ERROR([the module $1 needs $barid_module_why])])
  ], [barid_module_ok=no])
  AM_CONDITIONAL([MODULE_]m4_toupper([$1]), [test "x$barid_module_ok" = xyes])
  AS_IF([test "x$barid_module_ok" = xyes], [BARID_MODULES="$BARID_MODULES $1"])
])
