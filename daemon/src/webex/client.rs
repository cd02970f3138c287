//! One HTTP request to Webex and its answer, bounded in time and size.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use guestissuer_proto::{Secret, UnixTime};
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::base::ApiBase;
use super::error::{MintError, Said, Unusable, clean};
use super::retry_after;
use crate::domain::time::Clock;

/// The longest answer that is read. A token is two or three kilobytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// How many idle connections are kept to one host, and for how long. A new one costs ten times a kept one.
const IDLE_CONNECTIONS: usize = 4;
const IDLE_TIME: Duration = Duration::from_secs(90);

/// Stands for "not measured yet" among skews, which are far smaller.
const UNKNOWN_SKEW: i64 = i64::MIN;

/// How long requests may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// In all.
    pub request: Duration,
}

/// Talks to Webex.
pub struct Webex {
    /// For HTTPS; absent where the machine has no certificates to check Webex's with.
    secure: Option<reqwest::Client>,
    /// For plain HTTP, which stays on this machine and no proxy may see.
    plain: reqwest::Client,
    clock: Arc<dyn Clock>,
    skew_ms: AtomicI64,
}

impl std::fmt::Debug for Webex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webex").finish_non_exhaustive()
    }
}

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up HTTP")]
pub struct WebexSetupError(#[from] reqwest::Error);

/// An answer that was read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) tracking_id: Option<String>,
    /// How far Webex's clock was ahead of this machine's, in milliseconds, where it said.
    pub(super) clock_skew_ms: Option<i64>,
    retry_after: Option<Duration>,
    /// What was sent and is not to be repeated, beside what is too long for it.
    sent: Option<[Secret; 2]>,
}

impl Webex {
    /// Sets up the clients. The usual proxy variables are honoured, redirects are never followed.
    pub fn new(timeouts: Timeouts, clock: Arc<dyn Clock>) -> Result<Self, WebexSetupError> {
        // Fails only if another provider was installed before, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("guestissuerd/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(timeouts.connect)
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .pool_idle_timeout(IDLE_TIME)
                .referer(false)
        };
        let secure = builder().build().inspect_err(|error| {
            // Everything else still works: what is in the store, and a sandbox on this machine.
            tracing::error!(error = error as &dyn std::error::Error, "cannot use HTTPS");
        });
        Ok(Self {
            secure: secure.ok(),
            plain: builder().no_proxy().tls_certs_only([]).build()?,
            clock,
            skew_ms: AtomicI64::new(UNKNOWN_SKEW),
        })
    }

    /// How far Webex's clock was ahead of this machine's at the last answer, in milliseconds, where it said.
    #[must_use]
    pub fn clock_skew_ms(&self) -> Option<i64> {
        Some(self.skew_ms.load(Ordering::Relaxed)).filter(|skew| *skew != UNKNOWN_SKEW)
    }

    /// The time by the wall clock.
    pub(super) fn now(&self) -> UnixTime {
        self.clock.now().wall
    }

    /// A request for one of the API's paths, proving who asks with `bearer`.
    pub(super) fn request(
        &self,
        method: Method,
        base: &ApiBase,
        path: &str,
        bearer: &Secret,
    ) -> Result<RequestBuilder, MintError> {
        let request = self.bare_request(method, base, path)?;
        let value = Zeroizing::new(format!("Bearer {}", bearer.expose()));
        Ok(match HeaderValue::from_str(&value) {
            Ok(mut value) => {
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            // Tokens and JWTs are checked to be plain before they get here; Webex will say 401.
            Err(_) => request,
        })
    }

    /// A request for one of the API's paths that does not say who asks.
    pub(super) fn bare_request(
        &self,
        method: Method,
        base: &ApiBase,
        path: &str,
    ) -> Result<RequestBuilder, MintError> {
        let client = if base.is_plain() { Some(&self.plain) } else { self.secure.as_ref() };
        let client = client.ok_or_else(|| unusable(Unusable::NoCertificates))?;
        Ok(client.request(method, base.join(path)))
    }

    /// Sends a request and reads the answer to its end, whatever its status.
    pub(super) async fn send(&self, request: RequestBuilder, timeout: Duration) -> Result<Answer, MintError> {
        match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(unusable(Unusable::Timeout(timeout))),
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, MintError> {
        let unreachable = |error: reqwest::Error| unusable(Unusable::Unreachable(error.without_url()));
        let mut response = request.send().await.map_err(unreachable)?;
        let answered_at = self.now();
        let date = date(response.headers());
        let clock_skew_ms = date.map(|date| self.note_skew(date, answered_at));
        let header = |name| header_text(&response, name);
        let retry_after = header(RETRY_AFTER.as_str())
            .and_then(|value| retry_after::parse(value, date.unwrap_or(answered_at)));
        let tracking_id = header("trackingid").and_then(clean);
        let status = response.status();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(unusable(Unusable::TooLong(LONGEST_ANSWER)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body, tracking_id, clock_skew_ms, retry_after, sent: None })
    }

    /// Takes the skew from Webex's time in an answer.
    fn note_skew(&self, date: UnixTime, answered_at: UnixTime) -> i64 {
        let skew_ms = date.0.saturating_sub(answered_at.0);
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
        skew_ms
    }
}

/// Webex's time in an answer, if it says.
fn date(headers: &HeaderMap) -> Option<UnixTime> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    // The header counts whole seconds, so that on average half of one is missing.
    Some(UnixTime(0).saturating_add(date).saturating_add(Duration::from_millis(500)))
}

impl Answer {
    /// The same answer, of which these words that were sent must not come back to a user or into a log.
    pub(super) fn without(self, sent: [Secret; 2]) -> Self {
        Self { sent: Some(sent), ..self }
    }

    /// What an answer without success means.
    pub(super) fn into_error(self) -> MintError {
        let status = self.status.as_u16();
        let said = said(&self.body, self.tracking_id, self.sent.as_ref().map_or(&[], |sent| sent.as_slice()));
        let retry_after = self.retry_after;
        match status {
            401 | 403 => MintError::Rejected { status, said },
            429 => MintError::RateLimited { retry_after, said },
            408 | 423 | 425 => MintError::Unavailable { cause: Unusable::Status(status), retry_after, said },
            400..=499 => MintError::Refused { status, said },
            _ => MintError::Unavailable { cause: Unusable::Status(status), retry_after, said },
        }
    }
}

/// A failure about which Webex said nothing.
pub(super) fn unusable(cause: Unusable) -> MintError {
    MintError::Unavailable { cause, retry_after: None, said: Said::default() }
}

/// The shape of Webex's errors, and that of OAuth's, as far as they are needed.
#[derive(Deserialize)]
struct ErrorBody {
    message: Option<String>,
    error_description: Option<String>,
    #[serde(rename = "trackingId")]
    tracking_id: Option<String>,
}

fn said(body: &[u8], tracking_id: Option<String>, sent: &[Secret]) -> Said {
    let body: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let (message, in_body) =
        body.map_or((None, None), |body| (body.message.or(body.error_description), body.tracking_id));
    let plain = |text: String| {
        let hide = |text: String, word: &Secret| match word.expose() {
            "" => text,
            word => text.replace(word, "***"),
        };
        clean(&sent.iter().fold(text, hide))
    };
    Said {
        message: message.and_then(plain),
        tracking_id: tracking_id.and_then(plain).or_else(|| in_body.and_then(plain)),
    }
}

fn header_text<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}
