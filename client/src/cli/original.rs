//! The commands of the original guestissuer, with its options.

use clap::{ArgGroup, Args, Parser, Subcommand};
use guestissuer_client::proto::{DisplayName, IssuerName, Subject};

use super::Global;
use super::values::{display_name, issuer_name, subject};

/// Tokens for Webex guests, as the original guestissuer makes them; gi does more
#[derive(Parser)]
#[command(
    name = "guestissuer",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    override_usage = "guestissuer [COMMAND] [OPTIONS] ...\n       guestissuer ID NAME -i ISSUER",
    after_help = "Without a command, quick is meant. See also: gi --help"
)]
pub(crate) struct Original {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: OriginalCommand,
}

/// What the original can do.
#[derive(Subcommand)]
pub(crate) enum OriginalCommand {
    /// Sign a guest JWT
    Create(Create),
    /// Exchange a guest JWT for an access token
    Login(Login),
    /// Sign a guest JWT and exchange it, in one go (the default)
    Quick(Quick),
    /// Take a JWT apart, or ask Webex whose access token it is
    Verify(Verify),
}

// Who signs: `-i` and `-s`, or the variables `ISSUER` and `SECRET`, or a stored issuer.
#[derive(Args)]
pub(crate) struct Signed {
    /// The issuer id, with -s or SECRET; or else the name of a stored issuer [default: ISSUER, or the default issuer]
    #[arg(short, long, value_name = "ISSUER")]
    pub(crate) issuer: Option<String>,
    /// The issuer's secret; - reads standard input. Arguments can be seen with ps: better put it into SECRET
    #[arg(short, long, value_name = "SECRET")]
    pub(crate) secret: Option<String>,
}

// Whose JWT or token it is.
#[derive(Args)]
pub(crate) struct Named {
    /// The guest's subject, such as 123
    #[arg(value_name = "ID", value_parser = subject)]
    pub(crate) subject: Subject,
    /// What other people see the guest called
    #[arg(value_name = "NAME", value_parser = display_name)]
    pub(crate) name: DisplayName,
    #[command(flatten)]
    pub(crate) signed: Signed,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi create 123 Ann               a JWT that is valid for 90 minutes\n  \
    gi create 123 Ann -d 600        for ten minutes\n  \
    gi create 123 Ann -i acme -q    the JWT alone, signed by this stored issuer")]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) named: Named,
    /// For how many seconds the JWT is valid; 90s, 5m, 6h are understood too [default: EXPIRES, or 5400]
    #[arg(short, long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub(crate) delay: Option<String>,
}

// Where the API is.
#[derive(Args)]
pub(crate) struct Api {
    /// Where the API is, if it is not Webex's own or the issuer's
    #[arg(long, value_name = "URL")]
    pub(crate) api_base: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi login \"$JWT\"                      an access token for a guest JWT\n  \
    gi create 123 Ann -q | gi login -    the same, for a JWT that is not shown")]
pub(crate) struct Login {
    /// The guest JWT; - reads standard input
    #[arg(value_name = "JWT")]
    pub(crate) jwt: String,
    /// The stored issuer whose API is asked
    #[arg(short, long, value_name = "NAME", value_parser = issuer_name)]
    pub(crate) issuer: Option<IssuerName>,
    #[command(flatten)]
    pub(crate) api: Api,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi quick 123 Ann       an access token; nothing is kept\n  \
    gi quick 123 Ann -q    the token alone")]
pub(crate) struct Quick {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) api: Api,
}

#[derive(Args)]
#[command(group = ArgGroup::new("what").args(["jwt", "access"]))]
#[command(after_help = "Examples:\n  \
    gi verify \"$JWT\"                its parts, and whether it holds\n  \
    gi get 123 | gi verify -          until when an access token is valid\n  \
    gi verify --access \"$TOKEN\"     whose access token it is")]
pub(crate) struct Verify {
    /// The JWT or access token; - reads standard input
    #[arg(value_name = "TOKEN")]
    pub(crate) token: String,
    /// Take it apart, and check its expiry and, with an issuer's secret, its signature (the default)
    #[arg(short, long)]
    pub(crate) jwt: bool,
    /// Ask Webex whose access token it is
    #[arg(short, long)]
    pub(crate) access: bool,
    #[command(flatten)]
    pub(crate) signed: Signed,
    #[command(flatten)]
    pub(crate) api: Api,
}
