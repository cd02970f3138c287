//! How the Service App renews its own access token, and how that goes wrong.

use std::io::ErrorKind;

use guestissuer_sandbox::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REFRESH_TOKEN};
use serde_json::{Value, json};

use crate::client::{ACCESS_TOKEN, Answer, FORM, Harness, JSON, form, refresh_form};

/// The token that a refresh gives under this name.
async fn refreshed(sandbox: &Harness, refresh_token: &str, name: &str) -> String {
    let answer = sandbox.refresh(refresh_token).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()[name].as_str().unwrap().to_owned()
}

async fn rotated(sandbox: &Harness, refresh_token: &str) -> String {
    refreshed(sandbox, refresh_token, "refresh_token").await
}

async fn set(sandbox: &Harness, settings: &Value) {
    sandbox.order("app/settings", settings).await;
}

/// Whether a refresh token is still good, which uses it.
async fn lives(sandbox: &Harness, refresh_token: &str) -> bool {
    let answer = sandbox.refresh(refresh_token).await.unwrap();
    if answer.status == 200 {
        return true;
    }
    assert_oauth_error(&answer, 400, "invalid_grant");
    false
}

fn assert_oauth_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!((&body["error"], body.as_object().unwrap().len()), (&json!(error), 2));
    assert!(body["error_description"].as_str().unwrap().ends_with('.'));
}

#[tokio::test]
async fn the_first_refresh_token_gives_what_webex_gives() {
    let sandbox = Harness::new().await;
    let answer = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.headers["content-type"].starts_with("application/json"));
    let body = answer.json();
    assert_eq!(
        (&body["expires_in"], &body["refresh_token_expires_in"], &body["token_type"]),
        (&json!(1_209_599), &json!(7_775_999), &json!("Bearer"))
    );
    assert!(body["access_token"].as_str().unwrap().len() > 2_000);
    assert_ne!(body["refresh_token"], DEFAULT_REFRESH_TOKEN);
    assert_eq!(body.as_object().unwrap().len(), 5);
    let state = sandbox.show("app").await.json();
    assert_eq!((&state["client_id"], &state["guests"]), (&json!(DEFAULT_CLIENT_ID), &json!(0)));
    assert_eq!((&state["refreshes"], &state["rotations"]), (&json!(1), &json!(1)));
    assert_eq!(state["refresh_token"], body["refresh_token"]);
    assert_eq!(state["access_token"], body["access_token"]);
}

#[tokio::test]
async fn strict_rotation_ends_the_old_token_at_once() {
    let sandbox = Harness::new().await;
    set(&sandbox, &json!({"rotation": "rotate-strict"})).await;
    let second = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
    assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    let third = rotated(&sandbox, &second).await;
    assert!(!lives(&sandbox, &second).await);
    assert!(lives(&sandbox, &third).await);
    assert_eq!(sandbox.show("requests").await.json()[1]["refusal"], "dead_refresh_token");
}

#[tokio::test]
async fn strict_rotation_serves_one_of_many_who_come_at_once() {
    let sandbox = Harness::new().await;
    set(&sandbox, &json!({"rotation": "rotate-strict"})).await;
    let once = || lives(&sandbox, DEFAULT_REFRESH_TOKEN);
    let lived = tokio::join!(once(), once(), once(), once());
    let served = [lived.0, lived.1, lived.2, lived.3].iter().filter(|lived| **lived).count();
    assert_eq!((served, sandbox.state("app_refreshes").await), (1, 1));
}

#[tokio::test]
async fn lenient_rotation_ends_the_old_token_when_the_new_one_is_used() {
    let sandbox = Harness::new().await;
    let lost = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
    let second = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
    assert_ne!(lost, second);
    assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    assert!(lives(&sandbox, &second).await);
    assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    assert!(lives(&sandbox, &lost).await);
}

#[tokio::test]
async fn lenient_rotation_ends_the_old_token_when_the_new_access_token_is_used() {
    let sandbox = Harness::new().await;
    let access_token = refreshed(&sandbox, DEFAULT_REFRESH_TOKEN, "access_token").await;
    assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    assert_eq!(sandbox.guest(&access_token, "1", "A").await.unwrap().status, 200);
    assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
}

#[tokio::test]
async fn grace_is_the_longest_a_rotated_token_lives_on() {
    let sandbox = Harness::new().await;
    for rotation in ["rotate-lenient", "rotate-keep"] {
        sandbox.order("reset", &Value::Null).await;
        set(&sandbox, &json!({"rotation": rotation, "grace_ms": 60_000})).await;
        let second = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
        assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await, "{rotation}");
        sandbox.order("settings", &json!({"clock_skew_ms": 61_000})).await;
        assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await, "{rotation}");
        assert!(lives(&sandbox, &second).await, "{rotation}");
    }
}

#[tokio::test]
async fn old_tokens_can_be_kept() {
    let sandbox = Harness::new().await;
    set(&sandbox, &json!({"rotation": "rotate-keep"})).await;
    let second = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
    let third = rotated(&sandbox, &second).await;
    for token in [DEFAULT_REFRESH_TOKEN, &second, &third] {
        assert!(lives(&sandbox, token).await, "{token}");
    }
}

#[tokio::test]
async fn the_same_token_can_come_back_or_none_and_lives_longer_for_it() {
    let sandbox = Harness::new().await;
    for (rotation, field) in [("same", json!(DEFAULT_REFRESH_TOKEN)), ("omit", Value::Null)] {
        sandbox.order("reset", &Value::Null).await;
        set(&sandbox, &json!({"rotation": rotation, "refresh_life_ms": 1_000_000})).await;
        for skew in [0, 900_000, 1_800_000] {
            sandbox.order("settings", &json!({ "clock_skew_ms": skew })).await;
            let answer = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap();
            assert_eq!(answer.status, 200, "{rotation} {skew}: {}", answer.text());
            assert_eq!(answer.json()["refresh_token"], field);
            assert_eq!(answer.json().as_object().unwrap().len(), if field.is_null() { 4 } else { 5 });
        }
        let state = sandbox.show("app").await.json();
        assert_eq!((&state["refreshes"], &state["rotations"]), (&json!(3), &json!(0)));
        assert_eq!(state["refresh_token"], DEFAULT_REFRESH_TOKEN);
        sandbox.order("settings", &json!({"clock_skew_ms": 2_801_000})).await;
        assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await, "{rotation}");
    }
}

#[tokio::test]
async fn the_same_access_token_comes_until_it_ends() {
    let sandbox = Harness::new().await;
    set(&sandbox, &json!({"access_token": "same", "access_life_ms": 100_000})).await;
    let first = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
    sandbox.order("settings", &json!({"clock_skew_ms": 50_000})).await;
    let second = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
    assert_eq!(first["access_token"], second["access_token"]);
    assert_eq!(first["expires_in"], 100);
    let left = second["expires_in"].as_i64().unwrap();
    assert!((20..=50).contains(&left), "{left}");

    sandbox.order("app/revoke", &Value::Null).await;
    let third = refreshed(&sandbox, DEFAULT_REFRESH_TOKEN, "access_token").await;
    assert_ne!(third, second["access_token"]);
    sandbox.order("settings", &json!({"clock_skew_ms": 151_000})).await;
    assert_ne!(refreshed(&sandbox, DEFAULT_REFRESH_TOKEN, "access_token").await, third);
}

#[tokio::test]
async fn lives_are_set_and_written_as_asked() {
    let sandbox = Harness::new().await;
    for (style, access, refresh) in [
        ("number", json!(1), json!(2)),
        ("string", json!("1"), json!("2")),
        ("omit", Value::Null, Value::Null),
    ] {
        let settings = json!({
            "access_life_ms": 1_999, "refresh_life_ms": 2_999,
            "expires_in": style, "refresh_token_expires_in": style,
        });
        set(&sandbox, &settings).await;
        let body = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
        assert_eq!((&body["expires_in"], &body["refresh_token_expires_in"]), (&access, &refresh));
        let fields = body.as_object().unwrap();
        assert_eq!(fields.contains_key("expires_in"), style != "omit");
        assert_eq!(fields.contains_key("refresh_token_expires_in"), style != "omit");
    }
}

#[tokio::test]
async fn a_refresh_token_expires_when_it_says() {
    let sandbox = Harness::new().await;
    let token = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
    sandbox.order("settings", &json!({"clock_skew_ms": 7_776_000_000_i64})).await;
    assert!(!lives(&sandbox, &token).await);
    assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    assert_eq!(sandbox.show("requests?since=1").await.json()[0]["refusal"], "refresh_token_expired");
}

#[tokio::test]
async fn what_is_wrong_with_a_refresh_is_told_in_oauths_shape() {
    let sandbox = Harness::new().await;
    let good = [
        ("grant_type", "refresh_token"),
        ("client_id", DEFAULT_CLIENT_ID),
        ("client_secret", DEFAULT_CLIENT_SECRET),
        ("refresh_token", DEFAULT_REFRESH_TOKEN),
    ];
    let changed = |name: &str, value: &'static str| {
        form(&good.map(|(field, text)| (field, if field == name { value } else { text })))
    };
    for (body, status, error, refusal) in [
        (changed("client_id", "C0"), 401, "invalid_client", "unknown_client"),
        (changed("client_secret", "x"), 401, "invalid_client", "client_secret"),
        (changed("refresh_token", "x"), 400, "invalid_grant", "unknown_refresh_token"),
        (changed("grant_type", "password"), 400, "unsupported_grant_type", "grant_type"),
        (changed("refresh_token", ""), 400, "invalid_request", "form_fields"),
        (form(&good[..3]), 400, "invalid_request", "form_fields"),
        (format!("{}&client_id=x", form(&good)), 400, "invalid_request", "form_fields"),
        // A client that does not encode its fields is found out.
        (form(&good).replace("%2B", "+"), 401, "invalid_client", "client_secret"),
        (String::new(), 400, "invalid_request", "form_fields"),
    ] {
        sandbox.order("reset", &Value::Null).await;
        assert_oauth_error(&sandbox.post(ACCESS_TOKEN, FORM, &body).await.unwrap(), status, error);
        assert_eq!(sandbox.show("requests").await.json()[0]["refusal"], refusal, "{body}");
    }
    let json = json!({"grant_type": "refresh_token", "refresh_token": DEFAULT_REFRESH_TOKEN}).to_string();
    let answer = sandbox.post(ACCESS_TOKEN, JSON, &json).await.unwrap();
    assert_oauth_error(&answer, 415, "invalid_request");
    assert_eq!(sandbox.send("GET", ACCESS_TOKEN, "", "").await.unwrap().status, 405);
    assert_eq!(sandbox.state("app_refreshes").await, 0);
    assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
}

#[tokio::test]
async fn errors_can_have_webexs_shape_instead() {
    let sandbox = Harness::new().await;
    set(&sandbox, &json!({"errors": "webex"})).await;
    let answer = sandbox.refresh("x").await.unwrap();
    assert_eq!((answer.status, &answer.json()["error"]), (400, &Value::Null));
    assert_eq!(answer.json()["trackingId"], answer.headers["trackingid"]);
    let wrong = refresh_form(DEFAULT_REFRESH_TOKEN).replace(DEFAULT_CLIENT_ID, "C0");
    let answer = sandbox.post(ACCESS_TOKEN, FORM, &wrong).await.unwrap();
    assert_eq!((answer.status, answer.json()["message"].is_string()), (401, true));
}

#[tokio::test]
async fn killed_refresh_tokens_can_only_be_replaced_by_a_person() {
    let sandbox = Harness::new().await;
    let second = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
    sandbox.order("app/kill", &Value::Null).await;
    assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    assert!(!lives(&sandbox, &second).await);
    let pair = sandbox.order("app/issue", &Value::Null).await.json();
    assert_eq!(pair["refresh_token"], sandbox.show("app").await.json()["refresh_token"]);
    let access_token = pair["access_token"].as_str().unwrap();
    assert_eq!(sandbox.guest(access_token, "1", "A").await.unwrap().status, 200);
    assert!(lives(&sandbox, pair["refresh_token"].as_str().unwrap()).await);
    assert!(!lives(&sandbox, &second).await);
}

#[tokio::test]
async fn a_reset_restores_the_app_but_not_the_dead() {
    let sandbox = Harness::new().await;
    set(&sandbox, &json!({"rotation": "rotate-strict", "scopes": []})).await;
    let second = rotated(&sandbox, DEFAULT_REFRESH_TOKEN).await;
    let third = rotated(&sandbox, &second).await;
    set(&sandbox, &json!({"scopes": ["guest-issuer:write"]})).await;
    let access_token = sandbox.show("app").await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.guest(&access_token, "1", "A").await.unwrap().status, 200);
    assert_eq!(sandbox.show("app").await.json()["guests"], 1);
    sandbox.order("reset", &Value::Null).await;
    let state = sandbox.show("app").await.json();
    assert_eq!(state["guests"], 0);
    assert_eq!((&state["refreshes"], &state["rotations"]), (&json!(0), &json!(0)));
    assert_eq!(
        (&state["refresh_token"], &state["access_token"]),
        (&json!(DEFAULT_REFRESH_TOKEN), &Value::Null)
    );
    let settings = sandbox.show("app/settings").await.json();
    assert_eq!(settings["rotation"], "rotate-lenient");
    assert_eq!(settings["scopes"], json!(["guest-issuer:read", "guest-issuer:write"]));
    assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    assert!(lives(&sandbox, &third).await);
    assert!(!lives(&sandbox, &second).await);
    sandbox.order("app/kill", &Value::Null).await;
    sandbox.order("reset", &Value::Null).await;
    assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
    assert!(!lives(&sandbox, &third).await);
}

#[tokio::test]
async fn a_restarted_sandbox_knows_the_app_s_tokens() {
    let former = Harness::new().await;
    let body = former.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
    former.sandbox.shutdown().await;
    let sandbox = Harness::new().await;
    let access_token = body["access_token"].as_str().unwrap();
    assert_eq!(sandbox.guest(access_token, "1", "A").await.unwrap().status, 200);
    assert!(lives(&sandbox, body["refresh_token"].as_str().unwrap()).await);
    sandbox.order("app/revoke", &Value::Null).await;
    assert_eq!(sandbox.guest(access_token, "1", "A").await.unwrap().status, 401);
    sandbox.order("app/kill", &Value::Null).await;
    assert!(!lives(&sandbox, body["refresh_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn a_lost_answer_has_rotated_all_the_same() {
    let sandbox = Harness::new().await;
    for ending in ["reset", "close", "garbage", "truncate"] {
        sandbox.order("reset", &Value::Null).await;
        set(&sandbox, &json!({"rotation": "rotate-strict"})).await;
        sandbox.fault(&json!({"path": ACCESS_TOKEN, "mint": true, ending: true, "times": 1})).await;
        sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap_err();
        let state = sandbox.wait("app_refreshes", 1).await;
        assert_eq!((&state["refreshes_asked"], &state["mints"]), (&json!(1), &json!(0)), "{ending}");
        let app = sandbox.show("app").await.json();
        assert_eq!(app["rotations"], 1, "{ending}");
        assert!(!lives(&sandbox, DEFAULT_REFRESH_TOKEN).await, "{ending}");
        assert!(lives(&sandbox, app["refresh_token"].as_str().unwrap()).await, "{ending}");
    }
}

#[tokio::test]
async fn a_refresh_that_never_arrived_has_rotated_nothing() {
    let sandbox = Harness::new().await;
    set(&sandbox, &json!({"rotation": "rotate-strict"})).await;
    sandbox.fault(&json!({"path": ACCESS_TOKEN, "reset": true, "times": 1})).await;
    let error = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!((sandbox.state("refreshes_asked").await, sandbox.state("app_refreshes").await), (1, 0));
    assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
}

#[tokio::test]
async fn after_lenient_rotation_and_a_lost_answer_the_old_token_serves_once_more() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"path": ACCESS_TOKEN, "mint": true, "close": true, "times": 1})).await;
    sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap_err();
    assert!(lives(&sandbox, DEFAULT_REFRESH_TOKEN).await);
}

#[tokio::test]
async fn a_hanging_refresh_has_rotated_only_with_mint() {
    for mint in [false, true] {
        let sandbox = Harness::new().await;
        sandbox.fault(&json!({"path": ACCESS_TOKEN, "mint": mint, "hang": true})).await;
        let (answer, ()) = tokio::join!(sandbox.refresh(DEFAULT_REFRESH_TOKEN), async {
            let state = sandbox.wait("hanging", 1).await;
            assert_eq!(state["app_refreshes"], u64::from(mint));
            sandbox.order("release", &Value::Null).await;
        });
        assert_eq!(answer.unwrap().status, 200);
        assert_eq!(sandbox.state("app_refreshes").await, 1);
    }
}

#[tokio::test]
async fn fields_of_a_refresh_can_be_replaced_and_left_out() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"path": ACCESS_TOKEN, "expires_in": "soon", "token": "x", "times": 1})).await;
    let body = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
    assert_eq!((&body["expires_in"], &body["access_token"]), (&json!("soon"), &json!("x")));
    sandbox.fault(&json!({"omit_expires_in": true, "omit_token": true, "times": 1})).await;
    let body = sandbox.refresh(DEFAULT_REFRESH_TOKEN).await.unwrap().json();
    let mut names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["refresh_token", "refresh_token_expires_in", "token_type"]);
}
