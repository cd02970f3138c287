//! The part of the control interface that is about the Service App.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use guestissuer_proto::Span;
use serde_json::{Map, Value, json};

use super::{Answer, ControlError, from_json, ok};
use crate::world::World;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/app", get(show))
        .route("/app/settings", post(change).get(settings))
        .route("/app/revoke", post(revoke))
        .route("/app/kill", post(kill))
        .route("/app/issue", post(issue))
}

async fn show(State(world): State<Arc<World>>) -> Response {
    ok(&world.app_state())
}

async fn settings(State(world): State<Arc<World>>) -> Response {
    ok(&world.app_dials())
}

async fn change(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let change: Map<String, Value> = from_json(&body)?;
    let dials = world.turn_app(change, |dials| {
        let too_long = u128::from(dials.longest_ms()) > Span::MAX.as_duration().as_millis();
        if too_long { Err(ControlError::TooLong) } else { Ok(()) }
    })?;
    Ok(ok(&dials))
}

async fn revoke(State(world): State<Arc<World>>) -> StatusCode {
    world.revoke_app();
    StatusCode::NO_CONTENT
}

async fn kill(State(world): State<Arc<World>>) -> StatusCode {
    world.kill_refresh_tokens();
    StatusCode::NO_CONTENT
}

async fn issue(State(world): State<Arc<World>>) -> Answer {
    let issued = world.issue().map_err(|_| ControlError::NoRandomness)?;
    Ok(ok(&json!({ "access_token": issued.access_token, "refresh_token": issued.refresh_token })))
}
