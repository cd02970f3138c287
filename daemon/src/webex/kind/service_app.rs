//! Service Apps: refresh the app's own token at `POST /access_token`, mint with it at `POST /guests/token`, and count
//! at `GET /guests/count`.
//!
//! Rotation is Webex's affair: whatever comes back is passed on, and what does not come back stays as it was.

use std::time::Duration;

use guestissuer_proto::Secret;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::super::Webex;
use super::super::base::ApiBase;
use super::super::client::{Answer, unusable};
use super::super::error::{AppRefusal, Malformed, MintError, Scope, Unusable, clean, plain_id};
use super::{AppCredentials, MintRequest, Minted, is_sendable, life};

/// What a refresh brought.
#[derive(Debug)]
pub struct Grant {
    /// The app's access token, new or as it was, and how long it lives from when the request was sent, where that was
    /// said.
    pub access: Option<(Secret, Option<Duration>)>,
    /// The refresh token from now on, where one came.
    pub refresh_token: Option<Secret>,
    /// How long the refresh token lives, from when the request was sent, where that was said.
    pub refresh_life: Option<Duration>,
}

impl Webex {
    /// Buys a new access token for a Service App, once.
    ///
    /// Whoever gets a [`Grant`] must keep it before using it: the refresh token before it may be worth nothing any more.
    pub async fn refresh(
        &self,
        base: &ApiBase,
        app: &AppCredentials,
        refresh_token: &Secret,
        timeout: Duration,
    ) -> Result<Grant, MintError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", &app.client_id)
            .append_pair("client_secret", app.client_secret.expose())
            .append_pair("refresh_token", refresh_token.expose())
            .finish();
        let post = self
            .bare_request(Method::POST, base, "/access_token")?
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(form);
        let answer = self.send(post, timeout).await?;
        if !answer.status.is_success() {
            return Err(refusal(answer.without([app.client_secret.clone(), refresh_token.clone()])));
        }
        read_grant(&answer.body).map_err(|malformed| unusable(Unusable::Malformed(malformed)))
    }

    /// How many guests a Service App has.
    pub async fn count_guests(
        &self,
        base: &ApiBase,
        token: &Secret,
        timeout: Duration,
    ) -> Result<u64, MintError> {
        let get = self.request(Method::GET, base, "/guests/count", token)?;
        let answer = self.send(get, timeout).await?;
        if !answer.status.is_success() {
            return Err(answer.into_error().lacking(Scope::Read));
        }
        read_count(&answer.body).ok_or_else(|| unusable(Unusable::Malformed(Malformed::NoCount)))
    }
}

/// Asks for a guest's token.
pub(super) async fn mint(
    webex: &Webex,
    request: &MintRequest<'_>,
    token: &Secret,
) -> Result<Minted, MintError> {
    let body = json!({ "subject": request.subject.as_str(), "displayName": request.name.as_str() });
    let post = webex
        .request(Method::POST, request.base, "/guests/token", token)?
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(body.to_string());
    let answer = webex.send(post, request.timeout).await?;
    if !answer.status.is_success() {
        return Err(answer.into_error().lacking(Scope::Write));
    }
    let guest = read_guest(&answer.body).map_err(|malformed| unusable(Unusable::Malformed(malformed)))?;
    Ok(Minted { tracking_id: answer.tracking_id, ..guest })
}

/// What an answer without success to a refresh means. Any refusal is about the credentials: nothing else was sent.
fn refusal(answer: Answer) -> MintError {
    let code = oauth_code(&answer.body);
    match answer.into_error() {
        MintError::Rejected { status, said } | MintError::Refused { status, said } => {
            let why = match (code.as_deref(), status) {
                (Some("invalid_grant"), _) => AppRefusal::RefreshToken,
                (Some("invalid_client" | "unauthorized_client"), _) | (_, 401) => AppRefusal::Client,
                (_, _) => AppRefusal::Unclear,
            };
            MintError::AppRejected { why, status, said }
        }
        error @ (MintError::MissingScope { .. }
        | MintError::AppRejected { .. }
        | MintError::RateLimited { .. }
        | MintError::Unavailable { .. }
        | MintError::Unsigned(_)) => error,
    }
}

#[derive(Deserialize)]
struct OauthError {
    error: Option<String>,
}

fn oauth_code(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<OauthError>(body).ok()?.error
}

#[derive(Deserialize)]
struct Granted {
    access_token: Option<Secret>,
    expires_in: Option<Value>,
    refresh_token: Option<Secret>,
    refresh_token_expires_in: Option<Value>,
}

/// Reads what a refresh brought. What is missing is tolerated, as long as there is anything to keep.
fn read_grant(body: &[u8]) -> Result<Grant, Malformed> {
    let granted: Granted = serde_json::from_slice(body).map_err(|_| Malformed::NotJson)?;
    let access = granted.access_token.filter(is_sendable);
    let refresh_token = granted.refresh_token.filter(is_sendable);
    if access.is_none() && refresh_token.is_none() {
        return Err(Malformed::NoToken);
    }
    Ok(Grant {
        access: access.map(|token| (token, life(granted.expires_in).ok())),
        refresh_token,
        refresh_life: life(granted.refresh_token_expires_in).ok(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Guest {
    id: Option<String>,
    email: Option<String>,
    access_token: Option<Secret>,
    expires_in: Option<Value>,
}

fn read_guest(body: &[u8]) -> Result<Minted, Malformed> {
    let guest: Guest = serde_json::from_slice(body).map_err(|_| Malformed::NotJson)?;
    Ok(Minted {
        access_token: guest.access_token.filter(is_sendable).ok_or(Malformed::NoToken)?,
        life: life(guest.expires_in)?,
        tracking_id: None,
        person_id: guest.id.filter(|id| plain_id(id)),
        email: guest.email.as_deref().and_then(clean),
    })
}

/// A bare number; in quotes it counts as well.
fn read_count(body: &[u8]) -> Option<u64> {
    str::from_utf8(body).ok()?.trim().trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_with_what_there_is() {
        let whole = br#"{"access_token":"a","expires_in":1209599,"refresh_token":"r",
            "refresh_token_expires_in":"7775999","token_type":"Bearer"}"#;
        let grant = read_grant(whole).unwrap();
        let (access, life) = grant.access.unwrap();
        assert_eq!((access.expose(), life), ("a", Some(Duration::from_secs(1_209_599))));
        assert_eq!(grant.refresh_token.unwrap().expose(), "r");
        assert_eq!(grant.refresh_life, Some(Duration::from_secs(7_775_999)));
        let bare = read_grant(br#"{"access_token":"a"}"#).unwrap();
        assert!(bare.refresh_token.is_none() && bare.refresh_life.is_none());
        // A refresh token that comes alone must not be lost.
        assert!(read_grant(br#"{"refresh_token":"r"}"#).unwrap().access.is_none());
        for (body, expected) in [
            ("{}", Malformed::NoToken),
            ("<html>", Malformed::NotJson),
            ("{\"access_token\":\"a b\"}", Malformed::NoToken),
        ] {
            assert_eq!(read_grant(body.as_bytes()).err(), Some(expected), "{body}");
        }
    }

    #[test]
    fn a_guest_is_read_with_who_it_is() {
        let guest = read_guest(
            br#"{"id":"Y2lz","subject":"1","displayName":"A","email":"u@appid.ciscospark.com",
            "accessToken":"eyJ","expiresIn":64799}"#,
        )
        .unwrap();
        assert_eq!((guest.access_token.expose(), guest.life.as_secs()), ("eyJ", 64_799));
        assert_eq!(guest.person_id.as_deref(), Some("Y2lz"));
        assert_eq!(guest.email.as_deref(), Some("u@appid.ciscospark.com"));
        let bare = read_guest(br#"{"accessToken":"eyJ","expiresIn":1,"id":"a b"}"#).unwrap();
        assert_eq!((bare.person_id, bare.email), (None, None));
        assert_eq!(read_guest(br#"{"expiresIn":1}"#).err(), Some(Malformed::NoToken));
        assert_eq!(read_guest(br#"{"accessToken":"a"}"#).err(), Some(Malformed::NoLife));
    }

    #[test]
    fn a_count_is_a_bare_number() {
        assert_eq!(
            [read_count(b"12\n"), read_count(b"\"7\""), read_count(b"many")],
            [Some(12), Some(7), None]
        );
    }
}
