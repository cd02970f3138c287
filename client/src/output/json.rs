//! Data and errors for programs: one JSON value, keys that never change, times as RFC 3339 and as seconds from now.

use std::time::Duration;

use guestissuer_client::proto::direct::{Assertion, Exchanged};
use guestissuer_client::proto::response::{
    GuestDetail, GuestSummary, Invalidated, IssuerDetail, IssuerTested, MintFailure, MintRecord, Status,
    Token,
};
use guestissuer_client::proto::{DisplayName, Failure, Subject, UnixTime};
use serde_json::{Map, Value, json};

use super::time::{rfc3339, seconds_until};

/// One line of JSON.
pub(crate) fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// An array that grows. It is printed whole or not at all: half of one is of no use to a program.
#[derive(Default)]
pub(crate) struct Array(String);

impl Array {
    pub(crate) fn push(&mut self, value: &Value) {
        self.0.push_str(if self.0.is_empty() { "[" } else { ",\n" });
        self.0.push_str(&value.to_string());
    }

    /// As text, a line for each value.
    pub(crate) fn finish(self) -> String {
        if self.0.is_empty() { "[]\n".to_owned() } else { self.0 + "]\n" }
    }
}

/// One object; warnings are in it only if there are any.
pub(crate) fn failure(failure: &Failure, warnings: &[String], details: &[(&str, Value)]) -> String {
    let mut object = Map::new();
    object.insert("error".to_owned(), failure_value(failure));
    object.extend(details.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    if !warnings.is_empty() {
        object.insert("warnings".to_owned(), warnings.into());
    }
    Value::Object(object).to_string()
}

pub(crate) fn token(token: &Token, now: UnixTime) -> Value {
    json!({
        "subject": token.subject.as_str(),
        "issuer": token.issuer.as_str(),
        "display_name": token.display_name.as_str(),
        "access_token": token.access_token.expose(),
        "token_type": "Bearer",
        "expires_at": rfc3339(token.expires_at),
        "expires_in": seconds_until(token.expires_at, now),
        "issued_at": rfc3339(token.issued_at),
        "cached": token.cached,
    })
}

/// A guest JWT that was signed.
pub(crate) fn assertion(signed: &Assertion, subject: &Subject, name: &DisplayName, now: UnixTime) -> Value {
    json!({
        "jwt": signed.jwt.expose(),
        "subject": subject.as_str(),
        "display_name": name.as_str(),
        "expires_at": rfc3339(signed.expires_at),
        "expires_in": seconds_until(signed.expires_at, now),
    })
}

/// An access token that came at `now`.
pub(crate) fn exchanged(token: &Exchanged, now: UnixTime) -> Value {
    json!({
        "access_token": token.access_token.expose(),
        "token_type": "Bearer",
        "expires_at": rfc3339(now.saturating_add(Duration::from_millis(token.life_ms))),
        "expires_in": token.life_ms / 1_000,
    })
}

fn guest(guest: &GuestSummary, now: UnixTime) -> Value {
    json!({
        "subject": guest.subject.as_str(),
        "display_name": guest.display_name.as_str(),
        "issuer": guest.issuer.as_str(),
        "token_state": guest.token_state.as_str(),
        "failing": guest.last_error.is_some(),
        "expires_at": guest.expires_at.map(rfc3339),
        "expires_in": guest.expires_at.map(|at| seconds_until(at, now)),
        "refresh_at": guest.refresh_at.map(rfc3339),
        "refresh_in": guest.refresh_at.map(|at| seconds_until(at, now)),
        "last_used_at": guest.last_used_at.map(rfc3339),
        "last_error": guest.last_error.as_ref().map(mint_failure),
        "pinned": guest.pinned,
        "person_id": guest.person_id,
        "email": guest.email,
    })
}

/// A guest as one of a list.
pub(crate) fn listed_guest(detail: &GuestDetail, now: UnixTime) -> Value {
    let mut value = guest(&detail.summary, now);
    if let Value::Object(value) = &mut value {
        value.insert("issued_at".to_owned(), detail.issued_at.map(rfc3339).into());
    }
    value
}

pub(crate) fn guest_detail(detail: &GuestDetail, now: UnixTime) -> Value {
    let mut value = guest(&detail.summary, now);
    let more = json!({
        "created_at": rfc3339(detail.created_at),
        "issued_at": detail.issued_at.map(rfc3339),
        "history": detail.history.iter().map(mint_record).collect::<Vec<_>>(),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

pub(crate) fn issuer(issuer: &IssuerDetail, now: UnixTime) -> Value {
    json!({
        "name": issuer.name.as_str(),
        "kind": issuer.kind.as_str(),
        "id": issuer.id,
        "api_base": issuer.api_base,
        "default": issuer.is_default,
        "guests": issuer.guests,
        "created_at": rfc3339(issuer.created_at),
        "last_success_at": issuer.last_success_at.map(rfc3339),
        "last_error": issuer.last_error.as_ref().map(mint_failure),
        "paused_until": issuer.paused_until.map(rfc3339),
        "paused_in": issuer.paused_until.map(|until| seconds_until(until, now)),
    })
}

pub(crate) fn tested(tested: &IssuerTested) -> Value {
    json!({
        "name": tested.name.as_str(),
        "accepted": true,
        "token_life": tested.token_life_ms / 1000,
        "clock_skew": tested.clock_skew_ms.map(rounded_seconds),
    })
}

pub(crate) fn status(status: &Status, now: UnixTime) -> Value {
    let guests = status.guests;
    let counters = status.counters;
    json!({
        "version": status.version,
        "protocol": status.protocol,
        "pid": status.pid,
        "uptime": status.uptime_ms / 1000,
        "socket": status.socket,
        "state_dir": status.state_dir,
        "protection": status.protection,
        "issuers": status.issuers.iter().map(|detail| issuer(detail, now)).collect::<Vec<_>>(),
        "guests": {
            "total": guests.total,
            "fresh": guests.fresh,
            "due": guests.due,
            "expired": guests.expired,
            "none": guests.none,
            "failing": guests.failing,
        },
        "counters": {
            "gets": counters.gets,
            "hits": counters.hits,
            "mints": counters.mints,
            "mint_failures": counters.mint_failures,
            "coalesced": counters.coalesced,
        },
        "last_success_at": status.last_success_at.map(rfc3339),
        "last_failure": status.last_failure.as_ref().map(mint_failure),
        "next_refresh_at": status.next_refresh_at.map(rfc3339),
        "next_refresh_in": status.next_refresh_at.map(|at| seconds_until(at, now)),
        "clock_skew": status.clock_skew_ms.map(rounded_seconds),
    })
}

pub(crate) fn invalidated(done: &Invalidated) -> Value {
    json!({
        "subject": done.subject.as_str(),
        "issuer": done.issuer.as_str(),
        "invalidated": done.was_current,
    })
}

fn rounded_seconds(millis: i64) -> i64 {
    millis.saturating_add(500).div_euclid(1000)
}

pub(crate) fn failure_value(failure: &Failure) -> Value {
    json!({
        "code": failure.code.as_str(),
        "message": failure.message,
        "hint": failure.hint,
        "retry_after": failure.retry_after_ms.map(|millis| millis.div_ceil(1000)),
    })
}

pub(crate) fn mint_failure(failed: &MintFailure) -> Value {
    let mut value = Map::new();
    value.insert("at".to_owned(), rfc3339(failed.at).into());
    value.insert("code".to_owned(), failed.failure.code.as_str().into());
    value.insert("message".to_owned(), failed.failure.message.clone().into());
    value.insert("hint".to_owned(), failed.failure.hint.clone().into());
    value.insert("tracking_id".to_owned(), failed.tracking_id.clone().into());
    Value::Object(value)
}

fn mint_record(record: &MintRecord) -> Value {
    json!({
        "at": rfc3339(record.at),
        "expires_at": record.expires_at.map(rfc3339),
        "error": record.failure.as_ref().map(failure_value),
        "tracking_id": record.tracking_id,
    })
}
