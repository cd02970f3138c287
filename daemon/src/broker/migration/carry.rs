//! Moving one guest.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::migration::{MigrateGuest, MovedGuest};
use guestissuer_proto::{Failure, FailureCode, Subject};
use tokio::time::Instant;

use super::super::flight::{FlightFailure, Outcome};
use super::super::token::Want;
use super::super::{Broker, count, failures};
use super::Ends;
use crate::domain::guest::{Guest, GuestKey};
use crate::store::guests as guest_rows;
use crate::store::moved::{self, Carried};
use crate::store::{StoreError, issuers as issuer_rows};

/// For how long a token must be valid to ask Webex whose it is.
const LONG_ENOUGH_TO_ASK: Duration = Duration::from_secs(5);

/// How long a mint may take, with all that it waits for. It goes on when nobody waits for it any more.
const LONGEST_MINT: Duration = Duration::from_secs(5 * 60);

/// What is known of a guest that is to be moved.
struct Seen {
    /// The old issuer's guest, if it still has it.
    guest: Option<Guest>,
    /// Whether the new issuer has a guest of this subject.
    is_in_both: bool,
    /// What was written down when it was moved.
    record: Option<MovedGuest>,
}

/// What is to be done next.
enum Step {
    /// Nothing: it was moved.
    Tell(MovedGuest),
    /// It was moved just now, and who it is remains to be asked.
    LearnAfter(MovedGuest),
    /// Webex must be asked who it is, as long as that can be asked.
    LearnBefore,
    /// Both issuers have it.
    Unite(Guest),
    /// The new issuer must mint for it.
    BringOver(Guest),
    /// Nobody has it.
    GiveUp,
}

impl Seen {
    /// The same, if it was moved, then to where it is to be moved now.
    fn towards(self, ends: &Ends) -> Self {
        let record = self.record.filter(|record| record.migration.to == ends.to.issuer.name);
        Self { record, ..self }
    }

    fn next_step(self, asks_for_ids: bool, was_moved_now: bool) -> Step {
        match (self.guest, self.record) {
            (None, None) => Step::GiveUp,
            (None, Some(record)) if was_moved_now && asks_for_ids && record.after.person_id.is_none() => {
                Step::LearnAfter(record)
            }
            (None, Some(record)) => Step::Tell(record),
            (Some(guest), _) if asks_for_ids && guest.person_id.is_none() => Step::LearnBefore,
            (Some(guest), _) if self.is_in_both => Step::Unite(guest),
            (Some(guest), _) => Step::BringOver(guest),
        }
    }
}

impl Broker {
    /// Moves a guest to another issuer, once that has a token for it. One that was moved before is told of again.
    pub async fn migrate_guest(
        self: &Arc<Self>,
        ask: MigrateGuest,
        deadline: Instant,
    ) -> Result<MovedGuest, Failure> {
        let ends = self.ends(&ask.migration).await?;
        let old = GuestKey { issuer: ends.from.issuer.id, subject: ask.subject.clone() };
        let new = GuestKey { issuer: ends.to.issuer.id, subject: ask.subject };
        let mut was_moved_now = false;
        loop {
            let seen = self.seen(&old, &new).await?.towards(&ends);
            let done = match seen.next_step(ask.asks_for_ids, was_moved_now) {
                Step::Tell(record) => return Ok(record),
                Step::LearnAfter(record) => return self.identified(&ends, &new, record, deadline).await,
                Step::GiveUp => return Err(failures::unknown_guest(&old.subject, &ends.from.issuer)),
                Step::LearnBefore => {
                    let asked = self.identify(&ends.from, &old, Some(LONG_ENOUGH_TO_ASK), deadline).await;
                    asked.map(drop).map_err(|failure| unidentified(&old.subject, failure))
                }
                Step::Unite(guest) => {
                    was_moved_now = true;
                    self.unite(&ends, &guest, &new, deadline).await
                }
                Step::BringOver(guest) => {
                    was_moved_now = true;
                    match self.move_over(&ends, &guest, &new, deadline).await {
                        Ok(()) => Ok(()),
                        Err(failed) => self.wait_to_retry(failed, deadline).await,
                    }
                }
            };
            match done {
                Ok(()) => {}
                // It was removed or moved meanwhile, at the one issuer or the other: all is looked at again.
                Err(failure) if failure.code == FailureCode::UnknownGuest && Instant::now() < deadline => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn seen(&self, old: &GuestKey, new: &GuestKey) -> Result<Seen, Failure> {
        let (old, new) = (old.clone(), new.clone());
        self.read(move |rows| {
            Ok::<_, StoreError>(Seen {
                guest: guest_rows::find(rows, &old)?,
                is_in_both: guest_rows::exists(rows, &new)?,
                record: moved::find(rows, &old)?,
            })
        })
        .await
    }

    /// Waits for the flight that brings the guest over.
    async fn move_over(
        self: &Arc<Self>,
        ends: &Ends,
        guest: &Guest,
        new: &GuestKey,
        deadline: Instant,
    ) -> Outcome {
        let boarded = self.flights.board(new);
        if let Some(pilot) = boarded.pilot {
            let (broker, ends) = (Arc::clone(self), ends.clone());
            let (old, new) = (guest.key.clone(), new.clone());
            self.tasks.spawn(async move {
                let outcome = broker.bring_over(&ends, &old, &new).await;
                broker.cache.forget(&old);
                pilot.land(outcome);
                broker.announce(&old);
                broker.announce(&new);
                broker.schedule_changed.notify_one();
            });
        }
        match tokio::time::timeout_at(deadline, boarded.flight.outcome()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failures::deadline().into()),
        }
    }

    /// Mints at the new issuer, and moves the guest with the token that this brings.
    async fn bring_over(self: &Arc<Self>, ends: &Ends, old: &GuestKey, new: &GuestKey) -> Outcome {
        let to = &ends.to;
        // Those on board, some of whom want a token of the new issuer, look for themselves at what has become of it.
        let look_again = || FlightFailure {
            failure: failures::unknown_guest(&new.subject, &to.issuer),
            retry_at: Some(self.now()),
        };
        // To one issuer at a time, however many want it.
        let moving = self.moves.board(old);
        let Some(_pilot) = moving.pilot else {
            drop(moving.flight.outcome().await);
            return Err(look_again());
        };
        // An earlier flight may have moved it between the look at the guest and this one.
        let Seen { guest: Some(guest), is_in_both: false, .. } = self.seen(old, new).await? else {
            return Err(look_again());
        };
        self.open_door(to)?;
        let deadline = Instant::now() + LONGEST_MINT;
        let minted = self.mint_aside(to, &guest.key.subject, &guest.display_name, deadline).await;
        let (issued_at, minted) = minted.inspect_err(|failed| {
            count(&self.counters.mint_failures);
            let (subject, code) = (&guest.key.subject, failed.failure.code.as_str());
            tracing::warn!(%subject, issuer = %to.issuer.name, code, "a guest was not moved");
        })?;
        let life = minted.life;
        let (token, _) = self.sealed(&guest, issued_at, minted)?;
        let route = ends.route();
        let stored = self.store.write(move |rows| {
            let carried = moved::carry(rows, &route, &token)?;
            issuer_rows::record_success(rows, route.to, issued_at)?;
            Ok::<_, StoreError>(carried)
        });
        let carried = stored.await.map_err(|error| self.not_kept(to, &error, life))?;
        to.succeeded();
        count(&self.counters.mints);
        match carried {
            Carried::Moved { successor_ended } => {
                let (from, to) = (&ends.from.issuer.name, &to.issuer.name);
                tracing::info!(subject = %old.subject, %from, %to, "moved a guest");
                self.note_end_of_successor(successor_ended).await?;
                Ok(())
            }
            Carried::Gone | Carried::Taken => Err(look_again()),
            Carried::NoTarget => Err(failures::removed_issuer(&to.issuer.name).into()),
        }
    }

    /// Makes one guest of two: the new issuer has one of this subject already, which keeps its name and its token.
    async fn unite(
        self: &Arc<Self>,
        ends: &Ends,
        guest: &Guest,
        new: &GuestKey,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let (warm, ..) = self.obtain(&ends.to, new, Want::Valid, None, deadline).await?;
        let (route, old, now) = (ends.route(), guest.id, self.now());
        let merged = self.write(move |rows| moved::merge(rows, &route, old, warm.id, now)).await?;
        for key in [&guest.key, new] {
            self.cache.forget(key);
            self.announce(key);
        }
        self.schedule_changed.notify_one();
        let successor_ended = matches!(merged, Carried::Moved { successor_ended: true });
        self.note_end_of_successor(successor_ended).await
    }

    /// An issuer that has guests has no successor, in memory as on disk.
    async fn note_end_of_successor(&self, has_ended: bool) -> Result<(), Failure> {
        if has_ended { self.reload_issuers().await } else { Ok(()) }
    }

    /// Asks who a guest is that was moved, where the answer to the mint did not say. That it stays unknown is no reason
    /// to fail.
    async fn identified(
        self: &Arc<Self>,
        ends: &Ends,
        new: &GuestKey,
        record: MovedGuest,
        deadline: Instant,
    ) -> Result<MovedGuest, Failure> {
        if let Err(failure) = self.identify(&ends.to, new, Some(LONG_ENOUGH_TO_ASK), deadline).await {
            let (issuer, code) = (&ends.to.issuer.name, failure.code.as_str());
            tracing::info!(subject = %new.subject, %issuer, code, "the person id stays unknown");
            return Ok(record);
        }
        let key = GuestKey { issuer: ends.from.issuer.id, subject: new.subject.clone() };
        Ok(self.read(move |rows| moved::find(rows, &key)).await?.unwrap_or(record))
    }
}

/// A guest is not moved before Webex has said who it is: afterwards nobody could.
fn unidentified(subject: &Subject, failure: Failure) -> Failure {
    if failure.code == FailureCode::UnknownGuest {
        return failure;
    }
    let message =
        format!("the person id of {subject} is not known, and asking for it failed: {}", failure.message);
    let failure = Failure { message, ..failure };
    // What passes is better waited for than left out.
    if failure.code == FailureCode::IssuerRejected {
        failure.with_hint("to move guests without asking for their person ids: --skip-ids")
    } else {
        failure
    }
}
