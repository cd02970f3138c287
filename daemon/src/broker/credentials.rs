//! Credentials as a user gives them, looked at before they are stored or used.

use std::time::Duration;

use guestissuer_proto::request::Credentials;
use guestissuer_proto::response::IssuerKind;
use guestissuer_proto::{Failure, FailureCode, Secret};

use crate::webex::base::ApiBase;
use crate::webex::{IssuerAccess, is_sendable};

/// The longest issuer id that is believed. Real ones are a hundred characters.
pub(super) const LONGEST_ID: usize = 1024;

/// The longest life of a token that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Credentials that were looked at.
pub(super) enum Checked {
    /// Of a Guest Issuer.
    GuestIssuer { id: Option<String>, secret: Secret },
    /// Of a Service App.
    ServiceApp(AppParts),
}

/// What was given of a Service App's credentials.
pub(super) struct AppParts {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    pub(super) refresh: Option<Secret>,
    /// The access token, and how long it lives if that was said.
    pub(super) access: Option<(Secret, Option<Duration>)>,
}

pub(super) fn parse_base(text: Option<&str>) -> Result<Option<String>, Failure> {
    let parse = |text: &str| match text.parse::<ApiBase>() {
        Ok(base) => Ok(base.to_string()),
        Err(error) => Err(Failure::new(FailureCode::Usage, format!("the API address is no good: {error}"))),
    };
    text.map(parse).transpose()
}

/// Looks at credentials: whether a secret decodes, and ids and tokens are plain.
pub(super) fn check(credentials: Credentials) -> Result<Checked, Failure> {
    match credentials {
        Credentials::GuestIssuer { id, secret } => {
            let (id, secret) = check_guest_issuer(id, &secret)?;
            Ok(Checked::GuestIssuer { id, secret })
        }
        Credentials::ServiceApp {
            client_id,
            client_secret,
            refresh_token,
            access_token,
            access_expires_in_ms,
        } => {
            let word = |what: &'static str| move |secret: Secret| plain_word(&secret, what);
            let access = access_token.map(word("access token")).transpose()?;
            Ok(Checked::ServiceApp(AppParts {
                client_id: plain_id(client_id, "client id", "the Service App's page")?,
                client_secret: client_secret.map(word("client secret")).transpose()?,
                refresh: refresh_token.map(word("refresh token")).transpose()?,
                access: access.map(|access| {
                    let life = access_expires_in_ms.map(Duration::from_millis);
                    (access, life.map(|life| life.min(LONGEST_LIFE)))
                }),
            }))
        }
    }
}

/// Looks at the credentials of a Guest Issuer.
pub(super) fn check_guest_issuer(
    id: Option<String>,
    secret: &Secret,
) -> Result<(Option<String>, Secret), Failure> {
    let id = plain_id(id, "issuer id", "the Guest Issuer application's page")?;
    let secret = trimmed(secret);
    if let Err(error) = IssuerAccess::new(IssuerKind::GuestIssuer, id.as_deref().unwrap_or_default(), &secret)
    {
        return Err(Failure::new(FailureCode::Usage, error.to_string())
            .with_hint("copy the whole shared secret as Webex shows it: base64, usually ending in ="));
    }
    Ok((id, secret))
}

fn plain_id(id: Option<String>, what: &str, page: &str) -> Result<Option<String>, Failure> {
    let id = id.map(|id| id.trim().to_owned());
    if let Some(id) = &id
        && (id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        return Err(Failure::new(
            FailureCode::Usage,
            format!("the {what} is not one: it is a word of letters and digits"),
        )
        .with_hint(format!("copy it from {page} on developer.webex.com")));
    }
    Ok(id)
}

fn plain_word(secret: &Secret, what: &str) -> Result<Secret, Failure> {
    let secret = trimmed(secret);
    if is_sendable(&secret) {
        return Ok(secret);
    }
    Err(Failure::new(
        FailureCode::Usage,
        format!("the {what} is not one: it is a word of letters and digits"),
    )
    .with_hint("copy the whole of it from the Service App's page on developer.webex.com"))
}

fn trimmed(secret: &Secret) -> Secret {
    Secret::new(secret.expose().trim().to_owned())
}
