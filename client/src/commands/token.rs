//! `gi get`.

use guestissuer_client::proto::request::{GetToken, InvalidateToken};
use guestissuer_client::proto::response::Token;
use guestissuer_client::proto::{Failure, FailureCode, Secret, Span, Subject, UnixTime};
use zeroize::Zeroizing;

use crate::cli::{Format, Get, Invalidate};
use crate::output::{Output, json, print, quoted};
use crate::prompt;
use crate::session::Session;

/// The variable that `-o env` sets.
const VARIABLE: &str = "WEBEX_ACCESS_TOKEN";

pub(super) fn get(get: Get, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let ask = GetToken {
        guest: get.guest.into_ref(),
        name: get.name,
        min_validity_ms: get.min_validity.map(millis),
        force: get.force,
    };
    let answered = session.ask(&ask)?;
    let token = answered.value;
    if !token.cached {
        warn_of_subject(&token.subject, output);
    }
    print(&formatted(&token, answered.now, output.format))?;
    Ok(())
}

/// A token as it is printed.
pub(super) fn formatted(token: &Token, now: UnixTime, format: Format) -> Zeroizing<String> {
    Zeroizing::new(match format {
        Format::Text => format!("{}\n", token.access_token.expose()),
        Format::Json => json::line(&json::token(token, now)),
        Format::Env => format!("export {VARIABLE}={}\n", quoted(token.access_token.expose())),
        Format::Header => format!("Authorization: Bearer {}\n", token.access_token.expose()),
        Format::Curl => format!("header = \"Authorization: Bearer {}\"\n", escaped(token)),
    })
}

fn piped_token() -> Result<Secret, Failure> {
    let failed =
        |why: &str| Failure::new(FailureCode::Usage, format!("there is no token on standard input{why}"));
    let token = prompt::piped_secret("Token (not shown): ").map_err(|error| failed(&format!(": {error}")))?;
    if token.expose().is_empty() { Err(failed("")) } else { Ok(token) }
}

/// A span as the wire has it.
pub(super) fn millis(span: Span) -> u64 {
    u64::try_from(span.as_duration().as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn invalidate(
    invalidate: Invalidate,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<(), Failure> {
    let token = match invalidate.token.as_deref() {
        Some("-") => Some(piped_token()?),
        Some(token) => Some(Secret::new(token.trim().to_owned())),
        None => None,
    };
    let is_named = token.is_some();
    let ask = InvalidateToken { guest: invalidate.guest.into_ref(), token };
    let done = session.ask(&ask)?.value;
    let subject = &done.subject;
    output.message(&match (done.was_current, is_named) {
        (true, _) => format!("threw the token of {subject} away; its next use mints a new one"),
        (false, true) => format!("this is not the token of {subject} any more; nothing to do"),
        (false, false) => format!("{subject} has no token; its next use mints one"),
    });
    if output.format == Format::Json {
        print(&json::line(&json::invalidated(&done)))?;
    }
    Ok(())
}

/// Webex documents only letters, digits and hyphens, and takes more.
pub(super) fn warn_of_subject(subject: &Subject, output: &Output) {
    if !subject.is_documented() {
        output.warning(&format!(
            "the subject {subject:?} has characters beyond letters, digits and hyphens, which Webex does not document",
            subject = subject.as_str()
        ));
    }
}

/// A token inside the double quotes of a curl configuration.
fn escaped(token: &Token) -> String {
    token.access_token.expose().replace('\\', "\\\\").replace('"', "\\\"")
}
