//! The names of things, checked once where they enter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text cannot be the name of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// More than the limit of its kind.
    #[error("must not be longer than {limit} {unit}")]
    TooLong {
        /// The greatest allowed length.
        limit: usize,
        /// What the length counts.
        unit: &'static str,
    },
    /// A control character, such as a newline or an escape.
    #[error("must not contain control characters")]
    Control,
    /// White space at the start or the end.
    #[error("must not start or end with white space")]
    Padded,
    /// A character outside the small set that issuer names are made of.
    #[error("must be made of letters, digits, '-', '_' and '.', and start with a letter or digit")]
    Charset,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                $check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// What names a guest within one issuer: the `sub` of the guest JWT, the `123` of `gi get 123`.
    ///
    /// Invariant: 1 to 255 bytes of UTF-8, no control character, no white space at either end.
    Subject, check_subject
}

name_type! {
    /// What other people see a guest called.
    ///
    /// Invariant: 1 to 255 characters, none of them a control character.
    DisplayName, check_display_name
}

name_type! {
    /// What the user calls a configured Webex application.
    ///
    /// Invariant: 1 to 64 ASCII letters, digits, `-`, `_` and `.`, the first a letter or digit.
    IssuerName, check_issuer_name
}

impl Subject {
    /// Whether the subject is made of what Webex documents for a guest-issuer's `sub`: letters, digits, hyphens.
    #[must_use]
    pub fn is_documented(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }
}

fn check_subject(text: &str) -> Result<(), NameError> {
    if text.len() > 255 {
        return Err(NameError::TooLong { limit: 255, unit: "bytes" });
    }
    if text.trim() != text {
        return Err(NameError::Padded);
    }
    check_visible(text)
}

fn check_display_name(text: &str) -> Result<(), NameError> {
    if text.chars().count() > 255 {
        return Err(NameError::TooLong { limit: 255, unit: "characters" });
    }
    check_visible(text)
}

fn check_issuer_name(text: &str) -> Result<(), NameError> {
    if text.len() > 64 {
        return Err(NameError::TooLong { limit: 64, unit: "characters" });
    }
    let Some(first) = text.bytes().next() else {
        return Err(NameError::Empty);
    };
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !first.is_ascii_alphanumeric() || !text.bytes().all(known) {
        return Err(NameError::Charset);
    }
    Ok(())
}

fn check_visible(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_bounded_in_bytes_and_free_of_control_characters() {
        assert!("123".parse::<Subject>().is_ok());
        assert!("a b".parse::<Subject>().is_ok());
        assert!("x".repeat(255).parse::<Subject>().is_ok());
        assert_eq!("".parse::<Subject>(), Err(NameError::Empty));
        assert_eq!("é".repeat(128).parse::<Subject>(), Err(NameError::TooLong { limit: 255, unit: "bytes" }));
        assert_eq!("a\nb".parse::<Subject>(), Err(NameError::Control));
        assert_eq!("a\u{85}b".parse::<Subject>(), Err(NameError::Control));
        for padded in [" 1", "1 ", "1\n", "\u{2003}1"] {
            assert_eq!(padded.parse::<Subject>(), Err(NameError::Padded), "{padded:?}");
        }
    }

    #[test]
    fn display_names_are_bounded_in_characters() {
        assert!("é".repeat(255).parse::<DisplayName>().is_ok());
        assert!(" Ann ".parse::<DisplayName>().is_ok());
        assert!("é".repeat(256).parse::<DisplayName>().is_err());
        assert_eq!("A\u{1b}[31m".parse::<DisplayName>(), Err(NameError::Control));
    }

    #[test]
    fn issuer_names_can_be_typed_without_quotes() {
        for good in ["acme", "acme-2", "a_b.c", "7"] {
            assert!(good.parse::<IssuerName>().is_ok(), "{good}");
        }
        for bad in ["-acme", ".acme", "a b", "é", "a/b"] {
            assert_eq!(bad.parse::<IssuerName>(), Err(NameError::Charset), "{bad}");
        }
    }

    #[test]
    fn documented_subjects_are_letters_digits_and_hyphens() {
        assert!("abc-123".parse::<Subject>().unwrap().is_documented());
        assert!(!"a_b".parse::<Subject>().unwrap().is_documented());
        assert!(!"é".parse::<Subject>().unwrap().is_documented());
    }
}
