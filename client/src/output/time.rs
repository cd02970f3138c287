//! Times, for people and for programs.

use std::time::{SystemTime, UNIX_EPOCH};

use guestissuer_client::proto::UnixTime;
use guestissuer_client::proto::duration::in_two_units;
use jiff::Timestamp;

/// The time by this machine's clock, for what is done without the daemon. With it, its time is the one that counts.
#[expect(clippy::disallowed_methods, reason = "the one place where gi looks at the clock")]
pub(crate) fn wall_clock() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(0).saturating_add(since_epoch)
}

/// RFC 3339 in UTC, to the second, of a moment that may be beyond all years that can be written so.
pub(crate) fn checked_rfc3339(time: UnixTime) -> Option<String> {
    Timestamp::from_second(time.as_secs()).ok().map(|time| time.to_string())
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(time: UnixTime) -> String {
    Timestamp::from_second(time.as_secs()).unwrap_or_default().to_string()
}

/// Seconds from `now` until `time`, rounded down; negative if it has passed.
pub(crate) fn seconds_until(time: UnixTime, now: UnixTime) -> i64 {
    time.0.saturating_sub(now.0).div_euclid(1000)
}

/// A span in its two largest units: `5h 12m`.
pub(crate) fn span(seconds: i64) -> String {
    in_two_units(seconds.unsigned_abs())
}

/// A moment seen from `now`: `in 5h 12m`, `3m 2s ago`.
pub(crate) fn relative(time: UnixTime, now: UnixTime) -> String {
    match time.0.saturating_sub(now.0) / 1000 {
        0 => "now".to_owned(),
        ahead @ 1.. => format!("in {}", span(ahead)),
        ago => format!("{} ago", span(ago)),
    }
}

/// The same in its largest unit, for where there is little room: `in 5h`, `3m ago`.
pub(crate) fn roughly(time: UnixTime, now: UnixTime) -> String {
    let words = relative(time, now);
    let kept: Vec<_> = words.split(' ').collect();
    match kept.as_slice() {
        ["in", largest, _] => format!("in {largest}"),
        [largest, _, "ago"] => format!("{largest} ago"),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        let table =
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (18_720, "5h 12m"), (90_000, "1d 1h"), (-61, "1m 1s")];
        for (seconds, text) in table {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn moments_are_seen_from_now() {
        let now = UnixTime(1_000_000);
        assert_eq!(relative(UnixTime(1_061_500), now), "in 1m 1s");
        assert_eq!(relative(UnixTime(1_000_500), now), "now");
        assert_eq!(relative(UnixTime(998_000), now), "2s ago");
        assert_eq!(roughly(UnixTime(1_061_500), now), "in 1m");
        assert_eq!(roughly(UnixTime(0), now), "16m ago");
        assert_eq!(roughly(UnixTime(998_000), now), "2s ago");
        assert_eq!(rfc3339(UnixTime(1_517_073_019_999)), "2018-01-27T17:10:19Z");
        assert_eq!(seconds_until(UnixTime(999_999), now), -1);
    }
}
