//! What the commands of the original ask: sign, exchange and look at JWTs and tokens. Nothing of it is stored.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::direct::{
    Assertion, ExchangeAssertion, Exchanged, Person, Place, QuickToken, SignAssertion, Signer,
    VerifyAssertion, VerifyToken,
};
use guestissuer_proto::response::IssuerKind;
use guestissuer_proto::{Failure, FailureCode, IssuerName, UnixTime};
use tokio::time::Instant;

use super::credentials::{LONGEST_ID, check_guest_issuer, parse_base};
use super::lanes::Lane;
use super::registry::{Entry, Minting};
use super::{Broker, failures};
use crate::webex::assertion::{SigningKey, claimed_issuer};
use crate::webex::base::{ApiBase, WEBEX};
use crate::webex::{IssuerAccess, MintRequest, Minted, Proof, is_sendable};

/// The shortest life of a guest JWT, which counts in seconds.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// Who signs, found and checked.
enum Hand {
    Stored(Arc<Entry>),
    Given(IssuerAccess),
}

impl Hand {
    fn access(&self) -> Result<&IssuerAccess, Failure> {
        match self {
            Self::Stored(entry) => Ok(&minting(entry)?.access),
            Self::Given(access) => Ok(access),
        }
    }

    fn key(&self) -> Result<(&str, &SigningKey), Failure> {
        match (self, self.access()?) {
            (_, IssuerAccess::GuestIssuer { id, key }) => Ok((id, key)),
            (hand, IssuerAccess::ServiceApp(_)) => {
                let name = match hand {
                    Self::Stored(entry) => format!("issuer {} is a Service App, which", entry.issuer.name),
                    Self::Given(_) => "a Service App".to_owned(),
                };
                Err(Failure::new(FailureCode::Usage, format!("{name} signs no JWTs"))
                    .with_hint("get a token in one step with: gi quick; or name a Guest Issuer with -i"))
            }
        }
    }

    /// The stored Service App, if it is one.
    fn app(&self) -> Option<&Arc<Entry>> {
        let Self::Stored(entry) = self else { return None };
        (entry.issuer.kind == IssuerKind::ServiceApp).then_some(entry)
    }
}

impl Broker {
    /// Signs a guest JWT.
    pub fn sign(&self, ask: &SignAssertion) -> Result<Assertion, Failure> {
        let life = Duration::from_millis(ask.life_ms);
        if life < SHORTEST_LIFE {
            return Err(Failure::new(FailureCode::Usage, "a guest JWT is valid for at least a second"));
        }
        let hand = self.hand(&ask.signer)?;
        let (id, key) = hand.key()?;
        let expires_at = self.now().saturating_add(life).as_secs();
        let jwt = key.sign(id, &ask.subject, &ask.name, expires_at).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot sign");
            failures::unsigned()
        })?;
        Ok(Assertion { jwt, expires_at: UnixTime(expires_at.saturating_mul(1_000)) })
    }

    /// Whether a guest JWT was signed with the signer's secret.
    pub fn verify_assertion(&self, ask: &VerifyAssertion) -> Result<bool, Failure> {
        let hand = self.hand(&ask.signer)?;
        let (_, key) = hand.key()?;
        Ok(key.has_signed(&ask.jwt))
    }

    /// Exchanges a guest JWT for an access token.
    pub async fn exchange(&self, ask: ExchangeAssertion, deadline: Instant) -> Result<Exchanged, Failure> {
        if !is_sendable(&ask.jwt) {
            return Err(Failure::new(FailureCode::Usage, "invalid Guest token: it is not a JWT")
                .with_hint("give the JWT alone, as gi create -q prints it"));
        }
        let claimed = claimed_issuer(&ask.jwt).filter(|id| id.len() <= LONGEST_ID).unwrap_or_default();
        let (base, named) = self.place(&ask.place, &claimed)?;
        let lane = named.map_or_else(|| self.lane(&base, &claimed, None), Lane::Shared);
        let timeout = self.settings.request_timeout;
        let attempt = || self.webex.login(&base, &ask.jwt, timeout);
        let explain = |error: &_| failures::login(error, self.webex.clock_skew_ms());
        self.send(&lane, deadline, attempt, explain).await.map(exchanged)
    }

    /// Signs a guest JWT and exchanges it.
    pub async fn quick(self: &Arc<Self>, ask: &QuickToken, deadline: Instant) -> Result<Exchanged, Failure> {
        let hand = self.hand(&ask.signer)?;
        if let Some(entry) = hand.app() {
            return self.quick_by_app(entry, ask, deadline).await;
        }
        let (id, key) = hand.key()?;
        let own = match &hand {
            Hand::Stored(entry) => Some(Arc::clone(entry)),
            Hand::Given(_) => None,
        };
        let base = match (base(ask.api_base.as_deref())?, &own) {
            (Some(base), _) => base,
            (None, Some(entry)) => minting(entry)?.base.clone(),
            (None, None) => webex()?,
        };
        let lane = self.lane(&base, id, own);
        let request = MintRequest {
            base: &base,
            proof: Proof::Assertion(id, key),
            subject: &ask.subject,
            name: &ask.name,
            timeout: self.settings.request_timeout,
        };
        let attempt = || self.webex.mint(&request);
        let explain = |error: &_| failures::login(error, self.webex.clock_skew_ms());
        self.send(&lane, deadline, attempt, explain).await.map(exchanged)
    }

    /// Mints with a Service App's own token, which goes nowhere but to the app's own address.
    async fn quick_by_app(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        ask: &QuickToken,
        deadline: Instant,
    ) -> Result<Exchanged, Failure> {
        let name = &entry.issuer.name;
        let own = &minting(entry)?.base;
        if base(ask.api_base.as_deref())?.is_some_and(|base| base != *own) {
            return Err(Failure::new(
                FailureCode::Usage,
                format!("the token of Service App {name} is not sent to another address than its own"),
            )
            .with_hint("leave --api-base out"));
        }
        loop {
            let failed = match self.open_door(entry) {
                Ok(()) => match self.mint_aside(entry, &ask.subject, &ask.name, deadline).await {
                    Ok((_, minted)) => {
                        self.note_passed_test(entry).await?;
                        return Ok(exchanged(minted));
                    }
                    Err(failed) => failed,
                },
                Err(failed) => failed,
            };
            self.wait_to_retry(failed, deadline).await?;
        }
    }

    /// Asks Webex whose access token this is.
    pub async fn verify_token(&self, ask: VerifyToken, deadline: Instant) -> Result<Person, Failure> {
        if !is_sendable(&ask.access_token) {
            return Err(Failure::new(FailureCode::Usage, "bad token, could not authenticate: it is not one"));
        }
        let (base, named) = self.place(&ask.place, "")?;
        let lane = named.map_or_else(|| self.lane(&base, "", None), Lane::Shared);
        let timeout = self.settings.request_timeout;
        let attempt = || self.webex.person(&base, &ask.access_token, timeout);
        self.send(&lane, deadline, attempt, failures::person).await
    }

    fn hand(&self, signer: &Signer) -> Result<Hand, Failure> {
        match signer {
            Signer::Stored(name) => self.registry.resolve(name.as_ref()).map(Hand::Stored),
            Signer::Given { id, secret, or_stored } => {
                let name = id.parse::<IssuerName>().ok().filter(|_| *or_stored);
                if let Some(entry) = name.and_then(|name| self.registry.resolve(Some(&name)).ok()) {
                    return Ok(Hand::Stored(entry));
                }
                let (id, secret) = check_guest_issuer(Some(id.clone()), secret)?;
                IssuerAccess::new(IssuerKind::GuestIssuer, &id.unwrap_or_default(), &secret)
                    .map(Hand::Given)
                    .map_err(|error| Failure::new(FailureCode::Usage, error.to_string()))
            }
        }
    }

    /// Where the API is, and the stored issuer that was named if its address that is. `claimed` is the id of the issuer
    /// that a JWT names.
    fn place(&self, place: &Place, claimed: &str) -> Result<(ApiBase, Option<Arc<Entry>>), Failure> {
        let named = place.issuer.as_ref().map(|name| self.registry.resolve(Some(name))).transpose()?;
        match (base(place.api_base.as_deref())?, named) {
            (Some(base), named) => {
                let named = named.filter(|entry| minting(entry).is_ok_and(|minting| minting.base == base));
                Ok((base, named))
            }
            (None, Some(entry)) => Ok((minting(&entry)?.base.clone(), Some(entry))),
            (None, None) => Ok((self.likely_base(claimed)?, None)),
        }
    }
}

impl Broker {
    /// The address of the stored issuer of this id, or else of the default one, or else Webex's.
    fn likely_base(&self, id: &str) -> Result<ApiBase, Failure> {
        let claimed = self.registry.all().into_iter().find(|entry| entry.issuer.public_id == id);
        match claimed.or_else(|| self.registry.resolve(None).ok()) {
            Some(entry) => Ok(minting(&entry)?.base.clone()),
            None => webex(),
        }
    }
}

fn minting(entry: &Entry) -> Result<&Minting, Failure> {
    entry.minting.as_ref().map_err(Clone::clone)
}

fn base(text: Option<&str>) -> Result<Option<ApiBase>, Failure> {
    Ok(parse_base(text)?.and_then(|base| base.parse().ok()))
}

fn webex() -> Result<ApiBase, Failure> {
    WEBEX.parse().map_err(|_| Failure::new(FailureCode::Internal, "Webex's address cannot be used"))
}

fn exchanged(minted: Minted) -> Exchanged {
    let life_ms = u64::try_from(minted.life.as_millis()).unwrap_or(u64::MAX);
    Exchanged { access_token: minted.access_token, life_ms }
}
