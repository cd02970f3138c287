//! Adding many guests over several connections, at the pace that Webex allows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guestissuer_client::proto::request::{AddGuest, GuestRef};
use guestissuer_client::proto::{Failure, FailureCode, UnixTime};

use super::source::Listed;
use crate::session::Session;

/// How many guests are added at once. The daemon has sixteen mints in flight at most, and others want some too.
pub(super) const CONNECTIONS: usize = 8;

/// How often a guest is tried. What passes has passed by then, or takes longer than anyone wants to watch.
const TRIES: u32 = 4;

/// How long Webex may ask to wait without ending the run.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// The first pause after a failure that may pass, if nobody says how long; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The same while there is no daemon. One that is started anew is back in no time.
const FIRST_PAUSE_WITHOUT_DAEMON: Duration = Duration::from_millis(100);

/// What became of a guest.
pub(super) enum Outcome {
    /// A token was minted for it.
    Minted,
    /// It had a valid token.
    HadToken,
    /// It has no token, and why.
    Failed(Failure),
}

/// What a worker tells.
pub(super) enum News {
    /// This guest of the list is done with.
    Done(usize, Outcome),
    /// Nothing is sent for so long, because of a failure of this kind.
    Pause(Duration, FailureCode),
}

/// What all workers have in common.
pub(super) struct Work<'a> {
    pub(super) guests: &'a [Listed],
    /// What was minted after this was minted now.
    pub(super) began: UnixTime,
    next: AtomicUsize,
    pace: Mutex<Pace>,
    changed: Condvar,
}

#[derive(Default)]
struct Pace {
    /// Nobody asks for anything before this.
    go_on_at: Option<Instant>,
    is_over: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(guests: &'a [Listed], began: UnixTime) -> Self {
        let pace = Mutex::default();
        Self { guests, began, next: AtomicUsize::new(0), pace, changed: Condvar::new() }
    }

    /// Takes guest after guest until there are no more, or no point in going on.
    pub(super) fn run(&self, session: &mut Session<'_>, news: &SyncSender<News>) {
        while self.may_go_on() {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(guest) = self.guests.get(at) else { return };
            let Some(outcome) = self.add(guest, session, news) else { return };
            if news.send(News::Done(at, outcome)).is_err() {
                return;
            }
        }
    }

    /// Lets nobody begin anything more.
    pub(super) fn stop(&self) {
        self.pace().is_over = true;
        self.changed.notify_all();
    }

    /// Adds a guest, as often as that makes sense; nothing if it was not tried to the end.
    fn add(&self, guest: &Listed, session: &mut Session<'_>, news: &SyncSender<News>) -> Option<Outcome> {
        let reference = GuestRef { subject: guest.subject.clone(), issuer: guest.issuer.clone() };
        let ask = AddGuest { guest: reference, name: guest.name.clone(), pinned: guest.pin };
        let mut tries = HashMap::new();
        let begin = Instant::now();
        loop {
            session.start_anew();
            let failure = match session.ask(&ask) {
                Ok(answered) => {
                    let is_new = answered.value.issued_at.is_some_and(|issued_at| issued_at >= self.began);
                    return Some(if is_new { Outcome::Minted } else { Outcome::HadToken });
                }
                Err(failure) => failure,
            };
            let tries = tries.entry(failure.code).or_insert(0);
            *tries += 1;
            let Some(pause) = pause_after(&failure, *tries, begin.elapsed() < session.timeout()) else {
                return Some(Outcome::Failed(failure));
            };
            if !pause.is_zero() {
                self.pause(pause);
                news.send(News::Pause(pause, failure.code)).ok()?;
            }
            if !self.may_go_on() {
                return None;
            }
        }
    }

    fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut pace = self.pace();
        pace.go_on_at = Some(pace.go_on_at.map_or(until, |earlier| earlier.max(until)));
    }

    /// Waits for the end of a pause; whether there is a point in going on.
    fn may_go_on(&self) -> bool {
        let mut pace = self.pace();
        loop {
            let left = pace.go_on_at.map(|at| at.saturating_duration_since(Instant::now()));
            match left.filter(|left| !left.is_zero() && !pace.is_over) {
                Some(left) => {
                    let waited = self.changed.wait_timeout(pace, left);
                    pace = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => return !pace.is_over,
            }
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait before a guest is tried again; nothing if that makes no sense.
fn pause_after(failure: &Failure, tries: u32, has_time: bool) -> Option<Duration> {
    let doubled = |first: Duration| first.saturating_mul(1 << tries.saturating_sub(1).min(10));
    match failure.code {
        // The daemon is being started anew, for as long as a call may take.
        FailureCode::NoDaemon => has_time.then(|| doubled(FIRST_PAUSE_WITHOUT_DAEMON).min(FIRST_PAUSE)),
        FailureCode::RateLimited | FailureCode::Unavailable => {
            let pause = failure.retry_after_ms.map_or_else(|| doubled(FIRST_PAUSE), Duration::from_millis);
            (tries < TRIES && pause <= LONGEST_PAUSE).then_some(pause)
        }
        // The whole time was spent waiting already, and the mint went on.
        FailureCode::Deadline => (tries < 2).then_some(Duration::ZERO),
        FailureCode::Internal
        | FailureCode::Usage
        | FailureCode::UnknownGuest
        | FailureCode::UnknownIssuer
        | FailureCode::IssuerRejected
        | FailureCode::Denied
        | FailureCode::Locked
        | FailureCode::Version => None,
    }
}

/// Looks for failures after which there is no point in going on.
#[derive(Default)]
pub(super) struct Trouble {
    rejected: u32,
    in_a_row: u32,
}

/// So many refusals with nothing minted in between are about the issuer, and not about its guests.
const REJECTIONS: u32 = 3;

/// After so many failures with nothing minted in between, those that follow would only take time.
const FAILURES: u32 = 16;

impl Trouble {
    /// Whether it makes sense to go on after this.
    pub(super) fn goes_on_after(&mut self, outcome: &Outcome) -> bool {
        let failure = match outcome {
            Outcome::Minted => {
                *self = Self::default();
                return true;
            }
            Outcome::HadToken => return true,
            Outcome::Failed(failure) => failure,
        };
        self.in_a_row += 1;
        match failure.code {
            FailureCode::NoDaemon
            | FailureCode::Denied
            | FailureCode::Locked
            | FailureCode::Version
            | FailureCode::UnknownIssuer => false,
            FailureCode::IssuerRejected => {
                self.rejected += 1;
                self.rejected < REJECTIONS
            }
            FailureCode::RateLimited | FailureCode::Unavailable => {
                let pause = Duration::from_millis(failure.retry_after_ms.unwrap_or(0));
                pause <= LONGEST_PAUSE && self.in_a_row < FAILURES
            }
            FailureCode::Internal
            | FailureCode::Usage
            | FailureCode::UnknownGuest
            | FailureCode::Deadline => self.in_a_row < FAILURES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: FailureCode) -> Failure {
        Failure::new(code, "no")
    }

    #[test]
    fn a_guest_is_tried_again_only_if_that_may_help() {
        let second = Duration::from_secs(1);
        let limited = failure(FailureCode::RateLimited).with_retry_after(12 * second);
        assert_eq!(pause_after(&limited, 1, true), Some(12 * second));
        assert_eq!(pause_after(&limited, TRIES, true), None);
        let for_long = failure(FailureCode::RateLimited).with_retry_after(3600 * second);
        assert_eq!(pause_after(&for_long, 1, true), None);
        let down = failure(FailureCode::Unavailable);
        assert_eq!(
            [1, 2, 3, 4].map(|tries| pause_after(&down, tries, true)),
            [Some(second), Some(2 * second), Some(4 * second), None]
        );
        let no_daemon = failure(FailureCode::NoDaemon);
        assert_eq!(pause_after(&no_daemon, 9, true), Some(second));
        assert_eq!(pause_after(&no_daemon, 1, false), None);
        assert_eq!(pause_after(&failure(FailureCode::IssuerRejected), 1, true), None);
    }

    #[test]
    fn a_run_ends_when_failures_are_not_about_the_guests() {
        let after = |codes: &[FailureCode]| {
            let mut trouble = Trouble::default();
            codes.iter().take_while(|code| trouble.goes_on_after(&Outcome::Failed(failure(**code)))).count()
        };
        assert_eq!(after(&[FailureCode::Locked; 5]), 0);
        assert_eq!(after(&[FailureCode::IssuerRejected; 5]), 2);
        assert_eq!(after(&[FailureCode::Unavailable; 50]), 15);
        let mut trouble = Trouble::default();
        for _ in 0..50 {
            assert!(trouble.goes_on_after(&Outcome::Failed(failure(FailureCode::IssuerRejected))));
            assert!(trouble.goes_on_after(&Outcome::Failed(failure(FailureCode::Internal))));
            assert!(trouble.goes_on_after(&Outcome::Minted));
        }
    }
}
