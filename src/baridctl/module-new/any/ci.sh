#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What must be true of every change: it builds without a warning, and its tests pass. Any system
# for continuous integration can run this in a machine with Barid's development files.
set -eu
cd "$(dirname "$0")"
make clean
make CFLAGS="-O2 -g -Wall -Wextra -Wshadow -Werror" all check
# The page that administrators read has no mistakes, where there is something to tell.
if command -v mandoc > /dev/null; then
    mandoc -T lint -W warning barid-@name@.5
fi
