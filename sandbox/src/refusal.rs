//! Why the sandbox itself answers no, as opposed to a fault that was asked for.

use axum::http::StatusCode;
use serde::Serialize;

/// Why a request is refused. The client sees only the status and Webex's text; the request log has the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    #[error("no Authorization header, or not a bearer token")]
    NoAuthorization,
    #[error("not a JWT")]
    NotAJwt,
    #[error("the JWT's header is not that of HS256")]
    Algorithm,
    #[error("the signature does not match the issuer's secret")]
    Signature,
    #[error("another issuer")]
    Issuer,
    #[error("sub, name or exp is missing or of the wrong type")]
    Claims,
    #[error("the JWT has expired")]
    JwtExpired,
    #[error("an access token this sandbox did not mint")]
    UnknownToken,
    #[error("the access token has expired")]
    TokenExpired,
    #[error("the access token was revoked")]
    TokenRevoked,
    #[error("no Content-Length")]
    NoLength,
    #[error("no such path")]
    UnknownPath,
    #[error("not this method here")]
    Method,
    #[error("the request body is too large or broke off")]
    Body,
    #[error("the machine has no randomness to give")]
    NoRandomness,
}

impl Refusal {
    /// The status Webex is taken to answer with.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::NoAuthorization
            | Self::Algorithm
            | Self::Signature
            | Self::Issuer
            | Self::Claims
            | Self::JwtExpired
            | Self::UnknownToken
            | Self::TokenExpired
            | Self::TokenRevoked => StatusCode::UNAUTHORIZED,
            Self::NotAJwt | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoLength => StatusCode::LENGTH_REQUIRED,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoRandomness => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
