//! Guests by way of a Service App.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guestissuer_sandbox::{DEFAULT_CLIENT_SECRET, DEFAULT_REFRESH_TOKEN};
use serde_json::{Value, json};

use crate::client::{ACCESS_TOKEN, Answer, GUEST_TOKEN, Harness, ME};

const COUNT: &str = "/v1/guests/count";

/// An access token of the sandbox's own Service App.
async fn app_token(sandbox: &Harness) -> String {
    let body = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
    body["access_token"].as_str().unwrap().to_owned()
}

async fn guest(sandbox: &Harness, app_token: &str, subject: &str, name: &str) -> Value {
    let answer = sandbox.guest(app_token, subject, name).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn me(sandbox: &Harness, token: &Value) -> Answer {
    sandbox.send("GET", ME, &format!("Bearer {}", token.as_str().unwrap()), "").await.unwrap()
}

async fn count(sandbox: &Harness, token: &str) -> Answer {
    sandbox.send("GET", COUNT, &format!("Bearer {token}"), "").await.unwrap()
}

fn assert_is_webex_error(answer: &Answer, status: u16, word: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["trackingId"], answer.headers["trackingid"]);
    assert!(body["message"].as_str().unwrap().contains(word), "{body}");
    assert_eq!(body["errors"][0]["description"], body["message"]);
}

#[tokio::test]
async fn a_guest_gets_a_token_that_shows_the_guest() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    let answer = sandbox.guest(&app_token, "visitor 1", "Stève").await.unwrap();
    let names: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["id", "subject", "displayName", "email", "accessToken", "expiresIn"]);
    let body = answer.json();
    assert_eq!(
        (&body["subject"], &body["displayName"], &body["expiresIn"]),
        (&json!("visitor 1"), &json!("Stève"), &json!(64_799))
    );
    let id = URL_SAFE_NO_PAD.decode(body["id"].as_str().unwrap()).unwrap();
    let id = String::from_utf8(id).unwrap();
    let uuid = id.strip_prefix("ciscospark://us/PEOPLE/").unwrap();
    assert_eq!(body["email"], format!("{uuid}@appid.ciscospark.com"));
    assert!(body["accessToken"].as_str().unwrap().len() > 2_000);

    let person = me(&sandbox, &body["accessToken"]).await.json();
    assert_eq!((&person["id"], &person["displayName"]), (&body["id"], &json!("Stève")));
    assert_eq!((&person["emails"], &person["type"]), (&json!([body["email"]]), &json!("appuser")));
}

#[tokio::test]
async fn the_app_s_own_token_shows_the_app() {
    let sandbox = Harness::new().await;
    let person = me(&sandbox, &json!(app_token(&sandbox).await)).await;
    assert_eq!((person.status, &person.json()["type"]), (200, &json!("bot")));
    assert_eq!(person.json()["displayName"], "Sandbox Service App");
}

#[tokio::test]
async fn minting_again_leaves_the_earlier_token_and_the_person_and_renames() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    let first = guest(&sandbox, &app_token, "1", "Old").await;
    let second = guest(&sandbox, &app_token, "1", "New").await;
    assert_ne!(first["accessToken"], second["accessToken"]);
    assert_eq!((&first["id"], &first["email"]), (&second["id"], &second["email"]));
    let person = me(&sandbox, &first["accessToken"]).await.json();
    assert_eq!((&person["id"], &person["displayName"]), (&first["id"], &json!("New")));
    assert_ne!(guest(&sandbox, &app_token, "2", "New").await["id"], first["id"]);
    assert_eq!(sandbox.state("mints").await, 3);
    assert_eq!(sandbox.state("guests_asked").await, 3);
}

#[tokio::test]
async fn a_subject_is_another_person_than_by_a_guest_jwt_unless_told_otherwise() {
    let sandbox = Harness::new().await;
    let by_jwt = sandbox.login("1").await.unwrap().json();
    let by_jwt = me(&sandbox, &by_jwt["token"]).await.json();
    let app_token = app_token(&sandbox).await;
    let by_app = guest(&sandbox, &app_token, "1", "A").await;
    assert_ne!(by_app["id"], by_jwt["id"]);
    sandbox.order("app/settings", &json!({"people": "shared"})).await;
    let shared = guest(&sandbox, &app_token, "1", "A").await;
    assert_eq!(shared["id"], by_jwt["id"]);
    assert_eq!(me(&sandbox, &shared["accessToken"]).await.json()["id"], by_jwt["id"]);
}

#[tokio::test]
async fn guests_are_counted_once_each() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    sandbox.login("0").await.unwrap();
    for (subject, guests) in [("1", "1"), ("2", "2"), ("1", "2")] {
        guest(&sandbox, &app_token, subject, "A").await;
        let answer = count(&sandbox, &app_token).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, guests));
        assert!(answer.headers["content-type"].starts_with("text/plain"));
    }
    assert_eq!(sandbox.show("app").await.json()["guests"], 2);
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    sandbox.order("app/settings", &json!({"scopes": ["guest-issuer:read"]})).await;
    let refused = sandbox.guest(&app_token, "1", "A").await.unwrap();
    assert_is_webex_error(&refused, 403, "guest-issuer:write");
    assert_eq!(count(&sandbox, &app_token).await.text(), "0");
    sandbox.order("app/settings", &json!({"scopes": ["guest-issuer:write"]})).await;
    assert_is_webex_error(&count(&sandbox, &app_token).await, 403, "guest-issuer:read");
    let token = guest(&sandbox, &app_token, "1", "A").await["accessToken"].clone();
    // A guest has neither scope.
    let refused = sandbox.guest(token.as_str().unwrap(), "1", "A").await.unwrap();
    assert_is_webex_error(&refused, 403, "guest-issuer:write");
    let refusals = sandbox.show("requests?since=1").await.json();
    assert_eq!(
        (&refusals[0]["refusal"], &refusals[2]["refusal"]),
        (&json!("no_write_scope"), &json!("no_read_scope"))
    );
}

#[tokio::test]
async fn an_unknown_revoked_or_expired_app_token_gets_webexs_generic_text() {
    const TEXT: &str = "The request requires a valid access token set in the Authorization request header.";
    let sandbox = Harness::new().await;
    let token = app_token(&sandbox).await;
    for unknown in ["x", DEFAULT_REFRESH_TOKEN] {
        assert_is_webex_error(&sandbox.guest(unknown, "1", "A").await.unwrap(), 401, TEXT);
    }
    assert_is_webex_error(&sandbox.send("GET", COUNT, "", "").await.unwrap(), 401, TEXT);
    sandbox.order("app/revoke", &Value::Null).await;
    assert_is_webex_error(&sandbox.guest(&token, "1", "A").await.unwrap(), 401, TEXT);
    assert_is_webex_error(&count(&sandbox, &token).await, 401, TEXT);
    assert_is_webex_error(&me(&sandbox, &json!(token)).await, 401, TEXT);
    let token = app_token(&sandbox).await;
    guest(&sandbox, &token, "1", "A").await;
    sandbox.order("settings", &json!({"clock_skew_ms": 1_209_600_000})).await;
    assert_is_webex_error(&sandbox.guest(&token, "1", "A").await.unwrap(), 401, TEXT);
}

#[tokio::test]
async fn revoking_a_guest_or_the_app_spares_the_other() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    let token = guest(&sandbox, &app_token, "1", "A").await["accessToken"].clone();
    sandbox.order("app/revoke", &Value::Null).await;
    assert_eq!(me(&sandbox, &token).await.status, 200);
    sandbox.order("revoke", &json!({"subject": "1"})).await;
    assert_eq!(me(&sandbox, &token).await.status, 401);
}

#[tokio::test]
async fn subject_and_display_name_are_required_texts() {
    let sandbox = Harness::new().await;
    let token = app_token(&sandbox).await;
    for body in [
        r#"{"subject":"1"}"#,
        r#"{"displayName":"A"}"#,
        r#"{"subject":"","displayName":"A"}"#,
        r#"{"subject":"1","displayName":""}"#,
        r#"{"subject":1,"displayName":"A"}"#,
        r#"{"subject":"1","displayName":"A"}}"#,
        "",
    ] {
        let answer = sandbox.post_as(&token, GUEST_TOKEN, "application/json", body).await.unwrap();
        assert_is_webex_error(&answer, 400, "");
    }
    let good = r#"{"subject":"1","displayName":"A"}"#;
    let answer = sandbox.post_as(&token, GUEST_TOKEN, "text/plain", good).await.unwrap();
    assert_is_webex_error(&answer, 415, "");
    assert_eq!((sandbox.state("mints").await, sandbox.state("refused").await), (0, 8));
    let answer = sandbox.post_as(&token, GUEST_TOKEN, "application/json", good).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn tokens_for_guests_of_the_app_have_a_life_of_their_own() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    sandbox.order("app/settings", &json!({"guest_life_ms": 5_999})).await;
    let body = guest(&sandbox, &app_token, "1", "A").await;
    assert_eq!(body["expiresIn"], 5);
    assert_eq!(sandbox.login("1").await.unwrap().json()["expiresIn"], 21_600);
    sandbox.order("settings", &json!({"clock_skew_ms": 6_000})).await;
    assert_eq!(me(&sandbox, &body["accessToken"]).await.status, 401);
}

#[tokio::test]
async fn a_restarted_sandbox_knows_the_guests_of_the_app() {
    let former = Harness::new().await;
    let body = guest(&former, &app_token(&former).await, "1", "A").await;
    former.sandbox.shutdown().await;
    let sandbox = Harness::new().await;
    let person = me(&sandbox, &body["accessToken"]).await.json();
    assert_eq!((&person["id"], &person["displayName"]), (&body["id"], &json!("A")));
}

#[tokio::test]
async fn the_log_names_the_guest_of_the_body_but_no_token_and_no_secret() {
    let sandbox = Harness::new().await;
    let app = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
    let app_token = app["access_token"].as_str().unwrap();
    let body = guest(&sandbox, app_token, "1", "Stève").await;
    sandbox.guest("x", "2", "B").await.unwrap();
    let answer = sandbox.show("requests").await;
    let log = answer.json();
    assert_eq!((&log[0]["path"], &log[0]["status"]), (&json!(ACCESS_TOKEN), &json!(200)));
    assert_eq!((&log[0]["subject"], &log[0]["name"]), (&Value::Null, &Value::Null));
    assert_eq!((&log[1]["path"], &log[1]["subject"]), (&json!(GUEST_TOKEN), &json!("1")));
    assert_eq!((&log[1]["name"], &log[1]["status"]), (&json!("Stève"), &json!(200)));
    assert_eq!((&log[2]["subject"], &log[2]["refusal"]), (&json!("2"), &json!("unknown_token")));
    for token in [&body["accessToken"], &app["access_token"], &app["refresh_token"]] {
        let token = token.as_str().unwrap();
        assert!(!answer.text().contains(&token[token.len() - 20..]), "{}", answer.text());
    }
    for secret in [DEFAULT_CLIENT_SECRET, DEFAULT_REFRESH_TOKEN] {
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
}

#[tokio::test]
async fn faults_meet_a_guest_of_the_app_by_the_subject_of_the_body() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    sandbox.fault(&json!({"path": GUEST_TOKEN, "subject": "1", "status": 429, "retry_after": "7"})).await;
    let answer = sandbox.guest(&app_token, "1", "A").await.unwrap();
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (429, "7"));
    guest(&sandbox, &app_token, "2", "A").await;
    assert_eq!(sandbox.state("mints").await, 1);
}

#[tokio::test]
async fn a_lost_token_for_a_guest_was_made_all_the_same() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    sandbox.fault(&json!({"path": GUEST_TOKEN, "mint": true, "close": true})).await;
    sandbox.guest(&app_token, "1", "A").await.unwrap_err();
    let state = sandbox.show("state").await.json();
    assert_eq!((&state["mints"], &state["mints_by_subject"]), (&json!(1), &json!({"1": 1})));
}

#[tokio::test]
async fn fields_and_endings_of_a_guest_s_token_go_by_its_own_names() {
    let sandbox = Harness::new().await;
    let app_token = app_token(&sandbox).await;
    sandbox.fault(&json!({"path": GUEST_TOKEN, "expires_in": "5", "token": "x", "times": 1})).await;
    let body = guest(&sandbox, &app_token, "1", "A").await;
    assert_eq!((&body["expiresIn"], &body["accessToken"]), (&json!("5"), &json!("x")));
    sandbox.fault(&json!({"omit_expires_in": true, "omit_token": true, "times": 1})).await;
    let body = guest(&sandbox, &app_token, "1", "A").await;
    assert_eq!((body.get("expiresIn"), body.get("accessToken")), (None, None));
    assert_eq!(body["subject"], "1");
    sandbox.fault(&json!({"truncate": true, "times": 1})).await;
    let bytes = sandbox.bytes("POST", GUEST_TOKEN, &app_token, "").await.unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains(r#"{"accessToken":"eyJ"#));
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_and_change_nothing() {
    let sandbox = Harness::new().await;
    let before = sandbox.show("app/settings").await.json();
    for (body, word) in [
        (r#"{"rotate":"same"}"#, "rotate"),
        (r#"{"rotation":"never"}"#, "rotate-strict"),
        (r#"{"grace_ms":9000000000000000}"#, "hundred years"),
        (r#"{"scopes":"guest-issuer:read"}"#, "invalid type"),
        ("[]", "invalid type"),
    ] {
        let answer = sandbox.send("POST", "/_control/app/settings", "", body).await.unwrap();
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["message"].as_str().unwrap().contains(word), "{}", answer.text());
    }
    assert_eq!(sandbox.show("app/settings").await.json(), before);
}

#[tokio::test]
async fn the_catalogs_that_webexs_sdk_wants_are_empty() {
    let sandbox = Harness::new().await;
    for path in ["/u2c/api/v1/limited/catalog?format=hostmap", "/u2c/api/v1/catalog"] {
        let answer = sandbox.send("GET", path, "", "").await.unwrap();
        assert_eq!((answer.status, answer.json()), (200, json!({"serviceLinks": {}, "hostCatalog": {}})));
    }
    assert_eq!((sandbox.state("requests").await, sandbox.state("refused").await), (2, 0));
}
