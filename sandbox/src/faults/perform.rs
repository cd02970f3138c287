//! What happens to a request that has met a fault rule.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Frame;
use serde_json::{Value, json};

use super::Met;
use super::rule::{Canned, Ending, FieldEdit, TokenEdit};
use crate::api::{self, TokenFields};
use crate::webex;
use crate::world::Begun;

/// Longest answer that is read back to be changed, in bytes; those of the sandbox are far shorter.
const MAX_ANSWER: usize = 1 << 20;

/// Size of the pieces in which an endless body is sent, in bytes.
const PIECE: usize = 16 * 1024;

/// How a request ends.
pub(crate) enum Outcome {
    /// With this answer.
    Answer(Response),
    /// With this status and no more, and then the end of the connection.
    Interim(Response),
    /// With half of this answer, and then the end of the connection.
    Truncated(Response),
    /// With a TCP reset.
    Reset,
    /// With the end of the connection.
    Close,
    /// With bytes that are not HTTP, and then the end of the connection.
    Garbage,
}

/// The sandbox's own handling of a request: done already, or still to do.
enum Work {
    Done(Response),
    ToDo(Request, Next),
}

impl Work {
    async fn finish(self) -> Response {
        match self {
            Self::Done(response) => response,
            Self::ToDo(request, next) => next.run(request).await,
        }
    }
}

/// Does to a request what the rule says. The rule's effects come in the order mint, delay, hang, ending.
pub(crate) async fn perform(mut met: Met, begun: &Begun, request: Request, next: Next) -> Outcome {
    let token_fields = api::token_fields(request.uri().path());
    let fields = token_fields.unwrap_or(api::LOGIN_FIELDS);
    let mut work = Work::ToDo(request, next);
    if met.rule.mint {
        work = Work::Done(work.finish().await);
    }
    if let Some(delay) = met.rule.delay {
        tokio::time::sleep(delay).await;
    }
    if met.rule.hang {
        let hanging = begun.hang();
        // Both a release and the end of the rule let go.
        let _ = met.released.changed().await;
        drop(hanging);
    }
    match &met.rule.ending {
        Ending::Normal { edit, headers } => {
            let mut response = work.finish().await;
            if let Some(fields) = token_fields
                && response.status() == StatusCode::OK
                && !edit.is_empty()
            {
                response = edited(edit, fields, response).await;
            }
            replace(response.headers_mut(), headers);
            Outcome::Answer(response)
        }
        Ending::Canned(canned) if canned.status.is_informational() => Outcome::Interim(answer(canned)),
        Ending::Canned(canned) => Outcome::Answer(answer(canned)),
        Ending::Truncated { canned, headers } => {
            let mut response = match (canned, work) {
                (Some(canned), _) => answer(canned),
                (None, Work::Done(response)) => response,
                (None, Work::ToDo(..)) => webex::answer(StatusCode::OK, &never_minted(fields)),
            };
            replace(response.headers_mut(), headers);
            Outcome::Truncated(response)
        }
        Ending::Endless { status, headers } => Outcome::Answer(endless(*status, fields, headers)),
        Ending::Reset => Outcome::Reset,
        Ending::Close => Outcome::Close,
        Ending::Garbage => Outcome::Garbage,
    }
}

fn answer(canned: &Canned) -> Response {
    let mut response = match &canned.body {
        Some(body) => {
            let mut response = Response::new(Body::from(body.clone()));
            response.headers_mut().insert(CONTENT_TYPE, type_of(body));
            response
        }
        None if canned.status.as_u16() >= 400 => webex::error(canned.status),
        None => Response::new(Body::empty()),
    };
    *response.status_mut() = canned.status;
    replace(response.headers_mut(), &canned.headers);
    response
}

/// What a body looks like to whoever wrote the rule: JSON, or a proxy's error page.
fn type_of(body: &str) -> HeaderValue {
    if serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok() {
        HeaderValue::from_static("application/json;charset=UTF-8")
    } else {
        HeaderValue::from_static("text/html;charset=UTF-8")
    }
}

fn replace(headers: &mut HeaderMap, by: &HeaderMap) {
    for (name, value) in by {
        headers.insert(name, value.clone());
    }
}

/// What an answer looks like when nothing was minted: long enough to be cut in the middle of the token.
fn never_minted(fields: TokenFields) -> Value {
    json!({ fields.token: "eyJhbGciOiJSUzI1NiJ9.".repeat(20), fields.life: 21_599 })
}

async fn edited(edit: &TokenEdit, names: TokenFields, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_ANSWER).await.unwrap_or_default();
    let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(fields) = answer.as_object_mut() {
        match &edit.expires_in {
            FieldEdit::Keep => {}
            FieldEdit::Replace(value) => {
                fields.insert(names.life.to_owned(), value.clone());
            }
            FieldEdit::Omit => {
                fields.remove(names.life);
            }
        }
        match &edit.token {
            FieldEdit::Keep => {}
            FieldEdit::Replace(token) => {
                fields.insert(names.token.to_owned(), Value::from(token.as_str()));
            }
            FieldEdit::Omit => {
                fields.remove(names.token);
            }
        }
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(answer.to_string()))
}

fn endless(status: StatusCode, fields: TokenFields, headers: &HeaderMap) -> Response {
    let mut response = Response::new(Body::new(Endless {
        next: Bytes::from(format!(r#"{{"{}":""#, fields.token)),
        piece: Bytes::from(vec![b'A'; PIECE]),
    }));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    replace(response.headers_mut(), headers);
    response
}

/// The beginning of an answer whose token never ends. The connection takes pieces only as fast as the
/// client reads them.
struct Endless {
    next: Bytes,
    piece: Bytes,
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.piece.clone();
        let next = std::mem::replace(&mut self.next, piece);
        Poll::Ready(Some(Ok(Frame::data(next))))
    }
}
