#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: make-default-files.sh SRCDIR FILE...
# Writes the files' bytes as a C table. A FILE that is not here is taken from SRCDIR.
set -eu
LC_ALL=C
export LC_ALL
srcdir=$1
shift

echo '/* Made by make-default-files.sh. */'
echo '#include "conf/default-files.h"'
table=
count=0
for name in $(for file in "$@"; do echo "${file##*/}"; done | sort); do
    for file in "$@"; do
        [ "${file##*/}" = "$name" ] && break
    done
    [ -e "$file" ] || file=$srcdir/$file
    echo
    echo "static const guint8 default_file_$count[] = {"
    od -An -v -tu1 "$file" | sed -e 's/^ */    /' -e 's/  */, /g' -e 's/^, /    /' -e 's/$/,/'
    echo '    0,'
    echo '};'
    table="$table    {\"default:$name\", default_file_$count, sizeof default_file_$count - 1},
"
    count=$((count + 1))
done
echo
echo 'const DefaultFile default_files[] = {'
printf '%s' "$table"
echo '    {NULL, NULL, 0},'
echo '};'
