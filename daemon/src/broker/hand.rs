//! What a mint shows to Webex, whatever kind of issuer asks: the one place that matches on kinds to mint.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::{DisplayName, Failure, FailureCode, Secret, Subject, UnixTime};
use tokio::time::{Instant, timeout_at};

use super::flight::FlightFailure;
use super::registry::{Entry, Minting};
use super::service_app::OwnToken;
use super::{Broker, roll};
use crate::domain::gate::Purpose;
use crate::domain::policy;
use crate::webex::assertion::SigningKey;
use crate::webex::{IssuerAccess, MintError, MintRequest, Minted, Proof};

/// Webex's answer to a token that it does not accept.
pub(super) const UNAUTHORIZED: u16 = 401;

/// What a mint shows, ready to be sent.
pub(super) enum Shown<'a> {
    /// A guest JWT by this issuer id and key.
    Assertion(&'a str, &'a SigningKey),
    /// A Service App's own token.
    AppToken(OwnToken),
}

/// For whom a token is wanted, and how long one request may take.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) subject: &'a Subject,
    pub(super) name: &'a DisplayName,
    pub(super) timeout: Duration,
}

/// Why there is no token.
pub(super) enum Denied {
    /// Webex did not mint.
    Webex(MintError),
    /// The Service App's own token is missing. What that means for the issuer was written down.
    App(FlightFailure),
}

impl Broker {
    /// What a mint for this issuer shows. A Service App's own token is refreshed if that is needed.
    pub(super) async fn shown<'a>(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        minting: &'a Minting,
    ) -> Result<Shown<'a>, FlightFailure> {
        Ok(match &minting.access {
            IssuerAccess::GuestIssuer { id, key } => Shown::Assertion(id, key),
            IssuerAccess::ServiceApp(_) => Shown::AppToken(self.own_token(entry, None).await?),
        })
    }

    /// Asks Webex for a token, once; and once more with a new token of the app's own if the one shown is refused.
    pub(super) async fn mint_with(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        minting: &Minting,
        shown: Shown<'_>,
        wish: Wish<'_>,
    ) -> Result<Minted, Denied> {
        let Wish { subject, name, timeout } = wish;
        let base = &minting.base;
        match shown {
            Shown::Assertion(id, key) => {
                let proof = Proof::Assertion(id, key);
                let request = MintRequest { base, proof, subject, name, timeout };
                self.webex.mint(&request).await.map_err(Denied::Webex)
            }
            Shown::AppToken(token) => {
                self.with_own_token(entry, token, |token| async move {
                    let proof = Proof::AppToken(&token);
                    self.webex.mint(&MintRequest { base, proof, subject, name, timeout }).await
                })
                .await
            }
        }
    }

    /// Makes a request with a Service App's own token; and once more with a new one if Webex refuses it.
    pub(super) async fn with_own_token<T, F: Future<Output = Result<T, MintError>>>(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        token: OwnToken,
        attempt: impl Fn(Arc<Secret>) -> F,
    ) -> Result<T, Denied> {
        let mut result = attempt(Arc::clone(&token.token)).await;
        if matches!(result, Err(MintError::Rejected { status: UNAUTHORIZED, .. }))
            && entry.app.may_replace(self.clock.now(), &token)
        {
            tracing::info!(issuer = %entry.issuer.name, "Webex refuses the Service App's own token");
            let token = self.own_token(entry, Some(&token)).await.map_err(Denied::App)?;
            result = attempt(token.token).await;
        }
        if result.is_ok() {
            entry.app.accepted();
        }
        result.map_err(|error| Denied::Webex(error.of_app()))
    }

    /// Mints a token for nobody who is known to this issuer, once, unless Webex asked to wait. The time is that of the
    /// request.
    pub(super) async fn mint_aside(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        subject: &Subject,
        name: &DisplayName,
        deadline: Instant,
    ) -> Result<(UnixTime, Minted), FlightFailure> {
        let minting = entry.minting.as_ref().map_err(Clone::clone)?;
        self.respect_pause(entry)?;
        let attempt = async {
            let shown = self.shown(entry, minting).await.map_err(Denied::App)?;
            self.stand_in_line(entry).await;
            let _slot = self.slots.acquire().await;
            // Webex may have asked to wait while this stood in line.
            self.respect_pause(entry).map_err(Denied::App)?;
            let wish = Wish { subject, name, timeout: self.settings.request_timeout };
            let sent_at = self.now();
            self.mint_with(entry, minting, shown, wish).await.map(|minted| (sent_at, minted))
        };
        let minted = timeout_at(deadline, attempt).await.map_err(|_| {
            FlightFailure::from(Failure::new(FailureCode::Deadline, "Webex did not answer in the time given"))
        })?;
        match minted {
            Ok(minted) => Ok(minted),
            Err(Denied::App(failed)) => Err(failed),
            Err(Denied::Webex(error)) => {
                tracing::info!(
                    issuer = %entry.issuer.name,
                    error = &error as &dyn std::error::Error,
                    tracking_id = error.said().and_then(|said| said.tracking_id.as_deref()),
                    "a mint for somebody who is not the issuer's guest failed"
                );
                let backoff = policy::backoff(1, None, roll());
                let failure = self.hold_against(entry, &error, backoff).await;
                let helps = matches!(error, MintError::RateLimited { .. } | MintError::Unavailable { .. });
                let now = self.clock.now();
                let opens = entry.door().gate.opens_at(now, Purpose::Foreground);
                let retry_at = now.wall.saturating_add(backoff).max(opens.unwrap_or(now.wall));
                let failure =
                    if helps { failure.with_retry_after(retry_at.since(now.wall)) } else { failure };
                Err(FlightFailure { failure, retry_at: helps.then_some(retry_at) })
            }
        }
    }

    /// Fails while nothing is to be sent for the issuer, with what closed its door.
    pub(super) fn open_door(&self, entry: &Entry) -> Result<(), FlightFailure> {
        let now = self.clock.now();
        let (opens, failure) = {
            let door = entry.door();
            (door.gate.opens_at(now, Purpose::Foreground), door.failure.clone())
        };
        let Some(opens) = opens else { return Ok(()) };
        let failure = failure
            .unwrap_or_else(|| Failure::new(FailureCode::RateLimited, "Webex asked to wait a moment ago"));
        if failure.code == FailureCode::IssuerRejected {
            return Err(failure.into());
        }
        Err(FlightFailure { failure: failure.with_retry_after(opens.since(now.wall)), retry_at: Some(opens) })
    }

    /// Fails while Webex wants no request for the issuer.
    pub(super) fn respect_pause(&self, entry: &Entry) -> Result<(), FlightFailure> {
        let now = self.clock.now();
        let Some(until) = entry.door().gate.paused_until(now) else { return Ok(()) };
        let message = format!("Webex asked issuer {} to wait", entry.issuer.name);
        let failure = Failure::new(FailureCode::RateLimited, message).with_retry_after(until.since(now.wall));
        Err(FlightFailure { failure, retry_at: Some(until) })
    }
}
