//! Webex says no, or not now, to a Service App.

use guestissuer_tests::World;
use serde_json::{Value, json};

use super::{app, asked, with_app_life};

#[test]
fn a_dead_refresh_token_is_a_person_s_to_replace_and_valid_tokens_are_served_on() {
    let world = World::with_app(&[]);
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.app_does("kill");
    world.sandbox.app_does("revoke");
    let refused = world.gi(["get", "2", "--name", "B"]).fails(5);
    assert!(
        refused.stderr.contains("refresh token") && refused.stderr.contains("gi issuer update app"),
        "{refused}"
    );
    assert_eq!(world.gi(["get", "1"]).ok(), token);
    // It is known from then on, and not asked for each guest.
    let before = world.sandbox.count("requests");
    for subject in ["3", "4", "5"] {
        world.gi(["get", subject, "--name", "C"]).fails(5);
    }
    assert!(world.sandbox.count("requests") - before <= 2);
    let doctor = world.gi(["doctor"]).run();
    assert!(doctor.stdout.contains("gi issuer update app"), "{doctor}");
    let shown = world.gi(["issuer", "show"]).json();
    assert_eq!(shown["app"]["last_error"]["code"], "issuer_rejected");
    // A person does.
    world.sandbox.app_does("issue");
    let fresh = json!({"refresh_token": world.sandbox.app()["refresh_token"]}).to_string();
    world.gi(["issuer", "update", "app", "--credentials", "-"]).input(&fresh).ok();
    world.gi(["get", "2"]).ok();
    assert_eq!(app(&world)["last_error"], Value::Null);
}

#[test]
fn a_dead_refresh_token_hurts_nobody_while_the_own_token_is_valid() {
    let world = with_app_life(8_000, &[]);
    world.sandbox.app_does("kill");
    world.sandbox.wait_for("refused", 1);
    world.gi(["get", "1", "--name", "A"]).ok();
    let shown = world.gi(["issuer", "show"]).json();
    assert_eq!((&shown["last_error"], shown["app"]["last_error"].is_object()), (&Value::Null, true));
    let doctor = world.gi(["doctor"]).run();
    assert!(doctor.stdout.contains("was not refreshed"), "{doctor}");
}

#[test]
fn a_missing_scope_is_named() {
    let world = World::with_app(&[]);
    world.sandbox.app_settings(&json!({"scopes": ["guest-issuer:read"]}));
    let refused = world.gi(["get", "1", "--name", "A"]).fails(5);
    assert!(refused.stderr.contains("guest-issuer:write"), "{refused}");
    let refused = world.gi(["issuer", "test"]).fails(5);
    assert!(refused.stderr.contains("guest-issuer:write"), "{refused}");
    // A refresh would not help, and none was made.
    assert_eq!(world.sandbox.count("app_refreshes"), 1);
}

#[test]
fn errors_in_either_shape_reach_the_user() {
    for shape in ["oauth", "webex"] {
        let world = World::with_app(&[]);
        world.sandbox.app_settings(&json!({"errors": shape}));
        world.sandbox.app_does("kill");
        world.sandbox.app_does("revoke");
        let refused = world.gi(["get", "1", "--name", "A"]).fails(5);
        assert!(refused.stderr.contains("tracking id"), "{shape}: {refused}");
        assert!(refused.stderr.contains("gi issuer update app"), "{shape}: {refused}");
    }
}

#[test]
fn every_answer_to_a_refresh_becomes_the_right_failure() {
    let table = [
        (json!({"status": 400}), 5, "issuer_rejected"),
        (json!({"status": 401, "body": ""}), 5, "issuer_rejected"),
        (json!({"status": 400, "body": "{\"error\":\"invalid_grant\"}"}), 5, "issuer_rejected"),
        (json!({"status": 403, "body": "<html>", "content_type": "text/html"}), 5, "issuer_rejected"),
        (json!({"status": 429}), 6, "rate_limited"),
        (json!({"status": 500}), 6, "unavailable"),
        (json!({"status": 503, "body": ""}), 6, "unavailable"),
        (json!({"status": 302, "headers": {"location": "http://127.0.0.1:9/"}}), 6, "unavailable"),
        (json!({"body": "not json"}), 6, "unavailable"),
        (json!({"body": "{}"}), 6, "unavailable"),
        (json!({"garbage": true}), 6, "unavailable"),
        (json!({"endless": true}), 6, "unavailable"),
        (json!({"hang": true}), 6, "deadline"),
    ];
    for (fault, exit, code) in table {
        let world = World::with_app(&[]);
        world.sandbox.app_does("revoke");
        let mut rule = fault.clone();
        rule["path"] = json!("/v1/access_token");
        world.sandbox.fault(&rule);
        let outcome = world.gi(["get", "1", "--name", "A", "--timeout", "700ms", "-o", "json"]).run();
        let error: Value = serde_json::from_str(&outcome.stderr).unwrap_or_default();
        assert_eq!((outcome.code, error["error"]["code"].as_str()), (exit, Some(code)), "{fault}: {outcome}");
        // And it passes, as soon as Webex behaves.
        world.sandbox.mend();
        let credentials = &world.sandbox.app_credentials;
        world.gi(["issuer", "update", "app", "--credentials", "-"]).input(credentials).run();
    }
}

#[test]
fn webex_s_wait_is_kept_also_by_the_next_daemon() {
    let mut world = World::with_app(&[]);
    world.sandbox.app_does("revoke");
    world
        .sandbox
        .fault(&json!({"path": "/v1/access_token", "status": 429, "retry_after": "3600", "times": 1}));
    let refused = world.gi(["get", "1", "--name", "A", "--timeout", "1s", "-o", "json"]).fails(6);
    assert!(refused.stderr.contains("rate_limited"), "{refused}");
    let before = world.sandbox.count("requests");
    world.kill_and_start();
    world.gi(["get", "1", "--timeout", "1s"]).fails(6);
    world.gi(["quick", "1", "A", "--timeout", "1s"]).fails(6);
    world.gi(["issuer", "test"]).fails(6);
    world.gi(["issuer", "show"]).ok();
    assert_eq!(world.sandbox.count("requests"), before);
}

#[test]
fn a_short_wait_is_waited_out() {
    let world = World::with_app(&[]);
    world.sandbox.app_does("revoke");
    world.sandbox.fault(&json!({"path": "/v1/access_token", "status": 429, "retry_after": "1", "times": 1}));
    world.gi(["get", "1", "--name", "A"]).ok();
    let at: Vec<_> = asked(&world, "/v1/access_token").iter().map(|r| r["at_ms"].as_i64().unwrap()).collect();
    assert!(at.len() == 3 && at[2] - at[1] >= 1_000, "{at:?}");
}

/// Nobody has to do anything about an outage, and nothing is held against anybody afterwards.
#[test]
fn an_outage_of_the_refresh_passes_by_itself() {
    let world = World::with_app(&[]);
    world.gi(["add", "1", "Ann", "--pin"]).ok();
    world.sandbox.app_does("revoke");
    world.sandbox.fault(&json!({"path": "/v1/access_token", "status": 503, "times": 5}));
    world.gi(["get", "2", "--name", "B", "--timeout", "200ms"]).fails(6);
    world.sandbox.wait_for("app_refreshes", 2);
    world.gi(["get", "2"]).ok();
    let shown = world.gi(["issuer", "show"]).json();
    assert_eq!((&shown["last_error"], &shown["app"]["last_error"]), (&Value::Null, &Value::Null), "{shown}");
    assert_eq!(world.gi(["list", "--failing"]).json(), json!([]));
}

#[test]
fn a_refresh_that_works_again_clears_the_issuer_without_a_mint() {
    let world = with_app_life(6_000, &[]);
    world.sandbox.fault(&json!({"path": "/v1/access_token", "status": 503}));
    // One was to add the issuer; by the eighth, the own token is over.
    world.sandbox.wait_for("refreshes_asked", 8);
    world.sandbox.app_settings(&json!({"access_life_ms": 600_000}));
    world.sandbox.mend();
    world.sandbox.wait_for("app_refreshes", 2);
    // The answer is written down soon.
    let is_clear = (0..100).any(|_| {
        let shown = world.gi(["issuer", "show"]).json();
        shown["last_error"].is_null() && shown["app"]["last_error"].is_null()
    });
    assert!(is_clear);
    assert_eq!(world.sandbox.count("mints"), 0);
}

/// Tokens that are refreshed ahead go on when the app's own token cannot be, and are caught up on afterwards.
#[test]
fn pinned_guests_are_caught_up_on_when_a_person_has_replaced_the_refresh_token() {
    let world = World::with_app(&[]);
    world.sandbox.app_settings(&json!({"guest_life_ms": 8_000}));
    world.gi(["add", "1", "Ann", "--pin"]).ok();
    world.sandbox.app_does("kill");
    world.sandbox.app_does("revoke");
    // The refresh of the guest meets the dead tokens.
    world.sandbox.wait_for("refreshes_asked", 2);
    world.sandbox.app_does("issue");
    let fresh = json!({"refresh_token": world.sandbox.app()["refresh_token"]}).to_string();
    world.gi(["issuer", "update", "app", "--credentials", "-"]).input(&fresh).ok();
    world.sandbox.wait_for("mints", 2);
}

#[test]
fn a_guest_s_mint_that_fails_is_no_matter_of_the_own_token() {
    let world = World::with_app(&[]);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 409, "times": 1}));
    world.gi(["get", "1", "--name", "A"]).fails(5);
    world.gi(["get", "2", "--name", "A"]).ok();
    assert_eq!(world.sandbox.count("app_refreshes"), 1);
}
