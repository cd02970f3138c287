//! Faults that the daemon finds: its database and key, the network, Webex, its clock, the issuers.

use std::fs;
use std::time::{Duration, Instant};

use guestissuer_tests::{Daemon, Sandbox, World};
use serde_json::json;

use super::{Visit, used, visit};

#[test]
fn a_wrong_secret_is_found_though_the_old_one_was_accepted_just_now() {
    let world = used();
    let wrong = world.sandbox.credentials.replace("c2FuZGJveC", "d3JvbmctLW");
    assert_ne!(wrong, world.sandbox.credentials);
    world.gi(["issuer", "update", "acme", "--credentials", "-"]).input(&wrong).ok();
    let refused = visit(&world);
    refused.is_wrong(5, &["credentials"]);
    assert!(
        refused.check("credentials", "wrong")["remedy"].as_str().unwrap().contains("gi issuer update acme")
    );
    let right = world.sandbox.credentials.clone();
    world.gi(["issuer", "update", "acme", "--credentials", "-"]).input(&right).ok();
    let mints = world.sandbox.count("mints");
    let accepted = visit(&world);
    accepted.is_well();
    assert_eq!(accepted.finding("credentials", "ok"), "acme: accepted in a test just now");
    assert_eq!(world.sandbox.count("mints"), mints + 1);
    // Now it is known.
    visit(&world).is_well();
    assert_eq!(world.sandbox.count("mints"), mints + 1);
}

#[test]
fn a_world_without_issuers_has_a_next_step() {
    let mut world = World::without_daemon("6h");
    world.start(&[]);
    let visit = visit(&world);
    visit.is_well();
    assert!(visit.check("issuer", "warning")["remedy"].as_str().unwrap().contains("gi issuer add"));
}

#[test]
fn webex_being_out_of_reach_or_unwell_is_found() {
    let mut world = used();
    world.sandbox.fault(&json!({"status": 503}));
    let unwell = visit(&world);
    unwell.is_wrong(6, &["network"]);
    assert!(unwell.finding("network", "wrong").contains("status 503"), "{}", unwell.outcome);
    world.sandbox.mend();
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 302}));
    assert!(visit(&world).finding("network", "wrong").contains("redirect"));
    world.sandbox.mend();
    world.sandbox.fault(&json!({"path": "/v1/people/me", "status": 200, "body": "<html>log in</html>"}));
    visit(&world).check("network", "warning");
    // The sandbox of another port takes its place, and nobody listens on the old one.
    world.sandbox = Sandbox::start("6h");
    let gone = visit(&world);
    gone.is_wrong(6, &["network"]);
    assert!(gone.finding("network", "wrong").contains("refused"), "{}", gone.outcome);
}

#[test]
fn webex_that_does_not_answer_is_found_in_time() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let begun = Instant::now();
    let silent = Visit::of(world.gi(["--timeout", "4s"]));
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    silent.is_wrong(6, &["network"]);
    // The credentials were never proved, and now they cannot be.
    silent.check("credentials", "warning");
    silent.check("database", "ok");
    world.sandbox.mend();
}

#[test]
fn a_clock_that_is_off_is_found() {
    let world = used();
    for (skew, verdict, words) in [
        (300_000, "wrong", "behind Webex's"),
        (-300_000, "wrong", "ahead of Webex's"),
        (15_000, "warning", "behind Webex's"),
        (0, "ok", "agrees"),
    ] {
        world.sandbox.settings(&json!({"clock_skew_ms": skew}));
        let visit = visit(&world);
        assert!(visit.finding("clock", verdict).contains(words), "{skew}: {}", visit.outcome);
        if verdict == "wrong" {
            visit.is_wrong(1, &["clock"]);
        } else {
            visit.is_well();
        }
    }
}

#[test]
fn a_database_that_was_set_aside_or_taken_away_is_found() {
    let mut world = used();
    world.daemon.take().unwrap().terminate();
    let database = world.state_dir().join("guestissuer.db");
    fs::write(&database, "no database at all, but as long as a header of one would have to be ".repeat(4))
        .unwrap();
    // Before the next start, guestissuerd itself complains.
    assert!(visit(&world).wrong().contains(&"startup"));
    world.start(&[]);
    let aside = visit(&world);
    aside.is_well();
    assert!(aside.finding("database", "warning").contains("set aside"), "{}", aside.outcome);
    aside.check("database", "ok");
    fs::remove_file(&database).unwrap();
    let gone = visit(&world);
    assert!(gone.finding("database", "wrong").contains("taken away"), "{}", gone.outcome);
    assert_eq!(gone.outcome.code, 1);
}

#[test]
fn a_missing_key_is_found_with_and_without_a_daemon() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let (key, aside) = (world.state_dir().join("guestissuer.key"), world.path().join("key"));
    fs::rename(&key, &aside).unwrap();
    let down = Visit::of(world.gi::<_, &str>([]).env_remove("GI_NO_AUTOSTART"));
    down.is_wrong(7, &["startup"]);
    world.start(&[]);
    let locked = visit(&world);
    locked.is_wrong(7, &["startup", "protection"]);
    assert!(locked.finding("protection", "wrong").contains("missing"), "{}", locked.outcome);
    assert!(locked.check("protection", "wrong")["remedy"].as_str().unwrap().contains("restore"));
    assert!(locked.finding("credentials", "warning").contains("not tested"), "{}", locked.outcome);
    // The daemon looks for its key at its start only.
    fs::rename(&aside, &key).unwrap();
    visit(&world).is_wrong(7, &["protection"]);
    world.kill_and_start();
    visit(&world).is_well();
}

#[test]
fn an_issuer_that_failed_once_is_tested_though_it_minted_just_before() {
    let world = used();
    world.sandbox.fault(&json!({"status": 401, "times": 1}));
    world.gi(["get", "2", "--name", "B"]).fails(5);
    let recovered = visit(&world);
    recovered.is_well();
    assert!(recovered.finding("issuer", "warning").contains("failed"), "{}", recovered.outcome);
    assert!(
        recovered.finding("refresh", "warning").starts_with("1 of 2 guests fails; "),
        "{}",
        recovered.outcome
    );
    assert!(recovered.finding("credentials", "ok").contains("in a test"), "{}", recovered.outcome);
}

#[test]
fn a_pause_that_webex_asked_for_is_told_and_kept() {
    let world = World::new();
    world.sandbox.fault(&json!({"status": 429, "retry_after": "600"}));
    world.gi(["get", "1", "--name", "A", "--timeout", "1s"]).fails(6);
    world.sandbox.mend();
    let requests = world.sandbox.count("requests");
    let paused = visit(&world);
    paused.is_well();
    assert!(paused.finding("issuer", "warning").contains("asked to wait"), "{}", paused.outcome);
    assert!(paused.finding("credentials", "warning").contains("not tested"), "{}", paused.outcome);
    paused.check("refresh", "warning");
    // Nothing at all is sent while Webex wants to be left alone.
    assert_eq!(world.sandbox.count("requests"), requests);
}

#[test]
fn proxies_are_named_without_their_passwords() {
    let mut world = World::without_daemon("6h");
    world.daemon = Some(Daemon::start_with(world.path(), &[], |command| {
        command.env("HTTPS_PROXY", "http://me:hunter2@proxy.example:3128").env("no_proxy", "localhost");
        command.env("ALL_PROXY", "http://me:hunter2@:x");
    }));
    world.add_issuer("acme");
    let visit = visit(&world);
    visit.is_well();
    let finding = visit.finding("proxy", "warning");
    assert!(finding.contains("HTTPS_PROXY is proxy.example:3128"), "{finding}");
    assert!(
        finding.contains("no_proxy names exceptions") && finding.contains("ALL_PROXY names no server"),
        "{finding}"
    );
    assert!(!visit.outcome.stdout.contains("hunter2") && !world.daemon().log().contains("hunter2"));
}

#[test]
fn a_proxy_that_the_daemon_does_not_know_is_told_of_when_webex_is_out_of_reach() {
    let world = used();
    let visit =
        || Visit::of(world.gi::<_, &str>([]).env("HTTPS_PROXY", "http://me:hunter2@proxy.example:3128"));
    assert!(visit().finding("proxy", "ok").starts_with("none"));
    world.sandbox.fault(&json!({"close": true}));
    let unreached = visit();
    assert!(
        unreached.finding("proxy", "warning").contains("HTTPS_PROXY is set here"),
        "{}",
        unreached.outcome
    );
    assert!(!unreached.outcome.stdout.contains("hunter2"));
}
