//! What the refresher does in one pass: the broker's part of keeping tokens warm.

use std::sync::Arc;

use guestissuer_proto::UnixTime;

use super::registry::Entry;
use super::{Broker, failures};
use crate::domain::gate::Purpose;
use crate::domain::guest::Guest;
use crate::store::{StoreError, guests as guest_rows};

/// What a pass over the schedule found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// When more will be due than is now, if anything will. What is overdue and was not started waits for a flight to
    /// land, which is a change of the schedule.
    pub next_due: Option<UnixTime>,
}

impl Broker {
    /// Starts the refreshes that are due, longest overdue first, as far as there are free slots.
    pub async fn refresh_due(self: &Arc<Self>) -> Pass {
        self.write_down_uses().await;
        let mut pass = Pass { next_due: None };
        for entry in self.registry.all() {
            match self.refresh_issuer(&entry).await {
                Ok(next_due) => pass.next_due = [pass.next_due, next_due].into_iter().flatten().min(),
                // A later pass tries again; the failure is in the journal.
                Err(error) => drop(failures::store(&error)),
            }
        }
        pass
    }

    /// Returns once the schedule may have changed.
    pub async fn schedule_change(&self) {
        self.schedule_changed.notified().await;
    }

    /// Writes down who was asked for. A hit never writes; this does, now and then.
    pub(super) async fn write_down_uses(&self) {
        let uses = self.cache.take_uses();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.store.write(move |rows| guest_rows::touch(rows, &uses)).await {
            failures::store(&error);
        }
    }

    async fn refresh_issuer(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Option<UnixTime>, StoreError> {
        let now = self.now();
        let issuer = entry.issuer.id;
        if entry.minting.is_err() {
            return Ok(None);
        }
        if let Some(opens) = entry.door().gate.opens_at(self.clock.now(), Purpose::Background) {
            return Ok(Some(opens));
        }
        let renewal = self.renew_if_due(entry).await?;
        self.retire_idle(entry, now).await?;
        // Those in flight are still at the head of the schedule, and must not hide the ones behind them.
        let limit = self.background_slots.available_permits() + self.flights.count();
        let due = self.store.read(move |rows| guest_rows::due(rows, issuer, now, limit)).await?;
        for guest in due {
            // While an issuer is in trouble, one request at a time finds out whether that is over.
            let is_probe_out = entry.door().gate.is_troubled() && self.flights.is_busy(issuer);
            if !is_probe_out {
                self.refresh(entry, &guest);
            }
        }
        let next = self.store.read(move |rows| guest_rows::next_due(rows, issuer, now)).await?;
        Ok([renewal, next].into_iter().flatten().min())
    }

    /// Starts one refresh, unless it is under way already or there is no free slot.
    fn refresh(self: &Arc<Self>, entry: &Arc<Entry>, guest: &Guest) {
        if self.flights.is_flying(&guest.key) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.background_slots).try_acquire_owned() else {
            return;
        };
        let Some(pilot) = self.flights.board(&guest.key).pilot else {
            return;
        };
        let seen = guest.lifetime.map(|lifetime| lifetime.issued_at);
        self.take_off(pilot, entry, &guest.key, seen, Purpose::Background, Some(permit));
    }

    async fn retire_idle(&self, entry: &Entry, now: UnixTime) -> Result<(), StoreError> {
        let cutoff = now.saturating_sub(self.settings.idle_after);
        let issuer = entry.issuer.id;
        if !self.store.read(move |rows| guest_rows::has_idle(rows, issuer, now, cutoff)).await? {
            return Ok(());
        }
        let retired =
            self.store.write(move |rows| guest_rows::retire_idle(rows, issuer, now, cutoff)).await?;
        // Those in memory must learn that nothing is planned for them any more.
        self.cache.clear();
        tracing::info!(issuer = %entry.issuer.name, retired, "left idle guests to expire");
        Ok(())
    }
}
