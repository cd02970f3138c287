//! When a token is good enough, when it is refreshed, and how long to wait after a failure. Pure arithmetic.

use std::time::Duration;

use super::credential::{Credential, Lifetime};
use super::time::{Moment, UnixTime};

/// How far the wall clock may stand before the moment a token was minted.
///
/// A small step back is a clock being disciplined. A larger one means that nobody knows how old the token is.
const STEP_BACK_TOLERANCE: Duration = Duration::from_secs(60);

/// How many times the default minimum validity goes into a token's life, at least.
const MIN_VALIDITY_SHARE: u32 = 10;

/// How many times the longest wait between two attempts goes into a token's life, at least.
///
/// A quarter of the life is left when refreshing starts, so this allows a dozen attempts before the token dies.
const BACKOFF_SHARE: u32 = 48;

/// Bounds of the first wait after a failure.
const FIRST_BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

/// Bounds of the longest wait after many failures.
const LONGEST_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The longest a client that waits for a token is kept from a further attempt, unless Webex asked for more.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shortest time an attempt to mint is given.
const SHORTEST_ATTEMPT: Duration = Duration::from_secs(2);

/// How a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Valid for as long as asked, and not to be refreshed yet.
    Fresh,
    /// Valid for as long as asked, and to be refreshed.
    RefreshDue,
    /// Not valid for as long as asked.
    TooShort,
}

/// How a token stands at `now`, if `min_validity` must remain.
#[must_use]
pub fn freshness(now: Moment, credential: &Credential, min_validity: Duration) -> Freshness {
    let boot_deadline = credential.dies_at.0.saturating_sub(min_validity);
    if boot_deadline <= now.boot.0 {
        return Freshness::TooShort;
    }
    wall_freshness(now.wall, &credential.lifetime, min_validity)
}

/// [`freshness`] by the wall clock alone, for tokens that are not in memory.
#[must_use]
pub fn wall_freshness(now: UnixTime, lifetime: &Lifetime, min_validity: Duration) -> Freshness {
    if lifetime.expires_at.saturating_sub(min_validity) <= now {
        return Freshness::TooShort;
    }
    if now.saturating_add(STEP_BACK_TOLERANCE) < lifetime.issued_at {
        return Freshness::TooShort;
    }
    if lifetime.refresh_at <= now {
        return Freshness::RefreshDue;
    }
    Freshness::Fresh
}

/// How long a token must stay valid where the caller did not say: `configured`, or a tenth of the token's life
/// where that is less.
#[must_use]
pub fn default_min_validity(configured: Duration, life: Duration) -> Duration {
    configured.min(life / MIN_VALIDITY_SHARE)
}

/// What part of a token's life passes before it is refreshed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RefreshShare {
    /// The middle, 0.1 to 0.95.
    pub at: f64,
    /// How far it may be off on either side, 0 to 0.25.
    pub jitter: f64,
}

/// The shortest time between two mints of a guest that nobody waits for. Tokens that live for less cannot be kept
/// from expiring without a storm, and are minted on demand.
const SHORTEST_REFRESH: Duration = Duration::from_secs(5);

/// When a token that was minted at `issued_at` and lives for `life` is refreshed.
///
/// `roll` is from 0 to 1 and spreads out the refreshes of tokens that were minted together.
#[must_use]
pub fn refresh_at(issued_at: UnixTime, life: Duration, share: RefreshShare, roll: f64) -> UnixTime {
    let share = share.jitter.mul_add(2.0 * roll - 1.0, share.at).clamp(0.05, 0.95);
    issued_at.saturating_add(life.mul_f64(share).max(SHORTEST_REFRESH))
}

/// How often a Service App's own token is refreshed at most. Refreshing far ahead of its fourteen days leaves time for a
/// person to act when Webex refuses, and more often than daily is asking for trouble.
const APP_REFRESH: Duration = Duration::from_secs(86_400);

/// When a Service App's own token is refreshed: about a day after it was issued at `issued_at`, or after a part of its
/// life where that is less. `roll` is from 0 to 1.
#[must_use]
pub fn app_refresh_at(issued_at: UnixTime, life: Duration, share: RefreshShare, roll: f64) -> UnixTime {
    let daily = issued_at.saturating_add(APP_REFRESH.mul_f64(0.1_f64.mul_add(roll.clamp(0.0, 1.0), 1.0)));
    refresh_at(issued_at, life, share, roll).min(daily)
}

/// How long to wait after the `failures`-th failure in a row, 1 being the first.
///
/// Doubles from at most a second to at most five minutes; both are shorter where tokens are short-lived, so that
/// the time between the refresh and the end of the old token always has room for several attempts. `life` is that
/// of the last token, if there was one. `roll` is from 0 to 1 and takes up to a fifth away.
#[must_use]
pub fn backoff(failures: u32, life: Option<Duration>, roll: f64) -> Duration {
    let share = life.unwrap_or(Duration::MAX) / BACKOFF_SHARE;
    let first = share.clamp(FIRST_BACKOFF.0, FIRST_BACKOFF.1);
    let longest = share.clamp(LONGEST_BACKOFF.0, LONGEST_BACKOFF.1);
    let doublings = failures.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(longest).mul_f64(0.2_f64.mul_add(-roll.clamp(0.0, 1.0), 1.0))
}

/// How long a client that waits is kept from a further attempt, where the background would wait for `backoff`.
#[must_use]
pub fn foreground_backoff(backoff: Duration) -> Duration {
    backoff.min(PATIENCE)
}

/// How long one attempt to mint may take: `configured`, but no more than a quarter of the token's life, so that an
/// attempt that hangs does not outlast the token it is to replace.
#[must_use]
pub fn attempt_timeout(configured: Duration, life: Option<Duration>) -> Duration {
    let quarter = life.unwrap_or(Duration::MAX) / 4;
    configured.min(quarter.max(SHORTEST_ATTEMPT))
}

#[cfg(test)]
mod tests {
    use guestissuer_proto::Secret;
    use proptest::prelude::*;

    use super::super::time::BootTime;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: u64) -> Moment {
        Moment { wall: UnixTime(0), boot: BootTime(HOUR) }.plus(Duration::from_secs(seconds))
    }

    fn six_hours() -> Credential {
        let lifetime =
            Lifetime { issued_at: at(0).wall, expires_at: at(21_600).wall, refresh_at: at(16_200).wall };
        Credential::held_since(at(0), Secret::new("token".to_owned()), lifetime)
    }

    #[test]
    fn a_token_is_fresh_then_due_then_too_short() {
        let minimum = Duration::from_secs(300);
        for (seconds, expected) in [
            (0, Freshness::Fresh),
            (16_199, Freshness::Fresh),
            (16_200, Freshness::RefreshDue),
            (21_299, Freshness::RefreshDue),
            (21_300, Freshness::TooShort),
            (21_600, Freshness::TooShort),
        ] {
            assert_eq!(freshness(at(seconds), &six_hours(), minimum), expected, "at {seconds} s");
        }
    }

    #[test]
    fn a_wall_clock_that_was_set_back_does_not_revive_a_token() {
        let mut now = at(21_600);
        now.wall = at(100).wall;
        assert_eq!(freshness(now, &six_hours(), Duration::ZERO), Freshness::TooShort);
    }

    #[test]
    fn a_token_from_the_future_is_not_trusted() {
        let mut now = at(0);
        now.wall = UnixTime(-59_000);
        assert_eq!(freshness(now, &six_hours(), Duration::ZERO), Freshness::Fresh);
        now.wall = UnixTime(-61_000);
        assert_eq!(freshness(now, &six_hours(), Duration::ZERO), Freshness::TooShort);
    }

    #[test]
    fn the_default_minimum_is_five_minutes_or_a_tenth_of_the_life() {
        let five = Duration::from_secs(300);
        assert_eq!(default_min_validity(five, 6 * HOUR), five);
        assert_eq!(default_min_validity(five, Duration::from_secs(12)), Duration::from_millis(1_200));
    }

    #[test]
    fn an_app_s_own_token_is_refreshed_daily_or_before_its_end() {
        let share = RefreshShare { at: 0.75, jitter: 0.05 };
        let after = |life: u64, roll| {
            app_refresh_at(UnixTime(0), Duration::from_secs(life), share, roll).since(UnixTime(0)).as_secs()
        };
        assert_eq!((after(1_209_599, 0.0), after(1_209_599, 1.0)), (86_400, 95_040));
        assert_eq!((after(3_600, 0.5), after(12, 0.5)), (2_700, 9));
    }

    #[test]
    fn waits_double_up_to_a_bound_that_fits_the_tokens_life() {
        let millis = |failures, life| backoff(failures, life, 0.0).as_millis();
        let long = Some(6 * HOUR);
        assert_eq!(
            [1, 2, 3, 9, 10, 99].map(|n| millis(n, long)),
            [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]
        );
        let short = Some(Duration::from_secs(12));
        assert_eq!([1, 2, 3, 4].map(|n| millis(n, short)), [250, 500, 1_000, 1_000]);
        assert_eq!(millis(1, None), 1_000);
    }

    #[test]
    fn an_attempt_does_not_outlast_the_token_it_replaces() {
        let configured = Duration::from_secs(15);
        assert_eq!(attempt_timeout(configured, None), configured);
        assert_eq!(attempt_timeout(configured, Some(6 * HOUR)), configured);
        assert_eq!(attempt_timeout(configured, Some(Duration::from_secs(12))), Duration::from_secs(3));
        assert_eq!(attempt_timeout(configured, Some(Duration::from_secs(1))), SHORTEST_ATTEMPT);
    }

    proptest! {
        #[test]
        fn what_is_not_too_short_is_valid_for_the_minimum_on_both_clocks(
            life in 1_u64..200_000, age in 0_u64..300_000, drift in -100_000_i64..100_000, minimum in 0_u64..10_000,
        ) {
            let lifetime = Lifetime {
                issued_at: at(0).wall,
                expires_at: at(life).wall,
                refresh_at: at(life / 2).wall,
            };
            let credential = Credential::held_since(at(0), Secret::new(String::new()), lifetime);
            let mut now = at(age);
            now.wall = UnixTime(now.wall.0 + drift * 1_000);
            let minimum = Duration::from_secs(minimum);
            if freshness(now, &credential, minimum) != Freshness::TooShort {
                prop_assert!(now.wall.saturating_add(minimum) < lifetime.expires_at);
                prop_assert!(now.boot.0 + minimum < credential.dies_at.0);
                prop_assert!(age < life);
            }
        }

        #[test]
        fn a_refresh_is_within_the_jitter_and_before_the_end(life in 8_u64..10_000_000, roll in 0.0_f64..=1.0) {
            let life = Duration::from_secs(life);
            let refresh = refresh_at(UnixTime(0), life, RefreshShare { at: 0.75, jitter: 0.05 }, roll);
            let share = refresh.since(UnixTime(0)).as_secs_f64() / life.as_secs_f64();
            prop_assert!((0.699..=0.801).contains(&share), "{share}");
        }

        #[test]
        fn a_wait_is_never_longer_than_five_minutes_nor_none(
            failures in 1_u32.., life in proptest::option::of(1_u64..1_000_000), roll in 0.0_f64..=1.0,
        ) {
            let wait = backoff(failures, life.map(Duration::from_secs), roll);
            prop_assert!(wait >= Duration::from_millis(200) && wait <= Duration::from_secs(300));
        }
    }
}
