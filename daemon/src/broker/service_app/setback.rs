//! Refreshes that fail: what is written down, and when the next one may be sent.

use std::time::Duration;

use guestissuer_proto::response::MintFailure;
use guestissuer_proto::{Failure, FailureCode, UnixTime};

use super::super::flight::FlightFailure;
use super::super::mint::Closed;
use super::super::registry::Entry;
use super::super::{Broker, failures, roll};
use super::token::{Cause, REFUSED_FACTOR, life_of};
use crate::domain::gate::{Purpose, Trouble};
use crate::domain::guest::AppToken;
use crate::domain::policy;
use crate::store::{app_tokens, issuers as issuer_rows};
use crate::webex::MintError;

impl Broker {
    /// Fails with what went wrong before, if that was too short a time ago to ask again.
    pub(super) fn hold_back_renewal(
        &self,
        entry: &Entry,
        row: &AppToken,
        purpose: Purpose,
    ) -> Result<(), FlightFailure> {
        let moment = self.clock.now();
        let now = moment.wall;
        let remembered = row.last_error.as_ref().filter(|error| row.failures > 0 && error.at <= now);
        let own = remembered.and_then(|error| {
            let wait = match purpose {
                Purpose::Foreground => {
                    policy::foreground_backoff(policy::backoff(row.failures, life_of(row), 1.0))
                }
                // The plan itself held it back.
                Purpose::Background => Duration::ZERO,
            };
            let opens = error.at.saturating_add(wait);
            (opens > now).then(|| (opens, error.failure.clone()))
        });
        let of_issuer = {
            let door = entry.door();
            door.gate.opens_at(moment, purpose).map(|opens| (opens, door.failure.clone()))
        };
        let (opens, failure) = match (own, of_issuer) {
            (None, None) => return Ok(()),
            (Some((opens, failure)), None) => (opens, failure),
            (own, Some((opens, failure))) => {
                let failure = failure.or_else(|| own.map(|(_, failure)| failure));
                (
                    opens,
                    failure.unwrap_or_else(|| Failure::new(FailureCode::RateLimited, "Webex asked to wait")),
                )
            }
        };
        if failure.code == FailureCode::IssuerRejected {
            return Err(failure.into());
        }
        Err(FlightFailure { failure: failure.with_retry_after(opens.since(now)), retry_at: Some(opens) })
    }

    /// Writes down a failed refresh and plans the next. While the token at hand can be used, the issuer's door stays
    /// open, unless Webex asked to wait.
    pub(super) async fn note_failed_renewal(
        &self,
        entry: &Entry,
        row: &AppToken,
        cause: Cause,
        error: &MintError,
    ) -> FlightFailure {
        let now = self.now();
        let refused = match cause {
            Cause::Needed { refused } => refused,
            Cause::Planned => None,
        };
        let backoff = policy::backoff(row.failures.saturating_add(1), life_of(row), roll());
        let (helps, wait) = match error {
            MintError::RateLimited { .. } | MintError::Unavailable { .. } => (true, backoff),
            MintError::Rejected { .. }
            | MintError::MissingScope { .. }
            | MintError::AppRejected { .. }
            | MintError::Refused { .. }
            | MintError::Unsigned(_) => (false, backoff.saturating_mul(REFUSED_FACTOR)),
        };
        let asks_to_wait = matches!(
            error,
            MintError::RateLimited { .. } | MintError::Unavailable { retry_after: Some(_), .. }
        );
        let is_usable = matches!(self.own_token_at_hand(entry, refused).await, Ok(Some(_)));
        let closed = if asks_to_wait || !is_usable {
            Some(self.close_door(entry, error, backoff, life_of(row)))
        } else {
            None
        };
        let failure = failures::mint(error, &entry.issuer.name, self.webex.clock_skew_ms());
        let tracking_id = error.said().and_then(|said| said.tracking_id.clone());
        tracing::warn!(
            issuer = %entry.issuer.name,
            error = error as &dyn std::error::Error,
            tracking_id = tracking_id.as_deref(),
            "the Service App's own token was not refreshed"
        );
        let opens = closed.as_ref().and_then(|closed| closed.opens).unwrap_or(now);
        let paused_until = closed.as_ref().and_then(|closed| closed.paused_until).unwrap_or(now);
        let next_attempt_at = now.saturating_add(wait).max(paused_until);
        let retry_at = now.saturating_add(policy::foreground_backoff(backoff)).max(opens);
        let record = MintFailure { at: now, failure: failure.clone(), tracking_id };
        self.write_failed_renewal(entry, record, closed, next_attempt_at).await;
        if !helps {
            return failure.into();
        }
        FlightFailure { failure: failure.with_retry_after(retry_at.since(now)), retry_at: Some(retry_at) }
    }

    pub(super) async fn write_failed_renewal(
        &self,
        entry: &Entry,
        record: MintFailure,
        closed: Option<Closed>,
        next_attempt_at: UnixTime,
    ) {
        let issuer = entry.issuer.id;
        let written = self.store.write(move |rows| {
            if let Some(closed) = closed.filter(|closed| closed.blames_issuer) {
                issuer_rows::record_failure(rows, issuer, &closed.record, closed.paused_until)?;
            }
            app_tokens::record_failure(rows, issuer, &record, next_attempt_at)
        });
        if let Err(error) = written.await {
            // The plan on disk still says that the refresh is due, so the gate in memory must hold it back.
            failures::store(&error);
            entry.door().gate.failed(self.clock.now(), Trouble::NotKept, None, roll());
        }
        self.schedule_changed.notify_one();
    }
}
