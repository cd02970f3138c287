//! `GET /v1/people/me`: whose access token this is.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::authorization;
use crate::refusal::Refusal;
use crate::token::{Bearer, Pool, first_seen, timestamp};
use crate::webex::{self, ORGANIZATION};
use crate::world::World;

/// A guest as Webex shows it, or the Service App.
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
    let bearer = world.bearer(token)?;
    let person = world.person(&bearer);
    let created = timestamp(first_seen(person), "%Y-%m-%dT%H:%M:%S.%3fZ");
    let person = person.to_string();
    let (email, display_name, kind) = match &bearer {
        Bearer::Guest(guest, pool) => {
            let email = match pool {
                Pool::GuestIssuer => format!("{}@{ORGANIZATION}", guest.subject),
                Pool::ServiceApp => webex::app_guest_email(&person),
            };
            (email, world.name_of(guest, *pool), "appuser")
        }
        // Webex has no type of its own for the account of a Service App.
        Bearer::App => ("sandbox-app@webex.bot".to_owned(), "Sandbox Service App".to_owned(), "bot"),
    };
    let answer = Person {
        id: webex::id("PEOPLE", &person),
        emails: [email],
        display_name,
        org_id: webex::id("ORGANIZATION", ORGANIZATION),
        created,
        kind,
    };
    Ok(webex::answer(StatusCode::OK, &answer))
}
