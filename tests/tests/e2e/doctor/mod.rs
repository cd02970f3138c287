//! `gi doctor`: each fault is arranged for real, found, and comes with a remedy.

mod far;
mod near;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use guestissuer_tests::gi::Outcome;
use guestissuer_tests::{Gi, World};
use serde_json::Value;

/// What a visit of the doctor found.
struct Visit {
    outcome: Outcome,
    checks: Vec<Value>,
    verdict: String,
}

impl Visit {
    fn of(gi: Gi) -> Self {
        let outcome = gi.args(["doctor", "-o", "json"]).run();
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome}"));
        let verdict = report["verdict"].as_str().unwrap().to_owned();
        let checks = report["checks"].as_array().unwrap().clone();
        for check in &checks {
            let has_remedy = check["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty());
            assert_eq!(has_remedy, check["verdict"] != "ok", "{check}");
            assert!(check["finding"].as_str().is_some_and(|finding| !finding.is_empty()), "{check}");
        }
        Self { outcome, checks, verdict }
    }

    /// The check of this topic and verdict.
    #[track_caller]
    fn check(&self, topic: &str, verdict: &str) -> &Value {
        let is_meant = |check: &&Value| check["topic"] == topic && check["verdict"] == verdict;
        let found = self.checks.iter().find(is_meant);
        found.unwrap_or_else(|| panic!("no {topic} that is {verdict}: {}", self.outcome))
    }

    /// What is found under this topic, which must have this verdict.
    #[track_caller]
    fn finding(&self, topic: &str, verdict: &str) -> &str {
        self.check(topic, verdict)["finding"].as_str().unwrap()
    }

    /// The topics of what is wrong.
    fn wrong(&self) -> Vec<&str> {
        let wrong = self.checks.iter().filter(|check| check["verdict"] == "wrong");
        wrong.map(|check| check["topic"].as_str().unwrap()).collect()
    }

    /// It ended with this exit code, because of this and nothing else.
    #[track_caller]
    fn is_wrong(&self, code: i32, topics: &[&str]) {
        assert_eq!((self.outcome.code, self.wrong()), (code, topics.to_vec()), "{}", self.outcome);
        assert_eq!(self.verdict, "wrong");
        let error: Value = serde_json::from_str(&self.outcome.stderr).unwrap();
        assert!(error["error"]["message"].as_str().unwrap().contains("wrong"), "{error}");
    }

    /// It ended well, though perhaps with warnings.
    #[track_caller]
    fn is_well(&self) {
        assert_eq!((self.outcome.code, self.wrong().len()), (0, 0), "{}", self.outcome);
        assert_ne!(self.verdict, "wrong");
        assert_eq!(self.outcome.stderr, "");
    }
}

fn visit(world: &World) -> Visit {
    Visit::of(world.gi::<_, &str>([]))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A world with a guest whose token was just minted.
fn used() -> World {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    world
}

#[test]
fn a_healthy_world_has_nothing_wrong() {
    let world = used();
    let visit = visit(&world);
    visit.is_well();
    let topics: Vec<_> = visit.checks.iter().map(|check| check["topic"].as_str().unwrap()).collect();
    let expected = [
        "runtime",
        "state",
        "files",
        "disk",
        "configuration",
        "service",
        "socket",
        "daemon",
        "version",
        "protection",
        "database",
        "proxy",
        "network",
        "clock",
        "issuer",
        "refresh",
        "credentials",
    ];
    assert_eq!(topics, expected);
    for topic in expected.iter().filter(|topic| !["disk", "service"].contains(topic)) {
        visit.check(topic, "ok");
    }
    assert!(
        visit.finding("refresh", "ok").starts_with("1 guest; the last good refresh was "),
        "{}",
        visit.outcome
    );
    // The issuer has just proved itself, so nothing was minted to test it.
    assert_eq!(world.sandbox.count("mints"), 1);
}

#[test]
fn the_report_is_text_for_people_and_has_stable_keys_for_programs() {
    let world = used();
    let text = world.gi(["doctor"]).run();
    assert_eq!(text.code, 0, "{text}");
    assert!(text.stderr.starts_with("nothing is wrong"), "{text}");
    let socket = format!("ok       socket         {}, mode 0600", world.socket().display());
    assert!(text.stdout.lines().any(|line| line == socket), "{text}");
    assert_eq!(world.gi(["doctor", "-q"]).run().stderr, "");
    let report = world.gi(["doctor"]).json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&report), ["checks", "verdict"]);
    assert_eq!(keys(&report["checks"][0]), ["topic", "verdict", "finding", "remedy"]);
    let help = world.gi(["doctor", "--help"]).ok();
    assert!(help.contains("Examples:\n") && help.contains("throw-away"), "{help}");
}

#[test]
fn what_is_wrong_is_told_with_a_hint_below_and_colors_only_if_wanted() {
    let world = World::without_daemon("6h");
    let told = world.gi(["doctor"]).env("NO_COLOR", "1").run();
    assert_eq!(told.code, 4, "{told}");
    let mut lines =
        told.stdout.lines().skip_while(|line| !line.starts_with("wrong    daemon         nothing listens"));
    assert!(lines.next().is_some(), "{told}");
    assert!(lines.next().unwrap().starts_with("         hint: start it with: guestissuerd"), "{told}");
    assert!(told.stderr.starts_with("gi: 1 thing is wrong"), "{told}");
    assert!(!told.stdout.contains('\u{1b}'), "{told}");
    let colored = world.gi(["doctor", "--color", "always"]).run();
    assert!(colored.stdout.contains("\u{1b}[31mwrong\u{1b}[0m    daemon "), "{colored}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let world = World::without_daemon("6h");
    for args in [&["doctor"][..], &["doctor", "-o", "json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gi = world.gi(args).command(|command| {
            command.stdout(writer);
        });
        let outcome = gi.run();
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{args:?}");
    }
}
