//! Answers as bytes, for those that no well-behaved HTTP server would send.

use axum::body::to_bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;

/// Longest body that is written this way, in bytes; those of the sandbox are far shorter.
const MAX_BODY: usize = 1 << 20;

/// What is announced of a body that is empty, so that something is missing from it all the same.
const EMPTY_ANNOUNCED: usize = 100;

/// The answer with its whole `Content-Length` and the first half of its body.
pub(crate) async fn truncated(response: Response) -> Vec<u8> {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let announced = if body.is_empty() { EMPTY_ANNOUNCED } else { body.len() };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(announced));
    let mut bytes = whole(&Response::from_parts(parts, ()));
    bytes.extend(body.iter().take(body.len() / 2));
    bytes
}

/// The answer's head: status line, headers and the empty line.
pub(crate) fn whole<B>(response: &Response<B>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[tokio::test]
    async fn half_of_a_body_is_sent_and_all_of_it_announced() {
        let bytes = truncated(Response::new(Body::from("12345678"))).await;
        assert_eq!(String::from_utf8(bytes).unwrap(), "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n1234");
    }

    #[tokio::test]
    async fn something_is_missing_even_from_nothing() {
        let bytes = truncated(Response::new(Body::empty())).await;
        assert_eq!(String::from_utf8(bytes).unwrap(), "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
    }
}
