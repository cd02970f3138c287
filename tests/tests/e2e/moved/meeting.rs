//! What else goes on while a guest is moved.

use guestissuer_tests::gi::finish;
use serde_json::json;

use super::{asked, issuer_of, migrate, report, subjects_of, world_of};

#[test]
fn the_old_token_is_served_until_the_new_one_is_there() {
    let world = world_of(1);
    let old = world.gi(["get", "1"]).ok();
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true, "times": 1}));
    let run = migrate(&world, &[]).spawn();
    world.sandbox.wait_for("hanging", 1);
    assert_eq!(world.gi(["get", "1"]).ok(), old);
    assert_eq!(subjects_of(&world, "acme"), ["1"]);
    world.sandbox.release();
    let done = finish(run);
    assert_eq!(done.code, 0, "{done}");
    assert_ne!(world.gi(["get", "1"]).ok(), old);
    assert_eq!(asked(&world, "/v1/guests/token"), 1);
}

#[test]
fn a_mint_of_the_old_issuer_that_lands_late_changes_nothing() {
    let world = world_of(1);
    world.gi(["whoami", "1"]).ok();
    world.sandbox.fault(&json!({"path": "/v1/jwt/login", "hang": true, "times": 1}));
    let late = world.gi(["get", "1", "--force", "-o", "json"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    migrate(&world, &[]).ok();
    world.sandbox.release();
    let late = finish(late);
    assert_eq!(late.code, 0, "{late}");
    // A new token was wanted, and it is the new issuer's.
    let late: serde_json::Value = serde_json::from_str(&late.stdout).unwrap();
    assert_eq!(late["issuer"], "app");
    assert_eq!(world.gi(["get", "1"]).json()["access_token"], late["access_token"]);
    assert!(subjects_of(&world, "acme").is_empty());
    assert_eq!(asked(&world, "/v1/jwt/login"), 2);
    let moved = world.gi(["show", "1"]).json();
    assert_eq!(moved["email"].as_str().unwrap().split('@').nth(1), Some("appid.ciscospark.com"));
}

#[test]
fn who_wants_the_guest_at_the_new_issuer_while_it_is_on_its_way_there_gets_a_token() {
    let world = world_of(1);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true, "times": 1}));
    let run = migrate(&world, &[]).spawn();
    world.sandbox.wait_for("hanging", 1);
    let early = world.gi(["get", "1", "--name", "Guest 1", "-i", "app"]).spawn();
    // It is registered there, and waits for the mint that is under way.
    let is_there = || !world.gi(["list", "-i", "app"]).json().as_array().unwrap().is_empty();
    while !is_there() {}
    world.sandbox.release();
    let early = finish(early);
    assert_eq!(early.code, 0, "{early}");
    let run = finish(run);
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(subjects_of(&world, "app"), ["1"]);
    assert!(subjects_of(&world, "acme").is_empty());
    assert_eq!(world.gi(["get", "1"]).ok(), early.stdout.trim_end());
}

#[test]
fn a_guest_that_is_renamed_meanwhile_is_told_to_webex_under_its_new_name() {
    let world = world_of(1);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "mint": true, "hang": true, "times": 1}));
    let run = migrate(&world, &[]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.gi(["rename", "1", "Zoe"]).ok();
    world.sandbox.release();
    assert_eq!(finish(run).code, 0);
    world.sandbox.wait_for("guests_asked", 2);
    let who = world.gi(["whoami", "1"]).json();
    assert_eq!(who["display_name"], "Zoe");
    assert_eq!(world.gi(["show", "1"]).json()["display_name"], "Zoe");
}

#[test]
fn a_new_issuer_that_is_removed_meanwhile_is_said_to_be() {
    let world = world_of(1);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true, "times": 1}));
    let run = migrate(&world, &[]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.gi(["issuer", "remove", "app"]).ok();
    world.sandbox.release();
    let failed = finish(run);
    assert_eq!(failed.code, 3, "{failed}");
    assert!(failed.stderr.contains("issuer app was removed meanwhile"), "{failed}");
    assert_eq!(subjects_of(&world, "acme"), ["1"]);
    assert!(!world.daemon().log().contains("the database failed"));
}

#[test]
fn an_issuer_that_a_guest_comes_to_is_replaced_by_nobody() {
    let world = world_of(1);
    world.add_issuer("other");
    world.gi(["get", "2", "--name", "B", "-i", "other"]).ok();
    world.sandbox.fault(&json!({"path": "/v1/jwt/login", "hang": true, "times": 1}));
    let run = world.gi(["issuer", "migrate", "acme", "other", "--skip-ids"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    // It is given up while a guest is on its way to it.
    let replaced = world.gi(["issuer", "migrate", "other", "app", "--skip-ids"]).run();
    assert!(replaced.stderr.contains("what names other goes to app"), "{replaced}");
    world.sandbox.release();
    let done = finish(run);
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(issuer_of(&world, "1", "other"), "other");
    assert_eq!(issuer_of(&world, "1", "acme"), "other");
    assert_eq!(issuer_of(&world, "2", "other"), "app");
    assert_eq!(world.gi(["get", "3", "--name", "C", "-i", "other"]).json()["issuer"], "other");
}

#[test]
fn two_who_move_the_same_guests_mint_once_for_each() {
    let world = world_of(20);
    let runs: Vec<_> = (0..3).map(|_| migrate(&world, &["-o", "json"]).spawn()).collect();
    for run in runs {
        let done = finish(run);
        assert_eq!(done.code, 0, "{done}");
    }
    assert_eq!(asked(&world, "/v1/guests/token"), 20);
    assert_eq!(report(&world).len(), 20);
}

#[test]
fn nobody_who_asks_for_a_token_meanwhile_is_refused() {
    let world = world_of(24);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "delay_ms": 200}));
    let mut run = migrate(&world, &[]).spawn();
    let mut found = std::collections::BTreeSet::new();
    while run.try_wait().unwrap().is_none() {
        for guest in 1..=24 {
            let guest = guest.to_string();
            let token = world.gi(["get", &guest]).json();
            found.insert(token["issuer"].as_str().unwrap().to_owned());
            world.gi(["get", &guest, "-i", "acme", "--name", &format!("Guest {guest}")]).ok();
        }
    }
    assert_eq!(Vec::from_iter(found), ["acme", "app"]);
    assert_eq!(finish(run).code, 0);
    assert_eq!(subjects_of(&world, "app").len(), 24);
    assert!(subjects_of(&world, "acme").is_empty());
}

#[test]
fn a_guest_that_both_issuers_have_becomes_one() {
    let world = world_of(2);
    world.gi(["pin", "1"]).ok();
    let native = world.gi(["get", "1", "--name", "Guest 1", "-i", "app"]).ok();
    world.gi(["get", "2", "--name", "Another", "-i", "app"]).ok();
    let plan = migrate(&world, &["--dry-run"]).json();
    assert_eq!((&plan["guests"], &plan["in_both"], &plan["mints"]), (&json!(2), &json!(2), &json!(0)));
    migrate(&world, &[]).ok();
    assert_eq!(world.gi(["get", "1"]).ok(), native, "its token is as good as a new one");
    let shown = world.gi(["show", "1"]).json();
    assert_eq!(shown["pinned"], true);
    // As the new issuer knows it already.
    assert_eq!(world.gi(["whoami", "2"]).json()["display_name"], "Another");
    assert_eq!(asked(&world, "/v1/guests/token"), 2);
    let report = report(&world);
    assert!(report.iter().all(|moved| moved["person_id_before"].is_string()), "{report:?}");
    assert!(report.iter().all(|moved| moved["person_id_after"].is_string()), "{report:?}");
    assert_eq!(issuer_of(&world, "2", "acme"), "app");
}

#[test]
fn no_token_is_in_the_log() {
    let world = world_of(2);
    let old = world.gi(["get", "1"]).ok();
    migrate(&world, &["-v"]).ok();
    let new = world.gi(["get", "1"]).ok();
    let log = world.daemon().log();
    assert!(log.contains("moved a guest"), "{log}");
    assert!(!log.contains(old.trim()) && !log.contains(new.trim()));
}

#[test]
fn a_guest_goes_to_one_issuer_though_two_want_it() {
    let world = world_of(30);
    world.add_issuer("beta");
    world.sandbox.fault(&json!({"delay_ms": 20}));
    let to_app = migrate(&world, &["--skip-ids", "-o", "json"]).spawn();
    let to_beta = world.gi(["issuer", "migrate", "acme", "beta", "--skip-ids", "-o", "json"]).spawn();
    let (to_app, to_beta) = (finish(to_app), finish(to_beta));
    // Whichever ends last finds that the other has taken the place, if that was first.
    let moved = |run: &guestissuer_tests::gi::Outcome| {
        let said = if run.code == 0 { &run.stdout } else { &run.stderr };
        let said: serde_json::Value = serde_json::from_str(said).unwrap();
        let said = if run.code == 0 { said } else { said["report"].clone() };
        said["moved"].as_u64().unwrap()
    };
    let (app, beta) = (subjects_of(&world, "app").len() as u64, subjects_of(&world, "beta").len() as u64);
    assert_eq!((app + beta, moved(&to_app), moved(&to_beta)), (30, app, beta), "{to_app} {to_beta}");
    assert_eq!(asked(&world, "/v1/guests/token") + asked(&world, "/v1/jwt/login"), 60);
}
