//! Commands about issuers.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use guestissuer_client::proto::IssuerName;
use guestissuer_client::proto::migration::Migration;

use super::values::{issuer_name, pattern};

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum IssuerCommand {
    /// Store an issuer
    Add(IssuerAdd),
    /// List the issuers
    #[command(after_help = "Examples:\n  \
        gi issuer list            all issuers; the default one is marked\n  \
        gi issuer list -o json    the same, for programs")]
    List,
    /// Show everything about an issuer, except its secrets
    #[command(after_help = "Examples:\n  \
        gi issuer show         the default issuer\n  \
        gi issuer show acme    this one")]
    Show(OptionalIssuer),
    /// Forget an issuer
    Remove(IssuerRemove),
    /// Use an issuer where none is named
    #[command(after_help = "Examples:\n  \
        gi issuer default acme    gi get 123 means guest 123 of acme from now on")]
    Default(NamedIssuer),
    /// Replace an issuer's credentials or address; its guests and their tokens stay
    Update(IssuerUpdate),
    /// Move the guests of an issuer to another one, such as from a Guest Issuer to a Service App
    Migrate(IssuerMigrate),
    /// Mint a throw-away token, to see whether Webex accepts the credentials
    #[command(after_help = "Examples:\n  \
        gi issuer test         the default issuer\n  \
        gi issuer test acme    this one")]
    Test(OptionalIssuer),
}

#[derive(Args)]
pub(crate) struct NamedIssuer {
    /// The issuer's name
    #[arg(value_name = "NAME", value_parser = issuer_name)]
    pub(crate) name: IssuerName,
}

#[derive(Args)]
pub(crate) struct OptionalIssuer {
    /// The issuer's name; the default one if not given
    #[arg(value_name = "NAME", value_parser = issuer_name)]
    pub(crate) name: Option<IssuerName>,
}

// Where credentials come from. Never from an argument: arguments can be seen by every user of the machine.
#[derive(Args)]
pub(crate) struct CredentialSource {
    /// The issuer id, or a Service App's client id, that Webex shows
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A JSON file with the credentials; - reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) credentials: Option<String>,
    /// Where the API is, if it is not Webex's own
    #[arg(long, value_name = "URL")]
    pub(crate) api_base: Option<String>,
}

#[derive(Args)]
#[command(
    after_help = "Secrets are asked for on the terminal or read from --credentials. For a Guest Issuer, the \
    environment variables SECRET and ISSUER serve as well.\n\nCredentials are JSON. Of a Guest Issuer: \
    {\"issuer\",\"secret\"}; of a Service App: {\"client_id\",\"client_secret\",\"refresh_token\"}, as \
    developer.webex.com and the API hand them out. Other keys may be there.\n\nExamples:\n  \
    gi issuer add acme --id ISSUER_ID             asks, or looks at SECRET\n  \
    gi issuer add acme --credentials acme.json    from a file\n  \
    pass show webex/acme | gi issuer add acme --credentials -"
)]
pub(crate) struct IssuerAdd {
    #[command(flatten)]
    pub(crate) issuer: NamedIssuer,
    /// What kind of Webex application it is
    ///
    /// If it is not given, the credentials show it: those with a refresh token are a Service App's.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    #[command(flatten)]
    pub(crate) source: CredentialSource,
    #[command(flatten)]
    pub(crate) trial: Trial,
}

#[derive(Args)]
pub(crate) struct Trial {
    /// Do not ask Webex whether it accepts a Service App's credentials
    #[arg(long)]
    pub(crate) no_check: bool,
}

/// What kind of Webex application an issuer is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A Guest Issuer application
    GuestIssuer,
    /// A Service App
    ServiceApp,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi issuer update acme --credentials acme.json                a new secret\n  \
    gi issuer update acme --api-base https://webexapis.com/v1    another address")]
pub(crate) struct IssuerUpdate {
    #[command(flatten)]
    pub(crate) issuer: NamedIssuer,
    #[command(flatten)]
    pub(crate) source: CredentialSource,
    #[command(flatten)]
    pub(crate) trial: Trial,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi issuer remove acme            an issuer that has no guests\n  \
    gi issuer remove acme --force    one that has, and its guests with it")]
pub(crate) struct IssuerRemove {
    #[command(flatten)]
    pub(crate) issuer: NamedIssuer,
    /// Forget its guests and their tokens too
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
#[command(
    after_help = "A guest stays with the old issuer, and its token is served, until the new one has a token for it. \
    A run that was interrupted is continued by the same command. When no guest is left at the old issuer, the new one \
    takes its place: what names the old one goes to the new one. --timeout is for each guest.\n\nExamples:\n  \
    gi issuer migrate acme app --dry-run           what would be done\n  \
    gi issuer migrate acme app --only 'kiosk-*'    a few guests first\n  \
    gi issuer migrate acme app                     all guests\n  \
    gi issuer migrate acme app --report            who was moved, with person ids"
)]
pub(crate) struct IssuerMigrate {
    /// The issuer whose guests are moved
    #[arg(value_name = "OLD", value_parser = issuer_name)]
    old: IssuerName,
    /// The issuer whose guests they become
    #[arg(value_name = "NEW", value_parser = issuer_name)]
    new: IssuerName,
    /// Move only guests whose subject or name this pattern matches, such as 'kiosk-*'
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) only: Option<String>,
    /// Say what would be done; nothing is sent to Webex, and nothing is changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask Webex for person ids that are not known, such as when the old issuer works no more
    #[arg(long)]
    pub(crate) skip_ids: bool,
    /// Print who was moved, with the person ids before and after
    #[arg(long, conflicts_with_all = ["only", "dry_run", "skip_ids"])]
    pub(crate) report: bool,
}

impl IssuerMigrate {
    /// From where to where.
    pub(crate) fn migration(&self) -> Migration {
        Migration { from: self.old.clone(), to: self.new.clone() }
    }
}
