//! An HTTP client of a few lines, so that every byte of an answer can be seen, and guest JWTs to send with it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use guestissuer_sandbox::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET};
use guestissuer_sandbox::{DEFAULT_ISSUER, DEFAULT_SECRET, Sandbox, Settings};
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// After this a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const LOGIN: &str = "/v1/jwt/login";
pub(crate) const ME: &str = "/v1/people/me";
pub(crate) const ACCESS_TOKEN: &str = "/v1/access_token";
pub(crate) const GUEST_TOKEN: &str = "/v1/guests/token";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json;charset=utf-8";

/// What came back over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Takes apart what a connection sent until its end. A body shorter than its `Content-Length` is an error.
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| broken("no head"))?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| broken("head"))?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
        let status = status_line.and_then(|line| line.get(..3)).ok_or_else(|| broken("status line"))?;
        let headers: HashMap<_, _> = lines
            .map(|line| line.split_once(": ").unwrap_or((line, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let body = bytes[end + 4..].to_vec();
        if headers.get("content-length").is_some_and(|length| length.parse() != Ok(body.len())) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { status: status.parse().map_err(|_| broken("status"))?, headers, body })
    }
}

/// A sandbox with shorthands for what tests ask of it.
pub(crate) struct Harness {
    pub(crate) sandbox: Sandbox,
}

impl Harness {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self { sandbox: Sandbox::start(settings).await.unwrap() }
    }

    /// Sends a request and gives all bytes until the connection ends.
    pub(crate) async fn bytes(
        &self,
        method: &str,
        path: &str,
        authorization: &str,
        body: &str,
    ) -> io::Result<Vec<u8>> {
        everything(self.begin(method, path, authorization, body).await).await
    }

    /// Sends a request and leaves the answer on the wire.
    pub(crate) async fn begin(&self, method: &str, path: &str, authorization: &str, body: &str) -> TcpStream {
        let authorization = match authorization {
            "" => String::new(),
            token => format!("Authorization: {token}\r\n"),
        };
        self.begin_with(method, path, &authorization, body).await
    }

    /// Sends a request with these lines in its head, and leaves the answer on the wire.
    async fn begin_with(&self, method: &str, path: &str, head: &str, body: &str) -> TcpStream {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nUser-Agent: it/1\r\nConnection: close\r\n\
             {head}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.sandbox.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        authorization: &str,
        body: &str,
    ) -> io::Result<Answer> {
        Answer::parse(&self.bytes(method, path, authorization, body).await?)
    }

    /// Posts a body of this type.
    pub(crate) async fn post(&self, path: &str, content_type: &str, body: &str) -> io::Result<Answer> {
        let head = format!("Content-Type: {content_type}\r\n");
        Answer::parse(&everything(self.begin_with("POST", path, &head, body).await).await?)
    }

    /// Uses a refresh token of the sandbox's own Service App.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> io::Result<Answer> {
        self.post(ACCESS_TOKEN, FORM, &refresh_form(refresh_token)).await
    }

    /// Asks with the Service App's access token for a token for one of its guests.
    pub(crate) async fn guest(&self, access_token: &str, subject: &str, name: &str) -> io::Result<Answer> {
        let body = json!({ "subject": subject, "displayName": name }).to_string();
        self.post_as(access_token, GUEST_TOKEN, JSON, &body).await
    }

    /// Posts a body of this type with an access token.
    pub(crate) async fn post_as(
        &self,
        access_token: &str,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> io::Result<Answer> {
        let head = format!("Content-Type: {content_type}\r\nAuthorization: Bearer {access_token}\r\n");
        Answer::parse(&everything(self.begin_with("POST", path, &head, body).await).await?)
    }

    /// `GET /_control/..`, which must answer.
    pub(crate) async fn show(&self, path: &str) -> Answer {
        self.send("GET", &format!("/_control/{path}"), "", "").await.unwrap()
    }

    /// `POST /_control/..`, which must succeed.
    pub(crate) async fn order(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let answer = self.send("POST", &format!("/_control/{path}"), "", &body).await.unwrap();
        assert!(answer.status < 300, "{path} {body}: {answer:?}");
        answer
    }

    /// Adds a fault rule and gives its id.
    pub(crate) async fn fault(&self, rule: &Value) -> u64 {
        let answer = self.order("faults", rule).await;
        assert_eq!(answer.status, 201);
        answer.json()["id"].as_u64().unwrap()
    }

    pub(crate) async fn login(&self, subject: &str) -> io::Result<Answer> {
        self.send("POST", LOGIN, &format!("Bearer {}", jwt(subject)), "").await
    }

    /// Waits until one of the counts is as high, and gives the state.
    pub(crate) async fn wait(&self, field: &str, at_least: u64) -> Value {
        let answer = self.show(&format!("wait?field={field}&at_least={at_least}")).await;
        assert_eq!(answer.status, 200, "{field} never reached {at_least}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn state(&self, field: &str) -> u64 {
        self.show("state").await.json()[field].as_u64().unwrap()
    }

    pub(crate) async fn now_ms(&self) -> i64 {
        self.show("settings").await.json()["now_ms"].as_i64().unwrap()
    }
}

/// All bytes until the connection ends.
async fn everything(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    tokio::time::timeout(PATIENCE, read).await.expect("the sandbox took too long")?;
    Ok(bytes)
}

/// What the Service App sends to refresh its access token.
pub(crate) fn refresh_form(refresh_token: &str) -> String {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", DEFAULT_CLIENT_ID),
        ("client_secret", DEFAULT_CLIENT_SECRET),
        ("refresh_token", refresh_token),
    ];
    form(&fields)
}

/// The fields as a form has them, every byte that is not a letter or a digit in its `%` notation.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => encoded.push(byte.into()),
                _ => write!(encoded, "%{byte:02X}").unwrap(),
            }
            encoded
        })
    };
    fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// A JWT of the sandbox's own issuer for a guest called `Stève`, without an `exp`.
pub(crate) fn jwt(subject: &str) -> String {
    signed(&json!({"sub": subject, "name": "Stève", "iss": DEFAULT_ISSUER}), DEFAULT_SECRET)
}

/// These claims signed with HS256 by a secret in base64.
pub(crate) fn signed(claims: &Value, secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}
