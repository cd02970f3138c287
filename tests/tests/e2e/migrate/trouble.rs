//! What goes wrong, what is said of it, and the exit code.

use guestissuer_tests::World;
use serde_json::json;

use super::{failed_report, guests_of, migrate, said, world_of};

#[test]
fn an_unknown_issuer_is_three_and_one_issuer_twice_is_two() {
    let world = world_of(1);
    for names in [["nobody", "app"], ["acme", "nobody"]] {
        for dry in [&[][..], &["--dry-run"]] {
            let outcome = world.gi(["issuer", "migrate"]).args(names).args(dry).fails(3);
            assert!(outcome.stderr.contains("nobody"), "{outcome}");
        }
    }
    let outcome = world.gi(["issuer", "migrate", "acme", "acme"]).fails(2);
    assert!(outcome.stderr.starts_with("gi: "), "{outcome}");
    for args in [&["--report", "--dry-run"][..], &["--report", "--only", "x"], &["--report", "--skip-ids"]] {
        migrate(&world, args).fails(2);
    }
    world.gi(["issuer", "migrate", "acme"]).fails(2);
    assert_eq!(guests_of(&world, "acme").len(), 1);
}

#[test]
fn without_a_daemon_it_ends_and_says_so() {
    let world = World::without_daemon("6h");
    for args in [&[][..], &["--dry-run"], &["--report"]] {
        let outcome = migrate(&world, args).fails(4);
        assert!(outcome.stderr.starts_with("gi: no guestissuerd is listening"), "{outcome}");
    }
}

#[test]
fn what_webex_refuses_for_one_guest_is_told_and_the_others_are_moved() {
    let world = world_of(12);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 400, "subject": "g05"}));
    let outcome = migrate(&world, &[]).fails(5);
    let said = said(&outcome);
    assert!(said[2].starts_with("gi: g05: "), "{outcome}");
    assert_eq!(said[3], "gi: moved 11 of 12 guests from acme to app, 1 failed");
    assert!(said[4].starts_with("hint: "), "{outcome}");
    assert_eq!(guests_of(&world, "acme"), ["g05"]);
    // It works on where it is.
    world.gi(["get", "g05", "--issuer", "acme"]).ok();
    let report = failed_report(&migrate(&world, &["-o", "json"]).fails(5));
    assert_eq!(
        (&report["total"], &report["moved"], &report["left"], &report["is_complete"]),
        (&json!(1), &json!(0), &json!(1), &json!(false)),
        "{report}"
    );
    let failed = &report["failed"][0];
    assert_eq!((&failed["subject"], &failed["code"]), (&json!("g05"), &json!("issuer_rejected")));
    assert!(failed["message"].is_string());
    world.sandbox.mend();
    let outcome = migrate(&world, &[]).run();
    assert!(outcome.stderr.contains("moved 1 guest from acme to app"), "{outcome}");
}

#[test]
fn it_ends_early_when_the_new_issuer_is_refused() {
    let world = world_of(40);
    world.sandbox.app_settings(&json!({"scopes": ["guest-issuer:read"]}));
    let asked = world.sandbox.count("guests_asked");
    let outcome = migrate(&world, &[]).fails(5);
    assert!(outcome.stderr.contains("stopped, because there is no point in going on"), "{outcome}");
    assert!(world.sandbox.count("guests_asked") - asked < 30);
    // What many fail with is said once for each request that was made, and not for each guest.
    assert!(outcome.stderr.contains(" more: "), "{outcome}");
    assert!(outcome.stderr.lines().last().unwrap().starts_with("hint: "), "{outcome}");
    assert_eq!(guests_of(&world, "acme").len(), 40);
    world.gi(["get", "g00"]).ok();
    // Once that is mended, the same command does it.
    world.sandbox.app_settings(&json!({"scopes": ["guest-issuer:read", "guest-issuer:write"]}));
    world.gi(["issuer", "test", "app"]).ok();
    assert_eq!(migrate(&world, &[]).json()["is_complete"], true);
}

#[test]
fn an_old_issuer_that_works_no_more_is_left_without_asking_it() {
    let world = world_of(3);
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 401}));
    world.sandbox.fault(&json!({"path": "/v1/jwt/login", "status": 401}));
    let outcome = migrate(&world, &[]).fails(5);
    let hint = outcome.stderr.lines().last().unwrap();
    assert!(hint.starts_with("hint: ") && hint.contains("--skip-ids"), "{outcome}");
    let report = migrate(&world, &["--skip-ids"]).json();
    assert_eq!((&report["moved"], &report["is_complete"]), (&json!(3), &json!(true)), "{report}");
}

#[test]
fn what_passes_is_waited_for() {
    let world = world_of(12);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 429, "retry_after": "2", "times": 1}));
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 503, "times": 2}));
    // The time is less than Webex asks to wait, so it is gi that waits, with all its connections.
    let outcome = migrate(&world, &["--timeout", "1s"]).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stderr.contains("moved 12 guests from acme to app\n"), "{outcome}");
}

#[test]
fn a_wait_that_is_too_long_ends_it_with_the_command_that_goes_on() {
    let world = world_of(4);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "status": 429, "retry_after": "3600"}));
    let outcome = migrate(&world, &["--only", "g0*", "--skip-ids"]).fails(6);
    let hint = outcome.stderr.lines().last().unwrap();
    assert!(hint.contains("try again in 3"), "{outcome}");
    assert!(hint.ends_with("go on with: gi issuer migrate acme app --only 'g0*' --skip-ids"), "{outcome}");
    assert_eq!(guests_of(&world, "acme").len(), 4);
}
