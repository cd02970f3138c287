//! `GET /v1/people/me`: whose access token this is.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::authorization;
use crate::refusal::Refusal;
use crate::token::timestamp;
use crate::webex::{self, ORGANIZATION};
use crate::world::World;

/// A guest as Webex shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: String,
    emails: [String; 1],
    display_name: String,
    org_id: String,
    created: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new().route("/v1/people/me", get(me))
}

async fn me(State(world): State<Arc<World>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let token = authorization(&headers).ok_or(Refusal::NoAuthorization)?;
    let guest = world.holder(token)?.guest;
    let person = world.sealer.person(&guest.subject);
    let created = timestamp(world.sealer.first_seen(&guest.subject), "%Y-%m-%dT%H:%M:%S.%3fZ");
    let answer = Person {
        id: webex_id("PEOPLE", &person.to_string()),
        emails: [format!("{}@{ORGANIZATION}", guest.subject)],
        display_name: guest.name,
        org_id: webex_id("ORGANIZATION", ORGANIZATION),
        created,
        kind: "appuser",
    };
    Ok(webex::answer(StatusCode::OK, &answer))
}

/// How Webex writes the id of a thing of some kind.
fn webex_id(kind: &str, uuid: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("ciscospark://us/{kind}/{uuid}"))
}
