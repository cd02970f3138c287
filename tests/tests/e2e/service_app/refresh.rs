//! The life of the app's own token.

use guestissuer_tests::gi::finish;
use guestissuer_tests::{Daemon, World};
use serde_json::{Value, json};

use super::{app, asked, with_app_life};

#[test]
fn the_own_token_is_refreshed_ahead_of_its_end_without_anybody_asking() {
    let world = with_app_life(8_000, &[]);
    world.sandbox.wait_for("app_refreshes", 3);
    let at: Vec<_> = asked(&world, "/v1/access_token").iter().map(|r| r["at_ms"].as_i64().unwrap()).collect();
    for pair in at.windows(2) {
        // Three quarters of its life, with jitter; never after its end.
        assert!((5_000..8_000).contains(&(pair[1] - pair[0])), "{at:?}");
    }
    assert_eq!(world.sandbox.count("mints"), 0);
}

#[test]
fn a_restart_keeps_the_plan_and_asks_for_nothing() {
    let mut world = World::with_app(&[]);
    let plan = app(&world)["refresh_at"].clone();
    world.kill_and_start();
    world.gi(["get", "1", "--name", "A"]).ok();
    assert_eq!(app(&world)["refresh_at"], plan);
    assert_eq!(world.sandbox.count("app_refreshes"), 1);
}

#[test]
fn every_way_of_rotation_is_lived_with() {
    for settings in [
        json!({"rotation": "rotate-strict"}),
        json!({"rotation": "rotate-lenient"}),
        json!({"rotation": "rotate-keep"}),
        json!({"rotation": "same"}),
        json!({"rotation": "omit"}),
        json!({"rotation": "omit", "refresh_token_expires_in": "omit", "expires_in": "omit"}),
        json!({"expires_in": "string", "refresh_token_expires_in": "string"}),
        json!({"access_token": "same"}),
        json!({"access_token": "same", "rotation": "same"}),
    ] {
        let mut world = World::without_daemon("6h");
        world.sandbox.app_settings(&settings);
        world.start(&[]);
        world.add_app("app");
        for round in 0..3 {
            // A refused token has the app's own token refreshed.
            world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 401, "times": 1}));
            let outcome = world.gi(["get", &format!("{round}"), "--name", "A"]).run();
            assert_eq!(outcome.code, 0, "{settings}, round {round}: {outcome}");
            world.kill_and_start();
        }
        assert_eq!(world.sandbox.count("app_refreshes"), 4, "{settings}");
    }
}

#[test]
fn a_life_that_webex_does_not_tell_again_is_not_forgotten() {
    let world = with_app_life(60_000, &[]);
    world
        .sandbox
        .app_settings(&json!({"rotation": "omit", "refresh_token_expires_in": "omit", "expires_in": "omit"}));
    let before = app(&world);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 401, "times": 1}));
    world.gi(["get", "1", "--name", "A"]).ok();
    let after = app(&world);
    assert_eq!(after["refresh_token_expires_at"], before["refresh_token_expires_at"]);
    assert!(after["access_expires_in"].as_i64().unwrap() <= 60, "{after}");
}

#[test]
fn a_hundred_guests_wait_for_one_refresh() {
    let world = with_app_life(100, &["--log-level", "debug"]);
    world.sandbox.app_settings(&json!({"access_life_ms": 600_000}));
    let before = world.sandbox.count("app_refreshes");
    world.sandbox.fault(&json!({"path": "/v1/access_token", "hang": true}));
    let clients: Vec<_> = (0..100)
        .map(|n| world.gi(["get", &format!("g{n}"), "--name", "A", "--timeout", "60s"]).spawn())
        .collect();
    world.sandbox.wait_for("hanging", 1);
    world.sandbox.mend();
    for client in clients {
        let outcome = finish(client);
        assert_eq!(outcome.code, 0, "{outcome}");
    }
    assert_eq!(world.sandbox.count("app_refreshes"), before + 1);
    assert_eq!(world.sandbox.count("mints"), 100);
}

#[test]
fn a_refused_own_token_is_replaced_once_and_at_once() {
    let world = World::with_app(&[]);
    world.sandbox.app_does("revoke");
    let clients: Vec<_> =
        (0..20).map(|n| world.gi(["get", &format!("g{n}"), "--name", "A"]).spawn()).collect();
    for client in clients {
        let outcome = finish(client);
        assert_eq!(outcome.code, 0, "{outcome}");
    }
    assert_eq!(world.sandbox.count("app_refreshes"), 2);
}

#[test]
fn an_own_token_that_is_refused_again_is_not_refreshed_again() {
    let world = World::with_app(&[]);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 401}));
    for subject in ["1", "2", "3", "1"] {
        let refused = world.gi(["get", subject, "--name", "A"]).fails(5);
        assert!(
            refused.stderr.contains("the access token") && refused.stderr.contains("authorization"),
            "{refused}"
        );
    }
    // Nor when the issuer is tried again, time after time.
    let tried_again = (0..2_000).any(|_| {
        world.gi(["get", "1"]).fails(5);
        world.sandbox.count("guests_asked") >= 3
    });
    assert!(tried_again, "{}", world.daemon().log());
    assert_eq!(world.sandbox.count("app_refreshes"), 2);
}

#[test]
fn an_update_takes_new_tokens_without_downtime() {
    let world = World::with_app(&[]);
    world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.app_does("issue");
    let mut given: Value = serde_json::from_str(&world.sandbox.app_credentials).unwrap();
    given["refresh_token"] = world.sandbox.app()["refresh_token"].clone();
    world.sandbox.fault(&json!({"path": "/v1/access_token", "hang": true}));
    let update =
        world.gi(["issuer", "update", "app", "--credentials", "-"]).input(&given.to_string()).spawn();
    world.sandbox.wait_for("hanging", 1);
    // While Webex looks at the new ones, the old ones serve: tokens at hand, and mints.
    world.gi(["get", "1"]).ok();
    world.gi(["get", "2", "--name", "B", "--timeout", "5s"]).ok();
    world.sandbox.mend();
    let outcome = finish(update);
    assert_eq!(outcome.code, 0, "{outcome}");
    // The new ones are all that is left.
    world.sandbox.app_does("revoke");
    world.gi(["get", "3", "--name", "C"]).ok();
    assert_eq!(world.gi(["list"]).json().as_array().unwrap().len(), 3);
}

#[test]
fn those_who_wait_for_a_refresh_are_not_hurt_by_an_update_that_fails() {
    let world = World::with_app(&[]);
    world.sandbox.app_does("revoke");
    world.sandbox.fault(&json!({"path": "/v1/access_token", "hang": true, "times": 1}));
    let update =
        world.gi(["issuer", "update", "app", "--credentials", "-"]).input("{\"refresh_token\":\"wrong\"}");
    let update = update.spawn();
    world.sandbox.wait_for("hanging", 1);
    let get = world.gi(["get", "1", "--name", "A"]).spawn();
    world.sandbox.wait_for("guests_asked", 1);
    world.sandbox.release();
    assert_eq!(finish(update).code, 5);
    let outcome = finish(get);
    assert_eq!(outcome.code, 0, "{outcome}");
}

#[test]
fn an_update_that_webex_refuses_changes_nothing() {
    let world = World::with_app(&[]);
    let update = world.gi(["issuer", "update", "app", "--credentials", "-"]);
    let refused = update.input("{\"refresh_token\":\"wrong\"}").fails(5);
    assert!(refused.stderr.contains("nothing was stored"), "{refused}");
    world.gi(["get", "1", "--name", "A"]).ok();
    assert_eq!(world.gi(["issuer", "show"]).json()["last_error"], Value::Null);
    // The client secret alone can be replaced; the stored refresh token shows that it is right.
    let secret = super::credentials(&world)["client_secret"].clone();
    let update = world.gi(["issuer", "update", "app", "--credentials", "-"]);
    update.input(&json!({"client_secret": secret}).to_string()).ok();
    world.sandbox.app_does("revoke");
    world.gi(["get", "2", "--name", "B"]).ok();
}

#[test]
fn a_refresh_token_near_its_end_is_warned_of_everywhere() {
    let mut world = World::without_daemon("6h");
    world.sandbox.app_settings(&json!({"refresh_life_ms": 13 * 86_400_000_u64 + 3_600_000}));
    world.start(&[]);
    world.add_app("app");
    world.daemon().wait_for_log("expires in 13d");
    for args in [&["status"][..], &["issuer", "show"], &["issuer", "list"]] {
        let outcome = world.gi(args).run();
        assert!(
            outcome.stderr.contains("expires in 13d") && outcome.stderr.contains("gi issuer update app"),
            "{args:?}: {outcome}"
        );
    }
    let doctor = world.gi(["doctor"]).run();
    assert!(doctor.stdout.contains("its refresh token expires in 13d"), "{doctor}");
    // The journal repeats it once a day, and not at every look.
    world.gi(["get", "1", "--name", "A"]).ok();
    assert_eq!(world.daemon().log().matches("expires in 13d").count(), 1);
}

#[test]
fn a_refresh_token_with_time_left_is_not_warned_of() {
    let world = World::with_app(&[]);
    let outcome = world.gi(["status"]).run();
    assert_eq!(outcome.stderr, "");
    let (_, log) = { world }.daemon.take().map(Daemon::terminate).unwrap();
    assert!(!log.contains("WARN"), "{log}");
}
