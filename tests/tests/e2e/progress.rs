//! What is shown to a person who waits.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt as _;

use guestissuer_tests::World;
use guestissuer_tests::terminal::{Terminal, on_a_terminal, screen};
use serde_json::json;

#[test]
fn what_takes_long_is_named_and_leaves_nothing_behind() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let mut terminal = Terminal::start(&world, &["get", "1", "--name", "A"], 80);
    terminal.wait_for("minting…");
    world.sandbox.mend();
    let (status, seen) = terminal.finish();
    assert!(status.success(), "{seen:?}");
    assert_eq!(screen(&seen), [world.gi(["get", "1"]).ok()], "{seen:?}");
    assert!(!seen.contains("\u{1b}[?25"), "the cursor was hidden: {seen:?}");
}

#[test]
fn a_failure_takes_the_place_of_what_was_waited_for() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let (status, seen) = Terminal::start(&world, &["add", "1", "A", "--timeout", "2s"], 40).finish();
    assert_eq!(status.code(), Some(6), "{seen:?}");
    assert!(seen.contains("minting…"), "{seen:?}");
    let screen = screen(&seen);
    assert!(screen[0].starts_with("gi: 1 is registered but has no token yet"), "{screen:?}");
    assert!(screen[1].starts_with("hint: "), "{screen:?}");
    assert_eq!(screen.len(), 2, "{screen:?}");
}

#[test]
fn what_is_fast_is_not_talked_about() {
    let world = World::new();
    // On a machine that is busy, what is fast may take half a second now and then.
    let is_silent = || on_a_terminal(&world, &["status"], 80).starts_with("daemon");
    assert!((0..5).any(|_| is_silent()));
}

#[test]
fn nobody_is_told_who_does_not_watch() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let get = ["get", "1", "--name", "A", "--timeout", "2s"];
    let outcome = world.gi(get).fails(6);
    assert!(outcome.stderr.starts_with("gi: "), "{outcome}");
    for silent in [&["-q"][..], &["-o", "json"]] {
        let args = [&get[..], silent].concat();
        let (status, seen) = Terminal::start(&world, &args, 80).finish();
        assert_eq!(status.code(), Some(6));
        assert!(!seen.contains("minting") && !seen.contains('\u{1b}'), "{seen:?}");
    }
}

#[test]
fn an_interrupted_wait_ends_as_shells_expect_and_hides_no_cursor() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let mut terminal = Terminal::start(&world, &["get", "1", "--name", "A"], 80);
    terminal.wait_for("minting…");
    terminal.type_in("\u{3}");
    let (status, seen) = terminal.finish();
    assert_eq!(status.signal(), Some(2), "{seen:?}");
    assert!(!seen.contains("\u{1b}[?25"), "{seen:?}");
}

#[test]
fn a_daemon_that_is_slow_to_start_is_named() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    // Somebody else has the turn to start one.
    let lock = world.state_dir().join("autostart.lock");
    let lock = OpenOptions::new().create(true).append(true).open(lock).unwrap();
    lock.lock().unwrap();
    let mut terminal = Terminal::start(&world, &["list"], 80);
    terminal.wait_for("starting guestissuerd…");
    drop(lock);
    let (status, seen) = terminal.finish();
    World::stop(&world.socket(), &world.state_dir());
    assert!(status.success(), "{seen:?}");
    assert_eq!(screen(&seen), ["no guests"], "{seen:?}");
}
