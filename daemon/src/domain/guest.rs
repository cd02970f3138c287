//! Guests and issuers as the daemon keeps them.

use guestissuer_proto::response::{IssuerKind, MintFailure};
use guestissuer_proto::{DisplayName, IssuerName, Subject, UnixTime};

use super::credential::Lifetime;

/// The store's number of a guest. Never used again after the guest is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestId(pub i64);

/// The store's number of an issuer. Never used again after the issuer is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerId(pub i64);

/// A secret or token as it is on disk: encrypted, and bound to the row it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// Names one guest among all issuers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestKey {
    /// Whose guest.
    pub issuer: IssuerId,
    /// Which of them.
    pub subject: Subject,
}

/// A guest as it is on disk.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its number.
    pub id: GuestId,
    /// Its name among all guests.
    pub key: GuestKey,
    /// What other people see it called.
    pub display_name: DisplayName,
    /// Whether it is kept warm even when nobody asks.
    pub pinned: bool,
    /// When it was registered.
    pub created_at: UnixTime,
    /// When somebody last asked for its token, as far as it has been written down.
    pub last_used_at: UnixTime,
    /// The times of its token.
    pub lifetime: Option<Lifetime>,
    /// Its token, where it was read.
    pub token: Option<Sealed>,
    /// When the next mint is to be tried; absent when nothing is planned.
    pub next_attempt_at: Option<UnixTime>,
    /// How many mints failed since the last that did not.
    pub failures: u32,
    /// Why the last mint failed, if it did.
    pub last_error: Option<MintFailure>,
    /// Webex's id of the person, where known.
    pub person_id: Option<String>,
    /// The person's address, where known.
    pub email: Option<String>,
}

/// An issuer as it is on disk.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its number.
    pub id: IssuerId,
    /// What the user calls it.
    pub name: IssuerName,
    /// What kind of application it is.
    pub kind: IssuerKind,
    /// What Webex knows it by.
    pub public_id: String,
    /// Where its API is.
    pub api_base: String,
    /// Its secret.
    pub sealed: Sealed,
    /// Whether it serves where none is named.
    pub is_default: bool,
    /// When it was added.
    pub created_at: UnixTime,
    /// When it last minted a token.
    pub last_success_at: Option<UnixTime>,
    /// Why its last mint failed, if it did.
    pub last_error: Option<MintFailure>,
    /// Until when nothing may be sent for it, because Webex asked for that.
    pub paused_until: Option<UnixTime>,
    /// The issuer that has taken its place. One that has a successor has no guests.
    pub successor: Option<IssuerId>,
}

/// The own tokens of a Service App as they are on disk.
#[derive(Clone, Debug)]
pub struct AppToken {
    /// The refresh token and the access token.
    pub sealed: Sealed,
    /// When the request was sent that brought the access token.
    pub issued_at: UnixTime,
    /// From when on the access token is no longer valid; no later than `issued_at` where there is none yet.
    pub expires_at: UnixTime,
    /// When the access token is to be refreshed.
    pub refresh_at: UnixTime,
    /// From when on the refresh token is no longer valid, where Webex said.
    pub refresh_expires_at: Option<UnixTime>,
    /// When the next refresh is to be tried.
    pub next_attempt_at: UnixTime,
    /// How many refreshes failed since the last that did not.
    pub failures: u32,
    /// Why the last refresh failed, if it did.
    pub last_error: Option<MintFailure>,
}

impl AppToken {
    /// The times of the access token.
    #[must_use]
    pub const fn lifetime(&self) -> Lifetime {
        Lifetime { issued_at: self.issued_at, expires_at: self.expires_at, refresh_at: self.refresh_at }
    }
}
