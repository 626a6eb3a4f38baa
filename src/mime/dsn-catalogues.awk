# SPDX-License-Identifier: Apache-2.0
# Makes a C table of what notifications need from the catalogues po/LANGUAGE.po that are named:
# the entries whose texts stand in src/mime/dsn*.c, without those that are fuzzy or empty. A
# string of a catalogue is one of C, so all that changes is what stands between them.
function finish()
{
    if (wanted && !fuzzy && id != "\"\"" && str != "" && str != "\"\"")
        table = table "    {" id ",\n     " str "},\n"
    wanted = fuzzy = 0
    id = str = field = ""
}

function finish_file()
{
    finish()
    if (language == "")
        return
    variable = "texts_" language
    gsub(/[^A-Za-z0-9_]/, "_", variable)
    printf "static const DsnText %s[] = {\n%s    {NULL, NULL},\n};\n\n", variable, table
    gsub(/_/, "-", language)
    rows = rows "    {\"" language "\", " variable "},\n"
    words = words "\"" language "\", "
    table = ""
}

BEGIN {
    print "/* SPDX-License-Identifier: Apache-2.0 */"
    print "/* Made by src/mime/dsn-catalogues.awk of po/. */"
    print "#include \"mime/dsn-language.h\"\n"
}

FNR == 1 {
    finish_file()
    language = FILENAME
    sub(/.*\//, "", language)
    sub(/\.po$/, "", language)
}

/^$/ { finish(); next }
/^#:/ && /src\/mime\/dsn/ { wanted = 1 }
/^#,/ && /fuzzy/ { fuzzy = 1 }
/^#/ { next }
/^msgid / { field = "id"; sub(/^msgid /, "") }
/^msgstr / { field = "str"; sub(/^msgstr /, "") }
/^"/ {
    if (field == "id")
        id = id == "" || id == "\"\"" ? $0 : id "\n     " $0
    else if (field == "str")
        str = str == "" || str == "\"\"" ? $0 : str "\n     " $0
}

END {
    finish_file()
    printf "const DsnCatalogue dsn_catalogues[] = {\n%s    {NULL, NULL},\n};\n\n", rows
    printf "const gchar *const dsn_language_words[] = {\"en\", %sNULL};\n", words
}
