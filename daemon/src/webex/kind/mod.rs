//! The kinds of Webex applications that mint: one file for each, and what is common to them.
//!
//! A kind brings what it proves itself with ([`IssuerAccess`]), what one mint shows of that ([`Proof`]), and how it
//! mints. Nobody else needs to know how kinds differ, except that a Service App's own token must be kept valid.

pub(super) mod guest_issuer;
pub(super) mod service_app;

use std::time::Duration;

use guestissuer_proto::response::IssuerKind;
use guestissuer_proto::{DisplayName, Secret, Subject};
use serde_json::Value;

use super::Webex;
use super::assertion::{SecretError, SigningKey};
use super::base::ApiBase;
use super::error::{Malformed, MintError};

/// The longest life of a token that is believed, so that no arithmetic with it can overflow.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The longest token that is believed. Real ones are two to three kilobytes.
const LONGEST_TOKEN: usize = 32 * 1024;

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
    /// A Service App: mints with an access token of its own.
    ServiceApp(AppCredentials),
}

/// What a Service App refreshes its own access token with, beside the refresh token.
#[derive(Debug)]
pub struct AppCredentials {
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub client_secret: Secret,
}

/// What one mint shows.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// A guest JWT, signed by a Guest Issuer of this id.
    Assertion(&'a str, &'a SigningKey),
    /// A Service App's own access token.
    AppToken(&'a Secret),
}

impl IssuerAccess {
    /// Checks stored credentials and makes them ready for use.
    pub fn new(kind: IssuerKind, public_id: &str, secret: &Secret) -> Result<Self, SecretError> {
        Ok(match kind {
            IssuerKind::GuestIssuer => {
                Self::GuestIssuer { id: public_id.to_owned(), key: SigningKey::from_base64(secret)? }
            }
            IssuerKind::ServiceApp => Self::ServiceApp(AppCredentials {
                client_id: public_id.to_owned(),
                client_secret: secret.clone(),
            }),
        })
    }
}

/// A wish for a token.
#[derive(Debug)]
pub struct MintRequest<'a> {
    /// Where the API is.
    pub base: &'a ApiBase,
    /// On whose behalf.
    pub proof: Proof<'a>,
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
    /// Webex's id of the person, where the answer said.
    pub person_id: Option<String>,
    /// The person's address, where the answer said.
    pub email: Option<String>,
}

impl Webex {
    /// Asks Webex for a token, once.
    pub async fn mint(&self, request: &MintRequest<'_>) -> Result<Minted, MintError> {
        match request.proof {
            Proof::Assertion(id, key) => guest_issuer::mint(self, request, id, key).await,
            Proof::AppToken(token) => service_app::mint(self, request, token).await,
        }
    }

    /// Exchanges a guest JWT that somebody else has signed, once.
    pub async fn login(&self, base: &ApiBase, jwt: &Secret, timeout: Duration) -> Result<Minted, MintError> {
        guest_issuer::login(self, base, jwt, timeout).await
    }
}

/// Whether a token, secret or JWT can be sent at all: one word of visible ASCII characters, and not endlessly many.
#[must_use]
pub fn is_sendable(token: &Secret) -> bool {
    let text = token.expose();
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number of seconds above zero, also in a string.
fn life(value: Option<Value>) -> Result<Duration, Malformed> {
    let seconds = match value {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    let seconds = seconds.filter(|seconds: &f64| *seconds > 0.0).ok_or(Malformed::NoLife)?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE))
}
