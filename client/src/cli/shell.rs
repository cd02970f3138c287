//! Commands that print what shells and man read.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

#[derive(Args)]
#[command(
    after_help = "The script has the shell ask gi what may come next, guests and issuers included.\n\n\
    Where it goes:\n  \
    bash        ~/.local/share/bash-completion/completions/gi, or ~/.bashrc with\n              \
                source <(gi completions bash)\n  \
    zsh         a file _gi where $fpath has it, or ~/.zshrc, after compinit, with\n              \
                source <(gi completions zsh)\n  \
    fish        ~/.config/fish/completions/gi.fish\n  \
    Elvish      ~/.config/elvish/rc.elv, with eval (gi completions elvish | slurp)\n  \
    PowerShell  $PROFILE, with\n              \
                gi completions powershell | Out-String | Invoke-Expression\n\n\
    Examples:\n  \
    source <(gi completions bash)                for this session of bash\n  \
    gi completions zsh > _gi                     for zsh, where $fpath has it\n  \
    gi completions fish > gi.fish                for fish"
)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

/// A shell that completions are made for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// Elvish
    Elvish,
    /// PowerShell
    Powershell,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi man | man -l -                 read the page of gi\n  \
    gi man ~/.local/share/man/man1    install the pages, for man gi-get and so on")]
pub(crate) struct Man {
    /// Where to write a page for each command; without it, the page of gi is printed
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
}
