//! Where a guest is: at the issuer that was named, or at the one it was moved to.

use std::future::Future;
use std::sync::Arc;

use guestissuer_proto::request::GuestRef;
use guestissuer_proto::{DisplayName, Failure, FailureCode};

use super::registry::Entry;
use super::{Broker, failures};
use crate::domain::guest::GuestKey;
use crate::store::guests::{self as guest_rows, Registration};
use crate::store::{StoreError, moved};

impl Broker {
    /// The issuer that was named, or that has taken its place, and the guest there.
    pub(super) fn locate(&self, guest: &GuestRef) -> Result<(Arc<Entry>, GuestKey), Failure> {
        let named = self.registry.resolve(guest.issuer.as_ref())?;
        let entry = self.registry.last_successor(named);
        let key = GuestKey { issuer: entry.issuer.id, subject: guest.subject.clone() };
        Ok((entry, key))
    }

    /// Does something for a guest, and does it again elsewhere if the guest was moved, be it meanwhile.
    pub(super) async fn wherever<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        guest: &GuestRef,
        act: impl Fn(Arc<Entry>, GuestKey) -> F,
    ) -> Result<T, Failure> {
        let (mut entry, mut key) = self.locate(guest)?;
        loop {
            let failure = match act(Arc::clone(&entry), key.clone()).await {
                Err(failure) if failure.code == FailureCode::UnknownGuest => failure,
                done => return done,
            };
            if let Some(place) = self.moved_to(&key).await? {
                (entry, key) = place;
                continue;
            }
            // It may have come back, or have been registered, while it was looked for.
            let wanted = key.clone();
            if !self.read(move |rows| guest_rows::exists(rows, &wanted)).await? {
                return Err(self.with_suggestion(failure, &key).await);
            }
        }
    }

    /// Where a guest is now that this issuer does not have, if it was moved.
    pub(super) async fn moved_to(&self, key: &GuestKey) -> Result<Option<(Arc<Entry>, GuestKey)>, Failure> {
        let wanted = key.clone();
        let issuer = self.read(move |rows| moved::elsewhere(rows, &wanted)).await?;
        let entry = issuer.and_then(|issuer| self.registry.by_id(issuer));
        Ok(entry.map(|entry| {
            let key = GuestKey { issuer: entry.issuer.id, subject: key.subject.clone() };
            (entry, key)
        }))
    }

    /// Registers or renames a guest. One that was moved is not known here.
    pub(super) async fn register(
        &self,
        entry: &Entry,
        key: &GuestKey,
        name: DisplayName,
    ) -> Result<Registration, Failure> {
        if let Some(warm) = self.cache.find(key)
            && warm.display_name == name
        {
            return Ok(Registration::Same);
        }
        let (wanted, now) = (key.clone(), self.now());
        let registration = self.write(move |rows| {
            let is_elsewhere = moved::elsewhere(rows, &wanted)?.is_some();
            let register = || guest_rows::register(rows, &wanted, &name, now);
            Ok::<_, StoreError>(if is_elsewhere { None } else { Some(register()?) })
        });
        let unknown = || failures::unknown_guest(&key.subject, &entry.issuer);
        let registration = registration.await?.ok_or_else(unknown)?;
        if registration == Registration::Renamed {
            self.cache.forget(key);
            self.schedule_changed.notify_one();
        }
        Ok(registration)
    }
}
