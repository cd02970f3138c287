//! Where a guest is found that was moved.

use std::io::{BufRead as _, BufReader};

use serde_json::json;

use super::{issuer_of, migrate, report, subjects_of, world_of};

#[test]
fn a_guest_that_was_moved_is_found_by_every_command_in_the_old_issuer_s_name() {
    let world = world_of(2);
    migrate(&world, &["--only", "1"]).ok();
    let of_app = world.gi(["get", "1", "-i", "app"]).ok();
    // acme is still the default issuer.
    assert_eq!(world.gi(["get", "1"]).ok(), of_app);
    assert_eq!(world.gi(["get", "1", "-i", "acme"]).ok(), of_app);
    assert_eq!(world.gi(["show", "1"]).json()["issuer"], "app");
    assert_eq!(world.gi(["whoami", "1"]).json()["display_name"], "Guest 1");
    world.gi(["pin", "1"]).ok();
    world.gi(["rename", "1", "Ann"]).ok();
    world.sandbox.wait_for("mints", 4);
    let shown = world.gi(["show", "1", "-i", "app"]).json();
    assert_eq!((&shown["pinned"], &shown["display_name"]), (&json!(true), &json!("Ann")));
    let renamed = world.gi(["get", "1", "--name", "Bob", "-i", "acme"]).json();
    assert_eq!((&renamed["issuer"], &renamed["display_name"]), (&json!("app"), &json!("Bob")));
    let token = renamed["access_token"].as_str().unwrap();
    assert_eq!(world.gi(["invalidate", "1", "--token", "-"]).input(token).json()["invalidated"], true);
    world.gi(["add", "1", "Bob"]).ok();
    assert_eq!(subjects_of(&world, "acme"), ["2"]);
    assert_eq!(subjects_of(&world, "app"), ["1"]);
    // What was not moved is where it was.
    assert_eq!(issuer_of(&world, "2", "acme"), "acme");
    assert_eq!(world.gi(["get", "3", "--name", "C"]).json()["issuer"], "acme");
    world.gi(["remove", "1"]).ok();
    let unknown = world.gi(["get", "1"]).fails(3);
    assert!(unknown.stderr.contains("no guest 1 is known for issuer acme"), "{unknown}");
    assert!(report(&world).is_empty(), "a guest that was forgotten is in no report");
}

#[test]
fn once_all_are_moved_the_new_issuer_is_meant_by_the_old_one_s_name() {
    let world = world_of(2);
    migrate(&world, &[]).ok();
    assert_eq!(world.gi(["get", "1"]).json()["issuer"], "app", "it is the default issuer now");
    assert_eq!(issuer_of(&world, "1", "acme"), "app");
    assert_eq!(world.gi(["get", "9", "--name", "I", "-i", "acme"]).json()["issuer"], "app");
    world.gi(["add", "8", "H", "-i", "acme"]).ok();
    assert_eq!(subjects_of(&world, "app"), ["1", "2", "8", "9"]);
    assert_eq!(world.gi(["list", "-i", "acme"]).ok(), world.gi(["list", "-i", "app"]).ok());
    // What the issuer itself is asked for is still its own.
    world.gi(["issuer", "test", "acme"]).ok();
    assert_eq!(world.gi(["issuer", "show", "acme"]).json()["guests"], 0);
    let unknown = world.gi(["get", "7", "-i", "acme"]).fails(3);
    assert!(unknown.stderr.contains("known for issuer app"), "{unknown}");
    world.gi(["issuer", "remove", "acme"]).ok();
    assert_eq!(report(&world).len(), 2);
    world.gi(["get", "1", "-i", "acme"]).fails(3);
    world.gi(["get", "1"]).ok();
}

#[test]
fn the_doctor_does_not_care_whether_an_issuer_works_that_was_replaced() {
    let world = world_of(1);
    migrate(&world, &[]).ok();
    world.sandbox.fault(&json!({"path": "/v1/jwt/login", "status": 401}));
    world.gi(["issuer", "test", "acme"]).fails(5);
    let found = world.gi(["doctor"]).ok();
    assert!(found.contains("acme: app has taken its place"), "{found}");
    assert!(found.contains("acme: not tested, app is in its place"), "{found}");
}

#[test]
fn a_new_issuer_that_is_forgotten_leaves_the_old_one_in_its_own_place() {
    let world = world_of(1);
    migrate(&world, &[]).ok();
    world.gi(["issuer", "remove", "app", "--force"]).ok();
    world.gi(["get", "1", "-i", "acme"]).fails(3);
    assert_eq!(world.gi(["get", "1", "--name", "A"]).json()["issuer"], "acme");
}

#[test]
fn who_watches_gets_the_new_issuer_s_token_when_the_guest_is_moved() {
    let world = world_of(1);
    let before = world.gi(["get", "1"]).ok();
    let mut watch = world.gi(["watch", "1", "-o", "json"]).spawn();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap()).unwrap();
    assert_eq!(next()["access_token"], before);
    migrate(&world, &[]).ok();
    let token = next();
    assert_eq!(token["issuer"], "app");
    assert_eq!(token["access_token"], world.gi(["get", "1"]).ok());
    // It goes on from there.
    world.gi(["invalidate", "1"]).ok();
    assert_eq!(next()["access_token"], world.gi(["get", "1"]).ok());
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn guests_can_go_back_and_are_found_there() {
    let world = world_of(2);
    let backwards = world.gi(["issuer", "migrate", "app", "acme"]).fails(2);
    assert!(backwards.stderr.contains("gi issuer migrate acme app"), "{backwards}");
    migrate(&world, &[]).ok();
    world.gi(["add", "3", "C"]).ok();
    world.gi(["issuer", "migrate", "app", "acme", "--only", "1"]).ok();
    assert_eq!(issuer_of(&world, "1", "app"), "acme");
    assert_eq!(issuer_of(&world, "2", "acme"), "app");
    world.gi(["issuer", "migrate", "app", "acme"]).ok();
    assert_eq!(subjects_of(&world, "acme"), ["1", "2", "3"]);
    assert_eq!(world.gi(["get", "4", "--name", "D", "-i", "app"]).json()["issuer"], "acme");
    assert_eq!(issuer_of(&world, "3", "app"), "acme");
    // And once more.
    migrate(&world, &[]).ok();
    assert_eq!(subjects_of(&world, "app"), ["1", "2", "3", "4"]);
    assert_eq!(issuer_of(&world, "1", "acme"), "app");
}

#[test]
fn moved_guests_are_kept_warm_by_the_new_issuer() {
    let world = world_of(1);
    world.gi(["pin", "1"]).ok();
    world.sandbox.app_settings(&json!({"guest_life_ms": 8_000}));
    migrate(&world, &[]).ok();
    let logins = super::asked(&world, "/v1/jwt/login");
    let moved = super::asked(&world, "/v1/guests/token") as u64;
    world.sandbox.wait_for("guests_asked", moved + 2);
    assert_eq!(super::asked(&world, "/v1/jwt/login"), logins);
}

#[test]
fn a_guest_that_came_back_is_not_taken_for_another_of_its_subject() {
    let world = world_of(1);
    world.add_issuer("beta");
    world.gi(["get", "1", "--name", "Beta", "-i", "beta"]).ok();
    migrate(&world, &["--only", "1"]).ok();
    world.gi(["issuer", "migrate", "app", "acme", "--only", "1"]).ok();
    world.gi(["issuer", "migrate", "beta", "app", "--only", "1"]).ok();
    let mut watch = world.gi(["watch", "1", "-i", "app", "-o", "json"]).spawn();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    for _ in 0..2 {
        let told: serde_json::Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        assert_eq!((&told["issuer"], &told["display_name"]), (&json!("app"), &json!("Beta")));
        world.gi(["invalidate", "1", "-i", "app"]).ok();
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn an_issuer_that_was_replaced_does_not_become_the_default_one() {
    let world = world_of(1);
    migrate(&world, &[]).ok();
    let refused = world.gi(["issuer", "default", "acme"]).fails(2);
    assert!(refused.stderr.contains("app has taken the place of acme"), "{refused}");
    world.add_issuer("last");
    let moved = world.gi(["issuer", "migrate", "app", "last"]).fails(2);
    assert!(moved.stderr.contains("none of its guests before"), "{moved}");
}

#[test]
fn a_watch_that_waits_for_an_issuer_that_is_down_is_served_once_the_guest_is_moved() {
    let world = world_of(1);
    world.sandbox.fault(&json!({"path": "/v1/jwt/login", "status": 503}));
    let mut watch = world.gi(["watch", "1", "-o", "json"]).spawn();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap()).unwrap();
    assert_eq!(next()["issuer"], "acme");
    let logins = super::asked(&world, "/v1/jwt/login") as u64;
    world.gi(["invalidate", "1"]).ok();
    while super::asked(&world, "/v1/jwt/login") as u64 == logins {}
    migrate(&world, &["--skip-ids"]).ok();
    assert_eq!(next()["issuer"], "app");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn an_issuer_none_of_whose_guests_was_moved_keeps_its_place() {
    let world = world_of(1);
    world.add_issuer("beta");
    let nothing = world.gi(["issuer", "migrate", "beta", "acme"]).run();
    assert_eq!((nothing.code, nothing.stderr.trim_end()), (0, "no guests to move from beta to acme"));
    world.gi(["issuer", "migrate", "beta", "acme", "--only", "zzz*"]).ok();
    assert_eq!(world.gi(["get", "9", "--name", "N", "-i", "beta"]).json()["issuer"], "beta");
}

#[test]
fn the_way_back_is_open_after_several_moves_and_a_place_is_taken_once() {
    let world = world_of(1);
    world.add_issuer("beta");
    world.gi(["issuer", "migrate", "acme", "beta"]).ok();
    let refused = migrate(&world, &[]).fails(2);
    assert!(refused.stderr.contains("beta has taken the place of acme"), "{refused}");
    assert!(refused.stderr.contains("gi issuer migrate beta app"), "{refused}");
    world.gi(["issuer", "migrate", "beta", "app"]).ok();
    assert_eq!(issuer_of(&world, "1", "acme"), "app");
    world.gi(["issuer", "migrate", "app", "acme"]).ok();
    assert_eq!(issuer_of(&world, "1", "beta"), "acme");
    assert_eq!(world.gi(["issuer", "show", "acme"]).json()["moved_to"], json!(null), "it came back");
}
