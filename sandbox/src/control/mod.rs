//! The control interface under `/_control`: how tests and users make the sandbox misbehave and watch what it does.
//!
//! The crate's documentation describes it for its users.

mod app;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use guestissuer_proto::Span;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::{Skew, UnixMillis};
use crate::counters::{Counters, Field};
use crate::faults::{FaultBook, MAX_RULES, Rule, RuleError, RuleText};
use crate::visit::MAX_REQUEST_BODY;
use crate::webex;
use crate::world::{Dials, World};

/// How long `wait` waits unless told otherwise, in milliseconds.
const DEFAULT_WAIT_MS: u64 = 10_000;

/// How long `wait` waits at most, in milliseconds; a test that needs longer asks again.
const MAX_WAIT_MS: u64 = 60_000;

/// The control interface, to be nested under `/_control`.
pub(crate) fn routes(world: &Arc<World>) -> Router {
    Router::new()
        .route("/faults", post(add_fault).get(list_faults).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/release", post(release))
        .route("/settings", post(change_settings).get(show_settings))
        .route("/state", get(state))
        .route("/requests", get(requests))
        .route("/wait", get(wait))
        .route("/reset", post(reset))
        .route("/revoke", post(revoke))
        .merge(app::routes())
        .fallback(async || ControlError::UnknownPath)
        .method_not_allowed_fallback(async || ControlError::Method)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BODY))
        .with_state(Arc::clone(world))
}

/// What is wrong with a control request. Always the caller's to mend.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Query(#[from] axum::extract::rejection::QueryRejection),
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error("there are {MAX_RULES} rules already; delete some")]
    TooManyRules,
    #[error("no such rule")]
    UnknownRule,
    #[error("a life, a grace or a clock skew is at most a hundred years")]
    TooLong,
    #[error("too many subjects were revoked already; start the sandbox anew")]
    TooManyRevoked,
    #[error("give at_least or at_most")]
    NothingToWaitFor,
    #[error("the machine has no randomness to give")]
    NoRandomness,
    #[error("no such path in the control interface")]
    UnknownPath,
    #[error("not this method here")]
    Method,
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Json(_)
            | Self::Query(_)
            | Self::Rule(_)
            | Self::TooManyRules
            | Self::TooLong
            | Self::TooManyRevoked
            | Self::NothingToWaitFor => StatusCode::BAD_REQUEST,
            Self::NoRandomness => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UnknownRule | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
        };
        webex::answer(status, &json!({ "message": self.to_string() }))
    }
}

type Answer = Result<Response, ControlError>;

async fn add_fault(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let text: RuleText = from_json(&body)?;
    let rule = Rule::try_from(&text)?;
    let id = world.with_faults(|faults| faults.add(rule, text)).ok_or(ControlError::TooManyRules)?;
    Ok(webex::answer(StatusCode::CREATED, &json!({ "id": id })))
}

async fn list_faults(State(world): State<Arc<World>>) -> Response {
    ok(&world.with_faults(|faults| faults.list()))
}

async fn clear_faults(State(world): State<Arc<World>>) -> StatusCode {
    world.with_faults(FaultBook::clear);
    StatusCode::NO_CONTENT
}

async fn remove_fault(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ControlError> {
    let id: u64 = id.parse().map_err(|_| ControlError::UnknownRule)?;
    if world.with_faults(|faults| faults.remove(id)) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ControlError::UnknownRule)
    }
}

async fn release(State(world): State<Arc<World>>) -> StatusCode {
    world.with_faults(|faults| faults.release());
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsText {
    token_life_ms: Option<u64>,
    clock_skew_ms: Option<i64>,
}

async fn change_settings(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let text: SettingsText = from_json(&body)?;
    if text.token_life_ms.is_some_and(|life| u128::from(life) > Span::MAX.as_duration().as_millis()) {
        return Err(ControlError::TooLong);
    }
    let skew = text.clock_skew_ms.map(Skew::from_millis).transpose().map_err(|_| ControlError::TooLong)?;
    let dials = world.turn(|dials| {
        if let Some(life) = text.token_life_ms {
            dials.token_life_ms = life;
        }
        if let Some(skew) = skew {
            dials.clock_skew_ms = skew.as_millis();
        }
    });
    Ok(ok(&shown(dials)))
}

async fn show_settings(State(world): State<Arc<World>>) -> Response {
    ok(&shown(world.dials()))
}

async fn state(State(world): State<Arc<World>>) -> Response {
    ok(&world.state())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestsQuery {
    since: Option<u64>,
}

async fn requests(State(world): State<Arc<World>>, uri: Uri) -> Answer {
    let Query(query) = Query::<RequestsQuery>::try_from_uri(&uri)?;
    Ok(ok(&world.visits_since(query.since.unwrap_or(0))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitQuery {
    field: Field,
    at_least: Option<u64>,
    at_most: Option<u64>,
    timeout_ms: Option<u64>,
}

async fn wait(State(world): State<Arc<World>>, uri: Uri) -> Answer {
    let Query(query) = Query::<WaitQuery>::try_from_uri(&uri)?;
    if query.at_least.is_none() && query.at_most.is_none() {
        return Err(ControlError::NothingToWaitFor);
    }
    let reached = |counters: &Counters| {
        let count = counters.of(query.field);
        query.at_least.is_none_or(|least| count >= least) && query.at_most.is_none_or(|most| count <= most)
    };
    let patience = Duration::from_millis(query.timeout_ms.unwrap_or(DEFAULT_WAIT_MS).min(MAX_WAIT_MS));
    let mut counters = world.watch();
    let met = tokio::time::timeout(patience, counters.wait_for(reached)).await.is_ok();
    let status = if met { StatusCode::OK } else { StatusCode::REQUEST_TIMEOUT };
    Ok(webex::answer(status, &world.state()))
}

async fn reset(State(world): State<Arc<World>>) -> StatusCode {
    world.reset();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeText {
    subject: String,
}

async fn revoke(State(world): State<Arc<World>>, body: Bytes) -> Result<StatusCode, ControlError> {
    let text: RevokeText = from_json(&body)?;
    if world.revoke(text.subject) { Ok(StatusCode::NO_CONTENT) } else { Err(ControlError::TooManyRevoked) }
}

/// The dials, and what the sandbox's clock shows with them.
fn shown(dials: Dials) -> Value {
    json!({
        "token_life_ms": dials.token_life_ms,
        "clock_skew_ms": dials.clock_skew_ms,
        "now_ms": UnixMillis::now(dials.clock_skew_ms),
    })
}

/// Reads a JSON body whatever its `Content-Type`, so that `curl -d` works as it is.
fn from_json<T: DeserializeOwned>(body: &Bytes) -> Result<T, ControlError> {
    Ok(serde_json::from_slice(body)?)
}

fn ok(body: &impl Serialize) -> Response {
    webex::answer(StatusCode::OK, body)
}
