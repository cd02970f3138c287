//! Moving one guest.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::migration::{MigrateGuest, MovedGuest};
use guestissuer_proto::{Failure, FailureCode, Subject};
use tokio::time::Instant;

use super::super::flight::Outcome;
use super::super::token::Want;
use super::super::{Broker, count, failures};
use super::Ends;
use crate::domain::guest::{Guest, GuestKey};
use crate::store::guests::{self as guest_rows, Registration};
use crate::store::moved::{self, Carried};
use crate::store::{StoreError, issuers as issuer_rows};

/// For how long a token must be valid to ask Webex whose it is.
const LONG_ENOUGH_TO_ASK: Duration = Duration::from_secs(5);

/// How long a mint may take, with all that it waits for. It goes on when nobody waits for it any more.
const LONGEST_MINT: Duration = Duration::from_secs(5 * 60);

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
        let mut was_moved = false;
        loop {
            let (wanted, other) = (old.clone(), new.clone());
            let (guest, is_in_both, record) = self
                .read(move |rows| {
                    Ok::<_, StoreError>((
                        guest_rows::find(rows, &wanted)?,
                        guest_rows::exists(rows, &other)?,
                        moved::find(rows, &wanted)?,
                    ))
                })
                .await?;
            let Some(guest) = guest else {
                let record =
                    record.ok_or_else(|| failures::unknown_guest(&old.subject, &ends.from.issuer))?;
                if !was_moved || !ask.asks_for_ids || record.after.person_id.is_some() {
                    return Ok(record);
                }
                return self.identified(&ends, &new, record, deadline).await;
            };
            if ask.asks_for_ids && guest.person_id.is_none() {
                // What else has changed meanwhile is looked at as well.
                match self.identify(&ends.from, &old, Some(LONG_ENOUGH_TO_ASK), deadline).await {
                    Err(failure) if failure.code != FailureCode::UnknownGuest => {
                        return Err(unidentified(&old.subject, failure));
                    }
                    Ok(_) | Err(_) => continue,
                }
            }
            if is_in_both {
                self.unite(&ends, &guest, &new, deadline).await?;
            } else if let Err(failed) = self.move_over(&ends, guest, &new, deadline).await {
                self.wait_to_retry(failed, deadline).await?;
                continue;
            }
            was_moved = true;
        }
    }

    /// Waits for the flight that brings the guest over.
    async fn move_over(
        self: &Arc<Self>,
        ends: &Ends,
        guest: Guest,
        new: &GuestKey,
        deadline: Instant,
    ) -> Outcome {
        let boarded = self.flights.board(new);
        if let Some(pilot) = boarded.pilot {
            let (broker, ends, new) = (Arc::clone(self), ends.clone(), new.clone());
            self.tasks.spawn(async move {
                let outcome = broker.bring_over(&ends, &guest).await;
                broker.cache.forget(&guest.key);
                pilot.land(outcome);
                broker.announce(&guest.key);
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
    async fn bring_over(self: &Arc<Self>, ends: &Ends, guest: &Guest) -> Outcome {
        let to = &ends.to;
        self.open_door(to)?;
        let deadline = Instant::now() + LONGEST_MINT;
        let minted = self.mint_aside(to, &guest.key.subject, &guest.display_name, deadline).await;
        let (issued_at, minted) = minted.inspect_err(|failed| {
            count(&self.counters.mint_failures);
            let error = &failed.failure;
            tracing::warn!(subject = %guest.key.subject, issuer = %to.issuer.name, %error, "a guest was not moved");
        })?;
        let life = minted.life;
        let (token, _) = self.sealed(guest, issued_at, minted)?;
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
            Carried::Moved => {
                tracing::info!(
                    subject = %guest.key.subject, from = %ends.from.issuer.name, to = %to.issuer.name, "moved a guest"
                );
                self.note_taken(ends).await?;
                Ok(())
            }
            // Whoever waits looks at what has become of it.
            Carried::Gone | Carried::Taken => Ok(()),
        }
    }

    /// Makes one guest of two: the new issuer has one of this subject already.
    async fn unite(
        self: &Arc<Self>,
        ends: &Ends,
        guest: &Guest,
        new: &GuestKey,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let registration = self.register(&ends.to, new, guest.display_name.clone()).await?;
        let want = if registration == Registration::Renamed { Want::PreferNew } else { Want::Valid };
        let (warm, ..) = self.obtain(&ends.to, new, want, None, deadline).await?;
        let (route, old, now) = (ends.route(), guest.id, self.now());
        self.write(move |rows| moved::merge(rows, &route, old, warm.id, now)).await?;
        for key in [&guest.key, new] {
            self.cache.forget(key);
            self.announce(key);
        }
        self.schedule_changed.notify_one();
        self.note_taken(ends).await
    }

    /// An issuer that has guests has no successor.
    async fn note_taken(&self, ends: &Ends) -> Result<(), Failure> {
        if ends.to.issuer.successor.is_some() { self.reload_issuers().await } else { Ok(()) }
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
        if let Err(error) = self.identify(&ends.to, new, Some(LONG_ENOUGH_TO_ASK), deadline).await {
            tracing::info!(subject = %new.subject, issuer = %ends.to.issuer.name, %error, "the person id stays unknown");
            return Ok(record);
        }
        let key = GuestKey { issuer: ends.from.issuer.id, subject: new.subject.clone() };
        Ok(self.read(move |rows| moved::find(rows, &key)).await?.unwrap_or(record))
    }
}

/// A guest is not moved before Webex has said who it is: afterwards nobody could.
fn unidentified(subject: &Subject, failure: Failure) -> Failure {
    let message =
        format!("the person id of {subject} is not known, and asking for it failed: {}", failure.message);
    Failure { message, ..failure }.with_hint("to move guests without asking for their person ids: --skip-ids")
}
