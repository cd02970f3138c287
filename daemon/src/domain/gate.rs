//! When a request may be sent to Webex for one issuer.

use std::time::Duration;

use super::policy;
use super::time::{BootTime, Moment, UnixTime};

/// How many failures in a row, over all guests of an issuer, mean that the issuer and not a guest is in trouble.
const TROUBLE: u32 = 3;

/// Who wants to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A client waits for the answer.
    Foreground,
    /// A token is refreshed ahead of its end; nobody waits.
    Background,
}

/// What closed a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Webex refused the issuer's credentials.
    Rejected,
    /// Webex asked for fewer requests and said for how long.
    AskedToWait(Duration),
    /// No usable answer.
    Unavailable,
    /// A token came but could not be kept; minting on would only make more of them.
    NotKept,
}

/// Holds requests back after failures, and spaces them.
///
/// It counts by the boot clock, so that setting the wall clock neither shortens nor lengthens a wait.
///
/// Invariant: nothing passes before `paused_until`, which is what Webex itself asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate {
    paused_until: Option<BootTime>,
    held_until: Option<(BootTime, BootTime)>,
    failures: u32,
    next_slot: Option<BootTime>,
}

impl Gate {
    /// A gate that Webex closed in an earlier run, perhaps: until `paused_until`, but no longer than `longest`, because
    /// the wall clock may have been set meanwhile.
    #[must_use]
    pub fn paused(now: Moment, paused_until: Option<UnixTime>, longest: Duration) -> Self {
        let left = paused_until.map_or(Duration::ZERO, |until| until.since(now.wall)).min(longest);
        Self { paused_until: Some(after(now.boot, left)), ..Self::default() }
    }

    /// Until when, by the wall clock, nothing may be sent, because Webex asked for that.
    #[must_use]
    pub fn paused_until(&self, now: Moment) -> Option<UnixTime> {
        self.paused_until.and_then(|until| by_wall(until, now))
    }

    /// Whether so many requests failed in a row that one at a time should try.
    #[must_use]
    pub const fn is_troubled(&self) -> bool {
        self.failures >= TROUBLE
    }

    /// When, by the wall clock, the next request may be sent, if not now.
    #[must_use]
    pub fn opens_at(&self, now: Moment, purpose: Purpose) -> Option<UnixTime> {
        let held_until = self.held_until.map(|(foreground, background)| match purpose {
            Purpose::Foreground => foreground,
            Purpose::Background => background,
        });
        self.paused_until.max(held_until).and_then(|until| by_wall(until, now))
    }

    /// Takes the next free place in a line of at most `per_second` requests a second; the answer is how long to
    /// wait. After a quiet second, that many may go at once.
    pub fn reserve(&mut self, now: Moment, per_second: u32) -> Duration {
        let second_ago = BootTime(now.boot.0.saturating_sub(Duration::from_secs(1)));
        let slot = self.next_slot.map_or(second_ago, |next| next.max(second_ago));
        let slot = after(slot, Duration::from_secs(1) / per_second.max(1));
        self.next_slot = Some(slot);
        slot.0.saturating_sub(now.boot.0)
    }

    /// A request succeeded. If Webex asked another one to wait meanwhile, that still holds.
    pub fn succeeded(&mut self) {
        *self = Self { paused_until: self.paused_until, next_slot: self.next_slot, ..Self::default() };
    }

    /// A request that was sent failed in a way that tells about the issuer. `roll` is from 0 to 1.
    pub fn failed(&mut self, now: Moment, trouble: Trouble, life: Option<Duration>, roll: f64) {
        self.failures = self.failures.saturating_add(1);
        match trouble {
            Trouble::AskedToWait(wait) => {
                self.paused_until = self.paused_until.max(Some(after(now.boot, wait)));
            }
            Trouble::Rejected | Trouble::NotKept => self.hold(now, self.failures, life, roll),
            Trouble::Unavailable if self.is_troubled() => {
                self.hold(now, self.failures - TROUBLE + 1, life, roll);
            }
            Trouble::Unavailable => {}
        }
    }

    fn hold(&mut self, now: Moment, failures: u32, life: Option<Duration>, roll: f64) {
        let wait = policy::backoff(failures, life, roll);
        self.held_until = Some((after(now.boot, policy::foreground_backoff(wait)), after(now.boot, wait)));
    }
}

fn after(moment: BootTime, span: Duration) -> BootTime {
    BootTime(moment.0.saturating_add(span))
}

/// A moment of the boot clock by the wall clock, if it is still to come.
fn by_wall(moment: BootTime, now: Moment) -> Option<UnixTime> {
    (moment > now.boot).then(|| now.wall.saturating_add(moment.0.saturating_sub(now.boot.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { wall: UnixTime(1_000_000), boot: BootTime(Duration::from_secs(500)) };

    fn later(seconds: u64) -> Moment {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn nobody_passes_before_webex_allows_it() {
        let mut gate = Gate::default();
        gate.failed(NOW, Trouble::AskedToWait(Duration::from_secs(30)), None, 0.0);
        gate.failed(NOW, Trouble::AskedToWait(Duration::from_secs(20)), None, 0.0);
        for purpose in [Purpose::Foreground, Purpose::Background] {
            assert_eq!(gate.opens_at(later(29), purpose), Some(later(30).wall));
            assert_eq!(gate.opens_at(later(30), purpose), None);
        }
        gate.succeeded();
        assert_eq!(gate.opens_at(later(29), Purpose::Foreground), Some(later(30).wall));
    }

    #[test]
    fn a_pause_outlives_the_daemon_but_not_a_clock_that_was_set() {
        let hour = Duration::from_secs(3600);
        let until = Some(later(30).wall);
        assert_eq!(Gate::paused(later(10), until, hour).paused_until(later(10)), until);
        assert_eq!(Gate::paused(later(30), until, hour).paused_until(later(30)), None);
        assert_eq!(Gate::paused(NOW, None, hour).paused_until(NOW), None);
        let year_ahead = Some(later(31_536_000).wall);
        assert_eq!(Gate::paused(NOW, year_ahead, hour).paused_until(NOW), Some(later(3600).wall));
    }

    #[test]
    fn one_failing_guest_does_not_close_the_gate_for_the_others() {
        let mut gate = Gate::default();
        for _ in 0..TROUBLE - 1 {
            gate.failed(NOW, Trouble::Unavailable, None, 0.0);
            assert_eq!(gate.opens_at(NOW, Purpose::Background), None);
        }
        gate.failed(NOW, Trouble::Unavailable, None, 0.0);
        assert_eq!(gate.opens_at(NOW, Purpose::Background), Some(later(1).wall));
        gate.succeeded();
        assert_eq!(gate.opens_at(NOW, Purpose::Background), None);
    }

    #[test]
    fn someone_who_waits_may_try_sooner_than_the_background() {
        let mut gate = Gate::default();
        for _ in 0..20 {
            gate.failed(NOW, Trouble::Rejected, None, 0.0);
        }
        assert_eq!(gate.opens_at(NOW, Purpose::Background), Some(later(300).wall));
        assert_eq!(gate.opens_at(NOW, Purpose::Foreground), Some(later(5).wall));
    }

    #[test]
    fn setting_the_wall_clock_changes_no_wait() {
        let mut gate = Gate::default();
        gate.failed(NOW, Trouble::AskedToWait(Duration::from_secs(30)), None, 0.0);
        for _ in 0..4 {
            gate.reserve(NOW, 4);
        }
        let set_back = Moment { wall: UnixTime(0), ..NOW };
        assert_eq!(gate.opens_at(set_back, Purpose::Foreground), Some(UnixTime(30_000)));
        assert_eq!(gate.reserve(set_back, 4), Duration::from_millis(250));
    }

    #[test]
    fn requests_are_spaced_after_a_first_burst() {
        let mut gate = Gate::default();
        let waits = [0; 6].map(|_| gate.reserve(NOW, 4).as_millis());
        assert_eq!(waits, [0, 0, 0, 0, 250, 500]);
        assert_eq!(gate.reserve(later(1), 4), Duration::ZERO);
        let waits = [0; 5].map(|_| gate.reserve(later(60), 4).as_millis());
        assert_eq!(waits, [0, 0, 0, 0, 250]);
    }
}
