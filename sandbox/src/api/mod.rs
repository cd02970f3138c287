//! Webex's guest API, as far as the sandbox imitates it. One kind of issuer, one file.

mod catalog;
mod guest_issuer;
mod people;
mod service_app;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::middleware::from_fn_with_state;

use crate::refusal::Refusal;
use crate::visit::visit;
use crate::world::World;

/// Where a guest JWT is exchanged for an access token.
pub(crate) const LOGIN_PATH: &str = "/v1/jwt/login";

/// Where a Service App obtains its own access token.
pub(crate) const ACCESS_TOKEN_PATH: &str = "/v1/access_token";

/// Where a Service App obtains an access token for a guest.
pub(crate) const GUEST_TOKEN_PATH: &str = "/v1/guests/token";

/// What an answer calls the token it gives, and the seconds the token lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenFields {
    pub(crate) token: &'static str,
    pub(crate) life: &'static str,
}

/// The fields of a login's answer.
pub(crate) const LOGIN_FIELDS: TokenFields = TokenFields { token: "token", life: "expiresIn" };

/// The fields of the answer at this path, if it gives a token.
pub(crate) fn token_fields(path: &str) -> Option<TokenFields> {
    match path {
        LOGIN_PATH => Some(LOGIN_FIELDS),
        GUEST_TOKEN_PATH => Some(TokenFields { token: "accessToken", life: "expiresIn" }),
        ACCESS_TOKEN_PATH => Some(TokenFields { token: "access_token", life: "expires_in" }),
        _ => None,
    }
}

/// Everything outside the control interface, with the log and the faults around it.
pub(crate) fn routes(world: &Arc<World>) -> Router {
    Router::new()
        .merge(guest_issuer::routes())
        .merge(service_app::routes())
        .merge(people::routes())
        .merge(catalog::routes())
        .fallback(async || Refusal::UnknownPath)
        .method_not_allowed_fallback(async || Refusal::Method)
        .layer(from_fn_with_state(Arc::clone(world), visit))
        .with_state(Arc::clone(world))
}

/// The token a request carries: after `Bearer`, or bare as some clients send it.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) => return None,
        None if value.eq_ignore_ascii_case("bearer") => return None,
        None => value,
    };
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(value: &'static str) -> Option<String> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        authorization(&headers).map(str::to_owned)
    }

    #[test]
    fn a_token_may_be_bare_or_follow_its_scheme() {
        assert_eq!(read("Bearer a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(read("bearer  a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(read("a.b.c").as_deref(), Some("a.b.c"));
    }

    #[test]
    fn other_schemes_and_nothing_are_not_tokens() {
        for value in ["Basic YTpi", "", "  ", "Bearer", "Bearer "] {
            assert_eq!(read(value), None, "{value:?}");
        }
        assert_eq!(authorization(&HeaderMap::new()), None);
    }
}
