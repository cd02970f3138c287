//! Guest Issuer applications: sign a guest JWT, exchange it at `POST /jwt/login`.

use std::time::Duration;

use guestissuer_proto::{Secret, UnixTime};
use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;
use serde::Deserialize;
use serde_json::Value;

use super::super::Webex;
use super::super::assertion::SigningKey;
use super::super::base::ApiBase;
use super::super::client::unusable;
use super::super::error::{Malformed, MintError, Unusable};
use super::{MintRequest, Minted, is_sendable, life};

/// How long a guest JWT is good for. It is used at once, so the shortest practical life is best; the original
/// command line uses the same for its one-step command.
const JWT_LIFE: Duration = Duration::from_secs(60);

/// A clock this far off makes a guest JWT of [`JWT_LIFE`] fail, or nearly so, in milliseconds.
const HARMFUL_SKEW_MS: u64 = 30_000;

/// Asks for a token. If Webex refuses and says in the same answer that the clocks disagree, asks once more with a
/// JWT by Webex's clock.
pub(super) async fn mint(
    webex: &Webex,
    request: &MintRequest<'_>,
    id: &str,
    key: &SigningKey,
) -> Result<Minted, MintError> {
    let skew_before = harmful_skew(webex);
    let result = exchange(webex, request, id, key, skew_before).await;
    match (&result, harmful_skew(webex)) {
        (Err(MintError::Rejected { .. }), skew) if skew.abs_diff(skew_before) > HARMFUL_SKEW_MS => {
            exchange(webex, request, id, key, skew).await
        }
        _ => result,
    }
}

async fn exchange(
    webex: &Webex,
    request: &MintRequest<'_>,
    id: &str,
    key: &SigningKey,
    skew_ms: i64,
) -> Result<Minted, MintError> {
    let webex_now = UnixTime(webex.now().0.saturating_add(skew_ms));
    let jwt_expires_at = webex_now.saturating_add(JWT_LIFE).as_secs();
    let jwt = key.sign(id, request.subject, request.name, jwt_expires_at).map_err(MintError::Unsigned)?;
    login(webex, request.base, &jwt, request.timeout).await
}

/// Exchanges a guest JWT for an access token.
pub(super) async fn login(
    webex: &Webex,
    base: &ApiBase,
    jwt: &Secret,
    timeout: Duration,
) -> Result<Minted, MintError> {
    // Webex wants to be told that there is no body.
    let post = webex.request(Method::POST, base, "/jwt/login", jwt)?.header(CONTENT_LENGTH, 0);
    let answer = webex.send(post, timeout).await?;
    if !answer.status.is_success() {
        return Err(answer.into_error());
    }
    let (access_token, life) =
        read_login(&answer.body).map_err(|malformed| unusable(Unusable::Malformed(malformed)))?;
    Ok(Minted { access_token, life, tracking_id: answer.tracking_id, person_id: None, email: None })
}

/// How far Webex's clock is ahead of ours, in milliseconds, if that matters; else zero.
fn harmful_skew(webex: &Webex) -> i64 {
    webex.clock_skew_ms().filter(|skew| skew.unsigned_abs() > HARMFUL_SKEW_MS).unwrap_or(0)
}

#[derive(Deserialize)]
struct Login {
    token: Option<Secret>,
    #[serde(rename = "expiresIn")]
    expires_in: Option<Value>,
}

/// Reads `{"token":"...","expiresIn":21599}`. The life may be any positive number, also in a string.
fn read_login(body: &[u8]) -> Result<(Secret, Duration), Malformed> {
    let login: Login = serde_json::from_slice(body).map_err(|_| Malformed::NotJson)?;
    // A token goes into headers, files and shells.
    let token = login.token.filter(is_sendable).ok_or(Malformed::NoToken)?;
    Ok((token, life(login.expires_in)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_is_read_in_any_shape() {
        for (expires_in, seconds) in
            [("21599", 21_599), ("\"64799\"", 64_799), ("12.0", 12), ("1e99", 315_360_000)]
        {
            let body = format!("{{\"token\":\"eyJ\",\"expiresIn\":{expires_in},\"more\":[1]}}");
            let (token, life) = read_login(body.as_bytes()).unwrap();
            assert_eq!((token.expose(), life.as_secs()), ("eyJ", seconds), "{expires_in}");
        }
    }

    #[test]
    fn an_answer_that_is_not_one_is_told_apart() {
        let table = [
            ("<html>", Malformed::NotJson),
            ("", Malformed::NotJson),
            ("[]", Malformed::NotJson),
            ("{}", Malformed::NoToken),
            ("{\"token\":\"\",\"expiresIn\":1}", Malformed::NoToken),
            ("{\"token\":\"a b\",\"expiresIn\":1}", Malformed::NoToken),
            ("{\"token\":\"a\\nb\",\"expiresIn\":1}", Malformed::NoToken),
            ("{\"token\":\"a\"}", Malformed::NoLife),
            ("{\"token\":\"a\",\"expiresIn\":0}", Malformed::NoLife),
            ("{\"token\":\"a\",\"expiresIn\":-1}", Malformed::NoLife),
            ("{\"token\":\"a\",\"expiresIn\":true}", Malformed::NoLife),
            ("{\"token\":\"a\",\"expiresIn\":\"soon\"}", Malformed::NoLife),
            ("{\"token\":\"a\",\"expiresIn\":\"NaN\"}", Malformed::NoLife),
        ];
        for (body, expected) in table {
            assert_eq!(read_login(body.as_bytes()).err(), Some(expected), "{body}");
        }
    }
}
