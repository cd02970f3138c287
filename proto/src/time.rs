//! A moment of wall-clock time, as a plain value.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds, as the wall clock counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// The moment `span` later, or the last one there is.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// The moment `span` earlier, or the first one there is.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long after `earlier` this is; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(UnixTime(i64::MAX).saturating_add(Duration::MAX), UnixTime(i64::MAX));
        assert_eq!(UnixTime(i64::MIN).saturating_sub(Duration::MAX), UnixTime(i64::MIN));
        assert_eq!(UnixTime(5).since(UnixTime(7)), Duration::ZERO);
        assert_eq!(UnixTime(7_500).since(UnixTime(500)), Duration::from_secs(7));
        assert_eq!(UnixTime(-1).as_secs(), -1);
    }
}
