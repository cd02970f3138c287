//! Why the sandbox itself answers no, as opposed to a fault that was asked for.

use axum::http::StatusCode;
use serde::Serialize;

use crate::service_app::Scope;

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
    #[error("the access token lacks the scope guest-issuer:read")]
    NoReadScope,
    #[error("the access token lacks the scope guest-issuer:write")]
    NoWriteScope,
    #[error("subject or displayName is missing, empty or no text")]
    GuestFields,
    #[error("the request body is not of the type this path takes")]
    ContentType,
    #[error("a field of the form is missing or there twice")]
    FormFields,
    #[error("a grant_type other than refresh_token")]
    GrantType,
    #[error("another client id")]
    UnknownClient,
    #[error("another client secret")]
    ClientSecret,
    #[error("a refresh token this sandbox did not make")]
    UnknownRefreshToken,
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    #[error("the refresh token was used or killed")]
    DeadRefreshToken,
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
            | Self::TokenRevoked
            | Self::UnknownClient
            | Self::ClientSecret => StatusCode::UNAUTHORIZED,
            Self::GuestFields
            | Self::FormFields
            | Self::GrantType
            | Self::UnknownRefreshToken
            | Self::RefreshTokenExpired
            | Self::DeadRefreshToken => StatusCode::BAD_REQUEST,
            Self::NoReadScope | Self::NoWriteScope => StatusCode::FORBIDDEN,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAJwt | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoLength => StatusCode::LENGTH_REQUIRED,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoRandomness => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The scope that was missing, if it was for that.
    pub(crate) fn missing_scope(self) -> Option<Scope> {
        [(Self::NoReadScope, Scope::Read), (Self::NoWriteScope, Scope::Write)]
            .into_iter()
            .find_map(|(refusal, scope)| (refusal == self).then_some(scope))
    }
}
