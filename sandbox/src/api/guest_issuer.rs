//! `POST /v1/jwt/login`: a guest JWT for an access token.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use serde::Serialize;

use super::{LOGIN_PATH, authorization};
use crate::jwt::GuestJwt;
use crate::refusal::Refusal;
use crate::token::Pool;
use crate::webex;
use crate::world::{Ticket, World};

/// What a login is answered with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    token: String,
    /// Whole seconds, rounded down.
    expires_in: u64,
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route(LOGIN_PATH, post(login))
}

async fn login(
    State(world): State<Arc<World>>,
    Extension(ticket): Extension<Ticket>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    // Webex's front ends want to be told how long a body is, also when there is none.
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::NoLength);
    }
    let text = authorization(&headers).ok_or(Refusal::NoAuthorization)?;
    let guest = GuestJwt::parse(text)?.judge(&world.issuer, &world.key, world.now())?;
    let minted = world.mint(guest, Pool::GuestIssuer, ticket)?;
    let answer = Login { token: minted.token, expires_in: minted.life.as_secs() };
    Ok(webex::answer(StatusCode::OK, &answer))
}
