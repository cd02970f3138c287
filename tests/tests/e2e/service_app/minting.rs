//! Guests of a Service App.

use guestissuer_tests::World;
use serde_json::json;

use super::asked;

#[test]
fn a_guest_s_token_comes_with_id_and_address_and_lives_as_webex_says() {
    let world = World::with_app(&[]);
    let token = world.gi(["get", "1", "--name", "Ann"]).json();
    assert!((64_700..=64_799).contains(&token["expires_in"].as_i64().unwrap()), "{token}");
    let shown = world.gi(["show", "1"]).json();
    assert!(shown["email"].as_str().unwrap().ends_with("@appid.ciscospark.com"), "{shown}");
    let who = world.gi(["whoami", "1"]).json();
    assert_eq!(shown["person_id"], who["person_id"]);
    assert_eq!(world.gi(["list"]).json()[0]["person_id"], who["person_id"]);
    assert_eq!(world.gi(["get", "1"]).json()["access_token"], token["access_token"]);
    assert_eq!(world.sandbox.mints_of("1"), 1);
}

#[test]
fn a_new_name_renames_at_webex() {
    let world = World::with_app(&[]);
    world.gi(["get", "1", "--name", "Ann"]).ok();
    world.gi(["get", "1", "--name", "Bob"]).ok();
    assert_eq!(world.gi(["whoami", "1"]).json()["display_name"], "Bob");
    assert_eq!(world.sandbox.mints_of("1"), 2);
    world.gi(["rename", "1", "Cid"]).ok();
    world.sandbox.wait_for("mints", 3);
    assert_eq!(world.gi(["whoami", "1"]).json()["display_name"], "Cid");
}

#[test]
fn show_counts_the_guests_that_webex_has() {
    let world = World::with_app(&[]);
    for subject in ["1", "2", "3"] {
        world.gi(["get", subject, "--name", "A"]).ok();
    }
    world.gi(["remove", "3"]).ok();
    let shown = world.gi(["issuer", "show"]).json();
    assert_eq!((shown["guests"].as_u64(), shown["app"]["guests_at_webex"].as_u64()), (Some(2), Some(3)));
    let text = world.gi(["issuer", "show", "app"]).ok();
    assert!(text.contains("3 guests") && text.contains("refresh token"), "{text}");
    assert_eq!(asked(&world, "/v1/guests/count").len(), 2);
    // What is looked at often asks Webex nothing.
    world.gi(["status"]).ok();
    world.gi(["issuer", "list"]).ok();
    assert_eq!(asked(&world, "/v1/guests/count").len(), 2);
}

#[test]
fn a_count_that_fails_says_why_and_closes_no_door() {
    let world = World::with_app(&[]);
    world.sandbox.app_settings(&json!({"scopes": ["guest-issuer:write"]}));
    let shown = world.gi(["issuer", "show"]).json();
    let error = &shown["app"]["count_error"];
    assert_eq!(error["code"], "issuer_rejected");
    assert!(error["message"].as_str().unwrap().contains("guest-issuer:read"), "{shown}");
    world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"path": "/v1/guests/count", "status": 401, "times": 1}));
    world.sandbox.app_settings(&json!({"scopes": ["guest-issuer:write", "guest-issuer:read"]}));
    assert_eq!(world.gi(["issuer", "show"]).json()["app"]["guests_at_webex"], 1);
}

#[test]
fn quick_mints_and_create_says_why_not() {
    let world = World::with_app(&[]);
    let said = world.gi(["quick", "1", "Ann", "-i", "app"]).ok();
    assert!(said.starts_with("Here is an access token, valid for: 647"), "{said}");
    assert_eq!(world.sandbox.mints_of("1"), 1);
    // As the default issuer too.
    world.gi(["quick", "1", "Ann"]).ok();
    let refused = world.gi(["create", "1", "Ann", "-i", "app"]).fails(2);
    assert!(refused.stderr.contains("Service App") && refused.stderr.contains("gi quick"), "{refused}");
    let refused =
        world.gi(["quick", "1", "Ann", "-i", "app", "--api-base", "http://127.0.0.1:9/v1"]).fails(2);
    assert!(refused.stderr.contains("--api-base"), "{refused}");
    assert_eq!(world.gi(["list"]).json(), json!([]));
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 503, "times": 1}));
    world.gi(["quick", "1", "Ann"]).ok();
}

#[test]
fn issuer_test_mints_for_a_throw_away_guest() {
    let world = World::with_app(&[]);
    assert_eq!(world.gi(["issuer", "test"]).json()["token_life"], 64_799);
    assert_eq!(world.sandbox.count("mints"), 1);
}

#[test]
fn both_kinds_live_side_by_side() {
    let world = World::with_app(&[]);
    world.add_issuer("old");
    let of_app = world.gi(["get", "1", "--name", "A"]).ok();
    let of_old = world.gi(["get", "1", "--name", "A", "--issuer", "old"]).ok();
    assert_ne!(of_app, of_old);
    let kinds: Vec<_> =
        world.gi(["issuer", "list"]).json().as_array().unwrap().iter().map(|i| i["kind"].clone()).collect();
    assert_eq!(kinds, [json!("service-app"), json!("guest-issuer")]);
    assert_eq!(asked(&world, "/v1/jwt/login").len(), 1);
}
