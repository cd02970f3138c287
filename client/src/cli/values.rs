//! Values as they are typed.

use guestissuer_client::proto::{DisplayName, IssuerName, Subject};

/// A subject, which an argument can be although it starts with a hyphen only after `--`.
pub(super) fn subject(text: &str) -> Result<Subject, String> {
    text.parse::<Subject>().map_err(|error| format!("a guest's subject {error}"))
}

pub(super) fn display_name(text: &str) -> Result<DisplayName, String> {
    text.parse::<DisplayName>().map_err(|error| format!("a display name {error}"))
}

pub(super) fn issuer_name(text: &str) -> Result<IssuerName, String> {
    text.parse::<IssuerName>().map_err(|error| format!("an issuer's name {error}"))
}

/// Longer than any subject or name that it could match, so that matching it takes no time to speak of.
const LONGEST_PATTERN: usize = 1024;

pub(super) fn pattern(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_PATTERN {
        return Err(format!("a pattern must not be longer than {LONGEST_PATTERN} bytes"));
    }
    Ok(text.to_owned())
}

/// The name of an environment variable.
pub(super) fn variable(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|letter: char| letter == '=' || letter.is_control()) {
        return Err("the name of a variable must not be empty or hold a = or control characters".to_owned());
    }
    Ok(text.to_owned())
}
