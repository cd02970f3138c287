//! What a client may ask.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::ShowApp;
use crate::direct::{ExchangeAssertion, QuickToken, SignAssertion, VerifyAssertion, VerifyToken};
use crate::migration::{ListMoved, MigrateGuest, Migration, PlanMigration};
use crate::{DisplayName, IssuerName, Secret, Subject};

/// The most guests a page of [`ListGuests`] holds.
pub const MAX_PAGE: u16 = 500;

/// A request and the time it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Call {
    /// In how many milliseconds, from when the daemon reads the call, it must have been answered.
    pub deadline_ms: u32,
    /// What is asked.
    pub request: Request,
}

/// What is asked. Grows at the end only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Request {
    /// An access token: answered by [`Response::Token`](crate::Response::Token).
    Get(GetToken),
    /// A page of guests: answered by [`Response::Guests`](crate::Response::Guests).
    List(ListGuests),
    /// All about one guest: answered by [`Response::Guest`](crate::Response::Guest).
    Show(GuestRef),
    /// Register a guest and mint its first token: answered by [`Response::Guest`](crate::Response::Guest).
    Add(AddGuest),
    /// Change a guest's display name: answered by [`Response::Guest`](crate::Response::Guest).
    Rename(RenameGuest),
    /// Keep a guest warm even when nobody asks, or no longer: answered by
    /// [`Response::Guest`](crate::Response::Guest).
    SetPinned(SetPinned),
    /// Forget a guest and its token: answered by [`Response::Guest`](crate::Response::Guest), as it was.
    Remove(GuestRef),
    /// Store a new issuer: answered by [`Response::Issuer`](crate::Response::Issuer).
    IssuerAdd(IssuerSpec),
    /// Replace an issuer's credentials or address: answered by [`Response::Issuer`](crate::Response::Issuer).
    IssuerUpdate(IssuerChange),
    /// All issuers: answered by [`Response::Issuers`](crate::Response::Issuers).
    IssuerList,
    /// One issuer, or the default one: answered by [`Response::Issuer`](crate::Response::Issuer).
    IssuerShow(Option<IssuerName>),
    /// Forget an issuer: answered by [`Response::Issuer`](crate::Response::Issuer), as it was.
    IssuerRemove(IssuerRemoval),
    /// Use this issuer where none is named: answered by [`Response::Issuer`](crate::Response::Issuer).
    IssuerDefault(IssuerName),
    /// Mint a throw-away token: answered by [`Response::IssuerTested`](crate::Response::IssuerTested).
    IssuerTest(Option<IssuerName>),
    /// How the daemon does: answered by [`Response::Status`](crate::Response::Status).
    Status,
    /// Finish and exit: answered by [`Response::Done`](crate::Response::Done), after which the connection stays
    /// open until the daemon is gone.
    Stop,
    /// A page of guests with all that [`Request::Show`] tells except for their histories, which are empty: answered by
    /// [`Response::GuestDetails`](crate::Response::GuestDetails).
    ListDetails(ListGuests),
    /// A token as [`Request::Get`] brings it, and then each new one. The one request with many answers, until the client
    /// leaves: a [`Response::Token`](crate::Response::Token) for each token, a
    /// [`Response::Done`](crate::Response::Done) every [`HEARTBEAT`] or somewhat later where there is none, and a
    /// [`Response::Failed`](crate::Response::Failed) when the guest is without a valid one. The deadline is for the
    /// first answer, whose failure ends the watch.
    Watch(GetToken),
    /// Throw a token away that was refused somewhere: answered by
    /// [`Response::Invalidated`](crate::Response::Invalidated).
    Invalidate(InvalidateToken),
    /// Ask Webex who a guest is: answered by [`Response::Person`](crate::Response::Person).
    WhoAmI(GuestRef),
    /// Sign a guest JWT: answered by [`Response::Assertion`](crate::Response::Assertion).
    Sign(SignAssertion),
    /// Exchange a guest JWT for an access token: answered by [`Response::Exchanged`](crate::Response::Exchanged).
    Exchange(ExchangeAssertion),
    /// Sign and exchange in one go: answered by [`Response::Exchanged`](crate::Response::Exchanged).
    Quick(QuickToken),
    /// Check a guest JWT's signature: answered by [`Response::SignatureChecked`](crate::Response::SignatureChecked).
    VerifyAssertion(VerifyAssertion),
    /// Ask Webex whose access token this is: answered by [`Response::Person`](crate::Response::Person).
    VerifyToken(VerifyToken),
    /// Look for what is wrong: answered by [`Response::Diagnosis`](crate::Response::Diagnosis).
    Diagnose,
    /// As [`Request::IssuerAdd`], but only if Webex accepts the credentials. What can be looked at without minting is: a
    /// Service App's token is refreshed once, and of a Guest Issuer the secret is decoded.
    IssuerAddChecked(IssuerSpec),
    /// As [`Request::IssuerUpdate`], but only if Webex accepts the credentials, as with [`Request::IssuerAddChecked`].
    IssuerUpdateChecked(IssuerChange),
    /// How the own token of a Service App stands: answered by [`Response::App`](crate::Response::App).
    AppShow(ShowApp),
    /// What moving guests to another issuer would take: answered by
    /// [`Response::MigrationPlan`](crate::Response::MigrationPlan).
    MigrationPlan(PlanMigration),
    /// Move one guest, once the new issuer has a token for it: answered by [`Response::Moved`](crate::Response::Moved),
    /// also if it was moved before.
    MigrateGuest(MigrateGuest),
    /// Let the new issuer take the place of the old one, if that has no guests left: answered by
    /// [`Response::MigrationEnd`](crate::Response::MigrationEnd).
    MigrationEnd(Migration),
    /// A page of guests that were moved: answered by [`Response::MovedGuests`](crate::Response::MovedGuests).
    MovedList(ListMoved),
    /// How far each migration has come: answered by [`Response::Migrations`](crate::Response::Migrations).
    Migrations,
}

/// How long a watch is silent, unless looking at the guest takes a while: a client that hears nothing for several times
/// as long knows that the daemon does not answer.
pub const HEARTBEAT: Duration = Duration::from_secs(30);

/// See [`Request::Invalidate`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct InvalidateToken {
    /// Whose token.
    pub guest: GuestRef,
    /// The token that was refused. If it is no longer the guest's, nothing is done; absent, the one at hand is meant.
    pub token: Option<Secret>,
}

/// Which guest is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GuestRef {
    /// The guest's subject.
    pub subject: Subject,
    /// The issuer it belongs to; the default one where this is absent.
    pub issuer: Option<IssuerName>,
}

/// See [`Request::Get`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct GetToken {
    /// Whose token.
    pub guest: GuestRef,
    /// Registers an unknown guest under this name, or renames a known one.
    pub name: Option<DisplayName>,
    /// For how many milliseconds the token must stay valid; the configured default where this is absent.
    pub min_validity_ms: Option<u64>,
    /// Mint anew even if the token at hand would do.
    pub force: bool,
}

/// See [`Request::List`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ListGuests {
    /// Only guests whose subject or name this glob (`*`, `?`, `[a-z]`) matches.
    pub pattern: Option<String>,
    /// Only guests of this issuer.
    pub issuer: Option<IssuerName>,
    /// Only guests whose token expires within this many milliseconds, or has expired.
    pub expiring_within_ms: Option<u64>,
    /// Only guests whose last mint failed.
    pub failing: bool,
    /// Go on after this place, which the page before named.
    pub after: Option<PageKey>,
    /// How many guests at most, 1 to [`MAX_PAGE`].
    pub limit: u16,
}

/// A place in the list of all guests, ordered by issuer and subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct PageKey {
    /// The issuer of the last guest on the page.
    pub issuer: IssuerName,
    /// The subject of the last guest on the page.
    pub subject: Subject,
}

/// See [`Request::Add`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct AddGuest {
    /// Which guest.
    pub guest: GuestRef,
    /// What it is called.
    pub name: DisplayName,
    /// Keep it warm even when nobody asks.
    pub pinned: bool,
}

/// See [`Request::Rename`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct RenameGuest {
    /// Which guest.
    pub guest: GuestRef,
    /// What it is called from now on.
    pub name: DisplayName,
}

/// See [`Request::SetPinned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SetPinned {
    /// Which guest.
    pub guest: GuestRef,
    /// Whether it is kept warm even when nobody asks.
    pub pinned: bool,
}

/// See [`Request::IssuerAdd`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct IssuerSpec {
    /// What the user calls it.
    pub name: IssuerName,
    /// What Webex knows it by.
    pub credentials: Credentials,
    /// Where its API is, such as `https://webexapis.com/v1`; Webex where this is absent.
    pub api_base: Option<String>,
}

/// See [`Request::IssuerUpdate`]. What is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct IssuerChange {
    /// Which issuer.
    pub name: IssuerName,
    /// Its new credentials.
    pub credentials: Option<Credentials>,
    /// Its new address.
    pub api_base: Option<String>,
}

/// See [`Request::IssuerRemove`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct IssuerRemoval {
    /// Which issuer.
    pub name: IssuerName,
    /// Forget its guests with it; without this an issuer that has guests is kept.
    pub with_guests: bool,
}

/// What a Webex application proves itself with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Credentials {
    /// A Guest Issuer application.
    GuestIssuer {
        /// The issuer id, the `iss` of the guest JWT. Where it is absent in a change, the old one stays.
        id: Option<String>,
        /// The shared secret, in base64 as Webex hands it out.
        secret: Secret,
    },
    /// A Service App. What is absent in a change stays as it is; a new issuer needs all but the access token.
    ServiceApp {
        /// The client id.
        client_id: Option<String>,
        /// The client secret.
        client_secret: Option<Secret>,
        /// Buys new access tokens. Webex may replace it at each refresh.
        refresh_token: Option<Secret>,
        /// The access token that came with the refresh token.
        access_token: Option<Secret>,
        /// For how many more milliseconds it is valid.
        access_expires_in_ms: Option<u64>,
    },
}
