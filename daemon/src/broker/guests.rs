//! What is asked about guests, except for their tokens.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::frame::MAX_REPLY;
use guestissuer_proto::request::{AddGuest, GuestRef, ListGuests, MAX_PAGE, PageKey, RenameGuest, SetPinned};
use guestissuer_proto::response::{
    GuestDetail, GuestDetailPage, GuestPage, GuestSummary, MintRecord, TokenState,
};
use guestissuer_proto::{Failure, IssuerName};
use tokio::time::Instant;

use super::registry::Entry;
use super::token::Want;
use super::{Broker, failures};
use crate::domain::guest::{Guest, GuestKey};
use crate::domain::policy::{Freshness, wall_freshness};
use crate::store::StoreError;
use crate::store::guests::{self as guest_rows, Registration};
use crate::store::mints as mint_rows;

/// The most bytes of guests on one page: half of what a reply may have, so that nothing else needs to be counted.
const PAGE_BYTES: usize = MAX_REPLY / 2;

/// More than the parts of a guest that do not vary take.
const FIXED_BYTES: usize = 512;

impl Broker {
    /// Registers a guest and mints its first token. A guest that is known already is renamed if need be.
    ///
    /// If the mint fails the guest stays registered, and is tried again later.
    pub async fn add(self: &Arc<Self>, ask: AddGuest, deadline: Instant) -> Result<GuestDetail, Failure> {
        let AddGuest { guest, name, pinned } = &ask;
        let add = |entry: Arc<Entry>, key: GuestKey| async move {
            let registration = self.register(&entry, &key, name.clone()).await?;
            if *pinned {
                self.pin(&entry, &key, true).await?;
            }
            let want = if registration == Registration::Renamed { Want::PreferNew } else { Want::Valid };
            let obtained = self.obtain(&entry, &key, want, None, deadline).await;
            let (warm, ..) = obtained.map_err(|failure| {
                let message =
                    format!("{} is registered but has no token yet: {}", key.subject, failure.message);
                Failure { message, ..failure }
            })?;
            self.note_use(&warm);
            self.detail(&entry, &key).await
        };
        self.wherever(guest, add).await
    }

    /// Changes a display name. Webex learns of it with the next mint, which is made due.
    pub async fn rename(&self, ask: RenameGuest) -> Result<GuestDetail, Failure> {
        let RenameGuest { guest, name } = &ask;
        let rename = |entry: Arc<Entry>, key: GuestKey| async move {
            // Only a known guest can be renamed.
            self.row(&entry, &key).await?;
            self.register(&entry, &key, name.clone()).await?;
            self.detail(&entry, &key).await
        };
        self.wherever(guest, rename).await
    }

    /// Keeps a guest warm even when nobody asks, or no longer.
    pub async fn set_pinned(&self, ask: SetPinned) -> Result<GuestDetail, Failure> {
        let set = |entry: Arc<Entry>, key: GuestKey| async move {
            self.pin(&entry, &key, ask.pinned).await?;
            self.detail(&entry, &key).await
        };
        self.wherever(&ask.guest, set).await
    }

    /// Forgets a guest and its token.
    pub async fn remove(&self, guest: GuestRef) -> Result<GuestDetail, Failure> {
        let remove = |entry: Arc<Entry>, key: GuestKey| async move {
            let detail = self.detail(&entry, &key).await?;
            let doomed = key.clone();
            if !self.write(move |rows| guest_rows::remove(rows, &doomed)).await? {
                return Err(failures::unknown_guest(&key.subject, &entry.issuer));
            }
            self.cache.forget(&key);
            self.announce(&key);
            Ok(detail)
        };
        self.wherever(&guest, remove).await
    }

    /// All about a guest, except for its token.
    pub async fn show(&self, guest: GuestRef) -> Result<GuestDetail, Failure> {
        let show = |entry: Arc<Entry>, key: GuestKey| async move { self.detail(&entry, &key).await };
        self.wherever(&guest, show).await
    }

    /// A page of guests.
    pub async fn list(&self, ask: ListGuests) -> Result<GuestPage, Failure> {
        let GuestDetailPage { guests, next } = self.list_details(ask).await?;
        Ok(GuestPage { guests: guests.into_iter().map(|guest| guest.summary).collect(), next })
    }

    /// A page of guests with more about each.
    pub async fn list_details(&self, ask: ListGuests) -> Result<GuestDetailPage, Failure> {
        let limit = usize::from(ask.limit.clamp(1, MAX_PAGE));
        let now = self.now();
        let filter = guest_rows::Filter {
            pattern: ask.pattern,
            expires_before: ask
                .expiring_within_ms
                .map(|millis| now.saturating_add(Duration::from_millis(millis))),
            failing: ask.failing,
        };
        let entries = match &ask.issuer {
            Some(name) => vec![self.registry.last_successor(self.registry.resolve(Some(name))?)],
            None => self.registry.all(),
        };
        let mut guests = Vec::new();
        for entry in entries {
            let after = match &ask.after {
                Some(place) if place.issuer > entry.issuer.name => continue,
                Some(place) if place.issuer == entry.issuer.name => Some(place.subject.clone()),
                Some(_) | None => None,
            };
            let (issuer, filter, wanted) = (entry.issuer.id, filter.clone(), limit + 1 - guests.len());
            let page = self
                .read(move |rows| guest_rows::page(rows, issuer, after.as_ref(), &filter, wanted))
                .await?;
            guests
                .extend(page.into_iter().map(|guest| self.described(guest, &entry.issuer.name, Vec::new())));
            if guests.len() > limit {
                break;
            }
        }
        let limit = limit.min(fitting(guests.iter().map(size)));
        let next = (guests.len() > limit).then(|| {
            guests.truncate(limit);
            let last = guests.last().map(|last| &last.summary);
            last.map(|last| PageKey { issuer: last.issuer.clone(), subject: last.subject.clone() })
        });
        Ok(GuestDetailPage { guests, next: next.flatten() })
    }

    async fn pin(&self, entry: &Entry, key: &GuestKey, pinned: bool) -> Result<(), Failure> {
        let id = self.row(entry, key).await?.id;
        let now = self.now();
        self.write(move |rows| guest_rows::set_pinned(rows, id, pinned, now)).await?;
        self.cache.forget(key);
        self.schedule_changed.notify_one();
        Ok(())
    }

    async fn row(&self, entry: &Entry, key: &GuestKey) -> Result<Guest, Failure> {
        let wanted = key.clone();
        match self.read(move |rows| guest_rows::find(rows, &wanted)).await? {
            Some(guest) => Ok(guest),
            None => Err(failures::unknown_guest(&key.subject, &entry.issuer)),
        }
    }

    async fn detail(&self, entry: &Entry, key: &GuestKey) -> Result<GuestDetail, Failure> {
        let guest = self.row(entry, key).await?;
        let id = guest.id;
        let history = self.read(move |rows| mint_rows::history(rows, id)).await?;
        Ok(self.described(guest, &entry.issuer.name, history))
    }

    fn described(&self, guest: Guest, issuer: &IssuerName, history: Vec<MintRecord>) -> GuestDetail {
        let created_at = guest.created_at;
        let issued_at = guest.lifetime.map(|lifetime| lifetime.issued_at);
        GuestDetail { summary: self.summary(guest, issuer), created_at, issued_at, history }
    }

    fn summary(&self, guest: Guest, issuer: &IssuerName) -> GuestSummary {
        let token_state = match guest.lifetime {
            None => TokenState::None,
            Some(lifetime) => match wall_freshness(self.now(), &lifetime, Duration::ZERO) {
                Freshness::Fresh => TokenState::Fresh,
                Freshness::RefreshDue => TokenState::Due,
                Freshness::TooShort => TokenState::Expired,
            },
        };
        GuestSummary {
            token_state,
            expires_at: guest.lifetime.map(|lifetime| lifetime.expires_at),
            refresh_at: guest.next_attempt_at,
            last_used_at: self.cache.last_use(guest.id).or(Some(guest.last_used_at)),
            subject: guest.key.subject,
            display_name: guest.display_name,
            issuer: issuer.clone(),
            last_error: guest.last_error,
            pinned: guest.pinned,
            person_id: guest.person_id,
            email: guest.email,
        }
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.store.read(work).await.map_err(|error| failures::store(&error))
    }

    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.store.write(work).await.map_err(|error| failures::store(&error))
    }
}

/// More bytes than a guest takes in a reply, except for what does not vary.
fn size(guest: &GuestDetail) -> usize {
    let guest = &guest.summary;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let failure = guest.last_error.as_ref().map_or(0, |error| {
        error.failure.message.len() + text(&error.failure.hint) + text(&error.tracking_id)
    });
    let names = guest.subject.as_str().len() + guest.display_name.as_str().len();
    failure + names + text(&guest.person_id) + text(&guest.email)
}

/// How many guests of these sizes fit on a page; at least one.
pub(super) fn fitting(sizes: impl Iterator<Item = usize>) -> usize {
    let mut left = PAGE_BYTES;
    let mut fit = 0;
    for size in sizes.map(|size| size + FIXED_BYTES) {
        if size > left && fit > 0 {
            break;
        }
        left = left.saturating_sub(size);
        fit += 1;
    }
    fit
}
