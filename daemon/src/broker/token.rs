//! Tokens: found in memory or in the store, or minted.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::request::GetToken;
use guestissuer_proto::response::Token;
use guestissuer_proto::{Failure, FailureCode, UnixTime};
use tokio::time::Instant;

use super::cache::Warm;
use super::flight::FlightFailure;
use super::registry::Entry;
use super::{Broker, count, failures};
use crate::domain::credential::Credential;
use crate::domain::gate::Purpose;
use crate::domain::guest::GuestKey;
use crate::domain::policy::{self, Freshness};
use crate::store::guests::{self as guest_rows, Registration};
use crate::vault::{Belonging, VaultError};

/// Which token will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// One that is valid for long enough.
    Valid,
    /// A new one; if that cannot be had, the one at hand if it is valid for long enough.
    PreferNew,
    /// A new one.
    New,
}

impl Broker {
    /// The token in memory, if it is what was asked for: the answer to most requests, without waiting for anything.
    pub fn at_hand(&self, ask: &GetToken) -> Option<Token> {
        if ask.force || ask.name.is_some() {
            return None;
        }
        let (entry, key) = self.locate(&ask.guest).ok()?;
        let warm = self.cache.find(&key)?;
        if !self.good_enough(&key, &warm, ask.min_validity_ms.map(Duration::from_millis)) {
            return None;
        }
        let credential = warm.credential.clone()?;
        count(&self.counters.gets);
        Some(self.hand_out(&entry, key, warm, credential, true))
    }

    /// An access token that stays valid for as long as was asked.
    pub async fn get(self: &Arc<Self>, ask: GetToken, deadline: Instant) -> Result<Token, Failure> {
        count(&self.counters.gets);
        let asked = ask.min_validity_ms.map(Duration::from_millis);
        let GetToken { guest, name, force, .. } = &ask;
        let get = |entry: Arc<Entry>, key: GuestKey| async move {
            let mut want = if *force { Want::New } else { Want::Valid };
            if let Some(name) = name {
                let registration = self.register(&entry, &key, name.clone()).await?;
                if registration == Registration::Renamed && !force {
                    want = Want::PreferNew;
                }
            }
            let (warm, credential, cached) = self.obtain(&entry, &key, want, asked, deadline).await?;
            Ok(self.hand_out(&entry, key, warm, credential, cached))
        };
        self.wherever(guest, get).await
    }

    fn hand_out(
        &self,
        entry: &Entry,
        key: GuestKey,
        warm: Warm,
        credential: Credential,
        cached: bool,
    ) -> Token {
        if cached {
            count(&self.counters.hits);
        }
        self.token(entry, key, warm, credential, cached)
    }

    /// What a client gets, whose guest is in use with that.
    pub(super) fn token(
        &self,
        entry: &Entry,
        key: GuestKey,
        warm: Warm,
        credential: Credential,
        cached: bool,
    ) -> Token {
        self.note_use(&warm);
        Token {
            subject: key.subject,
            issuer: entry.issuer.name.clone(),
            display_name: warm.display_name,
            access_token: credential.access_token,
            issued_at: credential.lifetime.issued_at,
            expires_at: credential.lifetime.expires_at,
            cached,
        }
    }

    /// Finds or mints a token. The last value says whether it was at hand.
    pub(super) async fn obtain(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        key: &GuestKey,
        want: Want,
        asked: Option<Duration>,
        deadline: Instant,
    ) -> Result<(Warm, Credential, bool), Failure> {
        let mut minted = false;
        let mut boarded_again = false;
        let mut last_failure = None;
        loop {
            let warm = self.warm(entry, key).await?;
            let good = self.good_enough(key, &warm, asked);
            // The mint that was joined began before the guest was renamed, and told Webex the old name.
            let has_old_name = want == Want::PreferNew && minted && !boarded_again && is_overtaken(&warm);
            boarded_again |= has_old_name;
            let fallback = match (&warm.credential, good) {
                (credential, good) if has_old_name => credential.as_ref().filter(|_| good),
                (Some(credential), true) if minted || want == Want::Valid => {
                    let credential = credential.clone();
                    return Ok((warm, credential, !minted));
                }
                (Some(credential), false) if minted || self.cannot_improve(credential, asked, want) => {
                    return Err(failures::life_too_short(asked, credential.lifetime.whole()));
                }
                (None, _) if minted => return Err(failures::vault(&VaultError::Tampered)),
                (credential, good) => credential.as_ref().filter(|_| good),
            };
            let failed = match self.mint(entry, key, warm.minted_at, deadline).await {
                Ok(()) => {
                    minted = true;
                    continue;
                }
                Err(failed) => failed,
            };
            if let (Want::PreferNew, Some(credential)) = (want, fallback) {
                let credential = credential.clone();
                return Ok((warm, credential, true));
            }
            // That time is up says less than why it was needed.
            if failed.failure.code == FailureCode::Deadline
                && let Some(earlier) = last_failure
            {
                return Err(earlier);
            }
            last_failure = Some(failed.failure.clone());
            self.wait_to_retry(failed, deadline).await?;
        }
    }

    /// Whether the token at hand may be handed out. Tells the refresher if it should be refreshed.
    pub(super) fn good_enough(&self, key: &GuestKey, warm: &Warm, asked: Option<Duration>) -> bool {
        let Some(credential) = &warm.credential else {
            return false;
        };
        let now = self.clock.now();
        let whole = credential.lifetime.whole();
        let minimum =
            asked.unwrap_or_else(|| policy::default_min_validity(self.settings.min_validity, whole));
        match policy::freshness(now, credential, minimum) {
            Freshness::Fresh => true,
            Freshness::RefreshDue => {
                // During a backoff the refresher knows when it is time; without a plan it knows of nothing.
                if warm.next_attempt_at.is_none() {
                    self.cache.note_use(warm.id, now.wall);
                    self.cache.plan(key, Some(now.wall));
                    self.schedule_changed.notify_one();
                }
                true
            }
            Freshness::TooShort => false,
        }
    }

    /// Whether a new token would be as short-lived as this one, which is still new itself. Minting for every call
    /// that asks for the impossible would be a storm.
    fn cannot_improve(&self, credential: &Credential, asked: Option<Duration>, want: Want) -> bool {
        let is_new = policy::freshness(self.clock.now(), credential, Duration::ZERO) == Freshness::Fresh;
        want == Want::Valid && is_new && asked.is_some_and(|asked| asked >= credential.lifetime.whole())
    }

    /// Waits until trying again may help, or fails if that would be after the deadline.
    pub(super) async fn wait_to_retry(
        &self,
        failed: FlightFailure,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let FlightFailure { failure, retry_at } = failed;
        let Some(retry_at) = retry_at else {
            return Err(failure);
        };
        let wait = retry_at.since(self.now());
        if Instant::now() + wait >= deadline {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// The guest as it is in memory, or else in the store.
    pub(super) async fn warm(&self, entry: &Entry, key: &GuestKey) -> Result<Warm, Failure> {
        if let Some(warm) = self.cache.find(key) {
            return Ok(warm);
        }
        let (wanted, generation) = (key.clone(), self.cache.generation());
        let guest = self.store.read(move |rows| guest_rows::find(rows, &wanted)).await;
        let guest = guest.map_err(|error| failures::store(&error))?;
        let guest = guest.ok_or_else(|| failures::unknown_guest(&key.subject, &entry.issuer))?;
        let credential = match (guest.token, guest.lifetime) {
            (Some(sealed), Some(lifetime)) => {
                match self.vault.unseal(Belonging::Token(guest.id, &lifetime), &sealed) {
                    Ok(token) => Some(Credential::held_since(self.clock.now(), token, lifetime)),
                    Err(error @ VaultError::Locked(_)) => return Err(failures::vault(&error)),
                    Err(error) => {
                        // As good as no token; a new one takes its place.
                        tracing::warn!(subject = %key.subject, error = &error as &dyn std::error::Error, "cannot open a token");
                        None
                    }
                }
            }
            (Some(_) | None, _) => None,
        };
        let warm = Warm {
            id: guest.id,
            display_name: guest.display_name,
            credential,
            minted_at: guest.lifetime.map(|lifetime| lifetime.issued_at),
            next_attempt_at: guest.next_attempt_at,
        };
        if warm.credential.is_some() {
            self.cache.keep(key.clone(), warm.clone(), generation);
        }
        Ok(warm)
    }

    pub(super) fn note_use(&self, warm: &Warm) {
        if self.cache.note_use(warm.id, self.now()) {
            self.schedule_changed.notify_one();
        }
    }

    /// Mints, or waits for the mint that is under way; until the deadline, while the mint itself goes on.
    async fn mint(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        key: &GuestKey,
        seen: Option<UnixTime>,
        deadline: Instant,
    ) -> Result<(), FlightFailure> {
        let boarded = self.flights.board(key);
        match boarded.pilot {
            Some(pilot) => self.take_off(pilot, entry, key, seen, Purpose::Foreground, None),
            None => count(&self.counters.coalesced),
        }
        match tokio::time::timeout_at(deadline, boarded.flight.outcome()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failures::deadline().into()),
        }
    }
}

/// Whether the guest was renamed while its token was minted, so that the refresh is due from the start.
fn is_overtaken(warm: &Warm) -> bool {
    warm.credential
        .as_ref()
        .is_some_and(|credential| credential.lifetime.refresh_at <= credential.lifetime.issued_at)
}
