//! The token that a Service App has of its own, and mints its guests' tokens with.

use serde::{Deserialize, Serialize};

use crate::response::MintFailure;
use crate::{Failure, IssuerName, UnixTime};

/// See [`Request::AppShow`](crate::Request::AppShow).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct ShowApp {
    /// Which issuer; the default one where this is absent.
    pub issuer: Option<IssuerName>,
    /// Ask Webex how many guests the Service App has. Without this nothing is sent to Webex.
    pub count: bool,
}

/// How the tokens of a Service App stand, without the tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(wincode::SchemaRead, wincode::SchemaWrite))]
pub struct AppDetail {
    /// Which issuer it is.
    pub name: IssuerName,
    /// From when on the access token is no longer valid; absent where there is none yet.
    pub access_expires_at: Option<UnixTime>,
    /// From when on the refresh token is no longer valid, where Webex said. Only a person can replace it then.
    pub refresh_expires_at: Option<UnixTime>,
    /// When the access token was last refreshed, or given by a person.
    pub refreshed_at: UnixTime,
    /// When it is to be refreshed next, or tried again.
    pub refresh_at: UnixTime,
    /// How many guests Webex counts, if it was asked and said.
    pub guests_at_webex: Option<u64>,
    /// Why Webex did not say, if it was asked.
    pub count_failure: Option<Failure>,
    /// Why the last refresh failed, if it did.
    pub last_error: Option<MintFailure>,
}
