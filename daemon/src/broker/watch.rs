//! A guest's token, and then each new one.

use std::sync::Arc;
use std::time::Duration;

use guestissuer_proto::request::{GetToken, GuestRef, HEARTBEAT};
use guestissuer_proto::response::Token;
use guestissuer_proto::{Failure, FailureCode, UnixTime};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::Broker;
use super::token::Want;
use crate::domain::guest::GuestKey;

/// How long a look at a watched guest may take: less than a heartbeat, so that the client hears from us in time.
const LOOK: Duration = Duration::from_secs(20);

/// Somebody watches a guest. Watching is using: the guest is kept warm.
#[derive(Debug)]
pub struct TokenWatch {
    broker: Arc<Broker>,
    key: GuestKey,
    min_validity: Option<Duration>,
    changes: broadcast::Receiver<GuestKey>,
    /// When the token was minted that was told last.
    told: Option<UnixTime>,
    /// The failure that was told last, until there is a valid token again.
    failed: Option<FailureCode>,
}

/// What a watcher is told.
#[derive(Debug)]
pub enum Watched {
    /// A token that was not told before.
    Token(Token),
    /// Nothing is new.
    Same,
    /// There is no token that is valid for long enough.
    Failed(Failure),
}

impl Broker {
    /// Watches a guest, which may be registered or renamed with it.
    pub async fn watch(
        self: &Arc<Self>,
        ask: GetToken,
        deadline: Instant,
    ) -> Result<(TokenWatch, Token), Failure> {
        // From before the first look, so that nothing is missed.
        let changes = self.changes.subscribe();
        let min_validity = ask.min_validity_ms.map(Duration::from_millis);
        let token = self.get(ask, deadline).await?;
        // A guest that was moved is at another issuer than the one that was named.
        let issuer = Some(token.issuer.clone());
        let (_, key) = self.locate(&GuestRef { subject: token.subject.clone(), issuer })?;
        let told = Some(token.issued_at);
        let broker = Arc::clone(self);
        Ok((TokenWatch { broker, key, min_validity, changes, told, failed: None }, token))
    }
}

impl TokenWatch {
    /// Waits for something to tell; no longer than a heartbeat and a look.
    pub async fn next(&mut self) -> Watched {
        let heartbeat = Instant::now() + HEARTBEAT;
        loop {
            let is_time =
                tokio::time::timeout_at(heartbeat, changed(&mut self.changes, &self.key)).await.is_err();
            self.follow().await;
            // While nothing can be minted, not every failed attempt is followed by another one from here.
            if self.failed.is_some() && !is_time && !self.is_served().await {
                continue;
            }
            let told = self.look().await;
            if is_time || !matches!(told, Watched::Same) {
                return told;
            }
        }
    }

    /// Turns to where the guest is, if it was moved. Whether it was.
    async fn follow(&mut self) -> bool {
        // If that cannot be read, the look that comes next says so.
        let Ok(Some((_, key))) = self.broker.moved_to(&self.key).await else { return false };
        self.key = key;
        true
    }

    async fn look(&mut self) -> Watched {
        match self.current().await {
            Ok(token) => {
                // After a failure the old token is news too, if it is valid again.
                let had_failed = self.failed.take().is_some();
                if self.told.replace(token.issued_at) == Some(token.issued_at) && !had_failed {
                    return Watched::Same;
                }
                Watched::Token(token)
            }
            Err(failure) if self.failed.replace(failure.code) == Some(failure.code) => Watched::Same,
            Err(failure) => Watched::Failed(failure),
        }
    }

    /// Whether there is a token that will do, without having one minted.
    async fn is_served(&self) -> bool {
        let Some(entry) = self.broker.registry.by_id(self.key.issuer) else { return false };
        let warm = self.broker.warm(&entry, &self.key).await;
        warm.is_ok_and(|warm| self.broker.good_enough(&self.key, &warm, self.min_validity))
    }

    async fn current(&mut self) -> Result<Token, Failure> {
        let deadline = Instant::now() + LOOK;
        loop {
            let failure = match self.obtain(deadline).await {
                // It may have been moved while its token was waited for.
                Err(failure) if is_gone(&failure) => failure,
                obtained => return obtained,
            };
            if !self.follow().await {
                return Err(failure);
            }
        }
    }

    async fn obtain(&self, deadline: Instant) -> Result<Token, Failure> {
        let Some(entry) = self.broker.registry.by_id(self.key.issuer) else {
            return Err(Failure::new(FailureCode::UnknownIssuer, "the guest's issuer was removed"));
        };
        let obtained = self.broker.obtain(&entry, &self.key, Want::Valid, self.min_validity, deadline).await;
        let (warm, credential, cached) = obtained?;
        Ok(self.broker.token(&entry, self.key.clone(), warm, credential, cached))
    }
}

fn is_gone(failure: &Failure) -> bool {
    matches!(failure.code, FailureCode::UnknownGuest | FailureCode::UnknownIssuer)
}

/// Returns when something about the guest has changed, or when it cannot be told.
async fn changed(changes: &mut broadcast::Receiver<GuestKey>, key: &GuestKey) {
    loop {
        match changes.recv().await {
            Ok(other) if other != *key => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            // The broker holds the other end, and this watch holds the broker.
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}
