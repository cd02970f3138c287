//! What went wrong, as the user learns it: a code, a sentence and a remedy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of failure it is; scripts depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum FailureCode {
    /// A bug or a broken database.
    Internal,
    /// The request makes no sense as it stands.
    Usage,
    /// No guest of that subject is known.
    UnknownGuest,
    /// No issuer of that name is known.
    UnknownIssuer,
    /// The daemon cannot be reached or started. Only a client says this.
    NoDaemon,
    /// Webex refuses the issuer's credentials. A person must act.
    IssuerRejected,
    /// No usable answer from Webex. Trying later may work.
    Unavailable,
    /// Webex asked for fewer requests. Trying later will work.
    RateLimited,
    /// The request's deadline passed.
    Deadline,
    /// The socket belongs to another user.
    Denied,
    /// Sealed values cannot be opened because their key is missing or wrong.
    Locked,
    /// Client and daemon have no protocol version in common. Only a client says this.
    Version,
}

impl FailureCode {
    /// Every code, in the order of the wire.
    pub const ALL: [Self; 12] = [
        Self::Internal,
        Self::Usage,
        Self::UnknownGuest,
        Self::UnknownIssuer,
        Self::NoDaemon,
        Self::IssuerRejected,
        Self::Unavailable,
        Self::RateLimited,
        Self::Deadline,
        Self::Denied,
        Self::Locked,
        Self::Version,
    ];

    /// The word that stands for the code in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::UnknownGuest => "unknown_guest",
            Self::UnknownIssuer => "unknown_issuer",
            Self::NoDaemon => "no_daemon",
            Self::IssuerRejected => "issuer_rejected",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::Deadline => "deadline",
            Self::Denied => "denied",
            Self::Locked => "locked",
            Self::Version => "version",
        }
    }

    /// The exit code of `gi` for this failure, 1 to 8.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::UnknownGuest | Self::UnknownIssuer => 3,
            Self::NoDaemon => 4,
            Self::IssuerRejected => 5,
            Self::Unavailable | Self::RateLimited | Self::Deadline => 6,
            Self::Denied | Self::Locked => 7,
            Self::Version => 8,
        }
    }
}

/// A failure as it crosses the socket.
///
/// The cause stays in the daemon's journal; what a user can understand and act on is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Failure {
    /// What kind of failure it is.
    pub code: FailureCode,
    /// One sentence without a full stop, starting in lower case. Free of secrets and control characters.
    pub message: String,
    /// What the user can do about it, in the same form.
    pub hint: Option<String>,
    /// In how many milliseconds trying again may work, where that is known.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A failure with a message alone.
    #[must_use]
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, retry_after_ms: None }
    }

    /// The same failure with a remedy.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with the time after which trying again may work.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_exit_codes_are_those_of_the_contract() {
        let table: Vec<_> = FailureCode::ALL.iter().map(|code| (code.exit_code(), code.as_str())).collect();
        assert_eq!(
            table,
            [
                (1, "internal"),
                (2, "usage"),
                (3, "unknown_guest"),
                (3, "unknown_issuer"),
                (4, "no_daemon"),
                (5, "issuer_rejected"),
                (6, "unavailable"),
                (6, "rate_limited"),
                (6, "deadline"),
                (7, "denied"),
                (7, "locked"),
                (8, "version"),
            ]
        );
    }
}
