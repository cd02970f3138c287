# Completion of gi for fish. Put this file at ~/.config/fish/completions/gi.fish:
#
#   gi completions fish > ~/.config/fish/completions/gi.fish
#
# What is offered, guests and issuers included, comes from gi itself.

function __gi_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    # What is being typed may be in quotes that are still open.
    set -l current (commandline --current-token --cut-at-cursor)
    set -l quoted (string match --regex "^(['\"])(.*)" -- $current)
    if set -q quoted[2]
        set current (string unescape -- "$current$quoted[2]"; or echo -- $quoted[3])
    else
        set current (string unescape -- "$current"; or echo -- $current)
    end
    COMPLETE=fish command gi -- $words "$current" 2>/dev/null
end

complete --command gi --no-files --keep-order --arguments '(__gi_complete)'
