//! How the own tokens of Service Apps stand, in words and for programs.

use guestissuer_client::proto::UnixTime;
use guestissuer_client::proto::app::{AppDetail, ShowApp};
use guestissuer_client::proto::response::{IssuerDetail, IssuerKind, MintFailure};
use serde_json::{Value, json};

use crate::output::{Output, Paint, guests, json as shapes, time};
use crate::session::Session;

/// How many seconds before a refresh token expires a person is told: getting another one may take an administrator.
const WARN_BEFORE: i64 = 14 * 86_400;

/// Those of these issuers that are Service Apps. One that is gone meanwhile is left out.
pub(in super::super) fn all(issuers: &[IssuerDetail], session: &mut Session<'_>) -> Vec<AppDetail> {
    let apps = issuers.iter().filter(|issuer| issuer.kind == IssuerKind::ServiceApp);
    apps.filter_map(|issuer| {
        let ask = ShowApp { issuer: Some(issuer.name.clone()), count: false };
        session.ask(&ask).ok().map(|answered| answered.value)
    })
    .collect()
}

/// Says so if a person must see to a refresh token.
pub(in super::super) fn warn(app: &AppDetail, now: UnixTime, output: &Output) {
    let name = &app.name;
    let Some(left) = left(app.refresh_expires_at, now).filter(|left| *left <= WARN_BEFORE) else { return };
    let state = if left > 0 { format!("expires in {}", time::span(left)) } else { "has expired".to_owned() };
    output.warning(&format!(
        "the refresh token of Service App {name} {state}: create new tokens on its page on developer.webex.com, \
         then: gi issuer update {name}"
    ));
}

/// The lines of `gi issuer show`.
pub(super) fn facts(
    app: &AppDetail,
    issuer: &IssuerDetail,
    now: UnixTime,
    output: &Output,
) -> Vec<(&'static str, String)> {
    // What was said is not said again.
    let said = |message: &str| {
        let errors = [&issuer.last_error, &app.last_error];
        errors.iter().filter_map(|error| error.as_ref()).any(|error| error.failure.message == message)
    };
    let mut lines = vec![
        ("own token", access(app, now)),
        ("refreshed", time::relative(app.refreshed_at, now)),
        ("refresh", time::relative(app.refresh_at, now)),
        ("refresh token", refresh(app, now, output)),
    ];
    match (&app.guests_at_webex, &app.count_failure) {
        (Some(count), _) => lines.push(("at Webex", guests(*count))),
        (None, Some(failure)) if said(&failure.message) => {
            lines.push(("at Webex", "not counted".to_owned()));
        }
        (None, Some(failure)) => {
            lines.push(("at Webex", format!("not counted: {}", failure.message)));
            lines.extend(failure.hint.clone().map(|hint| ("", hint)));
        }
        (None, None) => {}
    }
    let is_new = |error: &&MintFailure| {
        issuer.last_error.as_ref().is_none_or(|said| said.failure.message != error.failure.message)
    };
    if let Some(error) = app.last_error.as_ref().filter(is_new) {
        let message = output.paint(Paint::Bad, &error.failure.message);
        lines.push(("refresh error", format!("{message} ({})", time::relative(error.at, now))));
        lines.extend(error.failure.hint.clone().map(|hint| ("hint", hint)));
    }
    lines
}

/// One line for `gi status`.
pub(in super::super) fn summary(app: &AppDetail, now: UnixTime, output: &Output) -> String {
    let failing = if app.last_error.is_some() { ", its refresh fails" } else { "" };
    format!(
        "{}: own token {}{failing}; refresh token {}",
        app.name,
        access(app, now),
        refresh(app, now, output)
    )
}

/// The JSON of an issuer, with that of its own token.
pub(in super::super) fn with_app(mut issuer: Value, app: Option<&AppDetail>, now: UnixTime) -> Value {
    if let (Value::Object(object), Some(app)) = (&mut issuer, app) {
        object.insert("app".to_owned(), value(app, now));
    }
    issuer
}

fn value(app: &AppDetail, now: UnixTime) -> Value {
    json!({
        "access_expires_at": app.access_expires_at.map(time::rfc3339),
        "access_expires_in": app.access_expires_at.map(|at| time::seconds_until(at, now)),
        "refreshed_at": time::rfc3339(app.refreshed_at),
        "refresh_at": time::rfc3339(app.refresh_at),
        "refresh_in": time::seconds_until(app.refresh_at, now),
        "refresh_token_expires_at": app.refresh_expires_at.map(time::rfc3339),
        "refresh_token_expires_in": app.refresh_expires_at.map(|at| time::seconds_until(at, now)),
        "guests_at_webex": app.guests_at_webex,
        "count_error": app.count_failure.as_ref().map(shapes::failure_value),
        "last_error": app.last_error.as_ref().map(shapes::mint_failure),
    })
}

fn left(at: Option<UnixTime>, now: UnixTime) -> Option<i64> {
    at.map(|at| time::seconds_until(at, now).max(0))
}

fn access(app: &AppDetail, now: UnixTime) -> String {
    match left(app.access_expires_at, now) {
        None => "none yet".to_owned(),
        Some(0) => "over".to_owned(),
        Some(left) => format!("valid for {}", time::span(left)),
    }
}

fn refresh(app: &AppDetail, now: UnixTime, output: &Output) -> String {
    match left(app.refresh_expires_at, now) {
        None => "valid, Webex did not say for how long".to_owned(),
        Some(0) => output.paint(Paint::Bad, "expired"),
        Some(left) if left <= WARN_BEFORE => {
            output.paint(Paint::Notable, &format!("expires in {}", time::span(left)))
        }
        Some(left) => format!("valid for {}", time::span(left)),
    }
}
