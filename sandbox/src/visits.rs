//! The request log: who asked for what and how it was answered. Never a token, never an `Authorization` header.

use std::collections::VecDeque;

use axum::http::header::{CONTENT_LENGTH, HeaderName, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::api;
use crate::clock::UnixMillis;
use crate::jwt::GuestJwt;
use crate::refusal::Refusal;
use crate::token::Sealer;

/// How many visits are kept; older ones are forgotten. At up to about 1.5 KB each, 15 MB.
pub(crate) const MAX_VISITS: usize = 10_000;

/// Longest text kept of each thing a client sent, in characters.
const MAX_TEXT: usize = 256;

/// One API request, as `GET /_control/requests` lists it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Visit {
    /// Counts the requests from 1 since the start or the last reset.
    pub(crate) n: u64,
    /// When it began, by the sandbox's clock.
    pub(crate) at_ms: UnixMillis,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) subject: Option<String>,
    pub(crate) name: Option<String>,
    /// Absent until the answer is decided, and for ever if there was none.
    pub(crate) status: Option<u16>,
    /// Whole seconds from the sandbox's time to the guest JWT's `exp`.
    pub(crate) jwt_life_s: Option<i64>,
    pub(crate) headers_seen: HeadersSeen,
    /// The fault rule this request met.
    pub(crate) fault: Option<u64>,
    /// Why the sandbox itself said no.
    pub(crate) refusal: Option<Refusal>,
}

/// The headers that say something about a client and nothing about its secrets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct HeadersSeen {
    content_length: Option<String>,
    user_agent: Option<String>,
}

/// A kind of request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// By a guest JWT.
    Login,
    /// For a guest, by the Service App.
    GuestToken,
    /// For the Service App itself, by a refresh token.
    Refresh,
}

/// What can be seen of a request before it is handled. The subject is what the token or the body claims, proven
/// or not.
pub(crate) struct Sighting {
    method: Method,
    pub(crate) path: String,
    pub(crate) subject: Option<String>,
    name: Option<String>,
    jwt_expiry: Option<i64>,
    headers: HeadersSeen,
}

impl Sighting {
    /// Looks at the request's head, and for the guest of a Service App at its body.
    pub(crate) fn of(head: &Parts, body: &[u8], sealer: &Sealer) -> Self {
        let header = |name: HeaderName| Some(short(head.headers.get(name)?.to_str().ok()?));
        let mut sighting = Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            subject: None,
            name: None,
            jwt_expiry: None,
            headers: HeadersSeen { content_length: header(CONTENT_LENGTH), user_agent: header(USER_AGENT) },
        };
        if sighting.asked() == Some(Asked::GuestToken) {
            let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
            let text = |field| body.get(field).and_then(Value::as_str).map(str::to_owned);
            sighting.subject = text("subject");
            sighting.name = text("displayName");
            return sighting;
        }
        let Some(token) = api::authorization(&head.headers) else {
            return sighting;
        };
        if let Ok(holder) = sealer.read(token) {
            if let Some(guest) = holder.bearer.guest() {
                sighting.subject = Some(guest.subject);
                sighting.name = Some(guest.name);
            }
        } else if let Ok(jwt) = GuestJwt::parse(token) {
            sighting.subject = jwt.subject().map(str::to_owned);
            sighting.name = jwt.name().map(str::to_owned);
            sighting.jwt_expiry = jwt.expiry().ok().flatten();
        }
        sighting
    }

    /// Which token this asks for, if it asks for one.
    pub(crate) fn asked(&self) -> Option<Asked> {
        if self.method != Method::POST {
            return None;
        }
        match self.path.as_str() {
            api::LOGIN_PATH => Some(Asked::Login),
            api::GUEST_TOKEN_PATH => Some(Asked::GuestToken),
            api::ACCESS_TOKEN_PATH => Some(Asked::Refresh),
            _ => None,
        }
    }

    /// The log's entry for this request, the `n`th.
    pub(crate) fn into_visit(self, n: u64, now: UnixMillis, fault: Option<u64>) -> Visit {
        Visit {
            n,
            at_ms: now,
            method: short(self.method.as_str()),
            path: short(&self.path),
            subject: self.subject.as_deref().map(short),
            name: self.name.as_deref().map(short),
            status: None,
            jwt_life_s: self.jwt_expiry.map(|expiry| expiry.saturating_sub(now.as_secs())),
            headers_seen: self.headers,
            fault,
            refusal: None,
        }
    }
}

impl Visit {
    /// One line for a person who watches.
    pub(crate) fn line(&self) -> String {
        let subject = match &self.subject {
            Some(subject) => format!(" guest {}", subject.escape_debug()),
            None => String::new(),
        };
        let fault = match self.fault {
            Some(id) => format!(" (fault {id})"),
            None => String::new(),
        };
        let outcome = match (self.status, self.refusal) {
            (Some(status), Some(refusal)) => format!("{status}: {refusal}"),
            (Some(status), None) => status.to_string(),
            (None, _) => "no answer".to_owned(),
        };
        let path = self.path.escape_debug();
        format!("{} {path}{subject} -> {outcome}{fault}", self.method)
    }
}

/// The last [`MAX_VISITS`] visits, oldest first.
#[derive(Default)]
pub(crate) struct VisitLog {
    visits: VecDeque<Visit>,
}

impl VisitLog {
    /// Adds the newest visit, and forgets the oldest if there are too many.
    pub(crate) fn begin(&mut self, visit: Visit) {
        if self.visits.len() == MAX_VISITS {
            self.visits.pop_front();
        }
        self.visits.push_back(visit);
    }

    /// Notes how visit `n` ended, if it is still kept, and gives it back for the line.
    pub(crate) fn end(
        &mut self,
        n: u64,
        status: Option<StatusCode>,
        refusal: Option<Refusal>,
    ) -> Option<&Visit> {
        // Visits end soon after they begin, so the search starts at the newest.
        let visit = self.visits.iter_mut().rev().find(|visit| visit.n == n)?;
        visit.status = status.map(|status| status.as_u16());
        visit.refusal = refusal;
        Some(visit)
    }

    /// The visits after visit `n`, oldest first.
    pub(crate) fn since(&self, n: u64) -> Vec<Visit> {
        let start = self.visits.partition_point(|visit| visit.n <= n);
        self.visits.range(start..).cloned().collect()
    }
}

fn short(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn visit(n: u64, authorization: &str) -> Visit {
        let request = Request::post("/v1/jwt/login?secret=1").header("authorization", authorization);
        let (head, ()) = request.body(()).unwrap().into_parts();
        Sighting::of(&head, b"", &Sealer::new(b"k")).into_visit(n, UnixMillis::new(0), None)
    }

    #[test]
    fn the_log_forgets_the_oldest_and_lists_what_came_after() {
        let mut log = VisitLog::default();
        for n in 1..=10_003 {
            log.begin(visit(n, "x"));
        }
        assert_eq!(log.since(0).len(), MAX_VISITS);
        assert_eq!(log.since(0)[0].n, 4);
        let tail: Vec<_> = log.since(10_001).iter().map(|visit| visit.n).collect();
        assert_eq!(tail, [10_002, 10_003]);
        assert!(log.since(10_003).is_empty());
    }

    #[test]
    fn a_visit_shows_neither_the_token_nor_the_query() {
        let visit = visit(1, "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2VjcmV0");
        assert_eq!(visit.subject.as_deref(), Some("1"));
        for text in [format!("{visit:?}"), serde_json::to_string(&visit).unwrap(), visit.line()] {
            assert!(!text.contains("c2VjcmV0") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_line_cannot_be_broken_by_a_subject() {
        let mut visit = visit(1, "x");
        visit.subject = Some("1\n2".to_owned());
        assert_eq!(visit.line().lines().count(), 1);
    }
}
