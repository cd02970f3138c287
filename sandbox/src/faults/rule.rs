//! What a fault rule says, as posted and as checked.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::http::header::{RETRY_AFTER, TRANSFER_ENCODING};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Longest `delay_ms`: one hour. What should never be answered is better a `hang`.
const MAX_DELAY_MS: u64 = 3_600_000;

/// A rule as it is posted to `/_control/faults`. The crate's documentation says what each field does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the posted JSON has these fields; they become an enum in Rule"
)]
pub(crate) struct RuleText {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    hang: bool,
    reset: bool,
    close: bool,
    garbage: bool,
    truncate: bool,
    endless: bool,
    mint: bool,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "any_value")]
    expires_in: Option<Value>,
    omit_expires_in: bool,
    omit_token: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A rule that has passed its checks.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) reach: Reach,
    /// The request is handled at once, before anything goes wrong, and counted.
    pub(crate) mint: bool,
    pub(crate) delay: Option<Duration>,
    pub(crate) hang: bool,
    pub(crate) ending: Ending,
}

/// Which requests a rule concerns.
#[derive(Debug)]
pub(crate) struct Reach {
    path: Option<String>,
    subject: Option<String>,
    times: Option<u64>,
}

/// How a request ends that has met a rule.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The normal answer, changed.
    Normal { edit: TokenEdit, headers: HeaderMap },
    /// The rule's own answer.
    Canned(Canned),
    /// Less of an answer than its `Content-Length` says: the rule's own, or else the normal one.
    Truncated { canned: Option<Canned>, headers: HeaderMap },
    /// An answer whose body never ends.
    Endless { status: StatusCode, headers: HeaderMap },
    /// A TCP reset.
    Reset,
    /// The connection is closed without an answer.
    Close,
    /// Bytes that are not HTTP.
    Garbage,
}

/// An answer that a rule gives in the place of the sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Canned {
    pub(crate) status: StatusCode,
    /// Sent as it is; an error without one gets a body in Webex's shape.
    pub(crate) body: Option<String>,
    pub(crate) headers: HeaderMap,
}

/// Changes to an answer that gives a token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenEdit {
    pub(crate) expires_in: FieldEdit<Value>,
    pub(crate) token: FieldEdit<String>,
}

/// A change to one field of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FieldEdit<T> {
    Keep,
    Replace(T),
    Omit,
}

/// What is wrong with a posted rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    #[error("the rule has no effect: give a status, hang, reset, delay_ms or another effect")]
    NoEffect,
    #[error("status must have three digits, 100 to 999")]
    Status,
    #[error("delay_ms must be at most {MAX_DELAY_MS}; to wait longer, use hang")]
    Delay,
    #[error("times must be at least 1")]
    Times,
    #[error("path must start with / and not with /_control")]
    Path,
    #[error("retry_after, content_type or headers: not something an HTTP header can hold")]
    Header,
    #[error("content-length and transfer-encoding cannot be set; use truncate or endless")]
    Framing,
    #[error("reset, close, garbage, truncate and endless exclude each other")]
    Endings,
    #[error("reset, close and garbage send no status, body or headers")]
    NoAnswer,
    #[error("endless makes its own body")]
    EndlessBody,
    #[error(
        "expires_in, omit_expires_in, omit_token and token change the normal answer, which this rule replaces"
    )]
    NoToken,
    #[error("a field cannot be both given and omitted")]
    GivenAndOmitted,
}

impl Reach {
    /// Whether a rule with `hits` hits so far concerns this request.
    pub(crate) fn holds(&self, path: &str, subject: Option<&str>, hits: u64) -> bool {
        self.times.is_none_or(|times| hits < times)
            && self.path.as_deref().is_none_or(|wanted| wanted == path)
            && self.subject.as_deref().is_none_or(|wanted| Some(wanted) == subject)
    }
}

impl TokenEdit {
    /// Whether there is anything to change.
    pub(crate) fn is_empty(&self) -> bool {
        matches!((&self.expires_in, &self.token), (FieldEdit::Keep, FieldEdit::Keep))
    }
}

impl TryFrom<&RuleText> for Rule {
    type Error = RuleError;

    fn try_from(text: &RuleText) -> Result<Self, RuleError> {
        if text.path.as_deref().is_some_and(|path| !path.starts_with('/') || path.starts_with("/_control")) {
            return Err(RuleError::Path);
        }
        if text.times == Some(0) {
            return Err(RuleError::Times);
        }
        if text.delay_ms.is_some_and(|delay| delay > MAX_DELAY_MS) {
            return Err(RuleError::Delay);
        }
        let ending = text.ending()?;
        let waits = text.delay_ms.is_some() || text.hang;
        if let Ending::Normal { edit, headers } = &ending
            && edit.is_empty()
            && headers.is_empty()
            && !waits
        {
            return Err(RuleError::NoEffect);
        }
        Ok(Self {
            reach: Reach { path: text.path.clone(), subject: text.subject.clone(), times: text.times },
            mint: text.mint,
            delay: text.delay_ms.map(Duration::from_millis),
            hang: text.hang,
            ending,
        })
    }
}

impl RuleText {
    fn ending(&self) -> Result<Ending, RuleError> {
        let headers = self.all_headers()?;
        let edit = self.edit()?;
        let canned = self.canned(&headers)?;
        let flags = [self.reset, self.close, self.garbage, self.truncate, self.endless];
        if flags.iter().filter(|flag| **flag).count() > 1 {
            return Err(RuleError::Endings);
        }
        let replaced = flags.contains(&true) || canned.is_some();
        if replaced && !edit.is_empty() {
            return Err(RuleError::NoToken);
        }
        if self.reset || self.close || self.garbage {
            if canned.is_some() || !headers.is_empty() {
                return Err(RuleError::NoAnswer);
            }
            return Ok(match (self.reset, self.close) {
                (true, _) => Ending::Reset,
                (false, true) => Ending::Close,
                (false, false) => Ending::Garbage,
            });
        }
        if self.truncate {
            return Ok(Ending::Truncated { canned, headers });
        }
        if self.endless {
            if self.body.is_some() {
                return Err(RuleError::EndlessBody);
            }
            let status = canned.map_or(StatusCode::OK, |canned| canned.status);
            return Ok(Ending::Endless { status, headers });
        }
        Ok(match canned {
            Some(canned) => Ending::Canned(canned),
            None => Ending::Normal { edit, headers },
        })
    }

    /// The rule's own answer, if it has a status or a body.
    fn canned(&self, headers: &HeaderMap) -> Result<Option<Canned>, RuleError> {
        let status = match self.status {
            Some(code @ 100..=999) => StatusCode::from_u16(code).map_err(|_| RuleError::Status)?,
            Some(_) => return Err(RuleError::Status),
            None if self.body.is_some() => StatusCode::OK,
            None => return Ok(None),
        };
        Ok(Some(Canned { status, body: self.body.clone(), headers: headers.clone() }))
    }

    fn all_headers(&self) -> Result<HeaderMap, RuleError> {
        let mut all = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().map_err(|_| RuleError::Header)?;
            if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
                return Err(RuleError::Framing);
            }
            all.insert(name, header_value(value)?);
        }
        for (name, value) in [(RETRY_AFTER, &self.retry_after), (CONTENT_TYPE, &self.content_type)] {
            if let Some(value) = value {
                all.insert(name, header_value(value)?);
            }
        }
        Ok(all)
    }

    fn edit(&self) -> Result<TokenEdit, RuleError> {
        Ok(TokenEdit {
            expires_in: field_edit(self.expires_in.as_ref(), self.omit_expires_in)?,
            token: field_edit(self.token.as_ref(), self.omit_token)?,
        })
    }
}

fn field_edit<T: Clone>(given: Option<&T>, omitted: bool) -> Result<FieldEdit<T>, RuleError> {
    match (given, omitted) {
        (Some(_), true) => Err(RuleError::GivenAndOmitted),
        (Some(value), false) => Ok(FieldEdit::Replace(value.clone())),
        (None, true) => Ok(FieldEdit::Omit),
        (None, false) => Ok(FieldEdit::Keep),
    }
}

fn header_value(text: &str) -> Result<HeaderValue, RuleError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| RuleError::Header)
}

/// Takes any JSON value, `null` among them, which is not the same as no field at all.
fn any_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Result<Rule, RuleError> {
        let text: RuleText = serde_json::from_str(json).unwrap();
        Rule::try_from(&text)
    }

    #[test]
    fn a_rule_without_an_effect_is_refused() {
        for json in ["{}", r#"{"path":"/v1/jwt/login","times":1}"#, r#"{"mint":true}"#, r#"{"hang":false}"#] {
            assert_eq!(rule(json).err(), Some(RuleError::NoEffect), "{json}");
        }
    }

    #[test]
    fn every_effect_alone_makes_a_rule() {
        for json in [
            r#"{"status":100}"#,
            r#"{"status":999}"#,
            r#"{"retry_after":"rand(30),add(30)"}"#,
            r#"{"body":""}"#,
            r#"{"content_type":"text/plain"}"#,
            r#"{"headers":{"Location":"http://example.org/"}}"#,
            r#"{"delay_ms":0}"#,
            r#"{"hang":true}"#,
            r#"{"reset":true}"#,
            r#"{"close":true}"#,
            r#"{"garbage":true}"#,
            r#"{"truncate":true}"#,
            r#"{"endless":true}"#,
            r#"{"expires_in":null}"#,
            r#"{"omit_expires_in":true}"#,
            r#"{"omit_token":true}"#,
            r#"{"token":""}"#,
        ] {
            assert!(rule(json).is_ok(), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (json, error) in [
            (r#"{"status":99}"#, RuleError::Status),
            (r#"{"status":1000}"#, RuleError::Status),
            (r#"{"status":500,"times":0}"#, RuleError::Times),
            (r#"{"delay_ms":3600001}"#, RuleError::Delay),
            (r#"{"hang":true,"path":"v1"}"#, RuleError::Path),
            (r#"{"hang":true,"path":"/_control/state"}"#, RuleError::Path),
            (r#"{"retry_after":"1\r\nx: y"}"#, RuleError::Header),
            (r#"{"headers":{"a b":"c"}}"#, RuleError::Header),
            (r#"{"headers":{"Content-Length":"5"}}"#, RuleError::Framing),
            (r#"{"reset":true,"close":true}"#, RuleError::Endings),
            (r#"{"reset":true,"status":500}"#, RuleError::NoAnswer),
            (r#"{"garbage":true,"retry_after":"1"}"#, RuleError::NoAnswer),
            (r#"{"endless":true,"body":"x"}"#, RuleError::EndlessBody),
            (r#"{"status":500,"omit_token":true}"#, RuleError::NoToken),
            (r#"{"truncate":true,"expires_in":5}"#, RuleError::NoToken),
            (r#"{"omit_token":true,"token":"x"}"#, RuleError::GivenAndOmitted),
        ] {
            assert_eq!(rule(json).err(), Some(error), "{json}");
        }
    }

    #[test]
    fn a_rule_is_listed_as_it_was_posted() {
        let text: RuleText = serde_json::from_str(r#"{"status":429,"expires_in":null}"#).unwrap();
        let listed = serde_json::to_value(&text).unwrap();
        assert_eq!((&listed["status"], listed.get("expires_in")), (&429.into(), Some(&Value::Null)));
        assert_eq!(listed.get("times"), None);
    }
}
