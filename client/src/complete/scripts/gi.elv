# Completion of gi for Elvish. Put this into ~/.config/elvish/rc.elv:
#
#   eval (gi completions elvish | slurp)
#
# What is offered, guests and issuers included, comes from gi itself.

use str

set edit:completion:arg-completer[gi] = {|@words|
    env COMPLETE=elvish gi -- $@words 2> /dev/null | from-lines | each {|line|
        var parts = [(str:split "\t" $line)]
        if (== (count $parts) 2) {
            edit:complex-candidate $parts[0] &display=$parts[0]' ('$parts[1]')'
        } else {
            put $line
        }
    }
}
