//! What a sandbox is started with.
//!
//! Owns the issuer's credentials; must never show the secret in a log or a `Debug` text.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use guestissuer_proto::{Secret as SecretText, Span};

use crate::clock::Skew;

/// The issuer id a sandbox accepts unless told otherwise.
///
/// It has Webex's shape, base64 of `ciscospark://us/ORGANIZATION/<uuid>`, and is the same on every start.
pub const DEFAULT_ISSUER: &str =
    "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi81YTRkYjBjNS0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDE";

/// The secret that goes with [`DEFAULT_ISSUER`]: base64 of `sandbox-secret-that-guards-nothing-at-all`.
pub const DEFAULT_SECRET: &str = "c2FuZGJveC1zZWNyZXQtdGhhdC1ndWFyZHMtbm90aGluZy1hdC1hbGw=";

/// The client id of the sandbox's Service App, in the shape of Webex's: `C` and 64 hexadecimal digits.
pub const DEFAULT_CLIENT_ID: &str = "C5a4db0c500000000000000000000000000000000000000000000000000000001";

/// The secret that goes with [`DEFAULT_CLIENT_ID`]. It must be encoded to stand in a form, unlike Webex's: a client
/// that forgets to is found out.
pub const DEFAULT_CLIENT_SECRET: &str = "sandbox+client/secret=that&guards%20nothing";

/// The refresh token that a person would copy from the developer portal, the first of the sandbox's Service App.
pub const DEFAULT_REFRESH_TOKEN: &str = "sandbox+refresh/token=that&opens%20nothing";

/// How long an access token lives unless told otherwise: about what Webex gives.
pub const DEFAULT_TOKEN_LIFE: Span = Span::from_secs(6 * 3_600);

/// What a sandbox is started with. The default is an issuer of its own on any free port.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// The issuer id that guest JWTs must name.
    pub issuer: String,
    /// The secret that guest JWTs must be signed with.
    pub secret: Secret,
    /// How long an access token lives that was made for a guest JWT.
    pub token_life: Span,
    /// How far the sandbox's clock runs ahead of the machine's.
    pub clock_skew: Skew,
    /// Where the line for each request goes.
    pub request_lines: RequestLines,
    /// The Service App that can make tokens for guests too.
    pub service_app: ServiceApp,
}

/// What a Service App's owner copies from the developer portal.
#[derive(Clone, Debug)]
pub struct ServiceApp {
    /// Which app it is.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretText,
    /// The first refresh token, alive from the start for as long as one that the sandbox makes.
    pub refresh_token: SecretText,
}

/// The app of [`DEFAULT_CLIENT_ID`].
impl Default for ServiceApp {
    fn default() -> Self {
        Self {
            client_id: DEFAULT_CLIENT_ID.to_owned(),
            client_secret: SecretText::new(DEFAULT_CLIENT_SECRET.to_owned()),
            refresh_token: SecretText::new(DEFAULT_REFRESH_TOKEN.to_owned()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            issuer: DEFAULT_ISSUER.to_owned(),
            secret: Secret::default(),
            token_life: DEFAULT_TOKEN_LIFE,
            clock_skew: Skew::default(),
            request_lines: RequestLines::None,
            service_app: ServiceApp::default(),
        }
    }
}

/// Where the line that describes each request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestLines {
    /// Nowhere; `GET /_control/requests` still lists them.
    None,
    /// To standard error.
    Stderr,
}

/// An issuer's shared secret, decoded from base64.
///
/// Invariant: at least one byte long.
#[derive(Clone)]
pub struct Secret {
    key: Vec<u8>,
}

/// Why a text is not an issuer's secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// A character or the length does not fit base64.
    #[error("the secret is not base64")]
    NotBase64,
    /// Nothing is left after decoding.
    #[error("the secret is empty")]
    Empty,
}

impl Secret {
    /// Decodes standard or URL-safe base64, padded or not; white space around it is ignored.
    pub fn from_base64(text: &str) -> Result<Self, SecretError> {
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let text = text.trim();
        let key = [STANDARD, URL_SAFE]
            .iter()
            .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
            .ok_or(SecretError::NotBase64)?;
        if key.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self { key })
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.key
    }
}

/// The secret of [`DEFAULT_SECRET`].
impl Default for Secret {
    fn default() -> Self {
        Self { key: b"sandbox-secret-that-guards-nothing-at-all".to_vec() }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_secret_is_what_its_base64_says() {
        let decoded = Secret::from_base64(DEFAULT_SECRET).unwrap();
        assert_eq!(decoded.expose(), Secret::default().expose());
        assert!(decoded.expose().len() >= 32);
    }

    #[test]
    fn the_default_issuer_has_the_shape_of_a_webex_id() {
        let id = base64::engine::general_purpose::STANDARD_NO_PAD.decode(DEFAULT_ISSUER).unwrap();
        assert!(id.starts_with(b"ciscospark://us/ORGANIZATION/"));
    }

    #[test]
    fn secrets_are_read_in_either_alphabet_and_with_or_without_padding() {
        for text in ["_-8", "_-8=", "/+8", "/+8=", " /+8=\n"] {
            assert_eq!(Secret::from_base64(text).unwrap().expose(), [0xff, 0xef], "{text:?}");
        }
    }

    #[test]
    fn junk_and_empty_secrets_are_refused() {
        assert_eq!(Secret::from_base64("not base64!").err(), Some(SecretError::NotBase64));
        assert_eq!(Secret::from_base64(" \n").err(), Some(SecretError::Empty));
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::default()), "Secret(..)");
        let shown = format!("{:?}", Settings::default());
        assert!(shown.contains(DEFAULT_CLIENT_ID) && !shown.contains("nothing"), "{shown}");
    }
}
