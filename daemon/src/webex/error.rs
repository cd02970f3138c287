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
            | Self::Refused { said, .. }
            | Self::RateLimited { said, .. }
            | Self::Unavailable { said, .. } => Some(said),
            Self::Unsigned(_) => None,
        }
    }
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
