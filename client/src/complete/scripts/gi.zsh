#compdef gi
# Completion of gi for zsh. Put this file, as _gi, into a directory of $fpath, or into ~/.zshrc after compinit:
#
#   source <(gi completions zsh)
#
# What is offered, guests and issuers included, comes from gi itself.

_gi() {
    local -a found values directories
    local line
    found=("${(@f)$(COMPLETE=zsh command gi -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
    for line in $found; do
        # A directory is seldom the end.
        if [[ $line == */ ]]; then
            directories+=("${line%/}")
        else
            values+=("$line")
        fi
    done
    (( $#directories )) && _describe -V 'directory' directories -S / -r '/ \t\n\-'
    (( $#values )) && _describe -V 'value' values
}

if [[ $funcstack[1] == _gi ]]; then
    _gi "$@"
else
    compdef _gi gi
fi
