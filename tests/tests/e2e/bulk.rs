//! Many guests at once.

use std::fmt::Write as _;

use guestissuer_tests::World;
use guestissuer_tests::gi::finish;
use guestissuer_tests::terminal::{Terminal, screen};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A file of so many guests, `g0` and so on.
fn file_of(world: &World, guests: usize) -> String {
    let mut text = "subject,name,pin\n".to_owned();
    for n in 0..guests {
        writeln!(text, "g{n},\"Guest, number {n}\",").unwrap();
    }
    let path = world.path().join("guests.csv");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[track_caller]
fn each_was_minted_for_once(world: &World, guests: usize) {
    for n in 0..guests {
        assert_eq!(world.sandbox.mints_of(&format!("g{n}")), 1, "g{n}");
    }
}

#[test]
fn the_guests_of_a_file_are_added_and_minted_for_once() {
    let world = World::new();
    world.gi(["add", "g1", "Guest, number 1"]).ok();
    let file = file_of(&world, 12);
    let outcome = world.gi(["add", "--from", &file, "--pin"]).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{outcome}");
    assert_eq!(outcome.stderr, "added 12 guests: 11 minted, 1 had a token already, 0 failed\n");
    let again = world.gi(["add", "--from", &file]).json();
    assert_eq!(again, json!({"total": 12, "minted": 0, "had_token": 12, "failed": []}));
    each_was_minted_for_once(&world, 12);
    let list = world.gi(["list"]).json();
    assert_eq!(list.as_array().unwrap().len(), 12);
    assert!(list.as_array().unwrap().iter().all(|guest| guest["pinned"] == true));
    assert_eq!(list[0]["display_name"], "Guest, number 0");
}

#[test]
fn a_list_in_json_is_a_file_of_guests() {
    let world = World::new();
    world.gi(["add", "1", "Ann", "--pin"]).ok();
    world.gi(["add", "2", "日本語 \"x\""]).ok();
    world.add_issuer("other");
    let list = world.gi(["list", "-o", "json"]).ok();
    let add = world.gi(["add", "--from", "-", "--issuer", "other"]).input(&list).run();
    assert_eq!(add.code, 0, "{add}");
    assert!(add.stderr.contains("added 2 guests: 2 minted"), "{add}");
    let copied = world.gi(["list", "--issuer", "other"]).json();
    let names = |list: &Value| -> Vec<_> {
        let guests = list.as_array().unwrap().iter();
        guests.map(|guest| (guest["display_name"].clone(), guest["pinned"].clone())).collect()
    };
    assert_eq!(names(&copied), names(&serde_json::from_str(&list).unwrap()));
    // Without a word on the issuer, each guest stays with its own.
    let all = world.gi(["list", "-o", "json"]).ok();
    let add = world.gi(["add", "--from", "-"]).input(&all).json();
    assert_eq!(add["had_token"], 4, "{add}");
}

#[test]
fn nothing_is_sent_if_a_line_is_wrong() {
    let world = World::new();
    let text = "subject,name\n1,Ann\n,Bob\n3\n1,Cem\n";
    let outcome = world.gi(["add", "--from", "-"]).input(text).fails(2);
    assert_eq!(
        outcome.stderr.lines().take(4).collect::<Vec<_>>(),
        [
            "gi: line 3: the subject must not be empty",
            "gi: line 4: the name is missing",
            "gi: line 5: guest 1 has another name in line 2",
            "gi: 3 lines cannot be used; nothing was added",
        ]
    );
    let outcome = world.gi(["add", "--from", "-", "-o", "json"]).input("{\"subject\":\"1\"}\n").fails(2);
    let error: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(error["error"]["code"], "usage");
    assert_eq!(error["lines"], json!([{"line": 1, "message": "the name is missing"}]));
    let long = ",Guest\n".repeat(50);
    let outcome = world.gi(["add", "--from", "-"]).input(&long).fails(2);
    assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with("gi: line ")).count(), 20);
    world.gi(["add", "--from", "/no/such/file"]).fails(2);
    let unknown = world.gi(["add", "--from", "-", "--issuer", "nobody"]).input("1,Ann\n").fails(3);
    assert!(unknown.stderr.contains("known issuers: acme"), "{unknown}");
    assert_eq!(world.sandbox.count("requests"), 0);
    assert_eq!(world.gi(["list"]).json(), json!([]));
}

#[test]
fn more_guests_than_can_be_added_at_once_are_refused() {
    let world = World::new();
    let many = (0..=100_000).fold(String::new(), |text, n| text + &n.to_string() + ",Guest\n");
    let outcome = world.gi(["add", "--from", "-"]).input(&many).fails(2);
    assert!(outcome.stderr.contains("holds more than 100000 guests"), "{outcome}");
}

#[test]
fn what_webex_refuses_for_one_guest_is_told_and_the_others_are_added() {
    let world = World::new();
    world.sandbox.fault(&json!({"status": 400, "subject": "g5"}));
    let file = file_of(&world, 12);
    let outcome = world.gi(["add", "--from", &file]).fails(5);
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert!(lines[0].starts_with("gi: line 7: g5: "), "{outcome}");
    assert_eq!(lines[1], "gi: added 12 guests: 11 minted, 0 had a token already, 1 failed");
    let outcome = world.gi(["add", "--from", &file, "-o", "json"]).fails(5);
    let error: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!((&error["report"]["total"], &error["report"]["had_token"]), (&json!(12), &json!(11)));
    let failed = &error["report"]["failed"][0];
    assert_eq!(
        (&failed["line"], &failed["subject"], &failed["code"]),
        (&json!(7), &json!("g5"), &json!("issuer_rejected"))
    );
}

#[test]
fn a_run_ends_early_when_the_issuer_is_refused() {
    let world = World::new();
    world.sandbox.fault(&json!({"status": 401}));
    let file = file_of(&world, 200);
    let outcome = world.gi(["add", "--from", &file]).fails(5);
    assert!(outcome.stderr.contains("stopped, because there is no point in going on"), "{outcome}");
    assert!(
        world.sandbox.count("requests") < 50,
        "Webex was asked {} times",
        world.sandbox.count("requests")
    );
    assert!(!outcome.stderr.contains("g100"), "{outcome}");
    // Once that is mended, the same command does the rest.
    world.sandbox.mend();
    world.gi(["issuer", "update", "acme", "--credentials", "-"]).input(&world.sandbox.credentials).ok();
    let file = file_of(&world, 20);
    world.gi(["add", "--from", &file]).ok();
    each_was_minted_for_once(&world, 20);
}

#[test]
fn what_passes_is_waited_for() {
    let world = World::new();
    world.sandbox.fault(&json!({"status": 429, "retry_after": "2", "times": 1}));
    world.sandbox.fault(&json!({"status": 503, "times": 2}));
    let file = file_of(&world, 12);
    // The time is less than Webex asks to wait, so it is gi that waits, with all its connections.
    let outcome = world.gi(["add", "--from", &file, "--timeout", "1s"]).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(outcome.stderr, "added 12 guests: 12 minted, 0 had a token already, 0 failed\n");
    each_was_minted_for_once(&world, 12);
}

#[test]
fn an_interrupted_run_is_continued_by_the_same_command() {
    let world = World::new();
    let file = file_of(&world, 40);
    let mut first = world.gi(["add", "--from", &file]).spawn();
    world.sandbox.wait_for("mints", 12);
    first.kill().unwrap();
    finish(first);
    assert!(world.sandbox.count("mints") < 40, "it was interrupted");
    let report = world.gi(["add", "--from", &file]).json();
    assert!(report["had_token"].as_i64().unwrap() >= 10, "{report}");
    each_was_minted_for_once(&world, 40);
}

#[test]
fn a_daemon_that_is_started_anew_is_no_failure() {
    let mut world = World::new();
    let file = file_of(&world, 40);
    let run = world.gi(["add", "--from", &file]).spawn();
    world.sandbox.wait_for("mints", 12);
    world.daemon.take().unwrap().terminate();
    world.start(&[]);
    let outcome = finish(run);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stderr.starts_with("added 40 guests: "), "{outcome}");
    each_was_minted_for_once(&world, 40);
}

#[test]
fn a_daemon_that_is_killed_is_no_failure_either() {
    let mut world = World::new();
    world.gi(["add", "g0", "Guest, number 0"]).ok();
    world.sandbox.fault(&json!({"hang": true}));
    let file = file_of(&world, 20);
    let run = world.gi(["add", "--from", &file]).spawn();
    world.sandbox.wait_for("hanging", 8);
    // Killed before anything was minted: what is minted afterwards is minted once.
    world.daemon.take().unwrap().kill();
    world.sandbox.wait_for_at_most("hanging", 0);
    world.sandbox.mend();
    world.start(&[]);
    let outcome = finish(run);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(outcome.stderr, "added 20 guests: 19 minted, 1 had a token already, 0 failed\n");
    each_was_minted_for_once(&world, 20);
}

#[test]
fn without_a_daemon_it_ends_and_says_so() {
    let mut world = World::new();
    let file = file_of(&world, 20);
    world.daemon.as_ref().unwrap().signal(Signal::TERM);
    world.daemon.take().unwrap().wait();
    let outcome = world.gi(["add", "--from", &file]).fails(4);
    assert!(outcome.stderr.starts_with("gi: no guestissuerd is listening"), "{outcome}");
}

#[test]
fn a_bar_shows_how_far_it_is() {
    let world = World::new();
    let file = file_of(&world, 20);
    for columns in [40, 100] {
        world.sandbox.fault(&json!({"status": 429, "retry_after": "3", "times": 1}));
        let mut terminal = Terminal::start(&world, &["add", "--from", &file, "--issuer", "acme"], columns);
        if columns == 40 {
            terminal.wait_for("/20");
            terminal.wait_for("Webex asks to wait");
        }
        let (status, seen) = terminal.finish();
        assert!(status.success(), "{seen:?}");
        let screen = screen(&seen);
        assert!(screen.concat().starts_with("added 20 guests: "), "{screen:?}");
        assert!(!seen.contains("\u{1b}[?25"), "the cursor was hidden: {seen:?}");
    }
}
