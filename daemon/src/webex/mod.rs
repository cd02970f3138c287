//! Webex: what is sent, what comes back, and what it means.
//!
//! Nothing here decides when to send; that is the broker's.

pub mod assertion;
pub mod base;
mod client;
mod error;
mod guest_issuer;
mod people;
mod probe;
pub mod proxy;
mod retry_after;

pub use client::{Timeouts, Webex, WebexSetupError};
pub use error::{Malformed, MintError, Said, Unusable};
pub use probe::Reached;
pub use retry_after::LONGEST_WAIT;

use std::time::Duration;

use guestissuer_proto::{DisplayName, Secret, Subject};

use assertion::{SecretError, SigningKey};
use base::ApiBase;
use guestissuer_proto::response::IssuerKind;

/// What an issuer proves itself with, checked and ready for use. One variant for each kind of Webex application.
#[derive(Debug)]
pub enum IssuerAccess {
    /// A Guest Issuer application: signs a guest JWT and exchanges it.
    GuestIssuer {
        /// The issuer id, the `iss` of the JWT.
        id: String,
        /// Signs the JWT.
        key: SigningKey,
    },
}

impl IssuerAccess {
    /// Checks stored credentials and makes them ready for use.
    pub fn new(kind: IssuerKind, public_id: &str, secret: &Secret) -> Result<Self, SecretError> {
        match kind {
            IssuerKind::GuestIssuer => {
                Ok(Self::GuestIssuer { id: public_id.to_owned(), key: SigningKey::from_base64(secret)? })
            }
        }
    }
}

/// A wish for a token.
#[derive(Debug)]
pub struct MintRequest<'a> {
    /// Where the API is.
    pub base: &'a ApiBase,
    /// On whose behalf.
    pub access: &'a IssuerAccess,
    /// For whom.
    pub subject: &'a Subject,
    /// What the guest is called.
    pub name: &'a DisplayName,
    /// How long the attempt may take in all.
    pub timeout: Duration,
}

/// A token from Webex.
#[derive(Debug)]
pub struct Minted {
    /// The token.
    pub access_token: Secret,
    /// How long it lives, from when the request was sent.
    pub life: Duration,
    /// The tracking id of the answer.
    pub tracking_id: Option<String>,
}

impl Webex {
    /// Asks Webex for a token, once.
    pub async fn mint(&self, request: &MintRequest<'_>) -> Result<Minted, MintError> {
        match request.access {
            IssuerAccess::GuestIssuer { id, key } => guest_issuer::mint(self, request, id, key).await,
        }
    }

    /// Exchanges a guest JWT that somebody else has signed, once.
    pub async fn login(&self, base: &ApiBase, jwt: &Secret, timeout: Duration) -> Result<Minted, MintError> {
        guest_issuer::login(self, base, jwt, timeout).await
    }
}

/// Whether a token or JWT can be sent at all: one word of visible ASCII characters, and not endlessly many.
#[must_use]
pub fn is_sendable(token: &Secret) -> bool {
    guest_issuer::is_usable(token)
}
