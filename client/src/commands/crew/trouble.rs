//! What follows from a failure: trying again, going on with others, or ending it all.

use std::time::Duration;

use guestissuer_client::proto::{Failure, FailureCode};

/// How often an item is tried. What passes has passed by then, or takes longer than anyone wants to watch.
const TRIES: u32 = 4;

/// How long Webex may ask to wait without ending the run.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// The first pause after a failure that may pass, if nobody says how long; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The same while there is no daemon. One that is started anew is back in no time.
const FIRST_PAUSE_WITHOUT_DAEMON: Duration = Duration::from_millis(100);

/// How long to wait before an item is tried again; nothing if that makes no sense.
pub(super) fn pause_after(failure: &Failure, tries: u32, has_time: bool) -> Option<Duration> {
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

/// So many refusals with nothing that worked in between are about the issuer, and not about its guests.
const REJECTIONS: u32 = 3;

/// After so many failures with nothing that worked in between, those that follow would only take time.
const FAILURES: u32 = 16;

impl Trouble {
    /// Webex did what it was asked for: what was before does not matter any more.
    pub(super) fn ends(&mut self) {
        *self = Self::default();
    }

    /// Whether it makes sense to go on after this.
    pub(super) fn goes_on_after(&mut self, failure: &Failure) -> bool {
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
    fn an_item_is_tried_again_only_if_that_may_help() {
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
            codes.iter().take_while(|code| trouble.goes_on_after(&failure(**code))).count()
        };
        assert_eq!(after(&[FailureCode::Locked; 5]), 0);
        assert_eq!(after(&[FailureCode::IssuerRejected; 5]), 2);
        assert_eq!(after(&[FailureCode::Unavailable; 50]), 15);
        let mut trouble = Trouble::default();
        for _ in 0..50 {
            assert!(trouble.goes_on_after(&failure(FailureCode::IssuerRejected)));
            assert!(trouble.goes_on_after(&failure(FailureCode::Internal)));
            trouble.ends();
        }
    }
}
