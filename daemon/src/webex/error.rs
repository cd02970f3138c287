//! Why Webex gave no token: who is to blame, and whether waiting helps.

use std::time::Duration;

/// Why no token was minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Webex answered and said no to the issuer (401, 403). A person must act.
    #[error("Webex refuses the credentials (status {status})")]
    Rejected {
        /// The status, 401 or 403.
        status: u16,
        /// What Webex said.
        said: Said,
    },
    /// Webex answered and said no to a Service App's request (403), which usually lacks the right to make it. A person
    /// must act.
    #[error("Webex forbids the request, which needs the scope {scope} (status {status})")]
    MissingScope {
        /// The scope that the request needs.
        scope: Scope,
        /// The status, 403.
        status: u16,
        /// What Webex said.
        said: Said,
    },
    /// Webex gives a Service App no access token of its own, or does not accept it (4xx). A person must act.
    #[error("Webex does not accept {why} of the Service App (status {status})")]
    AppRejected {
        /// What is wrong, as far as Webex said.
        why: AppRefusal,
        /// The status, 400 to 499.
        status: u16,
        /// What Webex said.
        said: Said,
    },
    /// Webex answered and said no to this request (another 4xx). A person must act.
    #[error("Webex refuses the request (status {status})")]
    Refused {
        /// The status, 400 to 499.
        status: u16,
        /// What Webex said.
        said: Said,
    },
    /// Webex asked for fewer requests (429).
    #[error("Webex asks for fewer requests")]
    RateLimited {
        /// How long to wait, where it said.
        retry_after: Option<Duration>,
        /// What Webex said.
        said: Said,
    },
    /// No usable answer arrived; trying later may work.
    #[error("no usable answer from Webex")]
    Unavailable {
        /// What arrived instead.
        #[source]
        cause: Unusable,
        /// How long to wait, where it said.
        retry_after: Option<Duration>,
        /// What Webex said.
        said: Said,
    },
    /// The JWT could not be signed. A defect.
    #[error("the guest JWT could not be signed")]
    Unsigned(#[source] jsonwebtoken::errors::Error),
}

/// What a Service App must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To count guests.
    Read,
    /// To mint tokens for guests.
    Write,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Read => "guest-issuer:read",
            Self::Write => "guest-issuer:write",
        })
    }
}

/// What of a Service App Webex does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppRefusal {
    /// The refresh token has expired, was replaced, or belongs to another application.
    #[error("the refresh token")]
    RefreshToken,
    /// There is no such client id, or the client secret is not its.
    #[error("the client id or secret")]
    Client,
    /// The access token, although it is new: the application may have lost its authorization.
    #[error("the access token")]
    AccessToken,
    /// It did not say in a way that can be read.
    #[error("something")]
    Unclear,
}

/// What came instead of a usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// No connection, or it broke.
    #[error("Webex cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The machine has no certificates to check Webex's with.
    #[error("there are no CA certificates on this machine")]
    NoCertificates,
    /// Nothing within the time.
    #[error("Webex did not answer within {0:?}")]
    Timeout(Duration),
    /// A status that says to try later.
    #[error("Webex answered with status {0}")]
    Status(u16),
    /// The answer was longer than any token.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// Success, but not what the API describes.
    #[error("the answer is not what Webex sends: {0}")]
    Malformed(Malformed),
}

/// What is wrong with an answer that claims success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is not a JSON object.
    #[error("it is not JSON")]
    NotJson,
    /// There is no token in it, or one that cannot be sent in a header.
    #[error("it holds no usable token")]
    NoToken,
    /// There is no id of a person in it.
    #[error("it does not say who it is")]
    NoPerson,
    /// It is no number.
    #[error("it is not a number")]
    NoCount,
    /// There is no `expiresIn` in it that is a positive number.
    #[error("it does not say how long the token is valid")]
    NoLife,
}

/// What Webex said about a failure, cleaned of anything that is not plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The message, at most a few lines long.
    pub message: Option<String>,
    /// The tracking id, to quote to Webex's support.
    pub tracking_id: Option<String>,
}

impl MintError {
    /// What Webex said, if it said anything.
    #[must_use]
    pub fn said(&self) -> Option<&Said> {
        match self {
            Self::Rejected { said, .. }
            | Self::MissingScope { said, .. }
            | Self::AppRejected { said, .. }
            | Self::Refused { said, .. }
            | Self::RateLimited { said, .. }
            | Self::Unavailable { said, .. } => Some(said),
            Self::Unsigned(_) => None,
        }
    }

    /// The same error of a request that showed a Service App's own token, which cannot be helped with another one.
    #[must_use]
    pub fn of_app(self) -> Self {
        match self {
            Self::Rejected { status, said } => {
                Self::AppRejected { why: AppRefusal::AccessToken, status, said }
            }
            Self::MissingScope { .. }
            | Self::AppRejected { .. }
            | Self::Refused { .. }
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Unsigned(_) => self,
        }
    }

    /// The same error of a request that needs this scope.
    pub(super) fn lacking(self, scope: Scope) -> Self {
        match self {
            Self::Rejected { status: status @ 403, said } => Self::MissingScope { scope, status, said },
            Self::Rejected { .. }
            | Self::MissingScope { .. }
            | Self::AppRejected { .. }
            | Self::Refused { .. }
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Unsigned(_) => self,
        }
    }
}

/// The longest id or address that is believed. Real ones have a hundred or two characters.
const LONGEST_ID: usize = 1024;

/// Whether a text can be an id or an address: one word of visible ASCII characters, and not endlessly many.
pub(super) fn plain_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_ID && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The longest message of Webex that is passed on, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Longer words are no prose. A token that Webex sends back must not reach the user's screen or a file.
const LONGEST_WORD: usize = 80;

/// Makes a peer's text safe to show: one line, no control characters, bounded, nothing that could be a token.
pub(super) fn clean(text: &str) -> Option<String> {
    let is_prose = |word: &&str| word.chars().count() <= LONGEST_WORD;
    // Marks that turn the direction of writing could make one word look like another.
    let turns = |letter: char| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_gap = |letter: char| letter.is_whitespace() || letter.is_control() || turns(letter);
    let words = text.split(is_gap);
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()).filter(is_prose) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let line: String = line.chars().take(LONGEST_MESSAGE).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_webex_says_is_cleaned_before_it_is_shown() {
        assert_eq!(clean("bad\n\u{1b}[31mtoken\r\n"), Some("bad [31mtoken".to_owned()));
        assert_eq!(
            clean(&format!("the token {} is bad", "eyJ".repeat(100))),
            Some("the token is bad".to_owned())
        );
        assert_eq!(clean(&"word ".repeat(200)).unwrap().len(), LONGEST_MESSAGE);
        assert_eq!(clean("a\u{202e}b"), Some("a b".to_owned()));
        assert_eq!(clean(" \n "), None);
    }
}
