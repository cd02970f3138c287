//! What the daemon has in memory of a Service App's own token. The store has it all, except for what it could not take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use guestissuer_proto::{Secret, UnixTime};

use crate::domain::credential::Credential;
use crate::domain::policy::{self, Freshness};
use crate::domain::time::{BootTime, Moment};
use crate::webex::Grant;

/// How long the app's own token must stay valid to be used for a request, or a tenth of its life where that is less.
const MARGIN: Duration = Duration::from_secs(60);

/// How long after a refresh that a refused token caused no other one is made for that reason, unless a request
/// succeeded in between: a new token that is refused as well shows that tokens are not what is wrong.
const FUTILE: Duration = Duration::from_secs(60);

/// How often it is said that a refresh token is about to expire.
const REMINDER: Duration = Duration::from_secs(86_400);

/// A Service App's token, as it is used for one request.
#[derive(Debug)]
pub(in super::super) struct OwnToken {
    pub(in super::super) token: Arc<Secret>,
    /// Which of the tokens of this run it is.
    pub(super) generation: u64,
}

/// What came from Webex, and when it was asked for.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) sent_at: UnixTime,
    pub(super) grant: Grant,
}

/// See the module. Outlives changes of the issuer.
#[derive(Debug, Default)]
pub(in super::super) struct AppHolder(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    credential: Option<Credential>,
    /// How many tokens there were in this run.
    generation: u64,
    /// What Webex gave and the disk did not take. Used for nothing before it is on disk.
    unsaved: Option<Granted>,
    /// When a token was last replaced because Webex refused it, and which one that was.
    replaced: Option<(BootTime, u64)>,
    reminded_at: Option<BootTime>,
}

impl AppHolder {
    /// The token, if it can be used now and is newer than the one that was refused.
    pub(super) fn usable(&self, now: Moment, refused: Option<u64>) -> Option<OwnToken> {
        let held = self.held();
        let credential = held.credential.as_ref()?;
        let margin = policy::default_min_validity(MARGIN, credential.lifetime.whole());
        let is_valid = policy::freshness(now, credential, margin) != Freshness::TooShort;
        let is_new = refused.is_none_or(|refused| held.generation > refused);
        (is_valid && is_new).then(|| OwnToken {
            token: Arc::new(credential.access_token.clone()),
            generation: held.generation,
        })
    }

    /// Which token is the newest, and whether there is one.
    pub(super) fn generation(&self) -> (u64, bool) {
        let held = self.held();
        (held.generation, held.credential.is_some())
    }

    /// Takes what was read from the disk, unless something newer came meanwhile.
    pub(super) fn load(&self, credential: Credential, generation: u64) {
        let mut held = self.held();
        if held.generation == generation && held.credential.is_none() {
            held.credential = Some(credential);
        }
    }

    /// Takes what is on disk now.
    pub(super) fn replace(&self, credential: Option<Credential>) {
        let mut held = self.held();
        held.generation = held.generation.saturating_add(1);
        held.credential = credential;
        held.unsaved = None;
    }

    /// Remembers what the disk did not take.
    pub(super) fn put_aside(&self, granted: Granted) {
        self.held().unsaved = Some(granted);
    }

    /// What the disk did not take.
    pub(super) fn take_aside(&self) -> Option<Granted> {
        self.held().unsaved.take()
    }

    /// Webex accepted the token.
    pub(in super::super) fn accepted(&self) {
        self.held().replaced = None;
    }

    /// Whether a token that was refused may be replaced. Not if it has itself just replaced a refused one.
    pub(in super::super) fn may_replace(&self, now: Moment, refused: &OwnToken) -> bool {
        let mut held = self.held();
        let is_futile = held.replaced.is_some_and(|(at, before)| {
            now.boot.0.saturating_sub(at.0) < FUTILE
                && refused.generation > before
                && refused.generation == held.generation
        });
        if !is_futile {
            held.replaced = Some((now.boot, refused.generation));
        }
        !is_futile
    }

    /// Whether it is time to say again that the refresh token is about to expire.
    pub(super) fn is_reminder_due(&self, now: Moment) -> bool {
        let mut held = self.held();
        let is_due = held.reminded_at.is_none_or(|at| now.boot.0.saturating_sub(at.0) >= REMINDER);
        if is_due {
            held.reminded_at = Some(now.boot);
        }
        is_due
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
