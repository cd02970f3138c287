//! Who a guest is to Webex, before and after it is moved.

use serde_json::{Value, json};

use super::{asked, migrate, report, subjects_of, world_of};

fn identity(world: &guestissuer_tests::World) -> [Value; 3] {
    let [moved] = report(world).try_into().unwrap();
    ["person_id_before", "person_id_after", "person_id_is_same"].map(|key| moved[key].clone())
}

#[test]
fn an_id_that_is_not_known_is_asked_for_with_the_token_at_hand() {
    let world = world_of(1);
    migrate(&world, &[]).ok();
    let [before, after, is_same] = identity(&world);
    assert_eq!(after, world.gi(["whoami", "1"]).json()["person_id"]);
    assert!(before.is_string() && before != after && is_same == json!(false));
    assert_eq!(asked(&world, "/v1/jwt/login"), 1, "no token was minted to ask with");
    assert_eq!(asked(&world, "/v1/people/me"), 2);
}

#[test]
fn an_id_that_webex_keeps_is_reported_as_the_same() {
    let world = world_of(1);
    world.sandbox.app_settings(&json!({"people": "shared"}));
    migrate(&world, &[]).ok();
    let [before, after, is_same] = identity(&world);
    assert!(before.is_string() && before == after && is_same == json!(true));
}

#[test]
fn an_id_that_is_known_is_not_asked_for() {
    let world = world_of(1);
    let known = world.gi(["whoami", "1"]).json()["person_id"].clone();
    migrate(&world, &[]).ok();
    assert_eq!(identity(&world)[0], known);
    assert_eq!(asked(&world, "/v1/people/me"), 1);
}

#[test]
fn a_guest_without_a_valid_token_gets_one_of_the_old_issuer_first() {
    let world = world_of(1);
    world.gi(["invalidate", "1"]).ok();
    world.sandbox.revoke("1");
    migrate(&world, &[]).ok();
    assert!(identity(&world)[0].is_string());
    assert_eq!(asked(&world, "/v1/jwt/login"), 2);
    assert_eq!(asked(&world, "/v1/guests/token"), 1);
}

#[test]
fn a_token_that_webex_ended_early_is_replaced_to_ask() {
    let world = world_of(1);
    world.sandbox.revoke("1");
    migrate(&world, &[]).ok();
    assert!(identity(&world)[0].is_string());
}

#[test]
fn a_guest_stays_where_it_is_as_long_as_its_id_cannot_be_learned_unless_that_is_wanted() {
    let world = world_of(1);
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 403}));
    let failed = migrate(&world, &[]).fails(5);
    assert!(failed.stderr.contains("--skip-ids"), "{failed}");
    assert_eq!(subjects_of(&world, "acme"), ["1"]);
    assert_eq!(asked(&world, "/v1/guests/token"), 0, "nothing was minted");
    migrate(&world, &["--skip-ids"]).ok();
    let [before, after, is_same] = identity(&world);
    assert!(before.is_null() && after.is_string() && is_same.is_null());
}

#[test]
fn where_the_new_issuer_does_not_say_who_the_guest_is_webex_is_asked() {
    let world = world_of(1);
    migrate(&world, &[]).ok();
    world.gi(["issuer", "migrate", "app", "acme"]).ok();
    let moved = world.gi(["issuer", "migrate", "app", "acme", "--report"]).json();
    assert!(moved[0]["person_id_after"].is_string(), "{moved}");
    assert_eq!(moved[0]["person_id_after"], world.gi(["show", "1"]).json()["person_id"]);
}

#[test]
fn an_id_that_was_learned_late_is_kept_when_the_guest_moves_on() {
    let world = world_of(1);
    migrate(&world, &[]).ok();
    world.gi(["issuer", "migrate", "app", "acme"]).ok();
    let back =
        || world.gi(["issuer", "migrate", "app", "acme", "--report"]).json()[0]["person_id_after"].clone();
    let learned = back();
    assert!(learned.is_string());
    migrate(&world, &[]).ok();
    assert_eq!(back(), learned);
}
