//! When Webex does not answer as it should: nothing hangs, nothing storms, and nothing is called what it is not.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use guestissuer_tests::gi::finish;
use guestissuer_tests::{Sandbox, World};
use serde_json::{Value, json};

use super::{Stage, check};

/// The calls that reach Webex, by somebody who is stored nowhere.
const CALLS: [&str; 2] = ["login {JWT} --api-base {BASE}", "quick 1 Ann -i {ID} --api-base {BASE}"];

/// A fault, what `gi` says of it and with which code, and what the original says of it.
type Answer = (Value, i32, &'static str, &'static str);

fn answers() -> [Answer; 12] {
    let failed = "failed to generate an access token";
    let exiting = "failed to generate an access token & \nexiting...\n";
    [
        (json!({"status": 400}), 5, "invalid Guest token", "Invalid Guest token"),
        (
            json!({"status": 401, "body": ""}),
            5,
            "invalid Guest token: status 401",
            "Invalid Guest token: status 401",
        ),
        (json!({"status": 403}), 5, "invalid Guest token", "Invalid Guest token"),
        (json!({"status": 429, "retry_after": "60"}), 6, "gi: Webex asks to wait", "Webex asks to wait"),
        (json!({"status": 500}), 6, failed, exiting),
        (
            json!({"status": 503, "body": ""}),
            6,
            "gi: failed to generate an access token: Webex is not",
            exiting,
        ),
        (json!({"status": 302, "headers": {"location": "http://127.0.0.1:9/"}}), 6, "redirect", exiting),
        (json!({"omit_token": true}), 6, "failed to generate an access token: bad response", exiting),
        (json!({"body": "<html>"}), 6, "failed to generate an access token: bad response", exiting),
        (json!({"reset": true}), 6, "failed to generate an access token: Webex cannot be reached", exiting),
        (json!({"endless": true}), 6, failed, exiting),
        (
            json!({"hang": true}),
            6,
            "no answer from Webex in the time given",
            "no answer from Webex in the time given",
        ),
    ]
}

#[test]
fn every_answer_becomes_the_right_failure() {
    let mut stage = Stage::new();
    let jwt = stage.call("gi create 123 Ann -i acme -q").ok();
    stage.know("{JWT}", jwt);
    for call in CALLS {
        for (fault, code, gi, original) in answers() {
            // Each with a daemon of its own, so that no earlier failure holds a request back.
            stage.world.kill_and_start();
            stage.world.gi(["issuer", "remove", "acme"]).run();
            stage.world.sandbox.fault(&fault);
            for (program, code, words) in [("gi", code, gi), ("guestissuer", 1, original)] {
                let line = format!("{program} {call} --timeout 800ms");
                let run = stage.call(&line).env("SECRET", stage.fill("{SECRET}"));
                let begun = Instant::now();
                check(&run.run(), &format!("{fault} {line}"), code, "", words);
                assert!(begun.elapsed() < Duration::from_secs(5), "{fault} {line}");
            }
            stage.world.sandbox.mend();
        }
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let stage = Stage::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = format!("http://{}/v1/jwt/login", elsewhere.local_addr().unwrap());
    stage.world.sandbox.fault(&json!({"status": 307, "headers": {"location": address}}));
    for line in ["gi login {GOLDEN} -i acme", "gi quick 1 Ann -i acme", "gi verify -a {GOLDEN} -i acme"] {
        stage.call(line).args(["--timeout", "800ms"]).fails(6);
    }
    assert!(elsewhere.accept().is_err(), "a token was sent to another host");
}

#[test]
fn what_passes_is_waited_out() {
    let mut stage = Stage::new();
    let jwt = stage.call("gi create 123 Ann -i acme -q").ok();
    stage.know("{JWT}", jwt);
    for fault in [json!({"status": 503, "times": 1}), json!({"status": 429, "retry_after": "1", "times": 1})]
    {
        for line in [
            "gi login {JWT} --api-base {BASE} -q",
            "gi quick 1 Ann -i acme -q",
            "guestissuer 1 Ann -i acme -q",
        ] {
            let since = stage.world.sandbox.requests(0).last().map_or(0, |last| last["n"].as_u64().unwrap());
            stage.world.sandbox.fault(&fault);
            assert!(super::is_access_token(&stage.call(line).ok()), "{line}");
            let requests: Vec<_> = stage.world.sandbox.requests(since);
            let at = |from_end: usize| requests[requests.len() - from_end]["at_ms"].as_i64().unwrap();
            let least = if fault["status"] == 429 { 1_000 } else { 200 };
            assert!(at(1) - at(2) >= least, "{fault} {line}: {requests:?}");
        }
    }
}

#[test]
fn nothing_is_sent_before_the_time_that_webex_named() {
    let mut stage = Stage::new();
    let jwt = stage.call("gi create 123 Ann -i acme -q").ok();
    stage.know("{JWT}", jwt);
    stage.world.sandbox.fault(&json!({"status": 429, "retry_after": "60"}));
    // Signed elsewhere, but with the id and the address of a stored issuer. There is no use in waiting.
    let begun = Instant::now();
    let error = stage.error("gi login {JWT} --api-base {BASE}", 6);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(error["code"], "rate_limited");
    assert!((55..=60).contains(&error["retry_after"].as_u64().unwrap()), "{error}");
    stage.world.sandbox.mend();
    let sent = stage.world.sandbox.requests(0).len();
    let refused = |stage: &Stage| {
        for line in
            ["gi login {JWT} -i acme", "gi quick 1 Ann", "gi verify -a x -i acme", "gi get 1 --name Ann"]
        {
            assert_eq!(stage.error(line, 6)["code"], "rate_limited", "{line}");
        }
        let given =
            stage.call("gi quick 1 Ann -i {ID} --api-base {BASE}").env("SECRET", stage.fill("{SECRET}"));
        given.fails(6);
        assert_eq!(stage.world.sandbox.requests(0).len(), sent);
    };
    refused(&stage);
    // Also not after a restart.
    stage.world.kill_and_start();
    refused(&stage);
    // Others are not concerned.
    let other = stage.call("gi quick 1 Ann -i other --api-base {BASE}").env("SECRET", stage.fill("{SECRET}"));
    other.fails(5);
}

#[test]
fn a_stranger_s_bad_jwts_hold_nobody_back() {
    let stage = Stage::new();
    for _ in 0..2 {
        let wrong =
            stage.call("gi quick 1 Ann -i {ID} --api-base {BASE}").env("SECRET", stage.fill("{WRONG}"));
        wrong.fails(5);
        stage.call("gi login {GOLDEN} -i acme").fails(5);
        stage.call("gi login abc -i acme").fails(5);
        stage.call("gi verify -a {GOLDEN} -i acme").fails(5);
    }
    let issuer = &stage.world.gi(["issuer", "list"]).json()[0];
    assert_eq!((&issuer["last_error"], &issuer["paused_until"]), (&Value::Null, &Value::Null));
    stage.call("gi get 1 --name Ann").ok();
}

#[test]
fn a_stored_issuer_whose_own_secret_is_refused_is_held_back_and_one_with_the_right_secret_is_not() {
    let stage = Stage::new();
    let wrong = json!({"issuer": stage.fill("{ID}"), "secret": stage.fill("{WRONG}")}).to_string();
    stage.world.gi(["issuer", "update", "acme", "--credentials", "-"]).input(&wrong).ok();
    for _ in 0..5 {
        stage.call("gi quick 1 Ann").fails(5);
    }
    assert!(stage.world.sandbox.requests(0).len() < 5, "each refused call was sent");
    assert_eq!(stage.world.gi(["issuer", "list"]).json()[0]["last_error"]["code"], "issuer_rejected");
    stage.call("gi quick 1 Ann -i {ID} --api-base {BASE}").env("SECRET", stage.fill("{SECRET}")).ok();
}

#[test]
fn many_calls_at_once_are_spaced() {
    let mut world = World::without_daemon("6h");
    let config = world.path().join("config.toml");
    std::fs::write(&config, "[webex]\nmints_per_second = 2\n").unwrap();
    world.start(&["--config", config.to_str().unwrap()]);
    let stage = Stage::of(world);
    let call =
        || stage.call("gi quick 1 Ann -i {ID} --api-base {BASE} -q").env("SECRET", stage.fill("{SECRET}"));
    let calls: Vec<_> = (0..6).map(|_| call().spawn()).collect();
    for child in calls {
        assert_eq!(finish(child).code, 0);
    }
    let requests = stage.world.sandbox.requests(0);
    let at = |n: usize| requests[n]["at_ms"].as_i64().unwrap();
    assert_eq!(requests.len(), 6);
    assert!(at(5) - at(0) >= 1_800, "six requests in {} ms", at(5) - at(0));
}

#[test]
fn webex_away_and_back() {
    let stage = Stage::new();
    let down = "gi login {GOLDEN} --api-base http://127.0.0.1:1/v1 --timeout 800ms";
    let words = "failed to generate an access token: Webex cannot be reached & check the network";
    check(&stage.call(down).run(), down, 6, "", words);
    let sandbox = Sandbox::start("6h");
    let quick = format!("gi quick 1 Ann -i {{ID}} --api-base {} -q", sandbox.api_base());
    let get = || stage.call(&quick).env("SECRET", stage.fill("{SECRET}")).ok();
    get();
    let sandbox = sandbox.restart("6h");
    // The connection that was kept is dead, and a new one is made.
    get();
    assert_eq!(sandbox.mints_of("1"), 1);
}

#[test]
fn a_call_is_answered_by_its_deadline_and_webex_s_clock_may_be_wrong() {
    let stage = Stage::new();
    stage.world.sandbox.fault(&json!({"hang": true}));
    for line in ["gi login {GOLDEN} -i acme", "gi quick 1 Ann", "gi verify -a x -i acme"] {
        let begun = Instant::now();
        assert_eq!(stage.error(&format!("{line} --timeout 1s"), 6)["code"], "deadline");
        assert!(begun.elapsed() < Duration::from_secs(3), "{line}: {:?}", begun.elapsed());
    }
    stage.world.sandbox.mend();
    stage.world.sandbox.settings(&json!({"clock_skew_ms": 600_000}));
    stage.call("gi quick 1 Ann").ok();
    // A JWT that was signed by the wrong clock is refused, with the reason.
    let jwt = stage.call("gi create 1 Ann -d 60 -q").ok();
    let error = stage.error(&format!("gi login {jwt} -i acme"), 5);
    assert!(error["hint"].as_str().unwrap().contains("s behind Webex's"), "{error}");
}
