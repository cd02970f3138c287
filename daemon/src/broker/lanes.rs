//! The ways to Webex of requests that are for no guest of ours: each has a door, so that these requests wait as all
//! others do.
//!
//! Never held against a stored issuer: that Webex refused what somebody else signed. The waits that Webex asks for
//! outlive a restart for stored issuers only; there is no place to keep the others'.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guestissuer_proto::{Failure, FailureCode, UnixTime};
use lru::LruCache;
use tokio::time::{Instant, timeout_at};

use super::flight::FlightFailure;
use super::mint::trouble;
use super::registry::{Door, Entry};
use super::{Broker, roll};
use crate::domain::gate::{Gate, Purpose, Trouble};
use crate::domain::policy;
use crate::domain::time::Moment;
use crate::store::issuers as issuer_rows;
use crate::webex::MintError;
use crate::webex::base::ApiBase;

/// How many doors of issuers that are not stored are remembered. A person uses a handful of them.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Where a request goes, and whom its failures are about.
pub(super) enum Lane {
    /// A stored issuer sends it: whatever Webex answers is about the issuer.
    Own(Arc<Entry>),
    /// It is for a stored issuer's id and address, and somebody else has signed it: a refusal is not about the issuer.
    Shared(Arc<Entry>),
    /// No stored issuer is concerned.
    Passing(Arc<Mutex<Door>>),
}

/// An address and an issuer id.
type Whither = (String, String);

/// The doors of issuers that are not stored.
pub(super) struct Lanes(Mutex<LruCache<Whither, Arc<Mutex<Door>>>>);

impl Lanes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }

    /// The door of this issuer at this address.
    fn door(&self, base: &ApiBase, id: &str, now: Moment) -> Arc<Mutex<Door>> {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (base.to_string(), id.to_owned());
        if let Some(door) = doors.get(&key) {
            return Arc::clone(door);
        }
        if doors.len() == CAPACITY.get() {
            // A door that is closed is forgotten only if all of them are: Webex may have asked for a wait.
            let is_open = |door: &Mutex<Door>| look(door).gate.opens_at(now, Purpose::Foreground).is_none();
            let open = doors.iter().rev().find(|(_, door)| is_open(door)).map(|(key, _)| key.clone());
            open.and_then(|key| doors.pop(&key));
        }
        let door = Arc::new(Mutex::new(Door { gate: Gate::default(), failure: None }));
        doors.put(key, Arc::clone(&door));
        door
    }
}

impl Lane {
    fn door(&self) -> MutexGuard<'_, Door> {
        match self {
            Self::Own(entry) | Self::Shared(entry) => entry.door(),
            Self::Passing(door) => look(door),
        }
    }

    /// When a request may be sent, if not now, and what closed the door.
    fn closed(&self, now: Moment) -> Option<(UnixTime, Failure)> {
        let door = self.door();
        let is_for_another = match self {
            Self::Own(_) | Self::Passing(_) => false,
            Self::Shared(_) => is_refusal(door.failure.as_ref()),
        };
        let opens = if is_for_another {
            door.gate.paused_until(now)
        } else {
            door.gate.opens_at(now, Purpose::Foreground)
        };
        let failure = || {
            door.failure
                .clone()
                .filter(|_| !is_for_another)
                .unwrap_or_else(|| Failure::new(FailureCode::RateLimited, "Webex asked to wait a moment ago"))
        };
        opens.map(|opens| (opens, failure()))
    }
}

impl Broker {
    /// The way of a request for this issuer id at this address. `own` is the stored issuer that signed it, if one did.
    pub(super) fn lane(&self, base: &ApiBase, id: &str, own: Option<Arc<Entry>>) -> Lane {
        let is_there = |entry: &Entry| entry.minting.as_ref().is_ok_and(|minting| minting.base == *base);
        if let Some(entry) = own.filter(|entry| is_there(entry)) {
            return Lane::Own(entry);
        }
        let stored = self.registry.all().into_iter();
        match stored.into_iter().find(|entry| entry.issuer.public_id == id && is_there(entry)) {
            Some(entry) => Lane::Shared(entry),
            None => Lane::Passing(self.lanes.door(base, id, self.clock.now())),
        }
    }

    /// Sends a request when its lane allows it, and again as long as that may help and there is time.
    pub(super) async fn send<T, F: Future<Output = Result<T, MintError>>>(
        &self,
        lane: &Lane,
        deadline: Instant,
        attempt: impl Fn() -> F,
        explain: impl Fn(&MintError) -> Failure,
    ) -> Result<T, Failure> {
        let mut failures = 0_u32;
        let mut last = None;
        loop {
            let Some(slot) = self.turn(lane, deadline, last.as_ref()).await? else { continue };
            let Ok(answered) = timeout_at(deadline, attempt()).await else {
                return Err(last.unwrap_or_else(too_late));
            };
            drop(slot);
            let error = match answered {
                Ok(answer) => {
                    self.note_success(lane).await;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            failures = failures.saturating_add(1);
            let failure = explain(&error);
            tracing::info!(
                error = &error as &dyn std::error::Error,
                tracking_id = error.said().and_then(|said| said.tracking_id.as_deref()),
                "a request that mints for no guest failed"
            );
            let backoff = policy::backoff(failures, None, roll());
            self.note_failure_in(lane, &error, &failure, backoff).await;
            match error {
                MintError::RateLimited { .. } | MintError::Unavailable { .. } => {}
                MintError::Rejected { .. }
                | MintError::MissingScope { .. }
                | MintError::AppRejected { .. }
                | MintError::Refused { .. }
                | MintError::Unsigned(_) => return Err(failure),
            }
            let now = self.clock.now();
            let retry_at = now.wall.saturating_add(policy::foreground_backoff(backoff));
            let opens = lane.door().gate.opens_at(now, Purpose::Foreground);
            self.wait_until(opens.max(Some(retry_at)), deadline, failure.clone()).await?;
            last = Some(failure);
        }
    }

    /// Waits until the lane lets a request through, and takes a slot. None if the lane was closed while this stood in
    /// line.
    async fn turn(
        &self,
        lane: &Lane,
        deadline: Instant,
        last: Option<&Failure>,
    ) -> Result<Option<tokio::sync::SemaphorePermit<'_>>, Failure> {
        if let Some((opens, failure)) = lane.closed(self.clock.now()) {
            // That credentials were refused does not pass by itself.
            if is_refusal(Some(&failure)) {
                return Err(failure);
            }
            self.wait_until(Some(opens), deadline, last.cloned().unwrap_or(failure)).await?;
        }
        let out_of_time = || last.cloned().unwrap_or_else(too_late);
        let wait = lane.door().gate.reserve(self.clock.now(), self.settings.mints_per_second);
        if Instant::now() + wait >= deadline {
            return Err(out_of_time().with_retry_after(wait));
        }
        tokio::time::sleep(wait).await;
        let slot = timeout_at(deadline, self.slots.acquire()).await.map_err(|_| out_of_time())?;
        let slot = slot.map_err(|_| Failure::new(FailureCode::Unavailable, "the daemon is about to end"))?;
        Ok(Some(slot).filter(|_| lane.closed(self.clock.now()).is_none()))
    }

    /// Waits, or fails with what went wrong if that would be until after the deadline.
    async fn wait_until(
        &self,
        opens: Option<UnixTime>,
        deadline: Instant,
        failure: Failure,
    ) -> Result<(), Failure> {
        let wait = opens.map_or(Duration::ZERO, |opens| opens.since(self.now()));
        let retry_at = Some(opens.unwrap_or_else(|| self.now()));
        self.wait_to_retry(FlightFailure { failure: failure.with_retry_after(wait), retry_at }, deadline)
            .await
    }

    async fn note_success(&self, lane: &Lane) {
        // That others get through proves nothing about the issuer.
        if matches!(lane, Lane::Shared(_)) {
            return;
        }
        let had_failed = {
            let mut door = lane.door();
            door.gate.succeeded();
            door.failure.take().is_some()
        };
        if let Lane::Own(entry) = lane
            && had_failed
        {
            let (issuer, now) = (entry.issuer.id, self.now());
            // The door in memory is open all the same.
            drop(self.write(move |rows| issuer_rows::record_success(rows, issuer, now)).await);
        }
    }

    async fn note_failure_in(&self, lane: &Lane, error: &MintError, failure: &Failure, backoff: Duration) {
        let trouble = trouble(error, backoff);
        match (lane, trouble) {
            (_, None) | (Lane::Shared(_) | Lane::Passing(_), Some(Trouble::Rejected)) => {}
            (Lane::Own(entry) | Lane::Shared(entry), Some(_)) => {
                // A wait that Webex asked for must outlive a restart.
                self.hold_against(entry, error, backoff).await;
            }
            (Lane::Passing(door), Some(trouble)) => {
                let mut door = look(door);
                door.gate.failed(self.clock.now(), trouble, None, roll());
                door.failure = Some(failure.clone());
            }
        }
    }
}

fn look(door: &Mutex<Door>) -> MutexGuard<'_, Door> {
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_refusal(failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| failure.code == FailureCode::IssuerRejected)
}

fn too_late() -> Failure {
    Failure::new(FailureCode::Deadline, "no answer from Webex in the time given")
        .with_hint("allow more time with --timeout")
}

#[cfg(test)]
mod tests {
    use guestissuer_proto::UnixTime;

    use super::*;
    use crate::domain::time::BootTime;

    const NOW: Moment = Moment { wall: UnixTime(1_000_000), boot: BootTime(Duration::from_secs(500)) };

    #[test]
    fn doors_are_bounded_and_one_that_webex_closed_is_not_forgotten() {
        let lanes = Lanes::new();
        let base: ApiBase = "https://webexapis.com/v1".parse().unwrap();
        let closed = lanes.door(&base, "closed", NOW);
        look(&closed).gate.failed(NOW, Trouble::AskedToWait(Duration::from_secs(60)), None, 0.0);
        let open = lanes.door(&base, "open", NOW);
        for n in 0..CAPACITY.get() {
            lanes.door(&base, &n.to_string(), NOW);
        }
        assert_eq!(lanes.0.lock().unwrap().len(), CAPACITY.get());
        assert!(Arc::ptr_eq(&closed, &lanes.door(&base, "closed", NOW)));
        assert!(!Arc::ptr_eq(&open, &lanes.door(&base, "open", NOW)));
        let elsewhere: ApiBase = "https://api.ciscospark.com/v1".parse().unwrap();
        assert!(!Arc::ptr_eq(&closed, &lanes.door(&elsewhere, "closed", NOW)));
    }
}
