//! The Service App: whose it is, what it may, and which of its tokens are alive.
//!
//! Owns the life and death of the app's tokens. Knows neither HTTP nor a clock, and never keeps a token it can
//! seal and read again.

mod dials;
mod ledger;
mod refresh_token;

pub(crate) use dials::{AccessTokens, AppDials, ErrorShape, People, Rotation};
pub(crate) use ledger::{AppLedger, Issued, Maker};
pub(crate) use refresh_token::RefreshToken;

/// What a Service App's access token may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// To count guests.
    Read,
    /// To make tokens for guests.
    Write,
}

impl Scope {
    /// As Webex writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "guest-issuer:read",
            Self::Write => "guest-issuer:write",
        }
    }
}
