//! How Webex's answers look: error bodies, tracking ids and the headers that every answer carries.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::refusal::Refusal;

/// The uuid of the one organisation every guest of a sandbox belongs to.
pub(crate) const ORGANIZATION: &str = "5a4db0c5-0000-4000-8000-000000000001";

const TRACKING_ID: HeaderName = HeaderName::from_static("trackingid");
const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    message: &'a str,
    errors: [Description<'a>; 1],
    tracking_id: &'a str,
}

#[derive(Serialize)]
struct Description<'a> {
    description: &'a str,
}

/// An error in Webex's shape, with the text that Webex uses for `status`.
pub(crate) fn error(status: StatusCode) -> Response {
    error_saying(status, message(status))
}

fn error_saying(status: StatusCode, message: &str) -> Response {
    let tracking_id = tracking_id();
    let body =
        ErrorBody { message, errors: [Description { description: message }], tracking_id: &tracking_id };
    let mut response = answer(status, &body);
    if let Ok(value) = HeaderValue::from_str(&tracking_id) {
        response.headers_mut().insert(TRACKING_ID, value);
    }
    response
}

/// A JSON answer, its fields in the order of the type's.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    // Maps with text for keys and fields that cannot fail: no type of ours is refused here.
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Adds what every answer carries: the sandbox's `Date` and a `trackingid`, unless they are there already.
pub(crate) fn stamp(headers: &mut HeaderMap, now: UnixMillis) {
    if let Ok(date) = HeaderValue::from_str(&now.http_date()) {
        headers.entry(DATE).or_insert(date);
    }
    if let Ok(tracking_id) = HeaderValue::from_str(&tracking_id()) {
        headers.entry(TRACKING_ID).or_insert(tracking_id);
    }
}

/// How Webex writes the id of a thing of some kind.
pub(crate) fn id(kind: &str, uuid: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("ciscospark://us/{kind}/{uuid}"))
}

/// The e-mail address of a Service App's guest.
pub(crate) fn app_guest_email(person: &str) -> String {
    format!("{person}@appid.ciscospark.com")
}

impl IntoResponse for Refusal {
    /// Leaves the refusal in the answer's extensions, where the request log finds it.
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = match self.missing_scope() {
            Some(scope) => {
                error_saying(status, &format!("{} Missing scope: {}.", message(status), scope.name()))
            }
            None => error(status),
        };
        response.extensions_mut().insert(self);
        response
    }
}

fn tracking_id() -> String {
    format!("ROUTER_{}", Uuid::new_v4())
}

fn message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "The request requires a valid access token set in the Authorization request header.",
        403 => {
            "The server understood the request, but refused to fulfill it because the access token is missing required scopes or the user is missing required roles or licenses."
        }
        404 => "The requested resource could not be found.",
        405 => "The request was made to a resource using an HTTP request method that is not supported.",
        415 => "The request's content type is not supported.",
        413 => "The request is too large.",
        423 => {
            "The requested resource is temporarily unavailable. A Retry-After header may be present that specifies how many seconds you need to wait before attempting the request again."
        }
        429 => {
            "Too many requests have been sent in a given amount of time and the request has been rate limited. A Retry-After header should be present that specifies how many seconds you need to wait before a successful request can be made."
        }
        400..=499 => "The request was invalid or cannot be otherwise served.",
        502 => {
            "The server received an invalid response from an upstream server while processing the request. Try again later."
        }
        503 => "Server is overloaded with requests. Try again later.",
        504 => {
            "An upstream server failed to respond on time. If your query uses max parameter, please try to reduce it."
        }
        _ => {
            "Something went wrong on the server. If the issue persists, feel free to contact the Webex Developer Support team."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[tokio::test]
    async fn an_error_names_one_tracking_id_in_its_header_and_its_body() {
        let mut response = error(StatusCode::UNAUTHORIZED);
        stamp(response.headers_mut(), UnixMillis::new(0));
        let header = response.headers()["trackingid"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(header.starts_with("ROUTER_"));
        assert_eq!(body["trackingId"], header);
        assert_eq!(body["errors"][0]["description"], body["message"]);
    }

    #[test]
    fn stamping_keeps_a_date_that_was_asked_for() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("yesterday"));
        stamp(&mut headers, UnixMillis::new(0));
        assert_eq!(headers["date"], "yesterday");
    }
}
