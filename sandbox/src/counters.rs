//! What the sandbox counts, and what can be waited for.

use serde::{Deserialize, Serialize};

/// Counts since the start or the last reset; `in_flight` and `hanging` say how many there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counters {
    /// API requests begun.
    pub(crate) requests: u64,
    /// `POST /v1/jwt/login` begun.
    pub(crate) logins: u64,
    /// `POST /v1/guests/token` begun.
    pub(crate) guests_asked: u64,
    /// `POST /v1/access_token` begun.
    pub(crate) refreshes_asked: u64,
    /// Access tokens made for guests, whether or not the answer reached the client.
    pub(crate) mints: u64,
    /// Access tokens given to the Service App for a refresh token, whether or not the answer reached it.
    pub(crate) app_refreshes: u64,
    /// API requests begun and not answered yet.
    pub(crate) in_flight: u64,
    /// API requests that a `hang` fault holds now.
    pub(crate) hanging: u64,
    /// API requests the sandbox itself answered with an error; faults do not count.
    pub(crate) refused: u64,
}

impl Counters {
    /// The value of one of the counts.
    pub(crate) const fn of(self, field: Field) -> u64 {
        match field {
            Field::Requests => self.requests,
            Field::Logins => self.logins,
            Field::GuestsAsked => self.guests_asked,
            Field::RefreshesAsked => self.refreshes_asked,
            Field::Mints => self.mints,
            Field::AppRefreshes => self.app_refreshes,
            Field::InFlight => self.in_flight,
            Field::Hanging => self.hanging,
            Field::Refused => self.refused,
        }
    }

    /// What a reset leaves: nothing but what is going on now.
    pub(crate) fn only_gauges(self) -> Self {
        Self { in_flight: self.in_flight, hanging: self.hanging, ..Self::default() }
    }
}

/// The name of one of the [`Counters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    Requests,
    Logins,
    GuestsAsked,
    RefreshesAsked,
    Mints,
    AppRefreshes,
    InFlight,
    Hanging,
    Refused,
}
