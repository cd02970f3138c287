//! Reads guest JWTs and judges them, strictly and without any JWT library: an independent check of whoever
//! signed them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::refusal::Refusal;

/// Who a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    /// The `sub` claim, never empty.
    pub(crate) subject: String,
    /// The `name` claim; empty when the JWT has none.
    pub(crate) name: String,
}

/// A text in the form of a JWT. Nothing in it is to be believed before [`GuestJwt::judge`].
pub(crate) struct GuestJwt<'a> {
    signed: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

impl<'a> GuestJwt<'a> {
    /// Takes the text apart: three parts in unpadded URL-safe base64, the first two of them JSON objects.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::NotAJwt)?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::NotAJwt)?;
        Ok(Self {
            signed,
            header: object(header).ok_or(Refusal::NotAJwt)?,
            claims: object(claims).ok_or(Refusal::NotAJwt)?,
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::NotAJwt)?,
        })
    }

    /// The guest this JWT speaks for, if `issuer` signed it with `key` and it has not expired at `now`.
    pub(crate) fn judge(&self, issuer: &str, key: &hmac::Key, now: UnixMillis) -> Result<Guest, Refusal> {
        let is_jwt = self.header.get("typ").is_none_or(|typ| typ == "JWT");
        if self.header.get("alg") != Some(&Value::from("HS256")) || !is_jwt {
            return Err(Refusal::Algorithm);
        }
        hmac::verify(key, self.signed.as_bytes(), &self.signature).map_err(|_| Refusal::Signature)?;
        if self.claims.get("iss") != Some(&Value::from(issuer)) {
            return Err(Refusal::Issuer);
        }
        let subject = self.subject().filter(|subject| !subject.is_empty()).ok_or(Refusal::Claims)?;
        let name = match self.claims.get("name") {
            None => "",
            Some(name) => name.as_str().ok_or(Refusal::Claims)?,
        };
        if self.expiry()?.is_some_and(|expiry| expiry <= now.as_secs()) {
            return Err(Refusal::JwtExpired);
        }
        Ok(Guest { subject: subject.to_owned(), name: name.to_owned() })
    }

    /// The `sub` claim, if it is a text.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// The `name` claim, if it is a text.
    pub(crate) fn name(&self) -> Option<&str> {
        self.claims.get("name").and_then(Value::as_str)
    }

    /// The `exp` claim in seconds since 1970, which some clients write as a text and some leave out.
    pub(crate) fn expiry(&self) -> Result<Option<i64>, Refusal> {
        let seconds = match self.claims.get("exp") {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64().or_else(|| number.as_f64().map(whole)),
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        seconds.map(Some).ok_or(Refusal::Claims)
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast rounds down and saturates, and a time beyond the last i64 is as good as the last"
)]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GOLDEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjMiLCJuYW1lIjoiU3TDqHZlIiwiaXNzIjoiWTJselkyOXpjR0Z5YXpvdkwzVnpMMDlTUjBGT1NWcEJWRWxQVGk4ek9URTRPR00zTWkwd01ESTVMVFEzWVRRdFlqQXlOUzAxT0dFd1kyRTNORFZrTURZIiwiZXhwIjoxNTE3MDczMDE5fQ.uNtcqOSGutSWfM-qnhVD6E1-sOGzSom0_-m8IF2V1hg";
    const GOLDEN_ISSUER: &str =
        "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8zOTE4OGM3Mi0wMDI5LTQ3YTQtYjAyNS01OGEwY2E3NDVkMDY";
    const GOLDEN_EXPIRY: i64 = 1_517_073_019;

    fn key(secret: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, secret)
    }

    fn golden_key() -> hmac::Key {
        key(b"secret-secret-secret-secret-1234")
    }

    fn at(seconds: i64) -> UnixMillis {
        UnixMillis::new(seconds * 1_000)
    }

    fn judge(header: &Value, claims: &Value) -> Result<Guest, Refusal> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let tag = hmac::sign(&key(b"k"), signed.as_bytes());
        let text = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        GuestJwt::parse(&text)?.judge("me", &key(b"k"), at(1_000))
    }

    fn hs256() -> Value {
        json!({"alg": "HS256", "typ": "JWT"})
    }

    #[test]
    fn the_golden_jwt_is_accepted_until_the_second_it_expires() {
        let jwt = GuestJwt::parse(GOLDEN).unwrap();
        let guest = jwt.judge(GOLDEN_ISSUER, &golden_key(), at(GOLDEN_EXPIRY - 1)).unwrap();
        assert_eq!((guest.subject.as_str(), guest.name.as_str()), ("123", "Stève"));
        let late = jwt.judge(GOLDEN_ISSUER, &golden_key(), at(GOLDEN_EXPIRY));
        assert_eq!(late, Err(Refusal::JwtExpired));
    }

    #[test]
    fn another_key_or_issuer_is_refused() {
        let jwt = GuestJwt::parse(GOLDEN).unwrap();
        assert_eq!(jwt.judge(GOLDEN_ISSUER, &key(b"other"), at(0)), Err(Refusal::Signature));
        assert_eq!(jwt.judge("other", &golden_key(), at(0)), Err(Refusal::Issuer));
    }

    #[test]
    fn one_changed_character_is_refused() {
        let changed = GOLDEN.replace(".eyJzdWIiOiIxMjMi", ".eyJzdWIiOiIxMjQi");
        assert_ne!(changed, GOLDEN);
        let jwt = GuestJwt::parse(&changed).unwrap();
        assert_eq!(jwt.judge(GOLDEN_ISSUER, &golden_key(), at(0)), Err(Refusal::Signature));
    }

    #[test]
    fn what_has_not_the_form_of_a_jwt_is_told_apart() {
        let padded = format!("{GOLDEN}=");
        let four_parts = format!("{GOLDEN}.AAAA");
        for text in ["", "..", "a.b", "123", &padded, &four_parts, "e30.e30.!", "W10.e30.AA"] {
            assert_eq!(GuestJwt::parse(text).err(), Some(Refusal::NotAJwt), "{text:?}");
        }
    }

    #[test]
    fn only_hs256_is_accepted() {
        let claims = json!({"sub": "1", "iss": "me"});
        assert!(judge(&hs256(), &claims).is_ok());
        assert!(judge(&json!({"alg": "HS256"}), &claims).is_ok());
        for header in [json!({"alg": "none"}), json!({"alg": "HS512"}), json!({})] {
            assert_eq!(judge(&header, &claims), Err(Refusal::Algorithm), "{header}");
        }
    }

    #[test]
    fn exp_may_be_a_number_a_text_or_absent() {
        for exp in [json!(1_001), json!("1001"), json!(1_001.5), json!(1e300)] {
            assert!(judge(&hs256(), &json!({"sub": "1", "iss": "me", "exp": exp})).is_ok(), "{exp}");
        }
        for exp in [json!(1_000), json!("1000"), json!(-5), json!(0.5)] {
            let claims = json!({"sub": "1", "iss": "me", "exp": exp});
            assert_eq!(judge(&hs256(), &claims), Err(Refusal::JwtExpired), "{exp}");
        }
        for exp in [json!(null), json!(""), json!("soon"), json!([1])] {
            let claims = json!({"sub": "1", "iss": "me", "exp": exp});
            assert_eq!(judge(&hs256(), &claims), Err(Refusal::Claims), "{exp}");
        }
    }

    #[test]
    fn sub_is_required_and_name_is_not() {
        assert_eq!(judge(&hs256(), &json!({"iss": "me"})), Err(Refusal::Claims));
        assert_eq!(judge(&hs256(), &json!({"iss": "me", "sub": ""})), Err(Refusal::Claims));
        assert_eq!(judge(&hs256(), &json!({"iss": "me", "sub": 5})), Err(Refusal::Claims));
        assert_eq!(judge(&hs256(), &json!({"iss": "me", "sub": "1"})).unwrap().name, "");
    }
}
