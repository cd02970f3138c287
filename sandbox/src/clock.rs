//! The sandbox's own time of day: the machine's, moved by a skew that a test or a user sets.
//!
//! Owns the only place that reads a clock. Everything else takes a [`UnixMillis`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use guestissuer_proto::Span;
use serde::{Deserialize, Serialize};

/// A time of day: milliseconds since 1970-01-01T00:00:00Z, never before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UnixMillis(i64);

/// The last second that an HTTP date can write, 9999-12-31T23:59:59Z.
const LAST_HTTP_SECOND: u64 = 253_402_300_799;

impl UnixMillis {
    /// The time `millis` after 1970 began; earlier ones become 1970.
    pub(crate) const fn new(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    /// The machine's time moved by `skew_ms` milliseconds.
    pub(crate) fn now(skew_ms: i64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the sandbox's one look at the clock")]
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let real_ms = i64::try_from(real.as_millis()).unwrap_or(i64::MAX);
        Self::new(real_ms.saturating_add(skew_ms))
    }

    /// Milliseconds since 1970.
    pub(crate) const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub(crate) const fn as_secs(self) -> i64 {
        self.0 / 1_000
    }

    /// The time `span` later.
    pub(crate) fn plus(self, span: Duration) -> Self {
        let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::new(self.0.saturating_add(span_ms))
    }

    /// The time `span_ms` milliseconds later.
    pub(crate) fn plus_millis(self, span_ms: u64) -> Self {
        self.plus(Duration::from_millis(span_ms))
    }

    /// Whole seconds from `earlier` to this time, rounded down; none if it is not earlier.
    pub(crate) fn seconds_after(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0) / 1_000).unwrap_or(0)
    }

    /// As a `Date` header writes it.
    pub(crate) fn http_date(self) -> String {
        let seconds = u64::try_from(self.as_secs()).unwrap_or(0).min(LAST_HTTP_SECOND);
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

/// How far the sandbox's clock runs ahead of the machine's (or behind it, when negative).
///
/// Written like a span with an optional sign: `5m`, `-90s`. At most a hundred years either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew {
    millis: i64,
}

/// Why a number or a text is not a [`Skew`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SkewError {
    /// What follows the sign is not a span of time.
    #[error(transparent)]
    Span(#[from] guestissuer_proto::duration::SpanError),
    /// More than a hundred years.
    #[error("a clock skew is at most a hundred years")]
    TooLong,
}

impl Skew {
    /// A skew of `millis` milliseconds, negative for a clock that runs behind.
    pub fn from_millis(millis: i64) -> Result<Self, SkewError> {
        if u128::from(millis.unsigned_abs()) > Span::MAX.as_duration().as_millis() {
            return Err(SkewError::TooLong);
        }
        Ok(Self { millis })
    }

    /// Milliseconds, negative for a clock that runs behind.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.millis
    }
}

impl std::str::FromStr for Skew {
    type Err = SkewError;

    fn from_str(text: &str) -> Result<Self, SkewError> {
        let (sign, span) = match text.strip_prefix('-') {
            Some(span) => (-1, span),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let span: Span = span.parse()?;
        let millis = i64::try_from(span.as_duration().as_millis()).map_err(|_| SkewError::TooLong)?;
        Self::from_millis(sign * millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skew_may_point_either_way() {
        assert_eq!("5m".parse::<Skew>().unwrap().as_millis(), 300_000);
        assert_eq!("+5m".parse::<Skew>().unwrap().as_millis(), 300_000);
        assert_eq!("-90s".parse::<Skew>().unwrap().as_millis(), -90_000);
        assert!("--90s".parse::<Skew>().is_err());
        assert!("90".parse::<Skew>().is_err());
    }

    #[test]
    fn a_skew_is_at_most_a_hundred_years() {
        assert_eq!(Skew::from_millis(i64::MIN), Err(SkewError::TooLong));
        assert_eq!(Skew::from_millis(i64::MAX), Err(SkewError::TooLong));
    }

    #[test]
    fn the_clock_never_runs_before_1970_nor_past_9999() {
        assert_eq!(UnixMillis::new(-5).http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(UnixMillis::new(i64::MAX).http_date(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
