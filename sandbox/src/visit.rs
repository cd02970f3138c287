//! What every API request passes through: it is counted and logged, may meet a fault, and its answer is stamped.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::connection::{Order, Wire};
use crate::faults::{self, Outcome};
use crate::refusal::Refusal;
use crate::visits::Sighting;
use crate::webex;
use crate::world::World;

/// Longest request body, in bytes. The API takes none longer than a few hundred.
pub(crate) const MAX_REQUEST_BODY: usize = 64 * 1024;

/// What `garbage` sends in the place of an HTTP answer.
const GARBAGE: &[u8] = b"\x16\x03\x01\x00\xff\x00 this is not HTTP \xfe\xff\r\n\r\n";

/// Handles one API request.
pub(crate) async fn visit(
    State(world): State<Arc<World>>,
    Extension(wire): Extension<Wire>,
    request: Request,
    next: Next,
) -> Response {
    // The body is read to its end even where nobody wants it: closing a socket with unread bytes resets it. And it
    // is read first, for it may say which guest this is about.
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_REQUEST_BODY).await;
    let seen = body.as_ref().map(Bytes::as_ref).unwrap_or_default();
    let (begun, met) = world.begin(Sighting::of(&parts, seen, &world.sealer));
    let outcome = match body {
        Err(_) => Outcome::Answer(Refusal::Body.into_response()),
        Ok(body) => {
            parts.extensions.insert(begun.ticket());
            let request = Request::from_parts(parts, Body::from(body));
            match met {
                None => Outcome::Answer(next.run(request).await),
                Some(met) => faults::perform(met, &begun, request, next).await,
            }
        }
    };
    let stamped = |mut response: Response| {
        webex::stamp(response.headers_mut(), world.now());
        response
    };
    let order = match outcome {
        Outcome::Answer(response) => {
            let response = stamped(response);
            begun.answered(response.status(), response.extensions().get().copied());
            return response;
        }
        Outcome::Interim(response) => {
            let response = stamped(response);
            begun.answered(response.status(), None);
            Order::Write(faults::whole(&response))
        }
        Outcome::Truncated(response) => {
            let response = stamped(response);
            begun.answered(response.status(), None);
            Order::Write(faults::truncated(response).await)
        }
        Outcome::Reset => Order::Reset,
        Outcome::Close => Order::Write(Vec::new()),
        Outcome::Garbage => Order::Write(GARBAGE.to_vec()),
    };
    match wire.hand_over(order).await {}
}
