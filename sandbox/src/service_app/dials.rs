//! What can be changed about the Service App while the sandbox runs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::service_app::Scope;

/// How the Service App's tokens come and go. The crate's documentation describes each field for its users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppDials {
    pub(crate) rotation: Rotation,
    /// How long a rotated refresh token can be used at most; no limit if absent.
    pub(crate) grace_ms: Option<u64>,
    pub(crate) access_token: AccessTokens,
    pub(crate) access_life_ms: u64,
    pub(crate) refresh_life_ms: u64,
    pub(crate) guest_life_ms: u64,
    pub(crate) expires_in: LifeStyle,
    pub(crate) refresh_token_expires_in: LifeStyle,
    pub(crate) errors: ErrorShape,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) people: People,
}

/// What becomes of the refresh token that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rotation {
    /// A new one comes, and the old one dies at once.
    RotateStrict,
    /// A new one comes, and the old one dies once anything of the answer was used.
    RotateLenient,
    /// A new one comes, and the old one lives on.
    RotateKeep,
    /// The answer has the old one.
    Same,
    /// The answer has none, and the old one lives on.
    Omit,
}

/// Which access token a refresh gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccessTokens {
    New,
    /// The one from before, for as long as it is valid.
    Same,
}

/// How an answer writes a token's remaining seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LifeStyle {
    Number,
    String,
    Omit,
}

/// How `/access_token` writes its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ErrorShape {
    Oauth,
    Webex,
}

/// Whether a subject is the same person for both kinds of issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum People {
    Own,
    Shared,
}

impl Default for AppDials {
    /// As Webex documents it. Of rotation it says nothing; the mildest that still rotates is assumed.
    fn default() -> Self {
        Self {
            rotation: Rotation::RotateLenient,
            grace_ms: None,
            access_token: AccessTokens::New,
            access_life_ms: 1_209_599_000,
            refresh_life_ms: 7_775_999_000,
            guest_life_ms: 64_799_000,
            expires_in: LifeStyle::Number,
            refresh_token_expires_in: LifeStyle::Number,
            errors: ErrorShape::Oauth,
            scopes: [Scope::Read, Scope::Write].map(|scope| scope.name().to_owned()).into(),
            people: People::Own,
        }
    }
}

impl AppDials {
    /// These dials with the fields of `change` in the place of theirs.
    pub(crate) fn changed(&self, change: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut fields = serde_json::to_value(self)?;
        if let Some(fields) = fields.as_object_mut() {
            fields.extend(change);
        }
        serde_json::from_value(fields)
    }

    /// The longest time any dial shows, in milliseconds.
    pub(crate) fn longest_ms(&self) -> u64 {
        let lives = self.access_life_ms.max(self.refresh_life_ms).max(self.guest_life_ms);
        lives.max(self.grace_ms.unwrap_or(0))
    }
}

impl LifeStyle {
    /// The seconds as the answer has them; no field if absent.
    pub(crate) fn write(self, seconds: u64) -> Option<Value> {
        match self {
            Self::Number => Some(seconds.into()),
            Self::String => Some(seconds.to_string().into()),
            Self::Omit => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(change: &Value) -> Result<AppDials, serde_json::Error> {
        AppDials::default().changed(change.as_object().unwrap().clone())
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let dials = changed(&json!({"rotation": "omit", "grace_ms": 5})).unwrap();
        assert_eq!((dials.rotation, dials.grace_ms), (Rotation::Omit, Some(5)));
        assert_eq!(dials.scopes, AppDials::default().scopes);
        let back = dials.changed(json!({"grace_ms": null}).as_object().unwrap().clone()).unwrap();
        assert_eq!((back.rotation, back.grace_ms), (Rotation::Omit, None));
    }

    #[test]
    fn a_change_that_makes_no_sense_is_refused() {
        for change in [json!({"rotate": "omit"}), json!({"rotation": "never"}), json!({"grace_ms": -1})] {
            assert!(changed(&change).is_err(), "{change}");
        }
    }
}
