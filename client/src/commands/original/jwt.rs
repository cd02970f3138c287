//! Takes JWTs apart, without believing any of it.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use guestissuer_client::proto::{Secret, UnixTime};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// Base64 for URLs, with padding or without.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The parts of a JWT.
pub(super) struct Jwt {
    header: Map<String, Value>,
    payload: Map<String, Value>,
    signature: String,
}

impl Jwt {
    /// Takes a text apart that has the form of a JWT: three parts in base64, the first two of them JSON objects.
    pub(super) fn parse(text: &Secret) -> Option<Self> {
        let mut parts = text.expose().trim().split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        // A JWT that nobody has signed has no signature, and is one all the same.
        URL_SAFE.decode(signature).ok()?;
        Some(Self { header: object(header)?, payload: object(payload)?, signature: signature.to_owned() })
    }

    /// Header, payload and signature, in this order, as the original prints them.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut parts = Map::new();
        parts.insert("header".to_owned(), Value::Object(self.header.clone()));
        parts.insert("payload".to_owned(), Value::Object(self.payload.clone()));
        parts.insert("signature".to_owned(), json!(self.signature));
        parts
    }

    /// How it says that it was signed.
    pub(super) fn algorithm(&self) -> Option<&str> {
        self.header.get("alg").and_then(Value::as_str)
    }

    /// Who it says that it is from.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.payload.get("iss").and_then(Value::as_str)
    }

    /// Until when it says that it is valid: `exp` in seconds as guest JWTs have it, or `expiry_time` in milliseconds as
    /// Webex's access tokens do; either may be written as a text.
    pub(super) fn expires_at(&self) -> Option<UnixTime> {
        let number = |name: &str| match self.payload.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let millis = number("exp").map(|seconds| seconds * 1_000.0).or_else(|| number("expiry_time"))?;
        Some(UnixTime(whole(millis)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and a time beyond the last i64 is as good as the last"
)]
fn whole(millis: f64) -> i64 {
    millis as i64
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = Zeroizing::new(URL_SAFE.decode(part).ok()?);
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Jwt> {
        Jwt::parse(&Secret::new(text.to_owned()))
    }

    fn with(payload: &Value) -> Jwt {
        parse(&format!("e30.{}.", URL_SAFE.encode(payload.to_string()))).unwrap()
    }

    #[test]
    fn three_parts_in_base64_are_a_jwt_if_the_first_two_are_objects() {
        for good in ["e30.e30.", "e30=.e30=.AA==", "e30.e30.AA", " e30.e30.AA\n"] {
            assert!(parse(good).is_some(), "{good:?}");
        }
        for bad in [
            "",
            "..",
            "abc",
            "e30",
            "e30.e30",
            "e30.e30.AA.AA",
            "e30.W10.AA",
            "W10.e30.AA",
            "e30.bnVsbA.AA",
            "e30.e30.+/",
            "e30.e30.!",
            "e3.e30.AA",
            "e30.aGk.AA",
            "e30 .e30.AA",
            "é.e30.AA",
        ] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn the_end_is_read_in_every_shape() {
        let table = [
            (json!({"exp": 1_517_073_019}), Some(1_517_073_019_000)),
            (json!({"exp": "1517073019"}), Some(1_517_073_019_000)),
            (json!({"exp": 1.5}), Some(1_500)),
            (json!({"exp": 1e300}), Some(i64::MAX)),
            (json!({"expiry_time": 1_517_073_019_123_i64}), Some(1_517_073_019_123)),
            (json!({"exp": "soon"}), None),
            (json!({"exp": "NaN"}), None),
            (json!({"exp": null}), None),
            (json!({}), None),
        ];
        for (payload, expected) in table {
            assert_eq!(with(&payload).expires_at(), expected.map(UnixTime), "{payload}");
        }
    }
}
