#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: make-template-files.sh FOLDER TEMPLATE/FILE...
# Writes the files' bytes as a C table.
set -eu
LC_ALL=C
export LC_ALL
folder=$1
shift

echo '/* Made by make-template-files.sh. */'
echo '#include "baridctl/module-template.h"'
table=
count=0
for file in "$@"; do
    echo
    echo "static const gchar template_file_$count[] = {"
    od -An -v -tu1 "$folder/$file" | sed -e 's/^ */    /' -e 's/  */, /g' -e 's/^, /    /' -e 's/$/,/'
    echo '    0,'
    echo '};'
    table="$table    {\"${file%%/*}\", \"${file#*/}\", template_file_$count},
"
    count=$((count + 1))
done
echo
echo 'const ModuleTemplateFile module_template_files[] = {'
printf '%s' "$table"
echo '    {NULL, NULL, NULL},'
echo '};'
