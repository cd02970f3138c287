# Completion of gi for bash. Put this file at ~/.local/share/bash-completion/completions/gi, or into ~/.bashrc:
#
#   source <(gi completions bash)
#
# What is offered, guests and issuers included, comes from gi itself.

_gi() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(COMPLETE=bash command gi -- "${COMP_LINE:0:COMP_POINT}" "$2" 2> /dev/null)
    # A directory is seldom the end.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2> /dev/null
    fi
}

complete -o nosort -F _gi gi 2> /dev/null || complete -F _gi gi
