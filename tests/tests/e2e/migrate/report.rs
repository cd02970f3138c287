//! `--report`.

use std::process::{Command, Stdio};

use guestissuer_tests::programs;
use guestissuer_tests::terminal::{on_a_terminal, screen};
use serde_json::json;

use super::{migrate, said, world_of};

#[test]
fn who_was_moved_is_told_with_person_ids_before_and_after() {
    let world = world_of(3);
    let before = world.gi(["whoami", "g00"]).json();
    migrate(&world, &["--only", "g00"]).ok();
    world.sandbox.app_settings(&json!({"people": "shared"}));
    migrate(&world, &["--only", "g01"]).ok();
    migrate(&world, &["--only", "g02", "--skip-ids"]).ok();
    let report = migrate(&world, &["--report"]).json();
    let after = world.gi(["show", "g00", "--issuer", "app"]).json();
    assert_eq!(
        report[0],
        json!({
            "subject": "g00",
            "display_name": "G 0",
            "from": "acme",
            "to": "app",
            "moved_at": report[0]["moved_at"],
            "person_id_before": before["person_id"],
            "person_id_after": after["person_id"],
            "person_id_is_same": false,
            "email_before": before["email"],
            "email_after": after["email"],
        })
    );
    assert!(report[0]["moved_at"].as_str().unwrap().ends_with('Z'), "{report}");
    assert_eq!(report[1]["person_id_is_same"], true, "{report}");
    assert_eq!(report[1]["person_id_before"], report[1]["person_id_after"]);
    assert_eq!(
        (&report[2]["person_id_is_same"], &report[2]["person_id_before"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(report.as_array().unwrap().len(), 3);
    let text = migrate(&world, &["--report"]).ok();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("GUEST  NAME  MOVED"), "{text}");
    assert!(lines[1].contains(before["person_id"].as_str().unwrap()), "{text}");
    for (line, word) in [(1, "changed"), (2, "same"), (3, "not known")] {
        assert!(lines[line].ends_with(word), "{text}");
    }
}

#[test]
fn a_report_outlives_the_old_issuer_and_forgets_guests_that_are_forgotten() {
    let world = world_of(2);
    migrate(&world, &[]).ok();
    world.gi(["issuer", "remove", "acme"]).ok();
    assert_eq!(migrate(&world, &["--report"]).json().as_array().unwrap().len(), 2);
    world.gi(["remove", "g00"]).ok();
    assert_eq!(migrate(&world, &["--report"]).json().as_array().unwrap().len(), 1);
    world.gi(["remove", "g01"]).ok();
    assert_eq!(migrate(&world, &["--report"]).json(), json!([]));
}

#[test]
fn an_empty_report_is_a_word_and_an_empty_array() {
    let world = world_of(1);
    let outcome = migrate(&world, &["--report"]).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{outcome}");
    assert_eq!(said(&outcome), ["no guest was moved from acme to app"]);
    assert_eq!(migrate(&world, &["--report"]).json(), json!([]));
}

#[test]
fn on_a_terminal_the_ends_of_the_ids_tell_them_apart() {
    let world = world_of(2);
    migrate(&world, &[]).ok();
    let report = migrate(&world, &["--report"]).json();
    let end = |n: usize| {
        let id = report[n]["person_id_before"].as_str().unwrap();
        id[id.len() - 12..].to_owned()
    };
    for columns in [60, 100] {
        let printed = on_a_terminal(&world, &["issuer", "migrate", "acme", "app", "--report"], columns);
        let screen = screen(&printed);
        assert_eq!(screen.len(), 3, "{screen:?}");
        assert!(screen.iter().all(|line| line.chars().count() <= usize::from(columns)), "{screen:?}");
        for n in 0..2 {
            let line =
                screen.iter().find(|line| line.contains(&end(n))).unwrap_or_else(|| panic!("{screen:?}"));
            assert!(line.starts_with("g0") && line.ends_with("changed"), "{screen:?}");
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let world = world_of(2);
    migrate(&world, &[]).ok();
    let mut gi = Command::new(programs::program("gi"))
        .args(["issuer", "migrate", "acme", "app", "--report"])
        .env_clear()
        .env("GI_SOCKET", world.socket())
        .env("HOME", world.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let head = Command::new("/usr/bin/env")
        .args(["head", "-n", "1"])
        .stdin(gi.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(gi.wait().unwrap().success());
    assert!(String::from_utf8_lossy(&head.stdout).starts_with("GUEST"));
}

#[test]
fn a_report_on_two_of_whom_nothing_is_known_is_a_slip_of_the_fingers() {
    let world = world_of(0);
    migrate(&world, &["--report"]).ok();
    let unknown = world.gi(["issuer", "migrate", "nope", "nada", "--report"]).fails(3);
    assert!(unknown.stderr.contains("no issuer is called nope"), "{unknown}");
}
