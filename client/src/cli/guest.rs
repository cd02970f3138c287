//! Commands about guests.

use std::path::PathBuf;

use clap::Args;
use guestissuer_client::proto::request::GuestRef;
use guestissuer_client::proto::{DisplayName, IssuerName, Span, Subject};

use super::values::{display_name, issuer_name, pattern, subject};

// A guest, by subject and issuer.
#[derive(Args)]
pub(crate) struct Guest {
    /// The guest's subject, such as 123
    #[arg(value_name = "GUEST", value_parser = subject)]
    pub(crate) guest: Subject,
    #[command(flatten)]
    pub(crate) issuer: InIssuer,
}

// `--issuer`.
#[derive(Args)]
pub(crate) struct InIssuer {
    /// The issuer; the default one if not given
    #[arg(short, long, value_name = "NAME", value_parser = issuer_name)]
    pub(crate) issuer: Option<IssuerName>,
}

impl Guest {
    pub(crate) fn into_ref(self) -> GuestRef {
        GuestRef { subject: self.guest, issuer: self.issuer.issuer }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi get 123                                  an access token\n  \
    gi get 123 --name 'Ann'                     registered if it is not known\n  \
    eval \"$(gi get 123 -o env)\"                 as WEBEX_ACCESS_TOKEN\n  \
    gi get 123 -o curl | curl -K - https://webexapis.com/v1/people/me")]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) guest: Guest,
    /// Register an unknown guest under this name, or rename a known one
    #[arg(long, value_name = "NAME", value_parser = display_name)]
    pub(crate) name: Option<DisplayName>,
    /// How long the token must stay valid [default: 5m, or a tenth of its life]
    #[arg(long, value_name = "DURATION")]
    pub(crate) min_validity: Option<Span>,
    /// Mint a new token even if the one at hand would do
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi list                    all guests\n  \
    gi list 'kiosk-*'          those whose subject or name matches\n  \
    gi list --expiring 1h      those whose token expires within an hour, or has\n  \
    gi list --failing -o json  those whose last mint failed, for programs")]
pub(crate) struct List {
    /// Only guests whose subject or name this matches; *, ? and [a-z] are understood
    #[arg(value_name = "PATTERN", value_parser = pattern)]
    pub(crate) pattern: Option<String>,
    /// Only guests of this issuer
    #[arg(short, long, value_name = "NAME", value_parser = issuer_name)]
    pub(crate) issuer: Option<IssuerName>,
    /// Only guests whose token expires within this time, or has expired
    #[arg(long, value_name = "DURATION")]
    pub(crate) expiring: Option<Span>,
    /// Only guests whose last mint failed
    #[arg(long)]
    pub(crate) failing: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi add kiosk-7 'Kiosk in hall 7' --pin    and keep its token fresh\n  \
    gi add --from guests.csv                  all guests of a file")]
pub(crate) struct Add {
    /// The guest's subject, such as 123
    #[arg(value_name = "GUEST", value_parser = subject, required_unless_present = "from")]
    pub(crate) guest: Option<Subject>,
    /// What other people see the guest called
    #[arg(value_name = "NAME", value_parser = display_name, required_unless_present = "from")]
    pub(crate) name: Option<DisplayName>,
    #[command(flatten)]
    pub(crate) issuer: InIssuer,
    /// Keep the token fresh even when nobody asks
    #[arg(long)]
    pub(crate) pin: bool,
    /// Add all guests of a file, CSV or JSON lines with subject, name and pin; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["guest", "name"])]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi invalidate 123                                the next use mints a new one\n  \
    echo \"$TOKEN\" | gi invalidate 123 --token -    only if it is this one still")]
pub(crate) struct Invalidate {
    #[command(flatten)]
    pub(crate) guest: Guest,
    /// The token that was refused; - reads standard input. If the guest has another one by now, nothing is done
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    gi rename 123 'Ann B.'             Webex learns of it at once\n  \
    gi rename 123 Ann --issuer acme    the guest of this issuer")]
pub(crate) struct Rename {
    #[command(flatten)]
    pub(crate) guest: Guest,
    /// What other people see the guest called from now on
    #[arg(value_name = "NAME", value_parser = display_name)]
    pub(crate) name: DisplayName,
}

#[derive(Args)]
#[command(
    after_help = "Webex has no way to revoke tokens: those that were handed out stay valid until they expire.\n\n\
    Examples:\n  \
    gi remove 123                forget one guest\n  \
    gi remove kiosk-7 kiosk-8    forget several"
)]
pub(crate) struct Remove {
    /// The guests' subjects
    #[arg(value_name = "GUEST", value_parser = subject, required = true)]
    pub(crate) guests: Vec<Subject>,
    #[command(flatten)]
    pub(crate) issuer: InIssuer,
}
