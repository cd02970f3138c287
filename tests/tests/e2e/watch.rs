//! `gi watch`, `gi wait`, `gi invalidate` and `gi whoami`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};

use guestissuer_tests::gi::finish;
use guestissuer_tests::{Gi, World, daemon};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A `gi watch` and the lines it prints.
fn watching(world: &World, args: &[&str]) -> (std::process::Child, impl Iterator<Item = String> + use<>) {
    let mut child = world.gi(["watch", "1"]).args(args).spawn();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

#[test]
fn watch_prints_the_token_and_each_new_one_once() {
    let world = World::with("10s", &[]);
    let first = world.gi(["get", "1", "--name", "A"]).ok();
    let (mut child, mut lines) = watching(&world, &[]);
    assert_eq!(lines.next().unwrap(), first);
    let second = lines.next().unwrap();
    assert_ne!(second, first);
    assert_eq!(world.gi(["get", "1"]).ok(), second);
    world.gi(["invalidate", "1"]).ok();
    let third = lines.next().unwrap();
    assert_eq!(world.gi(["get", "1"]).ok(), third);
    world.gi(["remove", "1"]).ok();
    assert_eq!(lines.next(), None);
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn watch_survives_the_daemon_and_tells_nothing_twice() {
    let mut world = World::new();
    let first = world.gi(["get", "1", "--name", "A"]).ok();
    let (child, mut lines) = watching(&world, &["-o", "json"]);
    let object: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!(object["access_token"], first);
    for _ in 0..2 {
        world.kill_and_start();
        world.gi(["invalidate", "1"]).ok();
        let object: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        assert_eq!(object["access_token"], world.gi(["get", "1"]).ok());
    }
    assert_eq!(world.sandbox.mints_of("1"), 3);
    drop(lines);
    // Nobody reads: the end, although there is nothing to print.
    let outcome = finish(child);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(outcome.stderr.contains("the connection to guestissuerd broke"), "{outcome}");
}

#[test]
fn watch_is_in_no_way_of_a_daemon_that_is_stopped_and_started() {
    let mut world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let watch =
        Gi::new(&world.socket(), &world.state_dir()).env_remove("GI_NO_AUTOSTART").args(["watch", "1"]);
    let mut child = watch.spawn();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.next().unwrap();
    world.gi(["stop"]).ok();
    world.daemon.take().unwrap().wait();
    // A daemon started by the watch would hold the lock, and this one would fail.
    world.start(&[]);
    world.gi(["invalidate", "1"]).ok();
    assert_eq!(lines.next().unwrap(), world.gi(["get", "1"]).ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn watch_tells_of_an_outage_once_and_of_its_end_with_a_token() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let (mut child, mut lines) = watching(&world, &[]);
    lines.next().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    world.sandbox.fault(&json!({"status": 401}));
    world.gi(["invalidate", "1"]).ok();
    assert!(stderr.next().unwrap().contains("Webex refuses the credentials"));
    world.sandbox.mend();
    world.gi(["issuer", "test"]).ok();
    assert_eq!(world.gi(["get", "1"]).ok(), lines.next().unwrap());
    world.gi(["remove", "1"]).ok();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn watch_ends_with_what_is_wrong_from_the_start() {
    let world = World::new();
    world.gi(["watch", "1"]).fails(3);
    world.gi(["watch", "1", "--issuer", "nobody"]).fails(3);
    world.gi(["add", "1", "A"]).ok();
    world.gi(["watch", "1", "--min-validity", "9h"]).fails(2);
    world.sandbox.fault(&json!({"hang": true}));
    world.gi(["invalidate", "1"]).ok();
    world.gi(["watch", "1", "--timeout", "1s"]).fails(6);
}

#[test]
fn a_watched_guest_is_in_use() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let (mut child, mut lines) = watching(&world, &[]);
    lines.next().unwrap();
    assert_eq!(world.gi(["status"]).json()["counters"]["gets"], 1);
    assert!(world.gi(["show", "1"]).json()["last_used_at"].is_string());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wait_returns_when_the_daemon_is_there() {
    let mut world = World::without_daemon("6h");
    let late = world.gi(["wait", "--timeout", "300ms"]).fails(6);
    assert!(late.stderr.contains("time is up"), "{late}");
    let waiting = world.gi(["wait", "-o", "json"]).spawn();
    world.start(&[]);
    let outcome = finish(waiting);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(serde_json::from_str::<Value>(&outcome.stdout).unwrap()["ready"], true);
    world.daemon().signal(Signal::STOP);
    world.gi(["wait", "--timeout", "300ms"]).fails(6);
    world.daemon().signal(Signal::CONT);
    world.gi(["wait"]).ok();
}

#[test]
fn wait_returns_when_a_guest_has_a_valid_token() {
    let world = World::new();
    world.gi(["wait", "1"]).fails(3);
    world.sandbox.fault(&json!({"status": 503, "times": 1}));
    world.gi(["get", "1", "--name", "A", "--timeout", "300ms"]).fails(6);
    let ready = world.gi(["wait", "1"]).json();
    assert_eq!((&ready["ready"], &ready["subject"]), (&json!(true), &json!("1")));
    assert!(ready.get("access_token").is_none());
    world.gi(["invalidate", "1"]).ok();
    world.sandbox.fault(&json!({"status": 503}));
    world.gi(["wait", "1", "--timeout", "1s"]).fails(6);
    world.sandbox.mend();
    world.sandbox.fault(&json!({"status": 401}));
    world.gi(["wait", "1"]).fails(5);
}

/// A hundred callers with one bad token cost one mint.
#[test]
fn a_refused_token_is_replaced_once_however_many_say_so() {
    let world = World::new();
    let bad = world.gi(["get", "1", "--name", "A"]).ok();
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let script = "printf %s \"$0\" | gi invalidate 1 --token - -q && exec gi get 1";
            std::process::Command::new("/bin/sh")
                .args(["-c", script, &bad])
                .env("PATH", format!("{}:/bin:/usr/bin", guestissuer_tests::programs::directory().display()))
                .env("GI_SOCKET", world.socket())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let tokens: BTreeSet<_> = callers
        .into_iter()
        .map(|caller| {
            let outcome = finish(caller);
            assert_eq!(outcome.code, 0, "{outcome}");
            outcome.stdout.trim_end().to_owned()
        })
        .collect();
    assert_eq!(tokens.len(), 1);
    assert!(!tokens.contains(&bad));
    assert_eq!(world.sandbox.mints_of("1"), 2);
    // What is not the guest's token changes nothing.
    let said = world.gi(["invalidate", "1", "--token", &bad]).json();
    assert_eq!(said, json!({"subject": "1", "issuer": "acme", "invalidated": false}));
    let said = world.gi(["invalidate", "1", "--token", "-"]).input(tokens.first().unwrap()).json();
    assert_eq!(said["invalidated"], true);
    assert_eq!(world.gi(["show", "1"]).json()["token_state"], "expired");
    world.gi(["invalidate", "1", "--token", "-"]).input("\n").fails(2);
    world.gi(["invalidate", "nobody"]).fails(3);
}

#[test]
fn a_token_that_was_thrown_away_does_not_come_back_when_the_daemon_is_killed() {
    let mut world = World::new();
    let bad = world.gi(["get", "1", "--name", "A"]).ok();
    world.gi(["invalidate", "1"]).ok();
    world.kill_and_start();
    assert_ne!(world.gi(["get", "1"]).ok(), bad);
    // A pinned guest does not wait for its next use.
    world.gi(["pin", "1"]).ok();
    world.gi(["invalidate", "1"]).ok();
    world.sandbox.wait_for("mints", 3);
}

#[test]
fn whoami_asks_webex_and_remembers() {
    let world = World::new();
    world.gi(["add", "1", "Ann"]).ok();
    let person = world.gi(["whoami", "1"]).json();
    assert_eq!((&person["display_name"], &person["type"]), (&json!("Ann"), &json!("appuser")));
    let shown = world.gi(["show", "1"]).json();
    assert_eq!(shown["person_id"], person["person_id"]);
    assert_eq!(shown["email"], person["email"]);
    assert!(world.gi(["whoami", "1"]).ok().contains(person["person_id"].as_str().unwrap()));
    // A token that was ended early is replaced without being told.
    world.sandbox.revoke("1");
    let before = world.gi(["get", "1"]).ok();
    world.gi(["whoami", "1"]).ok();
    assert_ne!(world.gi(["get", "1"]).ok(), before);
    assert_eq!(world.sandbox.mints_of("1"), 2);
    // A refusal that is not about the token costs none.
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 403}));
    let forbidden = world.gi(["whoami", "1"]).fails(5);
    assert!(forbidden.stderr.contains("status code 403"), "{forbidden}");
    assert_eq!(world.sandbox.mints_of("1"), 2);
    world.sandbox.mend();
    // If that does not help, it is said, and no mint follows the other.
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 401}));
    let refused = world.gi(["whoami", "1"]).fails(5);
    assert!(refused.stderr.contains("bad token, could not authenticate"), "{refused}");
    assert_eq!(world.sandbox.mints_of("1"), 3);
    world.sandbox.mend();
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 503}));
    world.gi(["whoami", "1"]).fails(6);
    world.sandbox.mend();
    world.sandbox.fault(&json!({"path": "/v1/people/me", "hang": true}));
    world.gi(["whoami", "1", "--timeout", "1s"]).fails(6);
    world.gi(["whoami", "nobody"]).fails(3);
}

/// Promise 3, never a storm: nothing is sent before the time that Webex named, whoever asks.
#[test]
fn whoami_waits_as_long_as_webex_asked() {
    let world = World::new();
    world.gi(["add", "1", "Ann"]).ok();
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 429, "retry_after": "600", "times": 1}));
    world.gi(["whoami", "1"]).fails(6);
    let requests = world.sandbox.count("requests");
    let told = world.gi(["whoami", "1", "-o", "json"]).fails(6);
    let told: Value = serde_json::from_str(&told.stderr).unwrap();
    assert!(told["error"]["retry_after"].as_u64().unwrap() > 500, "{told}");
    assert_eq!(world.sandbox.count("requests"), requests);
}

#[test]
fn a_guest_with_a_long_subject_has_an_address() {
    let world = World::new();
    let subject = "0123456789abcdef".repeat(4);
    world.gi(["add", &subject, "Ann"]).ok();
    let person = world.gi(["whoami", &subject]).json();
    assert!(person["email"].as_str().unwrap().starts_with(&subject), "{person}");
    assert_eq!(world.gi(["show", &subject]).json()["email"], person["email"]);
}

/// After a token is thrown away at once, the next mint has as much time as any.
#[test]
fn a_token_thrown_away_young_does_not_shorten_the_next_mint() {
    let world = World::new();
    world.gi(["add", "1", "Ann"]).ok();
    world.gi(["invalidate", "1"]).ok();
    world.sandbox.fault(&json!({"delay_ms": 2500, "times": 1}));
    world.gi(["get", "1"]).ok();
    assert_eq!(world.sandbox.mints_of("1"), 2);
}

#[test]
fn watchers_leave_room_for_others() {
    use guestissuer_client::proto::request::GetToken;
    use guestissuer_client::proto::request::GuestRef;
    use guestissuer_client::{Client, Watched};

    let world = World::new();
    world.gi(["add", "1", "Ann"]).ok();
    let limit = guestissuer_tests::PATIENCE;
    let ask = || GetToken {
        guest: GuestRef { subject: "1".parse().unwrap(), issuer: None },
        name: None,
        min_validity_ms: None,
        force: false,
    };
    let mut watches = Vec::new();
    let refused = loop {
        assert!(watches.len() < 512, "nobody was refused");
        let (watch, first) = Client::connect(&world.socket(), limit).unwrap().watch(ask(), limit).unwrap();
        match first.value {
            Watched::Token(_) => watches.push(watch),
            Watched::Failed(failure) => break failure,
            Watched::Same => panic!("no token"),
        }
    };
    assert!(refused.message.contains("too many guests are watched"), "{refused}");
    world.gi(["get", "1"]).ok();
    drop(watches.pop());
    world.gi(["status"]).ok();
    let (_, first) = Client::connect(&world.socket(), limit).unwrap().watch(ask(), limit).unwrap();
    assert!(matches!(first.value, Watched::Token(_)));
}

#[test]
fn watch_and_exec_register_a_guest_with_its_name() {
    let world = World::new();
    assert_eq!(
        world.gi(["exec", "2", "--name", "Bob", "--", "printenv", "WEBEX_ACCESS_TOKEN"]).ok().lines().count(),
        1
    );
    let (mut child, mut lines) = watching(&world, &["--name", "Ann"]);
    lines.next().unwrap();
    assert_eq!(world.gi(["show", "1"]).json()["display_name"], "Ann");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_unknown_name_is_answered_with_the_one_that_was_meant() {
    let world = World::new();
    world.add_issuer("other");
    world.gi(["add", "kiosk-7", "Ann"]).ok();
    world.gi(["add", "bot", "Robot", "--issuer", "other"]).ok();
    let hint = |args: &[&str]| world.gi(args).fails(3).stderr;
    assert!(hint(&["get", "kisok-7"]).contains("did you mean kiosk-7?"));
    assert!(hint(&["show", "KIOSK-7"]).contains("did you mean kiosk-7?"));
    assert!(hint(&["get", "Ann"]).contains("did you mean kiosk-7, whose name this is?"));
    assert!(hint(&["get", "bot"]).contains("did you mean the one of --issuer other?"));
    assert!(!hint(&["get", "something-else"]).contains("did you mean"));
    assert!(hint(&["get", "kiosk-7", "--issuer", "acne"]).contains("did you mean acme?"));
    let two_lines = hint(&["get", "kisok-7"]);
    assert_eq!(two_lines.lines().count(), 2, "{two_lines}");
}

#[test]
fn watchers_do_not_keep_a_daemon_from_ending() {
    let mut world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let (child, mut lines) = watching(&world, &["--no-autostart"]);
    lines.next().unwrap();
    let daemon: daemon::Daemon = world.daemon.take().unwrap();
    let (status, log) = daemon.terminate();
    assert!(status.success() && !log.contains("before everything in flight"), "{log}");
    drop(lines);
    assert_eq!(finish(child).code, 0);
}
