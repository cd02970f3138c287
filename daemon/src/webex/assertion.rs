//! The guest JWT that a Guest Issuer application signs and Webex exchanges for an access token.

use std::sync::Once;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use guestissuer_proto::{DisplayName, Secret, Subject};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Signs guest JWTs with an issuer's shared secret.
pub struct SigningKey(EncodingKey);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

/// Why a text is not an issuer's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Neither the standard nor the URL-safe alphabet, or cut in the middle of a group.
    #[error("the secret is not base64")]
    NotBase64,
    /// It decodes to nothing.
    #[error("the secret is empty")]
    Empty,
}

impl SigningKey {
    /// Reads a secret as Webex hands it out: base64 in either alphabet, with or without padding, and with white
    /// space around it as copying leaves it.
    pub fn from_base64(secret: &Secret) -> Result<Self, SecretError> {
        let text = secret.expose().trim();
        let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        let engine = GeneralPurpose::new(alphabet, LENIENT.with_decode_allow_trailing_bits(true));
        let key = engine.decode(text).map_err(|_| SecretError::NotBase64)?;
        let key = Zeroizing::new(key);
        if key.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self(EncodingKey::from_secret(&key)))
    }

    /// Signs a guest JWT that Webex accepts until `expires_at`, in seconds since 1970.
    pub fn sign(
        &self,
        issuer_id: &str,
        subject: &Subject,
        name: &DisplayName,
        expires_at: i64,
    ) -> Result<Secret, Error> {
        install_signer();
        let claims = Claims { sub: subject.as_str(), name: name.as_str(), iss: issuer_id, exp: expires_at };
        let mut header = Header::new(Algorithm::HS256);
        // The library writes `typ` before `alg`; the order of the original is had by adding it at the end.
        header.typ = None;
        header.extras.insert("typ", "JWT");
        jsonwebtoken::encode(&header, &claims, &self.0).map(Secret::new)
    }

    /// Whether a JWT was signed with this key, by the one algorithm that guest JWTs are signed with. What is no JWT was
    /// not.
    #[must_use]
    pub fn has_signed(&self, jwt: &Secret) -> bool {
        let Some((signed, signature)) = jwt.expose().rsplit_once('.') else { return false };
        let Some((header, _)) = signed.split_once('.') else { return false };
        let is_hs256 = object::<Algorithmic>(header).is_some_and(|header| header.alg == "HS256");
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        let holds = |signature: Vec<u8>| hmac::verify(&key, signed.as_bytes(), &signature).is_ok();
        is_hs256 && URL_SAFE.decode(signature).is_ok_and(holds)
    }
}

/// Who a JWT says that it is from. Nobody has checked that.
#[must_use]
pub fn claimed_issuer(jwt: &Secret) -> Option<String> {
    let claims = jwt.expose().split('.').nth(1)?;
    object::<Claimed>(claims)?.iss
}

/// Base64 with padding or without.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A header, as far as it matters.
#[derive(Deserialize)]
struct Algorithmic {
    alg: String,
}

/// Claims of a JWT, as far as they matter.
#[derive(Deserialize)]
struct Claimed {
    iss: Option<String>,
}

fn object<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    let json = Zeroizing::new(URL_SAFE.decode(part).ok()?);
    serde_json::from_slice(&json).ok()
}

/// The claims, in the order Webex's own clients write them.
#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    name: &'a str,
    iss: &'a str,
    exp: i64,
}

struct Hs256(hmac::Key);

impl signature::Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

/// Gives the library the one algorithm that is needed, from the cryptography that TLS uses too. Either of the
/// library's own providers would bring a second implementation along.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        if *algorithm == Algorithm::HS256 {
            return Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))));
        }
        Err(ErrorKind::InvalidAlgorithm.into())
    },
    verifier_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    key_utils: KeyUtils::new_unimplemented(),
};

fn install_signer() {
    static INSTALLED: Once = Once::new();
    // Fails only if a provider is installed already, and then that one serves.
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> Result<SigningKey, SecretError> {
        SigningKey::from_base64(&Secret::new(secret.to_owned()))
    }

    #[test]
    fn the_jwt_is_byte_for_byte_the_original_s() {
        let issuer =
            "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8zOTE4OGM3Mi0wMDI5LTQ3YTQtYjAyNS01OGEwY2E3NDVkMDY";
        let jwt = key("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=")
            .unwrap()
            .sign(issuer, &"123".parse().unwrap(), &"Stève".parse().unwrap(), 1_517_073_019)
            .unwrap();
        assert_eq!(
            jwt.expose(),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
             eyJzdWIiOiIxMjMiLCJuYW1lIjoiU3TDqHZlIiwiaXNzIjoiWTJselkyOXpjR0Z5YXpvdkwzVnpMMDlTUjBGT1NWcEJWRWxQVGk4ek9\
             URTRPR00zTWkwd01ESTVMVFEzWVRRdFlqQXlOUzAxT0dFd1kyRTNORFZrTURZIiwiZXhwIjoxNTE3MDczMDE5fQ.\
             uNtcqOSGutSWfM-qnhVD6E1-sOGzSom0_-m8IF2V1hg"
        );
    }

    #[test]
    fn a_signature_holds_for_its_own_key_and_text_alone() {
        let sign = |key: &SigningKey| {
            key.sign("me", &"1".parse().unwrap(), &"Ann".parse().unwrap(), 1_517_073_019).unwrap()
        };
        let (ours, other) = (key("b3Vycw==").unwrap(), key("b3RoZXI=").unwrap());
        let jwt = sign(&ours);
        assert!(ours.has_signed(&jwt) && !other.has_signed(&jwt));
        assert!(ours.has_signed(&Secret::new(format!("{}=", jwt.expose()))), "padded");
        assert_eq!(claimed_issuer(&jwt).as_deref(), Some("me"));
        let parts: Vec<_> = jwt.expose().split('.').collect();
        let none = "eyJhbGciOiJub25lIn0";
        for tampered in [
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{none}.{}.", parts[1]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}A.{}", parts[0], parts[1], parts[2]),
            format!("{}.{}", parts[0], parts[1]),
            "..".to_owned(),
            String::new(),
        ] {
            assert!(!ours.has_signed(&Secret::new(tampered.clone())), "{tampered}");
        }
    }

    #[test]
    fn secrets_are_read_in_every_form_that_is_handed_out() {
        // The same bytes, fb ef be 01, in both alphabets, with and without padding.
        let forms = ["++++AQ==", "++++AQ", "----AQ==", "----AQ", " ++++AQ==\n"];
        let signed: Vec<_> = forms
            .iter()
            .map(|form| {
                let jwt = key(form).unwrap().sign("i", &"1".parse().unwrap(), &"n".parse().unwrap(), 1);
                jwt.unwrap().expose().to_owned()
            })
            .collect();
        assert!(signed.windows(2).all(|pair| pair[0] == pair[1]), "{signed:?}");
    }

    #[test]
    fn junk_and_empty_secrets_are_refused() {
        for junk in ["not base64!", "a", "abc$", "++--"] {
            assert_eq!(key(junk).err(), Some(SecretError::NotBase64), "{junk}");
        }
        for empty in ["", "  ", "\n"] {
            assert_eq!(key(empty).err(), Some(SecretError::Empty), "{empty:?}");
        }
    }
}
