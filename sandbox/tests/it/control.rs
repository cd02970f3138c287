//! The control interface itself.

use guestissuer_sandbox::DEFAULT_ISSUER;
use guestissuer_sandbox::DEFAULT_SECRET;
use serde_json::{Value, json};

use crate::client::{Harness, LOGIN, ME, jwt, signed};

#[tokio::test]
async fn a_rule_with_a_mistake_is_explained() {
    let sandbox = Harness::new().await;
    for (body, word) in [
        (r#"{"stats":500}"#, "stats"),
        (r#"{"status":"500"}"#, "invalid type: string"),
        ("{}", "effect"),
        ("", "EOF"),
        (r#"{"status":5000}"#, "three digits"),
    ] {
        let answer = sandbox.send("POST", "/_control/faults", "", body).await.unwrap();
        assert_eq!(answer.status, 400, "{body}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(word), "{body}: {message}");
    }
    assert_eq!(sandbox.show("faults").await.json(), json!([]));
}

#[tokio::test]
async fn rules_are_listed_with_their_hits_and_removed() {
    let sandbox = Harness::new().await;
    assert_eq!(sandbox.fault(&json!({"status": 500, "times": 1})).await, 1);
    assert_eq!(sandbox.fault(&json!({"status": 501})).await, 2);
    assert_eq!(sandbox.login("1").await.unwrap().status, 500);
    let listed = sandbox.show("faults").await.json();
    assert_eq!(
        (&listed[0]["id"], &listed[0]["hits"], &listed[0]["status"]),
        (&json!(1), &json!(1), &json!(500))
    );
    let gone = sandbox.send("DELETE", "/_control/faults/2", "", "").await.unwrap();
    assert_eq!(gone.status, 204);
    for id in ["2", "x"] {
        let path = format!("/_control/faults/{id}");
        assert_eq!(sandbox.send("DELETE", &path, "", "").await.unwrap().status, 404);
    }
    assert_eq!(sandbox.login("1").await.unwrap().status, 200);
    sandbox.send("DELETE", "/_control/faults", "", "").await.unwrap();
    assert_eq!(sandbox.show("faults").await.json(), json!([]));
}

#[tokio::test]
async fn settings_can_be_changed_one_by_one() {
    let sandbox = Harness::new().await;
    let first = sandbox.show("settings").await.json();
    assert_eq!((&first["token_life_ms"], &first["clock_skew_ms"]), (&json!(21_600_000), &json!(0)));
    sandbox.order("settings", &json!({"token_life_ms": 1_999})).await;
    let changed = sandbox.order("settings", &json!({"clock_skew_ms": -5})).await.json();
    assert_eq!((&changed["token_life_ms"], &changed["clock_skew_ms"]), (&json!(1_999), &json!(-5)));
    assert_eq!(sandbox.login("1").await.unwrap().json()["expiresIn"], 1);
    for body in [r#"{"token_life_ms":-1}"#, r#"{"clock_skew_ms":9e18}"#, r#"{"x":1}"#] {
        assert_eq!(sandbox.send("POST", "/_control/settings", "", body).await.unwrap().status, 400, "{body}");
    }
}

#[tokio::test]
async fn the_state_counts_what_happened() {
    let sandbox = Harness::new().await;
    for subject in ["a", "b", "a"] {
        sandbox.login(subject).await.unwrap();
    }
    sandbox.send("GET", ME, "", "").await.unwrap();
    let state = sandbox.show("state").await.json();
    assert_eq!(
        state,
        json!({
            "requests": 4, "logins": 3, "guests_asked": 0, "refreshes_asked": 0, "mints": 3,
            "app_refreshes": 0, "in_flight": 0, "hanging": 0, "refused": 1,
            "mints_by_subject": {"a": 2, "b": 1},
        })
    );
}

#[tokio::test]
async fn the_log_tells_who_asked_and_how_it_went_but_no_token() {
    let sandbox = Harness::new().await;
    let in_a_minute = sandbox.now_ms().await / 1_000 + 60;
    let claims = json!({"sub": "1", "name": "Stève", "iss": DEFAULT_ISSUER, "exp": in_a_minute});
    let jwt = signed(&claims, DEFAULT_SECRET);
    let token =
        sandbox.send("POST", LOGIN, &jwt, "").await.unwrap().json()["token"].as_str().unwrap().to_owned();
    sandbox.send("GET", ME, &token, "").await.unwrap();
    let answer = sandbox.show("requests?since=0").await;
    for secret in [jwt, token] {
        assert!(!answer.text().contains(secret.rsplit('.').next().unwrap()));
    }
    let log = answer.json();
    let login = &log[0];
    assert_eq!((&login["n"], &login["method"], &login["path"]), (&json!(1), &json!("POST"), &json!(LOGIN)));
    assert_eq!((&login["subject"], &login["name"]), (&json!("1"), &json!("Stève")));
    assert_eq!((&login["status"], &login["refusal"]), (&json!(200), &Value::Null));
    assert!((30..=60).contains(&login["jwt_life_s"].as_i64().unwrap()));
    assert_eq!(login["headers_seen"], json!({"content-length": "0", "user-agent": "it/1"}));
    assert_eq!((&log[1]["subject"], &log[1]["jwt_life_s"]), (&json!("1"), &Value::Null));
    assert_eq!(sandbox.show("requests?since=1").await.json()[0]["n"], 2);
    assert_eq!(sandbox.show("requests?since=2").await.json(), json!([]));
    assert_eq!(sandbox.show("requests?until=2").await.status, 400);
}

#[tokio::test]
async fn waiting_ends_with_the_event_or_with_patience() {
    let sandbox = Harness::new().await;
    let (state, answer) = tokio::join!(sandbox.wait("mints", 1), sandbox.login("1"));
    assert_eq!((&state["mints_by_subject"], answer.unwrap().status), (&json!({"1": 1}), 200));
    let late = sandbox.show("wait?field=mints&at_least=2&timeout_ms=1").await;
    assert_eq!((late.status, &late.json()["mints"]), (408, &json!(1)));
    for query in ["field=mints", "field=tokens&at_least=1", "at_least=1", "field=mints&at_least=x"] {
        assert_eq!(sandbox.show(&format!("wait?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_reset_forgets_everything_and_lets_go_what_hangs() {
    let sandbox = Harness::new().await;
    sandbox.login("1").await.unwrap();
    sandbox.order("settings", &json!({"token_life_ms": 1})).await;
    sandbox.fault(&json!({"hang": true})).await;
    let (answer, ()) = tokio::join!(sandbox.login("2"), async {
        sandbox.wait("hanging", 1).await;
        sandbox.order("reset", &Value::Null).await;
    });
    assert_eq!(answer.unwrap().json()["expiresIn"], 21_600);
    let state = sandbox.show("state").await.json();
    assert_eq!(
        state,
        json!({
            "requests": 0, "logins": 0, "guests_asked": 0, "refreshes_asked": 0, "mints": 0,
            "app_refreshes": 0, "in_flight": 0, "hanging": 0, "refused": 0,
            "mints_by_subject": {},
        })
    );
    assert_eq!(sandbox.show("faults").await.json(), json!([]));
    sandbox.login("3").await.unwrap();
    assert_eq!(sandbox.show("requests").await.json()[0]["n"], 1);
}

#[tokio::test]
async fn revoking_ends_the_tokens_made_until_now() {
    let sandbox = Harness::new().await;
    let mut tokens = Vec::new();
    for subject in ["1", "2"] {
        let answer = sandbox.login(subject).await.unwrap().json();
        tokens.push(answer["token"].as_str().unwrap().to_owned());
    }
    sandbox.order("revoke", &json!({"subject": "1"})).await;
    tokens.push(sandbox.login("1").await.unwrap().json()["token"].as_str().unwrap().to_owned());
    let mut statuses = Vec::new();
    for token in &tokens {
        statuses.push(sandbox.send("GET", ME, token, "").await.unwrap().status);
    }
    assert_eq!(statuses, [401, 200, 200]);
}

#[tokio::test]
async fn control_requests_meet_no_fault_and_are_not_counted() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"status": 500})).await;
    let answer = sandbox.show("state").await;
    assert_eq!((answer.status, &answer.json()["requests"]), (200, &json!(0)));
    assert!(answer.headers.contains_key("date"));
    assert_eq!(sandbox.show("nothing").await.status, 404);
    assert_eq!(sandbox.send("PUT", "/_control/state", "", "").await.unwrap().status, 405);
    assert_eq!(sandbox.send("POST", LOGIN, &jwt("1"), "").await.unwrap().status, 500);
}
