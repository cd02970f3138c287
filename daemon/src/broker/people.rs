//! Who a guest is, and what becomes of a token that was refused somewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guestissuer_proto::direct::Person;
use guestissuer_proto::request::{GuestRef, InvalidateToken};
use guestissuer_proto::response::Invalidated;
use guestissuer_proto::{Failure, Secret};
use tokio::time::Instant;

use super::cache::Warm;
use super::hand::UNAUTHORIZED;
use super::lanes::Lane;
use super::registry::Entry;
use super::token::Want;
use super::{Broker, failures};
use crate::domain::credential::Credential;
use crate::domain::guest::GuestKey;
use crate::domain::policy::{self, Freshness};
use crate::store::mints as mint_rows;
use crate::webex::MintError;

impl Broker {
    /// Asks Webex who a guest is, and remembers it.
    pub async fn who_am_i(self: &Arc<Self>, guest: GuestRef, deadline: Instant) -> Result<Person, Failure> {
        let ask = |entry: Arc<Entry>, key: GuestKey| async move {
            let (warm, person) = self.identify(&entry, &key, None, deadline).await?;
            self.note_use(&warm);
            Ok(person)
        };
        self.wherever(&guest, ask).await
    }

    /// Asks Webex who a guest is, and writes it down, with a token that is valid for as long as was asked. Where that was
    /// said, a token at hand will do that is to be refreshed.
    ///
    /// A token that Webex refuses was ended early. It is thrown away, and a new one is tried once.
    pub(super) async fn identify(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        key: &GuestKey,
        asked: Option<Duration>,
        deadline: Instant,
    ) -> Result<(Warm, Person), Failure> {
        let minting = entry.minting.as_ref().map_err(Clone::clone)?;
        // Whether the token is accepted says nothing about the issuer's credentials.
        let lane = Lane::Shared(Arc::clone(entry));
        let mut is_second = false;
        loop {
            let (warm, credential) = self.token_to_ask_with(entry, key, asked, deadline).await?;
            let timeout = self.settings.request_timeout;
            let attempt = || self.webex.person(&minting.base, &credential.access_token, timeout);
            let was_refused = AtomicBool::new(false);
            let explain = |error: &MintError| {
                let is_refused = matches!(error, MintError::Rejected { status: UNAUTHORIZED, .. });
                was_refused.fetch_or(is_refused, Ordering::Relaxed);
                failures::person(error)
            };
            match self.send(&lane, deadline, attempt, explain).await {
                Ok(person) => {
                    let (guest, issuer) = (warm.id, entry.issuer.id);
                    let (id, email) = (person.id.clone(), person.emails.first().cloned());
                    self.write(move |rows| {
                        mint_rows::record_person(rows, guest, issuer, &id, email.as_deref())
                    })
                    .await?;
                    return Ok((warm, person));
                }
                Err(_) if was_refused.load(Ordering::Relaxed) && !is_second => {
                    is_second = true;
                    self.throw_away(entry, key, Some(&credential.access_token)).await?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn token_to_ask_with(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        key: &GuestKey,
        asked: Option<Duration>,
        deadline: Instant,
    ) -> Result<(Warm, Credential), Failure> {
        if let Some(asked) = asked {
            let warm = self.warm(entry, key).await?;
            let now = self.clock.now();
            let will_do =
                |credential: &Credential| policy::freshness(now, credential, asked) != Freshness::TooShort;
            if let Some(credential) = warm.credential.clone().filter(will_do) {
                return Ok((warm, credential));
            }
        }
        let (warm, credential, _) = self.obtain(entry, key, Want::Valid, asked, deadline).await?;
        Ok((warm, credential))
    }

    /// Throws a guest's token away, if it is the one that was refused.
    pub async fn invalidate(&self, ask: InvalidateToken) -> Result<Invalidated, Failure> {
        let token = ask.token.as_ref();
        let throw_away = |entry: Arc<Entry>, key: GuestKey| async move {
            let was_current = self.throw_away(&entry, &key, token).await?;
            Ok(Invalidated { subject: key.subject, issuer: entry.issuer.name.clone(), was_current })
        };
        self.wherever(&ask.guest, throw_away).await
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
