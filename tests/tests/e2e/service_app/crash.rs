//! A daemon that is killed around a refresh loses nothing that only a person could replace.

use guestissuer_tests::World;
use serde_json::json;

/// Killed while Webex is still thinking: nothing has happened.
#[test]
fn a_daemon_that_is_killed_before_the_answer_refreshes_again() {
    for rotation in ["rotate-strict", "rotate-lenient", "same", "omit"] {
        let mut world = World::with_app(&[]);
        world.sandbox.app_settings(&json!({"rotation": rotation}));
        world.sandbox.app_does("revoke");
        world.sandbox.fault(&json!({"path": "/v1/access_token", "hang": true, "times": 1}));
        let client = world.gi(["get", "1", "--name", "A"]).spawn();
        world.sandbox.wait_for("hanging", 1);
        world.daemon.take().unwrap().kill();
        assert_eq!(guestissuer_tests::gi::finish(client).code, 4);
        world.sandbox.wait_for_at_most("in_flight", 0);
        world.start(&[]);
        world.gi(["get", "1", "--name", "A"]).ok();
    }
}

/// Killed when Webex has rotated and its answer is under way: the old refresh token still buys another.
#[test]
fn a_daemon_that_is_killed_after_the_rotation_goes_on_with_the_old_refresh_token() {
    for rotation in ["rotate-lenient", "rotate-keep", "same", "omit"] {
        let mut world = World::with_app(&[]);
        world.sandbox.app_settings(&json!({"rotation": rotation}));
        world.sandbox.app_does("revoke");
        let before = world.sandbox.count("app_refreshes");
        world.sandbox.fault(&json!({"path": "/v1/access_token", "mint": true, "hang": true, "times": 1}));
        let client = world.gi(["get", "1", "--name", "A"]).spawn();
        world.sandbox.wait_for("app_refreshes", before + 1);
        world.sandbox.wait_for("hanging", 1);
        world.daemon.take().unwrap().kill();
        assert_eq!(guestissuer_tests::gi::finish(client).code, 4);
        world.start(&[]);
        world.gi(["get", "1", "--name", "A"]).ok();
    }
}

/// Killed when the answer has arrived and before anything was done with it: it is on disk, even if the old refresh token
/// is worth nothing any more.
#[test]
fn a_daemon_that_is_killed_before_the_first_use_has_the_new_refresh_token() {
    let mut world = World::with_app(&[]);
    world.sandbox.app_settings(&json!({"rotation": "rotate-strict"}));
    for round in 0..5 {
        world.sandbox.app_does("revoke");
        let before = world.sandbox.count("guests_asked");
        // The first mint is refused; the second one, the first use of the new token, never ends.
        world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 401, "times": 1}));
        world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true, "times": 1}));
        let client = world.gi(["get", &format!("{round}"), "--name", "A"]).spawn();
        world.sandbox.wait_for("guests_asked", before + 2);
        world.daemon.take().unwrap().kill();
        assert_eq!(guestissuer_tests::gi::finish(client).code, 4);
        world.sandbox.mend();
        world.start(&[]);
        let refreshes = world.sandbox.count("app_refreshes");
        world.gi(["get", &format!("{round}"), "--name", "A"]).ok();
        assert_eq!(world.sandbox.count("app_refreshes"), refreshes, "the token on disk serves");
    }
    assert!(!world.daemon().log().contains("no longer accepts"));
}

/// Killed while credentials are tried that are to be stored: they can be given again, and what was stored still serves.
#[test]
fn a_daemon_that_is_killed_while_credentials_are_tried_leaves_all_as_it_was() {
    let mut world = World::without_daemon("6h");
    world.start(&[]);
    let hang = json!({"path": "/v1/access_token", "mint": true, "hang": true, "times": 1});
    world.sandbox.fault(&hang);
    let add = world.add_app_with("app", &world.sandbox.app_credentials, &[]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.daemon.take().unwrap().kill();
    assert_eq!(guestissuer_tests::gi::finish(add).code, 4);
    world.start(&[]);
    assert_eq!(world.gi(["issuer", "list"]).json(), json!([]));
    world.add_app("app");
    world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.app_does("issue");
    let fresh = json!({"refresh_token": world.sandbox.app()["refresh_token"]}).to_string();
    world.sandbox.fault(&hang);
    let update = world.gi(["issuer", "update", "app", "--credentials", "-"]).input(&fresh).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.daemon.take().unwrap().kill();
    assert_eq!(guestissuer_tests::gi::finish(update).code, 4);
    world.start(&[]);
    world.gi(["get", "2", "--name", "B"]).ok();
    world.gi(["issuer", "update", "app", "--credentials", "-"]).input(&fresh).ok();
    world.gi(["get", "3", "--name", "C"]).ok();
}

/// Killed at any moment of many refreshes: no person is ever needed.
#[test]
fn thirty_kills_around_refreshes_never_need_a_person() {
    let mut world = World::with_app(&[]);
    for round in 0..30_u32 {
        world.sandbox.app_does("revoke");
        let fault = match round % 5 {
            0 => json!({"mint": true, "hang": true}),
            1 => json!({"mint": true, "reset": true}),
            2 => json!({"mint": true, "truncate": true}),
            3 => json!({"hang": true}),
            _ => json!({"delay_ms": round}),
        };
        let mut rule = fault;
        rule["path"] = json!("/v1/access_token");
        rule["times"] = json!(1);
        world.sandbox.fault(&rule);
        let before = world.sandbox.count("refreshes_asked");
        let client = world.gi(["get", &format!("{round}"), "--name", "A"]).spawn();
        world.sandbox.wait_for("refreshes_asked", before + 1);
        world.daemon.take().unwrap().kill();
        let outcome = guestissuer_tests::gi::finish(client);
        assert!([0, 4].contains(&outcome.code), "{outcome}");
        world.sandbox.mend();
        world.start(&[]);
        let outcome = world.gi(["get", &format!("{round}"), "--name", "A"]).run();
        assert_eq!(outcome.code, 0, "round {round}: {outcome}");
    }
}

/// A disk that takes nothing: what Webex gave is kept until it does, and used for nothing before.
#[test]
fn an_answer_that_cannot_be_written_is_not_lost() {
    let world = World::with_app(&[]);
    world.sandbox.app_settings(&json!({"rotation": "rotate-strict"}));
    world.gi(["get", "1", "--name", "A"]).ok();
    let database = rusqlite::Connection::open(world.state_dir().join("guestissuer.db")).unwrap();
    // As a full disk would, it refuses this one change.
    database
        .execute_batch(
            "CREATE TRIGGER full BEFORE UPDATE OF sealed ON app_token BEGIN SELECT RAISE(FAIL, 'full'); END;",
        )
        .unwrap();
    world.sandbox.app_does("revoke");
    let before = world.sandbox.count("app_refreshes");
    world.gi(["get", "2", "--name", "B", "--timeout", "2s"]).fails(1);
    assert_eq!(world.sandbox.count("app_refreshes"), before + 1);
    database.execute_batch("DROP TRIGGER full;").unwrap();
    // The refresh token that it began with is dead by now. What came for it is written down, and serves.
    let served = (0..40).any(|_| world.gi(["get", "2", "--name", "B", "--timeout", "1s"]).run().code == 0);
    assert!(served, "{}", world.daemon().log());
    assert_eq!(world.sandbox.count("app_refreshes"), before + 1);
}
