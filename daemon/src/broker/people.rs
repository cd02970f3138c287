//! Who a guest is, and what becomes of a token that was refused somewhere.

use std::sync::Arc;

use guestissuer_proto::direct::Person;
use guestissuer_proto::request::{GuestRef, InvalidateToken};
use guestissuer_proto::response::Invalidated;
use guestissuer_proto::{Failure, FailureCode, Secret};
use tokio::time::Instant;

use super::lanes::Lane;
use super::registry::Entry;
use super::token::Want;
use super::{Broker, failures};
use crate::domain::guest::GuestKey;
use crate::store::mints as mint_rows;

impl Broker {
    /// Asks Webex who a guest is, and remembers it.
    ///
    /// A token that Webex refuses was ended early. It is thrown away, and a new one is tried once.
    pub async fn who_am_i(self: &Arc<Self>, guest: GuestRef, deadline: Instant) -> Result<Person, Failure> {
        let (entry, key) = self.locate(guest)?;
        let minting = entry.minting.as_ref().map_err(Clone::clone)?;
        // Whether the token is accepted says nothing about the issuer's credentials.
        let lane = Lane::Shared(Arc::clone(&entry));
        let mut is_second = false;
        loop {
            let (warm, credential, _) = self.obtain(&entry, &key, Want::Valid, None, deadline).await?;
            self.note_use(&warm);
            let timeout = self.settings.request_timeout;
            let attempt = || self.webex.person(&minting.base, &credential.access_token, timeout);
            match self.send(&lane, deadline, attempt, failures::person).await {
                Ok(person) => {
                    let (id, email) = (person.id.clone(), person.emails.first().cloned());
                    self.write(move |rows| mint_rows::record_person(rows, warm.id, &id, email.as_deref()))
                        .await?;
                    return Ok(person);
                }
                Err(failure) if failure.code == FailureCode::IssuerRejected && !is_second => {
                    is_second = true;
                    self.throw_away(&entry, &key, Some(&credential.access_token)).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Throws a guest's token away, if it is the one that was refused.
    pub async fn invalidate(&self, ask: InvalidateToken) -> Result<Invalidated, Failure> {
        let (entry, key) = self.locate(ask.guest)?;
        let was_current = self.throw_away(&entry, &key, ask.token.as_ref()).await?;
        Ok(Invalidated { subject: key.subject, issuer: entry.issuer.name.clone(), was_current })
    }

    async fn throw_away(
        &self,
        entry: &Entry,
        key: &GuestKey,
        refused: Option<&Secret>,
    ) -> Result<bool, Failure> {
        let warm = self.warm(entry, key).await?;
        let (Some(credential), Some(minted_at)) = (&warm.credential, warm.minted_at) else {
            return Ok(false);
        };
        if refused.is_some_and(|refused| *refused != credential.access_token) {
            return Ok(false);
        }
        let (id, now) = (warm.id, self.now());
        let was_current = self.write(move |rows| mint_rows::invalidate(rows, id, minted_at, now)).await?;
        self.cache.forget(key);
        self.announce(key);
        self.schedule_changed.notify_one();
        if was_current {
            tracing::info!(subject = %key.subject, issuer = %entry.issuer.name, "threw a refused token away");
        }
        Ok(was_current)
    }
}
