//! `POST /v1/access_token`, `POST /v1/guests/token` and `GET /v1/guests/count`: guests by way of a Service App.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Json, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ACCESS_TOKEN_PATH, GUEST_TOKEN_PATH, authorization};
use crate::jwt::Guest;
use crate::refusal::Refusal;
use crate::service_app::{ErrorShape, Scope};
use crate::token::{Bearer, Pool};
use crate::webex;
use crate::world::{Ticket, World};

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route(ACCESS_TOKEN_PATH, post(access_token))
        .route(GUEST_TOKEN_PATH, post(guest_token))
        .route("/v1/guests/count", get(count))
}

#[derive(Deserialize)]
struct RefreshForm {
    grant_type: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
}

/// What a refresh is answered with.
#[derive(Serialize)]
struct Refreshed {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_expires_in: Option<Value>,
    token_type: &'static str,
}

/// The error codes of OAuth 2.0, RFC 6749 section 5.2.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum OauthError {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
}

async fn access_token(
    State(world): State<Arc<World>>,
    Extension(ticket): Extension<Ticket>,
    form: Result<Form<RefreshForm>, FormRejection>,
) -> Response {
    match refreshed(&world, ticket, form) {
        Ok(answer) => webex::answer(StatusCode::OK, &answer),
        Err((error, refusal)) => match world.app_dials().errors {
            ErrorShape::Oauth => error.into_response(refusal),
            ErrorShape::Webex => refusal.into_response(),
        },
    }
}

fn refreshed(
    world: &World,
    ticket: Ticket,
    form: Result<Form<RefreshForm>, FormRejection>,
) -> Result<Refreshed, (OauthError, Refusal)> {
    let Form(form) = form.map_err(|rejection| {
        let is_form = rejection.status() != StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let refusal = if is_form { Refusal::FormFields } else { Refusal::ContentType };
        (OauthError::InvalidRequest, refusal)
    })?;
    if form.grant_type != "refresh_token" {
        return Err((OauthError::UnsupportedGrantType, Refusal::GrantType));
    }
    let field = |value: Option<String>| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or((OauthError::InvalidRequest, Refusal::FormFields))
    };
    let refresh_token = field(form.refresh_token)?;
    if field(form.client_id)? != world.service_app.client_id {
        return Err((OauthError::InvalidClient, Refusal::UnknownClient));
    }
    if field(form.client_secret)? != world.service_app.client_secret.expose() {
        return Err((OauthError::InvalidClient, Refusal::ClientSecret));
    }
    let (issued, dials) =
        world.refresh(&refresh_token, ticket).map_err(|refusal| (OauthError::InvalidGrant, refusal))?;
    Ok(Refreshed {
        access_token: issued.access_token,
        expires_in: dials.expires_in.write(issued.access_life_s),
        refresh_token: issued.refresh_token,
        refresh_token_expires_in: dials.refresh_token_expires_in.write(issued.refresh_life_s),
        token_type: "Bearer",
    })
}

impl OauthError {
    fn into_response(self, refusal: Refusal) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: OauthError,
            error_description: &'static str,
        }
        let body = Body { error: self, error_description: self.description() };
        let mut response = webex::answer(refusal.status(), &body);
        response.extensions_mut().insert(refusal);
        response
    }

    const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is missing a required parameter or is otherwise malformed.",
            Self::InvalidClient => "Client authentication failed.",
            Self::InvalidGrant => "The refresh token provided is invalid, expired or revoked.",
            Self::UnsupportedGrantType => "The grant type is not supported.",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GuestRequest {
    subject: String,
    display_name: String,
}

/// What a request for a guest's token is answered with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GuestToken {
    id: String,
    subject: String,
    display_name: String,
    email: String,
    access_token: String,
    /// Whole seconds, rounded down.
    expires_in: u64,
}

async fn guest_token(
    State(world): State<Arc<World>>,
    Extension(ticket): Extension<Ticket>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Refusal> {
    allowed(&world, &headers, Scope::Write)?;
    if !is_json(&headers) {
        return Err(Refusal::ContentType);
    }
    let Json(asked) = Json::<GuestRequest>::from_bytes(&body).map_err(|_| Refusal::GuestFields)?;
    if asked.subject.is_empty() || asked.display_name.is_empty() {
        return Err(Refusal::GuestFields);
    }
    let guest = Guest { subject: asked.subject, name: asked.display_name };
    let minted = world.mint_for_app(guest.clone(), ticket)?;
    let person = world.person(&Bearer::Guest(guest.clone(), Pool::ServiceApp)).to_string();
    let answer = GuestToken {
        id: webex::id("PEOPLE", &person),
        subject: guest.subject,
        display_name: guest.name,
        email: webex::app_guest_email(&person),
        access_token: minted.token,
        expires_in: minted.life.as_secs(),
    };
    Ok(webex::answer(StatusCode::OK, &answer))
}

async fn count(State(world): State<Arc<World>>, headers: HeaderMap) -> Result<String, Refusal> {
    allowed(&world, &headers, Scope::Read)?;
    Ok(world.guests_of_app().to_string())
}

/// Refuses all but an access token of the app with this scope.
fn allowed(world: &World, headers: &HeaderMap, scope: Scope) -> Result<(), Refusal> {
    let token = authorization(headers).ok_or(Refusal::NoAuthorization)?;
    world.allow(&world.bearer(token)?, scope)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}
