//! One mint: from the decision whether it may be sent to a token that is on disk.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::response::MintFailure;
use guestissuer_proto::{Failure, FailureCode, Secret, UnixTime};
use tokio::sync::OwnedSemaphorePermit;

use super::cache::Warm;
use super::flight::{FlightFailure, Outcome, Pilot};
use super::hand::{Denied, Shown, Wish};
use super::registry::{Entry, Minting};
use super::{Broker, count, failures, roll};
use crate::domain::credential::{Credential, Lifetime};
use crate::domain::gate::{Purpose, Trouble};
use crate::domain::guest::{Guest, GuestKey};
use crate::domain::policy;
use crate::store::guests as guest_rows;
use crate::store::mints::{self as mint_rows, Meanwhile, NewToken};
use crate::store::{StoreError, issuers as issuer_rows};
use crate::vault::Belonging;
use crate::webex::{MintError, Minted};

/// What a failure did to the issuer's door.
pub(super) struct Closed {
    /// The failure, as it is remembered.
    pub(super) record: MintFailure,
    /// Whether the failure tells something about the issuer, not only about the guest.
    pub(super) blames_issuer: bool,
    /// Until when Webex wants no request for the issuer.
    pub(super) paused_until: Option<UnixTime>,
    /// When someone who waits may ask again.
    pub(super) opens: Option<UnixTime>,
}

/// What follows from a failed mint.
struct Aftermath {
    /// When the guest is tried again.
    next_attempt_at: UnixTime,
    /// Until when Webex wants no request for the issuer.
    paused_until: Option<UnixTime>,
    /// Whether the failure tells something about the issuer, not only about the guest.
    blames_issuer: bool,
}

impl Broker {
    /// Starts a flight in a task of its own, so that it outlives whoever caused it.
    ///
    /// `seen` is when the token was minted that is to be replaced; if the store has another one by then, that one
    /// serves and nothing is minted.
    pub(super) fn take_off(
        self: &Arc<Self>,
        pilot: Pilot<GuestKey>,
        entry: &Arc<Entry>,
        key: &GuestKey,
        seen: Option<UnixTime>,
        purpose: Purpose,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        let (broker, entry, key) = (Arc::clone(self), Arc::clone(entry), key.clone());
        self.tasks.spawn(async move {
            let outcome = broker.fly(&entry, &key, seen, purpose).await;
            drop(permit);
            pilot.land(outcome);
            broker.announce(&key);
            // The next refresh may be sooner or later now.
            broker.schedule_changed.notify_one();
        });
    }

    async fn fly(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        key: &GuestKey,
        seen: Option<UnixTime>,
        purpose: Purpose,
    ) -> Outcome {
        let wanted = key.clone();
        let guest = self.store.read(move |rows| guest_rows::find(rows, &wanted)).await;
        let guest = guest.map_err(|error| failures::store(&error))?;
        let guest = guest.ok_or_else(|| failures::unknown_guest(&key.subject, &entry.issuer))?;
        if guest.lifetime.map(|lifetime| lifetime.issued_at) != seen {
            // Someone else minted between the look at the token and this flight.
            self.cache.forget(key);
            return Ok(());
        }
        // The times of a token that was thrown away say nothing about how long tokens live.
        let guest = Guest { lifetime: guest.token.as_ref().and(guest.lifetime), ..guest };
        let minting = entry.minting.as_ref().map_err(Clone::clone)?;
        self.hold_back(entry, &guest, purpose)?;
        // Before it takes a slot: those who wait for an app's own token must not be in the way of other issuers' guests.
        let shown = match self.shown(entry, minting).await {
            Ok(shown) => shown,
            Err(failed) => return Err(self.note_app_failure(&guest, failed).await),
        };
        self.wait_for_turn(entry, &guest, purpose).await?;
        let Ok(_slot) = self.slots.acquire().await else {
            return Err(Failure::new(FailureCode::Unavailable, "the daemon is about to end").into());
        };
        // Webex may have asked to wait while this flight stood in line.
        self.hold_back(entry, &guest, purpose)?;
        let sent_at = self.clock.now().wall;
        match self.ask_webex(entry, minting, &guest, shown).await {
            Ok(minted) => self.keep(entry, &guest, sent_at, minted).await,
            Err(Denied::Webex(error)) => Err(self.note_failure(entry, &guest, &error).await),
            Err(Denied::App(failed)) => Err(self.note_app_failure(&guest, failed).await),
        }
    }

    async fn ask_webex(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        minting: &Minting,
        guest: &Guest,
        shown: Shown<'_>,
    ) -> Result<Minted, Denied> {
        let life = guest.lifetime.map(|lifetime| lifetime.whole());
        let wish = Wish {
            subject: &guest.key.subject,
            name: &guest.display_name,
            timeout: policy::attempt_timeout(self.settings.request_timeout, life),
        };
        tracing::debug!(subject = %guest.key.subject, issuer = %entry.issuer.name, "minting");
        self.mint_with(entry, minting, shown, wish).await
    }

    /// Waits for a place in the line of requests to this issuer, unless it is no time to ask at all.
    async fn wait_for_turn(
        &self,
        entry: &Entry,
        guest: &Guest,
        purpose: Purpose,
    ) -> Result<(), FlightFailure> {
        self.hold_back(entry, guest, purpose)?;
        self.stand_in_line(entry).await;
        Ok(())
    }

    /// Waits for the next place in the line of requests to this issuer: `mints_per_second` of them, and no event that
    /// could be waited for instead.
    pub(super) async fn stand_in_line(&self, entry: &Entry) {
        let wait = entry.door().gate.reserve(self.clock.now(), self.settings.mints_per_second);
        tokio::time::sleep(wait).await;
    }

    /// Fails with what went wrong before, if that was too short a time ago to ask again.
    fn hold_back(&self, entry: &Entry, guest: &Guest, purpose: Purpose) -> Result<(), FlightFailure> {
        let moment = self.clock.now();
        let now = moment.wall;
        let remembered = guest.last_error.as_ref().filter(|_| guest.failures > 0);
        let guest_opens = remembered.and_then(|error| {
            let life = guest.lifetime.map(|lifetime| lifetime.whole());
            let backoff = policy::backoff(guest.failures.max(1), life, 1.0);
            let wait = match purpose {
                Purpose::Foreground => policy::foreground_backoff(backoff),
                // The schedule itself held the guest back.
                Purpose::Background => Duration::ZERO,
            };
            Some(error.at.saturating_add(wait)).filter(|opens| *opens > now && error.at <= now)
        });
        let (issuer_opens, issuer_failure) = {
            let door = entry.door();
            (door.gate.opens_at(moment, purpose), door.failure.clone())
        };
        let Some(opens) = guest_opens.max(issuer_opens) else {
            return Ok(());
        };
        let guest_failure = remembered.map(|error| error.failure.clone());
        let failure = if guest_opens >= issuer_opens { guest_failure } else { issuer_failure };
        let failure = failure.unwrap_or_else(|| {
            let name = &entry.issuer.name;
            Failure::new(FailureCode::Unavailable, format!("Webex did not serve issuer {name} a moment ago"))
                .with_hint(format!("see: gi issuer show {name}"))
        });
        if failure.code == FailureCode::IssuerRejected {
            return Err(failure.into());
        }
        Err(FlightFailure { failure: failure.with_retry_after(opens.since(now)), retry_at: Some(opens) })
    }

    /// Makes a token durable, and only then available.
    async fn keep(&self, entry: &Entry, guest: &Guest, issued_at: UnixTime, minted: Minted) -> Outcome {
        let life = minted.life;
        let (new, access_token) = self.sealed(guest, issued_at, minted)?;
        let lifetime = new.lifetime;
        let generation = self.cache.generation();
        let issuer = entry.issuer.id;
        let stored = self.store.write(move |rows| {
            let meanwhile = mint_rows::record_mint(rows, &new)?;
            issuer_rows::record_success(rows, issuer, issued_at)?;
            Ok::<_, StoreError>(meanwhile)
        });
        let meanwhile = stored.await.map_err(|error| self.not_kept(entry, &error, life))?;
        entry.succeeded();
        count(&self.counters.mints);
        if meanwhile == Meanwhile::Removed {
            // Those on board look again: the guest may have been registered anew.
            let failure = failures::unknown_guest(&guest.key.subject, &entry.issuer);
            return Err(FlightFailure { failure, retry_at: Some(self.now()) });
        }
        tracing::info!(
            subject = %guest.key.subject, issuer = %entry.issuer.name, life_s = life.as_secs(), "minted a token"
        );
        if meanwhile == Meanwhile::Renamed {
            self.cache.forget(&guest.key);
            return Ok(());
        }
        let warm = Warm {
            id: guest.id,
            display_name: guest.display_name.clone(),
            credential: Some(Credential::held_since(self.clock.now(), access_token, lifetime)),
            minted_at: Some(issued_at),
            next_attempt_at: Some(lifetime.refresh_at),
        };
        self.cache.keep(guest.key.clone(), warm, generation);
        Ok(())
    }

    /// A token, ready to be stored, and the token itself.
    pub(super) fn sealed(
        &self,
        guest: &Guest,
        issued_at: UnixTime,
        minted: Minted,
    ) -> Result<(NewToken, Secret), Failure> {
        let Minted { access_token, life, tracking_id, person_id, email } = minted;
        let lifetime = Lifetime {
            issued_at,
            expires_at: issued_at.saturating_add(life),
            refresh_at: policy::refresh_at(issued_at, life, self.settings.share, roll()),
        };
        let sealed = self.vault.seal(Belonging::Token(guest.id, &lifetime), &access_token);
        let new = NewToken {
            guest: guest.id,
            issuer: guest.key.issuer,
            name: guest.display_name.clone(),
            sealed: sealed.map_err(|error| failures::vault(&error))?,
            lifetime,
            tracking_id,
            person_id,
            email,
        };
        Ok((new, access_token))
    }

    /// Lets no more tokens be minted for a while, as this one could not be stored.
    pub(super) fn not_kept(&self, entry: &Entry, error: &StoreError, life: Duration) -> Failure {
        let failure = failures::store(error);
        let mut door = entry.door();
        door.gate.failed(self.clock.now(), Trouble::NotKept, Some(life), roll());
        door.failure = Some(failure.clone());
        failure
    }

    /// Writes down a failure and plans the next attempt, before anyone learns of it.
    async fn note_failure(&self, entry: &Entry, guest: &Guest, error: &MintError) -> FlightFailure {
        count(&self.counters.mint_failures);
        let now = self.now();
        let life = guest.lifetime.map(|lifetime| lifetime.whole());
        let backoff = policy::backoff(guest.failures.saturating_add(1), life, roll());
        let Closed { record, blames_issuer, paused_until, opens } =
            self.close_door(entry, error, backoff, life);
        let next_attempt_at = now.saturating_add(backoff).max(paused_until.unwrap_or(now));
        let retry_at = now.saturating_add(policy::foreground_backoff(backoff)).max(opens.unwrap_or(now));
        let helps = matches!(error, MintError::RateLimited { .. } | MintError::Unavailable { .. });
        let failure = record.failure.clone();
        let failure = if helps { failure.with_retry_after(retry_at.since(self.now())) } else { failure };
        let record = MintFailure { failure: failure.clone(), ..record };
        let aftermath = Aftermath { next_attempt_at, paused_until, blames_issuer };
        self.write_failure(entry, guest, record, aftermath).await;
        tracing::warn!(
            subject = %guest.key.subject,
            issuer = %entry.issuer.name,
            error = error as &dyn std::error::Error,
            tracking_id = error.said().and_then(|said| said.tracking_id.as_deref()),
            "no token was minted"
        );
        FlightFailure { failure, retry_at: helps.then_some(retry_at) }
    }

    /// Writes down that a Service App's own token is missing, and plans the next attempt. The issuer's part in that was
    /// written down by the refresh that failed.
    async fn note_app_failure(&self, guest: &Guest, failed: FlightFailure) -> FlightFailure {
        count(&self.counters.mint_failures);
        let now = self.now();
        let life = guest.lifetime.map(|lifetime| lifetime.whole());
        let backoff = policy::backoff(guest.failures.saturating_add(1), life, roll());
        let next_attempt_at = now.saturating_add(backoff).max(failed.retry_at.unwrap_or(now));
        let record = MintFailure { at: now, failure: failed.failure.clone(), tracking_id: None };
        let (id, issuer) = (guest.id, guest.key.issuer);
        let written = self
            .store
            .write(move |rows| mint_rows::record_failure(rows, id, issuer, &record, next_attempt_at));
        if let Err(error) = written.await {
            failures::store(&error);
        }
        self.cache.plan(&guest.key, Some(next_attempt_at));
        failed
    }

    /// Closes the issuer's door, as far as a failure tells something about the issuer and not only about a guest.
    pub(super) fn close_door(
        &self,
        entry: &Entry,
        error: &MintError,
        backoff: Duration,
        life: Option<Duration>,
    ) -> Closed {
        let now = self.clock.now();
        let trouble = trouble(error, backoff);
        let failure = failures::mint(error, &entry.issuer.name, self.webex.clock_skew_ms());
        let tracking_id = error.said().and_then(|said| said.tracking_id.clone());
        let mut door = entry.door();
        if let Some(trouble) = trouble {
            door.gate.failed(now, trouble, life, roll());
            door.failure = Some(failure.clone());
        }
        Closed {
            record: MintFailure { at: now.wall, failure, tracking_id },
            blames_issuer: trouble.is_some(),
            paused_until: door.gate.paused_until(now),
            opens: door.gate.opens_at(now, Purpose::Foreground),
        }
    }

    async fn write_failure(&self, entry: &Entry, guest: &Guest, record: MintFailure, aftermath: Aftermath) {
        let Aftermath { next_attempt_at, paused_until, blames_issuer } = aftermath;
        let (guest_id, issuer_id) = (guest.id, entry.issuer.id);
        let written = self.store.write(move |rows| {
            if blames_issuer {
                issuer_rows::record_failure(rows, issuer_id, &record, paused_until)?;
            }
            mint_rows::record_failure(rows, guest_id, issuer_id, &record, next_attempt_at)
        });
        if let Err(error) = written.await {
            // The plan on disk still says that the guest is due, so the gate in memory must hold it back.
            failures::store(&error);
            entry.door().gate.failed(self.clock.now(), Trouble::NotKept, None, roll());
        }
        self.cache.plan(&guest.key, Some(next_attempt_at));
    }
}

/// What a failure tells about the issuer, if anything.
pub(super) fn trouble(error: &MintError, backoff: Duration) -> Option<Trouble> {
    match error {
        MintError::Rejected { .. } | MintError::MissingScope { .. } | MintError::AppRejected { .. } => {
            Some(Trouble::Rejected)
        }
        MintError::RateLimited { retry_after, .. } => {
            Some(Trouble::AskedToWait(retry_after.unwrap_or(backoff)))
        }
        MintError::Unavailable { retry_after: Some(wait), .. } => Some(Trouble::AskedToWait(*wait)),
        MintError::Unavailable { retry_after: None, .. } => Some(Trouble::Unavailable),
        MintError::Refused { .. } | MintError::Unsigned(_) => None,
    }
}
