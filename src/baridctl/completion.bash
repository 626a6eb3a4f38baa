# SPDX-License-Identifier: Apache-2.0
# bash completion for baridctl: verbs and options as "baridctl --help" tells them.
_baridctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} before="" option="-" with_value word line
    local -a words=() candidates=()

    with_value=$(LC_ALL=C "${COMP_WORDS[0]}" --help | sed -n 's/^  \(--[a-z-]*\) [A-Z].*/\1/p')
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -* || $'\n'$with_value$'\n' == *$'\n'"$option"$'\n'* ]] || before+="$word "
        option=$word
    done
    if [[ $before == "genkey dkim "* && ${COMP_WORDS[COMP_CWORD-1]} == --algorithm ]]; then
        candidates=(rsa-2048 rsa-3072 rsa-4096 ed25519)
    elif [[ $before == "module new "* && ${COMP_WORDS[COMP_CWORD-1]} == --template ]]; then
        candidates=(policy content)
    elif [[ $cur == -* ]]; then
        mapfile -t candidates < <(LC_ALL=C "${COMP_WORDS[0]}" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
    else
        while IFS= read -r line; do
            [[ $line == "$before"* ]] || continue
            words=(${line#"$before"})
            [[ ${#words[@]} -eq 0 ]] || candidates+=("${words[0]}")
        done < <(LC_ALL=C "${COMP_WORDS[0]}" --help | sed -n 's/^  \([a-z][a-z -]*[a-z]\).*/\1/p')
    fi
    mapfile -t COMPREPLY < <(compgen -W "${candidates[*]}" -- "$cur" | sort -u)
}
complete -o default -F _baridctl baridctl
