//! Commands that use tokens for longer than a moment: exec, watch, wait.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use guestissuer_client::proto::{DisplayName, Span, Subject};

use super::guest::{Guest, InIssuer};
use super::values::{display_name, subject, variable};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi exec 123 -- ./call.sh                           with WEBEX_ACCESS_TOKEN set\n  \
    gi exec 123 --env TOKEN -- ./call.sh               with TOKEN set instead\n  \
    gi exec 123 --token-file token -- ./long-job.sh    with a file kept fresh, too")]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) guest: Guest,
    /// The variable that holds the token when the command starts
    #[arg(long, value_name = "NAME", default_value = "WEBEX_ACCESS_TOKEN", value_parser = variable)]
    pub(crate) env: String,
    /// Keep a valid token in this file while the command runs, and remove it afterwards
    #[arg(long, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
    /// How long tokens must stay valid [default: 5m, or a tenth of their life]
    #[arg(long, value_name = "DURATION")]
    pub(crate) min_validity: Option<Span>,
    /// Register an unknown guest under this name, or rename a known one
    #[arg(long, value_name = "NAME", value_parser = display_name)]
    pub(crate) name: Option<DisplayName>,
    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true, value_hint = ValueHint::CommandName)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi watch 123                                        a line for each token\n  \
    gi watch 123 -o json                                the same, for programs\n  \
    gi watch 123 | while read -r token; do use_it \"$token\"; done")]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) guest: Guest,
    /// How long tokens must stay valid [default: 5m, or a tenth of their life]
    #[arg(long, value_name = "DURATION")]
    pub(crate) min_validity: Option<Span>,
    /// Register an unknown guest under this name, or rename a known one
    #[arg(long, value_name = "NAME", value_parser = display_name)]
    pub(crate) name: Option<DisplayName>,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi wait                      until the daemon answers\n  \
    gi wait 123 --timeout 5m     until guest 123 has a valid token")]
pub(crate) struct Wait {
    /// The guest whose token is waited for; without one, only for the daemon
    #[arg(value_name = "GUEST", value_parser = subject)]
    pub(crate) guest: Option<Subject>,
    #[command(flatten)]
    pub(crate) issuer: InIssuer,
}
