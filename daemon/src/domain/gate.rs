//! When a request may be sent to Webex for one issuer.

use std::time::Duration;

use super::policy;
use super::time::UnixTime;

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
    /// Webex asked for fewer requests and said until when.
    AskedToWait(UnixTime),
    /// No usable answer.
    Unavailable,
    /// A token came but could not be kept; minting on would only make more of them.
    NotKept,
}

/// Holds requests back after failures, and spaces them.
///
/// Invariant: nothing passes before `paused_until`, which is what Webex itself asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate {
    paused_until: Option<UnixTime>,
    failures: u32,
    last_attempt: Option<UnixTime>,
    backoff: Duration,
    next_slot: Option<UnixTime>,
}

impl Gate {
    /// A gate that Webex closed in an earlier run, perhaps.
    #[must_use]
    pub fn paused(paused_until: Option<UnixTime>) -> Self {
        Self { paused_until, ..Self::default() }
    }

    /// Until when nothing may be sent, because Webex asked for that.
    #[must_use]
    pub fn paused_until(&self, now: UnixTime) -> Option<UnixTime> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Whether so many requests failed in a row that one at a time should try.
    #[must_use]
    pub const fn is_troubled(&self) -> bool {
        self.failures >= TROUBLE
    }

    /// When the next request may be sent, if not now.
    #[must_use]
    pub fn opens_at(&self, now: UnixTime, purpose: Purpose) -> Option<UnixTime> {
        if let Some(until) = self.paused_until(now) {
            return Some(until);
        }
        let wait = match purpose {
            Purpose::Foreground => policy::foreground_backoff(self.backoff),
            Purpose::Background => self.backoff,
        };
        let last = self.last_attempt?;
        // A wall clock that was set back must not hold anybody for longer than the wait itself.
        Some(last.saturating_add(wait)).filter(|opens| *opens > now && last <= now)
    }

    /// Takes the next free place in a line of at most `per_second` requests a second; the answer is how long to
    /// wait. After a quiet second, that many may go at once.
    pub fn reserve(&mut self, now: UnixTime, per_second: u32) -> Duration {
        let second_ago = now.saturating_sub(Duration::from_secs(1));
        let slot = self.next_slot.map_or(second_ago, |next| next.max(second_ago));
        let slot = slot.saturating_add(Duration::from_secs(1) / per_second.max(1));
        self.next_slot = Some(slot);
        slot.since(now)
    }

    /// A request succeeded. If Webex asked another one to wait meanwhile, that still holds.
    pub fn succeeded(&mut self) {
        *self = Self { paused_until: self.paused_until, next_slot: self.next_slot, ..Self::default() };
    }

    /// A request that was sent failed in a way that tells about the issuer. `roll` is from 0 to 1.
    pub fn failed(&mut self, now: UnixTime, trouble: Trouble, life: Option<Duration>, roll: f64) {
        self.failures = self.failures.saturating_add(1);
        match trouble {
            Trouble::AskedToWait(until) => self.paused_until = self.paused_until.max(Some(until)),
            Trouble::Rejected | Trouble::NotKept => self.back_off(now, self.failures, life, roll),
            Trouble::Unavailable if self.is_troubled() => {
                self.back_off(now, self.failures - TROUBLE + 1, life, roll);
            }
            Trouble::Unavailable => {}
        }
    }

    fn back_off(&mut self, now: UnixTime, failures: u32, life: Option<Duration>, roll: f64) {
        self.last_attempt = Some(now);
        self.backoff = policy::backoff(failures, life, roll);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_000_000);

    fn after(seconds: u64) -> UnixTime {
        NOW.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn nobody_passes_before_webex_allows_it() {
        let mut gate = Gate::default();
        gate.failed(NOW, Trouble::AskedToWait(after(30)), None, 0.0);
        gate.failed(NOW, Trouble::AskedToWait(after(20)), None, 0.0);
        for purpose in [Purpose::Foreground, Purpose::Background] {
            assert_eq!(gate.opens_at(after(29), purpose), Some(after(30)));
            assert_eq!(gate.opens_at(after(30), purpose), None);
        }
        gate.succeeded();
        assert_eq!(gate.opens_at(after(29), Purpose::Foreground), Some(after(30)));
    }

    #[test]
    fn one_failing_guest_does_not_close_the_gate_for_the_others() {
        let mut gate = Gate::default();
        for _ in 0..TROUBLE - 1 {
            gate.failed(NOW, Trouble::Unavailable, None, 0.0);
            assert_eq!(gate.opens_at(NOW, Purpose::Background), None);
        }
        gate.failed(NOW, Trouble::Unavailable, None, 0.0);
        assert_eq!(gate.opens_at(NOW, Purpose::Background), Some(after(1)));
        gate.succeeded();
        assert_eq!(gate.opens_at(NOW, Purpose::Background), None);
    }

    #[test]
    fn someone_who_waits_may_try_sooner_than_the_background() {
        let mut gate = Gate::default();
        for _ in 0..20 {
            gate.failed(NOW, Trouble::Rejected, None, 0.0);
        }
        assert_eq!(gate.opens_at(NOW, Purpose::Background), Some(after(300)));
        assert_eq!(gate.opens_at(NOW, Purpose::Foreground), Some(after(5)));
    }

    #[test]
    fn a_clock_set_back_does_not_lengthen_the_wait() {
        let mut gate = Gate::default();
        gate.failed(NOW, Trouble::Rejected, None, 0.0);
        assert_eq!(gate.opens_at(UnixTime(0), Purpose::Background), None);
    }

    #[test]
    fn requests_are_spaced_after_a_first_burst() {
        let mut gate = Gate::default();
        let waits = [0; 6].map(|_| gate.reserve(NOW, 4).as_millis());
        assert_eq!(waits, [0, 0, 0, 0, 250, 500]);
        assert_eq!(gate.reserve(after(1), 4), Duration::ZERO);
        let waits = [0; 5].map(|_| gate.reserve(after(60), 4).as_millis());
        assert_eq!(waits, [0, 0, 0, 0, 250]);
    }
}
