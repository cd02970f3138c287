//! `gi get`.

use guestissuer_client::proto::request::GetToken;
use guestissuer_client::proto::response::Token;
use guestissuer_client::proto::{Failure, Subject};
use zeroize::Zeroizing;

use crate::cli::{Format, Get, Invalidate};
use crate::output::{Output, json, print};
use crate::session::Session;

/// The variable that `-o env` sets.
const VARIABLE: &str = "WEBEX_ACCESS_TOKEN";

pub(super) fn get(get: Get, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let ask = GetToken {
        guest: get.guest.into_ref(),
        name: get.name,
        min_validity_ms: get
            .min_validity
            .map(|span| u64::try_from(span.as_duration().as_millis()).unwrap_or(u64::MAX)),
        force: get.force,
    };
    let answered = session.ask(&ask)?;
    let token = answered.value;
    if !token.cached {
        warn_of_subject(&token.subject, output);
    }
    let text = Zeroizing::new(match output.format {
        Format::Text => format!("{}\n", token.access_token.expose()),
        Format::Json => json::line(&json::token(&token, answered.now)),
        Format::Env => format!("export {VARIABLE}={}\n", quoted(&token)),
        Format::Header => format!("Authorization: Bearer {}\n", token.access_token.expose()),
        Format::Curl => format!("header = \"Authorization: Bearer {}\"\n", escaped(&token)),
    });
    print(&text)?;
    Ok(())
}

pub(super) fn invalidate(
    _invalidate: Invalidate,
    _session: &mut Session<'_>,
    _output: &Output,
) -> Result<(), Failure> {
    Err(super::not_built_yet())
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

/// A token in single quotes, for any shell.
fn quoted(token: &Token) -> String {
    format!("'{}'", token.access_token.expose().replace('\'', "'\\''"))
}

/// A token inside the double quotes of a curl configuration.
fn escaped(token: &Token) -> String {
    token.access_token.expose().replace('\\', "\\\\").replace('"', "\\\"")
}
