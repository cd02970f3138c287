//! `Retry-After`, as it is and not as it should be.

use std::time::Duration;

use guestissuer_proto::UnixTime;

/// The longest wait that is believed. Webex sends seconds to minutes; more than a day is a mistake.
pub const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// How long an answer asks to wait. Seconds or an HTTP date are understood; anything else counts as nothing said.
///
/// A date is compared with the answer's own `date`, so that a wrong clock on this side does not matter.
pub(super) fn parse(value: &str, date: UnixTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean a very long time.
        return Some(value.parse().map_or(LONGEST_WAIT, Duration::from_secs).min(LONGEST_WAIT));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let until = until.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(UnixTime(0).saturating_add(until).since(date).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_that_was_ever_sent_is_survived() {
        let date = UnixTime(784_111_777_000);
        let seconds = |value| parse(value, date).map(|wait| wait.as_secs());
        assert_eq!(seconds("30"), Some(30));
        assert_eq!(seconds(" 30 "), Some(30));
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(86_400));
        assert_eq!(seconds("7200"), Some(7_200));
        assert_eq!(seconds("100000"), Some(86_400));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        for junk in ["rand(30),add(30)", "", "-5", "1.5", "soon", "30s", "\u{e9}"] {
            assert_eq!(seconds(junk), None, "{junk}");
        }
    }
}
