//! What a person sees who waits.

use std::os::unix::process::ExitStatusExt as _;

use guestissuer_tests::terminal::{Terminal, screen};
use serde_json::json;

use super::world_of;

const MIGRATE: [&str; 4] = ["issuer", "migrate", "acme", "app"];

#[test]
fn a_bar_shows_how_far_it_is_and_leaves_nothing_behind() {
    for columns in [60, 100] {
        let world = world_of(20);
        world.sandbox.fault(&json!({
            "path": "/v1/guests/token", "status": 429, "retry_after": "3", "times": 1,
        }));
        let mut terminal = Terminal::start(&world, &MIGRATE, columns);
        terminal.wait_for("/20");
        terminal.wait_for("Webex asks to wait");
        let (status, seen) = terminal.finish();
        assert!(status.success(), "{seen:?}");
        let screen = screen(&seen);
        assert!(screen[0].starts_with("moving 20 guests from acme "), "{screen:?}");
        assert_eq!(screen[2], "moved 20 guests from acme to app", "{screen:?}");
        assert_eq!(screen.len(), 6, "{screen:?}");
        assert!(!seen.contains("\u{1b}[?25"), "the cursor was hidden: {seen:?}");
    }
}

#[test]
fn an_interrupted_run_ends_as_shells_expect() {
    let world = world_of(20);
    world.sandbox.fault(&json!({"path": "/v1/guests/token", "hang": true}));
    let mut terminal = Terminal::start(&world, &MIGRATE, 80);
    terminal.wait_for("/20");
    terminal.type_in("\u{3}");
    let (status, seen) = terminal.finish();
    assert_eq!(status.signal(), Some(2), "{seen:?}");
    assert!(!seen.contains("\u{1b}[?25"), "{seen:?}");
}

#[test]
fn nobody_is_told_who_does_not_watch() {
    let world = world_of(3);
    let quiet = world.gi(MIGRATE).args(["-q"]).run();
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""), "{quiet}");
    let (status, seen) = Terminal::start(&world, &[&MIGRATE[..], &["-o", "json"]].concat(), 80).finish();
    assert!(status.success() && seen.starts_with('{') && !seen.contains('\u{1b}'), "{seen:?}");
}
