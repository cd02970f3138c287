//! What the commands of the original do: sign, exchange and look at tokens that are not kept.

use serde::{Deserialize, Serialize};

use crate::{DisplayName, IssuerName, Secret, Subject, UnixTime};

/// Who signs a guest JWT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub enum Signer {
    /// A stored issuer; the default one where none is named.
    Stored(Option<IssuerName>),
    /// An issuer that is used for this call and forgotten.
    Given {
        /// The issuer id, the `iss` of the guest JWT.
        id: String,
        /// The shared secret, in base64 as Webex hands it out.
        secret: Secret,
        /// Whether a stored issuer of this name, if there is one, is meant instead.
        or_stored: bool,
    },
}

/// Where the API is: at `api_base`, else where the issuer's is, else where that of the stored issuer is which a JWT
/// names, else where the default issuer's is, else at Webex.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Place {
    /// An address such as `https://webexapis.com/v1`.
    pub api_base: Option<String>,
    /// A stored issuer.
    pub issuer: Option<IssuerName>,
}

/// See [`Request::Sign`](crate::Request::Sign).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct SignAssertion {
    /// Who signs.
    pub signer: Signer,
    /// The guest, the `sub` of the JWT.
    pub subject: Subject,
    /// What it is called.
    pub name: DisplayName,
    /// For how many milliseconds the JWT is valid, at least a second.
    pub life_ms: u64,
}

/// See [`Request::Exchange`](crate::Request::Exchange).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ExchangeAssertion {
    /// The guest JWT.
    pub jwt: Secret,
    /// Where it is exchanged.
    pub place: Place,
}

/// See [`Request::Quick`](crate::Request::Quick).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct QuickToken {
    /// Who signs.
    pub signer: Signer,
    /// The guest.
    pub subject: Subject,
    /// What it is called.
    pub name: DisplayName,
    /// Where the API is, if not where the signer's is.
    pub api_base: Option<String>,
}

/// See [`Request::VerifyAssertion`](crate::Request::VerifyAssertion).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct VerifyAssertion {
    /// Who is said to have signed it.
    pub signer: Signer,
    /// The guest JWT.
    pub jwt: Secret,
}

/// See [`Request::VerifyToken`](crate::Request::VerifyToken).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct VerifyToken {
    /// The access token.
    pub access_token: Secret,
    /// Who is asked about it.
    pub place: Place,
}

/// A guest JWT that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Assertion {
    /// The JWT.
    pub jwt: Secret,
    /// Its `exp`.
    pub expires_at: UnixTime,
}

/// An access token that is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Exchanged {
    /// The token.
    pub access_token: Secret,
    /// For how many milliseconds it was valid when Webex sent it.
    pub life_ms: u64,
}

/// Whose token it is, as `people/me` tells. What Webex leaves out is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct Person {
    /// The person id: what is needed to add a guest to a space.
    pub id: String,
    /// The addresses; a guest's are made from its subject.
    pub emails: Vec<String>,
    /// The display name.
    pub display_name: Option<String>,
    /// The organisation's id.
    pub org_id: Option<String>,
    /// What kind of person it is: `appuser` for guests.
    pub kind: Option<String>,
    /// When it was made, as Webex writes it.
    pub created: Option<String>,
    /// Where its picture is.
    pub avatar: Option<String>,
}
