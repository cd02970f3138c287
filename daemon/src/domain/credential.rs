//! An access token and its times.

use std::time::Duration;

use guestissuer_proto::{Secret, UnixTime};

use super::time::{BootTime, Moment};

/// When a token was minted, is to be refreshed, and dies. All by the wall clock of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// When the request that minted it was sent, so that the time it took counts against the token.
    pub issued_at: UnixTime,
    /// `issued_at` plus the `expiresIn` of Webex's answer.
    pub expires_at: UnixTime,
    /// When it is to be refreshed: rolled once when it was minted.
    pub refresh_at: UnixTime,
}

impl Lifetime {
    /// How long the token lives in all.
    #[must_use]
    pub fn whole(&self) -> Duration {
        self.expires_at.since(self.issued_at)
    }
}

/// An access token of a guest, as the daemon holds it in memory.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What Webex accepts.
    pub access_token: Secret,
    /// Its times by the wall clock.
    pub lifetime: Lifetime,
    /// When it dies by the boot clock of this run.
    pub dies_at: BootTime,
}

impl Credential {
    /// A token with these times, seen at `now`, which fixes when it dies by the boot clock.
    #[must_use]
    pub fn held_since(now: Moment, access_token: Secret, lifetime: Lifetime) -> Self {
        let left = lifetime.expires_at.since(now.wall).min(lifetime.whole());
        Self { access_token, lifetime, dies_at: BootTime(now.boot.0.saturating_add(left)) }
    }
}
