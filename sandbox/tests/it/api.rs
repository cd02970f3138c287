//! The API as Webex has it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestissuer_sandbox::{DEFAULT_ISSUER, DEFAULT_SECRET, Secret, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, Harness, LOGIN, ME, jwt, signed};

const GOLDEN_ISSUER: &str =
    "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8zOTE4OGM3Mi0wMDI5LTQ3YTQtYjAyNS01OGEwY2E3NDVkMDY";
const GOLDEN_SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=";
const GOLDEN_EXPIRY_MS: i64 = 1_517_073_019_000;
const GOLDEN_JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjMiLCJuYW1lIjoiU3TDqHZlIiwiaXNzIjoiWTJselkyOXpjR0Z5YXpvdkwzVnpMMDlTUjBGT1NWcEJWRWxQVGk4ek9URTRPR00zTWkwd01ESTVMVFEzWVRRdFlqQXlOUzAxT0dFd1kyRTNORFZrTURZIiwiZXhwIjoxNTE3MDczMDE5fQ.uNtcqOSGutSWfM-qnhVD6E1-sOGzSom0_-m8IF2V1hg";

async fn login(sandbox: &Harness, authorization: &str) -> Answer {
    sandbox.send("POST", LOGIN, authorization, "").await.unwrap()
}

async fn me(sandbox: &Harness, token: &str) -> Answer {
    sandbox.send("GET", ME, &format!("Bearer {token}"), "").await.unwrap()
}

async fn token(sandbox: &Harness, subject: &str) -> String {
    sandbox.login(subject).await.unwrap().json()["token"].as_str().unwrap().to_owned()
}

fn assert_is_webex_error(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["trackingId"], answer.headers["trackingid"]);
    assert_eq!(body["errors"][0]["description"], body["message"]);
    if status == 401 {
        assert_eq!(
            body["message"],
            "The request requires a valid access token set in the Authorization request header."
        );
    }
}

#[tokio::test]
async fn a_signed_jwt_is_exchanged_for_a_token_of_the_set_life() {
    let sandbox = Harness::new().await;
    let before = sandbox.now_ms().await;
    let answer = sandbox.login("123").await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.headers["trackingid"].starts_with("ROUTER_"));
    assert_eq!(answer.json()["expiresIn"], 21_600);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert!(token.len() > 2_000);
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let life = claims["expiry_time"].as_i64().unwrap() - before;
    assert!((21_600_000..21_660_000).contains(&life), "{life}");
}

#[tokio::test]
async fn a_bare_jwt_is_accepted_too() {
    let sandbox = Harness::new().await;
    assert_eq!(login(&sandbox, &jwt("123")).await.status, 200);
}

#[tokio::test]
async fn every_mint_is_another_token() {
    let sandbox = Harness::new().await;
    assert_ne!(token(&sandbox, "123").await, token(&sandbox, "123").await);
}

#[tokio::test]
async fn the_golden_jwt_is_refused_today_and_accepted_in_its_own_time() {
    let sandbox = Harness::with(Settings {
        issuer: GOLDEN_ISSUER.to_owned(),
        secret: Secret::from_base64(GOLDEN_SECRET).unwrap(),
        ..Settings::default()
    })
    .await;
    let bearer = format!("Bearer {GOLDEN_JWT}");
    assert_is_webex_error(&login(&sandbox, &bearer).await, 401);
    let log = sandbox.show("requests").await.json();
    assert_eq!(log[0]["refusal"], "jwt_expired");

    let skew = GOLDEN_EXPIRY_MS - 60_000 - sandbox.now_ms().await;
    sandbox.order("settings", &json!({"clock_skew_ms": skew})).await;
    let answer = login(&sandbox, &bearer).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.headers["date"].contains(" 27 Jan 2018 "), "{}", answer.headers["date"]);
    let person = me(&sandbox, answer.json()["token"].as_str().unwrap()).await.json();
    assert_eq!(person["displayName"], "Stève");
}

#[tokio::test]
async fn a_jwt_that_fails_gets_webexs_generic_text() {
    let sandbox = Harness::new().await;
    let claims = json!({"sub": "1", "iss": DEFAULT_ISSUER});
    let other_secret = signed(&claims, GOLDEN_SECRET);
    let other_issuer = signed(&json!({"sub": "1", "iss": GOLDEN_ISSUER}), DEFAULT_SECRET);
    let expired = signed(&json!({"sub": "1", "iss": DEFAULT_ISSUER, "exp": 1}), DEFAULT_SECRET);
    let no_subject = signed(&json!({"iss": DEFAULT_ISSUER}), DEFAULT_SECRET);
    for authorization in ["", "Bearer", "Basic YTpi", &other_secret, &other_issuer, &expired, &no_subject] {
        assert_is_webex_error(&login(&sandbox, authorization).await, 401);
    }
    assert_is_webex_error(&login(&sandbox, "Bearer mangled").await, 404);
    assert_eq!(sandbox.state("mints").await, 0);
    assert_eq!(sandbox.state("refused").await, 8);
}

#[tokio::test]
async fn exp_counts_by_the_sandboxs_clock_and_may_be_text() {
    let sandbox = Harness::new().await;
    let in_a_minute = sandbox.now_ms().await / 1_000 + 60;
    for exp in [json!(in_a_minute), json!(in_a_minute.to_string())] {
        let jwt = signed(&json!({"sub": "1", "iss": DEFAULT_ISSUER, "exp": exp}), DEFAULT_SECRET);
        sandbox.order("settings", &json!({"clock_skew_ms": 0})).await;
        assert_eq!(login(&sandbox, &jwt).await.status, 200);
        sandbox.order("settings", &json!({"clock_skew_ms": 120_000})).await;
        assert_eq!(login(&sandbox, &jwt).await.status, 401);
    }
    let lives: Vec<_> = sandbox.show("requests").await.json().as_array().unwrap().clone();
    let lives: Vec<_> = lives.iter().map(|visit| visit["jwt_life_s"].as_i64().unwrap()).collect();
    assert!((30..=60).contains(&lives[0]) && (-90..=-60).contains(&lives[1]), "{lives:?}");
}

#[tokio::test]
async fn a_token_shows_its_guest() {
    let sandbox = Harness::new().await;
    let answer = me(&sandbox, &token(&sandbox, "123").await).await;
    assert_eq!(answer.status, 200);
    let person = answer.json();
    assert_eq!(person["emails"], json!(["123@5a4db0c5-0000-4000-8000-000000000001"]));
    assert_eq!(person["displayName"], "Stève");
    assert_eq!(person["type"], "appuser");
    assert!(person["created"].as_str().unwrap().ends_with('Z'));
    let id = URL_SAFE_NO_PAD.decode(person["id"].as_str().unwrap()).unwrap();
    assert!(id.starts_with(b"ciscospark://us/PEOPLE/"));
    let other = me(&sandbox, &token(&sandbox, "124").await).await.json();
    assert_ne!(person["id"], other["id"]);
}

#[tokio::test]
async fn a_restarted_sandbox_knows_its_tokens_and_people() {
    let former = Harness::new().await;
    let token = token(&former, "123").await;
    let person = me(&former, &token).await.json();
    former.sandbox.shutdown().await;
    let sandbox = Harness::new().await;
    let answer = me(&sandbox, &token).await;
    assert_eq!((answer.status, answer.json()), (200, person));
}

#[tokio::test]
async fn unknown_expired_and_missing_tokens_are_refused() {
    let sandbox = Harness::new().await;
    let token = token(&sandbox, "123").await;
    assert_is_webex_error(&me(&sandbox, "unknown").await, 401);
    assert_is_webex_error(&me(&sandbox, &jwt("123")).await, 401);
    assert_is_webex_error(&sandbox.send("GET", ME, "", "").await.unwrap(), 401);
    sandbox.order("settings", &json!({"clock_skew_ms": 21_599_000})).await;
    assert_eq!(me(&sandbox, &token).await.status, 200);
    sandbox.order("settings", &json!({"clock_skew_ms": 21_601_000})).await;
    assert_is_webex_error(&me(&sandbox, &token).await, 401);
}

#[tokio::test]
async fn what_webex_does_not_have_is_refused_in_its_shape() {
    let sandbox = Harness::new().await;
    for path in ["/", "/v1", "/jwt/login", "/v2/jwt/login", "/_controls"] {
        assert_is_webex_error(&sandbox.send("POST", path, "", "").await.unwrap(), 404);
    }
    assert_is_webex_error(&sandbox.send("GET", LOGIN, "", "").await.unwrap(), 405);
    let long = "x".repeat(64 * 1024 + 1);
    let answer = sandbox.send("POST", LOGIN, &jwt("1"), &long).await.unwrap();
    assert_is_webex_error(&answer, 413);
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let sandbox = Harness::new().await;
    let mut stream = TcpStream::connect(sandbox.sandbox.address()).await.unwrap();
    let mut bytes = [0; 4_096];
    for _ in 0..3 {
        stream.write_all(b"GET /v1/people/me HTTP/1.1\r\nHost: sandbox\r\n\r\n").await.unwrap();
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(bytes[..read].starts_with(b"HTTP/1.1 401 "));
    }
    assert_eq!(sandbox.state("requests").await, 3);
}
