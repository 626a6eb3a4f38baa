#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the build system. Modules are found by walking modules/: a folder that holds a
# module.mk is a module, and no other list exists.
set -eu
cd "$(dirname "$0")"
{
    echo "# Made by autogen.sh from the folders below modules/."
    for fragment in modules/*/module.mk; do
        [ ! -e "$fragment" ] || echo "include $fragment"
    done
} > modules/modules.mk
{
    echo "dnl Made by autogen.sh from the folders below modules/."
    for fragment in modules/*/module.m4; do
        [ ! -e "$fragment" ] || echo "m4_include([$fragment])"
    done
} > modules/modules.m4
exec autoreconf --install --force --warnings=all,no-obsolete
