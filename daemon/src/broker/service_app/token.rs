//! The own token of a Service App: refreshed by one at a time, ahead of its end or when it is refused, and on disk
//! before it is used.
//!
//! Invariant: whatever Webex answers to a refresh is written down, or kept until it can be, before anything else is
//! done with the issuer's tokens. The refresh token may have been replaced, and only a person can get another one.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::response::MintFailure;
use guestissuer_proto::{Failure, FailureCode, UnixTime};

use super::super::flight::{Flight, FlightFailure, Outcome};
use super::super::registry::{Entry, Minting};
use super::super::{Broker, failures, roll};
use super::holder::{Granted, OwnToken};
use crate::domain::credential::{Credential, Lifetime};
use crate::domain::gate::{Purpose, Trouble};
use crate::domain::guest::{AppToken, Sealed};
use crate::domain::policy;
use crate::store::{StoreError, app_tokens, issuers as issuer_rows};
use crate::vault::TokenPair;
use crate::webex::{AppCredentials, Grant, IssuerAccess, Malformed, MintError, Said, Unusable};

/// The life of an access token about which Webex does not say how long it lives: the documented one. If it is less,
/// the token is refused, and then replaced at once.
pub(super) const USUAL_LIFE: Duration = Duration::from_secs(14 * 86_400);

/// How many times longer the plan waits after Webex refused a refresh: a person must act, and tells when that is done.
pub(super) const REFUSED_FACTOR: u32 = 12;

/// How often a refresh is waited for that ends well and brings no token: what was under way may have been an update of
/// the issuer that came to nothing.
const ROUNDS: usize = 2;

/// Why a token is refreshed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cause {
    /// There is none that could be used, or Webex refused the one of this generation.
    Needed { refused: Option<u64> },
    /// It is due.
    Planned,
}

impl Broker {
    /// The Service App's own token: the one at hand, or else a new one. `refused` is one that Webex did not accept.
    pub(in super::super) async fn own_token(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        refused: Option<&OwnToken>,
    ) -> Result<OwnToken, FlightFailure> {
        let refused = refused.map(|token| token.generation);
        for _ in 0..ROUNDS {
            if let Some(token) = self.own_token_at_hand(entry, refused).await? {
                return Ok(token);
            }
            self.renew(entry, Cause::Needed { refused }).await?;
        }
        self.own_token_at_hand(entry, None).await?.ok_or_else(|| {
            let name = &entry.issuer.name;
            let message = format!("the new access token of Service App {name} was over before it arrived");
            Failure::new(FailureCode::Unavailable, message).into()
        })
    }

    /// Starts a refresh if one is due. When the next one is.
    pub(in super::super) async fn renew_if_due(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
    ) -> Result<Option<UnixTime>, StoreError> {
        let Ok(Minting { access: IssuerAccess::ServiceApp(_), .. }) = &entry.minting else { return Ok(None) };
        let issuer = entry.issuer.id;
        let Some(row) = self.store.read(move |rows| app_tokens::find(rows, issuer)).await? else {
            return Ok(None);
        };
        self.remind(entry, &row);
        if row.next_attempt_at > self.now() {
            return Ok(Some(row.next_attempt_at));
        }
        if !self.renewals.is_flying(&issuer) {
            drop(self.start_renewal(entry, Cause::Planned));
        }
        // What comes of it changes the schedule.
        Ok(None)
    }

    /// Refreshes, or waits for the refresh that is under way. It goes on if nobody waits.
    async fn renew(self: &Arc<Self>, entry: &Arc<Entry>, cause: Cause) -> Outcome {
        self.start_renewal(entry, cause).outcome().await
    }

    fn start_renewal(self: &Arc<Self>, entry: &Arc<Entry>, cause: Cause) -> Flight {
        let boarded = self.renewals.board(&entry.issuer.id);
        if let Some(pilot) = boarded.pilot {
            let (broker, issuer) = (Arc::clone(self), entry.issuer.id);
            self.tasks.spawn(async move {
                // The issuer may have been changed since; the newest credentials count.
                let outcome = match broker.registry.by_id(issuer) {
                    Some(entry) => broker.refresh_app(&entry, cause).await,
                    None => Err(removed().into()),
                };
                pilot.land(outcome);
            });
        }
        boarded.flight
    }

    pub(super) async fn own_token_at_hand(
        &self,
        entry: &Entry,
        refused: Option<u64>,
    ) -> Result<Option<OwnToken>, FlightFailure> {
        let (generation, is_there) = entry.app.generation();
        if !is_there && let Some(row) = self.app_row(entry).await? {
            let pair = self.open_pair(entry, &row)?;
            if let Some(access) = pair.access {
                entry.app.load(Credential::held_since(self.clock.now(), access, row.lifetime()), generation);
            }
        }
        Ok(entry.app.usable(self.clock.now(), refused))
    }

    async fn refresh_app(self: &Arc<Self>, entry: &Arc<Entry>, cause: Cause) -> Outcome {
        let minting = entry.minting.as_ref().map_err(Clone::clone)?;
        let IssuerAccess::ServiceApp(app) = &minting.access else {
            return Err(
                Failure::new(FailureCode::Internal, "only a Service App has a token of its own").into()
            );
        };
        let row = self.app_row(entry).await?.ok_or_else(|| failures::no_tokens(&entry.issuer.name))?;
        if let Some(granted) = entry.app.take_aside() {
            return self.keep_grant(entry, &row, granted).await;
        }
        let purpose = match cause {
            Cause::Needed { refused } => {
                // Somebody else may have been faster.
                if self.own_token_at_hand(entry, refused).await?.is_some() {
                    return Ok(());
                }
                Purpose::Foreground
            }
            Cause::Planned if row.next_attempt_at > self.now() => return Ok(()),
            Cause::Planned => Purpose::Background,
        };
        self.hold_back_renewal(entry, &row, purpose)?;
        self.ask_for_grant(entry, (minting, app), &row, cause).await
    }

    async fn ask_for_grant(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        (minting, app): (&Minting, &AppCredentials),
        row: &AppToken,
        cause: Cause,
    ) -> Outcome {
        let pair = match self.open_pair(entry, row) {
            Ok(pair) => pair,
            Err(failure) => {
                let record = MintFailure { at: self.now(), failure: failure.clone(), tracking_id: None };
                let wait = policy::backoff(row.failures.saturating_add(1), None, roll());
                let next_attempt_at = self.now().saturating_add(wait.saturating_mul(REFUSED_FACTOR));
                self.write_failed_renewal(entry, record, None, next_attempt_at).await;
                return Err(failure.into());
            }
        };
        let timeout = policy::attempt_timeout(self.settings.request_timeout, life_of(row));
        let sent_at = self.now();
        tracing::debug!(issuer = %entry.issuer.name, "refreshing the Service App's own token");
        match self.webex.refresh(&minting.base, app, &pair.refresh, timeout).await {
            Ok(grant) => self.keep_grant(entry, row, Granted { sent_at, grant }).await,
            Err(error) => Err(self.note_failed_renewal(entry, row, cause, &error).await),
        }
    }

    /// Makes what Webex gave durable, and only then available.
    async fn keep_grant(&self, entry: &Entry, row: &AppToken, granted: Granted) -> Outcome {
        let old = match self.open_pair(entry, row) {
            Ok(old) => old,
            Err(failure) => {
                entry.app.put_aside(granted);
                return Err(failure.into());
            }
        };
        let Granted { sent_at, grant } = &granted;
        let (pair, mut new) = self.merged(*sent_at, grant, Some((&old, row)))?;
        // A refresh token may have come without an access token. It is kept; all else has failed.
        let incomplete = grant.access.is_none().then(|| {
            let cause = Unusable::Malformed(Malformed::NoToken);
            let error = MintError::Unavailable { cause, retry_after: None, said: Said::default() };
            failures::mint(&error, &entry.issuer.name, None)
        });
        if let Some(failure) = &incomplete {
            let record = MintFailure { at: self.now(), failure: failure.clone(), tracking_id: None };
            let wait = policy::backoff(row.failures.saturating_add(1), life_of(row), roll());
            new.next_attempt_at = self.now().saturating_add(wait);
            new.failures = row.failures.saturating_add(1);
            new.last_error = Some(record);
        }
        let had_failed = row.failures > 0 && incomplete.is_none();
        let sealed = self.seal_pair(&entry.issuer.name, &entry.issuer.public_id, &new, &pair);
        new.sealed = match sealed {
            Ok(sealed) => sealed,
            Err(failure) => {
                entry.app.put_aside(granted);
                return Err(failure.into());
            }
        };
        let (issuer, now, lifetime) = (entry.issuer.id, self.now(), new.lifetime());
        let stored = self.store.write(move |rows| {
            if !app_tokens::has_issuer(rows, issuer)? {
                return Ok(false);
            }
            app_tokens::put(rows, issuer, &new)?;
            if had_failed {
                issuer_rows::absolve(rows, issuer)?;
                issuer_rows::forgive(rows, issuer, now)?;
            }
            Ok(true)
        });
        match stored.await {
            Ok(true) => {}
            Ok(false) => return Err(removed().into()),
            Err(error) => {
                // The next attempt writes it down, instead of asking for more.
                entry.app.put_aside(granted);
                let failure = failures::store(&error);
                let mut door = entry.door();
                door.gate.failed(self.clock.now(), Trouble::NotKept, Some(lifetime.whole()), roll());
                door.failure = Some(failure.clone());
                return Err(failure.into());
            }
        }
        let credential = pair.access.map(|token| Credential::held_since(self.clock.now(), token, lifetime));
        entry.app.replace(credential);
        self.schedule_changed.notify_one();
        if let Some(failure) = incomplete {
            return Err(failure.into());
        }
        if had_failed {
            entry.succeeded();
            self.cache.clear();
        }
        tracing::info!(
            issuer = %entry.issuer.name, life_s = lifetime.whole().as_secs(), "refreshed the Service App's own token"
        );
        Ok(())
    }

    /// The tokens after a refresh that began with `old`: what did not come stays as it was. Not sealed yet.
    pub(super) fn merged(
        &self,
        sent_at: UnixTime,
        grant: &Grant,
        old: Option<(&TokenPair, &AppToken)>,
    ) -> Result<(TokenPair, AppToken), FlightFailure> {
        let old_refresh = old.map(|(pair, _)| &pair.refresh);
        let refresh = grant.refresh_token.as_ref().or(old_refresh).cloned();
        let refresh = refresh.ok_or_else(|| {
            FlightFailure::from(Failure::new(FailureCode::Usage, "there is no refresh token"))
        })?;
        let is_same_refresh = old_refresh == Some(&refresh);
        let before = old.map(|(_, row)| row);
        let lifetime = match (&grant.access, before) {
            (None, Some(row)) => row.lifetime(),
            (None, None) => Lifetime { issued_at: sent_at, expires_at: sent_at, refresh_at: sent_at },
            (Some((_, life)), row) => {
                let life = life.or_else(|| row.and_then(life_of)).unwrap_or(USUAL_LIFE);
                let refresh_at = policy::app_refresh_at(sent_at, life, self.settings.share, roll());
                Lifetime { issued_at: sent_at, expires_at: sent_at.saturating_add(life), refresh_at }
            }
        };
        let known_end = before.filter(|_| is_same_refresh).and_then(|row| row.refresh_expires_at);
        let refresh_expires_at = grant.refresh_life.map(|life| sent_at.saturating_add(life)).or(known_end);
        let access = grant.access.as_ref().map(|(token, _)| token.clone());
        let access = access.or_else(|| old.and_then(|(pair, _)| pair.access.clone()));
        let token = AppToken {
            sealed: Sealed(Vec::new()),
            issued_at: lifetime.issued_at,
            expires_at: lifetime.expires_at,
            refresh_at: lifetime.refresh_at,
            refresh_expires_at,
            next_attempt_at: lifetime.refresh_at,
            failures: 0,
            last_error: None,
        };
        Ok((TokenPair { refresh, access }, token))
    }

    pub(super) async fn app_row(&self, entry: &Entry) -> Result<Option<AppToken>, Failure> {
        let issuer = entry.issuer.id;
        self.read(move |rows| app_tokens::find(rows, issuer)).await
    }
}

pub(super) fn life_of(row: &AppToken) -> Option<Duration> {
    Some(row.lifetime().whole()).filter(|life| !life.is_zero())
}

/// The issuer is gone.
pub(super) fn removed() -> Failure {
    Failure::new(FailureCode::UnknownIssuer, "the issuer was removed meanwhile")
}
