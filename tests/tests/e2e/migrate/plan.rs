//! `--dry-run`.

use serde_json::json;

use super::{migrate, world_of};

#[test]
fn a_plan_says_what_would_be_done_and_does_nothing() {
    let world = world_of(3);
    let asked_before = world.sandbox.count("requests");
    let outcome = migrate(&world, &["--dry-run"]).run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome}");
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "from        acme (guest-issuer)",
            "to          app (service-app)",
            "guests      3",
            "tokens      3 to be minted by app",
            "person ids  0 known, 3 to be asked for",
            "default     app will serve where no issuer is named, as acme does now",
        ]
    );
    assert_eq!(world.sandbox.count("requests"), asked_before);
    let list = world.gi(["list"]).json();
    assert!(list.as_array().unwrap().iter().all(|guest| guest["issuer"] == "acme"), "{list}");
}

#[test]
fn a_plan_for_programs_has_keys_that_stay() {
    let world = world_of(3);
    let plan = migrate(&world, &["--dry-run"]).json();
    assert_eq!(
        plan,
        json!({
            "from": "acme",
            "from_kind": "guest-issuer",
            "from_is_default": true,
            "to": "app",
            "to_kind": "service-app",
            "guests": 3,
            "others": 0,
            "moved_before": 0,
            "in_both": 0,
            "mints": 3,
            "person_ids": {"known": 0, "asked_for": 3, "mints": 0},
            "requests_per_second": 10,
            "at_least": plan["at_least"],
        })
    );
    assert!(plan["at_least"].is_u64(), "{plan}");
}

#[test]
fn a_plan_counts_what_is_known_what_is_left_out_and_what_is_there_already() {
    let world = world_of(4);
    world.gi(["whoami", "g00"]).ok();
    world.gi(["get", "g01", "--issuer", "app", "--name", "B"]).ok();
    let outcome = migrate(&world, &["--dry-run", "--only", "g0[0-2]"]).ok();
    assert!(outcome.contains("guests      3, of which 1 is a guest of app already"), "{outcome}");
    assert!(outcome.contains("others      1 that \"g0[0-2]\" does not match"), "{outcome}");
    assert!(outcome.contains("person ids  1 known, 2 to be asked for"), "{outcome}");
    assert!(!outcome.contains("default"), "{outcome}");
    let skipping = migrate(&world, &["--dry-run", "--skip-ids"]).ok();
    assert!(skipping.contains("person ids  1 known, 3 not known and not asked for"), "{skipping}");
    migrate(&world, &["--only", "g03"]).ok();
    let plan = migrate(&world, &["--dry-run"]).json();
    assert_eq!((&plan["guests"], &plan["moved_before"]), (&json!(3), &json!(1)), "{plan}");
}

#[test]
fn a_plan_says_how_long_it_takes_within_the_limits() {
    let world = world_of(33);
    // Ten requests at once after a quiet second, and ten a second from then on.
    let plan = migrate(&world, &["--dry-run"]).json();
    assert_eq!((&plan["requests_per_second"], &plan["at_least"]), (&json!(10), &json!(2)));
    let text = migrate(&world, &["--dry-run"]).ok();
    assert!(text.contains("at least 2s, at 10 requests a second for each issuer"), "{text}");
}
