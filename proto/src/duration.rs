//! How people write spans of time: `90s`, `5m`, `6h`, `7d`.
//!
//! Used by the command line, the configuration file and the sandbox alike, so that one way of writing serves
//! everywhere.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A span of time with a unit: a whole number followed by `ms`, `s`, `m`, `h` or `d`.
///
/// The greatest is [`Span::MAX`], a hundred years, so that adding one to a time of day cannot overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

impl Span {
    /// A hundred years of 365 days.
    pub const MAX: Self = Self(Duration::from_secs(100 * 365 * 86_400));

    /// A span of `seconds`, which must not exceed [`Span::MAX`].
    #[must_use]
    pub const fn from_secs(seconds: u32) -> Self {
        Self(Duration::from_secs(seconds as u64))
    }

    /// The same span for the standard library.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

/// A span of so many seconds as people like to read it, in its two largest units: `5h 12m`.
#[must_use]
pub fn in_two_units(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        (_, _, _) => format!("{days}d {hours}h"),
    }
}

/// Why a text is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// There is no digit where the number should be.
    #[error("expected a number and a unit, such as 90s, 5m, 6h or 7d")]
    Shape,
    /// The number has no unit, or one that is not known.
    #[error("expected one of the units ms, s, m, h, d after the number, such as 90s")]
    Unit,
    /// The span is longer than [`Span::MAX`].
    #[error("longer than a hundred years")]
    TooLong,
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(SpanError::Shape);
        }
        let millis_per_unit: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(SpanError::Unit),
        };
        let span = number
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(millis_per_unit))
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or(SpanError::TooLong)?;
        if span > Self::MAX {
            return Err(SpanError::TooLong);
        }
        Ok(span)
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// Writes the span in the largest unit that holds it exactly, so that it reads back as the same span.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (count, unit) = match millis {
            0 => (0, "s"),
            _ if millis.is_multiple_of(86_400_000) => (millis / 86_400_000, "d"),
            _ if millis.is_multiple_of(3_600_000) => (millis / 3_600_000, "h"),
            _ if millis.is_multiple_of(60_000) => (millis / 60_000, "m"),
            _ if millis.is_multiple_of(1_000) => (millis / 1_000, "s"),
            _ => (millis, "ms"),
        };
        write!(f, "{count}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, millis) in
            [("250ms", 250), ("90s", 90_000), ("5m", 300_000), ("6h", 21_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(text.parse::<Span>().unwrap().as_duration(), Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_span_is_refused() {
        for text in ["", "s", "-5s", " 5s", "+5s", "5.5s"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
        for text in ["5", "5 s", "5S", "5w", "5s "] {
            assert_eq!(text.parse::<Span>(), Err(SpanError::Unit), "{text:?}");
        }
        for text in ["36501d", "99999999999999999999d"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError::TooLong), "{text:?}");
        }
    }

    #[test]
    fn a_written_span_reads_back_as_itself() {
        for text in ["0s", "1ms", "1500ms", "61s", "1m", "90m", "1h", "24d", "36500d"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span, "{text}");
        }
    }
}
