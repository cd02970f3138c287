//! What can be typed: the commands, their arguments and their help.

mod doctor;
mod guest;
mod issuer;
mod original;
mod parse;
mod run;
mod shell;
mod values;

use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use guestissuer_client::proto::Span;
use guestissuer_client::proto::duration::SpanError;

pub(crate) use guest::{Add, Get, Guest, Invalidate, List, Remove, Rename};
pub(crate) use issuer::{
    CredentialSource, IssuerAdd, IssuerCommand, IssuerMigrate, IssuerRemove, IssuerUpdate, Kind,
};
pub(crate) use original::{Create, Login, Original, OriginalCommand, Quick, Signed, Verify};
pub(crate) use parse::{GROUPS, definition, parse};
pub(crate) use run::{Exec, Wait, Watch};
pub(crate) use shell::{Completions, Man, Shell};

/// Valid access tokens for Webex guests, in milliseconds
#[derive(Parser)]
#[command(
    name = "gi",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:\n  \
        gi issuer add acme --id ISSUER_ID    store an issuer; asks for its secret\n  \
        gi get 123 --name 'Ann'              a token for guest 123, registered as Ann\n  \
        gi get 123                           the same token, or a new one in time\n  \
        gi list                              all guests and how their tokens stand"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The daemon's socket
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "GI_SOCKET",
        hide_env_values = true,
        value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from)
    )]
    pub(crate) socket: Option<PathBuf>,
    /// How long the whole call may take, waiting included
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "GI_TIMEOUT",
        hide_env_values = true,
        default_value = DEFAULT_TIMEOUT,
        value_parser = timeout
    )]
    pub(crate) timeout: Span,
    /// How to print
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// When to use colors
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Do not start the daemon if it is not running
    #[arg(
        long,
        global = true,
        env = "GI_NO_AUTOSTART",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub(crate) no_autostart: bool,
    /// Print no messages, only data and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more about what is done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// How long a call may take if nobody says.
const DEFAULT_TIMEOUT: &str = "30s";

/// An empty value, as an empty variable has it, counts as none.
fn timeout(text: &str) -> Result<Span, SpanError> {
    if text.is_empty() { DEFAULT_TIMEOUT.parse() } else { text.parse() }
}

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// get and watch: a line that a shell can evaluate
    Env,
    /// get and watch: an HTTP header
    Header,
    /// get and watch: a line for curl -K -
    Curl,
}

/// When to use colors.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless the user wants none
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Print an access token that stays valid for a while
    Get(Get),
    /// List the guests and how their tokens stand
    List(List),
    /// Show everything about a guest, except its token
    #[command(after_help = "Examples:\n  \
        gi show 123            name, token, person id, last failure, history\n  \
        gi show 123 -o json    the same, for programs")]
    Show(Guest),
    /// Register a guest and mint its first token
    Add(Add),
    /// Change a guest's display name
    Rename(Rename),
    /// Keep a guest's token fresh even when nobody asks
    #[command(after_help = "Examples:\n  \
        gi pin kiosk-7    its token is at hand whenever it is asked for")]
    Pin(Guest),
    /// Let a guest's token expire when nobody asks
    #[command(after_help = "Examples:\n  \
        gi unpin kiosk-7    back to being kept fresh for as long as somebody asks")]
    Unpin(Guest),
    /// Forget guests and their tokens
    Remove(Remove),
    /// Throw a token away that was refused somewhere
    Invalidate(Invalidate),
    /// Ask Webex who a guest is
    #[command(after_help = "Examples:\n  \
        gi whoami 123            person id, e-mail, display name\n  \
        gi whoami 123 -o json    the same, for programs")]
    Whoami(Guest),
    /// Run a command with a guest's token, kept fresh
    Exec(Exec),
    /// Print a guest's token, and each new one
    Watch(Watch),
    /// Wait until the daemon is ready, or a guest has a valid token
    Wait(Wait),
    /// Manage issuers: the Webex applications that can mint tokens
    #[command(after_help = "Examples:\n  \
        gi issuer add acme --id ISSUER_ID    store an issuer; asks for its secret\n  \
        gi issuer test acme                  does Webex accept it?\n  \
        gi issuer list                       all issuers; the default one is marked")]
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Show how the daemon does
    #[command(after_help = "Examples:\n  \
        gi status            version, paths, guests by state, counters\n  \
        gi status -o json    the same, for programs")]
    Status,
    /// Look for what is wrong, and say what to do about it
    #[command(after_help = doctor::MORE)]
    Doctor,
    /// Ask the daemon to finish and exit
    #[command(after_help = "Examples:\n  \
        gi stop    returns when the daemon is gone")]
    Stop,
    /// Sign a guest JWT
    Create(Create),
    /// Exchange a guest JWT for an access token
    Login(Login),
    /// Sign a guest JWT and exchange it, in one go; nothing is kept
    Quick(Quick),
    /// Take a JWT apart, or ask Webex whose access token it is
    Verify(Verify),
    /// Print what a shell needs to complete commands, guests and issuers
    Completions(Completions),
    /// Print the manual page, or write a page for each command
    Man(Man),
}
