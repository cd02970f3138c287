//! `gi wait`: returns when the daemon is ready, or a guest has a valid token.

use guestissuer_client::proto::request::{GetToken, GuestRef};
use guestissuer_client::proto::{Failure, FailureCode};
use guestissuer_client::{Ask, Status};
use serde_json::{Value, json};

use crate::cli::{Format, Wait};
use crate::follow::pause;
use crate::output::{Output, json, print, time};
use crate::session::Session;

use std::time::Duration;

/// How long is waited before the daemon is looked for again, or a guest's token is asked for again: at first, and at
/// most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

pub(super) fn wait(wait: Wait, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let Some(subject) = wait.guest else {
        let answered = patiently(session, &Status, output)?;
        output.message(&format!("guestissuerd {} is ready", answered.value.version));
        return told(output, || json!({ "ready": true, "version": answered.value.version }));
    };
    let guest = GuestRef { subject, issuer: wait.issuer.issuer };
    let ask = GetToken { guest, name: None, min_validity_ms: None, force: false };
    let answered = patiently(session, &ask, output)?;
    let (token, now) = (&answered.value, answered.now);
    let left = time::seconds_until(token.expires_at, now);
    output.message(&format!("{} has a token, valid for {}", token.subject, time::span(left)));
    told(output, || {
        json!({
            "ready": true,
            "subject": token.subject.as_str(),
            "issuer": token.issuer.as_str(),
            "expires_at": time::rfc3339(token.expires_at),
            "expires_in": left,
        })
    })
}

/// Asks until there is an answer that waiting cannot better, or time is up.
fn patiently<A: Ask + Clone>(
    session: &mut Session<'_>,
    ask: &A,
    output: &Output,
) -> Result<guestissuer_client::Answered<A::Answer>, Failure> {
    let mut patience = PATIENCE.0;
    loop {
        let failure = match session.ask(ask) {
            Ok(answered) => return Ok(answered),
            Err(failure) => failure,
        };
        let left = session.left();
        match failure.code {
            FailureCode::NoDaemon if left.is_zero() => {
                let message = format!("time is up: {}", failure.message);
                return Err(Failure { code: FailureCode::Deadline, message, ..failure });
            }
            // What could not be started once will not be by trying again; somebody else may start it.
            FailureCode::NoDaemon => session.only_look(true),
            FailureCode::Unavailable | FailureCode::RateLimited if !left.is_zero() => {}
            FailureCode::Unavailable
            | FailureCode::RateLimited
            | FailureCode::Internal
            | FailureCode::Usage
            | FailureCode::UnknownGuest
            | FailureCode::UnknownIssuer
            | FailureCode::IssuerRejected
            | FailureCode::Deadline
            | FailureCode::Denied
            | FailureCode::Locked
            | FailureCode::Version => return Err(failure),
        }
        output.detail(&format!("not yet: {}", failure.message));
        let asked_to_wait = failure.retry_after_ms.map(Duration::from_millis);
        pause(asked_to_wait.unwrap_or(patience).min(left).max(PATIENCE.0))?;
        patience = (patience * 2).min(PATIENCE.1);
    }
}

fn told(output: &Output, value: impl FnOnce() -> Value) -> Result<(), Failure> {
    if output.format == Format::Json {
        print(&json::line(&value()))?;
    }
    Ok(())
}
