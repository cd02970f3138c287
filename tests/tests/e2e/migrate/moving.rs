//! Moving guests when all goes well, and going on where it did not.

use guestissuer_tests::World;
use guestissuer_tests::gi::finish;
use serde_json::json;

use super::{guests_of, migrate, said, world_of};

#[test]
fn all_guests_are_moved_and_what_is_next_is_said() {
    let world = world_of(12);
    let outcome = migrate(&world, &[]).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{outcome}");
    let said = said(&outcome);
    assert!(
        said[0].starts_with("moving 12 guests from acme (guest-issuer) to app (service-app)"),
        "{outcome}"
    );
    assert_eq!(
        said[1..],
        [
            "Webex is asked for 12 person ids that are not known",
            "moved 12 guests from acme to app",
            "person ids: 12 have changed; see: gi issuer migrate acme app --report",
            "app serves where no issuer is named, as acme did",
            "what names acme goes to app; once nothing names acme any more: gi issuer remove acme",
        ]
    );
    assert_eq!(guests_of(&world, "app").len(), 12);
    assert_eq!(world.gi(["get", "g00"]).json()["issuer"], "app");
    assert_eq!(world.gi(["get", "g00", "--issuer", "acme"]).json()["issuer"], "app");
    // Each guest had one token of the old issuer, and has one of the new one.
    assert!((0..12).all(|n| world.sandbox.mints_of(&format!("g{n:02}")) == 2));
    world.gi(["issuer", "remove", "acme"]).ok();
    world.gi(["get", "g00"]).ok();
}

#[test]
fn programs_learn_all_of_it() {
    let world = world_of(3);
    world.sandbox.app_settings(&json!({"people": "shared"}));
    let report = migrate(&world, &[]).json();
    assert_eq!(
        report,
        json!({
            "from": "acme",
            "to": "app",
            "total": 3,
            "moved": 3,
            "failed": [],
            "person_ids": {"same": 3, "changed": 0, "unknown": 0},
            "left": 0,
            "is_complete": true,
            "became_default": true,
        })
    );
}

#[test]
fn a_few_are_moved_first_and_the_others_later() {
    let world = world_of(5);
    world.gi(["rename", "g04", "Kiosk"]).ok();
    let first = migrate(&world, &["--only", "Kiosk*"]).run();
    assert_eq!(first.code, 0, "{first}");
    assert!(first.stderr.contains("moved 1 guest from acme to app\n"), "{first}");
    assert!(first.stderr.contains("person ids: 1 has changed; see"), "{first}");
    assert!(first.stderr.ends_with("\n4 guests are left at acme\n"), "{first}");
    assert_eq!(guests_of(&world, "app"), ["g04"]);
    assert_eq!(world.gi(["issuer", "show"]).json()["name"], "acme");
    let none = migrate(&world, &["--only", "nobody"]).run();
    assert_eq!(none.code, 0, "{none}");
    assert_eq!(said(&none), ["no guest of acme to move matches \"nobody\"", "4 guests are left at acme"]);
    let rest = migrate(&world, &[]).json();
    assert_eq!((&rest["moved"], &rest["is_complete"]), (&json!(4), &json!(true)), "{rest}");
    assert_eq!(guests_of(&world, "acme"), [""; 0]);
}

#[test]
fn moving_what_was_moved_is_success() {
    let world = world_of(2);
    migrate(&world, &[]).ok();
    let minted = world.sandbox.count("mints");
    let again = migrate(&world, &[]).run();
    assert_eq!(again.code, 0, "{again}");
    assert_eq!(
        said(&again),
        [
            "no guests to move from acme to app",
            "what names acme goes to app; once nothing names acme any more: gi issuer remove acme",
        ]
    );
    assert_eq!(migrate(&world, &[]).json()["total"], 0);
    assert_eq!(world.sandbox.count("mints"), minted);
    assert_eq!(guests_of(&world, "app").len(), 2);
}

#[test]
fn person_ids_that_are_not_asked_for_are_not_known() {
    let world = world_of(3);
    world.gi(["whoami", "g00"]).ok();
    let people = |world: &World| {
        world.sandbox.requests(0).iter().filter(|request| request["path"] == "/v1/people/me").count()
    };
    let asked = people(&world);
    let report = migrate(&world, &["--skip-ids"]).json();
    assert_eq!(report["person_ids"], json!({"same": 0, "changed": 1, "unknown": 2}), "{report}");
    assert_eq!(people(&world), asked);
}

#[test]
fn an_interrupted_run_is_continued_by_the_same_command() {
    let world = world_of(40);
    let minted = world.sandbox.count("mints");
    let run = migrate(&world, &[]).spawn();
    world.sandbox.wait_for("mints", minted + 12);
    let pid = rustix::process::Pid::from_raw(i32::try_from(run.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(finish(run).code, -1, "it ended by the signal");
    assert!(world.sandbox.count("mints") < minted + 40, "it was interrupted");
    let rest = migrate(&world, &[]).json();
    assert_eq!(rest["is_complete"], true, "{rest}");
    assert!(rest["moved"].as_u64().unwrap() < 40, "{rest}");
    assert_eq!(migrate(&world, &["--report"]).json().as_array().unwrap().len(), 40);
    // Nothing that was begun was done twice.
    assert_eq!(world.sandbox.count("mints"), minted + 40);
}

#[test]
fn a_guest_that_is_registered_meanwhile_is_moved_too() {
    let world = world_of(2);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true, "subject": "g00"}));
    let run = migrate(&world, &["-o", "json"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.gi(["add", "late", "L", "--issuer", "acme"]).ok();
    world.sandbox.mend();
    let outcome = finish(run);
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["moved"], &report["is_complete"]), (&json!(3), &json!(true)), "{outcome}");
}

#[test]
fn a_guest_that_is_removed_meanwhile_is_neither_moved_nor_failed() {
    let world = world_of(2);
    world.sandbox.fault(&json!({"path": "/v1/people/me", "hang": true, "subject": "g00"}));
    let run = migrate(&world, &["-o", "json"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.gi(["remove", "g00", "--issuer", "acme"]).ok();
    world.sandbox.mend();
    let outcome = finish(run);
    let report: serde_json::Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome}"));
    assert_eq!((&report["total"], &report["moved"]), (&json!(1), &json!(1)), "{outcome}");
    assert_eq!(report["is_complete"], true);
}

#[test]
fn a_daemon_that_is_started_anew_is_no_failure() {
    let mut world = world_of(40);
    let minted = world.sandbox.count("mints");
    let run = migrate(&world, &[]).spawn();
    world.sandbox.wait_for("mints", minted + 12);
    world.daemon.take().unwrap().terminate();
    world.start(&[]);
    let outcome = finish(run);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stderr.contains("moved 40 guests from acme to app\n"), "{outcome}");
    assert_eq!(world.sandbox.count("mints"), minted + 40);
}
