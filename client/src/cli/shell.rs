//! Commands that print what shells and man read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args)]
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
pub(crate) struct Man {
    /// Where to write a page for each command; without it, the page of gi is printed
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}
