//! What the daemon answers.

use serde::{Deserialize, Serialize};

use crate::app::AppDetail;
use crate::direct::{Assertion, Exchanged, Person};
use crate::migration::{MigrationEnd, MigrationPlan, MigrationState, MovedGuest, MovedPage};
use crate::request::PageKey;
use crate::{DisplayName, Failure, IssuerName, Secret, Subject, UnixTime};

/// An answer, and what else the user must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Reply {
    /// The daemon's wall clock when it answered: relative times are counted from here.
    pub now: UnixTime,
    /// Warnings for whoever asks, such as that a damaged database was set aside. One sentence each.
    pub notices: Vec<String>,
    /// The answer itself.
    pub response: Response,
}

/// The answer to one [`Request`](crate::Request). Grows at the end only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Response {
    /// It could not be done.
    Failed(Failure),
    /// It is done.
    Done,
    /// A token that is valid for as long as was asked.
    Token(Token),
    /// A page of guests.
    Guests(GuestPage),
    /// All about one guest.
    Guest(Box<GuestDetail>),
    /// All issuers, by name.
    Issuers(Vec<IssuerDetail>),
    /// One issuer.
    Issuer(IssuerDetail),
    /// Webex accepted the issuer's credentials.
    IssuerTested(IssuerTested),
    /// How the daemon does.
    Status(Box<Status>),
    /// A page of guests, with more about each.
    GuestDetails(GuestDetailPage),
    /// What became of a token that was refused.
    Invalidated(Invalidated),
    /// Whose token it is.
    Person(Box<Person>),
    /// A guest JWT.
    Assertion(Assertion),
    /// A token that is not kept.
    Exchanged(Exchanged),
    /// Whether a guest JWT was signed by the issuer.
    SignatureChecked(bool),
    /// What is well and what is not.
    Diagnosis(Diagnosis),
    /// How a Service App's own token stands.
    App(Box<AppDetail>),
    /// What moving guests would take.
    MigrationPlan(MigrationPlan),
    /// A guest that was moved.
    Moved(Box<MovedGuest>),
    /// Whether the new issuer has taken the old one's place.
    MigrationEnd(MigrationEnd),
    /// A page of guests that were moved.
    MovedGuests(MovedPage),
    /// How far each migration has come, by the names of the issuers.
    Migrations(Vec<MigrationState>),
}

/// An access token and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Token {
    /// Whose token it is.
    pub subject: Subject,
    /// By which issuer.
    pub issuer: IssuerName,
    /// The guest's display name.
    pub display_name: DisplayName,
    /// The token.
    pub access_token: Secret,
    /// When it was minted.
    pub issued_at: UnixTime,
    /// From when on it is no longer valid.
    pub expires_at: UnixTime,
    /// Whether it was at hand; false if it was minted for this call.
    pub cached: bool,
}

/// How a guest's token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum TokenState {
    /// Valid, and not to be refreshed yet.
    Fresh,
    /// Valid, and to be refreshed.
    Due,
    /// No longer valid.
    Expired,
    /// There never was one.
    None,
}

impl TokenState {
    /// The word that stands for the state in text and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Due => "due",
            Self::Expired => "expired",
            Self::None => "none",
        }
    }
}

/// The guests of one page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GuestPage {
    /// In order of issuer and subject.
    pub guests: Vec<GuestSummary>,
    /// Where the next page starts, if there is one.
    pub next: Option<PageKey>,
}

/// One guest in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GuestSummary {
    /// The guest's subject.
    pub subject: Subject,
    /// The guest's display name.
    pub display_name: DisplayName,
    /// The issuer it belongs to.
    pub issuer: IssuerName,
    /// How its token stands.
    pub token_state: TokenState,
    /// When its token expires.
    pub expires_at: Option<UnixTime>,
    /// When its token is to be refreshed; absent when it is left to expire.
    pub refresh_at: Option<UnixTime>,
    /// When somebody last asked for it.
    pub last_used_at: Option<UnixTime>,
    /// Why the last mint failed, if it did.
    pub last_error: Option<MintFailure>,
    /// Whether it is kept warm even when nobody asks.
    pub pinned: bool,
    /// Webex's id of the person, where known.
    pub person_id: Option<String>,
    /// The person's address, where known.
    pub email: Option<String>,
}

/// Why a mint failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MintFailure {
    /// When.
    pub at: UnixTime,
    /// The failure as a client would have learnt it.
    pub failure: Failure,
    /// Webex's tracking id, to quote to its support.
    pub tracking_id: Option<String>,
}

/// Everything about one guest, except the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GuestDetail {
    /// What a list shows.
    pub summary: GuestSummary,
    /// When it was registered.
    pub created_at: UnixTime,
    /// When its token was minted.
    pub issued_at: Option<UnixTime>,
    /// The last mints, newest first.
    pub history: Vec<MintRecord>,
}

/// One attempt to mint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct MintRecord {
    /// When Webex answered, or did not.
    pub at: UnixTime,
    /// When the token expires, if one was minted.
    pub expires_at: Option<UnixTime>,
    /// The failure, if it failed.
    pub failure: Option<Failure>,
    /// Webex's tracking id.
    pub tracking_id: Option<String>,
}

/// What kind of Webex application an issuer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum IssuerKind {
    /// A Guest Issuer application.
    GuestIssuer,
    /// A Service App.
    ServiceApp,
}

impl IssuerKind {
    /// Every kind, in the order of the wire.
    pub const ALL: [Self; 2] = [Self::GuestIssuer, Self::ServiceApp];

    /// The word that stands for the kind on the command line and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GuestIssuer => "guest-issuer",
            Self::ServiceApp => "service-app",
        }
    }
}

/// Everything about one issuer, except its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct IssuerDetail {
    /// What the user calls it.
    pub name: IssuerName,
    /// What kind of application it is.
    pub kind: IssuerKind,
    /// What Webex knows it by: the issuer id.
    pub id: String,
    /// Where its API is.
    pub api_base: String,
    /// Whether it serves where none is named.
    pub is_default: bool,
    /// How many guests it has.
    pub guests: u64,
    /// When it was added.
    pub created_at: UnixTime,
    /// When it last minted a token, if it did.
    pub last_success_at: Option<UnixTime>,
    /// Why its last mint failed, if it did.
    pub last_error: Option<MintFailure>,
    /// Until when nothing is sent to Webex for it, because Webex asked for that.
    pub paused_until: Option<UnixTime>,
}

/// Webex accepted the issuer's credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct IssuerTested {
    /// Which issuer was tested.
    pub name: IssuerName,
    /// For how many milliseconds its tokens are valid.
    pub token_life_ms: u64,
    /// How far Webex's clock is ahead of this machine's, in milliseconds, where it said.
    pub clock_skew_ms: Option<i64>,
}

/// How the daemon does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The protocol version of this conversation.
    pub protocol: u16,
    /// The daemon's process id.
    pub pid: u32,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// Its socket.
    pub socket: String,
    /// Its state directory.
    pub state_dir: String,
    /// What the way values are sealed protects from, and what not, in one sentence.
    pub protection: String,
    /// All issuers, by name.
    pub issuers: Vec<IssuerDetail>,
    /// Guests by state.
    pub guests: GuestCounts,
    /// What happened since the daemon started.
    pub counters: Counters,
    /// When a token was last minted, in this run or an earlier one.
    pub last_success_at: Option<UnixTime>,
    /// The last failed mint of a guest or issuer that still fails.
    pub last_failure: Option<MintFailure>,
    /// When the next refresh is due, if one is.
    pub next_refresh_at: Option<UnixTime>,
    /// How far Webex's clock is ahead of this machine's, in milliseconds, where it said.
    pub clock_skew_ms: Option<i64>,
}

/// How many guests there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GuestCounts {
    /// All of them.
    pub total: u64,
    /// With a token that needs no refresh yet.
    pub fresh: u64,
    /// With a valid token that is to be refreshed.
    pub due: u64,
    /// With a token that is no longer valid.
    pub expired: u64,
    /// Without a token.
    pub none: u64,
    /// Whose last mint failed, in whatever state the token is.
    pub failing: u64,
}

/// What happened since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Counters {
    /// Tokens asked for.
    pub gets: u64,
    /// Of those, answered with a token at hand.
    pub hits: u64,
    /// Tokens minted.
    pub mints: u64,
    /// Mints that failed.
    pub mint_failures: u64,
    /// Requests that joined a mint already in flight.
    pub coalesced: u64,
}

/// The guests of one page of a list, with more about each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GuestDetailPage {
    /// In order of issuer and subject. Their histories are empty.
    pub guests: Vec<GuestDetail>,
    /// Where the next page starts, if there is one.
    pub next: Option<PageKey>,
}

/// What became of a token that was refused somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Invalidated {
    /// Whose token.
    pub subject: Subject,
    /// By which issuer.
    pub issuer: IssuerName,
    /// Whether it was the guest's token and is thrown away; false if there was another one already, or none.
    pub was_current: bool,
}

/// What the daemon found when it looked at itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Diagnosis {
    /// One for each thing that was looked at, in an order that reads well.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Check {
    /// What was looked at, in a word or two, such as `database`. Stable, for programs.
    pub topic: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, in a sentence without a full stop.
    pub finding: String,
    /// What to do about it, in the same form.
    pub remedy: Option<String>,
}

/// How a thing stands that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It works, and is worth a look.
    Warning,
    /// It does not work.
    Wrong,
}

impl Verdict {
    /// The word that stands for the verdict in text and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }
}
