//! At most one mint per guest, and one refresh per Service App, is in flight; everyone who wants it waits for the same
//! one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use guestissuer_proto::{Failure, FailureCode, UnixTime};
use tokio::sync::watch;

use crate::domain::guest::{GuestKey, IssuerId};

/// How a flight ended: the token is in the store and the cache, or it failed.
pub(super) type Outcome = Result<(), FlightFailure>;

/// Why a flight brought no token.
#[derive(Debug, Clone)]
pub(super) struct FlightFailure {
    /// What a client learns.
    pub(super) failure: Failure,
    /// When someone who waits may try again; absent where trying again cannot help.
    pub(super) retry_at: Option<UnixTime>,
}

impl From<Failure> for FlightFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, retry_at: None }
    }
}

/// Tells how a flight ended, once it has.
type Ending = watch::Receiver<Option<Outcome>>;

/// The flights under way, by whom or what they are for.
///
/// Invariant: a key is in the map from before its flight starts until its outcome is known.
#[derive(Debug)]
pub(super) struct Flights<K>(Mutex<HashMap<K, Ending>>);

/// A place on a flight.
pub(super) struct Boarded<K: Hash + Eq> {
    /// Tells how it ends.
    pub(super) flight: Flight,
    /// For the first on board, who must make it happen.
    pub(super) pilot: Option<Pilot<K>>,
}

/// Waits for the end of a flight.
pub(super) struct Flight(Ending);

/// Must end the flight. Dropping it without saying how means that it crashed.
pub(super) struct Pilot<K: Hash + Eq> {
    flights: Arc<Flights<K>>,
    key: K,
    outcome: watch::Sender<Option<Outcome>>,
}

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Hash + Eq> Flights<K> {
    /// Boards the flight for this key, starting one if there is none.
    pub(super) fn board(self: &Arc<Self>, key: &K) -> Boarded<K> {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(key) {
            return Boarded { flight: Flight(flight.clone()), pilot: None };
        }
        let (outcome, flight) = watch::channel(None);
        flights.insert(key.clone(), flight.clone());
        let pilot = Pilot { flights: Arc::clone(self), key: key.clone(), outcome };
        Boarded { flight: Flight(flight), pilot: Some(pilot) }
    }

    /// Whether a flight for this key is under way.
    pub(super) fn is_flying(&self, key: &K) -> bool {
        self.lock().contains_key(key)
    }

    /// How many flights are under way.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }
}

impl<K: Hash + Eq> Flights<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Ending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flights<GuestKey> {
    /// Whether any flight of this issuer's guests is under way.
    pub(super) fn is_busy(&self, issuer: IssuerId) -> bool {
        self.lock().keys().any(|key| key.issuer == issuer)
    }
}

impl Flight {
    /// Waits until the flight has ended.
    pub(super) async fn outcome(mut self) -> Outcome {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            Err(_) => Err(Failure::new(
                FailureCode::Internal,
                "the mint was cut short by a defect or by the \
                                                                daemon's end",
            )
            .into()),
        }
    }
}

impl<K: Hash + Eq> Pilot<K> {
    /// Ends the flight.
    pub(super) fn land(self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl<K: Hash + Eq> Drop for Pilot<K> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(subject: &str) -> GuestKey {
        GuestKey { issuer: IssuerId(1), subject: subject.parse().unwrap() }
    }

    #[tokio::test]
    async fn the_first_on_board_flies_and_all_learn_the_outcome() {
        let flights = Arc::new(Flights::default());
        let first = flights.board(&key("1"));
        let second = flights.board(&key("1"));
        let other = flights.board(&key("2"));
        assert!(second.pilot.is_none() && other.pilot.is_some());
        assert!(flights.is_busy(IssuerId(1)) && !flights.is_busy(IssuerId(2)));
        first.pilot.unwrap().land(Ok(()));
        assert!(first.flight.outcome().await.is_ok());
        assert!(second.flight.outcome().await.is_ok());
        assert!(flights.board(&key("1")).pilot.is_some());
    }

    #[tokio::test]
    async fn a_crashed_flight_fails_and_makes_room() {
        let flights = Arc::new(Flights::default());
        let crashed = flights.board(&key("1"));
        let waiting = flights.board(&key("1"));
        drop(crashed.pilot);
        assert_eq!(waiting.flight.outcome().await.unwrap_err().failure.code, FailureCode::Internal);
        assert_eq!(flights.count(), 0);
    }
}
